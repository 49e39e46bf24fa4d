"""How good are the words and the borders, beside text that was cut by hand?

    python tests/benchmarks/quality.py words GOLD
    python tests/benchmarks/quality.py borders GOLD --learn TEXT --other OUTPUT

GOLD, OUTPUT: a sentence a line, words separated by white space (SIGHAN 2005), or with --tagged as word/tag (People's
Daily). TEXT is read as GOLD is and added to what the words are learned from. Nothing learns where the gold borders are.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import click
import numpy as np

from termmine import corpus, discovery, segmentation

Sentences = list[list[str]]
_HAN = re.compile("[\u4e00-\u9fa5]+")
_NUMBER_OF_ARTICLE = re.compile(r"\d{8}-\d\d-\d{3}-\d{3}")


def untagged(token: str) -> str:
    """The word of a token of the People's Daily corpus.

    >>> untagged("[中央/n"), untagged("电视台/n]nt"), untagged("19980101-01-001-001/m")
    ('中央', '电视台', '')
    """
    word = token.rpartition("/")[0]
    return "" if _NUMBER_OF_ARTICLE.fullmatch(word) else word.lstrip("[") if len(word) > 1 else word


def read_sentences(path: Path, tagged: bool) -> Sentences:
    """The words of each line that has any."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    sentences = [[untagged(token) if tagged else token for token in line.split()] for line in lines]
    return [words for words in (list(filter(None, words)) for words in sentences) if words]


def raw(sentences: Iterable[Sequence[str]]) -> list[str]:
    """The text without its borders."""
    return ["".join(words) for words in sentences]


def word_scores(found: Iterable[str], gold: Counter, floor: int) -> tuple[int, float, float]:
    """Han words found, their precision; and the recall of gold words of 2..4 characters that occur ``floor`` times.

    >>> word_scores(["电力", "力系", "的"], Counter({"电力": 9, "系统": 7, "罕见": 1}), floor=5)
    (2, 0.5, 0.5)
    """
    words = {word for word in found if len(word) > 1 and _HAN.fullmatch(word)}
    wanted = [word for word, n in gold.items() if n >= floor and 2 <= len(word) <= 4 and _HAN.fullmatch(word)]
    precision = sum(word in gold for word in words) / max(len(words), 1)
    return len(words), precision, sum(word in words for word in wanted) / max(len(wanted), 1)


def line_counts(cut: Sentences, gold: Sentences) -> np.ndarray:
    """Right, cut and gold tokens of each line, (lines, 3) int64.

    >>> line_counts([["电力", "系", "统"]], [["电力", "系统"]]).tolist()
    [[1, 3, 2]]
    """
    if len(cut) != len(gold):
        raise click.ClickException(f"GOLD has {len(gold):,} lines, the other text {len(cut):,}; give the same text")
    rows = []
    for number, (ours, theirs) in enumerate(zip(cut, gold, strict=True), start=1):
        if "".join(ours) != "".join(theirs):
            raise click.ClickException(f"line {number} is another text: {''.join(ours)!r}, in GOLD {''.join(theirs)!r}")
        rows.append((len(_spans(ours) & _spans(theirs)), len(ours), len(theirs)))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _spans(words: Sequence[str]) -> set[tuple[int, int]]:
    return set(pairwise(accumulate(map(len, words), initial=0)))


def f1(counts: np.ndarray) -> float:
    """2 · right / (cut + gold), over all lines."""
    right, cut, gold = counts.sum(axis=0)
    return float(2 * right / (cut + gold))


def paired_bootstrap(ours: np.ndarray, theirs: np.ndarray, n: int = 10_000) -> np.ndarray:
    """Differences of F1 over ``n`` samples of the lines with replacement, seed 0."""
    rng = np.random.default_rng(0)
    differences = np.empty(n)
    for i in range(n):
        weights = np.bincount(rng.integers(0, len(ours), len(ours)), minlength=len(ours))[:, None]
        differences[i] = f1(ours * weights) - f1(theirs * weights)
    return differences


@click.group()
def cli() -> None:
    """Score discovery and segmentation against text that was cut by hand."""


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_gold = click.argument("gold", type=_FILE)
_tagged = click.option("--tagged", is_flag=True, help="GOLD is word/tag.")


@cli.command("words")
@_gold
@_tagged
@click.option("--method", default="cohesion", show_default=True)
def words_command(gold: Path, tagged: bool, method: str) -> None:
    """Precision and recall of the words found in GOLD's own text."""
    sentences = read_sentences(gold, tagged)
    text = discovery.encode(map(corpus.fold, raw(sentences)), config := discovery.make_config(method=method))
    counts = Counter(corpus.fold(word) for words in sentences for word in words)
    floor = discovery.floor_for("cohesion", text.count_han())
    n, precision, recall = word_scores(discovery.discover(text, config)["term"], counts, floor)
    click.echo(f"{method}: {n:,} Han words, precision {precision:.4f}, recall {recall:.4f} (gold words {floor} times)")


@cli.command("borders")
@_gold
@_tagged
@click.option("--method", default="em", show_default=True)
@click.option("--learn", multiple=True, type=_FILE, metavar="TEXT")
@click.option("--learn-tagged", is_flag=True, help="TEXT is word/tag.")
@click.option("--other", type=_FILE, help="Another program's borders.")
def borders_command(
    gold: Path, tagged: bool, method: str, learn: Sequence[Path], learn_tagged: bool, other: Path | None
) -> None:
    """F1 of the tokens of GOLD's text; with --other a paired bootstrap over its lines."""
    sentences = read_sentences(gold, tagged)
    lines = raw(sentences) + [line for path in learn for line in raw(read_sentences(path, learn_tagged))]
    words = discovery.discover(map(corpus.fold, lines), discovery.make_config(method=method))
    cut = list(segmentation.Segmenter(words).segment(raw(sentences)))
    counts = line_counts(cut, sentences)
    right, ours, theirs = counts.sum(axis=0)
    click.echo(f"{method}: F1 {f1(counts):.4f}, precision {right / ours:.4f}, recall {right / theirs:.4f}")
    if other is not None:
        rival = line_counts(read_sentences(other, tagged=False), sentences)
        low, high = np.quantile(difference := paired_bootstrap(counts, rival), [0.025, 0.975])
        click.echo(f"other: F1 {f1(rival):.4f}; ours is {f1(counts) - f1(rival):+.4f} [{low:+.4f}, {high:+.4f}],")
        click.echo(f"    not above it in {np.mean(difference <= 0):.4f} of {difference.size:,} samples of the lines")


if __name__ == "__main__":
    cli()

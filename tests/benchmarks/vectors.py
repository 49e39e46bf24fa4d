"""How fast are the embeddings, how much memory do they take, and what are they worth to the classic chain?

    python tests/benchmarks/vectors.py
    python tests/benchmarks/vectors.py --domain TEXT --reference TERMS --seeds WORDS --rules electricity

Every method trains on the same sentences, one after the other, each in a process of its own: Word2Vec with the classic
settings, the others with their defaults. Prints two Markdown tables. Seconds drift: compare the ratios of one run.
Linux only (``/proc``).
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd

from termmine import (
    candidates,
    contrast,
    corpus,
    datasets,
    discovery,
    embedding,
    evaluation,
    expansion,
    lattice,
    ranking,
    segmentation,
)
from termmine import rules as filters

CLASSIC = "word2vec"  # what the others are compared with
MIN_SIM = 0.6  # the classic threshold, cosine
N_SEEDS = 50  # best contrast words that serve as seeds where none are given
MIN_REFERENCE_COUNT = 5  # occurrences in the domain that make a reference term attested
N_PAIRS = 20_000  # random pairs of words that tell how strict a threshold is


# --- the text ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """All that the chain needs, vectors aside."""

    sentences: list[list[str]]
    ranked: pd.DataFrame  # candidates in the order of the contrast
    rules: tuple[filters.Rule, ...]
    seeds: list[str]
    references: dict[str, list[str]]  # list's name -> its attested terms without the seeds


def read_field(
    domain: Sequence[Path], background: Path, references: Sequence[Path], seeds: Path | None, rules: str
) -> Field:
    """Words, candidates and contrast as the classic preset has them, and the terms to be found."""
    here, there = datasets.open_lines(map(str, domain)), datasets.open_lines(str(background))
    words, others = discovery.discover(here), discovery.discover(there)
    ranked = contrast.smoothed_ratio(words.set_index("term")["count"], others.set_index("term")["count"])
    ranked = ranked.merge(candidates.from_words(words, others, here, there), on="term")
    tests = filters.read_rules(datasets.rules_path(rules))
    sentences = list(segmentation.Segmenter(words).segment(here))
    chosen = corpus.read_terms(seeds) if seeds else _best_words(ranked, tests, embedding.EmbeddingConfig(), sentences)
    return Field(
        sentences=sentences,
        ranked=ranked,
        rules=tests,
        seeds=chosen,
        references={path.stem: _attested(path, here, chosen) for path in references},
    )


def _best_words(
    ranked: pd.DataFrame,
    rules: Sequence[filters.Rule],
    config: embedding.EmbeddingConfig,
    sentences: Sequence[Sequence[str]],
) -> list[str]:
    """The first words of the contrast that pass the rules and will have a vector."""
    counts = pd.Series([token for tokens in sentences for token in tokens], dtype=object).value_counts()
    frequent = set(counts.index[counts >= config.min_count])
    passing = (term for term in ranked["term"] if term in frequent and not filters.reject(term, rules))
    return [term for term, _ in zip(passing, range(N_SEEDS), strict=False)]


def _attested(path: Path, domain: corpus.Corpus, seeds: Sequence[str]) -> list[str]:
    listed = evaluation.without_seeds(corpus.read_terms(path), seeds)
    occurrences = lattice.Trie(listed).occurrences(domain)
    return occurrences.index[occurrences["count"] >= MIN_REFERENCE_COUNT].tolist()


# --- training one -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What training took, imports included, and what came of it."""

    cpu: float  # seconds, user and system
    wall: float  # seconds
    memory: float  # MB above what the process held before
    vectors: embedding.Vectors


def run(method: str, sentences: Path, folder: Path) -> Result:
    """Train in a process of its own."""
    out = folder / f"{method}.npz"
    command = [sys.executable, __file__, "--train", method, str(sentences), str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"{method} failed")
    return Result(**json.loads(done.stdout), vectors=embedding.Vectors.load(out))


def train(method: str, sentences: Path, out: Path) -> None:
    """Train on a file of token lists, save the vectors and print what it took, as JSON."""
    documents = list(_read(sentences))
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # lets the peak begin anew
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = embedding.train(documents, embedding.EmbeddingConfig(method=method))
    took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps(took | {"memory": _memory("VmHWM") - before}))
    vectors.save(out)


def _read(path: Path) -> Iterator[list[str]]:
    with open(path, encoding="utf-8") as file:
        yield from map(json.loads, file)


def _memory(name: str) -> float:
    """A line of the process's status, in MB."""
    return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6


# --- what the vectors are worth ---------------------------------------------------------------------------


def random_similarities(vectors: embedding.Vectors) -> np.ndarray:
    """Cosines of random pairs of words; seed 0."""
    units = vectors.units()
    one, other = np.random.default_rng(0).integers(0, len(units), size=(2, N_PAIRS))
    return np.einsum("ij,ij->i", units[one], units[other])


def equal_strictness(vectors: embedding.Vectors, classic: embedding.Vectors) -> float:
    """The threshold that as many random pairs reach as reach ``MIN_SIM`` with the classic vectors."""
    share = (random_similarities(classic) >= MIN_SIM).mean()
    return float(np.quantile(random_similarities(vectors), 1 - share))


def chain(field: Field, vectors: embedding.Vectors, min_sim: float) -> list[str]:
    """The classic chain's final list."""
    reached = expansion.expand_seeds(
        vectors,
        field.seeds,
        expansion.ExpansionConfig(min_sim=min_sim),
        accept=lambda term: not filters.reject(term, field.rules),
    )
    terms = ranking.rank_classic(field.ranked, reached, field.rules)
    return evaluation.without_seeds(terms.loc[terms["rejected_by"] == "", "term"], field.seeds)


def by_nearness(field: Field, vectors: embedding.Vectors) -> list[str]:
    """The candidates that the chain may keep, nearest to the mean of the seeds first: the vectors' own order."""
    units = vectors.units()
    seeds = [vectors.row_of[seed] for seed in vectors.split(field.seeds)[0]]
    near = np.einsum("ij,j->i", units, units[seeds].mean(axis=0))
    terms = [
        term for term in field.ranked["term"] if term in vectors.row_of and len(term) >= 3 and term not in field.seeds
    ]
    terms = [term for term in terms if not filters.reject(term, field.rules)]
    return sorted(terms, key=lambda term: (-near[vectors.row_of[term]], term))


# --- telling it -------------------------------------------------------------------------------------------


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def cost_table(results: dict[str, Result]) -> str:
    """Seconds and memory of each method."""
    head = ("method", "CPU s", "wall s", f"{CLASSIC}'s CPU s ÷ its own", "MB")
    classic = results[CLASSIC]
    rows = [
        (name, f"{one.cpu:.1f}", f"{one.wall:.1f}", f"{classic.cpu / one.cpu:.1f}", f"{one.memory:,.0f}")
        for name, one in results.items()
    ]
    return markdown(head, rows)


def worth_table(field: Field, results: dict[str, Result]) -> str:
    """Average precision of each method's lists against each reference."""
    lists = {}
    for name, one in results.items():
        equal = equal_strictness(one.vectors, results[CLASSIC].vectors)
        for min_sim in dict.fromkeys((MIN_SIM, MIN_SIM if name == CLASSIC else equal)):
            lists[name, f"{min_sim:.3f}"] = chain(field, one.vectors, min_sim)
        lists[name, "order by nearness to the seeds"] = by_nearness(field, one.vectors)
    head = ("method", "min_sim", "terms", *(f"AP, {name} ({len(terms):,})" for name, terms in field.references.items()))
    rows = [
        (*key, f"{len(found):,}", *(f"{evaluation.average_precision(found, r):.4f}" for r in field.references.values()))
        for key, found in lists.items()
    ]
    return markdown(head, rows)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--domain", multiple=True, type=_FILE, help="UTF-8 text, a document a line; may be repeated.")
@click.option("--background", type=_FILE, help="The same, of everyday text.")
@click.option("--reference", "references", multiple=True, type=_FILE, help="A term a line; may be repeated.")
@click.option("--seeds", type=_FILE, help="A word a line; the best contrast words unless given.")
@click.option("--rules", default="general", show_default=True, help="general, electricity or a JSON file.")
@click.option("--methods", default="word2vec,fasttext,ppmi-svd", show_default=True, metavar="NAME,…")
def main(
    domain: Sequence[Path],
    background: Path | None,
    references: Sequence[Path],
    seeds: Path | None,
    rules: str,
    methods: str,
) -> None:
    """Measure the embeddings on the data set law, or on the files given, and print Markdown tables."""
    law = datasets.get("law")
    field = read_field(
        domain or [law.domain], background or law.background, references or [law.reference], seeds, rules
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sentences = folder / "sentences.jsonl"
        sentences.write_text("".join(json.dumps(tokens) + "\n" for tokens in field.sentences), encoding="utf-8")
        results = {}
        for method in dict.fromkeys((CLASSIC, *methods.split(","))):
            click.echo(f"{method} …", err=True)
            results[method] = run(method, sentences, folder)
    n_tokens = sum(map(len, field.sentences))
    click.echo(f"{len(field.sentences):,} documents, {n_tokens:,} tokens, {len(field.seeds)} seeds\n")
    click.echo(f"{cost_table(results)}\n\n{worth_table(field, results)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        train(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()

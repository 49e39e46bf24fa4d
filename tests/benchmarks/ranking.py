"""How good is the ranking, beside the classic chain, without seeds and with?

    python tests/benchmarks/ranking.py
    python tests/benchmarks/ranking.py --domain TEXT --background TEXT --reference TERMS --rules electricity

Average precision over the first 20,000 terms, against the reference terms of two or more Han characters alone that
occur five times or more. Seeds are drawn from the reference and not scored; both chains get the same. The classic one
takes the rules named, the other one the general ones. Prints two Markdown tables a reference.
"""

import re
import time
from collections.abc import Sequence
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
    learning,
    presets,
    ranking,
    segmentation,
)
from termmine import rules as filters

TOPN = 20_000
N_SEEDS = 50  # best contrast words that the classic chain takes for seeds without a list
_HAN = re.compile("[\u4e00-\u9fa5]{2,}")


def attested(path: Path, domain: corpus.Corpus) -> list[str]:
    """The reference terms that are scored."""
    listed = [term for term in corpus.read_terms(path) if _HAN.fullmatch(term)]
    count = lattice.Trie(listed).occurrences(domain)["count"]
    return sorted(count.index[count >= 5])


class Classic:
    """The chain of kexue.fm/archives/6540, as the classic preset has it."""

    def __init__(self, domain: corpus.Corpus, background: corpus.Corpus, rules: str) -> None:
        words, others = discovery.discover(domain), discovery.discover(background)
        ranked = contrast.smoothed_ratio(words.set_index("term")["count"], others.set_index("term")["count"])
        self.ranked = ranked.merge(candidates.from_words(words, others, domain, background), on="term")
        self.rules = filters.read_rules(datasets.rules_path(rules))
        self.vectors = embedding.train(list(segmentation.Segmenter(words).segment(domain)), embedding.EmbeddingConfig())
        passing = filters.apply_rules(self.ranked, self.rules)
        self.is_candidate = set(passing.loc[passing["rejected_by"] == "", "term"])
        passing = passing[(passing["rejected_by"] == "") & passing["term"].isin(self.vectors.row_of)]
        self.best = passing["term"].head(N_SEEDS).tolist()

    def rank(self, seeds: Sequence[str]) -> list[str]:
        """The final list; the best contrast words are the seeds if none of those given has a vector."""
        known, _ = self.vectors.split(seeds)
        # a word that is no candidate cannot be in the list, and single characters fail the rules
        accept = self.is_candidate.__contains__
        reached = expansion.expand_seeds(self.vectors, known or self.best, accept=accept)
        terms = ranking.rank_classic(self.ranked, reached, self.rules)
        return terms.loc[terms["rejected_by"] == "", "term"].tolist()


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates of the best preset, that pass the rules."""

    found: pd.DataFrame  # all candidates, best first
    evidence: pd.DataFrame
    pooled: pd.DataFrame  # those that pass the rules
    vectors: embedding.Vectors

    @classmethod
    def of(cls, domain: corpus.Corpus, background: corpus.Corpus) -> "Pool":
        """Everything up to the vectors."""
        preset = presets.read_preset("best")
        config = discovery.make_config(**preset["discovery"])
        words, others = discovery.discover(domain, config), discovery.discover(background, config)
        text = segmentation.SegmentedText(domain, segmentation.Segmenter(words))
        found = candidates.from_phrases(text, background, words, others)
        sizes = {"domain_size": sum(map(len, domain)), "background_size": sum(map(len, background))}
        evidence = ranking.gather_evidence(found, **sizes)
        found["score"] = ranking.termhood(evidence)
        found = found.sort_values(["score", "term"], ascending=[False, True])
        rules = (
            *filters.read_rules(datasets.rules_path("general")),
            *filters.make_rules(filters.learn_affixes(others)),
        )
        passing = filters.apply_rules(found, rules)
        settings = {k: v for k, v in preset["embedding"].items() if k in embedding.EmbeddingConfig.__dataclass_fields__}
        phrases = found["term"].head(preset["embedding"]["max_phrases"]).tolist()
        vectors = embedding.embed_phrases(text, phrases, embedding.EmbeddingConfig(**settings))
        return cls(found, evidence, passing[passing["rejected_by"] == ""].head(preset["expansion"]["pool"]), vectors)

    def rank(self, seeds: Sequence[str]) -> list[str]:
        """The final list; what no rule lets pass but a seed is in no one's way, since seeds are not scored."""
        known = [seed for seed in seeds if seed in set(self.pooled["term"])]
        features = ranking.standardise(self.evidence.loc[self.pooled.index])
        return learning.learn(self.pooled, features, self.vectors, known).terms["term"].tolist()


def interval(values: Sequence[float]) -> str:
    mean, low, high = evaluation.mean_interval(values)
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def table(classic: Classic, pool: Pool, reference: list[str], sizes: Sequence[int], draws: int) -> list[str]:
    """Rows of Markdown."""
    unseeded = pool.rank(()), classic.rank(())
    rows = ["| seeds | classic | best, without them | best | best / classic |", "|---|---|---|---|---|"]
    best, old = (evaluation.average_precision(terms, reference, topn=TOPN) for terms in unseeded)
    kept = evaluation.without_seeds(unseeded[1], classic.best)
    rest = set(reference) - set(classic.best)
    fair = evaluation.average_precision(kept, rest, topn=TOPN)
    rows.append(f"| none | {old:.4f} (its own 50 seeds left out: {fair:.4f}) | {best:.4f} | – | {best / old:.2f} |")
    for size in sizes:
        curves = [
            evaluation.learning_curve(rank, reference, sizes=[size], draws=draws, topn=TOPN)["average_precision"]
            for rank in (classic.rank, lambda seeds: unseeded[0], pool.rank)
        ]
        if curves[0].size:
            ratio = curves[2].mean() / curves[0].mean()
            rows.append(f"| {size} | {' | '.join(map(interval, curves))} | {ratio:.2f} |")
    return rows


def ablations(pool: Pool, reference: list[str], n_documents: int) -> list[str]:
    """Rows of Markdown: average precision by less and less."""
    scores = ranking.ablations(pool.found, pool.evidence.loc[pool.found.index], n_documents=n_documents)
    terms = pool.found["term"].to_numpy()
    lists = {name: terms[np.lexsort((terms, -score.to_numpy()))].tolist() for name, score in scores.items()}
    lists |= {"termhood, rules": pool.pooled["term"].tolist(), "termhood, rules, self-training": pool.rank(())}
    rows = [(name, evaluation.average_precision(found, reference, topn=TOPN)) for name, found in lists.items()]
    return ["| order | average precision |", "|---|---|", *(f"| {name} | {value:.4f} |" for name, value in rows)]


@click.command()
@click.option("--domain", multiple=True, help="Texts [default: the data set law].")
@click.option("--background", help="Text [default: the news].")
@click.option("--reference", multiple=True, help="Terms [default: the data set's].")
@click.option("--rules", default="general", show_default=True, help="Of the classic chain.")
@click.option("--sizes", default="20,50,100,200", show_default=True, help="Numbers of seeds.")
@click.option("--draws", default=5, show_default=True, help="Draws of each.")
def main(
    domain: tuple[str, ...], background: str | None, reference: tuple[str, ...], rules: str, sizes: str, draws: int
) -> None:
    """Compare the best preset with the classic one."""
    law = None if domain and reference and background else datasets.get("law")
    here = corpus.read_lines(list(domain) or law.domain)
    there = corpus.read_lines(background or law.background)
    begin = time.perf_counter()
    pool = Pool.of(here, there)
    middle = time.perf_counter()
    classic = Classic(here, there, rules)
    click.echo(f"best: {middle - begin:.0f} s up to the vectors; classic: {time.perf_counter() - middle:.0f} s\n")
    for path in map(Path, reference or [law.reference]):
        terms = attested(path, here)
        click.echo(f"{path.name}: {len(terms)} attested terms\n")
        click.echo("\n".join(table(classic, pool, terms, [int(size) for size in sizes.split(",")], draws)) + "\n")
        click.echo("\n".join(ablations(pool, terms, sum(1 for _ in here))) + "\n")


if __name__ == "__main__":
    main()

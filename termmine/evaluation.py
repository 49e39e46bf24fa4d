"""How good is it?

Ranked terms against a reference list. Seeds are never scored: they are taken out of both sides before anything
is counted. An empty reference has no average precision; it raises, it does not score 0.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from termmine.errors import InputError


def without_seeds(terms: Iterable[str], seeds: Iterable[str]) -> list[str]:
    """``terms`` in order, without the seeds and without repeats."""
    seeds = set(seeds)
    return [term for term in dict.fromkeys(terms) if term not in seeds]


def _hits(terms: Sequence[str], reference: Iterable[str]) -> tuple[np.ndarray, int]:
    reference = set(reference)
    if not reference:
        raise InputError("the reference list is empty; nothing can be scored against it")
    if len(set(terms)) < len(terms):
        raise InputError("ranked terms must be distinct; without_seeds drops repeats")
    return np.array([term in reference for term in terms], dtype=bool), len(reference)


def _check_rank(name: str, rank: int) -> int:
    if rank < 1:
        raise InputError(f"{name} must be 1 or more, got {rank!r}")
    return rank


def precision_at_k(terms: Sequence[str], reference: Iterable[str], k: int) -> float:
    """Share of the first ``k`` terms that the reference holds; a list shorter than ``k`` counts as missing.

    >>> precision_at_k(["蜂王", "时间", "巢脾"], {"蜂王", "巢脾"}, 2)
    0.5
    """
    hits, _ = _hits(terms, reference)
    return float(hits[: _check_rank("k", k)].sum() / k)


def recall_at_k(terms: Sequence[str], reference: Iterable[str], k: int) -> float:
    """Share of the reference among the first ``k`` terms.

    >>> recall_at_k(["蜂王", "时间", "巢脾"], {"蜂王", "巢脾"}, 2)
    0.5
    """
    hits, size = _hits(terms, reference)
    return float(hits[: _check_rank("k", k)].sum() / size)


def f1(precision: float, recall: float) -> float:
    """Harmonic mean of precision and recall; 0 where both are 0.

    >>> round(f1(0.5, 0.25), 4)                                       # 2·.5·.25 / .75
    0.3333
    """
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def average_precision(terms: Sequence[str], reference: Iterable[str], *, topn: int = 20_000) -> float:
    """Mean, over the reference, of the precision at each of its terms; a term not found counts 0.

    AP = (1 / |reference|) Σ over hits at rank k <= topn of (hits up to k) / k. It depends on the reference's size
    and taste: two fields' values may not be compared.

    >>> average_precision(["蜂王", "时间", "巢脾"], {"蜂王", "巢脾", "蜂蜡"})   # (1/1 + 2/3) / 3
    0.5555555555555555
    """
    hits, size = _hits(terms[: _check_rank("topn", topn)], reference)
    ranks = np.flatnonzero(hits) + 1
    return float((np.arange(1, ranks.size + 1) / ranks).sum() / size)


def precision_recall_curve(terms: Sequence[str], reference: Iterable[str]) -> pd.DataFrame:
    """Precision, recall and F1 after each rank.

    Returns
    -------
    frame : ``k, precision, recall, f1``; a row a term
    """
    hits, size = _hits(terms, reference)
    k = np.arange(1, hits.size + 1)
    found = hits.cumsum()
    # F1 of P = found/k and R = found/size is 2·found / (k + size), which also holds where found is 0
    return pd.DataFrame({"k": k, "precision": found / k, "recall": found / size, "f1": 2 * found / (k + size)})


def score_at(terms: Sequence[str], reference: Iterable[str], cutoffs: Iterable[int]) -> pd.DataFrame:
    """``k, precision, recall, f1`` at a few ranks.

    >>> score_at(["蜂王", "时间"], {"蜂王"}, [1, 2]).round(3).values.tolist()
    [[1.0, 1.0, 1.0, 1.0], [2.0, 0.5, 1.0, 0.667]]
    """
    rows = []
    for k in cutoffs:
        precision, recall = precision_at_k(terms, reference, k), recall_at_k(terms, reference, k)
        rows.append((k, precision, recall, f1(precision, recall)))
    return pd.DataFrame(rows, columns=["k", "precision", "recall", "f1"])


def trace_reference(reference: pd.DataFrame, terms: pd.DataFrame, *, topn: int) -> pd.DataFrame:
    """Where each reference term was found or lost.

    Parameters
    ----------
    reference : index the reference term, ``count`` its occurrences in the domain
    terms : all candidates: ``term, rank, rejected_by`` ("" = kept)
    topn : a kept term past this rank is *ranked low*

    Returns
    -------
    frame : ``term, count, stage, rank, rejected_by``; stage is *not in the corpus*, *not a candidate*, *ranked low*
        (past ``topn``, or cut off by ``max_terms``), *rejected* or *found*; rank is 0 for what is no candidate
    """
    known = terms.set_index("term")[["rank", "rejected_by"]].reindex(reference.index)
    rank = known["rank"].fillna(0).astype("int64").to_numpy()
    rejected_by = known["rejected_by"].fillna("").to_numpy()
    cut_off = known["rejected_by"].fillna("").str.startswith("max_terms").to_numpy()
    cases = [reference["count"].to_numpy() == 0, rank == 0, cut_off, rejected_by != "", rank > topn]
    names = ["not in the corpus", "not a candidate", "ranked low", "rejected", "ranked low"]
    return pd.DataFrame(
        {
            "term": reference.index.astype(object),
            "count": reference["count"].to_numpy(),
            "stage": np.select(cases, names, default="found"),
            "rank": rank,
            "rejected_by": rejected_by,
        }
    )

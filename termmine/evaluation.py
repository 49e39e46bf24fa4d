"""How good is it?

Ranked terms against a reference list. Seeds are never scored: they are taken out of both sides before anything
is counted. An empty reference has no average precision; it raises, it does not score 0.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, product, starmap
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from termmine import lattice, ngrams
from termmine.errors import InputError
from termmine.variants import spelling_key

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from scipy.sparse import csr_array

STAGES = ("not in the corpus", "not a candidate", "rejected", "ranked low", "found")
"""Where a reference term ends, in the order of the chain."""

_CELLS = 1 << 21  # of an array of samples: 16 MB
_REACHED = ("in the corpus", "candidate", "ranked", "kept")  # the step behind each stage but the last
_LENGTHS = ((1, 2, 3, 4, 5, 6), ("1", "2", "3", "4", "5", "6+"))  # the least value of each band, and its name
_FREQUENCIES = ((0, 1, 5, 10, 20, 50, 100), ("0", "1-4", "5-9", "10-19", "20-49", "50-99", "100+"))


def without_seeds(terms: Iterable[str], seeds: Iterable[str]) -> list[str]:
    """``terms`` in order, without the seeds and without repeats."""
    seeds = set(seeds)
    return [term for term in dict.fromkeys(terms) if term not in seeds]


def _hits(terms: Sequence[str], reference: Iterable[str]) -> tuple[np.ndarray, int]:
    reference = set(_checked_reference(reference))
    if isinstance(terms, str):
        raise TypeError("ranked terms must be a list of strings, got one str")
    if len(set(terms)) < len(terms):
        raise InputError("ranked terms must be distinct; without_seeds drops repeats")
    return np.array([term in reference for term in terms], dtype=bool), len(reference)


def _checked_reference(reference: Iterable[str]) -> list[str]:
    """Sorted, so that what is drawn at random for each term does not depend on the order of a set."""
    if isinstance(reference, str):
        raise TypeError("the reference must be a list of strings, got one str")
    reference = sorted(set(reference))
    if not reference:
        raise InputError("the reference list is empty; nothing can be scored against it")
    return reference


def check_rank(name: str, rank: int) -> int:
    """A number of ranks, occurrences or samples, as it came.

    Raises
    ------
    InputError : it is below 1, or no whole number
    """
    if not isinstance(rank, Integral) or rank < 1:
        raise InputError(f"{name} must be 1 or more, a whole number, got {rank!r}")
    return rank


def check_level(level: float) -> float:
    """The level of an interval, as it came.

    Raises
    ------
    InputError : it does not lie between 0 and 1
    """
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, e.g. .95, got {level!r}")
    return level


def check_columns(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a frame that lacks a column.

    Raises
    ------
    InputError : with the columns that are missing
    """
    if missing := [column for column in columns if column not in frame]:
        raise InputError(f"{name} must have the columns {', '.join(columns)}; missing: {', '.join(missing)}")


def precision_at_k(terms: Sequence[str], reference: Iterable[str], k: int) -> float:
    """Share of the first ``k`` terms that the reference holds; a list shorter than ``k`` counts as missing.

    >>> precision_at_k(["蜂王", "时间", "巢脾"], {"蜂王", "巢脾"}, 2)
    0.5
    """
    hits, _ = _hits(terms, reference)
    return float(hits[: check_rank("k", k)].sum() / k)


def recall_at_k(terms: Sequence[str], reference: Iterable[str], k: int) -> float:
    """Share of the reference among the first ``k`` terms.

    >>> recall_at_k(["蜂王", "时间", "巢脾"], {"蜂王", "巢脾"}, 2)
    0.5
    """
    hits, size = _hits(terms, reference)
    return float(hits[: check_rank("k", k)].sum() / size)


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
    hits, size = _hits(terms[: check_rank("topn", topn)], reference)
    ranks = np.flatnonzero(hits) + 1
    return float((np.arange(1, ranks.size + 1) / ranks).sum() / size)


def r_precision(terms: Sequence[str], reference: Iterable[str]) -> float:
    """Precision at R, the size of the reference, where it equals recall.

    Source: Manning, Raghavan & Schütze (2008), section 8.4.

    >>> r_precision(["蜂王", "时间", "巢脾"], {"蜂王", "巢脾"})                 # one of the first two
    0.5
    """
    hits, size = _hits(terms, reference)
    return float(hits[:size].sum() / size)


def bpref(terms: Sequence[str], reference: Iterable[str], nonterms: Iterable[str]) -> float:
    """How seldom a judged non-term stands before a term; what nobody judged does not count.

    bpref = (1 / R) Σ over the terms found of (1 − min(n, M) / M),  M = min(R, N): n judged non-terms stand before
    that term, R is the size of the reference, N that of ``nonterms``. A term not found counts 0. It stays steady where
    average precision falls because the reference lacks terms. Source: Buckley & Voorhees (2004), divided by M
    instead of R as trec_eval does since, so that few non-terms can also bring it to 0.

    Parameters
    ----------
    terms : ranked, best first, distinct
    reference : terms
    nonterms : what was judged to be no term, e.g. the no of ``judging.read_verdicts``

    Raises
    ------
    InputError : nothing was judged a term, or nothing a non-term, or something both

    >>> bpref(["蜂王", "时间", "某种", "巢脾"], {"蜂王", "巢脾"}, {"时间"})      # (1 + (1 - 1/1)) / 2
    0.5
    """
    hits, size = _hits(terms, reference)
    nonterms = set(nonterms)
    if not nonterms:
        raise InputError("bpref needs judged non-terms, none were given; judge some, or take average_precision")
    if both := sorted(nonterms.intersection(reference)):
        raise InputError(f"{both[0]} is judged both a term and no term; settle on one ({len(both)} such)")
    before = np.array([term in nonterms for term in terms], dtype=bool).cumsum()[hits]
    bound = min(size, len(nonterms))
    return float((1 - np.minimum(before, bound) / bound).sum() / size)


def precision_recall_curve(terms: Sequence[str], reference: Iterable[str], *, level: float = 0.95) -> pd.DataFrame:
    """Precision, recall and F1 after each rank, and how far the precision may be off.

    Parameters
    ----------
    terms : ranked, best first, distinct
    reference : terms
    level : of the interval

    Returns
    -------
    frame : ``k, precision, recall, f1, low, high``; a row a term. low and high are ``wilson`` of the terms found among
        the first k: what k terms tell of the share in more terms of this kind. Neighbouring rows share their terms,
        so that the band is right at each rank and not for all of them at once

    >>> precision_recall_curve(["蜂王", "时间"], {"蜂王"}).round(2).values.tolist()
    [[1.0, 1.0, 1.0, 1.0, 0.21, 1.0], [2.0, 0.5, 1.0, 0.67, 0.09, 0.91]]
    """
    hits, size = _hits(terms, reference)
    k = np.arange(1, hits.size + 1)
    found = hits.cumsum()
    low, high = wilson(found, k, level)
    # F1 of P = found/k and R = found/size is 2·found / (k + size), which also holds where found is 0
    columns = {"k": k, "precision": found / k, "recall": found / size, "f1": 2 * found / (k + size)}
    return pd.DataFrame(columns | {"low": low, "high": high})


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


# --- lenient matches ---------------------------------------------------------------------------------------


def match_terms(terms: Sequence[str], reference: Iterable[str]) -> pd.DataFrame:
    """How each term agrees with the reference, the closest way first.

    *exact*: the reference holds it. *spelling*: it holds it in another spelling (``variants.spelling_key``: case,
    hyphens, blanks, full width). *contains*: a reference term of 2 characters or more is part of it. *within*: it has 2
    characters or more and is part of a reference term. Parts are sought in any spelling, and tear no run of
    letters or of digits: AT is not within STATE.

    Parameters
    ----------
    terms : distinct
    reference : terms

    Returns
    -------
    frame : ``term, match``; match is *exact*, *spelling*, *contains*, *within* or "", rows in the order of ``terms``

    >>> reference = ["ZPW-2000A", "蜂王", "工蜂房"]
    >>> match_terms(["蜂王", "zpw2000a", "蜂王浆", "工蜂", "时间"], reference)["match"].tolist()
    ['exact', 'spelling', 'contains', 'within', '']
    """
    reference = _checked_reference(reference)
    exact, _ = _hits(terms, reference)
    keys = [spelling_key(term) for term in terms]
    listed = list(dict.fromkeys(map(spelling_key, reference)))
    known = set(listed)
    spelling = np.array([key in known for key in keys], dtype=bool)
    contains, within = np.zeros((2, len(keys)), bool)
    contains[_parts(keys, listed)[0]] = True
    within[_parts(listed, keys)[1]] = True
    match = np.select([exact, spelling, contains, within], ["exact", "spelling", "contains", "within"], default="")
    return pd.DataFrame({"term": list(terms), "match": match.astype(object)}, dtype=object)


def _parts(wholes: list[str], parts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(row of the whole, row of the part) wherever a part of 2 characters or more stands in a whole."""
    row_of: dict[str, list[int]] = {}
    for row, part in enumerate(parts):
        if len(part) >= 2:
            row_of.setdefault(part, []).append(row)  # several spellings have one key
    distinct = list(row_of)
    pairs = [
        (whole, row)
        for whole, k in np.transpose(lattice.Trie(distinct).count_by_document(wholes).nonzero()).tolist()
        if _stands_in(distinct[k], wholes[whole])
        for row in row_of[distinct[k]]
    ]
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


_EDGES = (re.compile("[a-z]"), "[a-z]"), (re.compile("[0-9]"), "[0-9]")


def _stands_in(part: str, whole: str) -> bool:
    """Whether ``part``, which ``whole`` holds, does so somewhere without tearing letters or digits.

    >>> _stands_in("at", "state"), _stands_in("10kv", "110kv"), _stands_in("zpw2000", "zpw2000a")
    (False, False, True)
    """
    before = next((f"(?<!{kind})" for edge, kind in _EDGES if edge.match(part[0])), "")
    behind = next((f"(?!{kind})" for edge, kind in _EDGES if edge.match(part[-1])), "")
    return not before + behind or re.search(before + re.escape(part) + behind, whole) is not None


def score_lenient(terms: Sequence[str], reference: Iterable[str], cutoffs: Iterable[int]) -> pd.DataFrame:
    """Strict and lenient precision side by side; the strict one is ``precision_at_k`` and stays untouched.

    A lenient match is no term found: parts of one reference term may match it many times, so that there is neither
    lenient recall nor lenient average precision.

    Returns
    -------
    frame : ``k, precision`` (exact matches), ``precision_spelling`` (exact or in another spelling),
        ``precision_lenient`` (any match of ``match_terms``); a row a cutoff

    >>> score_lenient(["蜂王", "蜂王浆", "时间"], ["蜂王"], [1, 2]).values.tolist()
    [[1.0, 1.0, 1.0, 1.0], [2.0, 0.5, 0.5, 1.0]]
    """
    match = match_terms(terms, reference)["match"]
    degrees = {
        "precision": match == "exact",
        "precision_spelling": match.isin(["exact", "spelling"]),
        "precision_lenient": match != "",
    }
    cutoffs = [check_rank("k", k) for k in cutoffs]
    scores = {name: [float(hits[:k].sum() / k) for k in cutoffs] for name, hits in degrees.items()}
    return pd.DataFrame({"k": cutoffs} | scores)


# --- how certain is it? --------------------------------------------------------------------------------------


def wilson(successes: "ArrayLike", n: "ArrayLike", level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of a share, or of many.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n),  p = successes / n, z the normal quantile (1.96 at .95). It
    stays within 0..1 and has a width where p is 0 or 1. Source: Wilson (1927).

    Parameters
    ----------
    successes, n : how many of how many, n at least 1; numbers, or arrays that fit each other
    level : of the interval

    Returns
    -------
    low, high : numbers, or arrays if one was given

    Raises
    ------
    InputError : an n is below 1 (a share of nothing is undefined), successes not in 0..n, or level not in 0..1

    >>> low, high = wilson(2, 4)                            # (2 + 1.92 ± 1.96 √(1 + .96)) / (4 + 3.84)
    >>> round(float(low), 3), round(float(high), 3)
    (0.15, 0.85)
    """
    from scipy.special import ndtri  # quantiles without the whole of scipy.stats

    check_level(level)
    successes, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(n, dtype=float))
    wrong = ~((n >= 1) & (successes >= 0) & (successes <= n))
    if wrong.any():
        k, of = successes[wrong][0], n[wrong][0]
        raise InputError(f"a share needs n of 1 or more and successes in 0..n, got {k:g} of {of:g}")
    z = ndtri((1 + level) / 2)
    half = z * np.sqrt(successes * (1 - successes / n) + z**2 / 4)
    low, high = ((successes + z**2 / 2 + side * half) / (n + z**2) for side in (-1, 1))
    return np.where(successes == 0, 0.0, low)[()], np.where(successes == n, 1.0, high)[()]  # without their rounding


def bootstrap_documents(
    rankings: Mapping[str, Sequence[str]],
    reference: Iterable[str],
    lines: Iterable[str],
    *,
    min_count: int,
    topn: int,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """How much the scores of ranked lists would vary with the documents: percentile bootstrap.

    A sample draws as many documents as there are, with replacement. Of the attested reference terms, which occur
    ``min_count`` times in all documents, those are scored that occur in it; the lists keep their order, but what does
    not occur in it leaves them. The chain is not run again: words, candidates, scores and ranks stay those of all
    documents. So the interval tells what other documents would do to the scoring, not what they would do to discovery
    and ranking, and is far narrower than the whole truth: of precision at 100 it has no width where the head of the
    list occurs in every sample, as it mostly does. Nor does it say how good the reference is. All lists meet the same
    samples; for a difference between two lists see ``compare``. Sources: Efron (1979); over documents, Cormack & Lynam
    (2006).

    Parameters
    ----------
    rankings : name → ranked terms, best first, distinct
    reference : terms, seeds taken out
    lines : the documents, read once
    min_count : occurrences that make a reference term attested
    topn : ranks that average precision looks at
    samples : drawn
    level : of the interval

    Returns
    -------
    frame : ``list, metric, value, low, high, samples``; metric is *average_precision* or *precision_at_100*, value that
        of all documents, samples how many hold an attested term, since without one nothing is defined (low and high
        are NaN if none does)

    Raises
    ------
    InputError : no list, no document, or no reference term attested

    >>> lines = ["蜂王产卵", "蜂王", "时间"]
    >>> table = bootstrap_documents({"a": ["时间", "蜂王"]}, ["蜂王"], lines, min_count=1, topn=10)
    >>> table.iloc[[0], :5].values.tolist()                           # 1 where no 时间 is drawn, else 1/2
    [['a', 'average_precision', 0.5, 0.5, 1.0]]
    """
    check_level(level)
    for name, value in {"min_count": min_count, "topn": topn, "samples": samples}.items():
        check_rank(name, value)
    reference = _checked_reference(reference)
    occurrences, rows = _occurrences(rankings, reference, lines)

    def score(counts: np.ndarray) -> np.ndarray:
        return np.stack([_score_samples(counts, row, is_attested, topn) for row in rows])

    counts = np.asarray(occurrences.sum(axis=0)).reshape(-1, 1)
    is_attested = counts[: len(reference), 0] >= min_count
    value = score(counts)
    if np.isnan(value).any():
        raise InputError(f"no reference term occurs {min_count} times in the documents; lower min_count")
    drawn = np.concatenate([score(counts) for counts in _sampled_counts(occurrences, samples, seed)], axis=-1)
    return _interval_frame(list(rankings), value[..., 0], drawn, level)


_METRICS = ("average_precision", "precision_at_100")


def _interval_frame(names: list[str], value: np.ndarray, drawn: np.ndarray, level: float) -> pd.DataFrame:
    """Percentiles of (lists, metrics, samples)."""
    defined = ~np.isnan(drawn[0, 0])  # whether a reference term is attested is the same for all lists
    low, high = np.full((2, *value.shape), np.nan)
    if defined.any():
        low, high = _percentiles(drawn[..., defined], level)
    index = pd.MultiIndex.from_product([names, _METRICS], names=["list", "metric"])
    columns = {"value": value.ravel(), "low": low.ravel(), "high": high.ravel(), "samples": int(defined.sum())}
    return pd.DataFrame(columns, index=index).reset_index()


def _percentiles(drawn: np.ndarray, level: float) -> np.ndarray:
    return np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=-1)


def _occurrences(
    rankings: Mapping[str, Sequence[str]], reference: list[str], lines: Iterable[str]
) -> tuple["csr_array", list[np.ndarray]]:
    """Occurrences (documents, terms), the reference in the first columns, and the columns of each list."""
    if not rankings:
        raise InputError("at least one ranked list is needed, none was given")
    if isinstance(lines, str):
        raise TypeError("lines must be an iterable of documents, got one str; put it in a list: [text]")
    for terms in rankings.values():
        _hits(terms, reference)
    vocabulary = list(dict.fromkeys(chain(reference, *rankings.values())))
    column = {term: i for i, term in enumerate(vocabulary)}
    occurrences = lattice.Trie(vocabulary).count_by_document(lines)
    if not occurrences.shape[0]:
        raise InputError("the corpus holds no document; there is nothing to draw from")
    return occurrences, [np.array([column[term] for term in terms], np.int64) for terms in rankings.values()]


def _sampled_counts(occurrences: "csr_array", samples: int, seed: int) -> Iterator[np.ndarray]:
    """Occurrences of each term in samples of documents, (terms, samples), some samples at a time."""
    n, width = occurrences.shape
    rng = np.random.default_rng(seed)
    by_term = occurrences.T.tocsr()
    batch = max(1, _CELLS // max(n, width))
    for begin in range(0, samples, batch):
        size = min(batch, samples - begin)
        yield by_term @ np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(size)], axis=1)


def _score_samples(counts: np.ndarray, row: np.ndarray, is_attested: np.ndarray, topn: int) -> np.ndarray:
    """Average precision (NaN where none is attested) and precision at 100 of a list in each sample, (2, samples).

    ``counts`` are (terms, samples), the reference terms in the first rows, as many as ``is_attested`` has, and ``row``
    the list's terms.
    """
    n_listed = is_attested.size
    attested = is_attested[:, None] & (counts[:n_listed] > 0)
    total = np.where(attested.any(axis=0), attested.sum(axis=0), np.nan)
    listed = np.flatnonzero(row < n_listed)
    rank = np.cumsum(counts[row] > 0, axis=0, dtype=np.int32)[listed]  # what does not occur takes no rank
    hits = attested[row[listed]]
    precision = hits.cumsum(axis=0) / np.maximum(rank, 1)
    average = np.where(hits & (rank <= topn), precision, 0).sum(axis=0) / total
    return np.stack([average, (hits & (rank <= 100)).sum(axis=0) / 100])


def compare(
    first: Sequence[str],
    second: Sequence[str],
    reference: Iterable[str],
    *,
    topn: int = 20_000,
    samples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Is one ranked list better than another, or did chance favour it? Paired randomisation test.

    Average precision is the mean, over the reference, of the precision at each term's rank (0 where it is not found):
    its units are the reference terms. Those of precision at k are the ranks 1..k, each 1 or 0. If the lists were
    equally good, both values of a unit might as well be swapped. Swapping each with probability ½,

    p = (1 + samples in which |difference| is at least the one observed) / (1 + samples).

    The interval of the difference resamples the units with replacement (percentiles). Neither knows that units depend
    on one another (one more hit at the head raises the precision of all terms below it, and the lists share their
    terms), nor that another reference or corpus might decide otherwise.
    Sources: Smucker, Allan & Carterette (2007); the added 1, Phipson & Smyth (2010).

    Parameters
    ----------
    first, second : ranked terms, best first, distinct
    reference : terms, seeds taken out
    topn : ranks that average precision looks at
    samples : drawn, for p and for the interval
    level : of the interval

    Returns
    -------
    frame : ``metric, first, second, difference, low, high, p_value``; metric is *average_precision*,
        *precision_at_100*, *precision_at_500*; difference is first − second, p two-sided. Lists that agree in all units
        have p = 1, as has a reference of one term; for one unit low and high are the difference

    >>> table = compare(["蜂王", "巢脾", "时间"], ["时间", "蜂王", "巢脾"], ["蜂王", "巢脾"])
    >>> table.iloc[0, 1:4].astype(float).round(3).tolist()            # (1 + 1) / 2 and (1/2 + 2/3) / 2
    [1.0, 0.583, 0.417]
    """
    check_level(level)
    check_rank("topn", topn)
    check_rank("samples", samples)
    reference = _checked_reference(reference)
    units = {"average_precision": [_precision_by_term(terms, reference, topn) for terms in (first, second)]}
    for k in (100, 500):
        units[f"precision_at_{k}"] = [_hits_to(terms, reference, k) for terms in (first, second)]
    rows = [(metric, a.mean(), b.mean(), *_paired(a - b, samples, seed, level)) for metric, (a, b) in units.items()]
    return pd.DataFrame(rows, columns=["metric", "first", "second", "difference", "low", "high", "p_value"])


def _precision_by_term(terms: Sequence[str], reference: list[str], topn: int) -> np.ndarray:
    """Precision at the rank of each reference term, 0 where it is not found."""
    hits = np.flatnonzero(_hits(terms, reference)[0][:topn])
    precision = dict(zip((terms[i] for i in hits), np.arange(1, hits.size + 1) / (hits + 1), strict=True))
    return np.array([precision.get(term, 0.0) for term in reference])


def _hits_to(terms: Sequence[str], reference: list[str], k: int) -> np.ndarray:
    """1 where the reference holds the term of a rank, ranks 1..k; 0 past a list's end."""
    hits = _hits(terms, reference)[0][:k]
    return np.pad(hits, (0, k - hits.size)).astype(float)


def _paired(differences: np.ndarray, samples: int, seed: int, level: float) -> tuple[float, float, float, float]:
    """Mean difference of the units, its bootstrap interval, and the two-sided p of the randomisation test."""
    signs, units = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    moved = differences[differences != 0]  # swapping equal values changes nothing
    least = abs(moved.sum()) - 1e-9 * abs(moved).sum()  # sums in another order differ by rounding
    extreme, means = 0, []
    for size in _batches(samples, differences.size):
        drawn = 2 * signs.integers(2, size=(size, moved.size)) - 1
        extreme += int((abs(drawn @ moved) >= least).sum())
        means.append(differences[units.integers(differences.size, size=(size, differences.size))].mean(axis=1))
    low, high = _percentiles(np.concatenate(means), level)
    return float(differences.mean()), float(low), float(high), (1 + extreme) / (1 + samples)


def _batches(samples: int, width: int) -> list[int]:
    """Sizes that add up to ``samples``, so that none has more than some million cells."""
    batch = max(1, _CELLS // width)
    return [min(batch, samples - begin) for begin in range(0, samples, batch)]


# --- where was it lost? --------------------------------------------------------------------------------------


def trace_reference(reference: pd.DataFrame, terms: pd.DataFrame, *, topn: int) -> pd.DataFrame:
    """Where each reference term was found or lost.

    Parameters
    ----------
    reference : index the reference term, ``count`` its occurrences in the domain
    terms : all candidates: ``term, rank, rejected_by`` ("" = kept)
    topn : a kept term past this rank is *ranked low*

    Returns
    -------
    frame : ``term, count, stage, rank, rejected_by``; stage, one of ``STAGES``, is *not in the corpus*, *not a
        candidate*, *rejected*, *ranked low* (past ``topn``, or cut off by ``max_terms`` or the pool) or *found*; rank
        is 0 for what is no candidate

    Raises
    ------
    InputError : a column is missing, or a candidate stands there twice
    """
    check_rank("topn", topn)
    check_columns("the reference", reference, ["count"])
    check_columns("the terms", terms, ["term", "rank", "rejected_by"])
    if not terms["term"].is_unique:
        raise InputError(f"candidates must be distinct, {terms.loc[terms['term'].duplicated(), 'term'].iloc[0]} is not")
    known = terms.set_index("term")[["rank", "rejected_by"]].reindex(reference.index)
    rank = known["rank"].fillna(0).astype("int64").to_numpy()
    rejected_by = known["rejected_by"].fillna("").to_numpy()
    cut_off = known["rejected_by"].fillna("").str.match("max_terms|ranked_low").to_numpy()
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


def break_down(losses: pd.DataFrame, by: str) -> pd.DataFrame:
    """Recall by band of the reference, or how far through the chain its terms came.

    Parameters
    ----------
    losses : as ``trace_reference`` returns it, of one reference term or more
    by : ``length`` (characters), ``frequency`` (occurrences in the domain), or ``stage``

    Returns
    -------
    frame : ``band, reference_terms, found, recall``. Bands that hold no term stay, their recall is NaN. By stage, the
        bands are steps that terms came to, so that recall falls from each to the next: *in the corpus*; *candidate*,
        discovery cut it out; *ranked*, no rule rejected it; *kept*, it was found within ``topn`` and ``max_terms``

    Raises
    ------
    InputError : another ``by``, a column is missing, or no term

    >>> losses = pd.DataFrame({"term": ["蜂王", "巢脾"], "count": [9, 12], "stage": ["found", "rejected"]})
    >>> break_down(losses, "length").iloc[[1]].values.tolist()
    [['2', 2, 1, 0.5]]
    """
    check_columns("losses", losses, ["term", "count", "stage"])
    if losses.empty:
        raise InputError("the reference list is empty; there is nothing to break down")
    if unknown := sorted(set(losses["stage"]) - set(STAGES)):
        raise InputError(f"a stage must be one of {', '.join(STAGES)}, got {unknown[0]}")
    if by == "stage":
        return _by_stage(losses["stage"])
    if by not in ("length", "frequency"):
        raise InputError(f"by must be length, frequency or stage, got {by!r}")
    values, bands = (losses["term"].str.len(), _LENGTHS) if by == "length" else (losses["count"], _FREQUENCIES)
    return _by_band(values, losses["stage"] == "found", *bands)


def _by_stage(stage: pd.Series) -> pd.DataFrame:
    left = stage.map(STAGES.index).to_numpy()
    found = np.array([(left > i).sum() for i in range(len(_REACHED))])  # what left the chain later
    columns = {"band": _REACHED, "reference_terms": len(stage), "found": found, "recall": found / len(stage)}
    return pd.DataFrame(columns)


def _by_band(values: pd.Series, found: pd.Series, least: tuple[int, ...], names: tuple[str, ...]) -> pd.DataFrame:
    band = pd.cut(values, [*least, np.inf], right=False, labels=names)
    table = found.groupby(band, observed=False).agg(reference_terms="size", found="sum")
    table["recall"] = table["found"] / table["reference_terms"]  # 0 / 0 is NaN
    return table.rename_axis("band").reset_index().astype({"band": object})


def learning_curve(
    rank: Callable[[list[str]], Sequence[str]],
    reference: Iterable[str],
    *,
    sizes: Iterable[int] = (20, 50, 100, 200),
    draws: int = 5,
    topn: int = 20_000,
    seed: int = 0,
    threads: int | None = 1,
) -> pd.DataFrame:
    """Average precision on the rest of the reference when some of its terms are given as seeds.

    Parameters
    ----------
    rank : seeds → terms, best first; the seeds among them are not scored
    reference : what seeds are drawn from
    sizes : seeds given; a size of more than half the reference is left out, for too little would be left to find
    draws : draws of each size, without replacement within a draw
    topn : ranks looked at
    seed : of the draws; the same seed and reference give each method the same seeds
    threads : lists that are made side by side, with one BLAS thread each, if ``rank`` allows that; ``None``: as many as
        ``ngrams.default_threads`` says

    Returns
    -------
    frame : ``seeds, draw, average_precision``; more draws leave the first ones as they were

    Raises
    ------
    InputError : draws, threads or a size below 1, or the reference is empty

    >>> learning_curve(lambda seeds: [*seeds, "时间", "蜂王", "工蜂"], ["蜂王", "工蜂"], sizes=[1], draws=1)  # 1/2
       seeds  draw  average_precision
    0      1     0                0.5
    """
    from threadpoolctl import threadpool_limits

    threads = ngrams.default_threads() if threads is None else threads
    for name, number in (("draws", draws), ("threads", threads)):
        check_rank(name, number)
    reference = _checked_reference(reference)

    def score(size: int, draw: int) -> tuple[int, int, float]:
        chosen = np.random.default_rng([seed, size, draw]).choice(len(reference), size, replace=False)
        seeds = [reference[i] for i in chosen]  # an array of strings would drop a trailing NUL
        found = without_seeds(rank(seeds), seeds)
        return size, draw, average_precision(found, set(reference) - set(seeds), topn=topn)

    sizes = [size for size in sizes if 2 * check_rank("a number of seeds", size) <= len(reference)]
    pairs = product(sizes, range(draws))
    if threads == 1:
        rows = list(starmap(score, pairs))
    else:
        with threadpool_limits(limits=1):
            rows = list(ngrams.in_parallel(lambda pair: score(*pair), pairs, threads))
    return pd.DataFrame(rows, columns=["seeds", "draw", "average_precision"])


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean and Student's t interval of a few draws; one draw has no interval (NaN).

    mean ± t · s / √n, t the quantile of n − 1 degrees of freedom, s the sample's standard deviation. It tells how the
    mean varies with what was drawn, e.g. seeds, not with the documents or the reference. Source: Student (1908).

    Raises
    ------
    InputError : there are no values, or ``level`` does not lie between 0 and 1

    >>> [round(value, 3) for value in mean_interval([1.0, 2.0, 3.0])]         # 2 ± 4.303 · 1 / √3
    [2.0, -0.484, 4.484]
    """
    from scipy.stats import t

    check_level(level)
    values = np.asarray(values, dtype=float)
    if not values.size:
        raise InputError("there are no values to take a mean of; give one or more")
    if values.size < 2:
        return float(values.mean()), np.nan, np.nan
    half = t.ppf(0.5 + level / 2, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)

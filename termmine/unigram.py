"""How probable is each word?

Penalised unigram EM (Liang & Klein 2009; TopWORDS, Deng et al. 2016) over the lattice of a corpus's n-grams. The
penalty on long words is chosen by a second view of the same corpus, the branching entropies beside each place where a
word might end. Nothing is random, nothing needs a label.

    P(words) ∝ Π p(w) exp(-β |w|^1.6) · Π over inner boundaries f(x | boundary) / f(x | none)

The last factor, the evidence, is 1 while β is chosen; the text is cut without it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from termmine.lattice import atoms, class_words
from termmine.ngrams import compiled, in_parallel

LONGEST = 5  # units in a word
EXPONENT = 1.6  # of a word's length in its penalty (Liang & Klein 2009)
PASSES = 10  # of EM; more change nothing that matters
_PRUNE = 0.1  # expected uses below which a candidate is dropped
_WORTHWHILE = 0.9  # share of the candidates that is left, below which the others are taken out of the tables
_LEAST = 0.01  # uses that every single unit keeps, so that a path always exists
_ORDERS = 3  # branching entropies of 1.._ORDERS units on either side
_ROUNDS = 2  # of refitting with the evidence
_FEW = 50_000  # units: on less text the entropies cannot tell one penalty from another
_PENALTY_OF_FEW = 2.25  # nats; the best one is lower than on more text, as a narrow field has few, frequent characters


@dataclass(frozen=True, slots=True)
class Lattice:
    """All candidates of a text, where they stand.

    Attributes
    ----------
    words, units : (occurrences,) int32, int8; which candidate, and its units; by where it ends, the short ones first
    stops : (units + 1,) int32; ``words[stops[i - 1]:stops[i]]`` end before unit i. None does at a border
    lengths, counts, first : (candidates,) units, occurrences, and where the first one begins
    """

    words: np.ndarray
    units: np.ndarray
    stops: np.ndarray
    lengths: np.ndarray
    counts: np.ndarray
    first: np.ndarray


def _longer(rows: np.ndarray, ids: np.ndarray, at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct n-grams that begin at ``at``, n - 1 units being ``rows``: their first places, all rows, counts."""
    key = rows[at].astype(np.int64) * (np.int64(ids.max(initial=0)) + 1) + ids[n - 1 :][at]
    codes, distinct = pd.factorize(key)  # numbers them in the order of their first places
    where = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    return where, codes, np.bincount(codes, minlength=distinct.size)


def build(ids: np.ndarray, *, min_count: int, longest: int = LONGEST) -> Lattice:
    """Every n-gram of 2..``longest`` units between borders that occurs ``min_count`` times, and every single unit.

    >>> lattice = build(np.array([5, 6, 0, 5, 6]), min_count=2)
    >>> lattice.lengths.tolist(), lattice.counts.tolist()
    ([1, 1, 2], [2, 2, 2])
    """
    size = ids.size
    words = np.full((size, longest), -1, np.int32)  # of n + 1 units from here, -1 where there is none
    lengths, counts, first = [], [], []
    total = 0
    rows = np.zeros(size, np.int32)  # of the n - 1 units from here
    for n in range(1, longest + 1):
        fits = ids > 0 if n == 1 else (rows[: size - n + 1] >= 0) & (rows[1 : size - n + 2] >= 0)
        at = np.flatnonzero(fits)
        where, codes, count = _longer(rows, ids, at, n)
        kept = count >= (min_count if n > 1 else 1)
        new = np.where(kept, total + np.cumsum(kept) - 1, -1).astype(np.int32)
        rows = np.full(size, -1, np.int32)
        rows[at] = words[at, n - 1] = new[codes]
        total += int(kept.sum())
        lengths.append(np.full(int(kept.sum()), n, np.int32))
        counts.append(count[kept])
        first.append(at[where[kept]])
    return Lattice(*_by_end(words), *map(np.concatenate, (lengths, counts, first)))


@compiled
def _by_end(table):
    """The candidates of a table (begin, units - 1) by where they end."""
    size, longest = table.shape
    total = 0
    for i in range(size):
        for n in range(longest):
            total += table[i, n] >= 0
    words, units, stops = np.empty(total, np.int32), np.empty(total, np.int8), np.zeros(size + 1, np.int32)
    k = 0
    for end in range(1, size + 1):
        for n in range(1, min(longest, end) + 1):
            if table[end - n, n - 1] >= 0:
                words[k], units[k] = table[end - n, n - 1], n
                k += 1
        stops[end] = k
    return words, units, stops


# --- EM --------------------------------------------------------------------------------------------------


@compiled
def _expect(words, units, stops, weight, odds, expected, boundary):
    """E-step: how often each word is used, and how surely a word begins at each unit.

    With a the forward sums, only ratio[j] = a[j] / a[j-1] and share = P(this word is before j | boundary at j) are
    kept, both of ordinary size, so nothing under- or overflows. ``boundary`` then runs backwards, from the end of each
    word to its begin: boundary[j-n] += boundary[j] * share. Without ``odds`` all are 1.
    """
    size = stops.size - 1
    longest, most = _widest(stops)
    ratio, share = np.ones(longest + 1), np.ones(most)
    expected[:] = 0.0
    boundary[:] = 1.0
    i = 0
    while i < size:
        begin, first = i, stops[i]
        while i < size and stops[i + 1] > stops[i]:  # forwards to the next border
            one, end = stops[i], stops[i + 1]
            i += 1
            total, scale, n = 0.0, 1.0, 1
            for k in range(one, end):
                while n < units[k]:
                    scale /= ratio[i - begin - n]
                    n += 1
                share[k - first] = weight[words[k]] * scale
                total += share[k - first]
            for k in range(one, end):
                share[k - first] /= total
            ratio[i - begin] = total * odds[i] if odds.size else total
            boundary[i] = 0.0
        boundary[i] = 1.0
        for end in range(i, begin, -1):  # and back
            mass = boundary[end]
            for k in range(stops[end - 1], stops[end]):
                part = mass * share[k - first]
                boundary[end - units[k]] += part
                expected[words[k]] += part
        boundary[begin] = 1.0
        i += 1


@compiled
def _widest(stops):
    """Units of the longest stretch between borders, and the most words that end in one."""
    longest, most, begin = 0, 0, 0
    for i in range(1, stops.size):
        if stops[i] == stops[i - 1]:
            begin = i
        longest, most = max(longest, i - begin), max(most, stops[i] - stops[begin])
    return longest, most


@compiled
def _left(words, units, stops, row_of):
    """The same without the words whose new row is -1."""
    left = 0
    for k in range(words.size):
        left += row_of[words[k]] >= 0
    new_words, new_units, new_stops = np.empty(left, np.int32), np.empty(left, np.int8), np.zeros_like(stops)
    size = 0
    for i in range(1, stops.size):
        for k in range(stops[i - 1], stops[i]):
            if row_of[words[k]] >= 0:
                new_words[size], new_units[size] = row_of[words[k]], units[k]
                size += 1
        new_stops[i] = size
    return new_words, new_units, new_stops


@compiled
def _cut(words, units, stops, score):
    """True where a word or a border begins (Viterbi); of equals, the longer word."""
    size = stops.size - 1
    begins = np.ones(size + 1, np.bool_)
    best, back = np.zeros(size + 1), np.ones(size + 1, np.int8)
    i = 0
    while i < size:
        begin = i
        best[i] = 0.0
        while i < size and stops[i + 1] > stops[i]:
            i += 1
            best[i] = -np.inf
            begins[i] = False
            for k in range(stops[i - 1], stops[i]):
                if best[i - units[k]] + score[words[k]] >= best[i]:
                    best[i], back[i] = best[i - units[k]] + score[words[k]], units[k]
        j = i
        while j > begin:
            begins[j] = True
            j -= back[j]
        i += 1
    return begins


@dataclass(frozen=True, slots=True)
class Model:
    """What EM has learned.

    Attributes
    ----------
    log_p, penalty : (candidates,) nats, ln p(w) (-inf where dropped) and β |w|^1.6
    boundary : (units + 1,) probability that a word begins here
    """

    log_p: np.ndarray
    penalty: np.ndarray
    boundary: np.ndarray


def fit(lattice: Lattice, beta: float, *, log_odds: np.ndarray | None = None) -> Model:
    """EM from the raw counts; ``log_odds``, (units + 1,) nats, is added wherever a word begins.

    Source: Liang & Klein (2009), eq. 1, with soft counts.
    """
    size = lattice.stops.size - 1
    odds = np.zeros(0) if log_odds is None else np.exp(log_odds)
    penalty = beta * lattice.lengths**EXPONENT
    boundary = np.empty(size + 1)
    where = lattice.words, lattice.units, lattice.stops
    rows, fee, single = np.arange(penalty.size), np.exp(-penalty), lattice.lengths == 1  # of the candidates left
    expected = lattice.counts.astype(np.float64)
    for _ in range(PASSES):
        uses = np.empty_like(expected)
        _expect(*where, expected / max(expected.sum(), 1) * fee, odds, uses, boundary)
        uses[uses < _PRUNE] = 0.0
        expected = np.where(single, np.maximum(uses, _LEAST), uses)
        left = expected > 0
        if np.count_nonzero(left) < _WORTHWHILE * left.size:
            where = _left(*where, np.where(left, np.cumsum(left) - 1, -1).astype(np.int32))
            rows, fee, single, expected = (of_each[left] for of_each in (rows, fee, single, expected))
    log_p = np.full(penalty.size, -np.inf)
    with np.errstate(divide="ignore"):
        log_p[rows] = np.log(expected / max(expected.sum(), 1))
    return Model(log_p, penalty, boundary)


# --- the second view -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Branching:
    """Branching entropies at the places where a word might end.

    Attributes
    ----------
    inside : (units + 1,) True between two units
    entropies : (inside, 6) float32, standardised; of what follows the 1..3 units before, of what precedes the 1..3
        units behind; 0, the mean, where those units would cross a border
    """

    inside: np.ndarray
    entropies: np.ndarray

    @cached_property
    def mean(self) -> np.ndarray:
        return self.entropies.mean(axis=0, dtype=np.float64)

    @cached_property
    def second(self) -> np.ndarray:
        """Mean products of two entropies, (6, 6)."""
        return (self.entropies.T @ self.entropies).astype(np.float64) / len(self.entropies)


def _entropy(total: np.ndarray, parts: np.ndarray, part_of: np.ndarray) -> np.ndarray:
    """Entropy (nats) of each context's neighbours; neighbours that are borders are one kind."""
    size = total.size
    border = np.maximum(total - np.bincount(part_of, parts, size), 0.0)
    logs = np.bincount(part_of, parts * np.log(parts), size) + border * np.log(np.maximum(border, 1.0))
    return np.log(total) - logs / total


def _standardise(column: np.ndarray) -> None:
    """In place; NaN becomes 0, and so does what is all the same."""
    known = ~np.isnan(column)
    values = column[known]
    column[:] = 0.0
    if values.size and values.max() > values.min():
        column[known] = (values - values.mean(dtype=np.float64)) / values.std(dtype=np.float64)


def branching(ids: np.ndarray) -> Branching:
    """H(next unit | n units before) and H(unit before | n units behind), n = 1..3."""
    size = ids.size
    inside = np.zeros(size + 1, np.bool_)
    inside[1:size] = (ids[1:] > 0) & (ids[:-1] > 0)
    entropies = np.empty((np.count_nonzero(inside), 2 * _ORDERS), np.float32)
    at = np.flatnonzero(ids > 0)
    _, codes, count = _longer(np.zeros(size, np.int32), ids, at, 1)
    for n in range(1, _ORDERS + 1):
        rows = np.full(size, -1, np.int32)
        rows[at] = codes
        longer_at = at[at + n < size]
        longer_at = longer_at[(rows[longer_at + 1] >= 0) & (ids[longer_at + n] > 0)]
        where, longer_codes, longer_count = _longer(rows, ids, longer_at, n + 1)
        first = longer_at[where]
        for side, (part_of, shift) in enumerate(((rows[first], n), (rows[first + 1], 0))):
            column = np.full(size + 1, np.nan, np.float32)
            column[at + shift] = _entropy(count, longer_count, part_of).astype(np.float32)[codes]
            column = column[inside]
            _standardise(column)
            entropies[:, 2 * n - 2 + side] = column
        at, codes, count = longer_at, longer_codes, longer_count
    return Branching(inside, entropies)


def agreement(view: Branching, begins: np.ndarray) -> float:
    """Multiple correlation of a segmentation, (units + 1,) bool, with the branching entropies, 0..1.

    If both depend on each other through the true boundaries Y only, corr(B, x) = corr(B, Y) corr(Y, x): over the
    segmentations B of one corpus it is greatest where B's Matthews correlation with the truth is.
    """
    x, y = view.entropies, begins[view.inside]
    share = np.count_nonzero(y) / max(y.size, 1)
    if not 0 < share < 1:
        return 0.0
    covariance = view.second - np.outer(view.mean, view.mean)
    with_y = _sum_where(x, y) / len(x) - view.mean * share
    explained = with_y @ np.linalg.lstsq(covariance, with_y, rcond=None)[0]
    return float(np.sqrt(max(explained, 0.0) / (share * (1 - share))))


@compiled
def _sum_where(x, chosen):
    """Sums of the columns over the chosen rows."""
    sums = np.zeros(x.shape[1])
    for i in range(x.shape[0]):
        if chosen[i]:
            for k in range(x.shape[1]):
                sums[k] += x[i, k]
    return sums


def evidence(view: Branching, boundary: np.ndarray) -> np.ndarray:
    """ln f(x | boundary) / f(x | none), (units + 1,) nats: Gaussians of one covariance, weighted by ``boundary``."""
    x = view.entropies
    log_odds = np.zeros(view.inside.size)
    q = boundary[view.inside].astype(np.float32)
    share = float(q.mean(dtype=np.float64)) if q.size else 0.0
    if not 1e-6 < share < 1 - 1e-6:  # nothing to tell apart
        return log_odds
    yes = q @ x / q.sum(dtype=np.float64)
    no = (1 - q) @ x / (1 - q).sum(dtype=np.float64)
    covariance = view.second - share * np.outer(yes, yes) - (1 - share) * np.outer(no, no)
    slope = np.linalg.lstsq(covariance, yes - no, rcond=None)[0]
    log_odds[view.inside] = _weighted_sums(x, slope) - slope @ (yes + no) / 2
    return log_odds


@compiled
def _weighted_sums(x, weights):
    """``x @ weights`` in float64, without a copy of ``x`` in it."""
    sums = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            sums[i] += x[i, k] * weights[k]
    return sums


# --- the choice, and all of it ---------------------------------------------------------------------------


def choose_penalty(measure: Callable[[float], float]) -> float:
    """Climb ``measure`` from 2.5 in steps of .25, then the vertex of the parabola through the top three.

    Several threads may call ``measure`` at once.

    The climb stays within 1.5..2.75: no corpus was seen to need more, and the curve may rise beyond by chance.

    >>> round(choose_penalty(lambda beta: -(beta - 2.1) ** 2), 6)
    2.1
    """
    step, low, high = 0.25, 1.5, 2.75
    values: dict[float, float] = {}
    top = 2.5
    while True:
        near = top, top - step, top + step
        new = [beta for beta in near if beta not in values]
        values.update(zip(new, in_parallel(measure, new), strict=True))
        best = max(near, key=values.__getitem__)  # ties: stay
        if best == top or not low <= best <= high:
            break
        top = best
    left, middle, right = values[top - step], values[top], values[top + step]
    bend = left - 2 * middle + right
    vertex = top + step * (left - right) / (2 * bend) if bend < 0 else top
    return min(max(vertex, low), high)


def learn(
    blocks: Iterable[np.ndarray], *, min_count: int, longest: int = LONGEST, penalty: float | None = None
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Learn the words of a text.

    Parameters
    ----------
    blocks : code points; a border is taken to stand behind each block
    min_count : occurrences of an n-gram of two units or more, to be a candidate
    longest : units of a word
    penalty : β, nats; ``None`` chooses it by the branching entropies, on less than 50,000 characters 2.25

    Returns
    -------
    words : as ``lattice.class_words`` has them: all numbers are one unit, all Latin runs another
    log_p, penalty : (words,) nats, ln p(w) and β |w|^1.6; their difference is the word's weight in a segmentation
    """
    ids = np.concatenate([np.append(atoms(codes)[0], 0) for codes in blocks] or [np.zeros(1, np.int32)])
    lattice = build(ids, min_count=min_count, longest=longest)
    view = branching(ids)
    if penalty is None and ids.size < _FEW:
        penalty = _PENALTY_OF_FEW
    elif penalty is None:
        penalty = choose_penalty(lambda beta: agreement(view, _begins(lattice, fit(lattice, beta))))
    model = fit(lattice, penalty)
    for _ in range(_ROUNDS):
        model = fit(lattice, penalty, log_odds=evidence(view, model.boundary))
    kept = np.flatnonzero(np.isfinite(model.log_p))
    return class_words(ids, lattice.first[kept], lattice.lengths[kept]), model.log_p[kept], model.penalty[kept]


def _begins(lattice: Lattice, model: Model) -> np.ndarray:
    return _cut(lattice.words, lattice.units, lattice.stops, model.log_p - model.penalty)

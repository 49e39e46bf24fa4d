"""What else belongs here?

Breadth-first expansion from seed words over the vectors, with a threshold that tightens hop by hop
(kexue.fm/archives/6540); and three orders of all words by how near they are to the seeds: to their centroid, to many
samples of them, and by a random walk that starts at them.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from termmine import ngrams
from termmine.embedding import Vectors
from termmine.errors import InputError, MissingSeedError

if TYPE_CHECKING:  # imported where it is used
    from scipy.sparse import csr_array

_BATCH = 256  # query vectors a matrix product
_GROUPED = 16  # similarities of which the largest alone is looked at to find the last neighbour
_SLACK = 1e-4  # what float32 products may be off; the survivors are computed again in float64
_TOLERANCE = 1e-12  # of the walk: the sum of what the probabilities still change by


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpansionConfig:
    """Settings of the transitive search; the defaults are the source post's."""

    min_sim: float = 0.6  # cosine, at the seeds
    max_sim: float = 1.0  # cosine, the limit of the threshold far from the seeds
    tightening: float = 0.35  # a in θ(d), per hop
    neighbours: int = 200  # nearest words looked at from each word, itself included

    def __post_init__(self) -> None:
        if not -1 <= self.min_sim <= self.max_sim <= 1:
            raise InputError(
                f"min_sim and max_sim must hold -1 <= min_sim <= max_sim <= 1, got {self.min_sim} and {self.max_sim}"
            )
        if not 0 <= self.tightening < math.inf:
            raise InputError(f"tightening must be a finite number, 0 or more, got {self.tightening!r}")
        if self.neighbours < 1:
            raise InputError(f"neighbours must be 1 or more, got {self.neighbours!r}")


def threshold(depth: int, config: ExpansionConfig | None = None) -> float:
    """The similarity that a neighbour of a word at hop ``depth`` must reach.

    θ(d) = min_sim + (max_sim − min_sim)(1 − e^(−a·d))

    >>> [round(threshold(d), 4) for d in range(3)]                    # .6; .6 + .4·(1 − e^−.35); …
    [0.6, 0.7181, 0.8014]
    """
    config = config or ExpansionConfig()
    return config.min_sim + (config.max_sim - config.min_sim) * (1 - math.exp(-config.tightening * depth))


def expand_seeds(
    vectors: Vectors,
    seeds: Sequence[str],
    config: ExpansionConfig | None = None,
    *,
    centre: Sequence[str] = (),
    negative: Sequence[str] = (),
    accept: Callable[[str], bool] = lambda term: True,
    on_hop: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Collect the words that can be reached from the seeds.

    From a word at hop d the ``neighbours`` nearest words to v[w] + mean(centre) − mean(negative) are looked at;
    one is taken, at hop d + 1, if its similarity is at least θ(d), it is new, and ``accept`` lets it pass.

    Parameters
    ----------
    vectors : the embedding
    seeds : hop 0; those without a vector are left out (``vectors.split`` names them)
    centre, negative : words whose mean vectors pull the search and push it away
    accept : the rules, as a test of one term
    on_hop : called with the hop and the number of words on it

    Returns
    -------
    frame : ``term, hop, parent`` ("" for a seed), ``similarity`` (cosine to the parent's query vector, 1 for a
        seed); in order of discovery

    Raises
    ------
    MissingSeedError : no seed has a vector
    InputError : no seeds at all, or centre or negative words are given and none has a vector
    """
    config = config or ExpansionConfig()
    known = _known_seeds(vectors, seeds)
    shift = _mean_vector(vectors, centre, "centre") - _mean_vector(vectors, negative, "negative")
    search = _Search(vectors, shift, config.neighbours)
    level = [vectors.row_of[seed] for seed in known]
    seen = np.zeros(len(vectors.terms), dtype=bool)
    seen[level] = True
    rows = [(seed, 0, "", 1.0) for seed in known]
    hop = 0
    while level:
        if on_hop is not None:
            on_hop(hop, len(level))
        following = []
        for parents, found, similarities in search.neighbours(level, threshold(hop, config)):
            _, first = np.unique(found, return_index=True)
            for i in np.sort(first[~seen[found[first]]]).tolist():
                seen[found[i]] = True
                term = vectors.terms[found[i]]
                if accept(term):
                    following.append(found[i])
                    rows.append((term, hop + 1, vectors.terms[parents[i]], similarities[i]))
        level = following
        hop += 1
    frame = pd.DataFrame(rows, columns=["term", "hop", "parent", "similarity"])
    return frame.astype({"term": object, "parent": object})


def _known_seeds(vectors: Vectors, seeds: Sequence[str]) -> list[str]:
    """The seeds that have a vector, each once, in the order given."""
    if isinstance(seeds, str):
        raise TypeError("seeds must be a list of words, got one str")
    if not seeds:
        raise InputError("the expansion needs at least one seed; give a seed list, or loosen the rules")
    known, missing = vectors.split(dict.fromkeys(seeds))
    if not known:
        raise MissingSeedError(missing, len(missing))
    return known


def _mean_vector(vectors: Vectors, words: Sequence[str], name: str) -> np.ndarray:
    rows = _known_rows(vectors, words, name)
    if not rows:
        return np.zeros(vectors.matrix.shape[1])
    return vectors.matrix[rows].astype(np.float64).mean(axis=0)


def _known_rows(vectors: Vectors, words: Sequence[str], name: str) -> list[int]:
    """The rows of the words that have a vector, in the order given."""
    if isinstance(words, str):
        raise TypeError(f"{name} must be a list of words, got one str")
    known, missing = vectors.split(words)
    if missing and not known:
        raise InputError(f"none of the {name} words has a vector: {', '.join(missing[:5])}; give other words")
    return [vectors.row_of[word] for word in known]


class _Search:
    """Nearest words to many query vectors at once; the answer does not depend on how products are split."""

    def __init__(self, vectors: Vectors, shift: np.ndarray, topn: int) -> None:
        self.units = vectors.units()
        self.rough = self.units.astype(np.float32)
        self.matrix = vectors.matrix
        self.shift = shift
        self.topn = topn

    def neighbours(self, level: Sequence[int], least: float) -> Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Batches of (query row, neighbour row, similarity >= ``least``): queries in order, nearest first in each."""
        from threadpoolctl import threadpool_limits

        batches = (np.array(level[begin : begin + _BATCH]) for begin in range(0, len(level), _BATCH))
        with threadpool_limits(limits=1):  # threads of ours, each with a batch, wait for one another less than those
            yield from ngrams.in_parallel(partial(self._neighbours_of, least=least), batches)

    def _neighbours_of(self, rows: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        queries = self.matrix[rows].astype(np.float64) + self.shift
        queries /= np.maximum(np.sqrt(np.einsum("ij,ij->i", queries, queries))[:, None], 1e-12)
        query, found = np.divmod(np.flatnonzero(self._is_near(queries, least)), len(self.units))
        similarity = _dots(queries, self.units, query, found)
        order = np.lexsort((found, -similarity, query))
        query, found, similarity = query[order], found[order], similarity[order]
        rank = np.arange(query.size) - np.searchsorted(query, query)  # within the query
        kept = (rank < self.topn) & (similarity >= least)
        return rows[query[kept]], found[kept], similarity[kept]

    def _is_near(self, queries: np.ndarray, least: float) -> np.ndarray:
        """A superset of the answer, from float32 products."""
        rough = queries.astype(np.float32) @ self.rough.T
        floor = np.full(len(rough), least, dtype=np.float32)
        if self.topn < rough.shape[1]:
            floor = np.maximum(floor, self._of_the_last(rough))
        return rough >= (floor - np.float32(_SLACK))[:, None]

    def _of_the_last(self, rough: np.ndarray) -> np.ndarray:
        """At most the ``topn``-th largest of each row: it is that of the largest of each of ``width`` groups."""
        groups = min(_GROUPED, rough.shape[1] // self.topn)
        width = rough.shape[1] // groups
        largest = reduce(np.maximum, (rough[:, i * width : (i + 1) * width] for i in range(groups)))
        return np.partition(largest, -self.topn, axis=1)[:, -self.topn]


@ngrams.compiled
def _dots(queries, units, query, found):
    """The products of row pairs, summed in one fixed order."""
    dots = np.empty(query.size)
    for i in range(query.size):
        a, b = queries[query[i]], units[found[i]]
        value = 0.0
        for k in range(a.size):
            value += a[k] * b[k]
        dots[i] = value
    return dots


# --- orders of all words ----------------------------------------------------------------------------------


def rank_by_centroid(
    vectors: Vectors, seeds: Sequence[str], *, centre: Sequence[str] = (), negative: Sequence[str] = ()
) -> pd.DataFrame:
    """Order the words by their cosine to mean(seeds) + mean(centre) − mean(negative).

    The means are of vectors scaled to length 1.

    Parameters
    ----------
    vectors : the embedding
    seeds : words of the field; those without a vector are left out
    centre, negative : words that pull the centroid and push it away

    Returns
    -------
    frame : ``term, similarity`` (cosine, -1..1) of all words but the seeds; best first, ties by term

    Raises
    ------
    MissingSeedError : no seed has a vector
    InputError : no seeds at all, or centre or negative words are given and none has a vector

    >>> vectors = Vectors(("蜂蜜", "花粉", "蜂王"), np.array([[2, 0], [0, 1], [3, 4]], dtype=np.float32))
    >>> rank_by_centroid(vectors, ["蜂蜜"]).round(3).values.tolist()       # 3 / √(3² + 4²)
    [['蜂王', 0.6], ['花粉', 0.0]]
    """
    words = _Words.of(vectors, seeds, centre, negative)
    return _ordered(vectors, words, words.nearness(vectors.units()))


def rank_by_ensemble(
    vectors: Vectors,
    seeds: Sequence[str],
    *,
    centre: Sequence[str] = (),
    negative: Sequence[str] = (),
    samples: int = 100,
    share: float = 0.7,
    dimensions: float = 0.6,
    seed: int = 1,
) -> pd.DataFrame:
    """Order the words by the mean of 1 / rank over many rankings by centroid, each by some seeds and some dimensions.

    A word that is near the centroid by chance is near it in few samples only, and one that is nearest to a few seeds
    is first in some. With a single seed that has a vector the result is that of ``rank_by_centroid``.

    Parameters
    ----------
    vectors, seeds, centre, negative : as for ``rank_by_centroid``
    samples : rankings
    share : seeds drawn for each, 0..1; at least one
    dimensions : dimensions of the vectors drawn for each, 0..1; at least one
    seed : of the draws

    Returns
    -------
    frame : ``term, similarity`` (mean reciprocal rank, 0..1) of all words but the seeds; best first, ties by term

    Raises
    ------
    MissingSeedError, InputError : as for ``rank_by_centroid``, or a setting out of range

    Source: SetExpan, Shen et al. (2017), which draws features of the context, as here dimensions.
    """
    _check_ensemble(samples, share, dimensions)
    words = _Words.of(vectors, seeds, centre, negative)
    if words.seeds.size < 2:
        return rank_by_centroid(vectors, seeds, centre=centre, negative=negative)
    units, rng = vectors.units(), np.random.default_rng(seed)
    queries, drawn = np.zeros((2, units.shape[1], samples))
    for i in range(samples):
        columns = np.sort(_drawn(rng, np.arange(units.shape[1]), dimensions))
        seen = np.zeros_like(units[0])
        seen[columns] = 1.0
        some = np.sort(_drawn(rng, words.seeds, share))
        queries[:, i] = words.query(some, lambda rows, seen=seen: _scaled(units[rows] * seen))
        drawn[:, i] = seen
    by_term = words.others_of(vectors)
    total, ranks = np.zeros(len(units)), np.arange(1, by_term.size + 1)
    for near in _cosines(units, queries, drawn):
        total[by_term[np.argsort(-near[by_term], kind="stable")]] += 1 / ranks
    return _ordered(vectors, words, total / samples)


@ngrams.compiled
def _cosines(units, queries, drawn):
    """Cosine of every row to each of the queries, in the dimensions drawn for it, (queries, rows).

    Equal rows get equal values, as the sums run in one order; those of BLAS need not.
    """
    n_dimensions, n_queries = queries.shape
    cosines = np.empty((n_queries, len(units)))
    for i in range(len(units)):
        dots, squares = np.zeros(n_queries), np.zeros(n_queries)
        for k in range(n_dimensions):
            value = units[i, k]
            for q in range(n_queries):
                dots[q] += value * queries[k, q]
                squares[q] += value * value * drawn[k, q]
        for q in range(n_queries):
            cosines[q, i] = dots[q] / max(np.sqrt(squares[q]), 1e-12)
    return cosines


def rank_by_walk(
    vectors: Vectors,
    seeds: Sequence[str],
    *,
    centre: Sequence[str] = (),
    negative: Sequence[str] = (),
    k: int = 30,
    mutual: bool = False,
    damping: float = 0.85,
    graph: "csr_array | None" = None,
) -> pd.DataFrame:
    """Order the words by how often a random walk that starts anew at the seeds comes by: personalised PageRank.

    p = (1 − d)·r + d·(W D⁻¹ p + r·p(isolated words)); d is ``damping``, r spreads 1 evenly over the seeds and the
    centre words. W holds the cosine of two words, where it is above 0, if one is among the other's ``k`` nearest,
    with ``mutual`` if each is; D its column sums. Negative words have a walk of their own, which is subtracted.

    Parameters
    ----------
    vectors, seeds, centre, negative : as for ``rank_by_centroid``; centre words are further starts
    k : nearest words each word is linked to
    mutual : link only words that are among each other's nearest
    damping : 0..1, below 1; how often the walk goes on to a neighbour
    graph : what ``neighbour_graph`` made of the vectors, in place of ``k`` and ``mutual``; for several walks

    Returns
    -------
    frame : ``term, similarity`` (probability; a difference of two with negative words) of all words but the seeds;
        best first, ties by term; 0 where no walk comes

    Raises
    ------
    MissingSeedError, InputError : as for ``rank_by_centroid``, or a setting out of range

    Notes
    -----
    With ``mutual`` words that are no one's neighbour are cut off, and ``k`` has to be several times as large.

    Source: SemRe-Rank, Zhang, Gao & Ciravegna (2018).

    >>> vectors = Vectors(("蜂蜜", "花粉", "蜂王"), np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32))
    >>> rank_by_walk(vectors, ["蜂蜜"], damping=0.5).round(3).values.tolist()   # p = ½·(1 − p), as 蜂蜜 has 1 − p
    [['蜂王', 0.333], ['花粉', 0.0]]
    """
    if not 0 <= damping < 1:
        raise InputError(f"damping must be 0 or more and below 1, got {damping!r}")
    words = _Words.of(vectors, seeds, centre, negative)
    graph = neighbour_graph(vectors, k=k, mutual=mutual) if graph is None else graph
    visits = _walk(graph, np.union1d(words.seeds, words.centre), damping)
    if words.negative.size:
        visits -= _walk(graph, words.negative, damping)
    return _ordered(vectors, words, visits)


METHODS: dict[str, Callable[..., pd.DataFrame]] = {
    "centroid": rank_by_centroid,
    "ensemble": rank_by_ensemble,
    "walk": rank_by_walk,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """Rows of the words a ranking starts from, each once, ascending: the order they were given in changes nothing."""

    seeds: np.ndarray
    centre: np.ndarray
    negative: np.ndarray

    @classmethod
    def of(cls, vectors: Vectors, seeds: Sequence[str], centre: Sequence[str], negative: Sequence[str]) -> "_Words":
        known = _known_rows(vectors, _known_seeds(vectors, seeds), "seeds")
        given = known, _known_rows(vectors, centre, "centre"), _known_rows(vectors, negative, "negative")
        return cls(**{name: _distinct(rows) for name, rows in zip(cls.__slots__, given, strict=True)})

    def others_of(self, vectors: Vectors) -> np.ndarray:
        """All rows but those of the seeds, by term."""
        is_seed = np.zeros(len(vectors.terms), dtype=bool)
        is_seed[self.seeds] = True
        return vectors.by_term[~is_seed[vectors.by_term]]

    def query(self, seeds: np.ndarray, units_of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The mean of these seeds plus that of the centre words, less that of the negative ones, scaled to length 1."""
        query = units_of(seeds).mean(axis=0)
        if self.centre.size:
            query += units_of(self.centre).mean(axis=0)
        if self.negative.size:
            query -= units_of(self.negative).mean(axis=0)
        return _scaled(query[None, :])[0]

    def nearness(self, units: np.ndarray) -> np.ndarray:
        """Cosine of every row to the query of all seeds."""
        query = self.query(self.seeds, units.__getitem__)
        return np.einsum("ij,j->i", units, query)  # not BLAS: it may sum equal rows differently


def _distinct(rows: Sequence[int]) -> np.ndarray:
    return np.unique(np.array(rows, dtype=np.int64))


def _scaled(matrix: np.ndarray) -> np.ndarray:
    """Rows of length 1; rows of zeros stay."""
    return matrix / np.maximum(np.sqrt(np.einsum("ij,ij->i", matrix, matrix))[:, None], 1e-12)


def _ordered(vectors: Vectors, words: _Words, similarity: np.ndarray) -> pd.DataFrame:
    others = words.others_of(vectors)
    others = others[np.argsort(-similarity[others], kind="stable")]
    return pd.DataFrame({"term": np.array(vectors.terms, dtype=object)[others], "similarity": similarity[others]})


def _check_ensemble(samples: int, share: float, dimensions: float) -> None:
    if samples < 1:
        raise InputError(f"samples must be 1 or more, got {samples!r}")
    for name, value in (("share", share), ("dimensions", dimensions)):
        if not 0 < value <= 1:
            raise InputError(f"{name} must be above 0 and 1 at most, got {value!r}")


def _drawn(rng: np.random.Generator, rows: np.ndarray, share: float) -> np.ndarray:
    return rng.choice(rows, max(1, round(share * rows.size)), replace=False)


def neighbour_graph(vectors: Vectors, *, k: int = 30, mutual: bool = False) -> "csr_array":
    """Symmetric matrix of cosines above 0 between nearest neighbours, (words, words); see ``rank_by_walk``.

    Raises
    ------
    InputError : k below 1
    """
    from scipy.sparse import coo_array

    if k < 1:
        raise InputError(f"k must be 1 or more, got {k!r}")

    size = len(vectors.terms)
    search = _Search(vectors, np.zeros(vectors.matrix.shape[1]), k + 1)  # a word is its own nearest
    parts = []
    for word, found, similarity in search.neighbours(range(size), np.finfo(np.float64).tiny):
        other = found != word
        word, found, similarity = word[other], found[other], similarity[other]
        kept = np.arange(word.size) - np.searchsorted(word, word) < k  # one too many where equals pushed the word out
        parts.append((word[kept].astype(np.int32), found[kept].astype(np.int32), similarity[kept]))
    word, found, similarity = map(np.concatenate, zip(*parts, strict=True))
    nearest = coo_array((similarity, (word, found)), shape=(size, size)).tocsr()
    return nearest.minimum(nearest.T) if mutual else nearest.maximum(nearest.T)


def _walk(graph: "csr_array", starts: np.ndarray, damping: float) -> np.ndarray:
    """Probabilities of the words; words without a neighbour go back to the starts."""
    restart = np.zeros(graph.shape[0])
    restart[starts] = 1 / starts.size
    strength = graph.sum(axis=1)
    linked = strength > 0
    per_strength = np.divide(damping, strength, out=np.zeros_like(strength), where=linked)
    visits, change = restart, np.inf
    while change > _TOLERANCE:
        jumps = 1 - damping * visits[linked].sum()
        following = graph @ (visits * per_strength) + jumps * restart
        change = np.abs(following - visits).sum()
        visits = following
    return visits

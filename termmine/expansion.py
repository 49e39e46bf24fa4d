"""What else belongs here?

Breadth-first expansion from seed words over the vectors, with a threshold that tightens hop by hop
(kexue.fm/archives/6540).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from termmine import ngrams
from termmine.embedding import Vectors
from termmine.errors import InputError, MissingSeedError

_BATCH = 256  # query vectors a matrix product
_SLACK = 1e-4  # what float32 products may be off; the survivors are computed again in float64


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
    if isinstance(seeds, str):
        raise TypeError("seeds must be a list of words, got one str")
    if not seeds:
        raise InputError("the expansion needs at least one seed; give a seed list, or loosen the rules")
    known, missing = vectors.split(dict.fromkeys(seeds))
    if not known:
        raise MissingSeedError(missing, len(missing))
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


def _mean_vector(vectors: Vectors, words: Sequence[str], name: str) -> np.ndarray:
    if not words:
        return np.zeros(vectors.matrix.shape[1])
    known, missing = vectors.split(words)
    if not known:
        raise InputError(f"none of the {name} words has a vector: {', '.join(missing[:5])}; give other words")
    return vectors.matrix[[vectors.row_of[word] for word in known]].astype(np.float64).mean(axis=0)


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
        for begin in range(0, len(level), _BATCH):
            rows = np.array(level[begin : begin + _BATCH])
            queries = self.matrix[rows].astype(np.float64) + self.shift
            queries /= np.maximum(np.sqrt(np.einsum("ij,ij->i", queries, queries))[:, None], 1e-12)
            query, found = np.nonzero(self._is_near(queries, least))
            similarity = _dots(queries, self.units, query, found)
            order = np.lexsort((found, -similarity, query))
            query, found, similarity = query[order], found[order], similarity[order]
            rank = np.arange(query.size) - np.searchsorted(query, query)  # within the query
            kept = (rank < self.topn) & (similarity >= least)
            yield rows[query[kept]], found[kept], similarity[kept]

    def _is_near(self, queries: np.ndarray, least: float) -> np.ndarray:
        """A superset of the answer, from float32 products."""
        rough = queries.astype(np.float32) @ self.rough.T
        near = rough >= np.float32(least - _SLACK)
        for i in np.flatnonzero(near.sum(axis=1) > self.topn):
            near[i] &= rough[i] >= np.partition(rough[i], -self.topn)[-self.topn] - np.float32(_SLACK)
        return near


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

"""In how varied company does a word stand?

The boundary entropy (左右熵) of words: a string whose neighbour is always the same is part of something longer.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from termmine import lattice, ngrams

# Parts of a nat, in which c ln c is added up: sums of integers are the same in any order. 10¹¹ occurrences fit in.
_UNIT = 1 << 20


class _Finder:
    """The keys of ``lattice.Trie.neighbours``; a cluster's worker gets the terms and builds its own trie."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._trie = lattice.Trie(terms)
        self._is_unit = ngrams.word_units()

    def __reduce__(self) -> tuple:
        return _Finder, (self._trie.terms,)

    def __call__(self, ids: np.ndarray, begin: int, end: int) -> np.ndarray:
        return self._trie.neighbours(ids, self._is_unit, begin, end)


def boundary_entropy(terms: Sequence[str], text: ngrams.Text) -> pd.DataFrame:
    """How uncertain the character before each term is, and that behind it.

    H = ln N - Σ c ln c / N over the neighbours, N occurrences (overlapping ones count), c those of a neighbour. Borders
    (punctuation, line ends) are neighbours that differ from all others: where the clause ends, the word ends.

    Parameters
    ----------
    terms : distinct, non-empty
    text : as ``discovery.encode`` makes it

    Returns
    -------
    frame : ``left_entropy, right_entropy`` (nats, to 6 digits; NaN where the term does not occur), a row a term.
        Source: Jin & Tanaka-Ishii (2006); as a measure of how freely a word is used, matrix67.com/blog/archives/5044

    >>> text = ngrams.encode(["电力", "电力网", "电力网"])               # behind 电力: a border, 网, 网
    >>> boundary_entropy(["电力"], text).round(3).values.tolist()       # ln 3; ln 3 - 2 ln 2 / 3
    [[1.099, 0.637]]
    """
    total, inside = np.zeros((2, 2 * len(terms)), np.int64)
    for found in text.count_keys(_Finder(terms)):
        row = (found.keys >> np.uint64(16)).astype(np.int64) - 2  # 2 · term, and 1 more for the right side
        weighed = np.rint(_UNIT * found.counts * np.log(found.counts)).astype(np.int64)
        weighed[found.keys & np.uint64(0xFFFF) == 0] = 0  # a border meets itself never again
        np.add.at(total, row, found.counts)
        np.add.at(inside, row, weighed)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = (np.log(total) - inside / (_UNIT * total)).reshape(-1, 2)
    return pd.DataFrame(np.maximum(entropy.round(6), 0.0), columns=["left_entropy", "right_entropy"])

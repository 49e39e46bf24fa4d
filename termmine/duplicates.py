"""Which documents repeat another one?

Repeated boilerplate fakes cohesion: a phrase that ten copies of a page hold is no more of a word for that.
"""

from functools import cache

import numpy as np

from termmine.corpus import FOLD
from termmine.errors import InputError, shown
from termmine.ngrams import as_codes, compiled

SHINGLE = 5  # characters of an n-gram
SIZE = 256  # hash functions, numbers of a signature
_FOUND = 0.99  # of the pairs at the threshold share a band, at least
_NUMBER = ord("0")  # what a number counts as
_FIRST = 1 << 10  # documents that the tables can hold at first


class Duplicates:
    """Tells which documents resemble one that came before.

    Two documents resemble each other if the Jaccard similarity J = |A ∩ B| / |A ∪ B| of their sets of character 5-grams
    is at least ``threshold``. Only letters count, in either case and width; a number counts as one 0, whatever it is,
    since forms and notices repeat with other numbers. A document of fewer than five such characters is one n-gram.

    J is estimated: a hash function has its minimum over A and over B at the same n-gram with probability J, so that of
    256 functions the share that agrees has mean J and standard error √(J (1 - J) / 256), .025 at J = .8. Documents are
    compared if they agree in one of b bands of r functions: with probability 1 - (1 - J^r)^b, where r is the greatest
    for which that is .99 at the threshold (for .8: r = 8, b = 32). What is compared and agrees in ``threshold`` of all
    functions is repeated, a pair whose J is the threshold itself in about half of the cases: see ``found``.

    Only documents that are not repeated are remembered, so that the first of a group stays, and a chain of small
    changes begins anew once it has gone too far. One that is remembered takes 512 + 8 b bytes (768 for .8), up to 512 +
    12 b just after the tables have grown. Many documents need a high threshold: from .5 down nearly all are compared.

    Parameters
    ----------
    threshold : Jaccard similarity, above 0 up to 1

    Attributes
    ----------
    count : documents that were repeated
    rows : r, functions of a band

    Raises
    ------
    InputError : the threshold is not above 0 and up to 1

    Sources: Broder (1997); bands, Indyk & Motwani (1998), Leskovec, Rajaraman & Ullman, Mining of Massive Datasets,
    ch. 3; 16 bits of each minimum, Li & König (2010).

    >>> duplicates = Duplicates()
    >>> [duplicates.is_repeated(text) for text in ("第1季度蜂蜜产量", "第2季度，蜂蜜产量。", "蜂王浆的产量")]
    [False, True, False]
    """

    def __init__(self, *, threshold: float = 0.8) -> None:
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold <= 1:
            raise InputError(f"threshold must be above 0 and up to 1, got {shown(threshold)}; .8 finds near copies")
        self.threshold = float(threshold)
        self.count = 0
        self.rows = _rows(self.threshold)
        self._needed = int(np.ceil(round(self.threshold * SIZE, 6)))
        self._kept = 0
        self._signatures = np.empty((0, SIZE), np.uint16)
        self._resize(_FIRST)

    def is_repeated(self, text: str) -> bool:
        """Whether the document resembles one that is remembered; if not, it is remembered from now on."""
        signature = _signature(as_codes(text), _letters(), _functions())
        if _is_known(signature, self._needed, self.rows, self._signatures, self._heads, self._links):
            self.count += 1
            return True
        if self._kept == len(self._signatures):
            self._resize(2 * self._kept)
        self._signatures[self._kept] = signature
        self._kept += 1
        _link(self._signatures, self._kept - 1, self._kept, self.rows, self._heads, self._links)
        return False

    def found(self, similarity: float) -> float:
        """The probability that two documents of Jaccard similarity ``similarity`` count as repeated.

        P(X >= 256 · threshold) of binomial X; that they share no band is possible only where X is small, and then
        1 - (1 - J^r)^b bounds it.

        >>> [round(Duplicates().found(similarity), 3) for similarity in (0.6, 0.76, 0.8, 0.84, 0.9)]
        [0.0, 0.071, 0.525, 0.961, 1.0]
        """
        from scipy.stats import binom

        agree = binom.sf(self._needed - 1, SIZE, similarity)
        return float(min(agree, 1 - (1 - similarity**self.rows) ** (SIZE // self.rows)))

    def _resize(self, size: int) -> None:
        """Room for ``size`` documents."""
        bands = SIZE // self.rows
        signatures = np.empty((size, SIZE), np.uint16)
        signatures[: self._kept] = self._signatures[: self._kept]
        self._signatures = signatures
        self._heads, self._links = np.zeros((bands, size), np.int32), np.empty((size, bands), np.int32)
        _link(signatures, 0, self._kept, self.rows, self._heads, self._links)


def _rows(threshold: float) -> int:
    """Functions of a band: the more, the fewer documents are compared in vain.

    >>> [_rows(threshold) for threshold in (0.1, 0.5, 0.8, 0.9, 1.0)]
    [1, 3, 8, 14, 256]
    """
    rows = np.arange(1, SIZE + 1)
    return int(rows[1 - (1 - threshold**rows) ** (SIZE // rows) >= _FOUND].max(initial=1))


@cache
def _letters() -> np.ndarray:
    """Code point → what it counts as, (65536,) uint32; 0 for what does not count."""
    table = np.zeros(1 << 16, np.uint32)
    for code in filter(lambda code: chr(code).isalnum(), range(1 << 16)):
        lower = chr(code).lower()
        table[code] = _NUMBER if chr(code).isdigit() else ord(lower) if len(lower) == 1 else code
    folded = np.array([[code, half] for code, half in FOLD.items()])
    table[folded[:, 0]] = table[folded[:, 1]]
    return table


@cache
def _functions() -> np.ndarray:
    """What hashes are crossed with, (256,) uint32: a function each."""
    # No generator: its numbers may differ from one version of NumPy to the next.
    values = np.arange(1, SIZE + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (((values ^ (values >> 30)) * np.uint64(0xBF58476D1CE4E5B9)) >> 32).astype(np.uint32)


@compiled
def _counted(codes, letters):
    """The characters that count, and a 0 for each number."""
    units, n = np.empty(codes.size, np.uint32), 0
    for code in codes:
        unit = letters[code] if code < letters.size else code
        if unit != 0 and (unit != _NUMBER or n == 0 or units[n - 1] != _NUMBER):
            units[n] = unit
            n += 1
    return units[:n]


@compiled
def _hashed(units, begin, end):
    """64 bits of an n-gram."""
    value = np.uint64(end - begin)
    for k in range(begin, end):
        value = (value ^ np.uint64(units[k])) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(32)
    return value * np.uint64(0xC2B2AE3D27D4EB4F)


@compiled
def _mixed(low, high, crossed):
    """32 bits that all depend on all bits of ``low``; one product alone would keep the order of what is near."""
    value = np.uint32(np.uint32(low ^ crossed) * np.uint32(0x85EBCA6B))
    value = np.uint32(np.uint32((value ^ (value >> np.uint32(16))) + high) * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(15)))


@compiled
def _signature(codes, letters, crossed):
    """The lower halves of each function's minimum over the n-grams, (256,) uint16."""
    units = _counted(codes, letters)
    least = np.full(SIZE, 0xFFFFFFFF, np.uint32)
    for begin in range(max(units.size - SHINGLE, 0) + 1):
        value = _hashed(units, begin, min(begin + SHINGLE, units.size))
        low, high = np.uint32(value), np.uint32(value >> np.uint64(32))
        for j in range(SIZE):
            least[j] = min(least[j], _mixed(low, high, crossed[j]))
    return least.astype(np.uint16)


@compiled
def _slot(signature, begin, end, width):
    """Where in a table of ``width``, a power of 2, a band belongs."""
    value = np.uint64(0)
    for k in range(begin, end):
        value = (value ^ np.uint64(signature[k])) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
    return np.int64(value & np.uint64(width - 1))


@compiled
def _is_known(signature, needed, rows, signatures, heads, links):
    """Whether a document that shares a slot agrees in as many functions as needed."""
    for band in range(heads.shape[0]):
        other = heads[band, _slot(signature, band * rows, (band + 1) * rows, heads.shape[1])] - 1
        while other >= 0:
            agree = 0
            for j in range(SIZE):
                agree += signatures[other, j] == signature[j]
            if agree >= needed:
                return True
            other = links[other, band] - 1
    return False


@compiled
def _link(signatures, begin, end, rows, heads, links):
    """Put documents at the heads of their bands' chains; numbers count from 1, 0 ends a chain."""
    for number in range(begin, end):
        for band in range(heads.shape[0]):
            slot = _slot(signatures[number], band * rows, (band + 1) * rows, heads.shape[1])
            links[number, band] = heads[band, slot]
            heads[band, slot] = number + 1

"""How often?

The counting kernel. Text becomes one array of integer unit ids; every other room asks this one for counts.
A unit is a character here, but nothing below this line relies on it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd

_BREAK = ord("\n")


def compiled(function: Callable) -> Callable:
    """``numba.njit``, its machine code cached on disk where some folder can be written.

    The cache knows the source file of ``function`` only: what it calls of ours has to stand in the same file.
    """
    try:
        return numba.njit(cache=True)(function)
    except RuntimeError:  # no place for a cache: compiled anew by each process
        return numba.njit(function)


def _code_mask(ranges: Sequence[tuple[int, int]]) -> np.ndarray:
    mask = np.zeros(0x110000, dtype=bool)
    for low, high in ranges:
        mask[low : high + 1] = True
    return mask


_HAN_RANGE = (0x4E00, 0x9FA5)
_ALNUM_RANGES = [(ord("0"), ord("9")), (ord("A"), ord("Z")), (ord("a"), ord("z"))]
# Which characters are units; every other character is a border that no n-gram crosses.
UNITS = {
    "han": _code_mask([_HAN_RANGE]),
    "word": _code_mask([_HAN_RANGE, *_ALNUM_RANGES]),
    "alnum": _code_mask(_ALNUM_RANGES),
    "any": ~_code_mask([(_BREAK, _BREAK)]),
}


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A corpus as unit ids.

    Attributes
    ----------
    text : all documents, joined by line breaks
    ids : (len(text),) int32; 0 is a border, 1.. are units
    line_starts : (documents,) int64; where each document begins in ``text``
    """

    text: str
    ids: np.ndarray
    line_starts: np.ndarray

    def spans(self, starts: np.ndarray, lengths: np.ndarray) -> list[str]:
        """The strings that stand at ``starts``; make them only for what is kept."""
        text = self.text
        return [text[s : s + n] for s, n in zip(starts.tolist(), lengths.tolist(), strict=True)]


def as_codes(text: str) -> np.ndarray:
    """Code points of ``text``, (len(text),) uint32."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def encode(lines: Iterable[str], *, units: str = "word") -> EncodedText:
    """Read a corpus once into unit ids.

    Parameters
    ----------
    lines : documents; read once
    units : ``"word"`` Han characters, half-width letters and digits; ``"han"`` Han characters only;
        ``"alnum"`` half-width letters and digits only; ``"any"`` everything but the line break

    Raises
    ------
    TypeError : ``lines`` is a bare string, which would be read as one document per character

    >>> encode(["油，水"]).ids.tolist()                 # 水 sorts before 油
    [2, 0, 1]
    """
    if isinstance(lines, str):
        raise TypeError("lines must be an iterable of documents, got one str; put it in a list: [text]")
    text = "\n".join(line.replace("\n", " ") for line in lines)
    codes = as_codes(text)
    seen = np.flatnonzero(np.bincount(codes, minlength=1))
    seen = seen[UNITS[units][seen]]
    id_of = np.zeros(0x110000, dtype=np.int32)
    id_of[seen] = np.arange(1, seen.size + 1)
    line_starts = np.concatenate([[0], np.flatnonzero(codes == _BREAK) + 1])
    return EncodedText(text, id_of[codes], line_starts)


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """The distinct strings among spans of a text, in order of first occurrence.

    Attributes
    ----------
    starts, lengths : (distinct,) where the first occurrence begins, and its units
    counts : (distinct,) int64 occurrences
    which : (spans,) int32; the row above for every span that was counted
    """

    starts: np.ndarray
    lengths: np.ndarray
    counts: np.ndarray
    which: np.ndarray


def count_spans(text: EncodedText, starts: np.ndarray, lengths: np.ndarray) -> SpanCounts:
    """Count the strings ``text[starts[i] : starts[i] + lengths[i]]``; exact, whatever their length."""
    lengths = np.broadcast_to(np.asarray(lengths, dtype=np.int32), starts.shape)
    first, counts, which = _count_spans(text.ids, starts, lengths)
    return SpanCounts(starts[first], lengths[first], counts, which)


@compiled
def _hash(ids, start, length):
    value = np.uint64(14695981039346656037)  # FNV-1a over unit ids; collisions are compared, never trusted
    for i in range(start, start + length):
        value = (value ^ np.uint64(ids[i])) * np.uint64(1099511628211)
    return value ^ (value >> np.uint64(29))


@compiled
def _same(ids, a, b, length):
    for k in range(length):  # noqa: SIM110 (numba compiles no generator)
        if ids[a + k] != ids[b + k]:
            return False
    return True


@compiled
def _grown(table, hashes, size):
    """A table twice as wide, filled again from the stored hashes of the rows so far."""
    wider = np.full(table.size * 2, -1, np.int32)
    mask = np.uint64(wider.size - 1)
    for row in range(size):
        slot = hashes[row] & mask
        while wider[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        wider[slot] = row
    return wider


@compiled
def _count_spans(ids, starts, lengths):
    """Open-addressing hash table over spans: (first occurrence, count) a row, and the row of each span."""
    table = np.full(1 << 12, -1, np.int32)
    hashes = np.empty(1 << 11, np.uint64)
    first = np.empty(1 << 11, np.int64)
    counts = np.empty(1 << 11, np.int64)
    which = np.empty(starts.size, np.int32)
    size = 0
    for i in range(starts.size):
        start, length = starts[i], lengths[i]
        value = _hash(ids, start, length)
        mask = np.uint64(table.size - 1)
        slot = value & mask
        while True:
            row = table[slot]
            if row < 0:
                if 2 * size >= table.size:  # at most half full
                    table = _grown(table, hashes, size)
                    more = np.empty(size, np.int64)
                    hashes = np.concatenate((hashes, np.empty(size, np.uint64)))
                    first, counts = np.concatenate((first, more)), np.concatenate((counts, more))
                    mask = np.uint64(table.size - 1)
                    slot = value & mask
                    continue
                table[slot] = row = size
                hashes[row], first[row], counts[row] = value, i, 0
                size += 1
                break
            seen = first[row]
            if hashes[row] == value and lengths[seen] == length and _same(ids, starts[seen], start, length):
                break
            slot = (slot + np.uint64(1)) & mask
        counts[row] += 1
        which[i] = row
    return first[:size].copy(), counts[:size].copy(), which


def window_starts(text: EncodedText, n: int) -> np.ndarray:
    """Every position at which ``n`` units stand in a row, no border among them."""
    if text.ids.size < n:
        return np.zeros(0, dtype=np.int64)
    inside = text.ids > 0
    fits = inside[: inside.size - n + 1].copy()
    for k in range(1, n):
        fits &= inside[k : inside.size - n + 1 + k]
    return np.flatnonzero(fits)


def count(lines: Iterable[str], *, max_len: int = 4, units: str = "word") -> pd.Series:
    """Counts of all n-grams of 1 .. ``max_len`` units, index the n-gram, shortest first.

    >>> count(["abab", "abc"], max_len=2).to_dict()
    {'a': 3, 'b': 3, 'c': 1, 'ab': 3, 'ba': 1, 'bc': 1}
    """
    text = encode(lines, units=units)
    tables = [count_spans(text, window_starts(text, n), n) for n in range(1, max_len + 1)]
    terms = [term for table in tables for term in text.spans(table.starts, table.lengths)]
    counts = np.concatenate([table.counts for table in tables])
    return pd.Series(counts, index=pd.Index(terms, dtype=object, name="term"), name="count")


class Trie:
    """A word list compiled for walking over text.

    Parameters
    ----------
    terms : distinct, non-empty words; row ``i`` of every answer speaks of ``terms[i]``
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self.terms = list(terms)
        lengths = np.array([len(term) for term in self.terms], dtype=np.int64)
        codes = as_codes("".join(self.terms))
        seen = np.flatnonzero(np.bincount(codes, minlength=1))
        self._unit_of = np.zeros(0x110000, dtype=np.int32)
        self._unit_of[seen] = np.arange(1, seen.size + 1)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        self.tables = _build_trie(self._unit_of[codes], offsets, seen.size + 1)

    def units(self, text: str, *, borders: str = "") -> np.ndarray:
        """Unit ids of ``text`` in this trie; 0 where no word has the character, and at ``borders``."""
        ids = self._unit_of[as_codes(text)]
        if borders:
            ids[np.isin(as_codes(text), as_codes(borders))] = 0
        return ids

    def occurrences(self, text: EncodedText) -> pd.DataFrame:
        """``count`` (overlapping occurrences) and ``doc_freq`` (documents) of every term, index the term.

        >>> Trie(["aa", "b"]).occurrences(encode(["aaab", "b"])).values.tolist()
        [[2, 1], [2, 2]]
        """
        ids = self.units(text.text, borders="\n")
        counts, documents = _occurrences(ids, text.line_starts, *self.tables, len(self.terms))
        index = pd.Index(self.terms, dtype=object, name="term")
        return pd.DataFrame({"count": counts, "doc_freq": documents}, index=index)

    def best_path(self, text: str, log_p: np.ndarray, *, unknown: float, borders: str = "") -> np.ndarray:
        """Where the words of the most probable segmentation begin (Viterbi), ascending.

        Parameters
        ----------
        text : characters to cut, all of them
        log_p : (len(terms),) nats of each word; best[j] = max over words text[i:j] of best[i] + log_p, ties: the
            longest word
        unknown : nats that a character costs alone where no word ends
        borders : characters that stand alone and that no word crosses

        >>> Trie(["电力", "系统"]).best_path("大电力系统", np.array([-1.0, -2.0]), unknown=-100.0).tolist()
        [0, 1, 3]
        """
        units = self.units(text, borders=borders)
        return np.flatnonzero(_best_path(units, log_p, unknown, *self.tables))


@compiled
def _slot(key, mask):
    """Where a search for ``key`` begins."""
    return (np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20) & mask


@compiled
def _step(node, unit, n_units, keys, children):
    """The child of ``node`` along ``unit``, or -1."""
    key = np.int64(node) * n_units + unit
    mask = np.uint64(keys.size - 1)
    slot = _slot(key, mask)
    while keys[slot] != -1:
        if keys[slot] == key:
            return children[slot]
        slot = (slot + np.uint64(1)) & mask
    return -1


@compiled
def _build_trie(units, offsets, n_units):
    """Hash table (node, unit) -> child, and the word that ends at each node (-1 where none does)."""
    width = 16
    while width < 2 * (units.size + 1):
        width *= 2
    keys = np.full(width, -1, np.int64)
    children = np.zeros(width, np.int32)
    word_at = np.full(units.size + 1, -1, np.int32)
    size = 1
    mask = np.uint64(width - 1)
    for word in range(offsets.size - 1):
        node = 0
        for i in range(offsets[word], offsets[word + 1]):
            child = _step(node, units[i], n_units, keys, children)
            if child < 0:
                child = size
                size += 1
                key = np.int64(node) * n_units + units[i]
                slot = _slot(key, mask)
                while keys[slot] != -1:
                    slot = (slot + np.uint64(1)) & mask
                keys[slot], children[slot] = key, child
            node = child
        word_at[node] = word
    return n_units, keys, children, word_at[:size].copy()


@compiled
def _occurrences(units, line_starts, n_units, keys, children, word_at, n_words):
    counts = np.zeros(n_words, np.int64)
    documents = np.zeros(n_words, np.int64)
    last = np.full(n_words, -1, np.int64)  # the document that a word was last seen in
    document = 0
    for i in range(units.size):
        while document + 1 < line_starts.size and line_starts[document + 1] <= i:
            document += 1
        node = 0
        j = i
        while j < units.size and units[j] > 0:
            node = _step(node, units[j], n_units, keys, children)
            if node < 0:
                break
            j += 1
            word = word_at[node]
            if word >= 0:
                counts[word] += 1
                if last[word] != document:
                    last[word] = document
                    documents[word] += 1
    return counts, documents


@compiled
def _best_path(units, log_p, unknown, n_units, keys, children, word_at):
    """True where a token begins. Unit 0 stands alone and starts the sum afresh, as no word can hold it."""
    size = units.size
    best = np.full(size + 1, -np.inf)
    back = np.zeros(size + 1, np.int64)
    best[0] = 0.0
    for i in range(size):
        if best[i] == -np.inf:
            best[i], back[i] = best[i - 1] + unknown, i - 1
        if units[i] == 0:
            best[i + 1], back[i + 1] = 0.0, i
            continue
        node = 0
        j = i
        while j < size and units[j] > 0:
            node = _step(node, units[j], n_units, keys, children)
            if node < 0:
                break
            j += 1
            word = word_at[node]
            if word >= 0 and best[i] + log_p[word] > best[j]:  # strict: the longest word came first
                best[j], back[j] = best[i] + log_p[word], i
    if size and best[size] == -np.inf:
        back[size] = size - 1
    begins = np.zeros(size, np.bool_)
    i = size
    while i > 0:
        i = back[i]
        begins[i] = True
    return begins

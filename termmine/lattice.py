"""Which words can a text be cut into?

A word list compiled to a trie, and walks over text along it: where its words stand, and the best path of words. A text
may be taken as *atoms*, which are never split: Han characters, whole numbers, whole runs of Latin letters.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, count
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from termmine.corpus import FOLD
from termmine.ngrams import as_codes, compiled, in_parallel, joined

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_PART = 1 << 20  # characters that a thread counts at a time


class Trie:
    """A word list compiled for walking over text. Full-width letters and digits are looked up as half-width ones.

    Parameters
    ----------
    terms : distinct, non-empty words; row ``i`` of every answer speaks of ``terms[i]``

    Attributes
    ----------
    longest : characters of the longest term
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self.terms = list(terms)
        lengths = np.array([len(term) for term in self.terms], dtype=np.int64)
        self.longest = int(lengths.max(initial=0))
        codes = as_codes("".join(self.terms))
        seen = np.flatnonzero(np.bincount(codes, minlength=1))
        self._unit_of = np.zeros(0x110000, dtype=np.int32)
        self._unit_of[seen] = np.arange(1, seen.size + 1)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        self.tables = _build_trie(self._unit_of[codes], offsets, seen.size + 1)
        folded = self._unit_of[[int(code) for code in FOLD.values()]]
        self._unit_of[list(FOLD)] = np.maximum(folded, self._unit_of[list(FOLD)])
        self._without = {"": self._unit_of}  # borders → the table in which they are no units

    def units(self, codes: np.ndarray, *, borders: str = "") -> np.ndarray:
        """Unit ids of code points in this trie; 0 where no word has the character, and at ``borders``."""
        if borders not in self._without:
            table = self._unit_of.copy()  # 4 MB: to copy it for each document would take longer than all else
            table[as_codes(borders)] = 0
            self._without[borders] = table
        return _units(self._without[borders], codes)

    def occurrences(self, lines: Iterable[str]) -> pd.DataFrame:
        """``count`` (overlapping occurrences) and ``doc_freq`` (documents) of every term, index the term.

        >>> Trie(["aa", "b"]).occurrences(["aaab", "b"]).values.tolist()
        [[2, 1], [2, 2]]
        """
        counts = np.zeros((len(self.terms), 2), np.int64)
        for part in in_parallel(self._count, chain.from_iterable(map(_parts, map(as_codes, joined(lines))))):
            counts += part
        index = pd.Index(self.terms, dtype=object, name="term")
        return pd.DataFrame(counts, columns=["count", "doc_freq"], index=index)

    def _count(self, codes: np.ndarray) -> np.ndarray:
        line_ends = np.flatnonzero(codes == ord("\n"))
        return _occurrences(self.units(codes, borders="\n"), line_ends, *self.tables, len(self.terms))

    def count_by_document(self, lines: Iterable[str]) -> "csr_array":
        """Overlapping occurrences of every term in every document, sparse (documents, terms); ``lines`` are read once.

        >>> Trie(["aa", "b"]).count_by_document(["aaab", "", "b"]).toarray().tolist()
        [[2, 1], [0, 0], [0, 1]]
        """
        from scipy.sparse import csr_array

        numbers, begin = count(), 0
        found = [np.zeros((0, 3), np.int32)]
        for text in joined(line for line, _ in zip(lines, numbers, strict=False)):
            codes = as_codes(text)
            line_ends = np.flatnonzero(codes == ord("\n"))
            units = self.units(codes, borders="\n")
            found.append(_count_by_document(units, begin, line_ends, *self.tables, len(self.terms)))
            begin += line_ends.size
        documents, words, counts = np.concatenate(found).T
        return csr_array((counts, (documents, words)), shape=(next(numbers), len(self.terms)))

    def neighbours(self, ids: np.ndarray, is_unit: np.ndarray, begin: int, end: int) -> np.ndarray:
        """What stands beside each occurrence of each term, overlapping ones too, (2 · occurrences,) uint64.

        The highest bits of a key are the term's row + 1; then follow a bit, 0 for the unit before and 1 for that
        behind, and 16 bits of that unit, 0 for a border.

        Parameters
        ----------
        ids : (n,) uint16 unit ids, as ``ngrams.encode`` makes them
        is_unit : (65536,) bool; which ids are no borders
        begin, end : of the occurrences that begin in ``ids[begin:end]``

        >>> keys = Trie(["AA"]).neighbours(np.array([65, 65, 66], np.uint16), np.ones(1 << 16, bool), 0, 3)
        >>> [(int(key) >> 17, int(key) >> 16 & 1, int(key) & 0xFFFF) for key in keys]
        [(1, 0, 0), (1, 1, 66)]
        """
        start = max(begin - 1, 0)
        ids = ids[start : end + self.longest]
        return _neighbours(ids, begin - start, end - start, self.units(ids), is_unit, *self.tables)

    def best_path(self, codes: np.ndarray, weights: np.ndarray, *, unknown: float, borders: str = "") -> np.ndarray:
        """Where the words of the best segmentation begin (Viterbi), (len(codes),) bool.

        Parameters
        ----------
        codes : code points of the text to cut, all of it
        weights : (len(terms),) nats of each word; best[j] = max over words text[i:j] of best[i] + weight, ties: the
            longest word
        unknown : nats that a character costs alone where no word ends
        borders : characters that stand alone and that no word crosses

        >>> trie = Trie(["电力", "系统"])
        >>> trie.best_path(as_codes("大电力系统"), np.array([-1.0, -2.0]), unknown=-100.0).tolist()
        [True, True, False, True, False]
        """
        return _best_path(self.units(codes, borders=borders), weights, unknown, *self.tables)


def _parts(codes: np.ndarray) -> list[np.ndarray]:
    """Whole lines, some hundred thousand characters at a time."""
    line_ends = np.append(np.flatnonzero(codes == ord("\n")) + 1, codes.size)
    wanted = np.arange(_PART, codes.size, _PART)
    return np.split(codes, line_ends[np.searchsorted(line_ends, wanted)])


@compiled
def _units(table, codes):
    units = np.empty(codes.size, np.int32)
    for i in range(codes.size):
        units[i] = table[codes[i]]
    return units


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
def _occurrences(units, line_ends, n_units, keys, children, word_at, n_words):
    """Occurrences and documents of each word, (words, 2)."""
    counts = np.zeros((n_words, 2), np.int64)
    last = np.full(n_words, -1, np.int64)  # the document that a word was last seen in
    document = 0
    for i in range(units.size):
        while document < line_ends.size and line_ends[document] < i:
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
                counts[word, 0] += 1
                if last[word] != document:
                    last[word] = document
                    counts[word, 1] += 1
    return counts


@compiled
def _count_by_document(units, begin, line_ends, n_units, keys, children, word_at, n_words):
    """(document, word, occurrences) wherever a word occurs, (pairs, 3); the first document has number ``begin``."""
    pairs, size = np.empty((1024, 3), np.int32), 0
    last = np.full(n_words, -1, np.int64)  # row of the word's last pair
    document = 0
    for i in range(units.size):
        while document < line_ends.size and line_ends[document] < i:
            document += 1
        node, j = 0, i
        while j < units.size and units[j] > 0:
            node = _step(node, units[j], n_units, keys, children)
            if node < 0:
                break
            j += 1
            word = word_at[node]
            if word < 0:
                continue
            if last[word] < 0 or pairs[last[word], 0] != begin + document:
                if size == pairs.shape[0]:
                    pairs = np.concatenate((pairs, np.empty_like(pairs)))
                pairs[size, 0], pairs[size, 1], pairs[size, 2] = begin + document, word, 0
                last[word] = size
                size += 1
            pairs[last[word], 2] += 1
    return pairs[:size].copy()


@compiled
def _neighbours(ids, begin, end, units, is_unit, n_units, keys, children, word_at):
    found, size = np.empty(2 * ids.size + 2, np.uint64), 0
    for i in range(begin, end):
        node, j = 0, i
        while j < ids.size and units[j] > 0:
            node = _step(node, units[j], n_units, keys, children)
            if node < 0:
                break
            j += 1
            word = word_at[node]
            if word >= 0:
                if size + 2 > found.size:
                    found = np.concatenate((found, np.empty_like(found)))
                before = ids[i - 1] if i > 0 and is_unit[ids[i - 1]] else 0
                behind = ids[j] if j < ids.size and is_unit[ids[j]] else 0
                key = np.uint64(word + 1) << np.uint64(17)
                found[size] = key | np.uint64(before)
                found[size + 1] = key | np.uint64(1 << 16) | np.uint64(behind)
                size += 2
    return found[:size].copy()


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


# --- atoms -----------------------------------------------------------------------------------------------

NUMBER, LATIN = 1, 2  # ids of atoms; a border is 0, a Han character its code point
_DIGIT, _LETTER, _HAN, _INSIDE, _PER, _MARK = 1, 2, 3, 4, 5, 6  # kinds of characters; any other is 0
_STOP, _COMMA = ord("."), ord(",")


@cache
def _kinds() -> tuple[np.ndarray, np.ndarray]:
    """Code point → its half-width form, and its kind."""
    folded = np.arange(0x110000, dtype=np.uint32)
    folded[0xFF01:0xFF5F] -= 0xFEE0
    folded[0x3000], folded[0x2236] = ord(" "), ord(":")
    kinds = np.zeros(0x110000, dtype=np.uint8)
    characters = map(chr, range(0x10000))
    kinds[:0x10000] = [_MARK * (not (c.isalnum() or c == "_" or c.isspace())) for c in characters]
    for low, high in ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF), (0x3007, 0x3007), (0x25CB, 0x25CB)):
        kinds[low : high + 1] = _HAN
    kinds[ord("0") : ord("9") + 1] = _DIGIT
    kinds[ord("A") : ord("Z") + 1] = kinds[ord("a") : ord("z") + 1] = _LETTER
    kinds[as_codes(".·:/,")] = _INSIDE
    kinds[as_codes("%‰")] = _PER
    kinds[0] = 0
    kinds = kinds[folded]
    kinds[ord("，")] = _MARK  # separates clauses, while a half-width comma may stand in a number
    return folded, kinds


def atoms(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A text as atoms: ids, (atoms,) int32, and where each begins, (atoms + 1,) int64.

    All numbers are one id (3.5%, 12:30 and 1998 alike), and so are all runs that have a Latin letter (kV, SF6, 10kV):
    what is learned of 12月 holds for 3月. Borders are 0; a run of one punctuation mark is one of them.

    >>> ids, begins = atoms(as_codes("额定10.5kV，12月"))
    >>> ids.tolist(), begins.tolist()
    ([39069, 23450, 2, 0, 1, 26376], [0, 1, 2, 8, 9, 11, 12])
    """
    return _atoms(codes, *_kinds())


@compiled
def _end_of_run(codes, kinds, i, letters):
    """Where the digits from ``i`` on end, or with ``letters`` the digits and letters."""
    while i < codes.size and (kinds[codes[i]] == _DIGIT or (letters and kinds[codes[i]] == _LETTER)):
        i += 1
    return i


@compiled
def _end_of_number(codes, folded, kinds, i):
    """Where the number that begins at ``i`` ends, and whether a letter makes it a Latin run."""
    begin, end = i, _end_of_run(codes, kinds, i, False)
    while end + 1 < codes.size and kinds[codes[end]] == _INSIDE and kinds[codes[end + 1]] == _DIGIT:
        after = _end_of_run(codes, kinds, end + 1, False)
        if codes[end] == _COMMA and (end - begin > 3 or after - end != 4):  # 12,500, but not 1998,12
            return end, False
        if after < codes.size and kinds[codes[after]] == _LETTER:  # 3.5kV, but not 1:5kV
            if folded[codes[end]] == _STOP:
                return _end_of_run(codes, kinds, after, True), True
            return end, False
        begin, end = end + 1, after
    if end < codes.size and kinds[codes[end]] == _PER:
        end += 1
    return end, False


@compiled
def _atoms(codes, folded, kinds):
    ids, begins = np.empty(codes.size, np.int32), np.empty(codes.size + 1, np.int64)
    size, i = 0, 0
    while i < codes.size:
        kind = kinds[codes[i]]
        ids[size], begins[size] = 0, i
        if kind in (_DIGIT, _LETTER):
            end = _end_of_run(codes, kinds, i, True)
            is_latin = False
            for k in range(i, end):
                is_latin |= kinds[codes[k]] == _LETTER
            if not is_latin:
                end, is_latin = _end_of_number(codes, folded, kinds, i)
            ids[size] = LATIN if is_latin else NUMBER
        else:
            end = i + 1
            if kind == _HAN:
                ids[size] = codes[i]
            elif kind >= _INSIDE:
                while end < codes.size and codes[end] == codes[i]:
                    end += 1
        i = end
        size += 1
    begins[size] = codes.size
    return ids[:size].copy(), begins[: size + 1].copy()


def class_words(ids: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> list[str]:
    """Stretches of atoms as strings, their ids as characters: 12月 and 3月 are the same."""
    rows = np.repeat(begins - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    text = ids[rows].astype("<u4").tobytes().decode("utf-32-le")
    ends = np.cumsum(lengths).tolist()
    return [text[end - size : end] for end, size in zip(ends, lengths.tolist(), strict=True)]


def class_words_of(terms: Sequence[str]) -> list[str]:
    """Each term as ``class_words`` has it.

    >>> [term.encode() for term in class_words_of(["12月", "kV"])]
    [b'\\x01\\xe6\\x9c\\x88', b'\\x02']
    """
    ids, begins = atoms(as_codes("\n".join(terms)))
    is_end = np.append(as_codes("\n".join([*terms, ""]))[begins[:-1]] == ord("\n"), True)
    ends = np.flatnonzero(is_end)
    starts = np.concatenate([[0], ends[:-1] + 1])
    return class_words(ids, starts, ends - starts)


class AtomCutter:
    """Cuts text into the words of a vocabulary, atoms whole.

    Parameters
    ----------
    words : class words, distinct
    weights : (words,) nats; the path of the greatest sum is taken. A unit that no word holds weighs as little as the
        lightest word of one unit
    """

    def __init__(self, words: Sequence[str], weights: np.ndarray) -> None:
        self._trie = Trie(words)
        self._weights = np.asarray(weights, dtype=float)
        single = np.array([len(word) == 1 for word in words], dtype=bool)
        self._unknown = float(self._weights[single if single.any() else slice(None)].min())

    def begins(self, codes: np.ndarray) -> np.ndarray:
        """Where tokens begin, (len(codes),) bool; borders are tokens as well."""
        ids, starts = atoms(codes)
        begins = np.zeros(codes.size, np.bool_)
        path = self._trie.best_path(ids.astype(np.uint32), self._weights, unknown=self._unknown, borders="\0")
        begins[starts[:-1][path]] = True
        return begins

    def cut(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The text as ``ngrams.count_cut`` takes it: borders 0, and where no cut is between i and i + 1."""
        ids, starts = atoms(codes)
        glued = np.zeros(codes.size + 1, np.bool_)
        glued[: codes.size - 1] = ~self.begins(codes)[1:]
        is_border = np.repeat(ids == 0, np.diff(starts))
        return np.where(is_border | (codes > 0xFFFF), 0, codes).astype(np.uint16), glued & ~np.append(is_border, True)

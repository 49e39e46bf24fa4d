"""Which words can a text be cut into?

A word list compiled to a trie, and walks over text along it: where its words stand, and the best path of words.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from termmine.corpus import FOLD
from termmine.ngrams import as_codes, compiled, joined


class Trie:
    """A word list compiled for walking over text. Full-width letters and digits are looked up as half-width ones.

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
        folded = self._unit_of[[int(code) for code in FOLD.values()]]
        self._unit_of[list(FOLD)] = np.maximum(folded, self._unit_of[list(FOLD)])

    def units(self, codes: np.ndarray, *, borders: str = "") -> np.ndarray:
        """Unit ids of code points in this trie; 0 where no word has the character, and at ``borders``."""
        units = self._unit_of
        if borders:
            units = units.copy()
            units[as_codes(borders)] = 0
        return _units(units, codes)

    def occurrences(self, lines: Iterable[str]) -> pd.DataFrame:
        """``count`` (overlapping occurrences) and ``doc_freq`` (documents) of every term, index the term.

        >>> Trie(["aa", "b"]).occurrences(["aaab", "b"]).values.tolist()
        [[2, 1], [2, 2]]
        """
        counts = np.zeros((len(self.terms), 2), np.int64)
        for text in joined(lines):
            codes = as_codes(text)
            line_ends = np.flatnonzero(codes == ord("\n"))
            counts += _occurrences(self.units(codes, borders="\n"), line_ends, *self.tables, len(self.terms))
        index = pd.Index(self.terms, dtype=object, name="term")
        return pd.DataFrame(counts, columns=["count", "doc_freq"], index=index)

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

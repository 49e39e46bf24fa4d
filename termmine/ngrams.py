"""How often?

The counting kernel. Text becomes blocks of integer unit ids; n-grams of up to four units are packed into 64-bit keys
and counted in hash tables, no Python object per n-gram. A unit is a character; the counting does not rely on it.

What does not fit into memory: a text of more than ``IN_MEMORY`` units waits in a temporary file, and a table that gets
too wide keeps the lower half of its range of keys, the rest being counted by a further pass over the text. To pass
again over encoded text (0.1 s for 100 MB) is cheaper than to write, sort and merge runs of counts.
"""

import tempfile
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numba
import numpy as np
import pandas as pd

from termmine.corpus import FOLD, Corpus
from termmine.errors import InputError

BLOCK = 1 << 22  # units of a block, about
IN_MEMORY = 1 << 27  # units that are held in memory: 256 MB, a text of about 380 MB
BUCKETS = 64  # ranges that keys are spread over: the unit of passes, of merging, and of what a cluster's workers share
LONGEST = 4  # units of an n-gram: four ids of 16 bits fill a key
_WIDEST = 1 << 24  # rows of all tables that are filled side by side (256 MB) before their ranges of keys are halved
_MOST_THREADS = 4  # each reads the whole text
_AT_ONCE = 1 << 23  # units whose n-grams are counted at a time where the counts are written down
_BATCH = 1 << 10  # keys that are looked up side by side
_STRETCH = 1 << 20  # units in which keys of another kind are found at a time


def compiled(function: Callable) -> Callable:
    """``numba.njit`` without the interpreter's lock, its machine code cached on disk where some folder can be written.

    The cache knows the source file of ``function`` only: what it calls of ours has to stand in the same file.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no place for a cache: compiled anew by each process
        return numba.njit(nogil=True)(function)


# --- text as unit ids ------------------------------------------------------------------------------------

HAN = (0x4E00, 0x9FA5)  # code points of the Han characters that are units; the posts' range
_ALNUM = [code for code in range(128) if chr(code).isalnum()]


def _unit_table(units: str, fold: bool) -> np.ndarray:
    """Code point → unit id, 0 for a border; ids are code points, and what lies past 0xFFFF is a border."""
    table = np.zeros(0x110000, dtype=np.uint16)
    if units == "any":
        table[:0xD800] = np.arange(0xD800)
        table[0xE000:0x10000] = np.arange(0xE000, 0x10000)
        table[ord("\n")] = 0
    else:
        table[HAN[0] : HAN[1] + 1] = np.arange(HAN[0], HAN[1] + 1)
        table[_ALNUM] = _ALNUM if units != "han" else 0
    if fold:
        table[list(FOLD)] = table[[int(code) for code in FOLD.values()]]
    return table


def word_units() -> np.ndarray:
    """Which ids are Han characters, half-width letters or digits, (65536,) bool."""
    return _unit_table("word", fold=False)[: 1 << 16] > 0


class Text(ABC):
    """A corpus whose n-grams and pieces can be counted, wherever it lies.

    Attributes
    ----------
    units : what its units are, as ``encode`` takes it, or ``"classic"`` (see ``discovery.units_of``)
    """

    units = "any"

    @abstractmethod
    def unit_counts(self) -> np.ndarray:
        """How often each id stands in the text, (65536,) int64; borders are not counted."""

    @abstractmethod
    def count_windows(self, n: int) -> int:
        """How many n-grams of ``n`` units stand in the text."""

    @abstractmethod
    def count_ngrams(self, n: int, *, floor: int = 1, shorter: "Ngrams | None" = None) -> "Ngrams":
        """Count the n-grams of ``n`` units, 1..4, that occur at least ``floor`` times.

        ``shorter`` are the (n-1)-grams of at least ``floor``, if they are known: a longer n-gram can only reach what
        both its shorter ones do.

        >>> bigrams = encode(["abab"]).count_ngrams(2)
        >>> bigrams.strings(), bigrams.counts.tolist()
        (['ab', 'ba'], [2, 1])
        """

    @abstractmethod
    def count_pieces(self, cut: "Cut", floor: Callable[[int], int]) -> "Pieces":
        """Cut the text and count the pieces.

        Parameters
        ----------
        cut : where to cut
        floor : number of all pieces → the occurrences that a piece needs to be returned
        """

    @abstractmethod
    def count_keys(self, find: "FindKeys") -> Iterator["Ngrams"]:
        """Count keys of another kind, those that ``find`` makes, in parts: each key is in one of them.

        ``find`` gets a block of unit ids and the begin and end of a stretch in it, and gives keys, (n,) uint64 above 0;
        what it finds in a block may depend neither on how it is divided, nor on more than whole runs of units. On a
        cluster it has to be picklable.
        """

    @abstractmethod
    def only_han(self) -> "Text":
        """The same text with letters and digits as borders."""

    def count_han(self) -> int:
        """Han characters in the text."""
        return int(self.unit_counts()[HAN[0] : HAN[1] + 1].sum())


class EncodedText(Text):
    """A corpus as unit ids, in blocks that begin and end with whole runs of units.

    Attributes
    ----------
    size : ids, borders (0) among them
    threads : that count side by side, each a share of the keys; ``default_threads`` unless told
    """

    def __init__(self, threads: int | None = None) -> None:
        self.size = 0
        self.threads = threads or default_threads()
        self._units = np.zeros(1 << 16, np.int64)  # how often each id stands in the text
        self._blocks: list[np.ndarray] = []
        self._sizes: list[int] = []
        self._file = None
        self._lock = threading.Lock()
        self._least = 1  # ids below it are borders
        self._gaps: tuple[Ngrams, bool, list[np.ndarray]] | None = None  # of the last cut

    def append(self, block: np.ndarray) -> None:
        """Add ids, (n,) uint16; borders are taken to stand around them."""
        self.size += block.size
        self._units += _count_units(block)
        self._sizes.append(block.size)
        self._blocks.append(block)
        if self.size > IN_MEMORY:
            self._file = self._file or tempfile.TemporaryFile(prefix="termmine-")  # noqa: SIM115
            for waiting in self._blocks:
                waiting.tofile(self._file)
            self._file.flush()
            self._blocks.clear()

    def blocks(self) -> Iterator[np.ndarray]:
        """The blocks in order; several threads may read at once."""
        if self._file is None:
            yield from self._blocks
            return
        begin = 0
        for size in self._sizes:
            with self._lock:
                self._file.seek(2 * begin)
                block = np.fromfile(self._file, dtype=np.uint16, count=size)
            begin += size
            yield block

    def only_han(self) -> "EncodedText":
        han = copy(self)  # the blocks are shared
        han._least = HAN[0]
        return han

    def unit_counts(self) -> np.ndarray:
        counts = self._units.copy()
        counts[: self._least] = 0
        return counts

    def count_windows(self, n: int) -> int:
        return sum(_count_windows(block, n, self._least) for block in self.blocks())

    def count_ngrams(self, n: int, *, floor: int = 1, shorter: "Ngrams | None" = None) -> "Ngrams":
        frequent, allowed = self.unit_counts() >= max(floor, 1), np.zeros(0, np.uint64)
        if shorter is not None and n == 2:
            frequent &= np.bincount(shorter.keys.astype(np.int64), minlength=1 << 16) > 0
        elif shorter is not None:
            allowed = shorter.as_set()
        count = partial(_ngrams_in, self, n, floor, frequent, allowed)
        return merged(in_threads(count, self.threads))

    def count_by_buckets(self, n: int) -> Iterator["BucketRange"]:
        """All n-grams of ``n`` units, a range of buckets after the other: what is too much to be held at once."""
        step = max(1, min(BUCKETS // self.threads, BUCKETS * _AT_ONCE // max(self.size, 1)))
        units, everything = self.unit_counts() > 0, np.zeros(0, np.uint64)

        def counted(low: int) -> BucketRange:
            high = min(low + step, BUCKETS)
            return BucketRange(low, high, _ngrams_in(self, n, 1, units, everything, low, high))

        return in_parallel(counted, range(0, BUCKETS, step), self.threads)

    def count_pieces(self, cut: "Cut", floor: Callable[[int], int]) -> "Pieces":
        if self._least > 1:
            raise ValueError("pieces are cut from the whole text, not from its Han characters alone")
        gaps = self._gaps_of(cut)
        width = _first_width(self) // 4
        if cut.mixed:  # few are left
            pairs = zip(self.blocks(), gaps, strict=True)
            left = list(in_parallel(lambda block: cut.apply(*block), pairs, self.threads))
            return count_cut(lambda: left, floor, threads=self.threads)
        return count_cut(lambda: map(cut.apply, self.blocks(), gaps), floor, width, self.threads)

    def _gaps_of(self, cut: "Cut") -> list[np.ndarray]:
        """The gaps of each block, kept for the next cut: a text is cut again for its mixed words."""
        if self._gaps is None or self._gaps[0] is not cut.strong or self._gaps[1] != cut.whole_runs:
            strong = StrongNgrams(cut.strong)
            gaps = in_parallel(lambda units: cut.gaps(units, strong), self.blocks(), self.threads)
            self._gaps = cut.strong, cut.whole_runs, list(gaps)
        return self._gaps[2]

    def count_keys(self, find: "FindKeys") -> Iterator["Ngrams"]:
        low, widest = 0, _WIDEST // 2  # one table, of whose rows a copy is made
        while low < BUCKETS:
            table, size, end = np.zeros((min(1 << 12, widest), 2), np.uint64), 0, BUCKETS
            for keys in in_parallel(lambda stretch: find(*stretch), self._stretches(), self.threads):
                table, size, end = _count_found(keys, low, end, table, size, widest)
            yield Ngrams(0, *_rows(table, 1))
            low = end

    def _stretches(self) -> Iterator[tuple[np.ndarray, int, int]]:
        """Each block with the begins and ends of stretches in it."""
        for block in self.blocks():
            yield from ((block, i, min(i + _STRETCH, block.size)) for i in range(0, block.size, _STRETCH))


def encode(lines: Iterable[str], *, units: str = "word") -> EncodedText:
    """Read a corpus once into unit ids.

    Parameters
    ----------
    lines : documents, or the corpus that ``corpus.read_lines`` opened, which is read in large blocks
    units : ``"word"`` Han characters, half-width letters and digits; ``"han"`` Han characters only; ``"any"``
        everything but the line break and NUL

    Raises
    ------
    TypeError : ``lines`` is a bare string, which would be read as one document per character
    InputError : from the corpus, e.g. it is not UTF-8

    >>> [block.tolist() for block in encode(["A，水"]).blocks()]
    [[65, 0], [27700]]
    """
    if isinstance(lines, str):
        raise TypeError("lines must be an iterable of documents, got one str; put it in a list: [text]")
    is_corpus = isinstance(lines, Corpus)
    table = _unit_table(units, fold=is_corpus)
    text = EncodedText()
    text.units = units
    rest: list[np.ndarray] = []  # what follows the last border so far
    for string in lines.blocks() if is_corpus else joined(lines):
        ids = _look_up(table, as_codes(string))
        end = _last_border(ids)
        if end:
            text.append(np.concatenate([*rest, ids[:end]]))
            rest = []
        rest.append(ids[end:])
    text.append(np.concatenate([*rest, np.zeros(0, np.uint16)]))
    return text


def as_codes(text: str) -> np.ndarray:
    """Code points of ``text``, (len(text),) uint32."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def joined(lines: Iterable[str]) -> Iterator[str]:
    """Documents joined by line breaks, some millions of characters at a time."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line.replace("\n", " "))
        size += len(line) + 1
        if size >= BLOCK:
            yield "\n".join([*waiting, ""])
            waiting, size = [], 0
    yield "\n".join(waiting)


@compiled
def _look_up(table, codes):
    ids = np.empty(codes.size, np.uint16)
    for i in range(codes.size):
        ids[i] = table[codes[i]]
    return ids


@compiled
def _last_border(ids):
    """Where the units after the last border begin."""
    end = ids.size
    while end > 0 and ids[end - 1] != 0:
        end -= 1
    return end


# --- tables: rows of (key, count), an empty row has key 0 ------------------------------------------------


@compiled
def _mixed(key):
    """A key whose bits all depend on all of ``key``'s: the highest six are its bucket, the lowest ones its slot."""
    value = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return value ^ (value >> np.uint64(32))


@compiled
def _bucket(mixed):
    return np.int64(mixed >> np.uint64(58))


@compiled
def _buckets(keys):
    found = np.empty(keys.size, np.uint8)
    for i in range(keys.size):
        found[i] = _bucket(_mixed(keys[i]))
    return found


@compiled
def _place(table, key, mixed):
    """The row of ``key``, or the empty row where it belongs."""
    mask = table.shape[0] - 1
    row = np.int64(mixed & np.uint64(mask))
    while table[row, 0] != key and table[row, 0] != 0:
        row = (row + 1) & mask
    return row


@compiled
def _rebuilt(table, width, high):
    """The rows of ``table`` whose bucket is below ``high``, in a table of ``width`` rows; and their number."""
    wider = np.zeros((width, 2), np.uint64)
    size = 0
    for row in range(table.shape[0]):
        key = table[row, 0]
        if key != 0:
            mixed = _mixed(key)
            if _bucket(mixed) < high:
                new = _place(wider, key, mixed)
                wider[new, 0], wider[new, 1] = key, table[row, 1]
                size += 1
    return wider, size


@compiled
def _make_table(keys, counts):
    """A table of given rows, at most half full."""
    width = 16
    while width < 2 * keys.size:
        width *= 2
    table = np.zeros((width, 2), np.uint64)
    for i in range(keys.size):
        row = _place(table, keys[i], _mixed(keys[i]))
        table[row, 0], table[row, 1] = keys[i], np.uint64(counts[i])
    return table


@compiled
def _make_set(keys):
    """Keys alone, at most a quarter full: half the memory to fetch, and rarely a second place to look at."""
    width = 16
    while width < 4 * keys.size:
        width *= 2
    places = np.zeros(width, np.uint64)
    for i in range(keys.size):
        place = np.int64(_mixed(keys[i]) & np.uint64(width - 1))
        while places[place] != 0:
            place = (place + 1) & (width - 1)
        places[place] = keys[i]
    return places


@compiled
def _values(table, keys):
    """The counts of ``keys``, 0 where absent."""
    found = np.empty(keys.size, np.int64)
    for i in range(keys.size):
        found[i] = table[_place(table, keys[i], _mixed(keys[i])), 1]
    return found


@compiled
def _rows(table, floor):
    """Keys and counts of at least ``floor``."""
    size = 0
    for row in range(table.shape[0]):
        size += table[row, 0] != 0 and table[row, 1] >= floor
    keys, counts = np.empty(size, np.uint64), np.empty(size, np.int64)
    i = 0
    for row in range(table.shape[0]):
        if table[row, 0] != 0 and table[row, 1] >= floor:
            keys[i], counts[i] = table[row, 0], table[row, 1]
            i += 1
    return keys, counts


# --- counting n-grams ------------------------------------------------------------------------------------


@compiled
def _unit_mask(n):
    """A key of which ``n`` units are left."""
    return np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 16 * n)


# Tables are larger than the processor's cache. Each step first touches the rows of a whole batch of keys, so that the
# memory fetches them side by side, and then works on them.


@compiled
def _next_keys(units, begin, n, is_unit, low, high, keys):
    """The n-grams that end in ``units[begin : begin + _BATCH]`` and whose buckets are in low..high; their number."""
    mask = _unit_mask(n)
    key, run = np.uint64(0), 0
    for i in range(max(begin - n + 1, 0), begin):
        run = run + 1 if is_unit[units[i]] else 0
        key = (key << np.uint64(16)) | np.uint64(units[i])
    size = 0
    for i in range(begin, min(begin + _BATCH, units.size)):
        run = run + 1 if is_unit[units[i]] else 0
        key = ((key << np.uint64(16)) | np.uint64(units[i])) & mask
        keys[size] = key
        bucket = _bucket(_mixed(key))
        size += (run >= n) & (bucket >= low) & (bucket < high)
    return size


@compiled
def _touch(table, keys, size, rows):
    """The first row to look at for each key; the sum keeps the compiler from leaving the reads out."""
    mask = np.uint64(table.shape[0] - 1)
    seen = np.uint64(0)
    for i in range(size):
        rows[i] = np.int64(_mixed(keys[i]) & mask)
        seen += table[rows[i], 0]
    return seen


@compiled
def _are_held(places, keys, size, held, rows):
    """Which keys a set holds."""
    last = places.size - 1
    seen = np.uint64(0)
    for i in range(size):
        rows[i] = np.int64(_mixed(keys[i]) & np.uint64(last))
        seen += places[rows[i]]
    for i in range(size):
        place = rows[i]
        while places[place] != keys[i] and places[place] != 0:
            place = (place + 1) & last
        held[i] = places[place] != 0
    return seen


@compiled
def _allowed(places, keys, size, shift, mask, parts, held, rows):
    """Move the keys whose part (key >> shift & mask) the set holds to the front; their number."""
    for i in range(size):
        parts[i] = (keys[i] >> shift) & mask
    _are_held(places, parts, size, held, rows)
    kept = 0
    for i in range(size):
        keys[kept] = keys[i]
        kept += held[i]
    return kept


@compiled
def _count_keys(table, keys, size, rows):
    """Add one to each key; returns how many were new."""
    seen = _touch(table, keys, size, rows)
    new = 0
    last = table.shape[0] - 1
    for i in range(size):
        row = rows[i]
        while table[row, 0] != keys[i]:
            if table[row, 0] == 0:
                table[row, 0] = keys[i]
                new += 1
                break
            row = (row + 1) & last
        table[row, 1] += np.uint64(1)
    return new if seen >= 0 else 0


@compiled
def _count_until_full(units, begin, n, is_unit, shorter, low, high, table, room):
    """Count until the block ends or fewer than a batch of new keys fits; where it stopped, and the new keys."""
    keys, parts = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.uint64)
    rows, held = np.empty(_BATCH, np.int64), np.empty(_BATCH, np.bool_)
    new = 0
    while begin < units.size and new + _BATCH <= room:
        size = _next_keys(units, begin, n, is_unit, low, high, keys)
        if shorter.size > 0:
            mask = _unit_mask(n - 1)
            size = _allowed(shorter, keys, size, np.uint64(0), mask, parts, held, rows)
            size = _allowed(shorter, keys, size, np.uint64(16), mask, parts, held, rows)
        new += _count_keys(table, keys, size, rows)
        begin += _BATCH
    return begin, new


@compiled
def _made_room(table, size, low, high, widest):
    """A table with room for a batch of new keys, and how many fit; too wide a one gives up its higher buckets."""
    room = table.shape[0] * 7 // 10 - size
    while room < _BATCH:
        width = table.shape[0]
        if width < widest or high - low == 1:
            width *= 2
        else:
            high = (low + high + 1) // 2
        table, size = _rebuilt(table, width, high)
        room = table.shape[0] * 7 // 10 - size
    return table, size, high, room


@compiled
def _count_block(units, n, is_unit, shorter, low, high, table, size, widest):
    """Count the n-grams of a block whose buckets are in low..high; ``high`` sinks when the table gets too wide.

    Unless ``shorter`` is empty, it is the set of the (n-1)-grams that are frequent enough: only what both its
    (n-1)-grams allow is counted. ``is_unit``: (65536,) bool, which ids are no borders.
    """
    begin = 0
    while begin < units.size:
        table, size, high, room = _made_room(table, size, low, high, widest)
        begin, new = _count_until_full(units, begin, n, is_unit, shorter, low, high, table, room)
        size += new
    return table, size, high


@compiled
def _count_found(found, low, high, table, size, widest):
    """Count given keys, those whose buckets are in low..high; ``high`` sinks when the table gets too wide."""
    keys, rows = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.int64)
    for begin in range(0, found.size, _BATCH):
        table, size, high, _ = _made_room(table, size, low, high, widest)
        kept = 0
        for i in range(begin, min(begin + _BATCH, found.size)):
            keys[kept] = found[i]
            kept += low <= _bucket(_mixed(found[i])) < high
        size += _count_keys(table, keys, kept, rows)
    return table, size, high


@compiled
def _count_units(units):
    counts = np.zeros(1 << 16, np.int64)
    for i in range(units.size):
        counts[units[i]] += 1
    return counts


@compiled
def _count_windows(units, n, least):
    total, run = 0, 0
    for i in range(units.size):
        run = run + 1 if units[i] >= least else 0
        total += run >= n
    return total


def _shares(keys: np.ndarray, number: int) -> np.ndarray:
    """To which of a number of shares the bucket of each key belongs."""
    return _buckets(keys).astype(np.int64) * number // BUCKETS


@dataclass(frozen=True, slots=True)
class Ngrams:
    """Counted n-grams.

    Attributes
    ----------
    n : units of each; after ``merged``, of the longest; 0 where the keys are no n-grams
    keys : (rows,) uint64, ascending; the ids of the n-gram, 16 bits each, the last one lowest
    counts : (rows,) int64
    """

    n: int
    keys: np.ndarray
    counts: np.ndarray

    def where(self, kept: np.ndarray) -> "Ngrams":
        """The rows for which ``kept``, (rows,) bool, is true."""
        return Ngrams(self.n, self.keys[kept], self.counts[kept])

    def part(self, begin: int, end: int) -> np.ndarray:
        """The keys of the units ``begin:end`` of each n-gram."""
        return (self.keys >> np.uint64(16 * (self.n - end))) & np.uint64((1 << 16 * (end - begin)) - 1)

    def is_han(self) -> np.ndarray:
        """Which n-grams, all of ``n`` units, hold neither letter nor digit, (rows,) bool."""
        return np.logical_and.reduce([self.part(i, i + 1) >= HAN[0] for i in range(self.n)])

    def table(self) -> np.ndarray:
        """For looking keys up in compiled code."""
        return _make_table(self.keys, self.counts)

    def as_set(self) -> np.ndarray:
        """For asking in compiled code which keys are there."""
        return _make_set(self.keys)

    def count_of(self, keys: np.ndarray) -> np.ndarray:
        """The counts of other keys, 0 where absent."""
        return _values(self.table(), keys)

    def shares(self, number: int) -> list["Ngrams"]:
        """The rows dealt out by their keys' buckets: a key goes to the same share, whichever text it is from."""
        share = _shares(self.keys, number)
        return [self.where(share == i) for i in range(number)]

    def strings(self) -> list[str]:
        """The n-grams."""
        units = self.keys.astype(">u8").view(">u2").reshape(-1, LONGEST)
        begins = (units == 0).sum(axis=1)  # a shorter n-gram leaves the higher units empty
        order = (np.arange(LONGEST) + begins[:, None]) % LONGEST
        codes = np.take_along_axis(units, order, axis=1).astype(np.uint32)
        return codes.view(f"U{LONGEST}").ravel().tolist()


@dataclass(frozen=True, slots=True)
class BucketRange:
    """The n-grams of the buckets ``low`` .. ``high`` - 1."""

    low: int
    high: int
    ngrams: Ngrams

    def __iter__(self) -> Iterator[Ngrams]:
        """The n-grams of each bucket, keys ascending."""
        buckets = _buckets(self.ngrams.keys)
        order = np.argsort(buckets, kind="stable")
        edges = np.searchsorted(buckets[order], np.arange(self.low, self.high + 1, dtype=np.uint8))
        for begin, end in pairwise(edges.tolist()):
            yield self.ngrams.where(order[begin:end])


def merged(parts: Iterable[Ngrams], floor: int = 1) -> Ngrams:
    """The sums of counts, those of at least ``floor``."""
    parts = list(parts)
    keys = np.concatenate([part.keys for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: keys.size])
    if begins.size:
        keys, counts = keys[begins], np.add.reduceat(counts, begins)
    kept = counts >= floor
    return Ngrams(max(part.n for part in parts), keys[kept], counts[kept])


def default_threads() -> int:
    """One for each core that this process may use, up to four: more would read the text more often than they help.

    numba knows the cores; the environment variable NUMBA_NUM_THREADS sets another number.
    """
    return min(numba.config.NUMBA_NUM_THREADS, _MOST_THREADS)


def in_threads(function: Callable, threads: int | None = None) -> list:
    """``function(low, high)`` over shares of the buckets, a share a thread; the results in order."""
    threads = min(threads or default_threads(), BUCKETS)
    edges = np.linspace(0, BUCKETS, threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, edges[:-1], edges[1:]))


def in_parallel(function: Callable, items: Iterable, threads: int | None = None) -> Iterator:
    """The results in order, few items at a time in memory."""
    threads = threads or default_threads()
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


def _width_each(rows: int, threads: int) -> int:
    """The widest table of each thread: a power of 2, since tables grow by doubling."""
    return 1 << ((rows // threads).bit_length() - 1)


def _first_width(text: EncodedText) -> int:
    """Rows that each thread begins with, so that a large table need not grow often."""
    return 1 << min(max(text.size // (6 * text.threads), 1 << 12).bit_length(), 22)


def _ngrams_in(
    text: EncodedText, n: int, floor: int, is_unit: np.ndarray, allowed: np.ndarray, low: int, high: int
) -> Ngrams:
    """Counts of the buckets low..high, as many at a time as a table can hold."""
    parts, widest = [], _width_each(_WIDEST, text.threads)
    while low < high:
        table, size, end = np.zeros((_first_width(text), 2), np.uint64), 0, high
        for block in text.blocks():
            table, size, end = _count_block(block, n, is_unit, allowed, low, end, table, size, widest)
        parts.append(Ngrams(n, *_rows(table, floor)))
        low = end
    return merged(parts)


def count(lines: Iterable[str], *, max_len: int = LONGEST, units: str = "word") -> pd.Series:
    """Counts of all n-grams of 1 .. ``max_len`` units, index the n-gram, shortest first, then by code point.

    Raises
    ------
    InputError : ``max_len`` is not in 1..4

    >>> count(["abab", "abc"], max_len=2).to_dict()
    {'a': 3, 'b': 3, 'c': 1, 'ab': 3, 'ba': 1, 'bc': 1}
    """
    if not 1 <= max_len <= LONGEST:
        raise InputError(f"max_len must be in 1..{LONGEST}, got {max_len!r}")
    text = encode(lines, units=units)
    tables = [text.count_ngrams(n) for n in range(1, max_len + 1)]
    terms = [term for table in tables for term in table.strings()]
    counts = np.concatenate([table.counts for table in tables])
    return pd.Series(counts, index=pd.Index(terms, dtype=object, name="term"), name="count")


# --- cutting, and counting the pieces --------------------------------------------------------------------


@compiled
def _glue(units, n, strong, glued):
    """Set ``glued[i]`` for the gaps between i and i + 1 that a strong n-gram of ``n`` units spans."""
    keys, rows = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.int64)
    held = np.empty(_BATCH, np.bool_)
    mask = _unit_mask(n)
    key, run = np.uint64(0), 0
    for begin in range(0, units.size, _BATCH):
        size = min(_BATCH, units.size - begin)
        for i in range(size):
            unit = units[begin + i]
            run = run + 1 if unit != 0 else 0
            key = (key << np.uint64(16)) | np.uint64(unit)
            keys[i] = key & mask if run >= n else np.uint64(1) << np.uint64(63)  # no n-gram's key
        _are_held(strong, keys, size, held, rows)
        for i in range(size):
            for k in range(1, n):
                glued[max(begin + i - k, 0)] |= held[i]


@compiled
def _glue_pairs(units, rows, columns, bits, glued):
    """Set ``glued[i]`` where units i and i + 1 are a strong pair."""
    for i in range(units.size - 1):
        column = columns[units[i + 1]]
        glued[i] |= bits[rows[units[i]] + (column >> 3)] >> (column & 7) & 1


@compiled
def _is_alnum(unit):
    return 48 <= unit <= 57 or 65 <= unit <= 90 or 97 <= unit <= 122


@compiled
def _glue_runs(units, glued):
    """Keep runs of letters and digits whole."""
    for i in range(units.size - 1):
        glued[i] |= _is_alnum(units[i]) & _is_alnum(units[i + 1])


@compiled
def _without_taken(units, glued, taken):
    """The units without what a run of letters and digits forms with the piece after it, if the set ``taken`` has it."""
    kept = units.copy()
    begin, is_mixed, last = 0, False, taken.size - 1
    rolled, hashed = np.uint64(0), _NO_PIECE
    for i in range(units.size):
        rolled = (rolled << np.uint64(16)) | np.uint64(units[i])
        hashed = (hashed ^ np.uint64(units[i])) * _PRIME
        if i + 1 < units.size and _is_alnum(units[i]) and units[i + 1] != 0 and not _is_alnum(units[i + 1]):
            is_mixed = True
        elif not glued[i]:
            if is_mixed:
                key = _piece_key(rolled, hashed, i + 1 - begin)
                place = np.int64(_mixed(key)) & last
                while taken[place] != key and taken[place] != 0:
                    place = (place + 1) & last
                if taken[place] == key:
                    kept[begin : i + 1] = 0
            begin, is_mixed, hashed = i + 1, False, _NO_PIECE
    return kept


@compiled
def _only_mixed(units, glued, after):
    """Glue runs of letters and digits to the piece after them, or before; these pieces alone, and their gaps."""
    kept, kept_glued = np.empty(units.size + 1, units.dtype), np.empty(units.size + 1, np.bool_)
    size, begin, is_mixed = 0, 0, False
    for i in range(units.size):
        if i + 1 < units.size and units[i] != 0 and units[i + 1] != 0:
            left, right = _is_alnum(units[i]), _is_alnum(units[i + 1])
            if left != right and left == after:
                glued[i] = is_mixed = True
        if not glued[i]:
            if is_mixed:
                for k in range(begin, i + 1):
                    kept[size], kept_glued[size] = units[k], glued[k]
                    size += 1
            begin, is_mixed = i + 1, False
    kept_glued[size] = False
    return kept[:size].copy(), kept_glued[: size + 1].copy()


# Pieces are counted as n-grams are. The key of a piece of more than four units is a hash, marked by an empty lowest
# unit; a store keeps its length (low and high half) and its units, which decide. Beside the table stand, for each row,
# the position of the first occurrence and where the store has the piece (0 for short ones).

_NO_PIECE = np.uint64(14695981039346656037)  # FNV-1a, from here on
_PRIME = np.uint64(1099511628211)


@compiled
def _piece_key(rolled, hashed, length):
    if length <= 4:
        return rolled & _unit_mask(length)
    return (hashed & ~np.uint64(0xFFFF)) | np.uint64(1) << np.uint64(63)


@compiled
def _next_pieces(units, glued, i, begin, low, high, begins, lengths, keys, singles):
    """Up to a batch of pieces of two units and more from position ``i`` on whose buckets are in low..high.

    ``begin`` is where the piece at ``i`` began. Single units are counted at once. Returns where to go on, the number
    of pieces found, and how many pieces were passed in all.
    """
    rolled, hashed = np.uint64(0), _NO_PIECE
    for k in range(begin, i):
        rolled, hashed = (rolled << np.uint64(16)) | np.uint64(units[k]), (hashed ^ np.uint64(units[k])) * _PRIME
    size, total = 0, 0
    while i < units.size and size < _BATCH:
        unit = units[i]
        rolled = (rolled << np.uint64(16)) | np.uint64(unit)
        hashed = (hashed ^ np.uint64(unit)) * _PRIME
        length = i + 1 - begin
        is_end = (unit != 0) & (not glued[i])
        key = _piece_key(rolled, hashed, length)
        bucket = _bucket(_mixed(key))
        begins[size], lengths[size], keys[size] = begin, length, key
        singles[unit] += is_end & (length == 1)
        size += is_end & (length > 1) & (bucket >= low) & (bucket < high)
        total += is_end
        i += 1
        if not glued[i - 1]:
            begin, hashed = i, _NO_PIECE
    return i, begin, size, total


@compiled
def _is_stored(store, at, units, begin, length):
    if np.int64(store[at]) + (np.int64(store[at + 1]) << 16) != length:
        return False
    for i in range(length):  # noqa: SIM110 (numba compiles no generator)
        if store[at + 2 + i] != units[begin + i]:
            return False
    return True


@compiled
def _put_in_store(store, at, units, begin, length):
    store[at], store[at + 1] = length & 0xFFFF, length >> 16
    for i in range(length):
        store[at + 2 + i] = units[begin + i]
    return at + length + 2


@compiled
def _put_pieces(units, begins, lengths, keys, counts, firsts, size, table, beside, store, used, rows):
    """Add a batch of pieces; how many were new, and the end of the store."""
    seen = _touch(table, keys, size, rows)
    last = table.shape[0] - 1
    new = 0
    for i in range(size):
        row, key, length = rows[i], keys[i], lengths[i]
        while table[row, 0] != 0:
            if table[row, 0] == key and (length <= 4 or _is_stored(store, beside[row, 1], units, begins[i], length)):
                break
            row = (row + 1) & last
        if table[row, 0] == 0:
            table[row, 0], beside[row, 0] = key, firsts[i]
            if length > 4:
                beside[row, 1] = used
                used = _put_in_store(store, used, units, begins[i], length)
            new += 1
        table[row, 1] += np.uint64(counts[i])
    return new if seen >= 0 else 0, used


@compiled
def _rebuilt_pieces(table, beside, width, high):
    """The rows whose bucket is below ``high`` in a table of ``width`` rows, and their number."""
    wider, wider_beside = np.zeros((width, 2), np.uint64), np.zeros((width, 2), np.int64)
    size = 0
    for row in range(table.shape[0]):
        if table[row, 0] != 0:
            mixed = _mixed(table[row, 0])
            if _bucket(mixed) < high:
                new = np.int64(mixed & np.uint64(width - 1))
                while wider[new, 0] != 0:  # all pieces are distinct
                    new = (new + 1) & (width - 1)
                wider[new], wider_beside[new] = table[row], beside[row]
                size += 1
    return wider, wider_beside, size


@compiled
def _add_pieces(units, begins, lengths, keys, counts, firsts, found, low, high, state, rows, widest):
    """Add a batch to the tables of ``state``, which may be replaced by wider ones; ``high`` may sink."""
    table, beside, store, size, used = state
    needed = lengths[:found].sum() + 2 * found
    if used + needed > store.size:
        store = np.concatenate((store, np.empty(store.size + needed, np.uint16)))
    while size + _BATCH > table.shape[0] * 3 // 4:
        width = table.shape[0]
        if width < widest or high - low == 1:
            width *= 2
        else:
            high = (low + high + 1) // 2
        table, beside, size = _rebuilt_pieces(table, beside, width, high)
    new, used = _put_pieces(units, begins, lengths, keys, counts, firsts, found, table, beside, store, used, rows)
    return high, (table, beside, store, size + new, used)


@compiled
def _no_pieces(width):
    store = np.empty(1 << 12, np.uint16)
    return np.zeros((width, 2), np.uint64), np.zeros((width, 2), np.int64), store, 0, 1


@compiled
def _count_pieces(units, glued, base, low, high, state, singles, widest):
    """Count the maximal glued pieces of a block that begins at ``base``; how many there are in all buckets.

    When ``high`` sinks, pieces above it may still be put in; ``_piece_rows`` leaves them out.
    """
    begins, lengths = np.empty(_BATCH, np.int64), np.empty(_BATCH, np.int64)
    keys, rows = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.int64)
    ones = np.ones(_BATCH, np.int64)
    i, begin, total = 0, 0, 0
    while i < units.size:
        i, begin, found, passed = _next_pieces(units, glued, i, begin, low, high, begins, lengths, keys, singles)
        total += passed
        high, state = _add_pieces(
            units, begins, lengths, keys, ones, begins + base, found, low, high, state, rows, widest
        )
    return total, high, state


@compiled
def _merge_pieces(units, lengths, counts, firsts, low, high, state):
    """Add counted pieces, whose units follow each other, to tables that are never narrowed."""
    keys, rows = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.int64)
    begins, sizes = np.empty(_BATCH, np.int64), np.empty(_BATCH, np.int64)
    numbers, places = np.empty(_BATCH, np.int64), np.empty(_BATCH, np.int64)
    found, end = 0, 0
    for i in range(lengths.size):
        rolled, hashed = np.uint64(0), _NO_PIECE
        for k in range(end, end + lengths[i]):
            rolled, hashed = (rolled << np.uint64(16)) | np.uint64(units[k]), (hashed ^ np.uint64(units[k])) * _PRIME
        keys[found] = _piece_key(rolled, hashed, lengths[i])
        begins[found], sizes[found], numbers[found], places[found] = end, lengths[i], counts[i], firsts[i]
        end += lengths[i]
        found += low <= _bucket(_mixed(keys[found])) < high
        if found == _BATCH or i == lengths.size - 1:
            widest = np.int64(1) << 62
            _, state = _add_pieces(units, begins, sizes, keys, numbers, places, found, low, high, state, rows, widest)
            found = 0
    return state


@compiled
def _piece_keys(units, lengths):
    """The keys of pieces whose units follow each other."""
    keys = np.empty(lengths.size, np.uint64)
    end = 0
    for i in range(lengths.size):
        rolled, hashed = np.uint64(0), _NO_PIECE
        for k in range(end, end + lengths[i]):
            rolled, hashed = (rolled << np.uint64(16)) | np.uint64(units[k]), (hashed ^ np.uint64(units[k])) * _PRIME
        keys[i] = _piece_key(rolled, hashed, lengths[i])
        end += lengths[i]
    return keys


@compiled
def _length_of(key, store, at):
    if at > 0:
        return np.int64(store[at]) + (np.int64(store[at + 1]) << 16)
    length = 1
    while length < 4 and key >> np.uint64(16 * length) != 0:
        length += 1
    return length


@compiled
def _piece_rows(state, high, floor):
    """The pieces of at least ``floor`` occurrences: their units one after the other, lengths, counts, positions."""
    table, beside, store, _, _ = state
    kept = np.empty(table.shape[0], np.bool_)
    rows, n_units = 0, 0
    for row in range(table.shape[0]):
        key = table[row, 0]
        kept[row] = key != 0 and table[row, 1] >= floor and _bucket(_mixed(key)) < high
        if kept[row]:
            rows += 1
            n_units += _length_of(key, store, beside[row, 1])
    units, lengths = np.empty(n_units, np.uint16), np.empty(rows, np.int64)
    counts, firsts = np.empty(rows, np.int64), np.empty(rows, np.int64)
    end = 0
    for i, row in enumerate(np.flatnonzero(kept)):
        key, at = table[row, 0], beside[row, 1]
        length = _length_of(key, store, at)
        lengths[i], counts[i], firsts[i] = length, table[row, 1], beside[row, 0]
        for k in range(length):
            if at > 0:
                units[end + k] = store[at + 2 + k]
            else:
                units[end + k] = (key >> np.uint64(16 * (length - 1 - k))) & np.uint64(0xFFFF)
        end += length
    return units, lengths, counts, firsts


@compiled
def _without_short_runs(units, min_run):
    """Units whose run between two borders is long enough; the others become borders."""
    kept = units.copy()
    begin = 0
    for i in range(units.size + 1):
        if i == units.size or units[i] == 0:
            if i - begin < min_run:
                kept[begin:i] = 0
            begin = i + 1
    return kept


@dataclass(frozen=True, slots=True)
class Pieces:
    """Distinct pieces of a cut text.

    Attributes
    ----------
    ids : (Σ lengths,) uint16; the units of all pieces, one after the other
    lengths : (rows,) int64 units
    counts, firsts : (rows,) int64; occurrences, and the position of the first one, from 1 on (0 for single units)
    total : occurrences of all pieces, the rare ones that are left out among them
    """

    ids: np.ndarray
    lengths: np.ndarray
    counts: np.ndarray
    firsts: np.ndarray
    total: int

    def where(self, kept: np.ndarray) -> "Pieces":
        """The rows for which ``kept``, (rows,) bool, is true."""
        ids = self.ids[np.repeat(kept, self.lengths)]
        return Pieces(ids, self.lengths[kept], self.counts[kept], self.firsts[kept], self.total)

    def shares(self, number: int) -> list["Pieces"]:
        """The rows dealt out by their keys' buckets: a piece goes to the same share, whichever text it is from."""
        share = _shares(_piece_keys(self.ids, self.lengths), number)
        return [self.where(share == i) for i in range(number)]

    def in_order(self) -> dict[str, int]:
        """The pieces as strings with their counts: single units by code point, the others in order of occurrence."""
        ends = np.cumsum(self.lengths)
        single = np.where(self.lengths == 1, self.ids[ends - 1], 0)
        order = np.lexsort((single, self.firsts))
        begins, ends = (ends - self.lengths)[order].tolist(), ends[order].tolist()
        string = self.ids.astype("<u2").tobytes().decode("utf-16-le")
        pairs = zip(begins, ends, self.counts[order].tolist(), strict=True)
        return {string[begin:end]: number for begin, end, number in pairs}


class StrongNgrams:
    """N-grams made ready for gluing.

    Attributes
    ----------
    pairs : left unit → where its row begins, right unit → its column, and the rows, a bit a pair: a table that the
        processor's cache can hold
    longer : the others as a set
    """

    def __init__(self, ngrams: Ngrams) -> None:
        is_pair = ngrams.keys < 1 << 32
        pairs = Ngrams(2, ngrams.keys[is_pair], ngrams.counts[is_pair])
        left, right = (pairs.part(i, i + 1).astype(np.int64) for i in (0, 1))
        rows, columns = np.zeros(1 << 16, np.int64), np.zeros(1 << 16, np.int64)
        for places, units in ((rows, np.unique(left)), (columns, np.unique(right))):
            places[units] = np.arange(1, units.size + 1)  # 0 for the units that are in no pair
        table = np.zeros((rows.max() + 1, columns.max() + 1), np.bool_)
        table[rows[left], columns[right]] = True
        bits = np.packbits(table, axis=1, bitorder="little")
        self.pairs = rows * bits.shape[1], columns, bits.ravel()
        self.longer = ngrams.where(~is_pair).as_set()


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a text is cut: at every border, and in every gap that nothing glues.

    Attributes
    ----------
    strong : n-grams of any lengths; each glues the gaps that it spans
    whole_runs : runs of letters and digits are glued
    mixed : "after" or "before": only what a run of letters and digits forms with the piece after it, or before it
    taken : with "before", what such runs form with the pieces after them and keep: their keys, as ``piece_keys``
    min_run : units; shorter runs between two borders are passed over
    """

    strong: Ngrams
    whole_runs: bool = False
    mixed: str = ""
    taken: np.ndarray | None = None
    min_run: int = 1

    def gaps(self, units: np.ndarray, strong: "StrongNgrams") -> np.ndarray:
        """One bit a unit: set where strong n-grams or runs glue i and i + 1."""
        glued = np.zeros(units.size + 1, np.bool_)
        _glue_pairs(units, *strong.pairs, glued)
        for n in range(3, self.strong.n + 1):
            _glue(units, n, strong.longer, glued)
        if self.whole_runs:
            _glue_runs(units, glued)
        return np.packbits(glued)

    def apply(self, units: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The units to cut, and where no cut is between i and i + 1, (len(units) + 1,) bool."""
        glued = np.unpackbits(gaps, count=units.size + 1).view(np.bool_)
        if self.taken is not None and self.taken.size:
            units = _without_taken(units, glued, _make_set(self.taken))
        if self.mixed:
            return _only_mixed(units, glued, self.mixed == "after")
        if self.min_run > 1:
            units = _without_short_runs(units, self.min_run)
        return units, glued


def piece_keys(pieces: Iterable[str]) -> np.ndarray:
    """The keys of pieces, (rows,) uint64; of one unit a character."""
    pieces = list(pieces)
    lengths = np.array(list(map(len, pieces)), np.int64)
    return _piece_keys(as_codes("".join(pieces)).astype(np.uint16), lengths)


def merged_pieces(parts: Sequence[Pieces], floor: int = 1) -> Pieces:
    """The sums of the counts of texts that follow each other, those of at least ``floor``."""
    state = _no_pieces(1 << 12)
    for part in parts:
        state = _merge_pieces(part.ids, part.lengths, part.counts, part.firsts, 0, BUCKETS, state)
    return Pieces(*_piece_rows(state, BUCKETS, floor), sum(part.total for part in parts))


def joined_pieces(parts: Sequence[Pieces]) -> Pieces:
    """All shares of the pieces of one text."""
    names = ("ids", "lengths", "counts", "firsts")
    return Pieces(*(np.concatenate([getattr(part, name) for part in parts]) for name in names), parts[0].total)


# Finds keys in a stretch of a block, given its begin and end.
FindKeys = Callable[[np.ndarray, int, int], np.ndarray]

# Blocks of units, and where no cut is between i and i + 1; read anew by every call.
CutBlocks = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]


def count_cut(
    blocks: CutBlocks, floor: Callable[[int], int], width: int = 1 << 12, threads: int | None = None
) -> Pieces:
    """Count the pieces of blocks that are cut.

    Parameters
    ----------
    blocks : gives the cut blocks, in order
    floor : number of all pieces → the occurrences that a piece needs to be returned
    width : rows of a table to begin with, a power of 2
    threads : that count side by side, each cutting all blocks for itself (default: ``default_threads``)
    """
    threads = threads or default_threads()
    widest = _width_each(_WIDEST // 2, threads)  # rows are twice as wide
    return joined_pieces(in_threads(lambda low, high: _pieces_in(blocks, floor, width, widest, low, high), threads))


def _pieces_in(blocks: CutBlocks, floor: Callable[[int], int], width: int, widest: int, low: int, high: int) -> Pieces:
    """Counts of the buckets low..high, as many at a time as a table can hold."""
    parts = []
    while low < high:
        state, singles = _no_pieces(width), np.zeros(1 << 16, np.int64)
        total, base, end = 0, 1, high
        for units, glued in blocks():
            found, end, state = _count_pieces(units, glued, base, low, end, state, singles, widest)
            total += found
            base += units.size + 1
        parts.append(Pieces(*_piece_rows(state, end, floor(total)), total))
        if low == 0:
            ids = np.flatnonzero(singles >= max(floor(total), 1))
            parts.append(Pieces(ids.astype(np.uint16), np.ones_like(ids), singles[ids], np.zeros_like(ids), total))
        low = end
    return joined_pieces(parts)

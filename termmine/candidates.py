"""Which word groups are terms?

In the classic chain every discovered word of two characters or more is a candidate (``from_words``). Terms are more
than words, though: ``from_phrases`` takes every run of one to four words of a segmentation, and tells what the text
shows of it: how free it stands, how firmly its words hold together, what it is part of, what it begins and ends with.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Integral

import numpy as np
import pandas as pd

from termmine import lattice, nominal
from termmine.errors import InputError
from termmine.ngrams import as_codes, compiled
from termmine.segmentation import Block, SegmentedText

_WORDS = 4  # words of a candidate at most; the kernels' tables are that wide
_PARTS = [(first, size) for size in range(1, _WORDS) for first in range(_WORDS - size + 1)]  # proper parts of a run
_MANY = 500_000  # characters; on less text a candidate may occur twice only
_ROW_SHIFT = 21  # bits of a code point
_HAN = "\u3007\u25cb\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # what ``lattice.atoms`` takes as Han characters
_UNSEEN = 5.0  # occurrences with the average share, added to a character's before its share of lone ones is taken


def from_words(
    words: pd.DataFrame,
    background_words: pd.DataFrame,
    domain: Iterable[str],
    background: Iterable[str],
    *,
    min_len: int = 2,
) -> pd.DataFrame:
    """Candidates with their counts in both corpora.

    Parameters
    ----------
    words, background_words : ``term, count`` as discovery leaves them
    domain, background : the corpora, for occurrences
    min_len : characters

    Returns
    -------
    frame : ``term, count, doc_freq, background_count`` (overlapping occurrences, documents),
        ``word_count, background_word_count`` (times cut out as a word); by ``term``
    """
    frame = words[words["term"].str.len() >= min_len].rename(columns={"count": "word_count"})
    frame = frame.sort_values("term", ignore_index=True)
    counts = _counted(frame["term"].tolist(), domain, background)
    as_word = background_words.set_index("term")["count"].reindex(frame["term"], fill_value=0)
    counts["word_count"] = frame["word_count"]
    counts["background_word_count"] = as_word.to_numpy()
    return counts


def _counted(terms: list[str], domain: Iterable[str], background: Iterable[str]) -> pd.DataFrame:
    """``term, count, doc_freq, background_count`` by plain occurrences."""
    trie = lattice.Trie(terms)
    here, there = trie.occurrences(domain), trie.occurrences(background)
    columns = {
        "term": np.array(terms, dtype=object),
        "count": here["count"].to_numpy(),
        "doc_freq": here["doc_freq"].to_numpy(),
        "background_count": there["count"].to_numpy(),
    }
    return pd.DataFrame(columns)


def count_in_parts(terms: Sequence[str], lines: Iterable[str], *, parts: int = 60) -> pd.DataFrame:
    """How often each term occurs along the corpus, which shows what belongs everywhere and what to a few pages.

    The D documents are cut into ``parts`` runs of D / ``parts`` documents, rounded up or down; of fewer documents
    each is a part.

    Parameters
    ----------
    terms : distinct
    lines : the corpus, read once
    parts : runs of documents

    Returns
    -------
    frame : ``term, part, count``: every term in every part, 0 where it does not occur; terms in the order given,
        parts from 1 on; overlapping occurrences count

    Raises
    ------
    InputError : parts is below 1, or a term is empty or comes twice
    TypeError : the terms or the lines are one str

    >>> count_in_parts(["蜂王"], ["蜂王产卵", "采蜜", "蜂王和老蜂王"], parts=2).values.tolist()   # 2 documents and 1
    [['蜂王', 1, 1], ['蜂王', 2, 2]]
    """
    for name, strings in (("terms", terms), ("lines", lines)):
        if isinstance(strings, str):
            raise TypeError(f"{name} must be a list of strings, got one str")
    if not isinstance(parts, Integral) or parts < 1:
        raise InputError(f"parts must be 1 or more, a whole number, got {parts!r}")
    terms = np.array(list(terms), dtype=object)
    if "" in terms or len(set(terms)) < terms.size:
        raise InputError("terms must be distinct and not empty; drop repeats")
    found = lattice.Trie(terms.tolist()).count_by_document(lines).tocoo()
    parts = min(parts, found.shape[0])
    part = found.row.astype(np.int64) * parts // max(found.shape[0], 1)
    count = np.bincount(found.col * np.int64(parts) + part, found.data, terms.size * parts).astype(np.int64)
    numbers = np.tile(np.arange(1, parts + 1), terms.size)
    return pd.DataFrame({"term": np.repeat(terms, parts), "part": numbers, "count": count})


# --- runs of words ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseConfig:
    """Which runs of words are candidates."""

    max_words: int = 4  # words
    max_len: int = 12  # characters
    min_len: int = 2  # characters
    min_count: int | str = "auto"  # occurrences as a run of words; auto: 3, on less than 500,000 characters 2

    def __post_init__(self) -> None:
        for name in ("max_words", "max_len", "min_len"):
            if type(getattr(self, name)) is not int:
                raise InputError(f"{name} must be a whole number, got {getattr(self, name)!r}")
        if not 1 <= self.max_words <= _WORDS:
            raise InputError(f"max_words must be in 1..{_WORDS}, got {self.max_words!r}")
        if not 1 <= self.min_len <= self.max_len:
            raise InputError(f"min_len must be 1 or more and max_len no less, got {self.min_len} and {self.max_len}")
        if self.min_count != "auto" and (type(self.min_count) is not int or self.min_count < 1):
            raise InputError(f"min_count must be 1 or more, or auto, got {self.min_count!r}")

    def floor(self, characters: int) -> int:
        """``min_count`` for a text of so many characters."""
        return (3 if characters >= _MANY else 2) if self.min_count == "auto" else self.min_count


def from_phrases(
    text: SegmentedText,
    background: Iterable[str],
    words: pd.DataFrame,
    background_words: pd.DataFrame,
    config: PhraseConfig | None = None,
) -> pd.DataFrame:
    """Candidates of one to four words, with what the text shows of them.

    A candidate is a string of ``min_len..max_len`` characters, numbers excepted, that occurs ``min_count`` times as a
    run of 1..``max_words`` whole words between two borders (marks, blanks, ends of documents). f is the number of these
    occurrences (``word_count``). Where a string is cut in several ways, f sums over them, and its words, parts and
    splits are those of its first occurrence. Parts are counted even where they are too short to be candidates.

    Parameters
    ----------
    text : the domain, cut into words
    background : the background corpus, for occurrences; read once
    words, background_words : ``term, count``, for the characters that stand alone

    Returns
    -------
    frame : ``term``, by which it is sorted, and

        - ``count, doc_freq, background_count``: plain occurrences, overlapping ones too; documents
        - ``word_count``: f; ``n_words``: words in it, the mean over its occurrences
        - ``left_entropy, right_entropy``: of the neighbouring characters, nats; a border is one kind of neighbour
        - ``left_border, right_border``: share of f beside a border
        - ``cohesion``: min over its splits at word borders of ln(N f(ab) / (f(a) f(b))), nats; N tokens; 0 at a split
          of which a part occurs less than ``min_count`` times; NaN for one word
        - ``c_value``: log2(characters) · (f − mean f of the runs of whole words that contain it)
        - ``free_share``: share of f that no run of one word more, frequent enough as well, covers
        - ``extension_share``: Σ f of the runs that are it and one word behind it, over its own f
        - ``nominal``: how much its neighbours are those of nouns: the mean over its occurrences of the weights
          (``nominal.weights``) of the character before it and of that behind it, summed; log-odds
        - ``first_alone, last_alone``: share of the occurrences of its first and last character that are a word alone,
          in the background; ``domain_first_alone, domain_last_alone`` in the domain. Each character is given 5
          occurrences with the average share beforehand, so that rare ones come near the average
        - ``first_word_count, last_word_count, first_word_background, last_word_background``: of its first and last
          word, f and the occurrences in the background; its own where that word occurs less than ``min_count`` times
        - ``spelling``: "han", "latin" (no Han character) or "mixed"

    Raises
    ------
    InputError : no run of words occurs often enough or is long enough, or the background has no text or no words
    TypeError : the background is one str

    Sources: C-value, Frantzi, Ananiadou & Mima (2000); the weakest split, kexue.fm/archives/4256; accessor variety and
    entropy, Huang & Powers (2003).

    >>> from termmine.segmentation import Segmenter
    >>> words = pd.DataFrame({"term": ["蜂王", "产卵"], "count": [3, 2]})
    >>> text = SegmentedText(["蜂王产卵，蜂王产卵", "蜂王"], Segmenter(words))
    >>> found = from_phrases(text, ["产卵"], words, words).set_index("term")
    >>> found[["count", "word_count", "n_words", "free_share", "c_value"]].round(3).values.tolist()
    [[2.0, 2.0, 1.0, 0.0, 0.0], [3.0, 3.0, 1.0, 0.333, 1.0], [2.0, 2.0, 2.0, 1.0, 4.0]]
    >>> round(float(found.loc["蜂王产卵", "cohesion"]), 3)  # ln(5 · 2 / (3 · 2))
    0.511
    """
    config = config or PhraseConfig()
    background = _with_text(background, background_words)
    keys, n_tokens = _frequent(text, config)
    if not keys.size:
        raise InputError("no run of words occurs often enough; lower contrast.min_count or give more text")
    sums = _Sums(keys, n_tokens)
    for block in text.blocks():
        sums.add(block, config)
    frame, (first, last) = sums.frame(), sums.edge_words()
    counted = _counted(sums.terms.tolist(), text.lines, background)
    frame = pd.concat([counted, frame], axis=1)
    for side, word in (("first", first), ("last", last)):  # the counts of words are there only while all are rows
        frame[f"{side}_word_count"] = frame["word_count"].to_numpy()[word]
        frame[f"{side}_word_background"] = frame["background_count"].to_numpy()[word]
    frame = frame.assign(**_alone(sums.terms, words, background_words), spelling=_spelling(frame["term"]))
    kept = (frame["term"].str.len() >= config.min_len) & (frame["spelling"] != "number")
    if not kept.any():
        raise InputError(f"no run of words has {config.min_len} characters; lower contrast.min_len or give more text")
    return frame[kept].sort_values("term", ignore_index=True)


def _with_text(background: Iterable[str], words: pd.DataFrame) -> Iterator[str]:
    """The background's lines from the first one on that is not blank."""
    if isinstance(background, str):
        raise TypeError("background must be an iterable of documents, got one str; give a list or a corpus")
    lines = iter(background)
    first = next((line for line in lines if line.strip()), None)
    if first is None or words.empty:
        raise InputError("the background has no words; give general text, and the words that are discovered in it")
    return chain([first], lines)


def _frequent(text: SegmentedText, config: PhraseConfig) -> tuple[np.ndarray, int]:
    """Keys of the runs that are frequent enough, ascending, and the number of tokens."""
    keys, counts = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    n_tokens = n_characters = 0
    for block in text.blocks():
        n_tokens += block.starts.size
        n_characters += np.count_nonzero(block.codes != ord("\n"))  # one ends every block but the last
        found = keys_in(block, max_words=config.max_words, max_len=config.max_len).ravel()
        distinct, number = np.unique(found[found > 0], return_counts=True)
        keys, counts = _merged(keys, counts, distinct, number)
    return keys[counts >= config.floor(n_characters)], n_tokens


def keys_in(block: Block, *, max_words: int, max_len: int) -> np.ndarray:
    """Keys of the runs of 1..``max_words`` words from each token on, (tokens, 4) uint64; 0 where there is none."""
    return _keys(block.codes, block.starts, block.ends, max_words, max_len)


def keys_of(terms: Sequence[str]) -> np.ndarray:
    """The keys that ``keys_in`` gives to these strings, (terms,) uint64."""
    lengths = np.array([len(term) for term in terms], np.int64)
    ends = np.cumsum(lengths)
    codes = as_codes("".join(terms))
    return _keys(codes, ends - lengths, ends, 1, codes.size)[:, 0]


@compiled
def _keys(codes, starts, ends, max_words, max_len):
    """Hash of the characters of each run of 1.. words from each token on, (tokens, 4); 0 where there is none.

    A key stands for its string. Strings of one and two characters never share one (a test checks all characters);
    that any two of n longer ones do has a chance of about n² / 2^65: 1e-5 for 20 million, those of 100 MB of text. The
    two would be one candidate, with the sum of their counts.
    """
    keys = np.zeros((starts.size, 4), np.uint64)
    for i in range(starts.size):
        key = np.uint64(0)
        for n in range(max_words):
            j = i + n
            if j >= starts.size or (n > 0 and starts[j] != ends[j - 1]) or ends[j] - starts[i] > max_len:
                break
            for k in range(starts[j], ends[j]):
                key = (key ^ np.uint64(codes[k])) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(29)
            keys[i, n] = key
    return keys


class _Sums:
    """What is summed over the occurrences of each candidate, a row a key.

    Columns of ``sums``: occurrences as words, words, left and right borders, nominal weights, free occurrences.
    """

    def __init__(self, keys: np.ndarray, n_tokens: int) -> None:
        self.index = pd.Index(keys)
        self.n_tokens = n_tokens
        self.sums = np.zeros((keys.size, 6))
        self.terms = np.full(keys.size, "", dtype=object)
        self.parts = np.zeros((keys.size, len(_PARTS)), np.uint64)  # keys of what each is made of
        self.edges = np.zeros((keys.size, 2), np.uint64)  # keys of its first and last word
        self.neighbours = [(np.zeros(0, np.uint64), np.zeros(0, np.int64)) for _ in range(2)]

    def add(self, block: Block, config: PhraseConfig) -> None:
        keys = keys_in(block, max_words=config.max_words, max_len=config.max_len)
        rows = self.index.get_indexer(keys.ravel()).astype(np.int32).reshape(keys.shape)
        _add_sums(rows, block.codes, block.starts, block.ends, *nominal.weights(), self.sums)
        token, n = np.nonzero(rows >= 0)
        row = rows[token, n]
        self._add_neighbours(block, row, block.starts[token], block.ends[token + n])
        distinct, at = np.unique(row, return_index=True)
        new = self.terms[distinct] == ""
        self._describe(block, keys, distinct[new], token[at[new]], n[at[new]])

    def _add_neighbours(self, block: Block, row: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        is_token = _covered(block.codes.size, block.starts, block.ends)
        codes = np.pad(np.where(is_token, block.codes, 0), 1)  # one kind of neighbour where no word is
        for side, units in enumerate((codes[starts], codes[ends + 1])):
            key = row.astype(np.uint64) << np.uint64(_ROW_SHIFT) | units.astype(np.uint64)
            distinct, number = np.unique(key, return_counts=True)
            self.neighbours[side] = _merged(*self.neighbours[side], distinct, number)

    def _describe(self, block: Block, keys: np.ndarray, row: np.ndarray, token: np.ndarray, n: np.ndarray) -> None:
        """The strings and parts of candidates seen for the first time: ``n`` + 1 words from ``token`` on."""
        self.terms[row] = block.text(block.starts[token], block.ends[token + n])
        for column, (first, size) in enumerate(_PARTS):
            proper = (first + size <= n + 1) & (size < n + 1)
            self.parts[row[proper], column] = keys[token[proper] + first, size - 1]
        self.edges[row] = np.column_stack([keys[token, 0], keys[token + n, 0]])

    def frame(self) -> pd.DataFrame:
        count, words, left, right, nouns, free = self.sums.T
        parts = self.index.get_indexer(self.parts.ravel()).reshape(self.parts.shape)
        parts[self.parts == 0] = -2  # no such part; -1: a part that is too rare
        return pd.DataFrame(
            {
                "word_count": count.astype(np.int64),
                "n_words": words / count,
                "left_entropy": self._entropy(0),
                "right_entropy": self._entropy(1),
                "left_border": left / count,
                "right_border": right / count,
                "cohesion": _cohesion(count, parts, self.n_tokens),
                "c_value": _c_value(count, parts, self.terms),
                "free_share": free / count,
                "extension_share": _extended(count, parts) / count,
                "nominal": nouns / count,
            }
        )

    def edge_words(self) -> np.ndarray:
        """Row of the first word of each run, and of the last, (2, rows); its own where that word is too rare."""
        rows = self.index.get_indexer(self.edges.T.ravel()).reshape(2, -1)
        return np.where(rows < 0, np.arange(rows.shape[1]), rows)

    def _entropy(self, side: int) -> np.ndarray:
        keys, counts = self.neighbours[side]
        row = (keys >> np.uint64(_ROW_SHIFT)).astype(np.int64)
        total = np.bincount(row, counts, len(self.index))
        logs = np.bincount(row, counts * np.log(counts), len(self.index))
        return np.maximum(np.log(total) - logs / total, 0.0)


def _merged(keys: np.ndarray, counts: np.ndarray, others: np.ndarray, number: np.ndarray) -> tuple:
    """Distinct keys, ascending, with the sums of their counts."""
    if not keys.size:
        return others, number
    distinct, rows = np.unique(np.concatenate([keys, others]), return_inverse=True)
    return distinct, np.bincount(rows, np.concatenate([counts, number]), distinct.size).astype(np.int64)


def _covered(size: int, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether each character belongs to a word, (size,) bool."""
    steps = np.zeros(size + 1, np.int8)
    steps[starts] += 1
    steps[ends] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8) > 0


@compiled
def _add_sums(rows, codes, starts, ends, left, right, sums):
    for i in range(starts.size):
        follows = i > 0 and ends[i - 1] == starts[i]
        for n in range(rows.shape[1]):
            row = rows[i, n]
            if row < 0:
                continue
            j = i + n
            continues = j + 1 < starts.size and starts[j + 1] == ends[j]
            sums[row, 0] += 1
            sums[row, 1] += n + 1
            sums[row, 2] += not follows
            sums[row, 3] += not continues
            sums[row, 4] += left[codes[starts[i] - 1] if starts[i] > 0 else 10]
            sums[row, 4] += right[codes[ends[j]] if ends[j] < codes.size else 10]
            covered = False
            if n + 1 < rows.shape[1]:
                covered = rows[i, n + 1] >= 0 or (follows and rows[i - 1, n + 1] >= 0)
            sums[row, 5] += not covered


def _cohesion(count: np.ndarray, parts: np.ndarray, n_tokens: int) -> np.ndarray:
    """At the weakest split; the parts of a run of n words are its first k and its last n - k."""
    column = {part: i for i, part in enumerate(_PARTS)}
    weakest = np.full(count.size, np.nan)
    for n in range(2, _WORDS + 1):
        of_n = np.flatnonzero(_sizes(parts) == n)
        for k in range(1, n):
            a, b = parts[of_n, column[0, k]], parts[of_n, column[k, n - k]]
            known = (a >= 0) & (b >= 0)
            value = np.zeros(of_n.size)
            value[known] = np.log(n_tokens * count[of_n[known]] / (count[a[known]] * count[b[known]]))
            weakest[of_n] = np.fmin(weakest[of_n], value)
    return weakest


def _sizes(parts: np.ndarray) -> np.ndarray:
    """Words of each run, told by its parts: the single words among them; a run without parts is one word."""
    singles = [i for i, (_, size) in enumerate(_PARTS) if size == 1]
    return np.maximum((parts[:, singles] != -2).sum(axis=1), 1)


def _c_value(count: np.ndarray, parts: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Each run is nested in those that hold it as a part."""
    total, number = np.zeros(count.size), np.zeros(count.size)
    parts = np.sort(parts, axis=1)
    parts[:, 1:][parts[:, 1:] == parts[:, :-1]] = -2  # a word that stands twice in a run is in one run only
    for column in parts.T:
        known = column >= 0
        total += np.bincount(column[known], count[known], count.size)
        number += np.bincount(column[known], minlength=count.size)
    lengths = np.fromiter(map(len, terms), np.int64, count.size)
    return np.log2(lengths) * (count - total / np.maximum(number, 1))


def _extended(count: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Occurrences of the runs that are a candidate and one word behind it."""
    column = {part: i for i, part in enumerate(_PARTS)}
    total = np.zeros(count.size)
    sizes = _sizes(parts)
    for n in range(2, _WORDS + 1):
        of_n = np.flatnonzero(sizes == n)
        part = parts[of_n, column[0, n - 1]]
        total += np.bincount(part[part >= 0], count[of_n[part >= 0]], count.size)
    return total


def _alone(terms: np.ndarray, words: pd.DataFrame, background_words: pd.DataFrame) -> dict[str, np.ndarray]:
    """The four columns of ``from_phrases`` that tell whether a term's first and last character are words alone."""
    codes = as_codes("".join(terms))
    ends = np.cumsum(np.fromiter(map(len, terms), np.int64, terms.size))
    first, last = codes[np.append(0, ends[:-1])], codes[ends - 1]
    here, there = _lone_shares(words), _lone_shares(background_words)
    return {
        "first_alone": there[first],
        "last_alone": there[last],
        "domain_first_alone": here[first],
        "domain_last_alone": here[last],
    }


def _lone_shares(words: pd.DataFrame) -> np.ndarray:
    """Code point → how often it is a word alone, of its occurrences in words."""
    lengths = np.fromiter(map(len, words["term"]), np.int64, len(words))
    codes = as_codes("".join(words["term"]))
    times = np.repeat(words["count"].to_numpy(dtype=float), lengths)
    alone = np.repeat(lengths == 1, lengths)
    total = np.bincount(codes, times, 0x110000)
    single = np.bincount(codes[alone], times[alone], 0x110000)
    average = single.sum() / max(total.sum(), 1.0)
    return (single + _UNSEEN * average) / (total + _UNSEEN)


def _spelling(terms: pd.Series) -> np.ndarray:
    """han, latin, mixed or number (a number and a unit of four letters at most, or none)."""
    has_han = terms.str.contains(f"[{_HAN}]")
    has_other = terms.str.contains(f"[^{_HAN}]")
    is_number = terms.str.fullmatch("[0-9.,·:：∶/／%％‰-]+[A-Za-z]{0,4}")
    return np.select([is_number, has_han & has_other, has_han], ["number", "mixed", "han"], "latin").astype(object)

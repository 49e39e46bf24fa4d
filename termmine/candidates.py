"""Which word groups are terms?

In the classic chain every discovered word of two characters or more is a candidate (``from_words``). Terms are more
than words, though: ``from_phrases`` takes every run of one to four words of a segmentation, and tells what the text
shows of it: how free it stands, how firmly its words hold together, what it is part of, what it begins and ends with.
"""

from collections.abc import Iterable
from dataclasses import dataclass

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


# --- runs of words ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseConfig:
    """Which runs of words are candidates."""

    max_words: int = 4  # words
    max_len: int = 12  # characters
    min_len: int = 2  # characters
    min_count: int | str = "auto"  # occurrences as a run of words; auto: 3, on less than 500,000 characters 2

    def __post_init__(self) -> None:
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

    Parameters
    ----------
    text : the domain, cut into words
    background : the background corpus, for occurrences
    words, background_words : ``term, count``, for the characters that stand alone

    Returns
    -------
    frame : ``term``, by which it is sorted, and

        - ``count, doc_freq, background_count``: plain occurrences, overlapping ones too; documents
        - ``word_count``: occurrences as a run of whole words; ``n_words``: words in it, on average
        - ``left_entropy, right_entropy``: of the neighbouring characters, nats; a border is one kind of neighbour
        - ``left_border, right_border``: share of occurrences beside a mark, a blank or a document's end
        - ``cohesion``: min over its splits at word borders of ln(N f(ab) / (f(a) f(b))), nats; N tokens; 0 if a part
          was not counted, NaN for one word
        - ``c_value``: log2(characters) · (f − mean f of the candidates that contain it)
        - ``free_share``: occurrences that no longer candidate covers
        - ``extension_share``: occurrences of the candidates that are longer by one word behind, over its own
        - ``nominal``: how much its neighbours are those of nouns (``nominal.weights``), log-odds
        - ``first_alone, last_alone``: share of the occurrences of its first and last character as a word alone, in
          the background; ``domain_first_alone, domain_last_alone`` in the domain
        - ``first_word_count, last_word_count, first_word_background, last_word_background``: of its first and last
          word, the counts as a word and as a string in the background
        - ``spelling``: "han", "latin" (letters and digits alone), "mixed", "number" (a number and at most a unit)

    Raises
    ------
    InputError : no run of words occurs often enough

    Sources: C-value, Frantzi, Ananiadou & Mima (2000); the weakest split, kexue.fm/archives/4256; accessor variety and
    entropy, Huang & Powers (2003).
    """
    config = config or PhraseConfig()
    keys, n_tokens = _frequent(text, config)
    if not keys.size:
        raise InputError("no run of words occurs often enough; lower contrast.min_count or give more text")
    sums = _Sums(keys, n_tokens)
    for block in text.blocks():
        sums.add(block, config)
    frame = sums.frame()
    counted = _counted(frame["term"].tolist(), text.lines, background)
    frame = pd.concat([counted, frame.drop(columns="term")], axis=1)
    for side in ("first", "last"):  # the counts of parts are there only while single words are rows
        part = frame.pop(f"{side}_word").to_numpy()
        frame[f"{side}_word_count"] = frame["word_count"].to_numpy()[part]
        frame[f"{side}_word_background"] = frame["background_count"].to_numpy()[part]
        frame[f"{side}_alone"] = _alone(frame["term"], background_words, side)
        frame[f"domain_{side}_alone"] = _alone(frame["term"], words, side)
    frame["spelling"] = _spelling(frame["term"])
    kept = (frame["term"].str.len() >= config.min_len) & (frame["spelling"] != "number")
    if not kept.any():
        raise InputError(f"no run of words has {config.min_len} characters; lower contrast.min_len or give more text")
    return frame[kept].sort_values("term", ignore_index=True)


def _frequent(text: SegmentedText, config: PhraseConfig) -> tuple[np.ndarray, int]:
    """Keys of the runs that are frequent enough, ascending, and the number of tokens."""
    keys, counts = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    n_tokens = n_characters = 0
    for block in text.blocks():
        n_tokens += block.starts.size
        n_characters += block.codes.size
        found = _keys(block.codes, block.starts, block.ends, config.max_words, config.max_len).ravel()
        distinct, number = np.unique(found[found > 0], return_counts=True)
        both = np.concatenate([keys, distinct])
        keys, rows = np.unique(both, return_inverse=True)
        counts = np.bincount(rows, np.concatenate([counts, number]), keys.size).astype(np.int64)
    return keys[counts >= config.floor(n_characters)], n_tokens


@compiled
def _keys(codes, starts, ends, max_words, max_len):
    """Hash of the characters of each run of 1.. words from each token on, (tokens, 4); 0 where there is none."""
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
    """What is summed over the occurrences of each candidate.

    Columns of ``sums``: occurrences as words, documents, words, left and right borders, nominal weights, free ones.
    """

    def __init__(self, keys: np.ndarray, n_tokens: int) -> None:
        self.index = pd.Index(keys)
        self.n_tokens = n_tokens
        self.sums = np.zeros((keys.size, 7))
        self.last = np.full(keys.size, -1, np.int64)  # the document each was last seen in
        self.terms = np.full(keys.size, "", dtype=object)
        self.parts = np.zeros((keys.size, len(_PARTS)), np.uint64)  # keys of what each is made of
        self.first_words = np.zeros((keys.size, 2), np.uint64)  # keys of its first and last word
        self.neighbours = [(np.zeros(0, np.uint64), np.zeros(0, np.int64)) for _ in range(2)]

    def add(self, block: Block, config: PhraseConfig) -> None:
        keys = _keys(block.codes, block.starts, block.ends, config.max_words, config.max_len)
        rows = self.index.get_indexer(keys.ravel()).astype(np.int32).reshape(keys.shape)
        left, right = nominal.weights()
        _add_sums(rows, block.codes, block.starts, block.ends, block.documents, left, right, self.sums, self.last)
        token, n = np.nonzero(rows >= 0)
        row = rows[token, n]
        self._add_neighbours(block, row, block.starts[token], block.ends[token + n])
        distinct, at = np.unique(row, return_index=True)
        new = self.terms[distinct] == ""
        self._describe(block, keys, distinct[new], token[at[new]], n[at[new]])

    def _add_neighbours(self, block: Block, row: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        is_token = np.zeros(block.codes.size + 2, bool)  # whether a character belongs to a word; beyond the text none
        is_token[1:-1] = _covered(block.codes.size, block.starts, block.ends)
        codes = np.where(is_token, np.pad(block.codes, 1), 0)
        for side, units in enumerate((codes[starts], codes[ends + 1])):
            key = row.astype(np.uint64) << np.uint64(_ROW_SHIFT) | units.astype(np.uint64)
            distinct, number = np.unique(key, return_counts=True)
            known, counts = self.neighbours[side]
            keys, at = np.unique(np.concatenate([known, distinct]), return_inverse=True)
            self.neighbours[side] = keys, np.bincount(at, np.concatenate([counts, number]), keys.size).astype(np.int64)

    def _describe(self, block: Block, keys: np.ndarray, row: np.ndarray, token: np.ndarray, n: np.ndarray) -> None:
        """The strings and parts of candidates seen for the first time: ``n`` + 1 words from ``token`` on."""
        self.terms[row] = block.text(block.starts[token], block.ends[token + n])
        for column, (first, size) in enumerate(_PARTS):
            fits = first + size <= n + 1
            proper = fits & (size < n + 1)
            self.parts[row[proper], column] = keys[token[proper] + first, size - 1]
        self.first_words[row] = np.column_stack([keys[token, 0], keys[token + n, 0]])

    def frame(self) -> pd.DataFrame:
        """A row a key."""
        count, _, words, left, right, nouns, free = self.sums.T
        parts = self.index.get_indexer(self.parts.ravel()).reshape(self.parts.shape)
        parts[self.parts == 0] = -2  # no such part; -1: a part that is too rare
        first = self.index.get_indexer(self.first_words[:, 0]), self.index.get_indexer(self.first_words[:, 1])
        return pd.DataFrame(
            {
                "term": self.terms,
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
                # a run's first word may be too rare where other cuts of the same string make up its count
                "first_word": np.where(first[0] < 0, np.arange(count.size), first[0]),
                "last_word": np.where(first[1] < 0, np.arange(count.size), first[1]),
            }
        )

    def _entropy(self, side: int) -> np.ndarray:
        keys, counts = self.neighbours[side]
        row = (keys >> np.uint64(_ROW_SHIFT)).astype(np.int64)
        total = np.bincount(row, counts, len(self.index))
        logs = np.bincount(row, counts * np.log(counts), len(self.index))
        return np.maximum(np.log(total) - logs / total, 0.0)


def _covered(size: int, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    steps = np.zeros(size + 1, np.int8)
    np.add.at(steps, starts, 1)
    np.add.at(steps, ends, -1)
    return np.cumsum(steps[:-1]) > 0


@compiled
def _add_sums(rows, codes, starts, ends, documents, left, right, sums, last):
    for i in range(starts.size):
        follows = i > 0 and ends[i - 1] == starts[i]
        for n in range(rows.shape[1]):
            row = rows[i, n]
            if row < 0:
                continue
            j = i + n
            continues = j + 1 < starts.size and starts[j + 1] == ends[j]
            sums[row, 0] += 1
            if last[row] != documents[i]:
                last[row] = documents[i]
                sums[row, 1] += 1
            sums[row, 2] += n + 1
            sums[row, 3] += not follows
            sums[row, 4] += not continues
            sums[row, 5] += left[codes[starts[i] - 1] if starts[i] > 0 else 10]
            sums[row, 5] += right[codes[ends[j]] if ends[j] < codes.size else 10]
            longer = n + 1 < rows.shape[1]
            covered = longer and continues and rows[i, n + 1] >= 0
            covered |= longer and follows and rows[i - 1, n + 1] >= 0
            sums[row, 6] += not covered


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
    """Each candidate is nested in those that hold it as a part."""
    total, number = np.zeros(count.size), np.zeros(count.size)
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


def _alone(terms: pd.Series, words: pd.DataFrame, side: str) -> np.ndarray:
    """How often the first or last character of each term is a word alone, of its occurrences in words."""
    lengths = words["term"].str.len().to_numpy()
    codes = as_codes("".join(words["term"]))
    times = np.repeat(words["count"].to_numpy(dtype=float), lengths)
    alone = np.repeat(lengths == 1, lengths)
    total = np.bincount(codes, times, 0x110000)
    single = np.bincount(codes[alone], times[alone], 0x110000)
    average = single.sum() / max(total.sum(), 1.0)
    share = (single + _UNSEEN * average) / (total + _UNSEEN)
    return share[as_codes("".join(terms.str[0] if side == "first" else terms.str[-1]))]


def _spelling(terms: pd.Series) -> np.ndarray:
    """han, latin, mixed or number."""
    has_han = terms.str.contains("[\u3400-\u9fff]")
    has_other = terms.str.contains("[^\u3400-\u9fff]")
    is_number = terms.str.fullmatch("[0-9.,:/%‰-]+[A-Za-z°℃Ω]{0,4}")
    return np.select([is_number, has_han & has_other, has_han], ["number", "mixed", "han"], "latin").astype(object)

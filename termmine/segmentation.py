"""Where are the borders?

Maximum-probability segmentation with a unigram vocabulary (Viterbi, as in kexue.fm/archives/5597), compiled.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from termmine import lattice
from termmine.corpus import FOLD
from termmine.errors import InputError
from termmine.ngrams import as_codes, compiled, joined

DELIMITERS = "。，、！？\n "  # each is a token of its own; no word crosses one
_MARKS = DELIMITERS.strip()
# With method em a mark that is repeated is one token: what follows has to be there, and to be something else.
_LAST_BORDER = re.compile(f".*(?:[\n ]|[{_MARKS}](?=[^{_MARKS}]))", re.DOTALL)
UNKNOWN = -100.0  # nats; what a character costs where no word of the vocabulary ends
BLOCK = 1 << 22  # characters that are cut at a time
_LONGEST = 1 << 24  # characters; a longer stretch without any border is cut here, to keep memory bounded
_FOLDED = np.arange(0x110000, dtype=np.uint32)  # code point → its half-width form
_FOLDED[list(FOLD)] = list(FOLD.values())
_ALNUM = np.array([chr(code).isascii() and chr(code).isalnum() for code in range(128)])


class Segmenter:
    """Cuts text into the words of a vocabulary, every character kept.

    The best path maximises Σ ln(count / total). Ties take the longest word. Where no word ends, the character stands
    alone at the cost of 100 nats. Full-width letters and digits count as half-width. Runs of letters, digits and stops
    after a first alphanumeric token are one token (``combine``).

    A vocabulary with ``log_p, penalty`` (nats; method ``em``) is cut by Σ (log_p - penalty), as it was learned: numbers
    and Latin runs are never split and stand for each other, so that 12月 cuts 3月 as well.

    Parameters
    ----------
    words : frame with ``term, count``, and ``log_p, penalty`` or not
    combine : join alphanumeric runs

    Raises
    ------
    InputError : the vocabulary is empty, has a word twice, lacks a column, or a count is not positive and finite

    >>> words = pd.DataFrame({"term": ["电力", "系统", "电力系统"], "count": [3, 2, 2]})
    >>> Segmenter(words).tokens("电力系统,5G电力")
    ['电力系统', ',', '5G', '电力']
    """

    def __init__(self, words: pd.DataFrame, *, combine: bool = True) -> None:
        _check_vocabulary(words)
        self.combine = combine
        self._cutter = None
        if {"log_p", "penalty"} <= set(words.columns):
            self._cutter = _atom_cutter(words)
            return
        self._trie = lattice.Trie(words["term"].tolist())
        counts = words["count"].to_numpy(dtype=float)
        self._weights = np.log(counts) - math.log(counts.sum())

    def starts(self, text: str) -> np.ndarray:
        """Where the tokens of ``text`` begin, ascending; ``text[starts[i]:starts[i + 1]]`` is token i."""
        return np.flatnonzero(self.begins(as_codes(text)))

    def begins(self, codes: np.ndarray) -> np.ndarray:
        """Where the tokens begin in a text given as code points, (len(codes),) bool."""
        if self._cutter is not None:
            return self._cutter.begins(codes)
        begins = self._trie.best_path(codes, self._weights, unknown=UNKNOWN, borders=DELIMITERS)
        if self.combine:
            _combine(codes, _ALNUM, begins)
        return begins

    def tokens(self, text: str) -> list[str]:
        """The tokens of one text; joined, they are the text again."""
        borders = [*self.starts(text).tolist(), len(text)]
        return [text[a:b] for a, b in pairwise(borders)]

    def segment(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The tokens of each document; a bare string is no list of documents and raises TypeError."""
        if isinstance(lines, str):
            raise TypeError("lines must be an iterable of documents, got one str; use tokens(text)")
        return map(self.tokens, lines)

    def spaced(self, blocks: Iterable[str]) -> Iterator[str]:
        """Text with a space between tokens, line by line, in bounded memory.

        Parameters
        ----------
        blocks : the text in parts of any size, joined without anything between them

        >>> words = pd.DataFrame({"term": ["电力", "系统"], "count": [3, 2]})
        >>> "".join(Segmenter(words).spaced(["电力系", "统\\n电力。"]))
        '电力 系统\\n电力 。'
        """
        rest = ""
        previous = "\n"  # what stands before the block
        for block in blocks:
            rest += block
            if len(rest) >= BLOCK:
                end = self._last_border(rest)
                if end:
                    yield self._spaced(rest[:end], previous)
                    previous, rest = rest[end - 1], rest[end:]
        if rest:
            yield self._spaced(rest, previous)

    def _last_border(self, text: str) -> int:
        """A position that no token crosses: after the last delimiter that no other mark follows, or 0."""
        found = _LAST_BORDER.match(text)
        end = found.end() if found else 0
        return end if end or len(text) < _LONGEST else len(text)

    def _spaced(self, text: str, previous: str) -> str:
        codes = as_codes(text)
        spaced = _with_spaces(codes, self.begins(codes), np.uint32(ord(previous)))
        return spaced.tobytes().decode("utf-32-le", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Block:
    """Whole documents cut into words, a line break behind each document but the text's last.

    Attributes
    ----------
    codes : (characters,) code points, letters and digits half-width
    starts, ends : (tokens,) where each token begins and ends, ascending; borders are no tokens
    documents : (tokens,) number of each token's document, counted over all blocks
    """

    codes: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    documents: np.ndarray

    def text(self, starts: np.ndarray, ends: np.ndarray) -> list[str]:
        """The strings of these stretches of characters."""
        text = self.codes.tobytes().decode("utf-32-le", "surrogatepass")
        return [text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


class SegmentedText:
    """A corpus cut into words, as arrays, a block at a time; cut anew at each pass.

    Full-width letters and digits become half-width ones. Whatever is no Han character, no number and no Latin letter is
    a border, as in ``lattice.atoms``: marks, blanks, but also é or Ω. Borders end words, even inside one of the
    vocabulary. A hyphen between letters and digits joins them into one token, if a letter stands beside it: ZPW-2000A.

    Parameters
    ----------
    lines : documents, to be read several times
    segmenter : how to cut them

    Raises
    ------
    TypeError : the lines are an iterator, which can be read once only, or one str

    >>> words = pd.DataFrame({"term": ["蜂王", "产卵"], "count": [3, 2]})
    >>> (block,) = SegmentedText(["蜂王产卵。", "GPT-4"], Segmenter(words)).blocks()
    >>> block.text(block.starts, block.ends), block.documents.tolist()
    (['蜂王', '产卵', 'GPT-4'], [0, 0, 1])
    """

    def __init__(self, lines: Iterable[str], segmenter: Segmenter) -> None:
        if isinstance(lines, str) or iter(lines) is lines:
            raise TypeError("lines are read several times: give a corpus or a list, not an iterator or one str")
        self.lines = lines
        self.segmenter = segmenter

    def blocks(self) -> Iterator[Block]:
        """The text in blocks of some millions of characters; no document goes over two."""
        documents = 0
        for text in joined(self.lines):
            codes = _FOLDED[as_codes(text)]
            begins = self.segmenter.begins(codes)
            ids, places = lattice.atoms(codes)
            is_border = np.repeat(ids == 0, np.diff(places))
            _join_hyphens(codes, _ALNUM, begins, is_border)
            begins |= is_border
            begins[1:] |= is_border[:-1]
            starts = np.flatnonzero(begins)
            ends = np.append(starts[1:], codes.size)
            inside = ~is_border[starts]
            line_ends = codes == ord("\n")
            yield Block(codes, starts[inside], ends[inside], (documents + np.cumsum(line_ends))[starts[inside]])
            documents += int(line_ends.sum())


@compiled
def _join_hyphens(codes, alnum, begins, is_border):
    """Make GPT-4 one token: no border at such a hyphen, and no token begins at it or behind it."""
    for i in range(1, codes.size - 1):
        before, behind = codes[i - 1], codes[i + 1]
        joins = codes[i] == 45 and before < 128 and behind < 128 and alnum[before] and alnum[behind]
        if joins and (before >= 65 or behind >= 65):  # one of them is a letter
            begins[i] = begins[i + 1] = is_border[i] = False


def _check_vocabulary(words: pd.DataFrame) -> None:
    if missing := {"term", "count"} - set(words.columns):
        raise InputError(f"a vocabulary needs the columns term and count; it lacks {' and '.join(sorted(missing))}")
    if words.empty:
        raise InputError("the vocabulary is empty; discover words first, or lower min_count")
    count = words["count"]
    numbers = count.to_numpy(dtype=float, na_value=np.nan) if pd.api.types.is_numeric_dtype(count) else np.zeros(1)
    with np.errstate(over="ignore"):
        total = numbers.sum()
    if not ((numbers > 0).all() and total < np.inf):
        raise InputError("every word of a vocabulary needs a count above 0, a finite one")
    if not words["term"].map(lambda term: isinstance(term, str) and term != "" and "\n" not in term).all():
        raise InputError("every word of a vocabulary needs a character, and no line break")
    if words["term"].duplicated().any():
        twice = words.loc[words["term"].duplicated(), "term"].iloc[0]
        raise InputError(f"each word may stand in a vocabulary once; {twice} stands there twice")


def _atom_cutter(words: pd.DataFrame) -> lattice.AtomCutter:
    weights = pd.to_numeric(words["log_p"], errors="coerce") - pd.to_numeric(words["penalty"], errors="coerce")
    if not np.isfinite(weights).all():
        raise InputError("every word of a vocabulary with log_p and penalty needs numbers there")
    classes = pd.Series(weights.to_numpy(), index=lattice.class_words_of(words["term"].tolist()))
    classes = classes.groupby(level=0, sort=True).max()
    return lattice.AtomCutter(classes.index.tolist(), classes.to_numpy())


@compiled
def _combine(codes, alnum, begins):
    """Drop the borders inside runs of letters, digits and stops that follow a token of letters and digits."""
    in_run, token = False, 0  # a token of letters and digits came before; where the present token begins
    for i in range(1, codes.size + 1):
        if i < codes.size and not begins[i]:
            continue
        letters, stops = True, True
        for k in range(token, i):
            is_alnum = codes[k] < 128 and alnum[codes[k]]
            letters &= is_alnum
            stops &= is_alnum or codes[k] == 46
        if in_run and stops:
            begins[token] = False
        else:
            in_run = letters
        token = i


@compiled
def _with_spaces(codes, begins, previous):
    """A space before every token but the first of a line; line ends are no tokens."""
    spaced = np.empty(2 * codes.size, np.uint32)
    size = 0
    for i in range(codes.size):
        is_end = codes[i] == 10 or codes[i] == 13
        if begins[i] and not is_end and previous != 10 and previous != 13:
            spaced[size] = 32
            size += 1
        spaced[size] = codes[i]
        size += 1
        previous = codes[i]
    return spaced[:size]

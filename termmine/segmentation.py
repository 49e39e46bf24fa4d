"""Where are the borders?

Maximum-probability segmentation with a unigram vocabulary (ALGORITHMS: Viterbi, as in
kexue.fm/archives/5597), compiled.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from termmine import ngrams
from termmine.errors import InputError

DELIMITERS = "。，、！？\n "  # each is a token of its own; no word crosses one
UNKNOWN = -100.0  # nats; what a character costs where no word of the vocabulary ends


class Segmenter:
    """Cuts text into the words of a vocabulary, every character kept.

    The best path maximises Σ ln(count / total); ties take the longest word. Where no word ends, the character
    stands alone at the cost of 100 nats. Runs of letters, digits and stops after a first alphanumeric token are
    one token (``combine``).

    Parameters
    ----------
    words : frame with ``term, count``
    combine : join alphanumeric runs

    Raises
    ------
    InputError : the vocabulary is empty, has a word twice, or a count that is not positive

    >>> words = pd.DataFrame({"term": ["电力", "系统", "电力系统"], "count": [3, 2, 2]})
    >>> Segmenter(words).tokens("电力系统,5G电力")
    ['电力系统', ',', '5G', '电力']
    """

    def __init__(self, words: pd.DataFrame, *, combine: bool = True) -> None:
        if words.empty:
            raise InputError("the vocabulary is empty; discover words first, or lower min_count")
        if not (words["count"] > 0).all():
            raise InputError("every word of a vocabulary needs a count above 0")
        if words["term"].duplicated().any():
            twice = words.loc[words["term"].duplicated(), "term"].iloc[0]
            raise InputError(f"each word may stand in a vocabulary once; {twice} stands there twice")
        self.combine = combine
        self._trie = ngrams.Trie(words["term"].tolist())
        self._log_p = np.log(words["count"].to_numpy(dtype=float)) - math.log(words["count"].sum())

    def starts(self, text: str) -> np.ndarray:
        """Where the tokens of ``text`` begin, ascending; ``text[starts[i]:starts[i + 1]]`` is token i."""
        starts = self._trie.best_path(text, self._log_p, unknown=UNKNOWN, borders=DELIMITERS)
        return _combine(text, starts) if self.combine and starts.size else starts

    def tokens(self, text: str) -> list[str]:
        """The tokens of one text; joined, they are the text again."""
        borders = [*self.starts(text).tolist(), len(text)]
        return [text[a:b] for a, b in pairwise(borders)]

    def segment(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The tokens of each document; a bare string is no list of documents and raises TypeError."""
        if isinstance(lines, str):
            raise TypeError("lines must be an iterable of documents, got one str; use tokens(text)")
        return map(self.tokens, lines)


def _combine(text: str, starts: np.ndarray) -> np.ndarray:
    """Drop the starts inside alphanumeric runs; all tokens at once."""
    codes = ngrams.as_codes(text)
    alnum = ngrams.UNITS["alnum"][codes]
    is_word = np.logical_and.reduceat(alnum, starts)  # letters and digits only
    in_run = np.logical_and.reduceat(alnum | (codes == ord(".")), starts)
    row = np.arange(starts.size)
    run_start = np.maximum.accumulate(np.where(in_run, -1, row + 1))  # first row after the last outsider
    last_word = np.maximum.accumulate(np.where(is_word, row, -1))
    joined = np.zeros(starts.size, dtype=bool)
    joined[1:] = in_run[1:] & (last_word[:-1] >= np.maximum(run_start[1:], 0))
    return starts[~joined]

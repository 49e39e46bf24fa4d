"""Which word groups are terms?

In the classic chain every discovered word of two characters or more is a candidate.
"""

from collections.abc import Iterable

import pandas as pd

from termmine import lattice


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
    trie = lattice.Trie(frame["term"].tolist())
    here, there = trie.occurrences(domain), trie.occurrences(background)
    as_word = background_words.set_index("term")["count"].reindex(frame["term"], fill_value=0)
    return pd.DataFrame(
        {
            "term": frame["term"],
            "count": here["count"].to_numpy(),
            "doc_freq": here["doc_freq"].to_numpy(),
            "background_count": there["count"].to_numpy(),
            "word_count": frame["word_count"],
            "background_word_count": as_word.to_numpy(),
        }
    )

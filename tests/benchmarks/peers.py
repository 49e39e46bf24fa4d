"""Run one peer over a text file: ``python peers.py NAME TEXT OUT``, a document a line in, a word a line out.

Each driver imports its peer when it is called, so that any of them may be missing, and uses it as its own
documentation says, with the settings that are named in ``discovery.py``. The versions are in ``requirements.txt``.
"""

import collections
import collections.abc
import sys
from collections.abc import Callable, Iterable, Iterator


class Lines:
    """The lines of a file without their ends, read anew at each pass."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __iter__(self) -> Iterator[str]:
        with open(self.path, encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")


class Tokens(Lines):
    """The lines cut by jieba, anew at each pass."""

    def __iter__(self) -> Iterator[list[str]]:
        import jieba

        for line in super().__iter__():
            yield jieba.lcut(line)


def nlp_zero(text: str) -> Iterable[str]:
    """Words between character pairs of low PMI; ``min_proba`` 1e-6, ``min_pmi`` .5."""
    collections.Iterable = collections.abc.Iterable  # where it was before Python 3.10
    from nlp_zero import Word_Finder

    finder = Word_Finder(min_proba=1e-6, min_pmi=0.5)
    finder.train(Lines(text))
    finder.find(Lines(text))
    return finder.words


def gensim(text: str) -> Iterable[str]:
    """Pairs of jieba's words whose normalised PMI is above .5."""
    from gensim.models.phrases import Phrases

    phrases = Phrases(Tokens(text), min_count=5, threshold=0.5, scoring="npmi")
    return (phrase.replace(phrases.delimiter, "") for phrase in phrases.export_phrases())


def smoothnlp(text: str) -> Iterable[str]:
    """All n-grams by PMI and neighbour entropy; the defaults, but for ``top_k``: every word."""
    from smoothnlp.algorithm.phrase import extract_phrase

    return extract_phrase(list(Lines(text)), top_k=sys.maxsize)


def jionlp(text: str) -> Iterable[str]:
    """N-grams above a PMI and a neighbour entropy; the defaults."""
    import jionlp

    return jionlp.new_word.new_word_discovery(text)


def jieba(text: str) -> Iterable[str]:
    """The text, its words separated by spaces; the default dictionary and HMM."""
    return (" ".join(tokens) for tokens in Tokens(text))


DRIVERS: dict[str, Callable[[str], Iterable[str]]] = {
    driver.__name__: driver for driver in (nlp_zero, gensim, smoothnlp, jionlp, jieba)
}


def main(name: str, text: str, out: str) -> None:
    """Write what the peer finds in ``text`` to ``out``, one a line."""
    try:
        found = DRIVERS[name](text)
        with open(out, "w", encoding="utf-8") as file:
            file.writelines(f"{item}\n" for item in found)
    except ImportError as error:
        sys.exit(f"not installed: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])

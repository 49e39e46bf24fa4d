"""Which words are near each other?

Word2Vec (gensim) over the segmented domain corpus, in its four variants: CBOW or skip-gram, each with negative
sampling or hierarchical softmax.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from termmine.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig:
    """Settings of Word2Vec; the source post uses ``size=100, min_count=2, sg=1, negative=10``."""

    architecture: str = "skip-gram"  # or "cbow"
    objective: str = "negative-sampling"  # or "hierarchical-softmax"
    size: int = 100  # dimensions
    min_count: int = 2  # occurrences of a token
    window: int = 5  # tokens to each side
    negative: int = 10  # noise words a sample; unused by hierarchical softmax
    epochs: int = 5  # passes over the corpus
    seed: int = 1

    def __post_init__(self) -> None:
        choices = {
            "architecture": ("skip-gram", "cbow"),
            "objective": ("negative-sampling", "hierarchical-softmax"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be {' or '.join(allowed)}, got {getattr(self, name)!r}")
        for name in ("size", "min_count", "window", "negative", "epochs"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)!r}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed!r}")


@dataclass(frozen=True)
class Vectors:
    """Words and their vectors, most frequent first.

    Attributes
    ----------
    terms : the vocabulary
    matrix : (len(terms), size) float32
    """

    terms: tuple[str, ...]
    matrix: np.ndarray
    row_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "row_of", {term: row for row, term in enumerate(self.terms)})

    def split(self, words: Iterable[str]) -> tuple[list[str], list[str]]:
        """The words that have a vector, and those that have none; both in the order given."""
        words = list(words)
        return [w for w in words if w in self.row_of], [w for w in words if w not in self.row_of]

    def units(self) -> np.ndarray:
        """The vectors scaled to length 1, float64."""
        matrix = self.matrix.astype(np.float64)
        return matrix / np.maximum(np.sqrt(np.einsum("ij,ij->i", matrix, matrix))[:, None], 1e-12)

    def nearest(self, word: str, *, topn: int = 10) -> list[tuple[str, float]]:
        """The ``topn`` nearest words and their cosine similarities, the word itself left out."""
        units = self.units()
        similarity = np.einsum("ij,j->i", units, units[self.row_of[word]])
        order = np.argsort(-similarity, kind="stable")
        return [(self.terms[i], float(similarity[i])) for i in order[: topn + 1] if self.terms[i] != word][:topn]

    def save(self, path: str | os.PathLike) -> None:
        """Write plain arrays (``.npz``): the terms as UTF-8 and their lengths; nothing in the file is pickled."""
        with open(path, "wb") as file:
            text = np.frombuffer("".join(self.terms).encode("utf-8", "surrogatepass"), dtype=np.uint8)
            lengths = np.array([len(term) for term in self.terms], dtype=np.int32)
            np.savez(file, text=text, lengths=lengths, matrix=self.matrix)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Vectors":
        """Read what ``save`` wrote; a pickled array is refused."""
        with np.load(path, allow_pickle=False) as arrays:
            text = arrays["text"].tobytes().decode("utf-8", "surrogatepass")
            borders = np.concatenate([[0], np.cumsum(arrays["lengths"])]).tolist()
            return cls(tuple(text[a:b] for a, b in pairwise(borders)), arrays["matrix"])


def train_word2vec(
    sentences: Sequence[Sequence[str]],
    config: EmbeddingConfig | None = None,
    *,
    on_epoch: Callable[[], object] | None = None,
) -> Vectors:
    """Train Word2Vec with one worker, so that the same input and seed give the same vectors bit for bit.

    Parameters
    ----------
    sentences : tokens of each document, of any length; read ``epochs + 1`` times
    config : settings
    on_epoch : called after each pass, e.g. a progress bar's ``update``

    Raises
    ------
    TypeError : ``sentences`` is an iterator, which would be empty on the second pass, or holds bare strings
    InputError : no token occurs ``min_count`` times

    Sources: Mikolov et al. (2013a, 2013b).
    """
    config = config or EmbeddingConfig()
    if iter(sentences) is sentences:
        raise TypeError("sentences are read several times: give a list, not an iterator")
    if any(isinstance(tokens, str) for tokens in sentences):
        raise TypeError("each sentence must be a list of tokens, got a str")
    from gensim.models import Word2Vec
    from gensim.models.callbacks import CallbackAny2Vec
    from gensim.models.word2vec import MAX_WORDS_IN_BATCH

    class _Report(CallbackAny2Vec):
        def on_epoch_end(self, model: Word2Vec) -> None:
            if on_epoch is not None:
                on_epoch()

    hierarchical = config.objective == "hierarchical-softmax"
    model = Word2Vec(
        vector_size=config.size,
        min_count=config.min_count,
        window=config.window,
        epochs=config.epochs,
        seed=config.seed,
        sg=int(config.architecture == "skip-gram"),
        hs=int(hierarchical),
        negative=0 if hierarchical else config.negative,
        workers=1,
    )
    # gensim leaves out what lies past this many tokens of a sentence
    sentences = [
        tokens[i : i + MAX_WORDS_IN_BATCH] for tokens in sentences for i in range(0, len(tokens), MAX_WORDS_IN_BATCH)
    ]
    model.build_vocab(sentences)
    if not len(model.wv):
        raise InputError(f"no token occurs {config.min_count} times; lower embedding.min_count or give more text")
    model.train(sentences, total_examples=model.corpus_count, epochs=config.epochs, callbacks=[_Report()])
    return Vectors(tuple(model.wv.index_to_key), model.wv.vectors)

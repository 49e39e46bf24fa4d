"""Which words are near each other?

Three methods over the segmented domain corpus: Word2Vec (gensim) in its four variants, CBOW or skip-gram, each with
negative sampling or hierarchical softmax; fastText (gensim), the same with character n-grams; and PPMI-SVD, which
counts the words that stand near each other and compresses the counts.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from termmine import candidates
from termmine.errors import InputError
from termmine.ngrams import compiled
from termmine.segmentation import Block, SegmentedText

if TYPE_CHECKING:  # heavy: imported where they are used
    from gensim.models import Word2Vec
    from scipy.sparse import csr_array

_BUCKETS = 1 << 17  # rows that share fastText's n-grams by hash: 52 MB at 100 dimensions
_FEWEST = 3  # terms on a map
_PERPLEXITY = 20  # neighbours, of a map
_POWER_ITERATIONS = 3  # of the randomised SVD
_BLOCK = 1 << 19  # tokens whose neighbours are counted at a time: about 200 MB at a window of 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig:
    """Settings of ``train``; the source post uses Word2Vec with ``size=100, min_count=2, sg=1, negative=10``."""

    method: str = "word2vec"  # or "fasttext", "ppmi-svd"
    architecture: str = "skip-gram"  # or "cbow"; not for ppmi-svd
    objective: str = "negative-sampling"  # or "hierarchical-softmax"; not for ppmi-svd
    size: int = 100  # dimensions
    min_count: int = 2  # occurrences of a token
    window: int = 5  # tokens to each side
    negative: int = 10  # noise words a sample; unused by hierarchical softmax and ppmi-svd
    epochs: int = 5  # passes over the corpus; ppmi-svd makes one
    seed: int = 1
    min_n: int = 1  # characters, fastText's shortest n-grams
    max_n: int = 3  # characters, its longest
    smoothing: float = 0.5  # exponent of the context counts, ppmi-svd
    weighting: float = 1.0  # exponent of the singular values, ppmi-svd
    contexts: int = 2000  # the most frequent words, which serve as contexts, ppmi-svd

    def __post_init__(self) -> None:
        choices = {
            "method": tuple(_METHODS),
            "architecture": ("skip-gram", "cbow"),
            "objective": ("negative-sampling", "hierarchical-softmax"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be {' or '.join(allowed)}, got {getattr(self, name)!r}")
        for name in ("size", "min_count", "window", "negative", "epochs", "min_n", "contexts"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)!r}")
        if self.max_n < self.min_n:
            raise InputError(f"max_n must be min_n or more, got {self.max_n!r} below {self.min_n!r}")
        for name in ("smoothing", "weighting"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be in 0..1, got {getattr(self, name)!r}")
        if not 0 <= self.seed < 1 << 32:
            raise InputError(f"seed must be 0 or more and below 2**32, got {self.seed!r}")


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
        """The vectors scaled to length 1, float64; made once, not to be written into."""
        return self._units

    @cached_property
    def by_term(self) -> np.ndarray:
        """The rows in the order of their terms."""
        return np.argsort(np.array(self.terms, dtype=object), kind="stable")

    @cached_property
    def _units(self) -> np.ndarray:
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
        """Read what ``save`` wrote; a pickled array, or a damaged file, is an ``InputError``."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                text = arrays["text"].tobytes().decode("utf-8", "surrogatepass")
                borders = np.concatenate([[0], np.cumsum(arrays["lengths"])]).tolist()
                matrix = arrays["matrix"]
        except PermissionError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        except Exception:  # zipfile, zlib, NumPy and Unicode each tell in their own way that a file is damaged
            text, borders, matrix = "", [0, -1], np.zeros(0)
        if borders[-1] != len(text) or matrix.ndim != 2 or len(matrix) != len(borders) - 1:
            raise InputError(f"{path} holds no vectors of a run, or is damaged; run notebook 03 again")
        return cls(tuple(text[a:b] for a, b in pairwise(borders)), matrix)


def train(
    sentences: Sequence[Sequence[str]],
    config: EmbeddingConfig | None = None,
    on_epoch: Callable[[], object] | None = None,
) -> Vectors:
    """Train the vectors of ``config.method``: the same input and settings give the same vectors bit for bit.

    Parameters
    ----------
    sentences : tokens of each document, of any length; read several times
    config : settings
    on_epoch : called after each pass, e.g. a progress bar's ``update``

    Returns
    -------
    vectors : one for each token that occurs ``min_count`` times, most frequent first

    Raises
    ------
    TypeError : ``sentences`` is an iterator, which would be empty on the second pass, or holds bare strings
    InputError : no token occurs ``min_count`` times

    Notes
    -----
    Cosines of two methods may not be compared: in a corpus of a million tokens most random pairs reach .6 with
    Word2Vec, hardly any with PPMI-SVD.
    """
    config = config or EmbeddingConfig()
    return _METHODS[config.method](sentences, config, on_epoch=on_epoch)


def train_word2vec(
    sentences: Sequence[Sequence[str]],
    config: EmbeddingConfig | None = None,
    *,
    on_epoch: Callable[[], object] | None = None,
) -> Vectors:
    """Word2Vec with one worker, whatever ``config.method`` says; otherwise as ``train``.

    Sources: Mikolov et al. (2013a, 2013b).
    """
    config = config or EmbeddingConfig()
    _check_sentences(sentences)
    from gensim.models import Word2Vec

    return _train_gensim(Word2Vec(**_gensim_settings(config)), sentences, config, on_epoch)


def train_fasttext(
    sentences: Sequence[Sequence[str]],
    config: EmbeddingConfig | None = None,
    *,
    on_epoch: Callable[[], object] | None = None,
) -> Vectors:
    """FastText with one worker, whatever ``config.method`` says; otherwise as ``train``.

    A word's vector is the mean of its own and those of its character n-grams, ``min_n`` to ``max_n`` long, its ends
    marked; so words that share characters are near each other. Source: Bojanowski et al. (2017).
    """
    config = config or EmbeddingConfig()
    _check_sentences(sentences)
    from gensim.models import FastText

    model = FastText(**_gensim_settings(config), min_n=config.min_n, max_n=config.max_n, bucket=_BUCKETS)
    return _train_gensim(model, sentences, config, on_epoch)


def _check_sentences(sentences: Sequence[Sequence[str]]) -> None:
    if iter(sentences) is sentences:
        raise TypeError("sentences are read several times: give a list, not an iterator")
    if any(isinstance(tokens, str) for tokens in sentences):
        raise TypeError("each sentence must be a list of tokens, got a str")


def _no_token(config: EmbeddingConfig) -> InputError:
    return InputError(f"no token occurs {config.min_count} times; lower embedding.min_count or give more text")


def _gensim_settings(config: EmbeddingConfig) -> dict[str, int]:
    hierarchical = config.objective == "hierarchical-softmax"
    return {
        "vector_size": config.size,
        "min_count": config.min_count,
        "window": config.window,
        "epochs": config.epochs,
        "seed": config.seed,
        "sg": int(config.architecture == "skip-gram"),
        "hs": int(hierarchical),
        "negative": 0 if hierarchical else config.negative,
        "workers": 1,
    }


def _train_gensim(
    model: "Word2Vec",
    sentences: Sequence[Sequence[str]],
    config: EmbeddingConfig,
    on_epoch: Callable[[], object] | None,
) -> Vectors:
    from gensim.models.callbacks import CallbackAny2Vec
    from gensim.models.word2vec import MAX_WORDS_IN_BATCH

    class _Report(CallbackAny2Vec):
        def on_epoch_end(self, model: "Word2Vec") -> None:
            if on_epoch is not None:
                on_epoch()

    # gensim leaves out what lies past this many tokens of a sentence
    sentences = [
        tokens[i : i + MAX_WORDS_IN_BATCH] for tokens in sentences for i in range(0, len(tokens), MAX_WORDS_IN_BATCH)
    ]
    model.build_vocab(sentences)
    if not len(model.wv):
        raise _no_token(config)
    model.train(sentences, total_examples=model.corpus_count, epochs=config.epochs, callbacks=[_Report()])
    return Vectors(tuple(model.wv.index_to_key), model.wv.vectors)


# --- counts instead of a network --------------------------------------------------------------------------


def train_ppmi_svd(
    sentences: Sequence[Sequence[str]],
    config: EmbeddingConfig | None = None,
    *,
    on_epoch: Callable[[], object] | None = None,
) -> Vectors:
    """Positive PMI and truncated SVD, whatever ``config.method`` says; otherwise as ``train``.

    n(w,c) = Σ 1/d over the pairs of w and c that stand d <= ``window`` tokens apart in a document, rare tokens left
    out; n(w) = Σ_c n(w,c). M(w,c) = max(0, ln( n(w,c) Σ_v n(v)^s / (n(w) n(c)^s) )), s = ``smoothing``, of which the
    columns of the ``contexts`` most frequent words are kept. M ≈ U S Vᵀ with ``size`` singular values; the vector of w
    is its row of U S^``weighting``. The largest entry of each column of U is positive. Where M has fewer singular
    values than ``size``, zeros follow. Memory grows with the tokens and with the different pairs that hold a context.

    Sources: Levy & Goldberg (2014); smoothing and weighting, Levy, Goldberg & Dagan (2015); few contexts, Bullinaria &
    Levy (2007); 1/d, Pennington, Socher & Manning (2014); the SVD, Halko, Martinsson & Tropp (2011) by scikit-learn.

    >>> two = EmbeddingConfig(size=4, smoothing=1)
    >>> vectors = train_ppmi_svd([["蜂王", "产卵"], ["采集", "花粉"]] * 2, two)
    >>> np.linalg.norm(vectors.matrix.astype(float), axis=1).round(3).tolist()   # n(w,c) 2, n(w) 2, Σ 8: ln 4
    [1.386, 1.386, 1.386, 1.386]
    """
    config = config or EmbeddingConfig()
    _check_sentences(sentences)
    terms, codes, documents = _numbered(sentences, config.min_count)
    if not terms:
        raise _no_token(config)
    counts, totals = _count_pairs(codes, documents, len(terms), config)
    matrix = _embed(_positive_pmi(counts, totals, totals, config.smoothing), config)
    if on_epoch is not None:
        on_epoch()
    return Vectors(terms, matrix)


def embed_phrases(text: SegmentedText, terms: Sequence[str], config: EmbeddingConfig | None = None) -> Vectors:
    """PPMI-SVD of runs of words: a term's company are the words around its occurrences.

    As ``train_ppmi_svd``, but the rows are ``terms``, each a run of at most four words, and the contexts the
    ``contexts`` most frequent words before it and the same behind it, within ``window`` words in its document, all of
    weight 1, whatever marks stand between; n(w) and n(c) are sums over these rows and contexts alone. So a term of
    several words has a vector of its own company, and what stands before it is told from what stands behind: on
    electricity a window of 2 with sides ranked the terms near 50 seeds at an average precision of .26, a window of 4
    without sides at .15.

    Parameters
    ----------
    text : the segmented corpus; read twice
    terms : distinct; one that never is a run of words gets zeros
    config : ``size, window, smoothing, weighting, contexts, seed`` are used

    Returns
    -------
    vectors : in the order of ``terms``

    Raises
    ------
    InputError : no terms, one twice, no word in the text, or another method
    TypeError : the terms are one str

    >>> from termmine.segmentation import Segmenter
    >>> words = pd.DataFrame({"term": ["蜂王", "工蜂", "产卵", "采蜜"], "count": [2, 2, 2, 2]})
    >>> text = SegmentedText(["蜂王产卵", "工蜂采蜜", "老蜂王产卵"], Segmenter(words))
    >>> embed_phrases(text, ["蜂王", "老蜂王", "工蜂"]).nearest("蜂王", topn=1)[0][0]
    '老蜂王'
    """
    config = config or EmbeddingConfig(method="ppmi-svd")
    if config.method != "ppmi-svd":
        raise InputError(f"phrases are embedded by method ppmi-svd, got {config.method!r}; set embedding.units=words")
    if isinstance(terms, str):
        raise TypeError("terms must be a list of strings, got one str")
    if not len(terms):
        raise InputError("there are no terms to embed; give at least one")
    if len(set(terms)) < len(terms):
        raise InputError(f"terms must be distinct, {pd.Series(terms).mode()[0]} is not; drop repeats")
    contexts = _frequent_words(text, config.contexts)
    if not contexts.size:
        raise InputError("the text holds no word; give text")
    rows = pd.Index(candidates.keys_of(terms))
    counts = sum(_phrase_contexts(block, rows, contexts, config.window) for block in text.blocks())
    totals = counts.sum(axis=1), counts.sum(axis=0)
    return Vectors(tuple(terms), _embed(_positive_pmi(counts, *totals, config.smoothing), config))


def _frequent_words(text: SegmentedText, n: int) -> pd.Index:
    """Keys of the ``n`` most frequent words, ties by key."""
    counts = pd.Series(dtype=np.int64, index=pd.Index([], dtype=np.uint64))
    for block in text.blocks():
        keys, number = np.unique(_word_keys(block), return_counts=True)
        counts = counts.add(pd.Series(number, index=keys), fill_value=0)
    order = np.lexsort((counts.index.to_numpy(), -counts.to_numpy()))
    return counts.index[order[:n]]


def _word_keys(block: Block) -> np.ndarray:
    return candidates.keys_in(block, max_words=1, max_len=block.codes.size)[:, 0]


def _phrase_contexts(block: Block, rows: pd.Index, contexts: pd.Index, window: int) -> "csr_array":
    """How often each context stands in the window before each row's occurrences and, further right, behind them."""
    from scipy.sparse import coo_array

    keys = candidates.keys_in(block, max_words=4, max_len=block.codes.size)
    row = rows.get_indexer(keys.ravel()).astype(np.int32).reshape(keys.shape)
    row[keys == 0] = -1  # no run; but also the key of ""
    context = contexts.get_indexer(_word_keys(block)).astype(np.int32)
    pairs = _context_pairs(row, context, block.documents, window, contexts.size)
    return coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=(rows.size, 2 * contexts.size)).tocsr()


@compiled
def _context_pairs(row, context, documents, window, n_contexts):
    """Row and context of each pair, (2, pairs) int32; ``row``, (tokens, 4), is that of the runs from each token on."""
    pairs, size = np.empty((2, 1 << 12), np.int32), 0
    for token in range(row.shape[0]):
        for longer in range(row.shape[1]):
            if row[token, longer] < 0:
                continue
            if size + 2 * window > pairs.shape[1]:
                pairs = np.concatenate((pairs, np.empty((2, pairs.shape[1] + 2 * window), np.int32)), axis=1)
            for d in range(1, window + 1):
                for side, place in ((0, token - d), (1, token + longer + d)):
                    inside = 0 <= place < context.size and documents[place] == documents[token]
                    if inside and context[place] >= 0:
                        pairs[0, size], pairs[1, size] = row[token, longer], context[place] + side * n_contexts
                        size += 1
    return pairs[:, :size].copy()


def _numbered(sentences: Sequence[Sequence[str]], min_count: int) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The terms, most frequent first, ties by term; the term and the document of each of their occurrences, int32."""
    ids: defaultdict[str, int] = defaultdict()
    ids.default_factory = ids.__len__  # a token seen for the first time gets the next number
    lengths = np.fromiter(map(len, sentences), dtype=np.int64)
    first_ids = np.fromiter(map(ids.__getitem__, chain.from_iterable(sentences)), np.int32, count=int(lengths.sum()))
    tokens, counts = np.array(list(ids), dtype=object), np.bincount(first_ids, minlength=len(ids))
    frequent = np.flatnonzero(counts >= min_count)
    order = frequent[np.lexsort((tokens[frequent], -counts[frequent]))]
    row_of = np.full(len(ids), -1, dtype=np.int32)
    row_of[order] = np.arange(order.size)
    codes = row_of[first_ids]
    documents = np.repeat(np.arange(lengths.size, dtype=np.int32), lengths)
    return tuple(tokens[order].tolist()), codes[codes >= 0], documents[codes >= 0]


def _count_pairs(
    codes: np.ndarray, documents: np.ndarray, n_terms: int, config: EmbeddingConfig
) -> tuple["csr_array", np.ndarray]:
    """n(w,c) of the contexts c, and n(w)."""
    from scipy.sparse import coo_array, csr_array

    shape = n_terms, min(config.contexts, n_terms)
    counts, totals = csr_array(shape, dtype=np.float64), np.zeros(n_terms)
    for words, neighbours, weights in _pair_blocks(codes, documents, config.window):
        totals += np.bincount(words, weights, n_terms)
        kept = neighbours < shape[1]
        counts += coo_array((weights[kept], (words[kept], neighbours[kept])), shape=shape).tocsr()
    return counts, totals


def _pair_blocks(
    codes: np.ndarray, documents: np.ndarray, window: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Word, neighbour and weight 1/d of all pairs, in both directions, a block of tokens at a time."""
    for begin in range(0, codes.size, _BLOCK):
        words, neighbours, weights = [], [], []
        for d in range(1, window + 1):
            left = slice(begin, max(min(begin + _BLOCK, codes.size - d), begin))
            right = slice(left.start + d, left.stop + d)
            same = documents[left] == documents[right]
            one, other = codes[left][same], codes[right][same]
            words += [one, other]
            neighbours += [other, one]
            weights.append(np.full(2 * one.size, 1 / d))
        yield np.concatenate(words), np.concatenate(neighbours), np.concatenate(weights)


def _positive_pmi(
    counts: "csr_array", row_totals: np.ndarray, column_totals: np.ndarray, smoothing: float
) -> "csr_array":
    """max(0, PMI) of each counted pair; float32. ``column_totals`` may speak of more columns than were counted."""
    from scipy.sparse import coo_array

    pairs = counts.tocoo()
    smoothed = np.where(column_totals > 0, column_totals, 1.0) ** smoothing * (column_totals > 0)
    pmi = np.log(pairs.data * (smoothed.sum() / (row_totals[pairs.row] * smoothed[pairs.col])))
    kept = pmi > 0
    return coo_array((pmi[kept].astype(np.float32), (pairs.row[kept], pairs.col[kept])), shape=pairs.shape).tocsr()


def _embed(pmi: "csr_array", config: EmbeddingConfig) -> np.ndarray:
    """U S^weighting, padded with zeros to ``size`` columns."""
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    matrix = np.zeros((pmi.shape[0], config.size), dtype=np.float32)
    with threadpool_limits(limits=1):  # the sums of BLAS depend on the number of its threads
        rows, values, _ = randomized_svd(
            pmi,
            min(config.size, *pmi.shape),
            n_iter=_POWER_ITERATIONS,
            power_iteration_normalizer="LU",
            random_state=config.seed,
        )
    real = values > values[0] * max(pmi.shape) * np.finfo(np.float32).eps  # the rest is rounding
    matrix[:, : values.size][:, real] = rows[:, real] * values[real] ** config.weighting
    return matrix


# --- a map ------------------------------------------------------------------------------------------------


def lay_out(vectors: Vectors, terms: Iterable[str], *, seed: int = 1) -> pd.DataFrame:
    """Places on a plane, near each other where the vectors are: t-SNE of the vectors scaled to length 1.

    It begins with their first two principal components and looks at 20 neighbours or so (perplexity), at a third of
    the terms if there are fewer than 60.

    Parameters
    ----------
    vectors : the embedding
    terms : those without a vector are left out (``vectors.split`` names them); some hundred make a good map
    seed : random state

    Returns
    -------
    frame : ``term, x, y``, each term once, in the order given

    Raises
    ------
    InputError : fewer than 3 terms have a vector
    TypeError : the terms are one str

    Notes
    -----
    Who stands beside whom tells something. How far apart two heaps are, how dense one is, and the axes tell nothing.

    Source: van der Maaten & Hinton (2008), by scikit-learn.

    >>> vectors = Vectors(("蜂王", "花粉", "工蜂"), np.array([[1, 0], [0, 1], [2, 0]], dtype=np.float32))
    >>> places = lay_out(vectors, ["蜂王", "工蜂", "花粉"])[["x", "y"]].to_numpy()     # two directions, two places
    >>> [bool(np.allclose(places[0], places[i], atol=1)) for i in (1, 2)]
    [True, False]
    """
    from sklearn.manifold import TSNE  # before the limit, which holds for libraries that are there
    from threadpoolctl import threadpool_limits

    if isinstance(terms, str):
        raise TypeError("terms must be a list of strings, got one str")
    known, missing = vectors.split(dict.fromkeys(terms))
    if len(known) < _FEWEST:
        raise InputError(
            f"a map needs {_FEWEST} terms that have a vector, got {len(known)} and {len(missing)} without; give more"
        )
    units = vectors.units()[[vectors.row_of[term] for term in known]]
    perplexity = min(_PERPLEXITY, len(units) / 3)
    settings = {"max_iter": 500, "angle": 0.7, "random_state": seed, "n_jobs": 1}  # half the time of the defaults
    with threadpool_limits(limits=1):  # no sum depends on the threads, which would but wait for one another
        model = TSNE(perplexity=perplexity, init=_principal_plane(units), **settings)
        places = model.fit_transform(units.astype(np.float32)).astype(float)
    return pd.DataFrame({"term": np.array(known, dtype=object), "x": places[:, 0], "y": places[:, 1]})


def _principal_plane(units: np.ndarray) -> np.ndarray:
    """(n, 2) principal components of (n, size) vectors, as small as t-SNE wants its beginning; float32."""
    centred = units - units.mean(axis=0)
    rows, values, _ = np.linalg.svd(np.pad(centred, ((0, 0), (0, 1))), full_matrices=False)  # 1 dimension has no second
    first = rows[:, :2] * values[:2]
    first *= np.where(first[np.abs(first).argmax(axis=0), [0, 1]] < 0, -1, 1)  # the sign is free
    return (first * 1e-4 / max(first[:, 0].std(), 1e-12)).astype(np.float32)


_METHODS = {"word2vec": train_word2vec, "fasttext": train_fasttext, "ppmi-svd": train_ppmi_svd}

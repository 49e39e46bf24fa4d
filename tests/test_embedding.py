import collections
import importlib
import itertools
import math
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import threadpoolctl

from termmine import corpus, embedding, ngrams, segmentation
from termmine.errors import InputError

SENTENCES = [["蜂王", "产卵", "工蜂", "哺育"], ["工蜂", "采集", "花粉"], ["蜂王", "工蜂", "蜂箱"]] * 30
VARIANTS = [(a, o) for a in ("skip-gram", "cbow") for o in ("negative-sampling", "hierarchical-softmax")]


def train(**settings):
    return embedding.train_word2vec(SENTENCES, embedding.EmbeddingConfig(size=20, **settings))


@pytest.mark.parametrize(("architecture", "objective"), VARIANTS)
def test_the_same_seed_gives_the_same_vectors(architecture, objective):
    one, two = (train(architecture=architecture, objective=objective) for _ in range(2))
    assert one.terms == two.terms
    assert np.array_equal(one.matrix, two.matrix)
    other = train(architecture=architecture, objective=objective, seed=2)
    assert not np.array_equal(one.matrix, other.matrix)


def test_the_four_variants_differ(sample):
    # gensim skips most occurrences of frequent words, so the little toy above would leave some vectors as they began
    sentences = [list(line) for line in corpus.read_lines(sample / "domain.txt")]
    configs = [embedding.EmbeddingConfig(size=20, architecture=a, objective=o) for a, o in VARIANTS]
    matrices = [embedding.train_word2vec(sentences, config).matrix for config in configs]
    assert all(not np.array_equal(x, y) for i, x in enumerate(matrices) for y in matrices[:i])


def test_min_count_bounds_the_vocabulary():
    assert set(train(min_count=60).terms) == {"工蜂", "蜂王"}
    with pytest.raises(InputError, match="no token occurs 1000 times"):
        train(min_count=1000)


def test_an_iterator_is_refused():
    with pytest.raises(TypeError, match="give a list"):
        embedding.train_word2vec(iter(SENTENCES))


def test_each_epoch_is_reported():
    calls = []
    config = embedding.EmbeddingConfig(size=5, epochs=3)
    embedding.train_word2vec(SENTENCES, config, on_epoch=lambda: calls.append(1))
    assert len(calls) == 3


def test_nearest_is_cosine_by_hand():
    vectors = embedding.Vectors(("甲", "乙", "丙"), np.array([[2, 0], [3, 3], [0, 1]], dtype=np.float32))
    assert vectors.nearest("甲") == [("乙", pytest.approx(0.5**0.5)), ("丙", pytest.approx(0.0))]


def test_vectors_are_saved_as_plain_arrays(tmp_path):
    vectors = train()
    vectors.save(tmp_path / "v.npz")
    read = embedding.Vectors.load(tmp_path / "v.npz")
    assert read.terms == vectors.terms
    assert np.array_equal(read.matrix, vectors.matrix)


def test_a_long_token_does_not_blow_up_the_file(tmp_path):
    terms = (*(f"词{i}" for i in range(5000)), "9" * 5000, "a\0")
    embedding.Vectors(terms, np.zeros((len(terms), 2), dtype=np.float32)).save(tmp_path / "v.npz")
    assert (tmp_path / "v.npz").stat().st_size < 200_000
    assert embedding.Vectors.load(tmp_path / "v.npz").terms == terms


def test_a_document_of_any_length_is_learned_from():
    # gensim would leave out what lies past 10,000 tokens
    start = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛"] * 1250
    tail = ["子", "丑", "寅", "卯", "辰", "巳", "午", "未"] * 1250
    config = embedding.EmbeddingConfig(size=10, seed=3)
    whole = embedding.train_word2vec([start + tail], config)
    parts = embedding.train_word2vec([start, tail], config)
    assert np.array_equal(whole.matrix, parts.matrix)


def test_bare_strings_are_refused():
    with pytest.raises(TypeError, match="list of tokens"):
        embedding.train_word2vec(["蜂王产卵"])


def test_pickled_vectors_are_refused(tmp_path):
    np.savez(tmp_path / "v.npz", text=np.array([pickle.dumps(1)], dtype=object), lengths=[1], matrix=np.zeros((1, 2)))
    with pytest.raises(ValueError, match="holds no vectors of a run"):
        embedding.Vectors.load(tmp_path / "v.npz")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"architecture": "glove"}, "architecture must be skip-gram or cbow, got 'glove'"),
        ({"objective": "softmax"}, "objective must be negative-sampling or hierarchical-softmax"),
        ({"size": 0}, "size must be 1 or more"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"seed": 2**32}, r"seed must be 0 or more and below 2\*\*32, got 4294967296"),
        ({"method": "glove"}, "method must be word2vec or fasttext or ppmi-svd, got 'glove'"),
        ({"min_n": 0}, "min_n must be 1 or more"),
        ({"min_n": 3, "max_n": 2}, "max_n must be min_n or more, got 2 below 3"),
        ({"smoothing": 1.5}, "smoothing must be in 0..1, got 1.5"),
        ({"weighting": -0.5}, "weighting must be in 0..1"),
        ({"weighting": math.nan}, "weighting must be in 0..1, got nan"),
        ({"contexts": 0}, "contexts must be 1 or more"),
    ],
)
def test_settings_out_of_range_are_named(settings, says):
    with pytest.raises(InputError, match=says):
        embedding.EmbeddingConfig(**settings)


# --- every method -----------------------------------------------------------------------------------------

METHODS = ("word2vec", "fasttext", "ppmi-svd")
methods = pytest.mark.parametrize("method", METHODS)


def train_any(method, sentences=SENTENCES, **settings):
    return embedding.train(sentences, embedding.EmbeddingConfig(method=method, **{"size": 20} | settings))


@methods
def test_each_method_gives_a_finite_vector_of_the_size_for_each_frequent_token(method):
    vectors = train_any(method, min_count=30)
    assert sorted(vectors.terms) == sorted({token for tokens in SENTENCES for token in tokens})
    assert vectors.terms[0] == "工蜂"
    assert vectors.matrix.shape == (len(vectors.terms), 20)
    assert vectors.matrix.dtype == np.float32
    assert np.isfinite(vectors.matrix).all()
    assert np.abs(vectors.units()).max() > 0


def test_word2vec_is_the_default_method():
    assert np.array_equal(embedding.train(SENTENCES).matrix, embedding.train_word2vec(SENTENCES).matrix)
    named = train_any("ppmi-svd").matrix
    assert np.array_equal(named, embedding.train_ppmi_svd(SENTENCES, embedding.EmbeddingConfig(size=20)).matrix)


@methods
def test_a_token_occurs_often_enough_or_is_named(method):
    assert set(train_any(method, min_count=60).terms) == {"工蜂", "蜂王"}
    for sentences in (SENTENCES, [["蜂王"], []], [[]], []):
        with pytest.raises(InputError, match="no token occurs 1000 times; lower"):
            train_any(method, sentences, min_count=1000)


@methods
def test_one_word_and_empty_documents_do_no_harm(method):
    vectors = train_any(method, [[], ["蜂王"], [], ["蜂王", "蜂王"], []])
    assert vectors.terms == ("蜂王",)
    assert vectors.matrix.shape == (1, 20)
    assert np.isfinite(vectors.matrix).all()


@methods
def test_iterators_and_bare_strings_are_refused_by_each_method(method):
    with pytest.raises(TypeError, match="give a list"):
        train_any(method, iter(SENTENCES))
    with pytest.raises(TypeError, match="list of tokens"):
        train_any(method, ["蜂王产卵"])


@pytest.mark.parametrize(("method", "passes"), [("word2vec", 3), ("fasttext", 3), ("ppmi-svd", 1)])
def test_each_pass_is_reported(method, passes):
    calls = []
    embedding.train(SENTENCES, embedding.EmbeddingConfig(method=method, epochs=3), lambda: calls.append(1))
    assert len(calls) == passes


_DIGEST = """
import hashlib, pathlib, sys
from termmine import corpus, embedding
sentences = [list(line) for line in corpus.read_lines(pathlib.Path(sys.argv[2]))]
vectors = embedding.train(sentences, embedding.EmbeddingConfig(method=sys.argv[1], epochs=1, size=30))
print(hashlib.sha256(repr(vectors.terms).encode("utf-8") + vectors.matrix.tobytes()).hexdigest())
"""


@methods
def test_vectors_depend_on_neither_the_hash_seed_nor_the_threads(method, sample):
    digests = set()
    for hash_seed, threads in (("0", "1"), ("12345", "2")):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            **{f"{library}_NUM_THREADS": threads for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")},
        }
        command = [sys.executable, "-c", _DIGEST, method, str(sample / "domain.txt")]
        digests.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(digests) == 1


def test_the_package_itself_imports_nothing_heavy():
    code = "import sys, termmine.embedding; print(sorted({'gensim', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


# --- fastText ---------------------------------------------------------------------------------------------


def test_fasttext_brings_words_of_the_same_characters_together():
    # each word has neighbours of its own: only characters tell that 蜂王浆 is near 蜂王
    sentences = [["蜂王", f"甲{i}"] for i in range(40)] + [["蜂王浆", f"乙{i}"] for i in range(40)]
    sentences += [["天气", f"丙{i}"] for i in range(40)]
    near = train_any("fasttext", sentences, epochs=10).nearest("蜂王", topn=2)
    assert near[0][0] == "蜂王浆"
    assert near[0][1] > 0.2 + near[1][1]


def test_the_lengths_of_the_n_grams_matter():
    one, three = (train_any("fasttext", max_n=n).matrix for n in (1, 3))
    assert not np.array_equal(one, three)
    assert np.array_equal(train_any("word2vec", max_n=1).matrix, train_any("word2vec", max_n=3).matrix)


# --- PPMI-SVD ---------------------------------------------------------------------------------------------


def cosines(vectors):
    units = vectors.units()
    return units @ units.T


def dense_ppmi(sentences, terms, config):
    """The definition, pair by pair."""
    row_of = {term: row for row, term in enumerate(terms)}
    counts = np.zeros((len(terms), len(terms)))
    for tokens in sentences:
        known = [row_of[token] for token in tokens if token in row_of]
        for i, word in enumerate(known):
            for j, other in enumerate(known):
                if 0 < abs(i - j) <= config.window:
                    counts[word, other] += 1 / abs(i - j)
    totals = counts.sum(axis=1)
    smoothed = np.where(totals > 0, totals, 1) ** config.smoothing * (totals > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(counts * smoothed.sum() / np.outer(totals, smoothed))
    return np.where(counts > 0, np.maximum(pmi, 0), 0)[:, : config.contexts]


def test_ppmi_svd_by_hand():
    # Two kinds of documents. 甲 乙 stand side by side twice: n(甲,乙) = n(乙,甲) = n(丙,丁) = n(丁,丙) = 2, all
    # n(w) = 2, Σ n = 8: each PMI is ln(2·8 / (2·2)) = ln 4, whose matrix has the singular value ln 4 four times
    config = embedding.EmbeddingConfig(method="ppmi-svd", size=6, smoothing=1, weighting=1)
    vectors = embedding.train([["甲", "乙"], ["丙", "丁"]] * 2, config)
    assert vectors.terms == tuple(sorted("甲乙丙丁"))
    assert vectors.matrix @ vectors.matrix.T == pytest.approx(math.log(4) ** 2 * np.eye(4), abs=1e-5)
    assert not vectors.matrix[:, 4:].any()


def test_words_of_the_same_neighbours_have_the_same_vector():
    sentences = [["工蜂", "采集"], ["雄蜂", "采集"], ["工蜂", "花粉"], ["雄蜂", "花粉"], ["天气", "晴朗"]] * 2
    vectors = train_any("ppmi-svd", sentences)
    assert dict(vectors.nearest("工蜂"))["雄蜂"] == pytest.approx(1, abs=1e-5)
    assert dict(vectors.nearest("工蜂"))["晴朗"] == pytest.approx(0, abs=1e-5)


def random_sentences(seed=0, n_words=40, n=300):
    rng = np.random.default_rng(seed)
    ranks = rng.zipf(1.3, size=(n, 12)) % n_words
    return [[f"词{rank}" for rank in row[: rng.integers(0, 12)]] for row in ranks]


@pytest.mark.parametrize("settings", [{}, {"smoothing": 0.5, "weighting": 0.5}, {"window": 2, "contexts": 15}])
def test_ppmi_svd_is_the_definition(settings):
    sentences = random_sentences()
    config = embedding.EmbeddingConfig(method="ppmi-svd", size=40, **settings)
    vectors = embedding.train(sentences, config)
    u, s, _ = np.linalg.svd(dense_ppmi(sentences, vectors.terms, config), full_matrices=False)
    whole = u * s**config.weighting
    # bases may differ where singular values tie, products of rows may not
    assert vectors.matrix @ vectors.matrix.T == pytest.approx(whole @ whole.T, abs=1e-3)


def test_fewer_dimensions_are_the_largest_singular_values():
    few, many = (train_any("ppmi-svd", random_sentences(), size=size).matrix for size in (3, 30))
    lengths = np.linalg.norm(many, axis=0)
    assert (np.diff(lengths) <= 1e-4).all()
    assert np.linalg.norm(few, axis=0) == pytest.approx(lengths[:3], rel=1e-2)
    assert (np.einsum("ij,ij->j", few, many[:, :3]) >= 0.99 * lengths[:3] ** 2).all()


def test_the_threads_of_blas_do_not_matter():
    importlib.import_module("scipy.linalg")  # only libraries that are loaded can be limited
    sentences = random_sentences(n_words=4000, n=20_000)  # large enough that BLAS shares the work out
    matrices = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(limits=threads):
            matrices.append(train_any("ppmi-svd", sentences, size=100).matrix)
    assert np.array_equal(*matrices)


def test_the_largest_entry_of_each_dimension_is_positive():
    matrix = train_any("ppmi-svd", random_sentences(), size=10).matrix
    assert (matrix[np.abs(matrix).argmax(axis=0), range(10)] > 0).all()


@pytest.mark.parametrize("block", [1, 7, 100])
def test_counting_in_blocks_changes_nothing(monkeypatch, block):
    sentences = random_sentences(n=60)
    whole = train_any("ppmi-svd", sentences, window=3, size=50)
    monkeypatch.setattr(embedding, "_BLOCK", block)
    parts = train_any("ppmi-svd", sentences, window=3, size=50)
    assert parts.terms == whole.terms
    assert cosines(parts) == pytest.approx(cosines(whole), abs=1e-4)


def test_terms_come_by_count_then_by_term_whatever_the_order_of_the_documents():
    sentences = random_sentences()
    one, other = (train_any("ppmi-svd", order, size=40) for order in (sentences, sentences[::-1]))
    counts = {term: sum(tokens.count(term) for tokens in sentences) for term in one.terms}
    assert list(one.terms) == sorted(one.terms, key=lambda term: (-counts[term], term))
    assert other.terms == one.terms
    assert cosines(other) == pytest.approx(cosines(one), abs=1e-4)


def test_windows_end_with_the_document_and_skip_rare_tokens():
    # 甲 and 乙 never share a document; 罕见 is dropped, so that 丙 and 丁 stand side by side
    sentences = [["甲"], ["乙"], ["丙", "罕见", "丁"], ["丁", "丙"], ["甲"], ["乙"]]
    vectors = train_any("ppmi-svd", sentences, window=1)
    assert set(vectors.terms) == {"甲", "乙", "丙", "丁"}
    without = [[token for token in tokens if token != "罕见"] for tokens in sentences]
    assert np.array_equal(vectors.matrix, train_any("ppmi-svd", without, window=1).matrix)
    lengths = dict(zip(vectors.terms, np.linalg.norm(vectors.matrix, axis=1), strict=True))
    assert lengths["甲"] == lengths["乙"] == 0
    assert lengths["丙"] > 0 < lengths["丁"]


def test_odd_tokens_stay_apart():
    sentences = [["a\0", "a", "\ud800", "NA"], ["NA", "nan", "a\0b", ""]] * 2
    assert set(train_any("ppmi-svd", sentences).terms) == {"a\0", "a", "\ud800", "NA", "nan", "a\0b", ""}


# --- runs of words ----------------------------------------------------------------------------------------

VOCABULARY = pd.DataFrame({"term": ["蜂王", "产卵", "工蜂", "采蜜", "蜂箱"], "count": [5, 4, 3, 2, 1]})


def cut(*lines):
    return segmentation.SegmentedText(list(lines), segmentation.Segmenter(VOCABULARY))


def embed(lines, terms, **settings):
    settings = {"size": 20, "window": 1, "smoothing": 1, "weighting": 1} | settings
    return embedding.embed_phrases(cut(*lines), terms, embedding.EmbeddingConfig(method="ppmi-svd", **settings))


def phrase_ppmi(lines, terms, config):
    """The definition, run by run: rows of PPMI over (side, word)."""
    text = [cut(line).segmenter.tokens(line) for line in lines]
    frequent = collections.Counter(word for words in text for word in words)
    assert len(frequent) <= config.contexts
    columns = [(side, word) for side in (-1, 1) for word in sorted(frequent)]
    counts = np.zeros((len(terms), len(columns)))
    for words in text:
        for i, j in itertools.combinations(range(len(words) + 1), 2):
            if j - i <= 4 and (run := "".join(words[i:j])) in terms:
                for d in range(1, config.window + 1):
                    for side, place in ((-1, i - d), (1, j - 1 + d)):
                        if 0 <= place < len(words):
                            counts[terms.index(run), columns.index((side, words[place]))] += 1
    smoothed = np.where(counts.sum(axis=0) > 0, counts.sum(axis=0) ** config.smoothing, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(counts * smoothed.sum() / np.outer(counts.sum(axis=1), smoothed))
    return np.where(counts > 0, np.maximum(pmi, 0), 0)


def products(matrix):
    matrix = matrix.astype(float)
    return matrix @ matrix.T


def test_phrase_vectors_by_hand():
    # 产卵 stands behind 蜂王 twice and before 工蜂 twice: two contexts, of which each count, n(w) and n(c) are 2;
    # Σ n = 4. Each PMI is ln(2·4 / (2·2)) = ln 2. The same word on the other side is another context: no product
    vectors = embed(["蜂王产卵", "产卵工蜂"] * 2, ["蜂王", "工蜂", "采蜜"])
    assert vectors.terms == ("蜂王", "工蜂", "采蜜")
    assert vectors.matrix.shape == (3, 20) and vectors.matrix.dtype == np.float32
    assert products(vectors.matrix) == pytest.approx(np.log(2) ** 2 * np.diag([1, 1, 0]), abs=1e-5)


def test_smoothing_counts_contexts():
    # contexts 产卵 (n 3) and 采蜜 (n 1) behind; 蜂王 has 2 of 产卵, 工蜂 1 of each: Σ √n = √3 + 1
    lines = ["蜂王产卵", "蜂王产卵", "工蜂产卵", "工蜂采蜜"]
    root = 3**0.5
    queen = np.log(2 * (root + 1) / (2 * root))
    worker = [max(0, np.log((root + 1) / (2 * root))), np.log((root + 1) / 2)]
    expected = [[queen**2, queen * worker[0]], [queen * worker[0], worker[0] ** 2 + worker[1] ** 2]]
    got = products(embed(lines, ["蜂王", "工蜂"], smoothing=0.5).matrix)
    assert got == pytest.approx(np.array(expected), abs=1e-5)


@pytest.mark.parametrize("settings", [{}, {"window": 2}, {"window": 3, "smoothing": 0.5}])
def test_phrase_vectors_are_the_definition(settings):
    rng = np.random.default_rng(1)
    words = VOCABULARY["term"].tolist()
    lines = ["".join(rng.choice(words, rng.integers(1, 10))) for _ in range(40)]
    terms = words + [a + b for a, b in itertools.permutations(words, 2)][:8]
    config = embedding.EmbeddingConfig(**{"window": 1, "smoothing": 1} | settings)
    vectors = embed(lines, terms, **settings, size=30)
    assert products(vectors.matrix) == pytest.approx(products(phrase_ppmi(lines, terms, config)), abs=1e-3)


def test_a_run_of_words_has_its_own_company():
    # 蜂王产卵 is followed by 采蜜, 蜂王 alone by 蜂箱 or 产卵; 工蜂 has the company of the run
    lines = ["蜂王产卵采蜜", "工蜂采蜜", "蜂王蜂箱"] * 3
    units = embed(lines, ["蜂王产卵", "工蜂", "蜂王"]).units()
    assert units @ units.T == pytest.approx(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), abs=1e-5)


def test_contexts_end_with_the_window_and_the_document():
    alone = embed(["工蜂采蜜", "蜂王", "产卵"], ["蜂王", "工蜂", "采蜜"])
    assert alone.matrix.any(axis=1).tolist() == [False, True, True]
    # 产卵 stands behind 采蜜, and two words behind 蜂王: n = 1 of 2 each, Σ n = 5 at a window of 2
    lines, terms = ["蜂王工蜂产卵", "蜂箱采蜜", "采蜜产卵"], ["蜂王", "采蜜", "蜂箱"]
    near, far = (products(embed(lines, terms, window=w).matrix)[0, 1] for w in (1, 2))
    assert [near, far] == pytest.approx([0, np.log(5 / 4) ** 2], abs=1e-5)


def test_marks_are_no_context_and_no_wall():
    with_mark, without = (embed([f"蜂王{mark}采蜜", "工蜂产卵"], ["蜂王", "工蜂"]).matrix for mark in ("，", ""))
    assert products(with_mark) == pytest.approx(products(without), abs=1e-6)
    # but a run ends at a mark
    assert not embed(["蜂王，采蜜产卵", "工蜂产卵"], ["蜂王采蜜"]).matrix.any()


def test_a_phrase_that_is_no_run_gets_zeros():
    lines = ["蜂王产卵工蜂采蜜蜂箱", "工蜂采蜜蜂王"] * 2
    terms = ["蜂王", "天气", "王产", "", "蜂王产卵工蜂采蜜", "蜂王产卵工蜂采蜜蜂箱"]
    found = embed(lines, terms).matrix.any(axis=1)
    assert found.tolist() == [True, False, False, False, True, False]  # four words at most
    assert not embed(lines, ["天气"]).matrix.any()


def test_only_the_most_frequent_words_are_contexts():
    lines = ["蜂王产卵", "产卵工蜂", "产卵采蜜", "采蜜蜂箱"]  # 产卵 3, 采蜜 2
    few = embed(lines, ["蜂王", "采蜜", "蜂箱"], contexts=1)
    assert few.matrix.any(axis=1).tolist() == [True, True, False]  # 蜂箱 stands beside 采蜜 alone


def test_blocks_and_the_order_of_terms_and_documents_change_no_vector(monkeypatch):
    lines = ["蜂王产卵采蜜", "工蜂采蜜", "蜂王蜂箱", "产卵工蜂蜂箱"] * 2
    terms = ["蜂王产卵", "工蜂", "蜂王", "采蜜"]
    whole = products(embed(lines, terms, window=2).matrix)
    assert products(embed(lines[::-1], terms, window=2).matrix) == pytest.approx(whole, abs=1e-4)
    assert products(embed(lines, terms[::-1], window=2).matrix)[::-1, ::-1] == pytest.approx(whole, abs=1e-4)
    monkeypatch.setattr(ngrams, "BLOCK", 3)  # each document in a block of its own
    assert len(list(cut(*lines).blocks())) > 1
    assert products(embed(lines, terms, window=2).matrix) == pytest.approx(whole, abs=1e-4)


def test_what_cannot_be_embedded():
    with pytest.raises(InputError, match="no terms to embed"):
        embed(["蜂王"], [])
    with pytest.raises(InputError, match="terms must be distinct, 蜂王 is not"):
        embed(["蜂王产卵"], ["蜂王", "产卵", "蜂王"])
    with pytest.raises(TypeError, match="terms must be a list"):
        embed(["蜂王产卵"], "蜂王")
    for lines in ([], [""], ["，。"]):
        with pytest.raises(InputError, match="holds no word"):
            embed(lines, ["蜂王"])
    with pytest.raises(InputError, match="by method ppmi-svd, got 'word2vec'"):
        embedding.embed_phrases(cut("蜂王"), ["蜂王"], embedding.EmbeddingConfig())


def test_phrases_are_embedded_the_same_twice_over():
    lines = ["蜂王产卵采蜜", "工蜂采蜜", "蜂王蜂箱"] * 3
    one, two = (embed(lines, ["蜂王", "工蜂", "蜂王产卵"], window=2) for _ in range(2))
    assert np.array_equal(one.matrix, two.matrix)


# --- a map ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heaps():
    """Three heaps of 30 terms in 8 dimensions, each around an axis of its own."""
    rng = np.random.default_rng(0)
    matrix = np.repeat(np.eye(8)[:3], 30, axis=0) + rng.normal(0, 0.1, (90, 8))
    return embedding.Vectors(tuple(f"{'蜂巢蜜'[i // 30]}{i}" for i in range(90)), matrix.astype(np.float32))


def test_neighbours_stay_neighbours_on_the_map(heaps):
    places = embedding.lay_out(heaps, heaps.terms)
    assert places.columns.tolist() == ["term", "x", "y"] and places["term"].tolist() == list(heaps.terms)
    xy = places[["x", "y"]].to_numpy()
    distance = np.linalg.norm(xy[:, None] - xy[None, :], axis=2) + np.eye(90) * 1e9
    assert (distance.argmin(axis=1) // 30 == np.arange(90) // 30).all()


MAP = """
import hashlib, numpy as np
from termmine.embedding import Vectors, lay_out
matrix = np.random.default_rng(0).normal(size=(400, 20)).astype(np.float32)
places = lay_out(Vectors(tuple(map(str, range(400))), matrix), map(str, range(400)))
print(hashlib.sha256(places[["x", "y"]].to_numpy().tobytes()).hexdigest())
"""


def test_the_map_is_the_same_again_on_any_number_of_threads():
    # in processes of their own: a limit does not hold for a library that is loaded later
    threads = [dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), n) for n in ("1", "2")]
    runs = [subprocess.run([sys.executable, "-c", MAP], env=os.environ | n, capture_output=True) for n in threads]
    assert runs[0].stdout and runs[0].stdout == runs[1].stdout


def test_lengths_of_vectors_do_not_move_the_map(heaps):
    longer = embedding.Vectors(heaps.terms, heaps.matrix * np.float32(4))
    pd.testing.assert_frame_equal(embedding.lay_out(longer, heaps.terms), embedding.lay_out(heaps, heaps.terms))


@pytest.mark.parametrize("n", [3, 4, 10, 59, 61])
def test_a_map_of_few_terms(heaps, n):
    places = embedding.lay_out(heaps, heaps.terms[:n], seed=7)
    assert np.isfinite(places[["x", "y"]].to_numpy()).all() and len(places) == n


def test_a_map_of_poor_vectors():
    for matrix in (np.ones((5, 4)), np.zeros((5, 4)), np.arange(5.0)[:, None] - 2):
        vectors = embedding.Vectors(tuple("甲乙丙丁戊"), matrix.astype(np.float32))
        assert np.isfinite(embedding.lay_out(vectors, vectors.terms)[["x", "y"]].to_numpy()).all()


def test_a_map_has_each_known_term_once(heaps):
    places = embedding.lay_out(heaps, ["蜂1", "没有", "蜂0", "蜂1", "巢30"])
    assert places["term"].tolist() == ["蜂1", "蜂0", "巢30"]
    with pytest.raises(InputError, match="needs 3 terms that have a vector, got 2 and 1 without"):
        embedding.lay_out(heaps, ["蜂1", "没有", "蜂0", "蜂1"])
    with pytest.raises(TypeError, match="one str"):
        embedding.lay_out(heaps, "蜂1")

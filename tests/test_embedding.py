import pickle

import numpy as np
import pytest

from termmine import corpus, embedding
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
    with pytest.raises(ValueError, match="allow_pickle"):
        embedding.Vectors.load(tmp_path / "v.npz")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"architecture": "glove"}, "architecture must be skip-gram or cbow, got 'glove'"),
        ({"objective": "softmax"}, "objective must be negative-sampling or hierarchical-softmax"),
        ({"size": 0}, "size must be 1 or more"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_settings_out_of_range_are_named(settings, says):
    with pytest.raises(InputError, match=says):
        embedding.EmbeddingConfig(**settings)

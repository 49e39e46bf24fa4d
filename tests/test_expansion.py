import math

import numpy as np
import pytest

from termmine import embedding, expansion
from termmine.errors import InputError, MissingSeedError


def fan(*degrees):
    angles = np.radians(degrees)
    terms = tuple(f"词{i}" for i in range(len(degrees)))
    return embedding.Vectors(terms, np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32))


def random_vectors(n, size=8, seed=0):
    rng = np.random.default_rng(seed)
    return embedding.Vectors(tuple(f"词{i}" for i in range(n)), rng.normal(size=(n, size)).astype(np.float32))


def slow_expand(vectors, seeds, config, shift, accept):
    """The search of the source post, one query at a time."""
    units = vectors.units()
    queue = [(0, seed, "", 1.0) for seed in seeds]
    taken = set(seeds)
    for hop, word, _, _ in queue:
        query = vectors.matrix[vectors.row_of[word]].astype(float) + shift
        similarity = units @ (query / np.linalg.norm(query))
        nearest = np.argsort(-similarity, kind="stable")[: config.neighbours]
        for row in nearest:
            term = vectors.terms[row]
            if similarity[row] >= expansion.threshold(hop, config) and term not in taken and accept(term):
                taken.add(term)
                queue.append((hop + 1, term, word, similarity[row]))
    return queue


def test_threshold_by_hand():
    assert expansion.threshold(0) == 0.6
    assert expansion.threshold(1) == pytest.approx(0.6 + 0.4 * (1 - math.exp(-0.35)))
    assert expansion.threshold(2) == pytest.approx(0.6 + 0.4 * (1 - math.exp(-0.7)))
    assert expansion.threshold(50) == pytest.approx(1.0)
    flat = expansion.ExpansionConfig(tightening=0)
    assert expansion.threshold(9, flat) == 0.6


def test_the_walk_by_hand():
    # cos 40° = .766 passes θ(0) = .6 and θ(1) = .718; cos 45° = .707 passes only the first
    walked = expansion.expand_seeds(fan(0, 40, 80), ["词0"])
    assert walked[["term", "hop", "parent"]].values.tolist() == [["词0", 0, ""], ["词1", 1, "词0"], ["词2", 2, "词1"]]
    assert walked["similarity"].tolist() == pytest.approx([1, math.cos(math.radians(40)), math.cos(math.radians(40))])
    assert expansion.expand_seeds(fan(0, 45, 90), ["词0"])["term"].tolist() == ["词0", "词1"]


@pytest.mark.parametrize("neighbours", [3, 20, 200])
@pytest.mark.parametrize("batch", [1, 7, 256])
def test_the_walk_agrees_with_the_plain_search(monkeypatch, neighbours, batch):
    monkeypatch.setattr(expansion, "_BATCH", batch)
    vectors = random_vectors(400)
    config = expansion.ExpansionConfig(min_sim=0.5, neighbours=neighbours)
    accept = lambda term: not term.endswith("7")  # noqa: E731
    seeds, centre, negative = ["词1", "词2"], ["词3", "词4"], ["词5"]
    rows = vectors.matrix.astype(float)
    shift = rows[[3, 4]].mean(axis=0) - rows[5]
    found = expansion.expand_seeds(vectors, seeds, config, centre=centre, negative=negative, accept=accept)
    expected = slow_expand(vectors, seeds, config, shift, accept)
    assert found[["hop", "term", "parent"]].values.tolist() == [list(row[:3]) for row in expected]
    assert found["similarity"].tolist() == pytest.approx([row[3] for row in expected])


def test_rejected_words_are_not_walked_through():
    walked = expansion.expand_seeds(fan(0, 40, 80), ["词0"], accept=lambda term: term != "词1")
    assert walked["term"].tolist() == ["词0"]


def test_absent_seeds_are_named_and_the_rest_is_used():
    vectors = fan(0, 40)
    assert vectors.split(["没有", "词0"]) == (["词0"], ["没有"])
    assert expansion.expand_seeds(vectors, ["没有", "词0"])["term"].tolist() == ["词0", "词1"]
    with pytest.raises(MissingSeedError, match=r"^2 of 2 seeds .*没有, 也没有"):
        expansion.expand_seeds(vectors, ["没有", "也没有"])


def test_a_neighbour_exactly_at_the_threshold_is_taken():
    same = embedding.Vectors(("甲", "乙"), np.array([[1, 0], [2, 0]], dtype=np.float32))
    assert len(expansion.expand_seeds(same, ["甲"], expansion.ExpansionConfig(min_sim=1.0, max_sim=1.0))) == 2


def test_no_seeds_at_all_are_refused():
    with pytest.raises(InputError, match="at least one seed"):
        expansion.expand_seeds(fan(0, 40), [])
    with pytest.raises(TypeError, match="list of words"):
        expansion.expand_seeds(fan(0, 40), "词0")


def test_absent_centre_words_are_named():
    with pytest.raises(InputError, match="none of the centre words has a vector: 没有"):
        expansion.expand_seeds(fan(0, 40), ["词0"], centre=["没有"])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"min_sim": 0.9, "max_sim": 0.8}, "min_sim <= max_sim"),
        ({"min_sim": -2.0}, "-1 <= min_sim"),
        ({"tightening": -1.0}, "tightening must be a finite number, 0 or more"),
        ({"tightening": math.nan}, "tightening must be a finite number"),
        ({"min_sim": math.nan}, "min_sim <= max_sim"),
        ({"neighbours": 0}, "neighbours must be 1 or more"),
    ],
)
def test_settings_out_of_range_are_named(settings, says):
    with pytest.raises(InputError, match=says):
        expansion.ExpansionConfig(**settings)

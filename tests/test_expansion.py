import math
import os
import subprocess
import sys

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


# --- orders of all words ----------------------------------------------------------------------------------

RANKERS = pytest.mark.parametrize("rank", expansion.METHODS.values(), ids=expansion.METHODS)


def terms(frame):
    return frame["term"].tolist()


def cosine(degrees):
    return math.cos(math.radians(degrees))


def with_matrix(vectors, matrix):
    return embedding.Vectors(vectors.terms, np.asarray(matrix, dtype=np.float32))


def test_the_methods_have_their_names():
    assert {
        "centroid": expansion.rank_by_centroid,
        "ensemble": expansion.rank_by_ensemble,
        "walk": expansion.rank_by_walk,
    } == expansion.METHODS


def test_the_centroid_by_hand():
    vectors = fan(0, 40, 90, 200)  # the mean of 0° and 40° points to 20°
    found = expansion.rank_by_centroid(vectors, ["词0", "词1"])
    assert terms(found) == ["词2", "词3"]
    assert found["similarity"].tolist() == pytest.approx([cosine(70), -1])


def test_centre_and_negative_words_turn_the_centroid():
    vectors = fan(0, 90, 180, 30)
    towards = expansion.rank_by_centroid(vectors, ["词0"], centre=["词1"])  # points to 45°
    assert towards.set_index("term")["similarity"].to_dict() == pytest.approx(
        {"词3": cosine(15), "词1": cosine(45), "词2": -cosine(45)}
    )
    away = expansion.rank_by_centroid(vectors, ["词0"], negative=["词1"])  # to -45°
    assert away.set_index("term")["similarity"].to_dict() == pytest.approx(
        {"词3": cosine(75), "词1": -cosine(45), "词2": -cosine(45)}
    )


@pytest.mark.parametrize(("seeds", "centre"), [("01", "2"), ("0", "23"), ("01", "23")])
def test_seeds_and_centre_words_weigh_the_same_however_many(seeds, centre):
    vectors = fan(0, 0, 90, 90, 30)
    found = expansion.rank_by_centroid(vectors, [f"词{i}" for i in seeds], centre=[f"词{i}" for i in centre])
    assert found.loc[found["term"] == "词4", "similarity"].item() == pytest.approx(cosine(15))


def test_the_ensemble_by_hand():
    # one seed a sample: from 0° the others are 词2, 词3; from 100° they are 词3, 词2
    vectors = fan(0, 100, 30, 60)
    found = expansion.rank_by_ensemble(vectors, ["词0", "词1"], share=0.5, dimensions=1, samples=400)
    first = found.set_index("term")["similarity"]
    assert first.sum() == pytest.approx(1.5)  # each sample gives 1 and 1/2
    assert first.tolist() == pytest.approx([0.75, 0.75], abs=0.05)
    one = expansion.rank_by_ensemble(vectors, ["词0", "词1"], share=0.5, dimensions=1, samples=1)
    assert one["similarity"].tolist() == [1.0, 0.5]


def test_an_ensemble_of_all_seeds_and_dimensions_keeps_the_order_of_the_centroid():
    vectors, seeds = random_vectors(60), ["词3", "词5", "词8"]
    found = expansion.rank_by_ensemble(vectors, seeds, share=1, dimensions=1, samples=3)
    assert terms(found) == terms(expansion.rank_by_centroid(vectors, seeds))
    assert found["similarity"].tolist() == pytest.approx((1 / np.arange(1, 58)).tolist())


def test_an_ensemble_repeats_with_its_seed_and_differs_with_another():
    vectors, seeds = random_vectors(60), ["词3", "词5", "词8"]
    one, again, other = (expansion.rank_by_ensemble(vectors, seeds, seed=seed) for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)


def test_one_seed_makes_no_ensemble():
    vectors = random_vectors(20)
    expected = expansion.rank_by_centroid(vectors, ["词1"], negative=["词2"])
    assert expansion.rank_by_ensemble(vectors, ["词1", "没有", "词1"], negative=["词2"]).equals(expected)


def test_a_sample_sees_its_dimensions_only():
    # along x both are as near to the seeds as can be, along y the query is 0: always the order of the terms
    vectors = with_matrix(fan(0, 0, 0, 0), [[1, 0], [1, 0], [0.1, 1], [1, 1]])
    found = expansion.rank_by_ensemble(vectors, ["词0", "词1"], dimensions=0.5)
    assert found.values.tolist() == [["词2", 1.0], ["词3", 0.5]]
    assert terms(expansion.rank_by_ensemble(vectors, ["词0", "词1"], dimensions=1)) == ["词3", "词2"]


def test_the_walk_on_a_path_by_hand():
    # 0° – 50° – 100°: the ends are not linked, cos 100° < 0. From the middle each end gets d/2 of its mass m:
    # m = (1 − d) + d·(1 − m), as all that is in the ends comes back; d = .5: m = 2/3
    found = expansion.rank_by_walk(fan(50, 0, 100), ["词0"], damping=0.5)
    assert terms(found) == ["词1", "词2"]
    assert found["similarity"].tolist() == pytest.approx([1 / 6, 1 / 6])


def test_the_walk_follows_the_cosines_by_hand():
    # the middle is linked by cos 30° and cos 60°, and the ends are not
    found = expansion.rank_by_walk(fan(30, 0, 90), ["词0"], damping=0.5)
    strong, weak = cosine(30), cosine(60)
    assert found["similarity"].tolist() == pytest.approx([strong / (strong + weak) / 3, weak / (strong + weak) / 3])


def test_links_need_be_mutual_only_where_asked():
    # with k = 1: 0° and 10° choose each other, 30° chooses 10°
    vectors = fan(0, 10, 30)
    assert (expansion.rank_by_walk(vectors, ["词0"], k=1)["similarity"] > 0).tolist() == [True, True]
    mutual = expansion.rank_by_walk(vectors, ["词0"], k=1, mutual=True)
    assert terms(mutual) == ["词1", "词2"]
    assert mutual["similarity"].tolist() == pytest.approx([0.85 / 1.85, 0])


def test_words_no_walk_comes_to_rank_behind_by_term():
    vectors = embedding.Vectors(("丁", "丙", "甲", "乙"), np.array([[0, 1], [0, -1], [1, 0], [1, 0]], dtype=np.float32))
    found = expansion.rank_by_walk(vectors, ["甲"])
    assert terms(found) == ["乙", *sorted(["丙", "丁"])]
    assert found["similarity"].tolist() == pytest.approx([0.85 / 1.85, 0, 0])


def test_an_isolated_seed_keeps_the_walk():
    found = expansion.rank_by_walk(fan(0, 180), ["词0"])
    assert found.values.tolist() == [["词1", 0.0]]


def test_the_walk_of_an_isolated_seed_starts_anew_at_all_seeds():
    # d = .5; c isolated: c = ¼ + ¼c; a – b: a = ¼ + ½b + ¼c, b = ½a; so c = 1/3, a = 4/9, b = 2/9
    found = expansion.rank_by_walk(fan(0, 10, 180), ["词0", "词2"], damping=0.5)
    assert terms(found) == ["词1"]
    assert found["similarity"].tolist() == pytest.approx([2 / 9])


def test_the_walk_agrees_with_the_linear_equations():
    vectors, k, damping = random_vectors(80, size=5), 4, 0.85
    units = vectors.units()
    cosines = units @ units.T
    np.fill_diagonal(cosines, -np.inf)
    near = np.zeros((80, 80), dtype=bool)
    np.put_along_axis(near, np.argsort(-cosines, axis=1)[:, :k], True, axis=1)
    for mutual in (False, True):
        links = np.where(near & near.T if mutual else near | near.T, np.maximum(cosines, 0), 0)
        totals = links.sum(axis=0)
        restart = np.bincount([1, 2, 9], minlength=80) / 3
        steps = np.where(totals > 0, links / np.where(totals > 0, totals, 1), restart[:, None])
        expected = np.linalg.solve(np.eye(80) - damping * steps, (1 - damping) * restart)
        found = expansion.rank_by_walk(vectors, ["词1", "词2"], centre=["词9"], k=k, mutual=mutual)
        by_row = found.set_index("term")["similarity"].reindex(vectors.terms)
        assert by_row.drop(["词1", "词2"]).to_numpy() == pytest.approx(np.delete(expected, [1, 2]), abs=1e-9)


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_the_walk_does_not_depend_on_batches(monkeypatch, batch):
    vectors = random_vectors(100)
    expected = expansion.rank_by_walk(vectors, ["词1"])
    monkeypatch.setattr(expansion, "_BATCH", batch)
    assert expansion.rank_by_walk(vectors, ["词1"]).equals(expected)


def test_more_equals_than_neighbours_do_not_add_links():
    same = embedding.Vectors(tuple("甲乙丙丁戊"), np.ones((5, 2), dtype=np.float32))
    graph = expansion.neighbour_graph(same, k=2, mutual=False).toarray()
    # by row: 甲 takes 乙丙, 乙 takes 甲丙, 丙 takes 甲乙; 丁 and 戊, pushed out by those before them, take 甲乙
    assert (graph[3:, 3:] == 0).all()
    assert np.count_nonzero(graph[3]) == np.count_nonzero(graph[4]) == 2
    assert (np.diag(graph) == 0).all()


@RANKERS
def test_all_words_but_the_seeds_are_there(rank):
    found = rank(random_vectors(30), ["词3", "词4"], centre=["词5"], negative=["词6"])
    assert list(found.columns) == ["term", "similarity"]
    assert sorted(terms(found)) == sorted(f"词{i}" for i in range(30) if i not in (3, 4))
    expected = found.sort_values(["similarity", "term"], ascending=[False, True], ignore_index=True)
    assert found.equals(expected)


@RANKERS
def test_scaling_the_vectors_changes_nothing(rank):
    vectors = random_vectors(50)
    scales = np.random.default_rng(1).uniform(0.1, 9, size=(50, 1))
    setting = {"seeds": ["词1", "词2", "词3"], "centre": ["词4"], "negative": ["词5", "词6"]}
    one, other = rank(vectors, **setting), rank(with_matrix(vectors, vectors.matrix * scales), **setting)
    assert terms(one) == terms(other)
    assert one["similarity"].tolist() == pytest.approx(other["similarity"].tolist(), abs=1e-6)


@RANKERS
def test_the_order_of_the_words_given_and_repeats_change_nothing(rank):
    vectors = random_vectors(50)
    one = rank(vectors, ["词1", "词2", "词3"], centre=["词7", "词8"], negative=["词5", "词6"])
    other = rank(vectors, ["词3", "词1", "没有", "词2", "词1"], centre=["词8", "词7", "词7"], negative=["词6", "词5"])
    assert one.equals(other)


@RANKERS
def test_a_negative_word_pushes_its_neighbours_down(rank):
    vectors = fan(0, 20, 40, -20.5, -40)
    assert terms(rank(vectors, ["词0"]))[0] == "词1"
    pushed = terms(rank(vectors, ["词0"], negative=["词2"]))
    assert pushed.index("词3") < pushed.index("词1") < pushed.index("词2")


@RANKERS
def test_a_centre_word_pulls_its_neighbours_up(rank):
    vectors = fan(0, 20, -25, -40)

    def lead(**words):
        found = rank(vectors, ["词0"], **words).set_index("term")["similarity"]
        return found["词2"] - found["词1"]

    assert lead(centre=["词3"]) > max(0, lead())


@RANKERS
def test_all_words_may_be_seeds(rank):
    found = rank(fan(0, 40), ["词1", "词0"])
    assert len(found) == 0
    assert list(found.columns) == ["term", "similarity"]


@RANKERS
def test_equal_words_stand_by_term(rank):
    matrix = np.array([[1, 0]] * 2 + [[0.6, 0.8]] * 9, dtype=np.float32)
    found = rank(embedding.Vectors(tuple("蜜糖己戊丁丙乙甲辛庚壬"), matrix), ["蜜", "糖"])
    assert terms(found) == sorted("己戊丁丙乙甲辛庚壬")


@RANKERS
def test_a_word_without_direction_is_no_trouble(rank):
    vectors = with_matrix(fan(0, 0, 0, 0), [[1, 0], [1, 1], [1, 0], [0, 0]])
    found = rank(vectors, ["词0", "词2"], negative=["词3"])
    assert terms(found) == ["词1", "词3"]
    assert found["similarity"].notna().all()


@RANKERS
def test_seeds_and_centre_words_are_checked_as_in_the_search(rank):
    vectors = fan(0, 40, 80)
    with pytest.raises(MissingSeedError, match=r"^2 of 2 seeds .*没有, 也没有"):
        rank(vectors, ["没有", "也没有"])
    with pytest.raises(InputError, match="at least one seed"):
        rank(vectors, [])
    with pytest.raises(TypeError, match="seeds must be a list of words"):
        rank(vectors, "词0")
    with pytest.raises(TypeError, match="centre must be a list of words"):
        rank(vectors, ["词0"], centre="词1")
    for name in ("centre", "negative"):
        with pytest.raises(InputError, match=f"none of the {name} words has a vector: 没有"):
            rank(vectors, ["词0"], **{name: ["没有"]})


@pytest.mark.parametrize(
    ("rank", "settings", "says"),
    [
        ("ensemble", {"samples": 0}, "samples must be 1 or more"),
        ("ensemble", {"share": 0}, "share must be above 0 and 1 at most, got 0"),
        ("ensemble", {"share": 1.1}, "share must be above 0"),
        ("ensemble", {"dimensions": math.nan}, "dimensions must be above 0 and 1 at most, got nan"),
        ("walk", {"k": 0}, "k must be 1 or more"),
        ("walk", {"damping": 1}, "damping must be 0 or more and below 1, got 1"),
        ("walk", {"damping": math.nan}, "damping must be 0 or more"),
    ],
)
def test_settings_of_the_rankings_out_of_range_are_named(rank, settings, says):
    with pytest.raises(InputError, match=says):
        expansion.METHODS[rank](fan(0, 40, 80), ["词0"], **settings)


_REPORT = """
import hashlib, sys
import numpy as np
from threadpoolctl import threadpool_limits
from termmine import embedding, expansion
rng = np.random.default_rng(0)
vectors = embedding.Vectors(tuple(f"词{i}" for i in range(700)), rng.normal(size=(700, 40)).astype(np.float32))
with threadpool_limits(limits=int(sys.argv[1])):
    for rank in expansion.METHODS.values():
        found = rank(vectors, ["词1", "词2", "词3"], centre=["词4", "词5"], negative=["词6"])
        print(hashlib.sha256(found["similarity"].to_numpy().tobytes() + "".join(found["term"]).encode()).hexdigest())
"""


def test_the_rankings_depend_on_neither_threads_nor_the_hash_seed():
    reports = [
        subprocess.run(
            [sys.executable, "-c", _REPORT, threads],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads, hash_seed in (("1", "1"), ("2", "2"))
    ]
    assert reports[0] == reports[1]
    assert len(set(reports[0].split())) == 3

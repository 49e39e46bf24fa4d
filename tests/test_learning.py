import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from termmine import learning
from termmine.embedding import Vectors
from termmine.errors import InputError, MissingSeedError

SIZE = 120


def terms_of(n=SIZE):
    """Distinct pairs of characters, which say nothing of what the terms are."""
    return [chr(0x4E00 + 7 * (i % 12)) + chr(0x5E00 + i // 12) for i in range(n)]


def field(n=SIZE, seed=0, dimensions=8, spread=0.3):
    """Two kinds of candidates, told apart by their vectors alone: even and odd rows."""
    rng = np.random.default_rng(seed)
    terms = terms_of(n)
    centres = np.eye(2, dimensions)[np.arange(n) % 2]
    vectors = Vectors(tuple(terms), (centres + spread * rng.normal(size=(n, dimensions))).astype(np.float32))
    candidates = pd.DataFrame({"term": terms, "score": rng.normal(3, 2, n)})
    return candidates, pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc")), vectors


CANDIDATES, EVIDENCE, VECTORS = field()
EVEN, ODD = CANDIDATES["term"][::2].tolist(), CANDIDATES["term"][1::2].tolist()
STRONG = learning.LearningConfig(seed_weight=1.0)  # few candidates: let the features speak
ALONE = learning.LearningConfig(self_weight=0.0)  # the prior is the standardised score


def learn(seeds=(), config=None, given=(CANDIDATES, EVIDENCE, VECTORS), **pulls):
    return learning.learn(*given, seeds, config, **pulls)


def mean_rank(lesson, terms):
    return np.mean([rank for rank, term in enumerate(lesson.terms["term"]) if term in set(terms)])


# --- what always holds --------------------------------------------------------------------------------------

CASES = {
    "nothing": {},
    "seeds": {"seeds": EVEN[:6]},
    "few seeds": {"seeds": EVEN[:2]},
    "centre": {"centre": EVEN[:3]},
    "negative": {"negative": ODD[:3]},
    "everything": {"seeds": EVEN[:6], "centre": EVEN[8:10], "negative": ODD[:3]},
}
cases = pytest.mark.parametrize("case", CASES)


@cases
def test_every_candidate_comes_back_once_on_the_scale_it_came(case):
    terms = learn(**CASES[case]).terms
    assert list(terms) == ["term", "score", "similarity"]
    assert sorted(terms["term"]) == sorted(CANDIDATES["term"])
    assert terms["score"].mean() == pytest.approx(CANDIDATES["score"].mean())
    assert terms["score"].std() == pytest.approx(CANDIDATES["score"].std())
    pd.testing.assert_frame_equal(
        terms, terms.sort_values(["score", "term"], ascending=[False, True], ignore_index=True), check_exact=True
    )


@cases
def test_the_order_of_rows_and_words_changes_nothing(case):
    one = learn(**CASES[case], config=STRONG)
    mixed = CANDIDATES.sample(frac=1, random_state=1)
    backwards = {name: words[::-1] for name, words in CASES[case].items()}
    other = learn(**backwards, config=STRONG, given=(mixed, EVIDENCE.loc[mixed.index], VECTORS))
    pd.testing.assert_frame_equal(one.terms, other.terms, check_exact=True)
    np.testing.assert_equal([one.held_out_rank, one.prior_rank], [other.held_out_rank, other.prior_rank])


@cases
def test_learning_leaves_its_input_alone_and_says_nothing(case):
    copies = CANDIDATES.copy(), EVIDENCE.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn(**CASES[case])
    pd.testing.assert_frame_equal(copies[0], CANDIDATES)
    pd.testing.assert_frame_equal(copies[1], EVIDENCE)


def test_lessons_of_one_learner_are_those_of_new_ones():
    learner = learning.Learner(CANDIDATES, EVIDENCE, VECTORS, STRONG)
    cases = [*CASES.values(), *CASES.values()]  # none leaves anything behind
    with ThreadPoolExecutor(3) as pool:
        lessons = list(pool.map(lambda words: learner.learn(**words), cases))
    for words, lesson in zip(cases, lessons, strict=True):
        alone = learn(**words, config=STRONG)
        pd.testing.assert_frame_equal(lesson.terms, alone.terms, check_exact=True)
        np.testing.assert_equal(vars(lesson) | {"terms": None}, vars(alone) | {"terms": None})


def test_repeated_words_count_once():
    pd.testing.assert_frame_equal(learn(EVEN[:3]).terms, learn(EVEN[:3] * 2).terms, check_exact=True)
    one, two = learn(EVEN[:3], centre=EVEN[4:5]), learn(EVEN[:3], centre=EVEN[2:5])
    assert not one.terms.equals(two.terms)  # 3 is a centre word, 2 is a seed and stays one
    pd.testing.assert_frame_equal(two.terms, learn(EVEN[:3], centre=EVEN[3:5]).terms, check_exact=True)


_DIGEST = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import test_learning as t
for case in t.CASES.values():
    lesson = t.learn(**case, config=t.STRONG)
    text = repr((lesson.terms["term"].tolist(), lesson.seeds, lesson.held_out_rank, lesson.prior_rank))
    numbers = lesson.terms[["score", "similarity"]].to_numpy().tobytes()
    print(hashlib.sha256(text.encode() + numbers).hexdigest())
"""


def test_learning_depends_on_neither_the_hash_seed_nor_the_threads():
    digests = set()
    for hash_seed, threads in (("0", "1"), ("12345", "2")):
        limits = {f"{library}_NUM_THREADS": threads for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, **limits}
        command = [sys.executable, "-c", _DIGEST, os.path.dirname(__file__)]  # noqa: PTH120
        digests.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(digests) == 1 and len(digests.pop().split()) == len(CASES)


def test_the_package_itself_imports_nothing_heavy():
    code = "import sys, termmine.learning; print(sorted({'gensim', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


# --- the parts, written out ---------------------------------------------------------------------------------


def z(values):
    return (values - np.mean(values)) / np.std(values)


def regress(features, positive, negative, weights):
    """Logistic regression with an L2 penalty of 1, by its definition and SciPy."""
    from scipy.optimize import minimize

    x = np.vstack([features[positive], features[negative]])
    y = np.array([1.0] * len(positive) + [-1.0] * len(negative))

    def loss(beta):
        return (weights * np.logaddexp(0, -y * (x @ beta[1:] + beta[0]))).sum() + beta[1:] @ beta[1:] / 2

    beta = minimize(loss, np.zeros(x.shape[1] + 1), method="BFGS", options={"gtol": 1e-7}).x
    return features @ beta[1:] + beta[0]


def vector_view(terms, vectors):
    rows = np.array([vectors.matrix[vectors.row_of[term]] for term in terms], dtype=float)
    rows *= np.sqrt(rows.shape[1]) / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows - rows.mean(axis=0)


def character_view(terms):
    keys = sorted({(0, t[0]) for t in terms} | {(1, t[-1]) for t in terms} | {(2, c) for t in terms for c in t})
    has = np.array([[c == t[0] if p == 0 else c == t[-1] if p == 1 else c in t for p, c in keys] for t in terms], float)
    return has - has.mean(axis=0)


def by_hand(candidates, evidence, vectors, config, positive, negative=()):
    """The whole of ``learn`` for fewer candidates than a sample holds, seeds not held out."""
    order = candidates.sort_values(["score", "term"], ascending=[False, True]).index
    terms, score = candidates.loc[order, "term"].tolist(), z(candidates.loc[order, "score"].to_numpy())
    views = vector_view(terms, vectors), character_view(terms)
    n = max(int(config.certain_share * len(terms)), 10)
    prior = score.copy()
    for view in views:
        decision = np.empty(len(terms))
        for judged in (0, 1):
            teach = [i for i in range(len(terms)) if i % 2 != judged]
            yes, no = [i for i in teach if i < n], [i for i in teach if i >= n]
            weights = np.array([1.0] * len(yes) + [10 * len(yes) / len(no)] * len(no))
            decision[judged::2] = regress(0.3 * view, yes, no, weights)[judged::2]
        prior += config.self_weight * min(n / view.shape[1], 1) * z(decision)
    prior = z(prior)
    matrix = evidence.loc[order].to_numpy()
    matrix = (matrix - matrix.mean(axis=0)) / np.maximum(matrix.std(axis=0), 0.1)
    weight = config.seed_weight * min(1, (len(positive) / 50) ** 0.5)
    features = np.hstack([4 * prior[:, None], *(weight * part for part in (matrix, *views))])
    seeds, bad = [terms.index(t) for t in positive], [terms.index(t) for t in negative]
    rest = [i for i in range(len(terms)) if i not in {*seeds, *bad}]
    weights = np.array([1.0] * len(seeds) + [10 * len(seeds) / len(rest)] * len(rest) + [1.0] * len(bad))
    final = z(regress(features, seeds, rest + bad, weights)) if seeds else prior
    return pd.Series(candidates["score"].mean() + candidates["score"].std(ddof=0) * final, index=terms)


@pytest.mark.parametrize("seeds", [[], EVEN[:4]])
@pytest.mark.parametrize("config", [learning.LearningConfig(), learning.LearningConfig(self_weight=1, seed_weight=0.5)])
def test_learning_is_its_definition(seeds, config):
    got = learn(seeds, config).terms.set_index("term")["score"]
    expected = by_hand(CANDIDATES, EVIDENCE, VECTORS, config, seeds)[got.index]
    assert got.tolist() == pytest.approx(expected.tolist(), abs=0.03)  # the solver stops at a gradient of .001


def test_negative_words_are_taught_beside_the_unlabelled():
    got = learn(EVEN[:4], negative=ODD[:5]).terms.set_index("term")["score"]
    expected = by_hand(CANDIDATES, EVIDENCE, VECTORS, learning.LearningConfig(), EVEN[:4], ODD[:5])[got.index]
    assert got.tolist() == pytest.approx(expected.tolist(), abs=0.02)


def test_the_most_frequent_characters_are_the_features():
    matrix = learning._characters_of(["甲乙", "甲丙", "丁甲", "甲"], 3)
    # 甲 stands anywhere in 4, first in 3 (甲乙 甲丙 甲), last in 2 (丁甲 甲); each other pair once
    assert matrix == pytest.approx(
        np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]])[:, [2, 0, 1]] - [1, 0.75, 0.5]
    )


def test_similarity_is_the_cosine_of_centred_vectors():
    lesson = learn(EVEN[:3])
    terms = CANDIDATES["term"].tolist()
    view = vector_view(terms, VECTORS)
    mean = view[[terms.index(seed) for seed in EVEN[:3]]].mean(axis=0)
    cosines = dict(zip(terms, view @ mean / np.linalg.norm(view, axis=1) / np.linalg.norm(mean), strict=True))
    assert lesson.terms["similarity"].tolist() == pytest.approx([cosines[term] for term in lesson.terms["term"]])
    unseeded = learn().terms.set_index("term")["similarity"]
    surest = CANDIDATES.sort_values(["score", "term"], ascending=[False, True])["term"].head(10).tolist()
    mean = view[[terms.index(term) for term in surest]].mean(axis=0)
    cosines = view @ mean / np.linalg.norm(view, axis=1) / np.linalg.norm(mean)
    assert unseeded[terms].tolist() == pytest.approx(cosines.tolist())


def test_a_candidate_without_company_has_no_similarity():
    matrix = VECTORS.matrix.copy()
    matrix[5] = 0
    partial = Vectors(VECTORS.terms[:-1], matrix[:-1])
    terms = learn(EVEN[:3], given=(CANDIDATES, EVIDENCE, partial)).terms
    assert set(terms.loc[terms["similarity"].isna(), "term"]) == {VECTORS.terms[5], VECTORS.terms[-1]}


def test_held_out_ranks_by_hand():
    # without a lesson's weight the decision is a rising line of the prior: both ranks are those of the scores
    lesson = learn(EVEN[:10], learning.LearningConfig(self_weight=0, seed_weight=0))
    score = CANDIDATES.set_index("term")["score"]
    others = score.drop(EVEN[:10])
    ranks = [(others > score[seed]).sum() + 1 for seed in EVEN[:10]]
    assert lesson.prior_rank == pytest.approx(np.exp(np.log(ranks).mean()))


def test_a_bag_is_a_sample_of_what_is_unlabelled(monkeypatch):
    calls = []
    original = learning._against
    monkeypatch.setattr(learning, "_against", lambda *args: (calls.append(args[1:]), original(*args))[1])
    config = learning.LearningConfig(self_weight=0, unlabelled=30, bags=4)
    learn(EVEN[:10], config, centre=EVEN[12:14], negative=ODD[:3])
    judged = calls[2 * 2 :]  # behind two folds of two views
    assert len(judged) == 5 + 4  # held-out folds, then bags
    for given, bag in judged:
        assert bag.size == len(set(bag.tolist())) == 30
        assert not set(bag) & set(given.rows())
        assert given.centre.size == 2 and given.negative.size == 3
    assert [given.seeds.size for given, _ in judged] == [8] * 5 + [10] * 4
    assert len({tuple(bag) for _, bag in judged[5:]}) == 4
    whole = set(range(SIZE))
    calls.clear()
    learn(EVEN[:10], learning.LearningConfig(), centre=EVEN[12:14], negative=ODD[:3])
    assert len(calls) == 4 + 5 + 1  # all that is unlabelled fits into one sample
    for given, bag in calls[4:]:  # and what is held out is unlabelled too
        assert set(bag) | set(given.rows()) == whole


# --- what it does -------------------------------------------------------------------------------------------


def above(lesson, one, other):
    return mean_rank(lesson, one) < mean_rank(lesson, other)


def test_seeds_that_agree_lift_what_resembles_them():
    lesson = learn(EVEN[:10], STRONG)
    assert lesson.held_out_rank < lesson.prior_rank
    before, after = learn(), lesson
    rest = EVEN[10:]
    assert mean_rank(after, rest) < mean_rank(before, rest) - 10
    assert above(after, rest, ODD)
    assert above(learn(ODD[:10], STRONG), ODD[10:], EVEN)


def test_seeds_that_the_prior_knows_better_are_left_out():
    # the best of the scores, whose vectors and characters say nothing: learning from them adds noise alone
    candidates, evidence, vectors = field(300, seed=3, dimensions=60, spread=50.0)
    best = candidates.nlargest(15, "score")["term"].tolist()
    config = learning.LearningConfig(self_weight=0, seed_weight=1)
    lesson = learn(best, config, (candidates, evidence, vectors))
    assert lesson.held_out_rank > lesson.prior_rank == pytest.approx(1)
    pd.testing.assert_frame_equal(
        lesson.terms[["term", "score"]], learn((), config, (candidates, evidence, vectors)).terms[["term", "score"]]
    )
    assert lesson.seeds == tuple(best)
    # negative words speak still, as they do alone
    negative = candidates["term"].tolist()[:40:4]
    negative = [term for term in negative if term not in best]
    one = learn(best, config, (candidates, evidence, vectors), negative=negative)
    assert one.held_out_rank > one.prior_rank
    alone = learn((), config, (candidates, evidence, vectors), negative=negative)
    assert one.terms["score"].tolist() == alone.terms["score"].tolist()


def test_held_out_seeds_have_no_advantage():
    # vectors of as many dimensions as there are candidates tell each taught one apart: were held-out seeds not taught
    # as unlabelled, as those they are ranked among are, any seeds would seem to agree
    gains = []
    for seed in range(12):
        candidates, evidence, vectors = field(150, seed=seed, dimensions=150, spread=5.0)
        drawn = np.random.default_rng(seed).choice(candidates["term"], 30, replace=False).tolist()
        config = learning.LearningConfig(self_weight=0, seed_weight=1)
        lesson = learn(drawn, config, (candidates, evidence, vectors))
        gains.append(np.log(lesson.prior_rank / lesson.held_out_rank))
    assert abs(np.mean(gains)) < 0.4  # three standard errors; 1.7 with the advantage


def test_without_a_weight_good_seeds_keep_the_order():
    config = learning.LearningConfig(seed_weight=0)
    good = learn().terms["term"][5:30:5].tolist()
    lesson = learn(good, config)
    assert lesson.terms["term"].tolist() == learn().terms["term"].tolist()
    assert lesson.held_out_rank == pytest.approx(lesson.prior_rank)


def test_without_self_training_the_scores_come_back():
    expected = CANDIDATES.sort_values("score", ascending=False)
    terms = learn(config=ALONE).terms
    assert terms["term"].tolist() == expected["term"].tolist()
    assert terms["score"].tolist() == pytest.approx(expected["score"].tolist())


def test_self_training_lifts_what_resembles_the_best():
    best = CANDIDATES.assign(score=CANDIDATES["score"].rank() + 200 * CANDIDATES["term"].isin(EVEN[:10]))
    given = best, EVIDENCE, VECTORS
    assert above(learn((), learning.LearningConfig(self_weight=1), given), EVEN[10:], ODD)
    assert mean_rank(learn((), None, given), EVEN[10:]) < mean_rank(learn((), ALONE, given), EVEN[10:])


def test_no_candidate_is_judged_by_what_it_taught(monkeypatch):
    taught = []
    original = learning._decide

    def spy(features, rows, labels, weights):
        taught.append((set(rows.tolist()), set(rows[labels == 1].tolist())))
        return original(features, rows, labels, weights)

    monkeypatch.setattr(learning, "_decide", spy)
    learn()
    (a, sure_a), (b, sure_b) = taught[:2]
    assert taught[2:] == taught[:2]  # the second view
    assert not a & b and a | b == set(range(SIZE))
    assert sure_a | sure_b == set(range(10))


def test_words_pull_and_push():
    prior = learn()
    assert mean_rank(learn((), STRONG, centre=EVEN[:5]), EVEN[5:]) < mean_rank(prior, EVEN[5:])
    # of negative words alone, what counts is how far the others of their kind fall behind the other kind
    best = CANDIDATES.assign(score=CANDIDATES["score"] + 20 * CANDIDATES["term"].isin(EVEN[:10]))
    before, after = (learn((), STRONG, (best, EVIDENCE, VECTORS), negative=words).terms for words in ((), ODD[:10]))
    gaps = [
        rows.set_index("term")["score"][EVEN].mean() - rows.set_index("term")["score"][ODD[10:]].mean()
        for rows in (before, after)
    ]
    assert gaps[1] > gaps[0]
    with_seeds, pushed = learn(EVEN[:4], STRONG), learn(EVEN[:4], STRONG, negative=ODD[:10])
    assert mean_rank(pushed, ODD[10:]) > mean_rank(with_seeds, ODD[10:])


def test_negative_words_are_told_from_the_best_that_are_not_negative(monkeypatch):
    calls = []
    original = learning._against
    monkeypatch.setattr(learning, "_against", lambda *args: (calls.append(args[1:]), original(*args))[1])
    best = learn(config=ALONE).terms["term"].tolist()
    calls.clear()
    learn((), ALONE, negative=[best[0], best[5]])
    given, bag = calls[-1]
    assert given.seeds.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert given.negative.tolist() == [0, 5]
    assert set(bag) == set(range(12, SIZE))


def test_a_centre_word_is_half_a_seed(monkeypatch):
    weighed = []
    original = learning._decide
    monkeypatch.setattr(learning, "_decide", lambda *args: (weighed.append(args[3]), original(*args))[1])
    learn(EVEN[:2], centre=EVEN[2:5], negative=ODD[:1])
    n = SIZE - 6
    assert weighed[-1].tolist() == pytest.approx([1, 1, 0.5, 0.5, 0.5] + [10 * 3.5 / n] * n + [1])


# --- edges --------------------------------------------------------------------------------------------------


def test_equal_scores_make_nothing_certain():
    flat = CANDIDATES.head(25).assign(score=0.1), EVIDENCE.head(25), VECTORS
    terms = learn((), None, flat).terms
    assert terms["score"].tolist() == pytest.approx([0.1] * 25)
    assert terms["term"].tolist() == sorted(terms["term"])
    lesson = learn(EVEN[:4], STRONG, flat)  # seeds order them nevertheless
    assert above(lesson, EVEN[4:13], ODD[:12])
    assert lesson.terms["score"].std(ddof=0) == pytest.approx(1)
    assert learn(EVEN[:6], STRONG, flat).prior_rank == pytest.approx(1 + 19 / 2)  # of equals, the middle


def test_terms_of_the_same_characters():
    terms = ["蜂" * n for n in range(1, 31)]
    given = (
        pd.DataFrame({"term": terms, "score": np.arange(30.0)}),
        EVIDENCE.head(30),
        Vectors(tuple(terms), np.eye(30)),
    )
    for seeds in ((), terms[20:26]):
        assert np.isfinite(learn(seeds, None, given).terms["score"]).all()


def test_vectors_that_are_all_alike():
    alike = Vectors(VECTORS.terms, np.ones_like(VECTORS.matrix))
    assert np.isfinite(learn(EVEN[:6], None, (CANDIDATES, EVIDENCE, alike)).terms["score"]).all()


def test_the_fewest_candidates():
    twenty = CANDIDATES.head(20), EVIDENCE.head(20), VECTORS
    assert len(learn(EVEN[:3], learning.LearningConfig(certain_share=0.5), twenty).terms) == 20
    assert len(learn(EVEN[:10], None, twenty, negative=ODD[:8]).terms) == 20
    assert len(learn((), None, twenty, negative=[*EVEN[:8], *ODD[:10]]).terms) == 20
    with pytest.raises(InputError, match="must leave two candidates"):
        learn(EVEN[:10], None, twenty, negative=ODD[:9])
    with pytest.raises(InputError, match="needs 20 candidates or more, there are 19"):
        learn((), None, (CANDIDATES.head(19), EVIDENCE.head(19), VECTORS))


def test_missing_seeds_are_named():
    lesson = learn(["天气", EVEN[1], "时间", EVEN[0], "天气"])
    assert lesson.missing == ("天气", "时间")
    assert lesson.seeds == (EVEN[1], EVEN[0])
    assert np.isnan([lesson.held_out_rank, lesson.prior_rank]).all()
    with pytest.raises(MissingSeedError) as caught:
        learn(["天气", "时间"])
    assert caught.value.missing == ("天气", "时间")


@pytest.mark.parametrize("name", ["centre", "negative"])
def test_words_that_are_no_candidates(name):
    with pytest.raises(InputError, match=f"none of the {name} words is a candidate: 天气"):
        learn(**{name: ["天气"]})
    assert learn(**{name: ["天气", ODD[0]]}).terms.equals(learn(**{name: [ODD[0]]}).terms)


@pytest.mark.parametrize("name", ["seeds", "centre", "negative"])
def test_one_str_is_no_list_of_words(name):
    with pytest.raises(TypeError, match=f"{name} must be a list of words"):
        learn(**{name: EVEN[0]})


def test_a_word_is_not_both():
    for name in ("seeds", "centre"):
        with pytest.raises(InputError, match=f"{EVEN[1]} is a negative word and"):
            learn(**{name: EVEN[:3]}, negative=EVEN[1:2])


def broken(column, row, value):
    return CANDIDATES.astype({"score": float}).assign(
        **{column: CANDIDATES[column].where(CANDIDATES.index != row, value)}
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((broken("score", 4, np.nan), EVIDENCE, VECTORS), f"score must be finite, that of {EVEN[2]} is not"),
        ((broken("score", 4, -np.inf), EVIDENCE, VECTORS), f"score must be finite, that of {EVEN[2]} is not"),
        (
            (CANDIDATES, EVIDENCE.drop(6).reindex(EVIDENCE.index), VECTORS),
            f"evidence must be finite, that of {EVEN[3]}",
        ),
        ((broken("term", 0, EVEN[1]), EVIDENCE, VECTORS), f"must be distinct, {EVEN[1]} is not"),
        ((CANDIDATES, EVIDENCE.head(50), VECTORS), "must have 120 rows, a row a candidate, it has 50"),
        ((CANDIDATES[["term"]], EVIDENCE, VECTORS), "missing: score"),
        ((CANDIDATES, EVIDENCE, Vectors(("天气",), np.ones((1, 3)))), "no candidate has a vector"),
    ],
)
def test_what_cannot_be_learned_from(given, says):
    with pytest.raises(InputError, match=says):
        learn((), None, given)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"certain_share": 0}, "certain_share must be above 0 and at most .5, got 0"),
        ({"certain_share": 0.51}, "certain_share must be above 0"),
        ({"self_weight": -0.1}, "self_weight must be a finite number, 0 or more, got -0.1"),
        ({"seed_weight": np.inf}, "seed_weight must be a finite number"),
        ({"seed_weight": np.nan}, "seed_weight must be a finite number"),
        ({"bags": 0}, "bags must be 1 or more, got 0"),
        ({"unlabelled": 0}, "unlabelled must be 1 or more"),
        ({"characters": np.nan}, "characters must be 1 or more, got nan"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"seed": 2**32}, r"seed must be 0 or more and below 2\*\*32"),
    ],
)
def test_settings_out_of_range_are_named(settings, says):
    with pytest.raises(InputError, match=says):
        learning.LearningConfig(**settings)


@pytest.mark.parametrize("name", ["seed", "bags", "unlabelled", "characters", "certain_share"])
def test_each_setting_matters(name):
    base = {"unlabelled": 30, "bags": 2, "certain_share": 0.1, "characters": 20, "seed": 1}
    other = {"seed": 2, "bags": 3, "unlabelled": 40, "characters": 5, "certain_share": 0.3}
    one, two = (learn(EVEN[:10], learning.LearningConfig(**given)) for given in (base, base | {name: other[name]}))
    assert not one.terms.equals(two.terms)

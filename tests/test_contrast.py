import math

import numpy as np
import pandas as pd
import pytest

from termmine import candidates, contrast
from termmine.errors import InputError

F, G = pd.Series({"蜂王": 3, "时间": 1}), pd.Series({"时间": 4})  # n_f = n_g = 4
SIGNED = ("log_likelihood", "log_odds")
ADDED = (*SIGNED, "weirdness")
measures = pytest.mark.parametrize("name", contrast.MEASURES)
added = pytest.mark.parametrize("name", ADDED)
signed = pytest.mark.parametrize("name", SIGNED)


def scores_of(name, *counts, **settings):
    return contrast.MEASURES[name](*counts, **settings).set_index("term")["score"]


def random_counts(seed=0, n=50):
    rng = np.random.default_rng(seed)
    return [pd.Series(rng.integers(0, 30, n), index=[f"词{i}" for i in rng.permutation(2 * n)[:n]]) for _ in range(2)]


def test_smoothed_ratio_by_hand():
    # Σf = 4, Σg = 2, so g doubles: 蜂王 f 3 g 0, 时间 f 1 g 4; m = (3 + 5) / 2 = 4; α = 4 / 8
    scores = contrast.smoothed_ratio(pd.Series({"蜂王": 3, "时间": 1}), pd.Series({"时间": 2})).set_index("term")
    assert scores.loc["蜂王", "score"] == pytest.approx((3 + 4 / 2) / (3 + 4))
    assert scores.loc["时间", "score"] == pytest.approx((1 + 4 / 2) / (5 + 4))


def test_words_of_one_corpus_only_rank():
    scores = contrast.smoothed_ratio(pd.Series({"只此": 9, "都有": 9}), pd.Series({"都有": 9, "只彼": 9}))
    assert scores["term"].tolist() == ["只此", "都有", "只彼"]
    assert scores["score"].notna().all()


def test_swapping_the_corpora_mirrors_the_score_of_equal_sizes():
    f, g = pd.Series({"甲": 5, "乙": 3}), pd.Series({"甲": 2, "丙": 6})
    one = contrast.smoothed_ratio(f, g).set_index("term")["score"]
    other = contrast.smoothed_ratio(g, f).set_index("term")["score"]
    pd.testing.assert_series_equal(one.sort_index(), 1 - other.sort_index())


def test_ties_are_ordered_by_term():
    scores = contrast.smoothed_ratio(pd.Series({"乙": 1, "丙": 1, "甲": 1}), pd.Series({"丁": 3}))
    assert scores["term"].tolist()[:3] == sorted(["甲", "乙", "丙"])


@pytest.mark.parametrize("empty", ["domain", "background"])
def test_a_corpus_without_words_is_named(empty):
    counts = {"domain": pd.Series({"甲": 1}), "background": pd.Series({"甲": 1})}
    counts[empty] = pd.Series(dtype=int)
    with pytest.raises(InputError, match=f"the {empty} has no words"):
        contrast.smoothed_ratio(**counts)


def test_candidates_carry_both_kinds_of_counts():
    words = pd.DataFrame({"term": ["蜂王", "王", "工蜂"], "count": [2, 7, 1]})
    background = pd.DataFrame({"term": ["工蜂"], "count": [4]})
    here, there = ["蜂王蜂王", "蜂王，工蜂"], ["工蜂工蜂工蜂"]
    found = candidates.from_words(words, background, here, there).set_index("term")
    assert found.index.tolist() == ["工蜂", "蜂王"]
    assert found.loc["蜂王"].tolist() == [3, 2, 0, 2, 0]
    assert found.loc["工蜂"].tolist() == [1, 1, 3, 1, 4]


# --- the other measures -----------------------------------------------------------------------------------


def test_log_likelihood_by_hand():
    # equal sizes: each side is expected to have half of f + g
    found = scores_of("log_likelihood", F, G)
    assert found["蜂王"] == pytest.approx(2 * 3 * math.log(3 / 1.5))
    assert found["时间"] == pytest.approx(-2 * (math.log(1 / 2.5) + 4 * math.log(4 / 2.5)))


def test_log_likelihood_with_given_sizes_by_hand():
    # 10 and 30 tokens: a quarter of f + g is expected on the domain's side
    found = scores_of("log_likelihood", F, G, domain_total=10, background_total=30)
    assert found["蜂王"] == pytest.approx(2 * 3 * math.log(3 / 0.75))
    assert found["时间"] == pytest.approx(-2 * (math.log(1 / 1.25) + 4 * math.log(4 / 3.75)))


def test_log_odds_by_hand():
    # the prior is f + g: 蜂王 6 against 3 of 12 tokens each
    delta = math.log(6 / 6) - math.log(3 / 9)
    assert scores_of("log_odds", F, G)["蜂王"] == pytest.approx(delta / math.sqrt(1 / 6 + 1 / 3))
    # alpha0 = 2: the prior is (f + g) / 4, sizes become 6; 蜂王 3.75 against .75
    delta = math.log(3.75 / 2.25) - math.log(0.75 / 5.25)
    assert scores_of("log_odds", F, G, alpha0=2)["蜂王"] == pytest.approx(delta / math.sqrt(1 / 3.75 + 1 / 0.75))


def test_a_small_prior_punishes_words_that_the_background_lacks():
    f, g = pd.Series({"蜂王": 60, "时间": 90, "我们": 850}), pd.Series({"时间": 45, "我们": 955})
    assert scores_of("log_odds", f, g).idxmax() == "蜂王"
    assert scores_of("log_odds", f, g, alpha0=1).idxmax() == "时间"


def test_weirdness_by_hand():
    found = scores_of("weirdness", F, G)
    assert found["蜂王"] == pytest.approx((3 / 4) / (1 / 4) * math.log(4))
    assert found["时间"] == pytest.approx((1 / 4) / (5 / 4) * math.log(2))
    found = scores_of("weirdness", F, G, domain_total=10, background_total=30)
    assert found["蜂王"] == pytest.approx((3 / 10) / (1 / 30) * math.log(4))


@signed
def test_swapping_the_corpora_flips_the_sign(name):
    f, g = random_counts()
    pd.testing.assert_series_equal(scores_of(name, f, g).sort_index(), -scores_of(name, g, f).sort_index())


@signed
def test_the_sign_is_that_of_the_difference_of_the_rates(name):
    f, g = random_counts(1)
    both = pd.DataFrame({"f": f, "g": g}).fillna(0)
    rates = both / both.sum()
    expected = np.sign((rates["f"] - rates["g"]).round(12))
    assert np.sign(scores_of(name, f, g)).to_dict() == expected.to_dict()


@signed
def test_equal_rates_score_nothing(name):
    f = pd.Series({"蜂王": 3, "时间": 7})
    assert scores_of(name, f, 3 * f).tolist() == pytest.approx([0, 0], abs=1e-12)


def test_ten_times_the_text_is_ten_times_the_evidence():
    f, g = random_counts(2)
    for name, factor in (("log_likelihood", 10), ("log_odds", math.sqrt(10))):
        pd.testing.assert_series_equal(
            scores_of(name, 10 * f, 10 * g).sort_index(), factor * scores_of(name, f, g).sort_index()
        )


def test_weirdness_grows_with_the_domain_and_falls_with_the_background():
    f, g = pd.Series({"甲": 5, "乙": 4, "丙": 5, "丁": 0}), pd.Series({"甲": 1, "乙": 1, "丙": 2, "丁": 9})
    assert contrast.weirdness(f, g)["term"].tolist() == ["甲", "乙", "丙", "丁"]
    assert scores_of("weirdness", f, g)["丁"] == 0


@measures
def test_every_measure_ranks_the_union_with_finite_scores(name):
    f, g = random_counts(3)
    frame = contrast.MEASURES[name](f, g)
    assert frame.columns.tolist() == ["term", "score"]
    assert set(frame["term"]) == set(f.index) | set(g.index)
    assert np.isfinite(frame["score"]).all()
    assert frame["score"].is_monotonic_decreasing
    assert frame.equals(frame.sort_values(["score", "term"], ascending=[False, True], ignore_index=True))


@measures
def test_the_order_of_the_counts_does_not_matter(name):
    f, g = random_counts(4)
    pd.testing.assert_frame_equal(contrast.MEASURES[name](f, g), contrast.MEASURES[name](f[::-1], g.sort_index()))


@measures
def test_a_word_of_the_domain_alone_beats_one_of_both(name):
    f, g = pd.Series({"只此": 9, "都有": 9, "其余": 82}), pd.Series({"都有": 9, "只彼": 9, "其余": 82})
    assert contrast.MEASURES[name](f, g)["term"].iloc[0] == "只此"


@measures
def test_a_word_that_neither_corpus_has_is_finite(name):
    f, g = pd.Series({"蜂王": 3, "无": 0, "时间": 1}), pd.Series({"时间": 4, "无": 0})
    assert np.isfinite(scores_of(name, f, g)["无"])
    if name in ADDED:
        assert scores_of(name, f, g)["无"] == 0
        assert scores_of(name, f, g)["蜂王"] == scores_of(name, F, G)["蜂王"]


@added
def test_the_sums_are_the_default_sizes(name):
    f, g = random_counts(5)
    given = scores_of(name, f, g, domain_total=f.sum(), background_total=g.sum())
    pd.testing.assert_series_equal(given, scores_of(name, f, g))


@measures
@pytest.mark.parametrize("empty", ["domain", "background"])
@pytest.mark.parametrize("counts", [pd.Series(dtype=int), pd.Series({"甲": 0})])
def test_every_measure_needs_words_on_both_sides(name, empty, counts):
    both = {"domain": pd.Series({"甲": 1}), "background": pd.Series({"甲": 1})} | {empty: counts}
    with pytest.raises(InputError, match=f"^the {empty} has no words to contrast; [^\n]*$"):
        contrast.MEASURES[name](**both)


@added
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1])
def test_a_count_that_is_no_count_is_named(name, bad):
    with pytest.raises(InputError, match="background counts must be finite, 0 or more; 时间 has"):
        contrast.MEASURES[name](F, pd.Series({"时间": bad, "甲": 5}))


@added
def test_a_word_that_stands_twice_is_named(name):
    with pytest.raises(InputError, match="domain counts once; 甲 stands there twice"):
        contrast.MEASURES[name](pd.Series([1, 2], index=["甲", "甲"]), G)


@added
@pytest.mark.parametrize("total", [2, math.nan, math.inf])
def test_a_size_below_a_count_is_refused(name, total):
    with pytest.raises(InputError, match="domain_total must be finite and at least the largest count, 3, got"):
        contrast.MEASURES[name](F, G, domain_total=total)


@pytest.mark.parametrize("alpha0", [0, -1, math.nan, math.inf])
def test_a_prior_out_of_range_is_refused(alpha0):
    with pytest.raises(InputError, match="alpha0 must be a finite number above 0"):
        contrast.log_odds(F, G, alpha0=alpha0)


def test_log_odds_of_a_lone_word_are_infinite_unless_the_sizes_say_more():
    one = pd.Series({"蜂王": 3})
    with pytest.raises(InputError, match="log_odds needs a second word"):
        contrast.log_odds(one, one)
    assert scores_of("log_odds", one, one, domain_total=10, background_total=20)["蜂王"] > 0


def test_the_smoothed_ratio_scales_by_the_sizes_given():
    f, g = pd.Series({"蜂王": 3, "时间": 1}), pd.Series({"时间": 4})
    # the background is 8 words to the domain's 4: g counts half; t = 3, 1 + 2; m = 3; α = 4/6
    got = contrast.smoothed_ratio(f, g, domain_total=4, background_total=8).set_index("term")["score"]
    assert got["蜂王"] == pytest.approx((3 + 3 * 4 / 6) / (3 + 3)) and got["时间"] == pytest.approx((1 + 2) / (3 + 3))

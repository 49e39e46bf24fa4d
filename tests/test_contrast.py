import pandas as pd
import pytest

from termmine import candidates, contrast
from termmine.errors import InputError


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

import math

import numpy as np
import pandas as pd
import pytest

from termmine import candidates, ranking, segmentation
from termmine.errors import InputError

# A run of two words and a single word, as candidates.from_phrases would describe them
FOUND = pd.DataFrame(
    {
        "term": ["蜂王产卵", "蜂王"],
        "count": [8, 20],
        "doc_freq": [4, 20],
        "background_count": [0, 4],
        "word_count": [6, 15],
        "n_words": [2.0, 1.0],
        "left_entropy": [1.5, 0.0],
        "right_entropy": [0.5, 2.0],
        "left_border": [0.25, 0.5],
        "right_border": [0.75, 0.0],
        "cohesion": [2.5, math.nan],
        "nominal": [1.25, -0.5],
        "first_alone": [0.1, 0.2],
        "last_alone": [0.3, 0.4],
        "domain_first_alone": [0.5, 0.6],
        "domain_last_alone": [0.7, 0.8],
        "first_word_count": [15, 15],
        "last_word_count": [9, 15],
        "first_word_background": [4, 4],
        "last_word_background": [1, 4],
    },
    index=[7, 3],
)


def evidence(found=FOUND, **sizes):
    return ranking.gather_evidence(found, **{"domain_size": 1000, "background_size": 5000} | sizes)


def test_evidence_by_hand():
    by_hand = {
        "log_ratio": [math.log((8 / 1000) / (1 / 5000)), math.log((20 / 1000) / (5 / 5000))],
        "log_frequency": [math.log(math.log(7)), math.log(math.log(16))],
        "log_entropy": [math.log(0.5), math.log(0.05)],  # 0 has no logarithm: the floor
        "min_entropy": [0.5, 0],
        "max_entropy": [1.5, 2],
        "cohesion": [2.5, 5],
        "is_word": [0, 1],
        "nominal": [1.25, -0.5],
        "left_border": [0.25, 0.5],
        "right_border": [0.75, 0],
        "first_alone": [0.1, 0.2],
        "last_alone": [0.3, 0.4],
        "domain_first_alone": [0.5, 0.6],
        "domain_last_alone": [0.7, 0.8],
        "first_log_ratio": [math.log((15 / 1000) / (5 / 5000))] * 2,
        "last_log_ratio": [math.log((9 / 1000) / (2 / 5000)), math.log((15 / 1000) / (5 / 5000))],
        "first_log_count": [math.log(15)] * 2,
        "last_log_count": [math.log(9), math.log(15)],
        "log_documents": [math.log(4 / 8), 0],
        "has_two_characters": [0, 1],
    }
    got = evidence()
    assert list(got) == list(by_hand) == list(ranking.EVIDENCE)
    assert got.index.tolist() == [7, 3]
    assert set(got.dtypes) == {np.dtype(float)}
    for name, values in by_hand.items():
        assert got[name].tolist() == pytest.approx(values), name


@pytest.mark.parametrize("column", sorted(set(FOUND) - {"n_words"}))
def test_evidence_names_the_column_that_is_missing(column):
    with pytest.raises(InputError, match=f"lacks {column}$"):
        evidence(FOUND.drop(columns=column))


def test_evidence_needs_two_corpora():
    with pytest.raises(InputError, match="the domain is empty"):
        evidence(domain_size=0)
    with pytest.raises(InputError, match="the background is empty"):
        evidence(background_size=0)


def test_evidence_takes_what_from_phrases_gives():
    words = pd.DataFrame({"term": ["蜂王", "产卵", "工蜂"], "count": [9, 6, 5]})
    lines = ["蜂王产卵，工蜂", "工蜂，蜂王产卵", "蜂王。产卵", "工蜂工蜂"]
    text = segmentation.SegmentedText(lines, segmentation.Segmenter(words))
    found = candidates.from_phrases(text, ["工蜂很多"], words, words)
    got = evidence(found, domain_size=27, background_size=4)
    assert np.isfinite(got).all(axis=None)
    assert got["log_ratio"][found["term"] == "工蜂"].tolist() == pytest.approx([math.log((4 / 27) / (2 / 4))])
    assert np.isfinite(ranking.termhood(got)).all()


def test_standardised_evidence_is_clipped():
    one = ranking.EVIDENCE["nominal"]
    values = one.mean + one.deviation * np.array([-9, -5, 0.5, 4.9, 7])
    given = evidence().iloc[[0] * 5].assign(nominal=values)
    assert ranking.standardise(given)["nominal"].tolist() == pytest.approx([-5, -5, 0.5, 4.9, 5])
    assert list(ranking.standardise(given)) == list(ranking.EVIDENCE)


def test_termhood_by_hand():
    got = evidence()
    by_hand = [
        ranking.INTERCEPT
        + sum(e.weight * min(max((row[name] - e.mean) / e.deviation, -5), 5) for name, e in ranking.EVIDENCE.items())
        for row in got.to_dict("records")
    ]
    assert ranking.termhood(got).tolist() == pytest.approx(by_hand)
    assert ranking.termhood(got).index.tolist() == [7, 3]


def test_termhood_takes_the_means_of_the_weights_it_is_given():
    weights = {"nominal": ranking.Evidence(2.0, 1.0, 0.5), "min_entropy": ranking.Evidence(-1.0, 0.0, 1.0)}
    by_hand = [2 * (1.25 - 1) / 0.5 - 0.5, 2 * (-0.5 - 1) / 0.5]
    assert (ranking.termhood(evidence(), weights) - ranking.INTERCEPT).tolist() == pytest.approx(by_hand)


def test_termhood_needs_weights_and_what_they_weigh():
    with pytest.raises(InputError, match="needs weights"):
        ranking.termhood(evidence(), {})
    with pytest.raises(InputError, match="evidence lacks cohesion, nominal"):
        ranking.termhood(evidence().drop(columns=["nominal", "cohesion"]))


# --- less and less ------------------------------------------------------------------------------------------


def test_each_piece_of_evidence_is_in_one_group():
    names = [name for group in ranking.GROUPS.values() for name in group]
    assert sorted(names) == sorted(ranking.EVIDENCE)


def test_ablations_by_hand():
    got = evidence()
    scores = ranking.ablations(FOUND, got, n_documents=40)
    assert scores["frequency"].tolist() == [8, 20]
    assert scores["TF-IDF"].tolist() == pytest.approx([8 * math.log(10), 20 * math.log(2)])
    assert scores["log ratio"].tolist() == got["log_ratio"].tolist()
    assert scores["termhood"].tolist() == ranking.termhood(got).tolist()
    assert sorted(scores["random"]) == [0, 1]
    scaled = ranking.standardise(got)
    for group, names in ranking.GROUPS.items():
        share = sum(scaled[name] * ranking.EVIDENCE[name].weight for name in names)
        less = scores["termhood"] - scores[f"termhood without {group}"]
        assert less.tolist() == pytest.approx(share.tolist()), group
    assert all(score.index.tolist() == [7, 3] for score in scores.values())


def test_the_random_floor_has_a_seed():
    found = FOUND.iloc[[0] * 50].reset_index(drop=True)
    one, two, same = (
        ranking.ablations(found, evidence(found), n_documents=40, seed=s)["random"].tolist() for s in (0, 1, 0)
    )
    assert one == same != two


# --- fusion -------------------------------------------------------------------------------------------------


def order(*terms):
    return pd.DataFrame({"term": list(terms)}, dtype=object)


def test_fusion_by_hand():
    fused = ranking.fuse(order("甲", "乙", "丙"), order("丙", "丁"))
    assert fused["term"].tolist() == ["丙", "甲", "丁", "乙"]  # 丁 and 乙 tie at rank 2: by code point
    assert fused["score"].tolist() == pytest.approx([1 / 63 + 1 / 61, 1 / 61, 1 / 62, 1 / 62])


def test_fusing_one_order_or_the_same_twice_keeps_it():
    one = order("丙", "甲", "乙")
    assert ranking.fuse(one)["term"].tolist() == ranking.fuse(one, one)["term"].tolist() == ["丙", "甲", "乙"]
    assert ranking.fuse(one, order())["term"].tolist() == ["丙", "甲", "乙"]
    assert ranking.fuse(order()).empty


def test_what_cannot_be_fused():
    with pytest.raises(InputError, match="no orders to fuse"):
        ranking.fuse()
    with pytest.raises(InputError, match="甲 stands there twice"):
        ranking.fuse(order("乙"), order("甲", "甲"))


# --- the final list -----------------------------------------------------------------------------------------

JUDGED = pd.DataFrame(
    {
        "rank": [1, 2, 3, 4, 5],
        "term": ["时间", "蜂王", "巢脾", "蜡", "第三"],
        "score": [9.0, 8.0, 7.0, 6.0, 5.0],
        "count": [90, 80, 70, 60, 50],
        "rejected_by": ["", "", "", "", "has_number: 三"],
    }
)
LEARNED = pd.DataFrame({"term": ["巢脾", "蜡", "第三", "蜂王"], "score": [4.0, 3.0, 2.0, 1.0], "similarity": 0.5})


def test_the_fused_list_by_hand():
    terms = ranking.rank_fused(JUDGED, LEARNED)
    assert list(terms) == ["rank", "term", "score", "count", "similarity", "rejected_by"]
    assert terms[["rank", "term", "score", "count", "rejected_by"]].values.tolist() == [
        [1, "巢脾", 4, 70, ""],
        [2, "第三", 2, 50, ""],  # a rule's word does not hold against what was judged
        [3, "蜂王", 1, 80, ""],
        [4, "时间", 9, 90, "ranked_low"],
        [5, "蜡", 3, 60, "min_term_len: 2"],
    ]
    assert terms["similarity"].isna().tolist() == [False, False, False, True, False]


def test_a_rule_is_named_where_nothing_was_learned():
    terms = ranking.rank_fused(JUDGED, LEARNED[LEARNED["term"] != "第三"]).set_index("term")
    assert terms["rejected_by"]["第三"] == "has_number: 三"
    assert ranking.rejected_by_rule(terms)[lambda is_out: is_out].index.tolist() == ["第三"]


def test_only_so_many_are_kept():
    terms = ranking.rank_fused(JUDGED, LEARNED, min_term_len=1, max_terms=2)
    assert terms["rejected_by"].tolist() == ["", "", "ranked_low", "max_terms: 2", "max_terms: 2"]
    assert terms["term"].tolist() == ["巢脾", "蜡", "时间", "第三", "蜂王"]
    assert not ranking.rejected_by_rule(terms).any()


def test_nothing_learned_leaves_nothing():
    terms = ranking.rank_fused(JUDGED, LEARNED.head(0))
    assert (terms["rejected_by"] != "").all() and len(terms) == 5
    assert terms["score"].tolist() == [9, 8, 7, 6, 5]


def test_no_row_is_lost_and_the_order_of_rows_does_not_matter():
    whole = ranking.rank_fused(JUDGED, LEARNED)
    mixed = ranking.rank_fused(JUDGED.sample(frac=1, random_state=1), LEARNED.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(whole, mixed)
    assert sorted(whole["term"]) == sorted(JUDGED["term"])


def test_what_cannot_be_listed():
    stranger = pd.DataFrame({"term": ["天气"], "score": [1.0]})
    with pytest.raises(InputError, match="天气 was judged and is no candidate"):
        ranking.rank_fused(JUDGED, pd.concat([LEARNED, stranger]))
    with pytest.raises(InputError, match="learned terms must be distinct, 蜂王 is not"):
        ranking.rank_fused(JUDGED, pd.concat([LEARNED, LEARNED.tail(1)]))
    with pytest.raises(InputError, match="candidates must be distinct, 时间 is not"):
        ranking.rank_fused(pd.concat([JUDGED, JUDGED.head(1)]), LEARNED)
    with pytest.raises(InputError, match="蜡 was judged without a score"):
        ranking.rank_fused(JUDGED, LEARNED.assign(score=[1.0, math.nan, 2.0, 3.0]))
    with pytest.raises(InputError, match="missing: rejected_by"):
        ranking.rank_fused(JUDGED.drop(columns="rejected_by"), LEARNED)
    with pytest.raises(InputError, match="missing: score"):
        ranking.rank_fused(JUDGED, LEARNED.drop(columns="score"))


def test_the_inputs_stay_as_they_were():
    judged, learned, found = JUDGED.copy(), LEARNED.copy(), FOUND.copy()
    ranking.rank_fused(judged, learned, max_terms=1)
    evidence(found)
    pd.testing.assert_frame_equal(judged, JUDGED)
    pd.testing.assert_frame_equal(learned, LEARNED)
    pd.testing.assert_frame_equal(found, FOUND)

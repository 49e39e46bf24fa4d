import pandas as pd
import pytest

from termmine import evaluation
from termmine.errors import InputError

TERMS = ["甲", "乙", "丙", "丁", "戊"]
REFERENCE = {"甲", "丙", "丁", "没有"}  # hits at 1, 3, 4


def test_precision_and_recall_by_hand():
    assert [evaluation.precision_at_k(TERMS, REFERENCE, k) for k in (1, 2, 3, 4, 5)] == [1, 1 / 2, 2 / 3, 3 / 4, 3 / 5]
    assert [evaluation.recall_at_k(TERMS, REFERENCE, k) for k in (1, 2, 3, 4, 5)] == [1 / 4, 1 / 4, 2 / 4, 3 / 4, 3 / 4]
    assert evaluation.precision_at_k(TERMS, REFERENCE, 10) == 3 / 10  # a short list has misses at its end
    assert evaluation.f1(3 / 4, 3 / 4) == 3 / 4
    assert evaluation.f1(0, 0) == 0


def test_average_precision_by_hand():
    assert evaluation.average_precision(TERMS, REFERENCE) == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 4)
    assert evaluation.average_precision(TERMS, REFERENCE, topn=3) == pytest.approx((1 / 1 + 2 / 3) / 4)
    assert evaluation.average_precision(sorted(REFERENCE), REFERENCE) == 1
    assert evaluation.average_precision([], REFERENCE) == 0


def test_the_curve_agrees_with_the_single_values():
    curve = evaluation.precision_recall_curve(TERMS, REFERENCE)
    for row in curve.itertuples():
        k = int(row.k)
        assert row.precision == evaluation.precision_at_k(TERMS, REFERENCE, k)
        assert row.recall == evaluation.recall_at_k(TERMS, REFERENCE, k)
        assert row.f1 == pytest.approx(evaluation.f1(row.precision, row.recall))
    table = evaluation.score_at(TERMS, REFERENCE, [2, 5])
    pd.testing.assert_frame_equal(table, curve.iloc[[1, 4]].reset_index(drop=True), check_dtype=False)


def test_seeds_are_never_scored():
    terms, reference = (
        evaluation.without_seeds([*TERMS, "甲"], ["甲"]),
        evaluation.without_seeds(sorted(REFERENCE), ["甲"]),
    )
    assert terms == ["乙", "丙", "丁", "戊"]
    assert evaluation.average_precision(terms, reference) == pytest.approx((1 / 2 + 2 / 3) / 3)


def test_an_empty_reference_raises():
    for score in (evaluation.average_precision, evaluation.precision_recall_curve):
        with pytest.raises(InputError, match="reference list is empty"):
            score(TERMS, [])
    for score in (evaluation.precision_at_k, evaluation.recall_at_k):
        with pytest.raises(InputError, match="k must be 1 or more"):
            score(TERMS, REFERENCE, 0)
    with pytest.raises(InputError, match="topn must be 1 or more"):
        evaluation.average_precision(TERMS, REFERENCE, topn=-1)


def test_repeated_terms_are_refused():
    for score in (evaluation.average_precision, evaluation.precision_recall_curve):
        with pytest.raises(InputError, match="must be distinct"):
            score(["甲", "甲"], REFERENCE)


def test_every_reference_term_is_found_or_lost_somewhere():
    terms = pd.DataFrame(
        {
            "term": ["甲", "乙", "丙", "己"],
            "rank": [1, 2, 3, 4],
            "rejected_by": ["", "", "min_length: 2", "max_terms: 2"],
        }
    )
    reference = pd.DataFrame({"count": [9, 8, 7, 6, 0, 5]}, index=["甲", "乙", "丙", "丁", "戊", "己"])
    traced = evaluation.trace_reference(reference, terms, topn=1).set_index("term")
    assert traced["stage"].to_dict() == {
        "甲": "found", "乙": "ranked low", "丙": "rejected", "丁": "not a candidate", "戊": "not in the corpus",
        "己": "ranked low",
    }  # fmt: skip
    assert traced.loc["丙", "rejected_by"] == "min_length: 2"
    assert traced["rank"].tolist() == [1, 2, 3, 0, 0, 4]

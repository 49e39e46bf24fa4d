import hashlib
import math
import random
import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from termmine import evaluation, lattice, ngrams
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
    rows = curve[["k", "precision", "recall", "f1"]].iloc[[1, 4]]
    pd.testing.assert_frame_equal(table, rows.reset_index(drop=True), check_dtype=False)


def test_the_curve_has_the_interval_of_each_precision():
    curve = evaluation.precision_recall_curve(TERMS, REFERENCE)
    for k, found, low, high in zip(curve["k"], (1, 1, 2, 3, 3), curve["low"], curve["high"], strict=True):
        assert (low, high) == evaluation.wilson(found, k)
    assert (curve["low"] < curve["precision"]).all()
    narrow = evaluation.precision_recall_curve(TERMS, REFERENCE, level=0.5)
    assert (narrow["high"] - narrow["low"] < curve["high"] - curve["low"]).all()
    assert evaluation.precision_recall_curve([], REFERENCE).empty
    with pytest.raises(InputError, match="level must lie"):
        evaluation.precision_recall_curve(TERMS, REFERENCE, level=95)


def test_wilson_by_hand():
    z2 = 1.959964**2
    for successes, n in ((2, 4), (8, 10), (1, 200)):
        middle, half = successes + z2 / 2, (z2 * (successes * (n - successes) / n + z2 / 4)) ** 0.5
        by_hand = [(middle - half) / (n + z2), (middle + half) / (n + z2)]
        assert evaluation.wilson(successes, n) == pytest.approx(by_hand, abs=1e-6)
    assert evaluation.wilson(0, 10) == pytest.approx((0, z2 / (10 + z2)), abs=1e-6)
    assert evaluation.wilson(10, 10) == pytest.approx((10 / (10 + z2), 1), abs=1e-6)


def test_wilson_laws():
    low, high = evaluation.wilson(3, 10)
    assert evaluation.wilson(7, 10) == pytest.approx((1 - high, 1 - low))
    narrow = evaluation.wilson(3, 10, level=0.5)
    assert low < narrow[0] < 0.3 < narrow[1] < high
    for successes, n in ((1, 0), (0, 0), (-1, 4), (5, 4)):
        with pytest.raises(InputError, match="a share needs n of 1 or more"):
            evaluation.wilson(successes, n)
    with pytest.raises(InputError, match="level must lie"):
        evaluation.wilson(1, 4, level=95)


def test_wilson_of_many_is_that_of_each_and_scipys():
    successes, n = np.array([0, 3, 7, 1000]), np.array([1, 10, 7, 100_000])
    low, high = evaluation.wilson(successes, n, level=0.9)
    for i in range(4):
        assert (low[i], high[i]) == evaluation.wilson(successes[i], n[i], level=0.9)
        theirs = stats.binomtest(int(successes[i]), int(n[i])).proportion_ci(0.9, method="wilson")
        assert (low[i], high[i]) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert low[0] == 0 and high[2] == 1  # exactly
    with pytest.raises(InputError, match="got 3 of 2"):
        evaluation.wilson([1, 3], [2, 2])


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


# --- R-precision and bpref -------------------------------------------------------------------------------


def test_r_precision_is_where_precision_meets_recall():
    assert evaluation.r_precision(TERMS, REFERENCE) == 3 / 4
    assert evaluation.r_precision(TERMS, REFERENCE) == evaluation.recall_at_k(TERMS, REFERENCE, 4)
    assert evaluation.r_precision(["乙", "甲"], {"甲", "丙", "丁"}) == 1 / 3  # a short list misses the rest


def test_bpref_by_hand():
    # R 4, N 2, M 2: before 甲 none, before 丙 and 丁 one, 没有 is not found
    assert evaluation.bpref(TERMS, REFERENCE, {"乙", "戊"}) == pytest.approx((1 + 1 / 2 + 1 / 2 + 0) / 4)
    # R 1, N 3, M 1: more non-terms before than there are terms count as many
    assert evaluation.bpref(["乙", "戊", "甲"], {"甲"}, {"乙", "戊", "己"}) == 0


def test_bpref_leaves_out_what_nobody_judged():
    padded = ["未判", *TERMS[:2], "也未判", *TERMS[2:]]
    assert evaluation.bpref(padded, REFERENCE, {"乙"}) == evaluation.bpref(TERMS, REFERENCE, {"乙"})
    assert evaluation.average_precision(padded, REFERENCE) < evaluation.average_precision(TERMS, REFERENCE)


def test_bpref_needs_clear_judgements():
    with pytest.raises(InputError, match="needs judged non-terms"):
        evaluation.bpref(TERMS, REFERENCE, [])
    with pytest.raises(InputError, match="甲 is judged both"):
        evaluation.bpref(TERMS, REFERENCE, ["甲", "乙"])
    with pytest.raises(InputError, match="reference list is empty"):
        evaluation.bpref(TERMS, [], ["乙"])


def test_a_bare_string_is_no_list():
    with pytest.raises(TypeError, match="one str"):
        evaluation.precision_at_k("蜂王", REFERENCE, 1)
    with pytest.raises(TypeError, match="one str"):
        evaluation.precision_at_k(TERMS, "蜂王", 1)
    with pytest.raises(InputError, match="whole number"):
        evaluation.precision_at_k(TERMS, REFERENCE, 2.5)


# --- lenient matches -------------------------------------------------------------------------------------

LISTED = ["ZPW-2000A", "蜂王", "工蜂房", "蜜", "AT", "10kV"]


@pytest.mark.parametrize(
    ("term", "match"),
    [
        ("蜂王", "exact"),
        ("ZPW-2000A", "exact"),
        ("zpw2000a", "spelling"),
        ("ＺＰＷ 2000Ａ", "spelling"),
        ("zpw－2000a", "spelling"),
        ("蜂王浆", "contains"),
        ("ZPW2000A轨道", "contains"),
        ("工蜂", "within"),
        ("2000A", "within"),
        ("蜂", ""),  # one character is part of too much
        ("蜂蜜", ""),  # so is a reference term of one
        ("蜜", "exact"),
        ("STATE", ""),  # AT is torn out of a word
        ("AT供电", "contains"),
        ("110kV", ""),  # another number
        ("STATE和AT", "contains"),
        ("10kV开关", "contains"),
        ("00A", ""),
        ("时间", ""),
    ],
)
def test_ways_to_match(term, match):
    table = evaluation.match_terms(["占位", term], LISTED)
    assert table.values.tolist() == [["占位", ""], [term, match]]


def test_the_closest_match_is_told():
    assert evaluation.match_terms(["蜂王台"], ["蜂王", "蜂王台", "大蜂王台"])["match"].tolist() == ["exact"]
    assert evaluation.match_terms(["蜂王台"], ["蜂王", "大蜂王台"])["match"].tolist() == ["contains"]


def test_each_spelling_of_a_part_is_within():
    terms = ["gsm r", "GSM-R", "铁路"]
    assert evaluation.match_terms(terms, ["GSM-R网络"])["match"].tolist() == ["within", "within", ""]


def test_matches_agree_with_substring_search():
    rng = random.Random(7)
    draw = lambda n: list(dict.fromkeys("".join(rng.choices("蜂王台房蜜", k=rng.randint(1, 5))) for _ in range(n)))  # noqa: E731
    terms, reference = draw(300), draw(60)
    for row in evaluation.match_terms(terms, reference).itertuples():
        contains = any(len(r) >= 2 and r in row.term for r in reference)
        within = len(row.term) >= 2 and any(row.term in r for r in reference)
        expected = "exact" if row.term in reference else "contains" if contains else "within" if within else ""
        assert row.match == expected, row


def test_the_reference_may_hold_nothing_that_can_be_a_part():
    assert evaluation.match_terms(["蜂", "蜂王"], ["蜂"])["match"].tolist() == ["exact", ""]
    assert evaluation.match_terms([], ["蜂"]).empty


def test_lenient_precision_stands_beside_the_strict_one():
    terms = ["蜂王", "zpw2000a", "蜂王浆", "时间"]
    table = evaluation.score_lenient(terms, LISTED, [1, 2, 4, 10]).set_index("k")
    assert table["precision"].tolist() == [evaluation.precision_at_k(terms, LISTED, k) for k in (1, 2, 4, 10)]
    assert table["precision_spelling"].tolist() == [1, 1, 2 / 4, 2 / 10]
    assert table["precision_lenient"].tolist() == [1, 1, 3 / 4, 3 / 10]
    with pytest.raises(InputError, match="k must be 1 or more"):
        evaluation.score_lenient(terms, LISTED, [0])
    with pytest.raises(InputError, match="must be distinct"):
        evaluation.score_lenient(["蜂王", "蜂王"], LISTED, [1])


# --- bootstrap over documents ------------------------------------------------------------------------------

DOCUMENTS = ["蜂王产卵，蜂王死", "工蜂采蜜", "时间", "蜂王和工蜂的时间", "巢脾旧了", "", "工蜂房里的工蜂", "巢脾"]
LISTS = {"a": ["蜂王", "时间", "工蜂", "巢脾"], "b": ["时间", "产卵", "工蜂房", "巢脾", "蜂王"]}
WANTED = ["蜂王", "工蜂", "巢脾", "工蜂房"]


def naive_scores(terms, documents, min_count, topn):
    """One sample, counted with str.count; attested is what occurs often enough in all documents."""
    counts = {term: sum(document.count(term) for document in documents) for term in [*terms, *WANTED]}
    often = [term for term in WANTED if sum(document.count(term) for document in DOCUMENTS) >= min_count]
    attested = [term for term in often if counts[term]]
    if not attested:
        return np.nan, np.nan
    present = [term for term in terms if counts[term]]
    return (
        evaluation.average_precision(present, attested, topn=topn),
        evaluation.precision_at_k(present, attested, 100),
    )


@pytest.mark.parametrize(("min_count", "topn"), [(1, 100), (2, 100), (3, 2)])
def test_the_bootstrap_agrees_with_counting_each_sample(min_count, topn):
    table = evaluation.bootstrap_documents(
        LISTS, WANTED, DOCUMENTS, min_count=min_count, topn=topn, samples=200, seed=3, level=0.8
    )
    assert table[["list", "metric"]].values.tolist() == [
        ["a", "average_precision"], ["a", "precision_at_100"], ["b", "average_precision"], ["b", "precision_at_100"],
    ]  # fmt: skip
    rng = np.random.default_rng(3)
    samples = [[DOCUMENTS[i] for i in rng.integers(len(DOCUMENTS), size=len(DOCUMENTS))] for _ in range(200)]
    for name, terms in LISTS.items():
        drawn = np.array([naive_scores(terms, sample, min_count, topn) for sample in samples])
        rows = table[table["list"] == name]
        assert rows["samples"].tolist() == [np.isfinite(drawn[:, 0]).sum()] * 2
        np.testing.assert_allclose(rows["value"], naive_scores(terms, DOCUMENTS, min_count, topn))
        np.testing.assert_allclose(rows[["low", "high"]].T, np.nanquantile(drawn, [0.1, 0.9], axis=0))


def test_the_value_lies_in_its_interval():
    rng = np.random.default_rng(5)
    reference = [f"术{chr(0x4E00 + i)}" for i in range(40)]
    others = [f"词{chr(0x4E00 + i)}" for i in range(40)]
    lines = ["，".join(rng.choice([*reference, *others], 6)) for _ in range(120)]
    ranked = rng.permutation([*reference, *others]).tolist()
    table = evaluation.bootstrap_documents({"a": ranked}, reference, lines, min_count=5, topn=100, samples=300)
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_the_size_of_a_batch_changes_nothing(monkeypatch):
    arguments = {"min_count": 2, "topn": 100, "samples": 50, "seed": 1}
    whole = evaluation.bootstrap_documents(LISTS, WANTED, DOCUMENTS, **arguments)
    monkeypatch.setattr(evaluation, "_CELLS", 17)
    pd.testing.assert_frame_equal(evaluation.bootstrap_documents(LISTS, WANTED, iter(DOCUMENTS), **arguments), whole)


def test_one_document_always_draws_itself():
    table = evaluation.bootstrap_documents(
        {"a": ["时间", "蜂王"]}, ["蜂王"], ["蜂王时间"], min_count=1, topn=10, samples=9
    )
    assert table[["value", "low", "high", "samples"]].values.tolist() == [[0.5, 0.5, 0.5, 9], [0.01, 0.01, 0.01, 9]]


def test_samples_without_an_attested_term_are_told():
    lines = ["蜂王", *["时间"] * 20]
    table = evaluation.bootstrap_documents({"a": ["蜂王"]}, ["蜂王"], lines, min_count=1, topn=10, samples=400)
    assert table["samples"].between(400 * 0.5, 400 * 0.75).all()  # 1 - (20/21)^21 = .64
    assert table["low"].tolist() == [1, 0.01]
    seeds = range(100)  # one of them draws a single sample without 蜂王
    tables = [
        evaluation.bootstrap_documents({"a": ["蜂王"]}, ["蜂王"], lines, min_count=1, topn=10, samples=1, seed=seed)
        for seed in seeds
    ]
    empty = next(table for table in tables if not table["samples"].any())
    assert empty[["low", "high"]].isna().all(axis=None) and empty["value"].notna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rankings": {}}, "at least one ranked list"),
        ({"rankings": {"a": ["蜂王", "蜂王"]}}, "must be distinct"),
        ({"reference": []}, "reference list is empty"),
        ({"reference": ["没有"]}, "no reference term occurs 1 times"),
        ({"lines": []}, "no document"),
        ({"min_count": 0}, "min_count must be 1 or more"),
        ({"samples": 0}, "samples must be 1 or more"),
        ({"topn": 0}, "topn must be 1 or more"),
        ({"level": 1}, "level must lie between 0 and 1"),
    ],
)
def test_the_bootstrap_says_what_it_needs(change, message):
    arguments = {"rankings": LISTS, "reference": WANTED, "lines": DOCUMENTS, "min_count": 1, "topn": 10} | change
    with pytest.raises(InputError, match=message):
        evaluation.bootstrap_documents(**arguments)
    with pytest.raises(TypeError, match="one str"):
        evaluation.bootstrap_documents(LISTS, WANTED, "蜂王", min_count=1, topn=10)


# --- is one list better? -----------------------------------------------------------------------------------


def test_the_exact_p_of_three_units():
    # contributions: 甲 1 against 1/3, 乙 1 against 2/4, 丙 1 against 3/5
    first, second = ["甲", "乙", "丙"], ["x", "y", "甲", "乙", "丙"]
    table = evaluation.compare(first, second, ["甲", "乙", "丙"], samples=4000).set_index("metric")
    by_hand = (1 / 3 + 2 / 4 + 3 / 5) / 3
    row = table.loc["average_precision"]
    assert row["first"] == 1 and row["second"] == pytest.approx(by_hand)
    assert row["difference"] == pytest.approx(1 - by_hand)
    assert row["p_value"] == pytest.approx(1 / 4, abs=0.03)  # of 8 sign patterns, the two with all signs alike
    assert 2 / 5 - 1e-9 <= row["low"] <= row["difference"] <= row["high"] <= 2 / 3 + 1e-9  # units 2/3, 1/2, 2/5


def test_precision_swaps_the_ranks():
    first, second = [f"t{i}" for i in range(60)], [f"f{i}" for i in range(60)]
    table = evaluation.compare(first, second, first, samples=999).set_index("metric")
    assert table.loc["precision_at_100", ["first", "second", "difference"]].tolist() == [0.6, 0, 0.6]
    assert table.loc["precision_at_500", ["first", "second", "difference"]].tolist() == [60 / 500, 0, 60 / 500]
    assert (table["p_value"] == 1 / 1000).all()  # never 0
    assert 0.45 < table.loc["precision_at_100", "low"] < 0.55 and 0.65 < table.loc["precision_at_100", "high"] < 0.75


def test_p_agrees_with_all_swaps():
    from scipy import stats

    rng = np.random.default_rng(5)
    a, b = rng.random(10), rng.random(10) + 0.12
    swaps = stats.permutation_test(  # of 10 units there are only 1,024, which it enumerates
        (a, b), lambda x, y, axis: (x - y).mean(axis), permutation_type="samples", vectorized=True, n_resamples=9999
    )
    assert 0.05 < swaps.pvalue < 0.95
    assert evaluation._paired(a - b, 50_000, 0, 0.95)[3] == pytest.approx(swaps.pvalue, abs=0.01)


def test_the_interval_of_many_units_is_the_normal_one():
    differences = np.random.default_rng(5).random(200) - 0.4
    mean, low, high, _ = evaluation._paired(differences, 20_000, 0, 0.9)
    half = 1.645 * differences.std() / 200**0.5
    assert (low, mean, high) == pytest.approx((mean - half, differences.mean(), mean + half), abs=0.05 * half)


def test_lists_that_agree_do_not_differ():
    table = evaluation.compare(TERMS, TERMS, REFERENCE, samples=100)
    assert (table[["difference", "low", "high"]] == 0).all(axis=None)
    assert (table["p_value"] == 1).all()
    assert table["metric"].tolist() == ["average_precision", "precision_at_100", "precision_at_500"]


def test_the_order_of_the_two_lists_only_turns_the_sign():
    other = ["乙", "丁", "己", "甲"]
    there, back = (evaluation.compare(*pair, REFERENCE, samples=500) for pair in ((TERMS, other), (other, TERMS)))
    np.testing.assert_allclose(there["difference"], -back["difference"])
    np.testing.assert_allclose(there["low"], -back["high"], atol=0.08)
    assert there["p_value"].tolist() == back["p_value"].tolist()
    assert there["first"].iloc[0] == evaluation.average_precision(TERMS, REFERENCE)


def test_comparing_repeats_and_heeds_topn():
    a = evaluation.compare(TERMS, ["乙"], sorted(REFERENCE), samples=200)
    pd.testing.assert_frame_equal(evaluation.compare(TERMS, ["乙"], sorted(REFERENCE, reverse=True), samples=200), a)
    cut = evaluation.compare(TERMS, ["乙"], REFERENCE, topn=3, samples=200)
    assert cut["first"].iloc[0] == evaluation.average_precision(TERMS, REFERENCE, topn=3)


def test_one_reference_term_has_no_spread():
    row = evaluation.compare(["甲"], ["乙", "甲"], ["甲"], samples=50).iloc[0]
    assert row[["difference", "low", "high", "p_value"]].tolist() == [0.5, 0.5, 0.5, 1]


def test_comparing_needs_something_to_compare_by():
    with pytest.raises(InputError, match="reference list is empty"):
        evaluation.compare(TERMS, TERMS, [])
    with pytest.raises(InputError, match="samples must be 1 or more"):
        evaluation.compare(TERMS, TERMS, REFERENCE, samples=0)
    with pytest.raises(InputError, match="topn must be 1 or more"):
        evaluation.compare(TERMS, TERMS, REFERENCE, topn=0)
    with pytest.raises(InputError, match="level must lie"):
        evaluation.compare(TERMS, TERMS, REFERENCE, level=95)
    with pytest.raises(InputError, match="must be distinct"):
        evaluation.compare(["甲", "甲"], TERMS, REFERENCE)


# --- breakdowns ----------------------------------------------------------------------------------------------

LOSSES = pd.DataFrame(
    [
        ("蜂", 3, "not a candidate"), ("蜂王", 100, "found"), ("工蜂", 99, "ranked low"), ("采集蜂", 5, "found"),
        ("活框蜂箱", 9, "rejected"), ("蜂螨防治剂", 0, "not in the corpus"), ("西方蜜蜂蜂王浆", 10, "found"),
    ],
    columns=["term", "count", "stage"],
)  # fmt: skip


def test_recall_by_length():
    table = evaluation.break_down(LOSSES, "length")
    assert table.columns.tolist() == ["band", "reference_terms", "found", "recall"]
    assert table["band"].tolist() == ["1", "2", "3", "4", "5", "6+"]
    assert table["reference_terms"].tolist() == [1, 2, 1, 1, 1, 1]
    assert table["found"].tolist() == [0, 1, 1, 0, 0, 1]
    assert table["recall"].tolist() == [0, 1 / 2, 1, 0, 0, 1]


def test_recall_by_frequency():
    table = evaluation.break_down(LOSSES, "frequency")
    assert table["band"].tolist() == ["0", "1-4", "5-9", "10-19", "20-49", "50-99", "100+"]
    assert table["reference_terms"].tolist() == [1, 1, 2, 1, 0, 1, 1]
    assert table["found"].tolist() == [0, 0, 1, 1, 0, 0, 1]
    assert math.isnan(table["recall"][4]) and table["recall"].notna().sum() == 6


def test_recall_by_stage_falls_along_the_chain():
    table = evaluation.break_down(LOSSES, "stage")
    assert table[["band", "found"]].values.tolist() == [
        ["in the corpus", 6], ["candidate", 5], ["ranked", 4], ["kept", 3],
    ]  # fmt: skip
    assert table["recall"].tolist() == [6 / 7, 5 / 7, 4 / 7, 3 / 7]


def test_every_breakdown_has_the_same_total():
    for by in ("length", "frequency"):
        table = evaluation.break_down(LOSSES, by)
        assert table[["reference_terms", "found"]].sum().tolist() == [7, 3]


def test_a_breakdown_takes_what_the_trace_gives():
    terms = pd.DataFrame({"term": ["甲", "乙"], "rank": [1, 2], "rejected_by": ["", "min_length: 2"]})
    traced = evaluation.trace_reference(pd.DataFrame({"count": [9, 8]}, index=["甲", "丁"]), terms, topn=5)
    assert evaluation.break_down(traced, "stage")["found"].tolist() == [2, 1, 1, 1]


def test_what_cannot_be_broken_down():
    with pytest.raises(InputError, match="by must be length, frequency or stage"):
        evaluation.break_down(LOSSES, "colour")
    with pytest.raises(InputError, match="missing: count"):
        evaluation.break_down(LOSSES.drop(columns="count"), "length")
    with pytest.raises(InputError, match="reference list is empty"):
        evaluation.break_down(LOSSES.head(0), "stage")
    with pytest.raises(InputError, match="got lost"):
        evaluation.break_down(LOSSES.assign(stage="lost"), "stage")


def test_a_trace_needs_distinct_candidates():
    reference = pd.DataFrame({"count": [1]}, index=["甲"])
    terms = pd.DataFrame({"term": ["甲", "甲"], "rank": [1, 2], "rejected_by": ["", ""]})
    with pytest.raises(InputError, match="甲 is not"):
        evaluation.trace_reference(reference, terms, topn=1)
    with pytest.raises(InputError, match="missing: rejected_by"):
        evaluation.trace_reference(reference, terms.drop(columns="rejected_by"), topn=1)
    with pytest.raises(InputError, match="topn must be"):
        evaluation.trace_reference(reference, terms.head(1), topn=0)


# --- occurrences per document --------------------------------------------------------------------------------


def test_occurrences_per_document_add_up(monkeypatch):
    trie = lattice.Trie(["蜂", "蜂王", "王蜂", "没有"])
    lines = ["蜂王蜂王", "", "王蜂\n蜂", "无关", "蜂" * 3000, ""]
    table = trie.count_by_document(iter(lines)).toarray()
    assert table.tolist() == [[2, 2, 1, 0], [0] * 4, [2, 0, 1, 0], [0] * 4, [3000, 0, 0, 0], [0] * 4]
    totals = trie.occurrences(lines)
    assert table.sum(axis=0).tolist() == totals["count"].tolist()
    assert (table > 0).sum(axis=0).tolist() == totals["doc_freq"].tolist()
    monkeypatch.setattr(ngrams, "BLOCK", 3)  # each document in a block of its own
    assert (trie.count_by_document(lines).toarray() == table).all()


def test_more_pairs_than_the_first_table_holds():
    terms = [chr(0x4E00 + i) for i in range(700)]
    lines = ["".join(terms), "".join(terms[::2])] * 2
    table = lattice.Trie(terms).count_by_document(lines).toarray()
    assert (table[0::2] == 1).all() and (table[1::2] == [i % 2 == 0 for i in range(700)]).all()


def test_no_document_and_no_term():
    assert lattice.Trie(["蜂"]).count_by_document([]).shape == (0, 1)
    assert lattice.Trie([]).count_by_document(["蜂"]).shape == (1, 0)


# --- what seeds bring -----------------------------------------------------------------------------------------


def test_the_learning_curve_by_hand():
    # The ranker puts one wrong term first, then whatever it was not given: with r terms left, their precisions are
    # 1/2, 2/3, …, r/(r + 1)
    reference = ["甲", "乙", "丙", "丁", "戊", "己"]

    def rank(seeds):
        return [*seeds, "时间", *(term for term in reference if term not in seeds)]

    table = evaluation.learning_curve(rank, reference, sizes=[1, 2, 3, 4], draws=2)
    assert table[["seeds", "draw"]].values.tolist() == [[1, 0], [1, 1], [2, 0], [2, 1], [3, 0], [3, 1]]
    for size, expected in ((1, 5), (2, 4), (3, 3)):
        by_hand = sum(i / (i + 1) for i in range(1, expected + 1)) / expected
        assert table.loc[table["seeds"] == size, "average_precision"].tolist() == pytest.approx([by_hand] * 2)
    short = evaluation.learning_curve(rank, reference, sizes=[3], draws=1, topn=2)
    assert short["average_precision"].tolist() == pytest.approx([1 / 2 / 3])  # the seeds take no rank


def test_threads_change_nothing():
    reference = [f"词{i}" for i in range(40)]

    def rank(seeds):
        time.sleep(random.Random(seeds[0]).random() / 100)  # so that they do not end in order
        return sorted([*reference, *"甲乙丙丁戊"], key=lambda term: hash_of([*seeds, term]))

    one, *others = (evaluation.learning_curve(rank, reference, sizes=[5, 20], threads=n) for n in (1, 3, None))
    assert one["average_precision"].nunique() == 10
    for other in others:
        pd.testing.assert_frame_equal(one, other)


def hash_of(terms):
    return hashlib.sha256("、".join(terms).encode()).digest()


def draws_of(reference, **settings):
    seen = []

    def rank(seeds):
        seen.append(seeds)
        return []

    table = evaluation.learning_curve(rank, reference, **settings)
    assert (table["average_precision"] == 0).all() and len(table) == len(seen)
    return seen


def test_draws_are_those_of_the_seed():
    reference = [f"词{i}" for i in range(40)]
    few = draws_of(reference, sizes=[5, 20], draws=3)
    many = draws_of(set(reference), sizes=[20, 5], draws=4)
    assert few[:3] == many[4:7] and few[3:] == many[:3]  # neither other sizes nor more draws nor the order change them
    assert all(
        len(set(seeds)) == size and set(seeds) <= set(reference)
        for seeds, size in zip(few, [5] * 3 + [20] * 3, strict=True)
    )
    assert len(set(map(tuple, few))) == 6
    assert few != draws_of(reference, sizes=[5, 20], draws=3, seed=1)


def test_odd_terms_are_drawn_as_they_are():
    (seeds,) = draws_of(["a\0", "a", "NA", "\ud800"], sizes=[2], draws=1)
    assert set(seeds) < {"a\0", "a", "NA", "\ud800"}
    every = {term for seed in range(20) for term in draws_of(["a\0", "b\0"], sizes=[1], draws=1, seed=seed)[0]}
    assert every == {"a\0", "b\0"}


def test_too_many_seeds_leave_no_row():
    table = evaluation.learning_curve(list, ["甲", "乙", "丙"], sizes=[2])
    assert table.empty and list(table) == ["seeds", "draw", "average_precision"]


def test_what_has_no_learning_curve():
    with pytest.raises(InputError, match="reference list is empty"):
        evaluation.learning_curve(list, [])
    with pytest.raises(TypeError, match="list of strings"):
        evaluation.learning_curve(list, "甲乙")
    for draws in (0, 1.5):
        with pytest.raises(InputError, match="draws must be 1 or more"):
            evaluation.learning_curve(list, ["甲", "乙"], sizes=[1], draws=draws)
    with pytest.raises(InputError, match="threads must be 1 or more"):
        evaluation.learning_curve(list, ["甲", "乙"], sizes=[1], threads=0)
    with pytest.raises(InputError, match="a number of seeds must be 1 or more"):
        evaluation.learning_curve(list, ["甲", "乙"], sizes=[0])


def test_the_interval_of_a_mean_by_hand():
    # s² = (1 + 1 + 9 + 9) / 3; t(.95, 3) = 2.3534, from a table
    mean, low, high = evaluation.mean_interval([4, 6, 2, 8], level=0.9)
    half = 2.3534 * (20 / 3) ** 0.5 / 2
    assert [mean, low, high] == pytest.approx([5, 5 - half, 5 + half], abs=1e-3)
    assert evaluation.mean_interval([0.25] * 3) == (0.25, 0.25, 0.25)


def test_one_draw_has_no_interval_and_none_no_mean():
    mean, low, high = evaluation.mean_interval([0.5])
    assert mean == 0.5 and math.isnan(low) and math.isnan(high)
    with pytest.raises(InputError, match="no values"):
        evaluation.mean_interval([])
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        evaluation.mean_interval([1, 2], level=1)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = [
        low < 3 < high for _, low, high in (evaluation.mean_interval(rng.normal(3, 1, 5), 0.8) for _ in range(2000))
    ]
    assert np.mean(covered) == pytest.approx(0.8, abs=0.03)  # three standard errors

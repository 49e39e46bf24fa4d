import random

import pandas as pd
import pytest

from termmine import variants
from termmine.errors import InputError


def ranked(counts, rejected=()):
    """A frame in the order given; ``rejected`` terms carry a reason."""
    frame = pd.DataFrame({"term": list(counts), "count": list(counts.values())})
    return frame.assign(rejected_by=["min_term_len: 3" if term in rejected else "" for term in counts])


def heads(counts, rejected=()):
    frame = variants.group_variants(ranked(counts, rejected)).set_index("term")
    return frame.loc[frame["head"] != "", ["head", "relation"]].agg(tuple, axis=1).to_dict()


def test_kinds_by_hand():
    # 采集蜂 ends 3 of the 20 蜂群采集蜂…: free(采集蜂) = 20 - (4 + 2) = 14 >= 3; free(蜂箱) = 9 - 5 = 4 < 5
    counts = {"采集蜂": 20, "老采集蜂": 4, "幼采集蜂": 2, "蜂箱": 9, "卧式蜂箱": 5}
    assert heads(counts) == {"老采集蜂": ("采集蜂", "kind"), "幼采集蜂": ("采集蜂", "kind")}


def test_a_head_stands_alone_as_often_as_inside_an_average_variant():
    assert heads({"蜂箱": 10, "卧式蜂箱": 5}) == {"卧式蜂箱": ("蜂箱", "kind")}  # free 5, average 5
    assert heads({"蜂箱": 9, "卧式蜂箱": 5}) == {}  # free 4


def test_the_end_of_a_word_is_no_head():
    counts = {"分离机": 100, "离机": 101, "摇蜜分离机": 20, "分蜜分离机": 10}
    assert heads(counts) == {"摇蜜分离机": ("分离机", "kind"), "分蜜分离机": ("分离机", "kind")}


def test_what_ends_in_a_word_that_is_no_head_goes_to_the_next_shorter_one():
    # 式蜂箱 hardly occurs outside 卧式蜂箱, 蜂箱 does
    counts = {"蜂箱": 50, "式蜂箱": 11, "卧式蜂箱": 10}
    assert heads(counts) == {"式蜂箱": ("蜂箱", "kind"), "卧式蜂箱": ("蜂箱", "kind")}


def test_a_chain_goes_step_by_step():
    counts = {"蜂箱": 90, "卧式蜂箱": 30, "双王卧式蜂箱": 3}
    assert heads(counts) == {"卧式蜂箱": ("蜂箱", "kind"), "双王卧式蜂箱": ("卧式蜂箱", "kind")}


def test_longer_variants_are_not_subtracted_twice():
    # every 双王卧式蜂箱 is a 卧式蜂箱 already: free(蜂箱) = 40 - 20 = 20, not 40 - 20 - 8
    assert heads({"蜂箱": 40, "卧式蜂箱": 20, "双王卧式蜂箱": 8})["卧式蜂箱"] == ("蜂箱", "kind")


def test_a_head_has_two_characters():
    assert heads({"蜂": 900, "工蜂": 40, "蜜蜂": 70}) == {}


@pytest.mark.parametrize("term", ["110mm蜂路", "110mm", "x10mm", "5.10mm"])
def test_no_head_begins_inside_a_number_or_a_latin_word(term):
    assert heads({"10mm": 900, "10mm蜂路": 500, term: 3}) == {}


def test_a_latin_modifier_is_one():
    assert heads({"巢脾": 90, "PVC巢脾": 3, "12框巢脾": 2}) == {
        "PVC巢脾": ("巢脾", "kind"),
        "12框巢脾": ("巢脾", "kind"),
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ZB-12蜂箱", "zb12蜂箱"),
        ("ZB-12", "ZB 12"),
        ("ZB-12", "ZB—12"),
        ("CO2麻醉", "CO₂麻醉"),
        ("ＡＢ蜂箱", "AB蜂箱"),
        ("10mm蜂路", "10㎜蜂路"),
    ],
)
def test_the_same_term_in_two_spellings(one, other):
    assert variants.spelling_key(one) == variants.spelling_key(other)
    assert heads({one: 2, other: 3}) == {one: (other, "spelling")}
    assert heads({one: 3, other: 2}) == {other: (one, "spelling")}
    assert heads({one: 2, other: 2}) == {other: (one, "spelling")}  # a tie: the better ranked one


@pytest.mark.parametrize(("one", "other"), [("3-10框", "310框"), ("3 10框", "310框"), ("10²", "102"), ("-", "—")])
def test_different_terms_are_no_spellings(one, other):
    assert heads({one: 2, other: 3}) == {}


def test_a_kind_of_a_term_with_two_spellings_goes_to_the_usual_one():
    counts = {"ab蜂箱": 5, "AB蜂箱": 30, "木AB蜂箱": 4, "木ab蜂箱": 1}
    assert heads(counts) == {
        "ab蜂箱": ("AB蜂箱", "spelling"),
        "木AB蜂箱": ("AB蜂箱", "kind"),
        "木ab蜂箱": ("木AB蜂箱", "spelling"),
    }


def test_rejected_terms_are_neither_heads_nor_variants():
    counts = {"蜂箱": 90, "卧式蜂箱": 10, "立式蜂箱": 9}
    assert heads(counts, rejected={"蜂箱"}) == {}
    assert heads(counts, rejected={"立式蜂箱"}) == {"卧式蜂箱": ("蜂箱", "kind")}


def test_no_row_moves():
    frame = ranked({"卧式蜂箱": 10, "蜂箱": 90, "蜂": 99}, rejected={"蜂"})
    frame.index = [7, 7, 3]
    grouped = variants.group_variants(frame)
    pd.testing.assert_frame_equal(grouped[list(frame)], frame)
    assert list(grouped) == ["term", "count", "rejected_by", "head", "relation"]
    assert grouped["head"].tolist() == ["蜂箱", "", ""]
    pd.testing.assert_frame_equal(variants.group_variants(grouped), grouped)


def test_a_frame_without_kept_terms():
    assert variants.group_variants(ranked({}))["head"].tolist() == []
    assert variants.group_variants(ranked({"蜂": 3}, rejected={"蜂"}))["relation"].tolist() == [""]
    assert variants.nested(variants.group_variants(ranked({})), 3).empty


def plainly(counts):
    """Kinds as slow as they are short: every term against every other one."""
    longest = {
        term: max((end for end in counts if len(end) >= 2 and end != term and term.endswith(end)), key=len, default="")
        for term in counts
    }
    children = {h: [counts[t] for t in counts if longest[t] == h] for h in set(longest.values()) - {""}}
    good = {h for h, c in children.items() if counts[h] - sum(c) >= sum(c) / len(c)}
    found = {}
    for term in counts:
        end = longest[term]
        while end and end not in good:
            end = longest[end]
        if end:
            found[term] = (end, "kind")
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_plain_program_finds_the_same(seed):
    rng = random.Random(seed)
    terms = {"".join(rng.choices("蜂箱王台", k=rng.randint(1, 6))) for _ in range(300)}
    counts = {term: rng.randint(1, 4 ** (7 - len(term))) for term in sorted(terms)}
    found = heads(counts)
    assert found == plainly(counts)
    assert len(found) > 20


@pytest.mark.parametrize("seed", range(5))
def test_following_heads_ends_and_every_kept_term_is_shown(seed):
    rng = random.Random(seed)
    counts = {"".join(rng.choices("蜂箱aA-1", k=rng.randint(1, 6))): rng.randint(1, 60) for _ in range(300)}
    grouped = variants.group_variants(ranked(counts, rejected=set(rng.sample(sorted(counts), 30))))
    kept = grouped[grouped["rejected_by"] == ""]
    parent = dict(zip(kept["term"], kept["head"], strict=True))
    assert set(parent.values()) <= {*parent, ""}
    for term in parent:
        for _ in parent:
            term = parent.get(term, "")
        assert term == ""
    entries = variants.nested(grouped, len(grouped))
    shown = set(entries["term"]) | {term for row in entries["variants"] for term in row.split("、")}
    assert shown - {""} == set(parent)


def test_a_long_chain_of_endings():
    terms = ["蜂" * n for n in range(2, 1500)]
    found = heads({term: 2 ** (60 - min(n, 60)) for n, term in enumerate(terms)})
    assert found["蜂" * 3] == ("蜂" * 2, "kind")
    # those of 62 characters and more are equally frequent, so none of them stands alone
    assert found["蜂" * 1499] == found["蜂" * 62] == ("蜂" * 61, "kind")


def test_nested_by_hand():
    counts = {"卧式蜂箱": 10, "蜂王": 50, "蜂箱": 90, "双王卧式蜂箱": 2, "立式蜂箱": 9, "蜂": 1}
    entries = variants.nested(variants.group_variants(ranked(counts, rejected={"蜂"})), 10)
    assert list(entries) == ["rank", "term", "n_variants", "variants"]
    assert entries.values.tolist() == [
        [1, "卧式蜂箱", 1, "双王卧式蜂箱"],
        [2, "蜂王", 0, ""],
        [3, "蜂箱", 2, "卧式蜂箱、立式蜂箱"],
    ]
    assert variants.nested(variants.group_variants(ranked(counts)), 1)["term"].tolist() == ["卧式蜂箱"]


def test_bad_input_is_named():
    with pytest.raises(InputError, match="count, rejected_by is missing"):
        variants.group_variants(pd.DataFrame({"term": ["蜂王"]}))
    with pytest.raises(InputError, match="蜂王 comes twice"):
        variants.group_variants(pd.DataFrame({"term": ["蜂王"] * 2, "count": 1, "rejected_by": ""}))
    with pytest.raises(InputError, match="n must be 1 or more, got 0"):
        variants.nested(variants.group_variants(ranked({"蜂王": 1})), 0)
    with pytest.raises(InputError, match="head is missing"):
        variants.nested(ranked({"蜂王": 1}), 3)

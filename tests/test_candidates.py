import itertools
import math
import os
import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from plain import folded, phrases, spans

from termmine import candidates, corpus, discovery, lattice, ngrams, nominal
from termmine.candidates import PhraseConfig, from_phrases
from termmine.errors import InputError
from termmine.ngrams import as_codes
from termmine.segmentation import SegmentedText, Segmenter

WORDS = {"蜂王": 6, "产卵": 5, "工蜂": 4, "哺育": 3, "在": 3, "房": 2}
BACKGROUND_WORDS = {"在": 6, "房": 1, "房子": 3}
LINES = ["蜂王产卵，工蜂哺育蜂王。", "蜂王在产卵房产卵", "工蜂哺育蜂王"]
BACKGROUND = ["他在房子里", "房子在在"]


def frame_of(words):
    return pd.DataFrame({"term": list(words), "count": list(words.values())})


def run(lines=LINES, background=BACKGROUND, words=WORDS, background_words=BACKGROUND_WORDS, **settings):
    text = SegmentedText(lines, Segmenter(frame_of(words)))
    return from_phrases(text, background, frame_of(words), frame_of(background_words), PhraseConfig(**settings))


@pytest.fixture
def bees():
    """蜂王|产卵 工蜂|哺育|蜂王 / 蜂王|在|产卵|房|产卵 / 工蜂|哺育|蜂王: 13 tokens, runs that occur twice."""
    return run(min_count=2).set_index("term")


# --- by hand ----------------------------------------------------------------------------------------------


def test_which_runs_are_candidates(bees):
    assert bees.index.tolist() == ["产卵", "哺育", "哺育蜂王", "工蜂", "工蜂哺育", "工蜂哺育蜂王", "蜂王"]
    once = set(run(min_count=1)["term"])
    assert "在产卵房" in once  # 在 and 房 are words of one character
    assert "产卵工蜂" not in once  # across a comma
    assert "蜂王在产卵房产卵" not in once  # five words
    assert all(len(term) > 1 for term in once)


def test_counts_by_hand(bees):
    assert bees.loc["蜂王", ["count", "doc_freq", "word_count", "n_words"]].tolist() == [4, 3, 4, 1]
    assert bees.loc["产卵", ["count", "doc_freq", "word_count", "n_words"]].tolist() == [3, 2, 3, 1]
    assert bees.loc["工蜂哺育蜂王", ["count", "doc_freq", "word_count", "n_words"]].tolist() == [2, 2, 2, 3]
    assert (bees["background_count"] == 0).all()


def test_plain_occurrences_overlap_and_are_not_bound_to_words():
    found = run(["房房", "房房房产卵房房"], ["房房房"], {"房房": 3, "产卵": 1}, min_count=2).set_index("term")
    assert found.loc["房房", ["count", "doc_freq", "background_count", "word_count"]].tolist() == [4, 2, 2, 3]


def test_neighbours_by_hand(bees):
    # 蜂王: before it the begin of two lines and twice 育; behind it 产 and 在, and twice a border
    assert bees.loc["蜂王", "left_entropy"] == pytest.approx(math.log(2))
    assert bees.loc["蜂王", "right_entropy"] == pytest.approx(1.5 * math.log(2))
    assert bees.loc["蜂王", ["left_border", "right_border"]].tolist() == [0.5, 0.5]
    # 产卵: 王, 在, 房 before it; a comma, 房, the end behind it
    assert bees.loc["产卵", "left_entropy"] == pytest.approx(math.log(3))
    assert bees.loc["产卵", "right_border"] == pytest.approx(2 / 3)
    assert bees.loc["哺育", ["left_entropy", "right_entropy", "left_border"]].tolist() == [0, 0, 0]


def test_cohesion_by_hand(bees):
    # N = 13: ln(13 · 2 / (2 · 2)) and ln(13 · 2 / (2 · 4)); the longest has both splits
    assert bees.loc["工蜂哺育", "cohesion"] == pytest.approx(math.log(6.5))
    assert bees.loc["哺育蜂王", "cohesion"] == pytest.approx(math.log(3.25))
    assert bees.loc["工蜂哺育蜂王", "cohesion"] == pytest.approx(math.log(3.25))
    assert bees.loc[["蜂王", "产卵", "工蜂", "哺育"], "cohesion"].isna().all()


def test_c_value_by_hand(bees):
    # 蜂王 is in 哺育蜂王 and 工蜂哺育蜂王, 2 each; 工蜂哺育蜂王 in nothing
    assert bees.loc["蜂王", "c_value"] == pytest.approx(1 * (4 - 2))
    assert bees.loc["工蜂", "c_value"] == 0
    assert bees.loc["工蜂哺育蜂王", "c_value"] == pytest.approx(math.log2(6) * 2)
    assert bees.loc["产卵", "c_value"] == 3


def test_a_run_counts_once_for_a_word_that_stands_in_it_twice():
    found = run(["产卵产卵", "产卵产卵", "产卵"], min_count=1).set_index("term")
    assert found.loc["产卵", "c_value"] == 5 - 2
    assert found.loc["产卵产卵", "cohesion"] == pytest.approx(math.log(5 * 2 / 25))


def test_free_and_extension_shares_by_hand(bees):
    # 蜂王产卵 and 蜂王在 occur once: two of four 蜂王 are free, the others are in 哺育蜂王
    assert bees["free_share"].to_dict() == {
        "产卵": 1,
        "哺育": 0,
        "哺育蜂王": 0,
        "工蜂": 0,
        "工蜂哺育": 0,
        "工蜂哺育蜂王": 1,
        "蜂王": 0.5,
    }
    assert bees.loc[["哺育", "工蜂", "工蜂哺育", "蜂王"], "extension_share"].tolist() == [1, 1, 1, 0]


def test_nominal_weights_by_hand(bees):
    edge_before, edge_behind = nominal.BEFORE["\n"], nominal.BEHIND["\n"]
    # 产卵: 王 and a comma; 在 and 房; 房 and the end
    comma, at = nominal.BEHIND["过，"], nominal.BEFORE["往在"]
    assert bees.loc["产卵", "nominal"] == pytest.approx((comma + at + edge_behind) / 3)
    # 蜂王: begin and 产; 育 and 。; begin and 在; 育 and the end
    stop, in_ = nominal.BEHIND["要应在。—"], nominal.BEHIND["要应在。—"]
    assert bees.loc["蜂王", "nominal"] == pytest.approx((2 * edge_before + stop + in_ + edge_behind) / 4)


def test_words_alone_by_hand():
    found = run(min_count=1).set_index("term")
    # domain: 在 3 of 3 and 房 2 of 2 alone, 5 of 2 · (6 + 5 + 4 + 3) + 5 characters on average
    average = 5 / 41
    assert found.loc["在产卵房", "domain_first_alone"] == pytest.approx((3 + 5 * average) / (3 + 5))
    assert found.loc["在产卵房", "domain_last_alone"] == pytest.approx((2 + 5 * average) / (2 + 5))
    assert found.loc["蜂王", "domain_first_alone"] == pytest.approx(5 * average / (10 + 5))  # 蜂: 6 + 4
    # background: 房 1 of 4 alone, 7 of 13 characters
    assert found.loc["在产卵房", "last_alone"] == pytest.approx((1 + 5 * 7 / 13) / (4 + 5))
    assert found.loc["蜂王", "first_alone"] == pytest.approx(7 / 13)  # not seen


def test_first_and_last_words_by_hand():
    found = run(min_count=1).set_index("term")
    columns = ["first_word_count", "first_word_background", "last_word_count", "last_word_background"]
    assert found.loc["在产卵房", columns].tolist() == [1, 3, 1, 2]
    assert found.loc["蜂王在", columns].tolist() == [4, 0, 1, 3]
    assert found.loc["蜂王", columns].tolist() == [4, 0, 4, 0]


def test_spellings():
    lines = ["蜂王 GPT-4 5G蜂箱 1998 3.5% 10kV 二〇〇八 𠀀𠀁 12·31 １２：３０ 9abcde ZPW-2000A"] * 2
    found = run(lines, words={"蜂王": 1, "二〇〇八": 1, "𠀀𠀁": 1, "蜂箱": 1}, min_count=2).set_index("term")
    assert found["spelling"].to_dict() == {
        "9abcde": "latin",
        "5G蜂箱": "mixed",
        "GPT-4": "latin",
        "ZPW-2000A": "latin",
        "二〇〇八": "han",
        "蜂箱": "han",
        "蜂王": "han",
        "𠀀𠀁": "han",
    }


def test_a_string_that_is_cut_in_two_ways_is_one_candidate():
    # a word with a mark in it takes 王 away: 蜂|王( beside 蜂王
    words = {"蜂王": 1, "蜂": 9, "王(": 100}
    found = run(["蜂王(", "蜂王", "蜂王产"], words=words, min_count=1).set_index("term")
    assert found.loc["蜂王", ["word_count", "n_words"]].tolist() == [3, 4 / 3]
    # by its first occurrence it is two words: N = 5 tokens, 蜂 and 王 are words once
    assert found.loc["蜂王", "cohesion"] == pytest.approx(math.log(5 * 3))
    assert found.loc["蜂王", "first_word_count"] == 1
    again = run(["蜂王", "蜂王(", "蜂王产"], words=words, min_count=1).set_index("term")
    assert math.isnan(again.loc["蜂王", "cohesion"])
    assert again.loc["蜂王", "first_word_count"] == 3


def test_a_word_that_is_too_rare_leaves_its_columns_to_the_run():
    words = {"蜂王": 1, "蜂": 9, "王(": 100, "产卵": 1, "产": 9, "卵(": 100}
    found = run(["蜂王(", "蜂王", "产卵(", "产卵", "产卵"], ["蜂王蜂产"], words, min_count=2).set_index("term")
    columns = ["first_word_count", "first_word_background", "last_word_count", "last_word_background", "cohesion"]
    assert found.loc["蜂王", columns].tolist() == [2, 1, 2, 1, 0]
    assert found.loc["产卵", columns].tolist() == [3, 0, 3, 0, 0]


# --- edges ------------------------------------------------------------------------------------------------


def test_max_words_and_lengths():
    assert set(run(min_count=1, max_words=1)["term"]) == {"蜂王", "产卵", "工蜂", "哺育"}
    assert run(min_count=1, max_words=1)["cohesion"].isna().all()
    assert set(run(min_count=2, max_len=4)["term"]) == {"产卵", "哺育", "哺育蜂王", "工蜂", "工蜂哺育", "蜂王"}
    assert set(run(min_count=2, min_len=5)["term"]) == {"工蜂哺育蜂王"}
    assert {"在", "房"} <= set(run(min_count=1, min_len=1)["term"])
    # what is too long to be a candidate does not cover
    assert run(min_count=2, max_len=2).set_index("term")["free_share"].eq(1).all()


def test_parts_below_min_len_still_count():
    found = run(["在房", "在房"], min_count=2, min_len=2).set_index("term")
    assert found.index.tolist() == ["在房"]
    assert found.loc["在房", "cohesion"] == pytest.approx(math.log(4 * 2 / (2 * 2)))
    assert found.loc["在房", "first_word_background"] == 3


@pytest.mark.parametrize("block", [1, 1 << 22])
def test_min_count_is_chosen_by_the_characters(block, monkeypatch):
    monkeypatch.setattr(ngrams, "BLOCK", block)
    twice = ["蜂王", "蜂王", "产卵", "产卵", "产卵"]  # 10 characters; line breaks are none
    assert run([*twice, "，" * 499_989], min_count="auto")["term"].tolist() == ["产卵", "蜂王"]
    assert run([*twice, "，" * 499_990], min_count="auto")["term"].tolist() == ["产卵"]


def test_one_character_is_enough():
    assert run(["房"], min_count=1, min_len=1)["term"].tolist() == ["房"]
    with pytest.raises(InputError, match=r"no run of words has 2 characters; lower contrast\.min_len"):
        run(["房"], min_count=1)


@pytest.mark.parametrize("lines", [[], [""], ["，。！", "……"], ["\ud800", "😀é\t"], ["蜂王"]])
def test_text_without_frequent_runs_is_refused(lines):
    with pytest.raises(InputError, match=r"no run of words occurs often enough; lower contrast\.min_count"):
        run(lines)


def test_numbers_alone_are_no_candidates():
    with pytest.raises(InputError, match="no run of words has 2 characters"):
        run(["1998 3.5%", "10kV"], min_count=1)


def test_characters_outside_the_basic_plane_and_surrogates():
    found = run(["𠀀𠀁产卵\ud800", "😀𠀀𠀁产卵"], ["𠀀𠀁"], {"𠀀𠀁": 2, "产卵": 2}, min_count=2).set_index("term")
    assert found.index.tolist() == ["产卵", "𠀀𠀁", "𠀀𠀁产卵"]
    assert found.loc["𠀀𠀁", ["count", "background_count", "word_count", "left_border"]].tolist() == [2, 1, 2, 1]
    assert found.loc["𠀀𠀁产卵", "c_value"] == pytest.approx(2 * 2)  # four characters
    assert found.loc["产卵", "left_entropy"] == 0  # twice 𠀁


def test_full_width_letters_are_half_width_ones():
    found = run(["ＧＰＴ４蜂王", "GPT4蜂王"], ["ＧPT4"], min_count=2).set_index("term")
    assert found.index.tolist() == ["GPT4", "GPT4蜂王", "蜂王"]
    assert found.loc["GPT4", ["count", "background_count", "word_count"]].tolist() == [2, 1, 2]


def test_a_background_without_the_terms():
    found = run(background=["今天天气"], background_words={"今天": 1})
    assert (found["background_count"] == 0).all()
    assert (found["first_alone"] == 0).all()


@pytest.mark.parametrize("background", [[], ["", " "], iter([])])
def test_an_empty_background_is_refused(background):
    with pytest.raises(InputError, match="the background has no words"):
        run(background=background)
    with pytest.raises(InputError, match="the background has no words"):
        run(background_words={})


def test_text_has_to_be_given_as_documents():
    with pytest.raises(TypeError, match="read several times"):
        run(line for line in LINES)
    with pytest.raises(TypeError, match="one str"):
        run("蜂王产卵")
    with pytest.raises(TypeError, match="one str"):
        run(background="在房子里")
    pd.testing.assert_frame_equal(run(background=iter(["", *BACKGROUND])), run())  # is read once


@pytest.mark.parametrize(
    "settings",
    [
        {"max_words": 0},
        {"max_words": 5},
        {"max_words": 2.5},
        {"min_len": 0},
        {"min_len": 5, "max_len": 4},
        {"min_count": 0},
        {"min_count": True},
        {"min_count": "some"},
        {"max_len": "12"},
    ],
)
def test_settings_are_checked(settings):
    with pytest.raises(InputError, match=f"{next(iter(settings))} must be"):
        PhraseConfig(**settings)


# --- laws -------------------------------------------------------------------------------------------------


def test_laws_on_the_sample(sample):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    words, others = discovery.discover(lines), discovery.discover(corpus.read_lines(sample / "background.txt"))
    text = SegmentedText(lines, Segmenter(words))
    found = from_phrases(text, corpus.read_lines(sample / "background.txt"), words, others)
    assert len(found) > 100
    assert found["term"].is_unique and found["term"].tolist() == sorted(found["term"])
    assert (found["count"] >= found["word_count"]).all() and (found["count"] >= found["doc_freq"]).all()
    assert (found["doc_freq"] >= 1).all() and (found["word_count"] >= 2).all()
    assert found["n_words"].between(1, 4).all()
    for name in ("left_entropy", "right_entropy"):
        assert ((found[name] >= 0) & (found[name] <= np.log(found["word_count"]) + 1e-12)).all()
    shares = found.filter(regex="_share$|_border$|_alone$").drop(columns="extension_share")
    assert ((shares >= 0) & (shares <= 1)).all().all() and shares.shape[1] == 7
    assert (found["cohesion"].isna() == (found["n_words"] == 1)).all()
    assert (found["c_value"] <= np.log2(found["term"].str.len()) * found["word_count"]).all()
    assert not found.drop(columns="cohesion").isna().any().any()
    fewer = from_phrases(text, ["的"], words, others, PhraseConfig(min_count=4)).set_index("term")
    same = found.set_index("term").loc[fewer.index]  # a higher floor leaves the counts of what it keeps
    pd.testing.assert_frame_equal(fewer[["word_count", "left_entropy"]], same[["word_count", "left_entropy"]])
    assert set(fewer.index) == set(found.loc[found["word_count"] >= 4, "term"])


# --- keys -------------------------------------------------------------------------------------------------


def test_strings_of_one_or_two_characters_have_keys_of_their_own():
    one = candidates.keys_of(list(map(chr, range(1, 0x110000))))
    assert np.unique(one).size == one.size
    # a second character changes the lower 21 bits before a bijection follows
    high = one >> np.uint64(21)
    assert np.unique(high).size == high.size and high.all()


def test_a_million_strings_have_a_million_keys():
    characters = [chr(code) for code in range(0x8700, 0x8700 + 101)]
    strings = ["".join(s) for n in (1, 2, 3) for s in itertools.product(characters, repeat=n)]
    keys = candidates.keys_of(strings)
    assert len(strings) > 1_000_000 and np.unique(keys).size == len(strings) and keys.all()


def test_keys_of_strings_are_those_of_runs():
    (block,) = SegmentedText(["ＧＰＴ-4产卵，蜂王"], Segmenter(frame_of(WORDS))).blocks()
    keys = candidates.keys_in(block, max_words=2, max_len=12)
    assert keys.shape == (3, 4)
    expected = [*candidates.keys_of(["GPT-4", "GPT-4产卵", "产卵", "蜂王"])]
    assert [*keys[keys > 0]] == expected
    assert candidates.keys_of([]).size == 0


# --- determinism ------------------------------------------------------------------------------------------


def test_same_bytes_wherever_blocks_end(sample, monkeypatch):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    words = discovery.discover(lines)
    frames = []
    for block in (1 << 22, 1, 500):
        monkeypatch.setattr(ngrams, "BLOCK", block)
        frames.append(from_phrases(SegmentedText(lines, Segmenter(words)), lines, words, words))
    for other in frames[1:]:
        pd.testing.assert_frame_equal(frames[0], other, check_exact=True)


def test_same_bytes_with_another_hash_seed(sample):
    program = """if True:
        import sys
        from termmine import candidates, corpus, discovery, segmentation
        lines = corpus.read_lines(sys.argv[1])
        words = discovery.discover(lines)
        text = segmentation.SegmentedText(lines, segmentation.Segmenter(words))
        sys.stdout.buffer.write(candidates.from_phrases(text, lines, words, words).to_csv().encode())
    """
    command = [sys.executable, "-c", program, str(sample / "domain.txt")]
    outputs = [
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True).stdout
        for seed in ("1", "2")
    ]
    assert len(outputs[0]) > 10_000 and outputs[0] == outputs[1]


# --- the plain program ------------------------------------------------------------------------------------

HAN, OTHER = "蜂王产卵箱的在𠀀〇", "，。、 \n1２.5%A-Ｂb：😀\ud800\u3000é\t"


def random_words(rng, text, learned):
    pieces = {folded(text[i : i + n]) for n in (1, 2, 3) for i in range(len(text) - n + 1)}
    pieces = sorted(p for p in pieces if p.isprintable() and " " not in p)
    words = dict.fromkeys(rng.sample(pieces, min(len(pieces), rng.randint(2, 14))) or ["蜂"], 0)
    frame = pd.DataFrame({"term": list(words), "count": [rng.randint(1, 30) for _ in words]})
    if learned:
        frame["log_p"] = [-rng.uniform(1, 9) for _ in words]
        frame["penalty"] = [rng.choice([0.0, 1.5, 3.0]) for _ in words]
    return frame


def documents_of(lines, segmenter):
    """Folded lines, and the spans of their words by the plain rules."""
    found = []
    for line in lines:
        line = folded(line.replace("\n", " "))
        ids, places = lattice.atoms(as_codes(line))
        found.append((line, spans(line, segmenter.begins(as_codes(line)), np.repeat(ids == 0, np.diff(places)))))
    return found


def compare(rng):
    """One random text; how many candidates the two programs agree on."""
    alphabet = [*rng.sample(HAN, rng.randint(2, 4)), *rng.sample(OTHER, rng.choice([0, 1, 3, len(OTHER)]))]
    lines = ["".join(rng.choices(alphabet, k=rng.randint(0, 25))) for _ in range(rng.randint(1, 6))]
    background = ["".join(rng.choices(HAN + OTHER, k=60)) for _ in range(2)] + ["房"]
    words, others = random_words(rng, "".join(lines), rng.random() < 0.5), random_words(rng, background[0], False)
    longest, shortest = rng.randint(3, 12), rng.randint(1, 3)
    settings = {"max_words": rng.randint(1, 4), "max_len": longest, "min_len": shortest}
    floor, segmenter = rng.randint(1, 3), Segmenter(words)
    counts = (dict(zip(frame["term"], frame["count"], strict=True)) for frame in (words, others))
    weights = [{c: w for group, w in table.items() for c in group} for table in (nominal.BEFORE, nominal.BEHIND)]
    behind = [folded(line.replace("\n", " ")) for line in background]
    expected = phrases(documents_of(lines, segmenter), behind, *counts, weights, **settings, floor=floor)
    try:
        config = PhraseConfig(**settings, min_count=floor)
        found = from_phrases(SegmentedText(lines, segmenter), background, words, others, config)
    except InputError:
        assert not expected
        return 0
    assert len(expected)
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected)[found.columns], check_dtype=False, rtol=1e-9, atol=1e-9)
    return len(found)


@pytest.mark.parametrize("seed", range(8))
def test_the_plain_program_agrees(seed, monkeypatch):
    monkeypatch.setattr(ngrams, "BLOCK", [1, 7, 30, 1 << 22][seed % 4])
    rng = random.Random(seed)
    assert sum(compare(rng) for _ in range(40)) > 150


# --- along the corpus -------------------------------------------------------------------------------------


def test_counts_in_parts_by_hand():
    lines = ["蜂王蜂王", "产卵", "采蜜", "蜂王和产卵", "产卵产卵产卵"]  # parts of 3 and 2 documents
    frame = candidates.count_in_parts(["产卵", "蜂王", "无此"], iter(lines), parts=2)
    rows = [["产卵", 1, 1], ["产卵", 2, 4], ["蜂王", 1, 2], ["蜂王", 2, 1], ["无此", 1, 0], ["无此", 2, 0]]
    assert frame.values.tolist() == rows
    assert frame.dtypes.astype(str).tolist()[1:] == ["int64", "int64"]


@pytest.mark.parametrize("n", [1, 6, 7, 59, 61, 125])
def test_parts_are_nearly_equal_and_hold_every_document(n):
    lines = [f"蜂{chr(0x4E00 + i)}蜂" for i in range(n)]
    frame = candidates.count_in_parts(["蜂", "蜂一蜂"], lines, parts=7)
    sizes = frame["count"][frame["term"] == "蜂"] // 2
    assert sizes.sum() == n and sizes.max() - sizes.min() <= 1
    assert len(sizes) == min(n, 7)
    first = frame[frame["term"] == "蜂一蜂"]
    assert first["count"].tolist() == [1] + [0] * (len(first) - 1)  # the first document is in the first part


def test_parts_sum_to_the_occurrences(sample):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    terms = ["蜂王", "工蜂", "的"]
    parts = candidates.count_in_parts(terms, lines).groupby("term", sort=False)["count"].sum()
    assert parts.to_dict() == lattice.Trie(terms).occurrences(lines)["count"].to_dict()


def test_parts_of_nothing():
    assert candidates.count_in_parts([], LINES).empty
    frame = candidates.count_in_parts(["蜂王"], [])
    assert frame.empty and frame.columns.tolist() == ["term", "part", "count"]


@pytest.mark.parametrize("parts", [0, -1, 1.5])
def test_parts_must_be_a_number_of_runs(parts):
    with pytest.raises(InputError, match="parts must be 1 or more"):
        candidates.count_in_parts(["蜂王"], LINES, parts=parts)


def test_terms_counted_in_parts_are_distinct():
    for terms in (["蜂王", "蜂王"], ["蜂王", ""]):
        with pytest.raises(InputError, match="distinct and not empty"):
            candidates.count_in_parts(terms, LINES)
    with pytest.raises(TypeError, match="one str"):
        candidates.count_in_parts("蜂王", LINES)
    with pytest.raises(TypeError, match="one str"):
        candidates.count_in_parts(["蜂王"], "蜂王产卵")

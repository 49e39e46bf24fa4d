import json
import math
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import plain
import pytest

from termmine import corpus, discovery, ngrams
from termmine.errors import InputError

TOY = json.loads((Path(__file__).parent / "golden" / "toy.json").read_text(encoding="utf-8"))
GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden news text is not part of the repository")


def cohesion_config(**settings):
    """The method of the post: no lowered counts, no check of words against their parts."""
    return discovery.CohesionConfig(**{"deviations": 0, "min_gain": 0, "max_len": None} | settings)


def as_dict(words):
    return dict(zip(words["term"], words["count"], strict=True))


# --- values worked by hand


def test_cohesion_takes_the_weakest_split():
    # "aba" once in 7 characters, a 3, b 3, ab 3, ba 1: a·ba 7/(3·1), ab·a 7/(3·3)
    counts = ngrams.count(["abab", "abc"])
    assert discovery.cohesion("aba", counts, total=7) == pytest.approx(7 / 9)
    assert discovery.pmi("aba", counts, total=7) == pytest.approx(math.log(7 / 9))


def test_cohesion_of_one_character_is_refused():
    with pytest.raises(InputError, match="2 characters"):
        discovery.cohesion("a", {"a": 1}, total=1)


def test_pair_scores_by_hand():
    # 3 pairs: ab twice, bc once; 5 characters: a 2, b 2, c 1
    pairs = discovery.score_pairs(["ab", "abc"]).set_index("term")
    assert pairs.loc["ab", "pmi"] == pytest.approx(math.log(2 / 3) - 2 * math.log(2 / 5))
    assert pairs.loc["bc", "pmi"] == pytest.approx(math.log(1 / 3) - math.log(2 / 5) - math.log(1 / 5))


def test_ngram_scores_agree_with_cohesion(sample):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    counts = ngrams.count(lines, units="han")
    config = discovery.CohesionConfig(min_count=5, deviations=0)
    total = int(sum(n for term, n in counts.items() if len(term) == 1 and n >= 5))
    scored = discovery.score_ngrams(lines, config)
    assert set(scored["term"]) == {t for t, n in counts.items() if n >= 5 and len(t) > 1}
    for row in scored.itertuples():
        assert row.cohesion == pytest.approx(discovery.cohesion(row.term, counts, total))
        assert row.is_strong == (row.cohesion > config.min_cohesion[len(row.term)])


# --- the published examples and programs


@pytest.mark.parametrize("min_pmi", [0.5, 1])
def test_toy_pmi_chain(min_pmi):
    config = discovery.PmiConfig(min_proba=1e-8, min_pmi=min_pmi, min_count=1, max_len=None)
    found = discovery.discover(TOY["toy_lines"], config)
    assert as_dict(found) == TOY[f"toy_pmi_chain(min_proba=1e-8,min_pmi={min_pmi})"]


@pytest.mark.parametrize(
    ("min_count", "thresholds", "key"),
    [
        (5, {2: 5, 3: 25, 4: 125}, "toy_cohesion(min_count=5,{2:5,3:25,4:125})"),
        (3, {2: 1.2, 3: 1.5, 4: 2}, "toy_cohesion(min_count=3,{2:1.2,3:1.5,4:2})"),
    ],
)
@pytest.mark.parametrize("classic", [False, True])
def test_toy_cohesion(min_count, thresholds, key, classic):
    config = cohesion_config(min_count=min_count, min_cohesion=thresholds, classic=classic)
    scored = discovery.score_ngrams(TOY["toy_lines"], config)
    assert as_dict(discovery.discover(TOY["toy_lines"], config)) == TOY[key]["words"]
    assert sorted(scored.loc[scored["is_strong"], "term"]) == TOY[key]["strong_ngrams"]


@needs_golden
def test_golden_pmi_chain():
    lines = (GOLDEN / "news_300k.txt").read_text(encoding="utf-8").split("\n")
    config = discovery.PmiConfig(min_proba=1e-5, min_pmi=0.5, min_count=1, max_len=None)
    expected = json.loads((GOLDEN / "news_pmi_chain_1e-5_0.5.json").read_text(encoding="utf-8"))
    assert as_dict(discovery.discover(lines, config)) == expected


@needs_golden
def test_golden_cohesion():
    lines = (GOLDEN / "news_300k.txt").read_text(encoding="utf-8").split("\n")
    config = discovery.CohesionConfig(min_count=10, classic=True, max_len=None)
    expected = json.loads((GOLDEN / "news_cohesion_min10.json").read_text(encoding="utf-8"))
    scored = discovery.score_ngrams(lines, config)
    assert as_dict(discovery.discover(lines, config)) == expected["words"]
    assert set(scored.loc[scored["is_strong"], "term"]) == set(expected["strong_ngrams"])


# --- the same answers as the plain programs, on random text


def random_lines(rng, alphabet):
    """Words drawn from a small random dictionary, so that some cohere and some dissolve."""
    dictionary = ["".join(rng.choices(alphabet, k=rng.randint(1, 4))) for _ in range(12)]
    return ["".join(rng.choices([*dictionary, "，", ""], k=rng.randint(0, 9))) for _ in range(rng.randint(2, 80))]


@pytest.mark.parametrize("seed", range(150))
def test_the_pmi_chain_agrees_with_the_plain_program(seed):
    rng = random.Random(seed)
    lines = [*random_lines(rng, "电力系统稳控a1."), "电力"]
    min_proba, min_pmi = rng.choice([1e-8, 1e-3, 1e-2]), rng.choice([-0.5, 0.0, 0.5, 1.0])
    config = discovery.PmiConfig(min_proba=min_proba, min_pmi=min_pmi, min_count=1, max_len=None)
    assert as_dict(discovery.discover(lines, config)) == plain.pmi_chain(lines, min_proba, min_pmi)


@pytest.mark.parametrize("seed", range(150))
def test_cohesion_agrees_with_the_plain_program(seed):
    rng = random.Random(seed)
    lines = random_lines(rng, "电力系统稳控，1")
    thresholds = {n: rng.choice([0.5, 1.0, 2.0, 4.0]) for n in (2, 3, 4)}
    settings = {"min_count": rng.choice([1, 2, 5]), "classic": rng.random() < 0.5, "back_check": rng.random() < 0.5}
    settings["deviations"] = 0 if settings["classic"] else rng.choice([0.0, 1.0])
    config = cohesion_config(min_cohesion=thresholds, **settings)
    expected = plain.cohesion_words(lines, settings.pop("min_count"), thresholds, **settings)
    assert as_dict(discovery.discover(lines, config)) == expected


# --- values exactly on a threshold: every comparison is strict


def test_a_pair_exactly_at_min_proba_is_cut():
    # 8 pairs of which 电力 is one: ln 1/8 is not above ln .125, and just above ln .1249
    lines = ["甲乙"] * 7 + ["电力"]
    for min_proba, words in ((0.125, {"甲乙": 7, "电": 1, "力": 1}), (0.1249, {"甲乙": 7, "电力": 1})):
        scored = discovery.score_pairs(lines, discovery.PmiConfig(min_proba=min_proba, min_count=1)).set_index("term")
        assert scored.loc["电力", "is_strong"] == ("电力" in words)


def test_a_pair_exactly_at_min_pmi_is_cut():
    # one pair of two characters: ln 1 - 2 ln 1/2 = ln 4
    for min_pmi, is_strong in ((math.log(4), False), (math.log(4) - 1e-9, True)):
        scored = discovery.score_pairs(["电力"], discovery.PmiConfig(min_pmi=min_pmi, min_count=1))
        assert scored["is_strong"].tolist() == [is_strong]


def test_an_ngram_exactly_at_min_cohesion_is_cut():
    # 4 characters, 电 and 力 once each: 4·1/(1·1) = 4
    lines = ["电力", "甲", "甲"]
    for threshold, words in ((4.0, {"甲": 2, "电": 1, "力": 1}), (3.99, {"甲": 2, "电力": 1})):
        thresholds = {2: threshold, 3: 1.0, 4: 1.0}
        config = cohesion_config(min_count=1, min_cohesion=thresholds)
        assert as_dict(discovery.discover(lines, config)) == words


def test_a_word_that_is_its_parts_dissolves_by_hand():
    # 电力系统 4 times, 电力 and 系统 50 times each: W = 104. Without the word, L = ln 104 (stale), and the gain
    # ln 4/104 - 2 ln 50/104 = -1.79 is below 4 - 1: its 4 go to the parts
    words = {"电力系统": 4, "电力": 50, "系统": 50}
    assert discovery._dissolve(words, None) == {"电力": 54, "系统": 54}
    # with parts unknown, a character costs 100 nats, and the word stays
    assert discovery._dissolve({"电力系统": 4, "电力": 50}, None) == {"电力系统": 4, "电力": 50}


# --- what the package mends


def test_words_past_max_len_go_to_their_parts_or_away():
    phrase, parts = "国务院市场监督管理部门办公厅", ["国务院", "市场", "监督", "管理", "部门", "办公厅"]
    # the phrase alone is far more than chance would make of its parts
    rare = dict.fromkeys(parts, 1)
    assert discovery._dissolve({phrase: 50, **rare}, None)[phrase] == 50
    assert discovery._dissolve({phrase: 50, **rare}, 12) == dict.fromkeys(parts, 51)
    # a phrase without known parts is not turned into characters
    assert discovery.discover([phrase] * 50).empty
    assert discovery.discover([phrase] * 50, discovery.PmiConfig(max_len=None))["term"].tolist() == [phrase]


def test_back_check_removes_a_chain_of_strong_pairs():
    # 各项 and 项目 glue 各项目, which is no strong 3-gram
    lines = ["各项"] * 30 + ["项目"] * 30 + ["各项目"] * 5 + ["天气很好"] * 40
    thresholds = {2: 1.1, 3: 5, 4: 25}
    loose = cohesion_config(min_count=5, min_cohesion=thresholds, back_check=False)
    strict = cohesion_config(min_count=5, min_cohesion=thresholds)
    assert "各项目" in as_dict(discovery.discover(lines, loose))
    assert "各项目" not in as_dict(discovery.discover(lines, strict))
    assert {"各项", "项目"} <= set(as_dict(discovery.discover(lines, strict)))


def test_cohesion_splits_at_punctuation_unless_classic():
    lines = ["甲乙，丙丁"] * 30 + ["戊己庚辛"] * 30
    thresholds = {2: 2, 3: 2, 4: 2}
    split = discovery.discover(lines, cohesion_config(min_count=25, min_cohesion=thresholds))
    joined = discovery.discover(lines, cohesion_config(min_count=25, min_cohesion=thresholds, classic=True))
    assert as_dict(split) == {"甲乙": 30, "丙丁": 30, "戊己庚辛": 30}
    assert as_dict(joined) == {"甲乙丙丁": 30, "戊己庚辛": 30}


def test_min_count_and_max_len_hold(sample):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    for method, floor in (("pmi", 3), ("cohesion", 5)):
        words = discovery.discover(lines, discovery.make_config(method=method, min_count=floor, max_len=3))
        assert words["count"].min() == floor
        assert words["term"].str.len().max() <= 3


def test_words_come_best_first_ties_by_term(sample):
    words = discovery.discover(corpus.read_lines(sample / "domain.txt"))
    assert words.equals(words.sort_values(["count", "term"], ascending=[False, True], ignore_index=True))


def test_the_sample_gives_words_of_its_field(sample):
    for method in ("pmi", "cohesion"):
        config = discovery.make_config(method=method, min_count=3)
        assert {"蜂王", "工蜂", "巢脾"} <= set(
            discovery.discover(corpus.read_lines(sample / "domain.txt"), config)["term"]
        )


@pytest.mark.parametrize("config", [discovery.PmiConfig(), discovery.CohesionConfig()])
@pytest.mark.parametrize("lines", [[], [""], ["，。"], ["好"]])
def test_empty_text_has_no_words(config, lines):
    assert discovery.discover(lines, config).empty


def test_a_generator_is_read_once_and_for_all():
    lines = ["电力系统稳定"] * 5
    assert discovery.discover(line for line in lines).equals(discovery.discover(lines))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"method": "magic"}, "method must be pmi or cohesion or em, got 'magic'"),
        ({"min_count": 0}, "min_count must be 1 or more"),
        ({"max_len": 0}, "max_len must be in 2..12"),
        ({"method": "em", "penalty": 0.0}, "penalty must be above 0"),
        ({"max_len": 1}, "max_len must be in 2..12"),
        ({"max_len": 13}, "max_len must be in 2..12"),
        ({"min_proba": 0.0}, "min_proba must be between 0 and 1"),
        ({"min_pmi": math.nan}, "min_pmi must be a finite number"),
        ({"method": "cohesion", "min_cohesion": {2: 5, 3: 25}}, "each of the lengths 2, 3, 4"),
        ({"method": "cohesion", "min_cohesion": {2: 5, 3: 25, 4: -1}}, "min_cohesion must be positive"),
        ({"method": "cohesion", "min_cohesion": {"two": 5}}, "lengths in characters"),
    ],
)
def test_settings_out_of_range_are_named(settings, says):
    with pytest.raises(InputError, match=says):
        discovery.make_config(**settings)


def test_the_hash_seed_changes_nothing(sample):
    program = "import sys; from termmine import cli; sys.argv[0] = 'termmine'; cli.main()"
    outputs = set()
    for seed in ("0", "1", "2"):
        command = [sys.executable, "-c", program, "discover", str(sample / "domain.txt"), "-o", "-"]
        done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1


# --- cohesion beyond the post, and EM


MIXED = ("SF6断路器", "GIS", "10kV", "5G网络", "C语言")


def mixed_lines():
    """Made-up words of one to three characters, frequent and rare ones, and mixed terms between them."""
    rng = random.Random(3)
    characters = [chr(0x4E00 + 7 * i) for i in range(600)]
    words = ["".join(rng.choices(characters, k=rng.choice([1, 2, 2, 2, 3]))) for _ in range(800)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    lines = [rng.choices(words, weights, k=12) for _ in range(1500)]
    for term in MIXED * 40:
        line = rng.choice(lines)
        line.insert(rng.randrange(len(line) + 1), term)
    return ["".join(line) for line in lines]


@pytest.mark.parametrize("method", ["pmi", "cohesion", "em"])
def test_mixed_terms_come_out_whole(method, tmp_path):
    text = "\n".join(mixed_lines()).replace("SF6", "ＳＦ６")  # full width is folded
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    config = discovery.make_config(method=method)
    words = discovery.discover(corpus.read_lines(tmp_path / "a.txt"), config).set_index("term")["count"]
    assert (words.reindex(MIXED, fill_value=0) >= 30).all()


def test_a_piece_between_two_runs_is_counted_once():
    lines = mixed_lines() + ["SF6断路器GIS，"] * 50 + ["断路器，"] * 60
    words = as_dict(discovery.discover(lines, discovery.make_config(method="cohesion")))
    assert words["SF6断路器"] == 40 + 50 and words["断路器"] == 60
    assert "断路器GIS" not in words and words["GIS"] == 40 + 50


def test_a_run_between_two_pieces_is_counted_once():
    lines = mixed_lines() + ["维生素C，", "语言，"] * 50
    config = discovery.make_config(method="cohesion")
    apart = as_dict(discovery.discover(lines, config))
    words = as_dict(discovery.discover([*lines, *["维生素C语言，"] * 50], config))
    assert words["C语言"] == apart["C语言"] + 50 and words["语言"] == apart["语言"]
    assert words["维生素C"] == apart["维生素C"] == 50 and words["维生素"] == 50


def test_a_mixed_word_that_is_too_long_leaves_its_parts_their_counts():
    lines = mixed_lines() + ["ABCDEFGHIJKL断路器，"] * 50
    words = as_dict(discovery.discover(lines, discovery.make_config(method="cohesion")))
    assert words["ABCDEFGHIJKL"] == words["断路器"] == 50


@pytest.mark.parametrize("method", ["cohesion", "em", "pmi"])
def test_a_long_line_of_repetitions_takes_seconds(method):
    begin = time.process_time()  # minutes, were parts of any length looked for
    words = discovery.discover(["甲乙丙丁戊己庚辛壬癸" * 2000, "电力，" * 50], discovery.make_config(method=method))
    assert as_dict(words)["电力"] == 50
    assert time.process_time() - begin < 60


@pytest.mark.parametrize("of", ["pmi", "em", "classic"])
@pytest.mark.parametrize("by", ["pmi", "em", "classic"])
def test_text_that_was_encoded_for_another_method_is_refused(of, by):
    configs = {"pmi": discovery.PmiConfig(), "em": discovery.EmConfig(), "classic": cohesion_config(classic=True)}
    text = discovery.encode(["电力，系统"] * 30, configs[of])
    if of == by:
        assert not discovery.discover(text, configs[by]).empty
    else:
        with pytest.raises(InputError, match="reads text in its own way"):
            discovery.discover(text, configs[by])


def test_a_word_is_more_than_its_parts_by_hand():
    # 104 occurrences, without 电力系统 100: gain ln 4/102 - 2 ln 51/102 = -1.85
    words = {"电力系统": 4, "电力": 50, "系统": 50}
    assert discovery._more_than_parts(words, 0.1) == {"电力": 54, "系统": 54}
    # of characters that stand nowhere alone: nothing else is left, gain ln 50/2 - 2 ln 1/2 = ln 100 = 4.6
    assert discovery._more_than_parts({"蜂王": 50}, 4.5) == {"蜂王": 50}


def test_floors_follow_the_size():
    assert [discovery.floor_for("cohesion", n) for n in (0, 6_400, 1_600_000)] == [2, 2, 25]
    text = discovery.encode(["电力系统"] * 9, discovery.CohesionConfig())
    assert discovery.fitted(discovery.CohesionConfig(), text).min_count == 2
    assert discovery.fitted(discovery.CohesionConfig(min_count=7), text).min_count == 7


def test_em_cuts_its_own_text_as_its_words_do(sample):
    from termmine.segmentation import Segmenter

    lines = list(corpus.read_lines(sample / "domain.txt"))
    words = discovery.discover(lines, discovery.EmConfig(penalty=2.5))
    counts = {}
    for tokens in Segmenter(words).segment(lines):
        for token in tokens:
            counts[token] = counts.get(token, 0) + 1
    assert {term: counts[term] for term in words["term"]} == as_dict(words)
    assert {"工蜂", "幼虫", "花粉", "巢脾"} <= set(words["term"])


@pytest.mark.parametrize(
    "text", ["电力系统稳定" * 500, "电力，系统稳定。" * 400, "电力\n系统\n" * 600, "电" * 10 + "，" + "力" * 2000]
)
def test_em_learns_from_stretches_all_over_a_long_text(text, monkeypatch):
    monkeypatch.setattr(discovery, "_STRETCH", 50)
    encoded = discovery.encode(text.split("\n"), discovery.EmConfig())
    stretches = list(discovery._stretches(encoded, 50))
    whole = "".join(map(chr, np.concatenate(stretches)))
    assert whole.rstrip("\n") == text.rstrip("\n")
    assert all(stretch.size <= 100 for stretch in stretches)
    learned = list(discovery._spread(encoded, 1000))
    assert 900 <= sum(stretch.size for stretch in learned) <= 1000
    assert np.concatenate(list(discovery._spread(encoded, 10_000))).size == encoded.size


def test_em_cuts_long_text_in_parts(sample, monkeypatch):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    whole = discovery.discover(lines, discovery.EmConfig())
    monkeypatch.setattr(discovery, "_AT_ONCE", 100)
    assert discovery.discover(lines, discovery.EmConfig()).equals(whole)


def test_a_long_run_of_letters_is_cut_in_linear_time():
    """A megabyte of letters without a border: words of lengths that none has are not looked up."""
    text = "abcdefghij" * 100_000
    begin = time.perf_counter()
    words = discovery.discover([text + "蜂王"])
    assert time.perf_counter() - begin < 15
    assert all(len(term) <= 12 for term in words["term"])


@pytest.mark.parametrize("name", ["min_pmi", "min_entropy", "min_gain"])
def test_thresholds_fit_into_a_float(name):
    with pytest.raises(InputError, match=rf"{name} must be .*, got 1000"):
        discovery.make_config(**{name: 10**400})
    with pytest.raises(InputError, match=rf"{name} must be .*, got a huge int|got 1000|must be"):
        discovery.make_config(**{name: 10**5_000})

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from termmine import corpus, discovery, ngrams
from termmine.errors import InputError

TOY = json.loads((Path(__file__).parent / "golden" / "toy.json").read_text(encoding="utf-8"))
GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden news text is not part of the repository")


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
    config = discovery.CohesionConfig(min_count=5)
    total = int(sum(n for term, n in counts.items() if len(term) == 1 and n >= 5))
    scored = discovery.score_ngrams(lines, config)
    assert set(scored["term"]) == {t for t, n in counts.items() if n >= 5 and len(t) > 1}
    for row in scored.itertuples():
        assert row.cohesion == pytest.approx(discovery.cohesion(row.term, counts, total))
        assert row.is_strong == (row.cohesion > config.min_cohesion[len(row.term)])


# --- the published examples and programs


@pytest.mark.parametrize("min_pmi", [0.5, 1])
def test_toy_pmi_chain(min_pmi):
    config = discovery.PmiConfig(min_proba=1e-8, min_pmi=min_pmi, min_count=1, max_len=0)
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
    config = discovery.CohesionConfig(min_count=min_count, min_cohesion=thresholds, classic=classic)
    scored = discovery.score_ngrams(TOY["toy_lines"], config)
    assert as_dict(discovery.discover(TOY["toy_lines"], config)) == TOY[key]["words"]
    assert sorted(scored.loc[scored["is_strong"], "term"]) == TOY[key]["strong_ngrams"]


@needs_golden
def test_golden_pmi_chain():
    lines = (GOLDEN / "news_300k.txt").read_text(encoding="utf-8").split("\n")
    config = discovery.PmiConfig(min_proba=1e-5, min_pmi=0.5, min_count=1, max_len=0)
    expected = json.loads((GOLDEN / "news_pmi_chain_1e-5_0.5.json").read_text(encoding="utf-8"))
    assert as_dict(discovery.discover(lines, config)) == expected


@needs_golden
def test_golden_cohesion():
    lines = (GOLDEN / "news_300k.txt").read_text(encoding="utf-8").split("\n")
    config = discovery.CohesionConfig(min_count=10, classic=True, max_len=0)
    expected = json.loads((GOLDEN / "news_cohesion_min10.json").read_text(encoding="utf-8"))
    scored = discovery.score_ngrams(lines, config)
    assert as_dict(discovery.discover(lines, config)) == expected["words"]
    assert set(scored.loc[scored["is_strong"], "term"]) == set(expected["strong_ngrams"])


# --- what the package mends


def test_back_check_removes_a_chain_of_strong_pairs():
    # 各项 and 项目 glue 各项目, which is no strong 3-gram
    lines = ["各项"] * 30 + ["项目"] * 30 + ["各项目"] * 5 + ["天气很好"] * 40
    thresholds = {2: 1.1, 3: 5, 4: 25}
    loose = discovery.CohesionConfig(min_count=5, min_cohesion=thresholds, back_check=False)
    strict = discovery.CohesionConfig(min_count=5, min_cohesion=thresholds)
    assert "各项目" in as_dict(discovery.discover(lines, loose))
    assert "各项目" not in as_dict(discovery.discover(lines, strict))
    assert {"各项", "项目"} <= set(as_dict(discovery.discover(lines, strict)))


def test_cohesion_splits_at_punctuation_unless_classic():
    lines = ["甲乙，丙丁"] * 30 + ["戊己庚辛"] * 30
    split = discovery.discover(lines, discovery.CohesionConfig(min_cohesion={2: 2, 3: 2, 4: 2}))
    joined = discovery.discover(lines, discovery.CohesionConfig(min_cohesion={2: 2, 3: 2, 4: 2}, classic=True))
    assert as_dict(split) == {"甲乙": 30, "丙丁": 30, "戊己庚辛": 30}
    assert as_dict(joined) == {"甲乙丙丁": 30, "戊己庚辛": 30}


def test_min_count_and_max_len_hold(sample):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    for method, floor in (("pmi", 3), ("cohesion", 5)):
        words = discovery.discover(lines, discovery.make_config(method, min_count=floor, max_len=3))
        assert words["count"].min() == floor
        assert words["term"].str.len().max() <= 3


def test_words_come_best_first_ties_by_term(sample):
    words = discovery.discover(corpus.read_lines(sample / "domain.txt"))
    assert words.equals(words.sort_values(["count", "term"], ascending=[False, True], ignore_index=True))


def test_the_sample_gives_words_of_its_field(sample):
    for method in ("pmi", "cohesion"):
        config = discovery.make_config(method, min_count=3)
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
        ({"method": "magic"}, "method must be pmi or cohesion, got 'magic'"),
        ({"min_count": -1}, "min_count must be 1 or more"),
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

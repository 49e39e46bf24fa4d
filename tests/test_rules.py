import json

import pandas as pd
import pytest

from termmine import datasets, ranking, rules
from termmine.errors import InputError

ELECTRICITY = rules.read_rules(datasets.rules_path("electricity"))
GENERAL = rules.read_rules(datasets.rules_path("general"))


@pytest.mark.parametrize(
    ("term", "reason"),
    [
        ("变压器", ""),
        ("SF6断路器", ""),
        ("SF6", "has_han"),
        ("电", "min_length: 2"),
        ("电力的", "contains_none_of: 的"),
        ("高压", "contains_no_character_of: 高"),
        ("电网中", "last_character_not_in: 中"),
        ("每台机", "first_character_not_in: 每"),
        ("技术问题", "last_two_not_in: 问题"),
        ("考虑负荷", "first_two_not_in: 考虑"),
        ("三相", "two_characters_not_starting_with"),
        ("三相电", ""),
        ("某某", "not_one_character_repeated"),
        ("目曰石", "not_only_characters_of"),
    ],
)
def test_the_electricity_rules_by_hand(term, reason):
    assert rules.reject(term, ELECTRICITY) == reason


@pytest.mark.parametrize("term", ["饱和", "被告人", "能源", "有限责任公司", "未成年人", "比较器", "向量"])
def test_the_general_rules_spare_words_that_only_look_like_particles(term):
    assert rules.reject(term, GENERAL) == ""


def test_no_row_is_dropped():
    terms = pd.DataFrame({"term": ["变压器", "的", "每台"]})
    judged = rules.apply_rules(terms, GENERAL)
    assert judged["term"].tolist() == terms["term"].tolist()
    assert (judged["rejected_by"] == "").tolist() == [True, False, False]


def test_a_rule_set_can_be_switched_off():
    assert rules.make_rules({"has_han": False})[0]("SF6") == ""
    assert rules.make_rules({}) == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "are not JSON"),
        ("[]", "must be a JSON object"),
        (json.dumps({"no_such": 1}), "there is no rule 'no_such'"),
        (json.dumps({"min_length": "2"}), "min_length must be of type int"),
        (json.dumps({"contains_none_of": [1]}), "must be of type list of strings"),
        (json.dumps({"has_han": 1}), "has_han must be of type bool"),
    ],
)
def test_broken_rules_are_named(tmp_path, content, says):
    (tmp_path / "r.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"r\.json.*{says}"):
        rules.read_rules(tmp_path / "r.json")


def test_missing_rules_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        rules.read_rules(tmp_path / "none.json")


def test_the_classic_list_keeps_every_candidate_with_its_reason():
    contrast = pd.DataFrame(
        {
            "rank": range(1, 7),
            "term": ["变压器", "电力的", "电压", "避雷器", "断路器", "互感器"],
            "score": [0.9, 0.8, 0.7, 0.6, 0.6, 0.5],
        }
    )
    reached = ["变压器", "电压", "断路器", "互感器", "电力的"]
    expansion = pd.DataFrame({"term": reached, "hop": 1, "parent": "电", "similarity": 0.9})
    terms = ranking.rank_classic(contrast, expansion, GENERAL, max_terms=2)
    assert terms[["rank", "term", "rejected_by"]].values.tolist() == [
        [1, "变压器", ""],
        [2, "断路器", ""],
        [3, "电力的", "contains_none_of: 的"],
        [4, "电压", "min_term_len: 3"],
        [5, "避雷器", "not_reached"],
        [6, "互感器", "max_terms: 2"],
    ]
    assert terms.columns[-1] == "rejected_by"
    assert terms.loc[terms["term"] == "避雷器", "hop"].item() == -1

import json
import time
from itertools import product

import pandas as pd
import pytest

from termmine import datasets, ranking, rules
from termmine.errors import InputError

ELECTRICITY = rules.read_rules(datasets.rules_path("electricity"))
GENERAL = rules.read_rules(datasets.rules_path("general"))
CLASSIC = rules.read_rules(datasets.rules_path("classic"))

# what the data says, word for word
PLAIN = {
    "contains_none_of": lambda term, part: part in term,
    "contains_no_character_of": lambda term, part: part in term,
    "first_character_not_in": lambda term, part: term[:1] == part,
    "last_character_not_in": lambda term, part: term[-1:] == part,
    "first_two_not_in": lambda term, part: term[:2] == part,
    "last_two_not_in": lambda term, part: term[-2:] == part,
    "learned_first_character_not_in": lambda term, part: term[:1] == part,
    "learned_last_character_not_in": lambda term, part: term[-1:] == part,
}


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


@pytest.mark.parametrize(
    ("term", "reason"),
    [
        ("变压器", ""),
        ("技术问题", ""),  # lists of the electricity rules only
        ("考虑负荷", ""),
        ("每台机", ""),
        ("电网中", ""),
        ("研究生", ""),
        ("SF6", "has_han"),
        ("电", "min_length: 2"),
        ("蜂到花", "contains_none_of: 到"),
        ("进一步养", "contains_none_of: 进一步"),
        ("高压", "contains_no_character_of: 高"),
        ("三相", "two_characters_not_starting_with"),
        ("某某", "not_one_character_repeated"),
        ("目曰石", "not_only_characters_of"),
    ],
)
def test_the_classic_rules_by_hand(term, reason):
    assert rules.reject(term, CLASSIC) == reason


def test_the_classic_rules_reject_nothing_that_the_electricity_rules_keep():
    terms = ["".join(characters) for characters in product("蜂大三为的一A", repeat=3)]
    both = [(rules.reject(term, CLASSIC), rules.reject(term, ELECTRICITY)) for term in terms]
    assert not any(classic and not electricity for classic, electricity in both)
    assert any(electricity and not classic for classic, electricity in both)


MEASURES = """
    10kV 3.5% 220 1,000 ±800kV -20~45℃ 10kV/0.4kV 0.5mm2 3m³ 9.8m/s² 1:100 5×10 20°C 47Ω 12:30 2001-2005 5kW·h/m3
"""


@pytest.mark.parametrize("term", MEASURES.split())
def test_measures(term):
    assert rules.reject(term, GENERAL) == "not_a_measure"
    assert rules.reject(term.replace("k", " k"), GENERAL) == "not_a_measure"


@pytest.mark.parametrize("term", ["SF6", "3相", "220千伏", "10kV母线", "2phase", "kV", "%", "3AP1FG", "1-a-2", "", "~"])
def test_what_is_no_measure(term):
    assert rules.reject(term, rules.make_rules({"not_a_measure": True})) == ""


def test_a_long_number_is_judged_at_once():
    began = time.perf_counter()
    assert rules.reject("1" * 20_000 + "相", rules.make_rules({"not_a_measure": True})) == ""
    assert rules.reject("1-" * 10_000 + "相", rules.make_rules({"not_a_measure": True})) == ""
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("name", PLAIN)
def test_rules_of_parts_agree_with_the_plain_ones(name):
    characters = "蜂.王|蜜"
    terms = ["".join(term) for n in range(4) for term in product(characters, repeat=n)]
    kind = str if "character" in name else list
    for parts in ("蜜.", ".蜂", "", "|"):
        values = parts if kind is str else [*parts, *(a + b for a in parts for b in parts)]
        (rule,) = rules.make_rules({name: values})
        expected = [next((f"{name}: {p}" for p in values if PLAIN[name](term, p)), "") for term in terms]
        assert [rule(term) for term in terms] == expected


def test_the_first_part_of_the_data_is_named():
    (rule,) = rules.make_rules({"contains_none_of": ["王", "蜂"]})
    assert rule("蜂王") == "contains_none_of: 王"


def test_a_rule_may_be_written_by_hand():
    judged = rules.apply_rules(pd.DataFrame({"term": ["蜂王", "巢门"]}), [lambda term: "mine" if "门" in term else ""])
    assert judged["rejected_by"].tolist() == ["", "mine"]


@pytest.mark.parametrize("name", datasets.RULE_SETS)
def test_each_rule_set_is_found_and_names_itself_no_rule_twice(name):
    def distinct(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    path = datasets.rules_path(name)
    assert rules.make_rules(json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=distinct))


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


# --- rules that are learned -------------------------------------------------------------------------------


def word_list(**counts):
    return pd.DataFrame({"term": list(counts), "count": list(counts.values())})


# 和 stands alone in 95 of 100 words it begins and of 97 it ends, 者 in 60 of 60 and of 120, 人 in 60 of 120 and of 60
WORDS = word_list(和=95, 和平=5, 饱和=2, 者=60, 学者=60, 人=60, 人们=60, 蜂=9)


def test_learned_affixes_by_hand():
    assert rules.learn_affixes(WORDS) == {
        "learned_first_character_not_in": "和者",
        "learned_last_character_not_in": "和人",
    }


def test_a_share_exactly_at_the_threshold_is_enough():
    assert rules.learn_affixes(WORDS, min_share=0.95)["learned_first_character_not_in"] == "和者"
    assert rules.learn_affixes(WORDS, min_share=0.951)["learned_first_character_not_in"] == "者"
    assert rules.learn_affixes(WORDS, min_share=1)["learned_last_character_not_in"] == "人"


def test_rare_characters_are_not_learned():
    assert rules.learn_affixes(WORDS, min_count=61)["learned_first_character_not_in"] == "和"
    assert rules.learn_affixes(WORDS, min_count=60)["learned_first_character_not_in"] == "和者"
    assert rules.learn_affixes(WORDS, min_count=1)["learned_first_character_not_in"] == "和者蜂"


def test_only_han_characters_are_learned():
    found = rules.learn_affixes(word_list(A=100, 的=100, _=100).replace("_", "，"))
    assert found == {"learned_first_character_not_in": "的", "learned_last_character_not_in": "的"}


def test_the_order_of_the_words_does_not_matter():
    words = word_list(和=80, 的=90, 了=80, 在=80)
    expected = "的" + "".join(sorted("和了在"))
    for shuffled in (words, words[::-1], words.sample(frac=1, random_state=3)):
        assert rules.learn_affixes(shuffled)["learned_first_character_not_in"] == expected


def test_learned_rules_are_rules():
    learned = rules.make_rules(rules.learn_affixes(WORDS))
    assert rules.reject("和蜂王", learned) == "learned_first_character_not_in: 和"
    assert rules.reject("蜂王和", learned) == "learned_last_character_not_in: 和"
    assert rules.reject("养蜂者", learned) == ""
    assert rules.reject("者养蜂", learned) == "learned_first_character_not_in: 者"


def test_nothing_to_learn_makes_rules_that_spare_everything():
    for words in (word_list(蜂王=100), WORDS[:0]):
        learned = rules.learn_affixes(words)
        assert learned == {"learned_first_character_not_in": "", "learned_last_character_not_in": ""}
        assert [rules.reject(term, rules.make_rules(learned)) for term in ("蜂王", "")] == ["", ""]


@pytest.mark.parametrize(
    ("words", "settings", "says"),
    [
        (WORDS, {"min_count": 0}, "min_count must be 1 or more, got 0"),
        (WORDS, {"min_share": 0}, "min_share must be above 0 and 1 at most, got 0"),
        (WORDS, {"min_share": float("nan")}, "min_share must be above 0 and 1 at most, got nan"),
        (WORDS.rename(columns={"count": "n"}), {}, "need the columns term and count, got term, n"),
    ],
)
def test_what_affixes_cannot_be_learned_from_is_named(words, settings, says):
    with pytest.raises(InputError, match=says):
        rules.learn_affixes(words, **settings)

import re
import time

import pytest

from termmine import datasets, definitions
from termmine.errors import InputError


def found(text, patterns="general"):
    """term -> names of the forms."""
    frame = definitions.defined_terms([text], patterns)
    return dict(zip(frame["term"], frame["pattern"], strict=True))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("分蜂是指蜂群分成两群。", {"分蜂": "X是指"}),
        ("（一）蜂具，是指养蜂的器具", {"蜂具": "X是指"}),
        ("(12)蜂具是指养蜂的器具", {"蜂具": "X是指"}),
        ("①蜂具系指养蜂的器具", {"蜂具": "X是指"}),
        ("2.1蜂具是指养蜂的器具", {"蜂具": "X是指"}),
        ("蜜源公园，是指向大家开放的蜜源", {"蜜源公园": "X是指"}),
        ("“雄蜂”是指未受精卵发育的蜂", {"雄蜂": "X是指"}),
        ("蜂路（bee space）是指巢脾间的通道", {"蜂路": "X是指"}),
        ("春天蜂多，健康蜂群的蜂路通常是指巢脾间的通道", {"蜂路": "X是指"}),
        ("本办法所称的养蜂者，是指饲养蜜蜂的人", {"养蜂者": "X是指"}),
        ("10框蜂箱是指十张巢脾的箱", {"10框蜂箱": "X是指"}),
        ("流蜜期指的是泌蜜的一段时间", {"流蜜期": "X指的是"}),
        ("盗蜂：指偷别群蜜的蜂", {"盗蜂": "X：指"}),
        ("所谓的春衰，就是春天蜂变少", {"春衰": "所谓X就是"}),
        ("群势的定义是成年蜂的数量", {"群势": "X的定义是"}),
        ("巢础又称蜡础，用来筑脾", {"巢础": "X又称", "蜡础": "又称Y"}),
        ("巢础（也叫做“蜡础”）用来筑脾", {"巢础": "X又称", "蜡础": "又称Y"}),
        ("蜂王的粮食，俗称王浆。", {"粮食": "X又称", "王浆": "又称Y"}),
        ("蜂王、工蜂和雄蜂，以下统称三型蜂。", {"三型蜂": "统称Y"}),
        ("人工授精仪器，简称授精仪。", {"人工授精仪器": "X简称", "授精仪": "简称Y"}),
        ("全省养蜂协会（以下简称“省协会”）", {"省协会": "以下简称Y"}),
        ("采蜜的场所（以下称蜜源场地）", {"蜜源场地": "以下简称Y"}),
        ("不采蜜的幼蜂称为内勤蜂，", {"内勤蜂": "称为Y"}),
        ("封了盖的子脾叫做封盖子脾。", {"封盖子脾": "叫做Y"}),
        ("3.2.1 巢框 hive frame 装巢脾的木框", {"巢框": "n X term"}),
    ],
)
def test_each_form(text, terms):
    assert found(text) == terms


@pytest.mark.parametrize(
    "text",
    [
        "老师的话是指导我们养蜂的。",
        "这些话，是指导我们养蜂的。",
        "取蜜机是指标之一",
        "这不仅是指蜂王。",
        "我们所说的是指蜂王。",
        "在蜂群中，通常是指蜂王。",
        "其他蜂具是指别的器具。",
        "蜂王和雄蜂是指两种蜂。",
        "它的名称为蜂王。",
        "他的职称为技师。",
        "被人称为“空中劳模”的小蜂",
        "妈妈叫他回家。",
        "所谓好蜂箱",
        "取蜜之后，指着蜂箱说话",
        "蜂箱、巢框是指两样东西",
        "SMR是指一种性状",
        "3.2.1 巢框装巢脾",
        "",
    ],
)
def test_what_defines_nothing(text):
    assert found(text) == {}


@pytest.mark.parametrize(
    ("sentence", "term"),
    [
        ("从动轮是指被带动的轮", "从动轮"),
        ("在线称重是指随时称重", "在线称重"),
        ("饱和糖水是指不能再溶的糖水", "饱和糖水"),
        ("有害行为是指伤蜂", "有害行为"),
        ("把手是指箱边的凹槽", "把手"),
        ("被检疫人是指养蜂者", "被检疫人"),
        ("普及率是指用活框的比例", "普及率"),
        ("故障蜂群是指没有王的群", "故障蜂群"),
        ("养蜂许可是指准许养蜂", "养蜂许可"),
        ("分蜂规则是指分群的做法", "分蜂规则"),
        ("即时称重是指随时称重", "即时称重"),
        ("亲缘关系是指同母所生", "亲缘关系"),
    ],
)
def test_words_that_only_look_like_particles_are_spared(sentence, term):
    assert found(sentence) == {term: "X是指"}


def test_introductory_words_are_taken_off():
    for opening in ("通常", "其中，", "因此", "所谓", "这里的", "第三条", "1.2.3 "):
        assert found(f"{opening}蜂路是指通道") == {"蜂路": "X是指"}, opening


def test_a_term_is_not_cut_out_of_a_longer_clause():
    assert found("蜂" * 17 + "是指蜂") == {}
    assert found("蜂" * 16 + "是指蜂") == {"蜂" * 16: "X是指"}
    assert found("蜂" * 60 + "是指蜂") == {}


def test_the_frame_counts_definitions_best_attested_first():
    lines = ["蜂路是指通道。蜂路指的是空隙。", "王台是指育王的巢房", "ＡＢ蜂箱是指一种箱", "分蜂是指分群"]
    frame = definitions.defined_terms(lines)
    assert frame.values.tolist() == [
        ["蜂路", 2, "X是指、X指的是"],
        ["AB蜂箱", 1, "X是指"],
        ["分蜂", 1, "X是指"],
        ["王台", 1, "X是指"],
    ]
    assert list(frame) == ["term", "count", "pattern"]
    again = definitions.defined_terms(line for line in reversed(lines))
    assert again.equals(frame)


def test_nothing_found_is_an_empty_frame():
    for lines in ([], ["蜂王产卵。"]):
        frame = definitions.defined_terms(lines)
        assert list(frame) == ["term", "count", "pattern"]
        assert len(frame) == 0


def test_the_statutes_are_a_set_of_their_own():
    text = "本法所称蜂场，是指养蜂的场所。 （一）蜂具，是指养蜂器具；巢础又称蜡础。"
    assert found(text, "statutes") == {"蜂场": "所称X，是指", "蜂具": "所称X，是指"}
    assert datasets.defined_terms([text]) == ["蜂具", "蜂场"]
    assert set(found(text)) == {"蜂场", "蜂具", "巢础", "蜡础"}


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="got one str"):
        definitions.defined_terms("蜂路是指通道")
    with pytest.raises(InputError, match="no patterns 'law'; there are: general, statutes"):
        definitions.defined_terms([], "law")


@pytest.mark.parametrize("patterns", definitions.SETS)
@pytest.mark.parametrize(
    "unit",
    ["蜂箱王台", "（", "1.", "所谓", "又称", "蜂蜂蜂蜂是指", "蜂（a", "的蜂", "“", "1 "],
)
def test_a_long_line_without_an_end_takes_linear_time(unit, patterns):
    begin = time.perf_counter()
    definitions.defined_terms([unit * (300_000 // len(unit))], patterns)
    assert time.perf_counter() - begin < 10  # about 0.5 s; quadratic time would be hours


def test_every_form_has_its_name_and_reason():
    for chosen in definitions.SETS.values():
        names = [pattern.name for pattern in chosen.patterns]
        assert len(set(names)) == len(names)
        assert all(pattern.reason and isinstance(pattern.form, re.Pattern) for pattern in chosen.patterns)

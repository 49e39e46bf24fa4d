import random
from itertools import pairwise

import numpy as np
import pytest

from termmine import lattice
from termmine.ngrams import as_codes


def cut(text):
    _, begins = lattice.atoms(as_codes(text))
    return [text[a:b] for a, b in pairwise(begins)]


@pytest.mark.parametrize(
    ("text", "atoms"),
    [
        ("12月3.5%", ["12", "月", "3.5%"]),
        ("１２月", ["１２", "月"]),
        ("1,234.5元", ["1,234.5", "元"]),
        ("12:30开会", ["12:30", "开", "会"]),
        ("10kV和3.5kV", ["10kV", "和", "3.5kV"]),
        ("SF6断路器", ["SF6", "断", "路", "器"]),
        ("比为1:5kV", ["比", "为", "1", ":", "5kV"]),
        ("等……。。", ["等", "……", "。。"]),
        ("1.", ["1", "."]),
        ("１２,500,000元", ["１２,500,000", "元"]),
        ("1998,12", ["1998", ",", "12"]),
        ("1998,123", ["1998", ",", "123"]),
        ("12,1998", ["12", ",", "1998"]),
        ("共计100，200人", ["共", "计", "100", "，", "200", "人"]),
        ("电😀力", ["电", "😀", "力"]),
        ("", []),
    ],
)
def test_atoms(text, atoms):
    assert cut(text) == atoms


def test_ids_of_atoms():
    ids, _ = lattice.atoms(as_codes("12月kV，2001 SF6"))
    assert ids.tolist() == [lattice.NUMBER, ord("月"), lattice.LATIN, 0, lattice.NUMBER, 0, lattice.LATIN]


@pytest.mark.parametrize("seed", range(5))
def test_atoms_lose_no_character(seed):
    rng = random.Random(seed)
    text = "".join(rng.choices("电力1２a.:%,，。 \n\u00a0😀\u200d", k=400))
    assert "".join(cut(text)) == text


def test_numbers_are_one_class_and_latin_runs_another():
    assert len(set(lattice.class_words_of(["3月", "12月", "1.5月"]))) == 1
    assert len(set(lattice.class_words_of(["kV级", "SF6级"]))) == 1
    assert len(set(lattice.class_words_of(["3级", "SF6级", "级"]))) == 3


def test_a_cutter_agrees_with_its_own_borders():
    cutter = lattice.AtomCutter(lattice.class_words_of(["电力", "12月", "系"]), np.array([-1.0, -2.0, -3.0]))
    text = "电力系3月，电😀力"
    begins = cutter.begins(as_codes(text))
    assert np.flatnonzero(begins).tolist() == [0, 2, 3, 5, 6, 7, 8]
    units, glued = cutter.cut(as_codes(text))
    pieces, start = [], 0
    for i, unit in enumerate(units):
        if not glued[i]:
            pieces.append(text[start : i + 1] if unit else "|")
            start = i + 1
    assert pieces == ["电力", "系", "3月", "|", "电", "|", "力"]


@pytest.mark.parametrize("part", [1, 7, 50])
def test_occurrences_do_not_depend_on_the_parts_that_threads_take(part, monkeypatch):
    rng = random.Random(part)
    lines = ["".join(rng.choices("甲乙丙丁", k=rng.choice([0, 1, 3, 40]))) for _ in range(60)]
    terms = ["甲", "甲乙", "乙甲乙", "丙丁丙", "戊"]
    monkeypatch.setattr(lattice, "_PART", part)
    found = lattice.Trie(terms).occurrences(lines)
    places = {term: [sum(line.startswith(term, i) for i in range(len(line))) for line in lines] for term in terms}
    assert found["count"].tolist() == [sum(places[term]) for term in terms]
    assert found["doc_freq"].tolist() == [sum(map(bool, places[term])) for term in terms]

import random
from collections import Counter

import pytest

from termmine import lattice, ngrams


def slow_counts(lines, max_len, allowed):
    counts = Counter()
    for line in lines:
        for n in range(1, max_len + 1):
            for i in range(len(line) - n + 1):
                if all(allowed(c) for c in line[i : i + n]):
                    counts[line[i : i + n]] += 1
    return counts


def is_word(c):
    return "\u4e00" <= c <= "\u9fa5" or (c.isascii() and c.isalnum())


@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_a_plain_loop(seed):
    rng = random.Random(seed)
    lines = ["".join(rng.choices("电力系统aZ09，。 龥龦", k=rng.randint(0, 60))) for _ in range(200)]
    assert ngrams.count(lines, max_len=4).to_dict() == slow_counts(lines, 4, is_word)


def test_the_table_grows_past_its_first_size():
    rng = random.Random(0)
    line = "".join(chr(rng.randint(0x4E00, 0x9FA5)) for _ in range(20_000))
    assert ngrams.count([line], max_len=2).to_dict() == slow_counts([line], 2, is_word)


def is_unit(line, units):
    return [bool(unit) for block in ngrams.encode([line], units=units).blocks() for unit in block]


def test_units_say_what_is_a_border():
    line = "电A１，力"
    assert is_unit(line, "word") == [True, True, False, False, True]
    assert is_unit(line, "han") == [True, False, False, False, True]
    assert is_unit(line, "any") == [True] * 5


def test_no_ngram_crosses_a_document():
    assert "力系" not in ngrams.count(["电力", "系统"], max_len=2)


def test_characters_beyond_the_basic_plane_are_borders():
    assert ngrams.count(["𠀀电力😀电力"], units="any").to_dict() == {"力": 2, "电": 2, "电力": 2}


def test_a_bare_string_is_refused():
    with pytest.raises(TypeError, match="one str"):
        ngrams.encode("电力")


@pytest.mark.parametrize("lines", [[], [""], ["，"]])
def test_empty_text_has_no_ngrams(lines):
    assert ngrams.count(lines).empty


@pytest.mark.parametrize("seed", range(3))
def test_occurrences_agree_with_a_plain_loop(seed):
    rng = random.Random(seed)
    lines = ["".join(rng.choices("电力a，", k=rng.randint(0, 30))) for _ in range(100)]
    terms = sorted({"".join(rng.choices("电力a，系", k=rng.randint(1, 4))) for _ in range(40)})
    found = lattice.Trie(terms).occurrences(lines)
    for term in terms:
        per_line = [sum(line.startswith(term, i) for i in range(len(line))) for line in lines]
        assert found.loc[term].tolist() == [sum(per_line), sum(map(bool, per_line))]


def test_an_empty_word_list_has_no_occurrences():
    assert lattice.Trie([]).occurrences(["电力"]).empty

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


def random_lines(seed, lines=300):
    rng = random.Random(seed)
    characters = [chr(0x4E00 + i) for i in range(300)] + list("，A1")
    return ["".join(rng.choices(characters, k=rng.randint(0, 60))) for _ in range(lines)]


def counted(lines):
    """All that is counted of a text, by lengths, with floors, and in pieces."""
    text = ngrams.encode(lines)
    tables = [text.count_ngrams(n, floor=floor) for n in (1, 2, 3, 4) for floor in (1, 2)]
    tables.append(text.count_ngrams(3, floor=2, shorter=tables[3]))
    pairs = text.count_ngrams(2)
    cuts = [ngrams.Cut(pairs.where(pairs.counts > 1)), ngrams.Cut(pairs, whole_runs=True, mixed="after")]
    pieces = [text.count_pieces(cut, lambda _: 1) for cut in cuts]
    rows = [(table.keys.tolist(), table.counts.tolist()) for table in tables]
    return rows, [(list(piece.in_order().items()), piece.total) for piece in pieces]


def test_tables_that_may_not_grow_count_in_several_passes(monkeypatch):
    lines = random_lines(1)
    expected = counted(lines)
    passes = []
    for name in ("_count_block", "_count_pieces"):
        count, place = getattr(ngrams, name), 5 if name == "_count_block" else 3
        monkeypatch.setattr(ngrams, name, lambda *a, count=count, place=place: passes.append(a[place]) or count(*a))
    monkeypatch.setattr(ngrams, "_WIDEST", 1 << 13)
    assert counted(lines) == expected
    assert len(set(passes)) > 2  # they began at other buckets than the threads' first ones


@pytest.mark.parametrize("in_memory", [0, 500, 1 << 27])
def test_text_in_a_temporary_file_counts_alike(in_memory, monkeypatch):
    lines = random_lines(2)
    expected = counted(lines)
    monkeypatch.setattr(ngrams, "IN_MEMORY", in_memory)
    monkeypatch.setattr(ngrams, "BLOCK", 200)
    text = ngrams.encode(lines)
    assert len(list(text.blocks())) > 10
    assert counted(lines) == expected


def test_a_longer_ngram_needs_both_its_shorter_ones():
    text = ngrams.encode(random_lines(3))
    for n in (2, 3, 4):
        shorter = text.count_ngrams(n - 1, floor=3)
        with_it, without = text.count_ngrams(n, floor=3, shorter=shorter), text.count_ngrams(n, floor=3)
        assert with_it.strings() == without.strings()
        assert with_it.counts.tolist() == without.counts.tolist()


@pytest.mark.parametrize("n", [2, 3, 4])
def test_strong_ngrams_glue_the_gaps_that_they_span(n):
    lines = random_lines(4, lines=40)
    text = ngrams.encode(lines)
    tables = [text.count_ngrams(k) for k in range(2, n + 1)]
    strong = ngrams.merged(table.where(table.keys % 3 == 0) for table in tables)
    grams = set(strong.strings())
    assert len(grams) > 100
    cut = ngrams.Cut(strong)
    pieces = Counter()
    for line in lines:
        glued = [False] * (len(line) + 1)
        for k in range(2, n + 1):
            for i in range(len(line) - k + 1):
                if line[i : i + k] in grams:
                    glued[i : i + k - 1] = [True] * (k - 1)
        begin = 0
        for i in range(len(line)):
            if not glued[i]:
                if line[i] != "，":
                    pieces[line[begin : i + 1]] += 1
                begin = i + 1
    assert text.count_pieces(cut, lambda _: 1).in_order() == pieces


def is_unit(line, units):
    return [bool(unit) for block in ngrams.encode([line], units=units).blocks() for unit in block]


def test_the_gaps_of_another_cut_are_not_taken():
    text = ngrams.encode(["ab电力ab"] * 5)
    strong = text.count_ngrams(2, floor=11)
    assert text.count_pieces(ngrams.Cut(strong), lambda _: 1).in_order() == {"a": 10, "b": 10, "电": 5, "力": 5}
    whole = text.count_pieces(ngrams.Cut(strong, whole_runs=True), lambda _: 1)
    assert whole.in_order() == {"电": 5, "力": 5, "ab": 10}


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

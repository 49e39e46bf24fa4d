"""Laws that hold for any text: nothing is lost, counts are those of a plain loop, files come back as they were."""

import json
import math
import tempfile
from collections import Counter
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from termmine import candidates, corpus, discovery, evaluation, export, judging, ngrams, rules, segmentation, store
from termmine.errors import InputError

EXAMPLES = settings(derandomize=True, database=None, deadline=None, max_examples=150)
FEW = settings(EXAMPLES, max_examples=25)

# Few different characters of all kinds, so that strings repeat: wide, astral, combining, right to left, zero width
ALPHABET = "蜂王工的龥龦㐀，。、\u3000Ａ１．aZ09.-% \t𠀀😀é\u0301א\u202e\u200b\u200d\ufeff\x00\x01\x85\u2028"
MIXED = st.text(st.sampled_from(ALPHABET), max_size=30)
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
TEXT = st.lists(MIXED | UNICODE | LINE_ENDS, max_size=8).map("".join)
WITH_SURROGATES = st.text(max_size=20) | st.text(st.sampled_from(ALPHABET + "\ud800\udfff"), max_size=20)
DOCUMENTS = st.lists(MIXED.map(lambda line: line.replace("\n", "")), max_size=6)


@contextmanager
def folder():
    """A folder for one example: a fixture's would be shared by all of them."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# --- readers ---------------------------------------------------------------------------------------------


def lines_of(text):
    """As README has it: a document a line, of any kind of line end; folded, without blanks around, none empty."""
    wide = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code - 0xFEE0).isalnum()}
    text = text.translate(wide | {0xFF0E: ".", 0x3000: " "})
    return [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]


@settings(EXAMPLES, max_examples=300)
@given(text=TEXT, mark=st.booleans(), block=st.integers(1, 40))
def test_any_text_is_read_as_it_was_written(text, mark, block):
    assume(text and not text.startswith("\ufeff"))
    with folder() as here, patch.object(corpus, "_BLOCK", block):
        (here / "a.txt").write_bytes(text.encode("utf-8-sig" if mark else "utf-8"))
        opened = corpus.read_lines(here / "a.txt")
        assert list(opened) == list(opened) == lines_of(text)
        assert "".join(opened.blocks()) == text + "\n"
        assert "".join(corpus.read_blocks(here / "a.txt")) == "\ufeff" * mark + text


@given(parts=st.lists(TEXT.filter(bool), min_size=1, max_size=4))
@settings(EXAMPLES, max_examples=60)
def test_files_are_read_one_after_the_other(parts):
    with folder() as here:
        paths = [here / f"{i}.txt" for i in range(len(parts))]
        for path, text in zip(paths, parts, strict=True):
            path.write_bytes(text.encode())
        parts = [text.removeprefix("\ufeff") for text in parts]
        assert list(corpus.read_lines(paths)) == [line for text in parts for line in lines_of(text)]


@given(terms=st.lists(MIXED | UNICODE, max_size=9), end=LINE_ENDS)
@EXAMPLES
def test_a_list_of_terms_comes_back(terms, end):
    terms = list(dict.fromkeys(line for term in terms for line in lines_of(term) if not line.startswith("\ufeff")))
    assume(terms)
    with folder() as here:
        (here / "t.txt").write_bytes(end.join(terms).encode())
        assert corpus.read_terms(here / "t.txt") == terms


@given(data=st.binary(max_size=60) | TEXT.map(str.encode), cuts=st.lists(st.integers(0, 60), max_size=5))
@settings(EXAMPLES, max_examples=300)
def test_bytes_are_text_or_are_refused_at_the_right_place(data, cuts):
    borders = [0, *sorted(cuts), len(data)]
    chunks = [data[a:b] for a, b in pairwise(min(border, len(data)) for border in borders)]
    try:
        expected = data.decode("utf-8")
    except UnicodeDecodeError as error:
        with pytest.raises(InputError, match=rf"not UTF-8 at byte {error.start:,};"):
            list(corpus.decoded(chunks, "a.txt"))
    else:
        assert "".join(corpus.decoded(chunks, "a.txt")) == expected


@given(WITH_SURROGATES)
@EXAMPLES
def test_folding_keeps_places_and_is_done_once(text):
    folded = corpus.fold(text)
    assert len(folded) == len(text) and corpus.fold(folded) == folded
    assert all(a == b or a in "\u3000．" or 0xFF10 <= ord(a) <= 0xFF5A for a, b in zip(text, folded, strict=True))


# --- counting --------------------------------------------------------------------------------------------

IS_UNIT = {
    "han": lambda c: "\u4e00" <= c <= "\u9fa5",
    "word": lambda c: "\u4e00" <= c <= "\u9fa5" or (c.isascii() and c.isalnum()),
    "any": lambda c: c not in "\0\n" and ord(c) < 0x10000 and not 0xD800 <= ord(c) < 0xE000,
}


def plain_counts(documents, units, longest=4):
    found = Counter()
    for line in documents:
        for n in range(1, longest + 1):
            found.update(g for i in range(len(line) - n + 1) if all(map(IS_UNIT[units], g := line[i : i + n])))
    return found


@settings(EXAMPLES, max_examples=200)
@given(documents=st.lists(MIXED | WITH_SURROGATES, max_size=6), units=st.sampled_from(list(IS_UNIT)))
def test_counts_are_those_of_a_plain_loop(documents, units):
    documents = [line.replace("\n", "") for line in documents]
    found = ngrams.count(documents, units=units)
    assert found.to_dict() == plain_counts(documents, units)
    assert list(found.index) == sorted(found.index, key=lambda term: (len(term), term))


@given(first=DOCUMENTS, second=DOCUMENTS, floor=st.integers(1, 3), n=st.integers(1, 4))
@EXAMPLES
def test_counts_of_two_corpora_add_up(first, second, floor, n):
    both = ngrams.encode(first + second, units="any").count_ngrams(n, floor=floor)
    parts = [ngrams.encode(part, units="any").count_ngrams(n) for part in (first, second)]
    merged = ngrams.merged(parts, floor)
    assert (both.keys.tolist(), both.counts.tolist()) == (merged.keys.tolist(), merged.counts.tolist())


@given(text=TEXT, mark=st.booleans())
@settings(EXAMPLES, max_examples=60)
def test_counts_of_a_file_are_those_of_its_lines(text, mark):
    assume(text and not text.startswith("\ufeff"))
    with folder() as here:
        (here / "a.txt").write_bytes(text.encode("utf-8-sig" if mark else "utf-8"))
        assert ngrams.count(corpus.read_lines(here / "a.txt")).to_dict() == plain_counts(lines_of(text), "word")


@settings(EXAMPLES, max_examples=8)
@given(parts=st.lists(st.lists(MIXED, min_size=1, max_size=5), min_size=1, max_size=3))
def test_counts_that_are_kept_are_those_of_all_at_once(parts):
    texts = list(dict.fromkeys("\n".join([*lines, "蜂"]) for lines in parts))
    with folder() as here:
        for i, text in enumerate(texts):
            (here / f"{i}.txt").write_bytes(text.encode())
            kept = store.extend(here / "counts", corpus.read_lines(here / f"{i}.txt"))
        whole = ngrams.encode(corpus.read_lines([here / f"{i}.txt" for i in range(len(texts))]))
        for n in (1, 2, 3, 4):
            one, other = kept.count_ngrams(n), whole.count_ngrams(n)
            assert (one.keys.tolist(), one.counts.tolist()) == (other.keys.tolist(), other.counts.tolist())


# --- segmentation ----------------------------------------------------------------------------------------

WORD = MIXED.filter(lambda word: word and "\n" not in word)


@st.composite
def vocabularies(draw):
    terms = draw(st.lists(WORD, min_size=1, max_size=8, unique=True))
    many = {"min_size": len(terms), "max_size": len(terms)}
    counts = draw(st.lists(st.integers(1, 99) | st.floats(1e-300, 1e300), **many))
    words = pd.DataFrame({"term": terms, "count": counts})
    if draw(st.booleans()):
        log_p, penalty = (draw(st.lists(st.floats(-1e9, 1e9), **many)) for _ in range(2))
        words = words.assign(log_p=log_p, penalty=penalty)
    return words


@settings(EXAMPLES, max_examples=300)
@given(words=vocabularies(), text=TEXT | WITH_SURROGATES, combine=st.booleans())
def test_no_character_is_lost(words, text, combine):
    segmenter = segmentation.Segmenter(words, combine=combine)
    tokens = segmenter.tokens(text)
    assert "".join(tokens) == text and all(tokens)
    assert segmenter.tokens(text) == tokens
    assert next(segmenter.segment([text])) == tokens


@settings(EXAMPLES, max_examples=200)
@given(words=vocabularies(), text=TEXT, size=st.integers(1, 20), block=st.integers(1, 20))
def test_spaces_are_all_that_is_added(words, text, size, block):
    segmenter = segmentation.Segmenter(words)
    with patch.object(segmentation, "BLOCK", block):
        spaced = "".join(segmenter.spaced(text[i : i + size] for i in range(0, len(text), size)))
    rest = iter(spaced)
    assert all(any(c == other for other in rest) for c in text), "the text is a part of it, in order"
    assert len(spaced) - spaced.count(" ") == len(text) - text.count(" ")
    assert not [line for line in spaced.replace("\r", "\n").split("\n") if line.startswith(" ") and " " not in text]
    if "log_p" not in words:
        assert spaced == segmenter._spaced(text, "\n")


@settings(EXAMPLES, max_examples=150)
@given(words=vocabularies(), text=MIXED)
def test_a_cut_holds_words_and_single_characters_alone(words, text):
    plain = segmentation.Segmenter(words[["term", "count"]], combine=False)
    known = set(map(corpus.fold, words["term"]))
    for token in plain.tokens(text):
        assert len(token) == 1 or corpus.fold(token) in known
        assert len(token) == 1 or not set(token) & set(segmentation.DELIMITERS)


@settings(EXAMPLES, max_examples=100)
@given(documents=DOCUMENTS, words=vocabularies())
def test_blocks_hold_every_letter_of_every_document(documents, words):
    text = segmentation.SegmentedText(documents, segmentation.Segmenter(words))
    found = {}
    for block in text.blocks():
        for number, token in zip(block.documents.tolist(), block.text(block.starts, block.ends), strict=True):
            found[number] = found.get(number, "") + token
    letters = [[c for c in corpus.fold(line) if IS_UNIT["word"](c)] for line in documents]
    assert [[c for c in found.get(i, "") if IS_UNIT["word"](c)] for i in range(len(documents))] == letters


# --- candidates, rules, evaluation -----------------------------------------------------------------------


@settings(EXAMPLES, max_examples=40)
@given(documents=st.lists(st.text(st.sampled_from("蜂王工巢，A1"), min_size=4, max_size=30), min_size=3, max_size=8))
def test_counts_of_candidates_are_occurrences(documents):
    words = pd.DataFrame({"term": ["蜂王", "工", "巢"], "count": [3, 2, 1]})
    text = segmentation.SegmentedText(documents, segmentation.Segmenter(words))
    try:
        found = candidates.from_phrases(text, documents, words, words, candidates.PhraseConfig(min_count=2))
    except InputError as error:
        assert "no run of words" in str(error)
        return
    for row in found.itertuples():
        per_line = [sum(line.startswith(row.term, i) for i in range(len(line))) for line in documents]
        assert (row.count, row.doc_freq) == (sum(per_line), sum(map(bool, per_line)))
        assert row.background_count == sum(per_line) and row.word_count <= sum(per_line)


SPEC = st.fixed_dictionaries(
    {},
    optional={
        "min_length": st.integers(-1, 5),
        "has_han": st.booleans(),
        "not_a_measure": st.booleans(),
        "not_one_character_repeated": st.booleans(),
        "contains_none_of": st.lists(WITH_SURROGATES, max_size=4),
        "contains_no_character_of": WITH_SURROGATES,
        "first_character_not_in": WITH_SURROGATES,
        "last_two_not_in": st.lists(WITH_SURROGATES, max_size=4),
        "not_only_characters_of": WITH_SURROGATES,
    },
)


@given(terms=st.lists(MIXED | UNICODE, max_size=8), spec=SPEC)
@EXAMPLES
def test_rules_drop_no_row_and_name_a_rule(terms, spec):
    frame = pd.DataFrame({"term": pd.Series(terms, dtype=object), "rank": range(len(terms))})
    made = rules.make_rules(spec)
    judged = rules.apply_rules(frame, made)
    assert judged["term"].tolist() == terms and judged["rank"].tolist() == list(range(len(terms)))
    assert all(reason == "" or reason.split(":")[0] in spec for reason in judged["rejected_by"])
    assert rules.apply_rules(judged, made)["rejected_by"].tolist() == judged["rejected_by"].tolist()
    with folder() as here:
        (here / "r.json").write_text(json.dumps(spec), encoding="utf-8")
        again = rules.apply_rules(frame, rules.read_rules(here / "r.json"))
    assert again["rejected_by"].tolist() == judged["rejected_by"].tolist()


@given(ranked=st.permutations(range(12)), n=st.integers(1, 12), more=st.integers(0, 9))
@EXAMPLES
def test_laws_of_average_precision(ranked, n, more):
    terms, reference = [str(i) for i in ranked], [str(i) for i in range(n)]
    value = evaluation.average_precision(terms, reference)
    assert 0 <= value <= 1
    assert (value == 1) == (set(terms[:n]) == set(reference))
    assert evaluation.average_precision([*terms, *(f"x{i}" for i in range(more))], reference) == value
    worse = evaluation.average_precision(["x", *terms], reference)
    assert worse < value
    best = evaluation.average_precision(sorted(terms, key=lambda term: term not in reference), reference)
    assert best == 1.0
    swapped = [*terms[:-2], terms[-1], terms[-2]]
    if terms[-2] in reference and terms[-1] not in reference:
        assert evaluation.average_precision(swapped, reference) < value


# --- files -----------------------------------------------------------------------------------------------

CELLS = st.sampled_from(
    ["", "NA", "nan", "null", "007", "1e5", "=1+1", "+蜂", '"', "'", ",", "a,b", "a\rb", "a\r\nb", "\n"]
)
CELLS |= st.sampled_from([" 蜂 ", "\t", "True", "inf", "-", "#", "\\", "\ufeff蜂", "a\0b", "\x1a", "\u2028"]) | UNICODE
TEXT_COLUMNS = ("term", "parent", "head", "relation", "spelling", "rejected_by")
NUMBERS = st.floats(allow_nan=False) | st.sampled_from([0.1, 1e-320, 123456.5])


@st.composite
def term_frames(draw):
    n = draw(st.integers(1, 5))
    many = {"min_size": n, "max_size": n}
    frame = pd.DataFrame({"rank": range(1, n + 1)})
    for name in TEXT_COLUMNS:
        frame[name] = pd.Series(draw(st.lists(CELLS, **many)), dtype=draw(st.sampled_from([object, "str"])))
    frame["count"] = draw(st.lists(st.integers(-(2**63), 2**63 - 1), **many))
    frame["score"] = draw(st.lists(NUMBERS, **many))
    frame["similarity"] = draw(st.lists(NUMBERS | st.just(math.nan), **many))
    return frame


def six_digits(values):
    return ["" if math.isnan(value) else f"{value + 0.0:.6g}" for value in np.asarray(values, dtype=float)]


@settings(EXAMPLES, max_examples=300)
@given(frame=term_frames(), suffix=st.sampled_from([".csv", ".parquet"]))
def test_a_table_of_terms_comes_back(frame, suffix):
    with folder() as here:
        export.write_frame(frame, here / f"t{suffix}")
        read = export.read_frame(here / f"t{suffix}")
    assert list(read) == list(frame) and len(read) == len(frame)
    for name in ("rank", "count", *TEXT_COLUMNS):
        assert read[name].tolist() == frame[name].tolist(), name
    for name in ("score", "similarity"):
        assert six_digits(read[name]) == six_digits(frame[name])


@given(text=WITH_SURROGATES, suffix=st.sampled_from([".csv", ".parquet"]))
@settings(EXAMPLES, max_examples=60)
def test_half_a_surrogate_pair_is_refused_and_leaves_nothing(text, suffix):
    text += "\ud800"
    with folder() as here:
        with pytest.raises(InputError, match="is no Unicode text"):
            export.write_frame(pd.DataFrame({"term": pd.Series(["蜂", text], dtype=object)}), here / f"t{suffix}")
        assert not list(here.iterdir())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WITH_SURROGATES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WITH_SURROGATES, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(WITH_SURROGATES, JSON, max_size=4))
@EXAMPLES
def test_json_comes_back_whatever_the_names(data):
    """File names that are no UTF-8 are text with halves of surrogate pairs in Python."""
    joined = json.loads(json.dumps(data))  # a high and a low half side by side are one character
    with folder() as here:
        export.write_json(data, here / "a.json")
        (here / "a.json").read_text(encoding="utf-8")
        assert export.read_json(here / "a.json") == joined


@st.composite
def sheets(draw):
    terms = draw(st.lists(CELLS.map(str.strip).filter(bool), min_size=1, max_size=5, unique=True))
    many = {"min_size": len(terms), "max_size": len(terms)}
    columns = {"rank": range(1, len(terms) + 1), "term": terms, "score": 0.5, "count": 3}
    columns |= {
        "context": draw(st.lists(CELLS, **many)),
        "verdict": draw(st.lists(st.sampled_from(["yes", "no", ""]), **many)),
    }
    return pd.DataFrame(columns | {"note": draw(st.lists(CELLS, **many))})


@given(sheets())
@settings(EXAMPLES, max_examples=200)
def test_a_judging_sheet_comes_back(sheet):
    with folder() as here:
        judging.write_sheet(sheet, here / "s.csv")
        read = judging.read_verdicts(here / "s.csv")
    for name in ("rank", "term", "context", "verdict", "note"):
        assert read[name].tolist() == sheet[name].tolist(), name


# --- discovery -------------------------------------------------------------------------------------------

CONFIGS = [
    discovery.PmiConfig(min_count=1, max_len=None),
    discovery.PmiConfig(min_count=2, min_entropy=0.1),
    discovery.CohesionConfig(min_count=1, min_cohesion={2: 1.0, 3: 1.0, 4: 1.0}, min_gain=0.0),
    discovery.CohesionConfig(min_count=1, min_cohesion={2: 1.0, 3: 1.0, 4: 1.0}),
    discovery.EmConfig(min_count=2, penalty=2.0),
]


@settings(FEW, max_examples=60)
@given(
    documents=st.lists(MIXED | st.text(st.sampled_from("蜂王工巢A1，"), max_size=40), max_size=8),
    config=st.sampled_from(CONFIGS),
)
def test_words_stand_in_the_text(documents, config):
    words = discovery.discover(documents, config)
    assert words["term"].is_unique and (words["count"] > 0).all()
    order = sorted(zip(-words["count"], words["term"], strict=True))
    assert [term for _, term in order] == words["term"].tolist()
    text = "\n".join(map(corpus.fold, documents))
    assert all(corpus.fold(term) in text for term in words["term"])
    if not words.empty:
        segmenter = segmentation.Segmenter(words)
        assert all(
            "".join(tokens) == line for tokens, line in zip(segmenter.segment(documents), documents, strict=True)
        )


@given(
    st.text(st.sampled_from("ab1.蜂王，"), min_size=1, max_size=40),
    st.dictionaries(st.text(st.sampled_from("ab1蜂王"), min_size=1, max_size=4), st.integers(1, 9), min_size=1),
)
@EXAMPLES
def test_lengths_that_no_word_has_need_no_look(text, counts):
    total = math.log(sum(counts.values()))
    some = sorted(set(map(len, counts)), reverse=True)
    assert discovery._split(text, counts, total, some) == discovery._split(text, counts, total, range(40, 0, -1))

import random

import pandas as pd
import pytest

from termmine import corpus, discovery, ngrams, segmentation
from termmine.errors import InputError


def vocabulary(**counts):
    return pd.DataFrame({"term": list(counts), "count": list(counts.values())})


def test_the_most_probable_path_wins():
    # one word ln 2/7; two words ln 3/7 + ln 2/7
    assert segmentation.Segmenter(vocabulary(电力=3, 系统=2, 电力系统=2)).tokens("电力系统") == ["电力系统"]
    # 1/102 < 50/102 · 51/102
    assert segmentation.Segmenter(vocabulary(电力=50, 系统=51, 电力系统=1)).tokens("电力系统") == ["电力", "系统"]


def test_ties_take_the_longest_word():
    # 甲乙|丙 and 甲|乙丙 are equally probable: at the end, 乙丙 is the longer last word
    assert segmentation.Segmenter(vocabulary(甲=2, 丙=2, 甲乙=2, 乙丙=2)).tokens("甲乙丙") == ["甲", "乙丙"]


def test_where_no_word_ends_a_character_stands_alone():
    assert segmentation.Segmenter(vocabulary(电力=1)).tokens("大电力网") == ["大", "电力", "网"]


def test_delimiters_are_tokens_and_no_word_crosses_one():
    words = pd.DataFrame({"term": ["电力", "力，系"], "count": [1, 100]})
    assert segmentation.Segmenter(words).tokens("电力，系 。") == ["电力", "，", "系", " ", "。"]


def test_alphanumeric_runs_are_one_token():
    segmenter = segmentation.Segmenter(vocabulary(网络=1, G=1))
    assert segmenter.tokens("5G网络v3.5,.7") == ["5G", "网络", "v3.5", ",", ".", "7"]
    plain = segmentation.Segmenter(vocabulary(网络=1, G=1), combine=False)
    assert plain.tokens("5G网络3.5") == ["5", "G", "网络", "3", ".", "5"]


def test_combine_agrees_with_the_one_in_discovery():
    rng = random.Random(0)
    words = vocabulary(ab=3, 网1=2, 电力=4)
    counts = dict(zip(words["term"], words["count"], strict=True))
    compiled = segmentation.Segmenter(words)
    for _ in range(500):
        text = "".join(rng.choices("ab1.电力网", k=rng.randint(1, 12)))
        tokens = compiled.tokens(text)
        assert "".join(tokens) == text
        plain = segmentation.Segmenter(words, combine=False).tokens(text)
        assert tokens == discovery._combine(plain)
        assert plain == [t for t in plain if t in counts or len(t) == 1]


def test_the_plain_python_path_of_discovery_agrees(sample):
    import math

    lines = list(corpus.read_lines(sample / "domain.txt"))
    words = discovery.discover(lines)
    counts = dict(zip(words["term"], words["count"], strict=True))
    log_total, lengths = math.log(sum(counts.values())), sorted(set(map(len, counts)), reverse=True)
    segmenter = segmentation.Segmenter(words)
    for piece in "，".join(lines[:30]).replace("。", "，").split("，"):
        if piece:
            assert segmenter.tokens(piece) == discovery._split(piece, counts, log_total, lengths)


def test_no_character_is_lost(sample):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    segmenter = segmentation.Segmenter(discovery.discover(lines))
    assert ["".join(tokens) for tokens in segmenter.segment(lines)] == lines
    for odd in ("", "\n", "a\u0000b", "😀电力𠀀", "  ", "\ud800x", "é́"):
        assert "".join(segmenter.tokens(odd)) == odd


def test_an_empty_vocabulary_is_refused():
    with pytest.raises(InputError, match="vocabulary is empty"):
        segmentation.Segmenter(vocabulary())
    with pytest.raises(InputError, match="甲 stands there twice"):
        segmentation.Segmenter(pd.DataFrame({"term": ["甲", "甲"], "count": [1, 2]}))
    with pytest.raises(TypeError, match="one str"):
        segmentation.Segmenter(vocabulary(电力=1)).segment("电力")
    for count in (0, -1, float("nan"), float("inf"), 1e308):  # the last one's sum is infinite
        with pytest.raises(InputError, match="count above 0"):
            segmentation.Segmenter(vocabulary(电力=count, 系统=1e308))


def test_counts_whose_sum_needs_more_than_64_bits():
    words = pd.DataFrame({"term": ["电力", "系统"], "count": [2**63 - 1, 2**63 - 1]})
    assert segmentation.Segmenter(words).tokens("电力系统") == ["电力", "系统"]


def test_a_learned_vocabulary_cuts_numbers_that_it_has_not_seen():
    words = pd.DataFrame(
        {"term": ["12月", "月", "电力"], "count": [9, 1, 5], "log_p": -1.0, "penalty": [2.0, 1.0, 2.0]}
    )
    assert segmentation.Segmenter(words).tokens("3月电力，SF6……") == ["3月", "电力", "，", "SF6", "……"]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("method", ["counted", "learned"])
def test_parts_never_end_within_a_token(method, size, monkeypatch):
    monkeypatch.setattr(segmentation, "BLOCK", 6)
    words = vocabulary(电力=3, 系统=2, 人=1)
    if method == "learned":
        words = words.assign(log_p=-1.0, penalty=1.0)
    text = "人人人人人？？？？人，１００，２００人。。。电力\n\n系统，100 200，系 统！"
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    segmenter = segmentation.Segmenter(words)
    assert "".join(segmenter.spaced(parts)) == segmenter._spaced(text, "\n")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_text_in_parts_is_cut_as_a_whole(size, monkeypatch):
    monkeypatch.setattr(segmentation, "BLOCK", 8)
    segmenter = segmentation.Segmenter(vocabulary(电力=3, 系统=2))
    text = "电力系统，v3.5 电力\r\n\r\n系统电力。\n大电力"
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(segmenter.spaced(parts)) == "电力 系统 ， v3.5   电力\r\n\r\n系统 电力 。\n大 电力"


# --- text as arrays ---------------------------------------------------------------------------------------


def cut(lines, **counts):
    """(document, word) of every token, over all blocks."""
    blocks = segmentation.SegmentedText(lines, segmentation.Segmenter(vocabulary(**counts))).blocks()
    found = [(b.documents.tolist(), b.text(b.starts, b.ends)) for b in blocks]
    return [pair for documents, words in found for pair in zip(documents, words, strict=True)]


def test_marks_and_blanks_are_no_words():
    assert cut(["蜂王，产卵 。", "", "工蜂!\t蜂王"], 蜂王=2, 产卵=1, 工蜂=1) == [
        (0, "蜂王"),
        (0, "产卵"),
        (2, "工蜂"),
        (2, "蜂王"),
    ]
    assert cut(["，。", ""], 蜂王=1) == cut([], 蜂王=1) == []


def test_a_line_break_within_a_document_is_a_blank():
    assert cut(["蜂\n王", "产"], 蜂王=1) == [(0, "蜂"), (0, "王"), (1, "产")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ZPW-2000A", ["ZPW-2000A"]),
        ("GPT-4-o蜂", ["GPT-4-o", "蜂"]),
        ("2000-2001", ["2000", "2001"]),  # a span of numbers is no name
        ("5-A", ["5-A"]),
        ("-A A- A--B A-蜂", ["A", "A", "A", "B", "A", "蜂"]),
        ("Ａ－Ｂ", ["A", "B"]),  # a full-width hyphen is a dash
        ("Ａ-２", ["A-2"]),
        ("é-A", ["A"]),
    ],
)
def test_hyphens(text, words):
    assert [word for _, word in cut([text], 蜂=1)] == words


def test_a_mark_in_a_word_cuts_it():
    words = pd.DataFrame({"term": ["蜂(王", "卵)"], "count": [5, 5]})
    (block,) = segmentation.SegmentedText(["产蜂(王卵)"], segmentation.Segmenter(words)).blocks()
    assert block.text(block.starts, block.ends) == ["产", "蜂", "王", "卵"]


def test_characters_of_all_planes():
    assert cut(["𠀀蜂\ud800王", "😀𠀀蜂"], 𠀀蜂=1) == [(0, "𠀀蜂"), (0, "王"), (1, "𠀀蜂")]


def test_documents_are_counted_over_blocks(monkeypatch):
    lines = ["蜂王产卵", "", "，", "工蜂 蜂王" * 5, "产卵"]
    whole = cut(lines, 蜂王=2, 产卵=1, 工蜂=1)
    assert [document for document, _ in whole] == [0, 0, *[3] * 10, 4]
    for size in (1, 3, 6, 25, 26, 27):
        monkeypatch.setattr(ngrams, "BLOCK", size)
        assert cut(lines, 蜂王=2, 产卵=1, 工蜂=1) == whole


def test_tokens_are_those_of_the_segmenter(sample):
    lines = list(corpus.read_lines(sample / "domain.txt"))
    segmenter = segmentation.Segmenter(discovery.discover(lines))
    text = segmentation.SegmentedText(lines, segmenter)
    words = [word for block in text.blocks() for word in block.text(block.starts, block.ends)]
    has_letter = [[t for t in tokens if t.isalpha() and not t.isascii()] for tokens in segmenter.segment(lines)]
    assert [word for word in words if word.isalpha() and not word.isascii()] == [t for line in has_letter for t in line]
    again = [word for block in text.blocks() for word in block.text(block.starts, block.ends)]
    assert again == words  # each pass cuts anew


def test_a_text_is_read_several_times():
    segmenter = segmentation.Segmenter(vocabulary(蜂王=1))
    for lines in (iter(["蜂王"]), (line for line in ["蜂王"]), "蜂王"):
        with pytest.raises(TypeError, match="read several times"):
            segmentation.SegmentedText(lines, segmenter)

import os

import pytest

from termmine import corpus
from termmine.errors import InputError


def test_fold_keeps_length_and_punctuation():
    text = "ＳＦ６，３．５％　Ａ。"
    assert corpus.fold(text) == "SF6，3.5％ A。"
    assert len(corpus.fold(text)) == len(text)


def test_lines_are_read_again_at_each_pass(tmp_path):
    (tmp_path / "a.txt").write_text("\ufeff一行\r\n\n  二行 \n", encoding="utf-8")
    lines = corpus.read_lines(tmp_path / "a.txt")
    assert list(lines) == ["一行", "二行"]
    assert list(lines) == ["一行", "二行"]


def test_patterns_expand_in_sorted_order(tmp_path):
    for name in "bca":
        (tmp_path / f"{name}.txt").write_text(f"{name}字\n", encoding="utf-8")
    assert list(corpus.read_lines(tmp_path / "*.txt")) == ["a字", "b字", "c字"]
    assert list(corpus.read_lines([tmp_path / "c.txt", tmp_path / "a.txt"])) == ["c字", "a字"]


def test_a_file_named_like_a_pattern_is_a_file(tmp_path):
    (tmp_path / "a[1].txt").write_text("字\n", encoding="utf-8")
    assert list(corpus.read_lines(tmp_path / "a[1].txt")) == ["字"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.mkdir(), "is a folder"),
    ],
)
def test_unusable_files_are_named(tmp_path, make, says):
    make(tmp_path / "a.txt")
    with pytest.raises(InputError, match=rf"a\.txt.*{says}|{says}.*a\.txt"):
        corpus.read_lines(tmp_path / "a.txt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_corpus(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        corpus.read_lines(tmp_path / "pipe")


def test_a_pattern_without_a_match_is_named(tmp_path):
    with pytest.raises(InputError, match="no file matches"):
        corpus.read_lines(tmp_path / "*.txt")


@pytest.mark.parametrize(("head", "offset"), [(b"", "6"), (b"\xef\xbb\xbf", "9")])
def test_invalid_utf8_names_the_byte_in_the_file(tmp_path, head, offset):
    (tmp_path / "a.txt").write_bytes(head + "电力".encode() + b"\xff\n")
    with pytest.raises(InputError, match=rf"a\.txt is not UTF-8 at byte {offset};"):
        list(corpus.read_lines(tmp_path / "a.txt"))


def test_terms_are_read_literally(tmp_path):
    (tmp_path / "t.txt").write_text('NA\n007\n"\nnull\nNA\nＳＦ６\n', encoding="utf-8")
    assert corpus.read_terms(tmp_path / "t.txt") == ["NA", "007", '"', "null", "SF6"]


def test_a_term_list_of_blank_lines_is_refused(tmp_path):
    (tmp_path / "t.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(InputError, match="holds no word"):
        corpus.read_terms(tmp_path / "t.txt")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1 << 22])
def test_blocks_and_lines_do_not_depend_on_what_is_read_at_a_time(tmp_path, monkeypatch, size):
    text = "\ufeff电力\r\n系统😀\rＡ１\n\n\n　最后"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8", newline="")
    (tmp_path / "b.txt").write_text("网\n", encoding="utf-8")
    monkeypatch.setattr(corpus, "_BLOCK", size)
    lines = corpus.read_lines([tmp_path / "a.txt", tmp_path / "b.txt"])
    assert "".join(lines.blocks()) == text[1:] + "\n" + "网\n\n"
    assert list(lines) == ["电力", "系统😀", "A1", "最后", "网"]


def test_a_text_is_no_list_of_terms(tmp_path):
    (tmp_path / "t.txt").write_text("蜂王\n" + "蜂" * 201 + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"t\.txt has a line of 201 characters, 蜂{10}…; one word a line is needed"):
        corpus.read_terms(tmp_path / "t.txt")


@pytest.mark.parametrize("name", ["字" * 100, "*" * 300, "a\0b"])
def test_what_cannot_be_a_name_is_not_there(name):
    assert not corpus.exists(name)
    with pytest.raises(InputError):
        corpus.find_files(name)

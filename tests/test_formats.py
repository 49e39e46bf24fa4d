"""Every file here is made by its test."""

import bz2
import functools
import gzip
import http.server
import io
import json
import lzma
import os
import random
import threading
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from termmine import encodings, formats
from termmine.errors import InputError, UnreadableError

LINES = [
    "蜂王是蜂群中唯一发育完全的雌性蜂，每天可以产下一千多粒卵。",
    "我们在春天检查蜂群，看它们有没有足够的蜜和花粉。",
    "工蜂出生以后先在巢里工作，三个星期以后才到外面去采蜜。",
    "这个地方的人从上个世纪开始就养中蜂，也会自己做蜂箱。",
]
TRADITIONAL = [
    "蜂王是蜂群中唯一發育完全的雌性蜂，每天可以產下一千多粒卵。",
    "我們在春天檢查蜂群，看它們有沒有足夠的蜜和花粉。",
    "這個地方的人從上個世紀開始就養中蜂，也會自己做蜂箱。",
]


def read(path, **options):
    """The documents of a file; errors as their text."""
    return [str(item) if isinstance(item, UnreadableError) else item for item in formats.read_file(path, **options)]


def error_of(path, **options):
    """The only thing that a reader yields: an error."""
    (item,) = formats.read_file(path, **options)
    assert isinstance(item, UnreadableError)
    return item


# --- kinds and finding


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", "text"), ("a.md", "text"), ("a", "text"), ("a.log", "text"), ("a.tsv", "csv"), ("A.CSV.GZ", "csv"),
        ("a.ndjson.zst", "jsonl"), ("a.json", "json"), ("a.b.parquet", "parquet"), ("a.docx", "docx"), ("a.pdf", "pdf"),
        ("a.xhtml", "html"), ("a.sqlite3", "sqlite"), ("a.gz", "text"), ("https://bees.example/a.html?x=1.pdf", "html"),
        (".txt", "text"), ("蜜 蜂.HTM", "html"),
    ],
)  # fmt: skip
def test_the_suffix_tells_the_kind(name, kind):
    assert formats.kind(name) == kind
    assert "//" in name or formats.kind(Path("x.pdf") / name) == kind


def test_a_folder_gives_its_known_files_in_order(tmp_path):
    for name in ("b.txt", "a.csv", "c/a.md", "c/.hidden.txt", ".d/a.txt", "old.doc", "c/x.doc", "noname", "empty.txt"):
        path = tmp_path / "蜜 蜂" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name == "empty.txt" else "字\n", encoding="utf-8")
    found = formats.find(tmp_path / "蜜 蜂")
    assert [path.relative_to(tmp_path / "蜜 蜂").as_posix() for path in found.files] == ["a.csv", "b.txt", "c/a.md"]
    assert found.skipped == {".doc": 2, "no suffix": 1, "empty file": 1}


def test_patterns_are_sorted_and_paths_keep_their_order(tmp_path):
    for name in ("b.txt", "a.txt", "x/c.txt", "d[1].txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("字\n", encoding="utf-8")
    names = [path.name for path in formats.find([tmp_path / "b.txt", tmp_path / "[ad].txt"]).files]
    assert names == ["b.txt", "a.txt"]
    assert [path.name for path in formats.find(tmp_path / "d[1].txt").files] == ["d[1].txt"]
    assert [path.name for path in formats.find(f"{tmp_path}/**").files] == ["a.txt", "b.txt", "d[1].txt", "c.txt"]


def test_a_name_given_without_a_known_suffix_is_read(tmp_path):
    (tmp_path / "notes.log").write_text("字\n", encoding="utf-8")
    assert formats.find(tmp_path / "notes.log").files == (tmp_path / "notes.log",)


def test_a_link_to_a_file_is_the_same_file(tmp_path):
    (tmp_path / "a.txt").write_text("字", encoding="utf-8")
    try:
        (tmp_path / "b.txt").symlink_to("a.txt")
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(InputError, match=r"b\.txt is given twice"):
        formats.find([tmp_path / "a.txt", tmp_path / "b.txt"])
    found = formats.find(tmp_path)  # whoever gives a folder gives no file twice
    assert found.files == (tmp_path / "a.txt",)
    assert found.left_out == ((str(tmp_path / "b.txt"), "second link"),)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_lies_about_in_a_folder_stops_nobody(tmp_path):
    (tmp_path / "a.txt").write_text("字", encoding="utf-8")
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 9)
    (tmp_path / "~$a.docx").write_bytes(b"lock")
    (tmp_path / "lost.txt").symlink_to("nowhere")
    (tmp_path / "below").mkdir()
    (tmp_path / "linked").symlink_to("below")
    os.mkfifo(tmp_path / "pipe.txt")
    found = formats.find(tmp_path)
    assert found.files == (tmp_path / "a.txt",)
    assert found.skipped == {".db": 1, "no regular file": 2, "linked folder": 1}


def test_a_quote_that_is_not_closed_takes_the_rest_and_says_so(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,蜂\n2,"王\n3,巢\n4,脾\n', encoding="utf-8")
    text, error = formats.read_file(path, text_column="text")
    assert text == "蜂"
    assert error.reason == "the rest of a csv behind an open quote"
    assert error.place == f"{path}, row 2 (line 3 to 5)"


@pytest.mark.parametrize("text", ["蜂王" * 200 + "\0产卵", "GIF89a 是一种图片格式", "BZh 不是归档"])
def test_odd_characters_do_not_make_utf8_another_kind(tmp_path, text):
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert list(formats.read_file(tmp_path / "a.txt")) == [text]


def test_a_bad_byte_in_gb18030_is_told_from_an_unclear_encoding(tmp_path):
    line = "我们在家里种花，蜂王在巢里产卵，工蜂出去采蜜。\n".encode("gb18030")
    path = tmp_path / "a.txt"
    path.write_bytes(line * 9 + b"\xff" + line * 9)
    [error] = formats.read_file(path)
    assert "it is GB18030 but for some bytes: give --encoding gb18030, and --on-error skip" in str(error)
    texts = list(formats.read_file(path, encoding="gb18030"))
    assert sum(isinstance(text, str) for text in texts) == 17


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        ([], "at least one file"),
        (["a.txt", "a.txt"], "a.txt is given twice"),
        ([".", "b.txt"], "b.txt is given twice"),
        (["none.txt"], "there is no file none.txt"),
        (["*.pdf"], r"no file matches \*.pdf"),
        (["empty.txt"], "empty.txt is empty"),
        (["bare"], "no file of a known kind in bare"),
        (["字" * 100], "cannot be read"),
    ],
)
def test_what_cannot_be_found_is_named(tmp_path, monkeypatch, paths, says):
    monkeypatch.chdir(tmp_path)
    Path("bare").mkdir()
    Path("empty.txt").touch()
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("字", encoding="utf-8")
    with pytest.raises(InputError, match=says):
        formats.find(paths)


# --- text and encodings


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_line_is_a_document(tmp_path, ending):
    (tmp_path / "a.txt").write_bytes(f"一行{ending}{ending} 二\u2028行 {ending}三\x0b行".encode())
    assert read(tmp_path / "a.txt") == ["一行", " 二\u2028行 ", "三\x0b行"]


@pytest.mark.parametrize("size", [2, 4, 6, 16, 1 << 20])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16", "big5hkscs"])
def test_lines_do_not_depend_on_what_is_read_at_a_time(tmp_path, monkeypatch, size, encoding):
    text = "电力\r\n\r\n系统\n\r最后一行"
    (tmp_path / "a.txt").write_bytes(text.replace("电", "電").replace("统", "統").replace("后", "後").encode(encoding))
    monkeypatch.setattr(formats, "_BLOCK", size)
    assert read(tmp_path / "a.txt", encoding=encoding) == ["電力", "系統", "最後一行"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_marks_and_utf8_need_no_guess(tmp_path, encoding, name):
    data = "\n".join(LINES).encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    said = []
    assert read(tmp_path / name, on_message=said.append) == LINES
    assert said == []


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"\x84\x31\x95\x33"])
def test_every_mark_is_known(tmp_path, mark):
    (tmp_path / "a.txt").write_bytes(mark + "字\n行".encode(encodings.MARKS[mark]))
    assert read(tmp_path / "a.txt") == ["字", "行"]


@pytest.mark.parametrize(
    ("encoding", "lines", "says"),
    [
        ("gbk", LINES, "GB18030"),
        ("gb18030", [*LINES, "𠮷"], "GB18030"),
        ("big5", TRADITIONAL, "Big5"),
        ("cp950", TRADITIONAL, "Big5"),
        ("big5hkscs", [*TRADITIONAL, "喺嗰度"], "Big5-HKSCS"),
        ("utf-16-le", LINES, "UTF-16-LE"),
        ("utf-16-be", LINES, "UTF-16-BE"),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv"])
def test_a_guess_is_right_and_said(tmp_path, encoding, lines, says, suffix):
    rows = {".txt": lines, ".csv": ["text", *lines], ".jsonl": [json.dumps(x, ensure_ascii=False) for x in lines]}
    path = tmp_path / f"a{suffix}"
    path.write_bytes("\n".join(rows[suffix]).encode(encoding))
    said = []
    assert read(path, on_message=said.append) == lines
    assert [line.rpartition(" ")[0] for line in said] == [f"{path} is read as {says} (confidence"]


def test_long_ascii_before_the_text_does_not_hide_its_encoding(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"Bees.\n" * 30_000 + "\n".join(LINES).encode("gb18030"))
    assert read(tmp_path / "a.txt")[-4:] == LINES
    (tmp_path / "b.json").write_bytes(json.dumps(["x" * 200_001, *LINES], ensure_ascii=False).encode("gb18030"))
    assert read(tmp_path / "b.json")[-4:] == LINES


JAPANESE = "ミツバチの巣箱を開けると、働き蜂が蜜を集めているのが見える。女王蜂は一日に千個以上の卵を産む。"
KOREAN = "꿀벌의 여왕벌은 하루에 천 개 이상의 알을 낳는다. 일벌은 꿀과 꽃가루를 모은다."
GERMAN = "Die Bienenkönigin legt täglich über tausend Eier, müde Völker füttert der Imker."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "euc_jp"), (JAPANESE[9:40], "euc_jp"), (JAPANESE[5:25], "euc_jp"), (JAPANESE, "shift_jis"),
        (KOREAN, "euc_kr"), (GERMAN, "cp1252"), ("蜂", "gb18030"),
        ("Пчелиная матка", "koi8-r"), ("bees 绻", "gb18030"), ("是蜃", "gb18030"),
    ],
)  # fmt: skip
def test_what_is_not_sure_is_not_guessed(tmp_path, text, encoding):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    error = error_of(tmp_path / "a.txt", on_message=pytest.fail)
    assert error.reason == "encoding unclear"
    assert "name it with --encoding" in str(error)
    assert read(tmp_path / "a.txt", encoding=encoding) == [text]


def test_pieces_of_twenty_characters_are_never_guessed_wrong():
    generator = random.Random(1)
    n_right = 0
    for encoding, lines in (("gb18030", LINES), ("cp950", TRADITIONAL), ("utf-16-le", LINES)):
        text = "".join(lines)
        for _ in range(50):
            begin = generator.randrange(len(text) - 20)
            confidences = encodings.confidences_of(text[begin : begin + 20].encode(encoding))
            sure = [codec for codec, value in confidences.items() if value >= encodings.LEAST_CONFIDENCE]
            assert sure in ([], [encoding])
            n_right += sure == [encoding]
    assert n_right >= 140


def test_confidence_is_the_likelihood_ratio_of_frequent_characters():
    letters = "是中人" + "蜃"  # three frequent ones: 10 ** 3 * (0.6 / 0.96)
    weight = encodings._weight(letters)
    assert weight == pytest.approx(625)
    assert encodings.confidences_of(letters.encode("utf-16-le"))["utf-16-le"] == pytest.approx(625 / 626, rel=1e-3)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "UTF_16LE"])
def test_a_named_encoding_may_have_its_mark_or_none(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("字\n行".encode("utf-16-le"))
    (tmp_path / "b.txt").write_bytes("\ufeff字\n行".encode("utf-16-le"))
    assert read(tmp_path / "a.txt", encoding=encoding) == read(tmp_path / "b.txt", encoding=encoding) == ["字", "行"]


def test_a_named_encoding_is_strict(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeff字".encode())
    assert error_of(tmp_path / "a.txt", encoding="gb18030").reason == "mark of another encoding"
    (tmp_path / "b.txt").write_bytes("字\n".encode() + "蜂蜜".encode("gb18030"))
    assert [str(item).partition(";")[0] for item in formats.read_file(tmp_path / "b.txt", encoding="utf-8")] == [
        "字",
        f"{tmp_path / 'b.txt'}, byte 4: not UTF-8",
    ]


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "base64", "undefined"])
def test_an_unknown_encoding_is_refused_at_once(encoding):
    with pytest.raises(InputError, match="there is no encoding"):
        formats.read_file("a.txt", encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "damage", "label"),
    [("utf-8", b"\xe8\x9c", "UTF-8"), ("gb18030", b"\xff\xff", "GB18030"), ("cp950", b"\xff", "Big5")],
)
def test_a_damaged_line_is_lost_and_no_other(tmp_path, encoding, damage, label):
    lines = (TRADITIONAL if encoding == "cp950" else LINES)[:3]
    first, second, third = (line.encode(encoding) for line in lines)
    path = tmp_path / "a.txt"
    path.write_bytes(b"\n".join([first, second[:6] + damage + b"x" + second[6:], third]) + b"\n")
    before, error, after = formats.read_file(path, encoding=encoding)
    assert (before, after) == (lines[0], lines[2])
    assert error.place == f"{path}, byte {len(first) + 1 + 6:,}"
    assert error.reason == f"not {label}"


def test_utf8_with_little_damage_is_still_utf8(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff" + "\n".join(LINES).encode())
    error, *rest = formats.read_file(tmp_path / "a.txt")
    assert error.place.endswith("a.txt, byte 0")
    assert rest == LINES[1:]


def test_a_cut_utf16_file_names_the_byte(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeff字\n行".encode("utf-16-le")[:-1])
    first, error = formats.read_file(tmp_path / "a.txt")
    assert first == "字"
    assert error.place == f"{tmp_path / 'a.txt'}, byte 6"


@pytest.mark.parametrize("codec", sorted(encodings.LINEWISE))
def test_a_line_feed_is_never_part_of_a_character(codec):
    """What is split at line feeds must not be torn: no byte makes one character with it."""
    for lead in range(0x80, 0x100):
        for end in b"\r\n":
            assert chr(end) in bytes([lead, end, 0x41, 0x41]).decode(codec, "replace")


@pytest.mark.parametrize(
    ("head", "seems"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file, no text; save it as .docx"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x89PNG\r\n", "a picture"),
        (b"%PDF-1.7", "a PDF file, no text; give it the suffix .pdf"),
        (b"\x00\x01\x02\x03" * 9, "no text; it holds zero bytes"),
    ],
)
def test_a_binary_file_is_no_text(tmp_path, head, seems):
    (tmp_path / "a.doc").write_bytes(head + bytes(range(256)))
    assert seems in str(error_of(tmp_path / "a.doc"))


# --- archives


def zstd(data):
    return pytest.importorskip("backports.zstd").compress(data)


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


@pytest.mark.parametrize("suffix", PACK)
def test_packed_files_are_unpacked(tmp_path, suffix):
    pack = PACK[suffix]
    (tmp_path / f"a.txt{suffix}").write_bytes(pack("一\n二\n".encode()) + pack("三\n".encode()))  # of two parts
    assert read(tmp_path / f"a.txt{suffix}") == ["一", "二", "三"]
    parquet.write_table(pa.table({"text": LINES}), tmp_path / "a.parquet")
    (tmp_path / f"a.parquet{suffix}").write_bytes(pack((tmp_path / "a.parquet").read_bytes()))
    assert read(tmp_path / f"a.parquet{suffix}") == LINES


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("kind", [".txt", ".csv", ".jsonl", ".json", ".html", ".parquet"])
def test_a_cut_archive_is_an_error_behind_what_can_be_read(tmp_path, suffix, kind):
    noise = random.Random(2)
    lines = ["".join(chr(noise.randrange(0x4E00, 0x9FA5)) for _ in range(200)) for _ in range(1000)]
    path = tmp_path / f"a{kind}{suffix}"
    path.write_bytes(PACK[suffix]("\n".join(["x", *lines]).encode())[:-1000])
    *documents, error = formats.read_file(path, text_column="x")
    assert isinstance(error, UnreadableError)
    assert error.reason == "damaged or cut archive"
    assert "of its content" in error.place
    if kind in (".txt", ".csv") and suffix in (".gz", ".zst"):
        assert documents[-5:] == lines[len(documents) - 5 - (kind == ".txt") :][:5]
        assert len(documents) > 500


@pytest.mark.parametrize("suffix", PACK)
def test_what_is_no_archive_is_named(tmp_path, suffix):
    (tmp_path / f"a.txt{suffix}").write_bytes("蜂王".encode() * 99)
    assert error_of(tmp_path / f"a.txt{suffix}").reason == "damaged or cut archive"


# --- rows


def test_jsonl_rows_and_their_errors(tmp_path):
    rows = ['{"id": 1, "text": "蜂\\n王"}', "", "{", '{"id": 2}', '{"text": null}', '{"text": 3}', '"巢脾"', "[1]"]
    rows += ['{"text": "\\ud83d"}', "9" * 5000, "[" * 99_999, '{"text": "\\ud83d\\udc1d"}', "null", '{"text": ""}']
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(rows), encoding="utf-8")
    items = list(formats.read_file(path, text_column="text"))
    assert [item for item in items if isinstance(item, str)] == ["蜂\n王", "", "巢脾", "🐝", ""]
    errors = {item.place.removeprefix(f"{path}, "): item.reason for item in items if not isinstance(item, str)}
    assert errors == {
        "row 3": "no JSON", "row 4": "no column 'text'", "row 6": "no text in column 'text'", "row 8": "no object",
        "row 9": "half a character", "row 10": "no JSON", "row 11": "no JSON", "row 13": "no object",
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_the_only_text_column_needs_no_name(tmp_path, suffix):
    rows = [{"id": 1, "content": text} for text in LINES]
    text = "\n".join(map(json.dumps, rows)) if suffix == ".jsonl" else json.dumps(rows)
    (tmp_path / f"a{suffix}").write_text(text)
    assert read(tmp_path / f"a{suffix}") == LINES


@pytest.mark.parametrize("row", ['{"id": "a", "title": "b", "n": 1}', '{"id": "a", "title": null, "n": 1}', '{"n": 1}'])
def test_columns_that_leave_a_choice_are_named(tmp_path, row):
    (tmp_path / "a.jsonl").write_text(row)
    with pytest.raises(InputError, match=rf"--text-column; .*a.jsonl has: {', '.join(json.loads(row))}"):
        list(formats.read_file(tmp_path / "a.jsonl"))


def test_json_is_an_array(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('["蜂", {"t": "王"}, 3]', encoding="utf-8-sig")
    *texts, error = formats.read_file(path)
    assert (texts, error.place) == (["蜂", "王"], f"{path}, row 3")
    for text, reason in (('{"a": 1}', "no array"), ("[1,\n2", "no JSON"), ("[" * 99_999, "no JSON"), ("", "no JSON")):
        path.write_text(text)
        assert error_of(path).reason == reason
    path.write_text('{"t": "a"}\n{"t": "b"}')
    assert ".jsonl" in str(error_of(path))
    assert error_of(path).place == f"{path}, line 2"


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".csv", ";"), (".csv", "|"), (".tsv", "\t")])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_csv_fields_may_hold_breaks_delimiters_and_quotes(tmp_path, suffix, delimiter, ending):
    rows = [
        ["id", " text", "a, b"],
        ["1", f'"一{delimiter} ""二""{ending}三"', ""],
        [],
        ["2", "", "x"],
        ["3", "四", ""],
    ]
    path = tmp_path / f"a{suffix}"
    rows[0][2] = '"a; b, c"'
    path.write_bytes(ending.join(delimiter.join(row) for row in rows).encode("utf-8-sig"))
    assert read(path, text_column="text") == [f'一{delimiter} "二"\n三', "", "四"]


def test_csv_errors_name_row_and_line(tmp_path):
    path = tmp_path / "a.csv"
    rows = [b"id,text", b'1,"a\nb"', b"2", b"3,x,y", b"4,\xff", b'5,"x"y', "6,蜂".encode(), b'7,"open']
    path.write_bytes(b"\n".join(rows))
    items = list(formats.read_file(path, text_column="text", encoding="utf-8"))
    assert [item for item in items if isinstance(item, str)] == ["a\nb", "蜂"]
    errors = {item.place.removeprefix(f"{path}, "): item.reason for item in items if not isinstance(item, str)}
    assert errors == {
        "row 2 (line 4)": "wrong number of fields", "row 3 (line 5)": "wrong number of fields",
        "row 4 (line 6)": "not in the file's encoding", "row 5 (line 7)": "no csv",
        "row 7 (line 9 to 9)": "the rest of a csv behind an open quote",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "column", "says"),
    [
        ("a,b", "", "--text-column; .* has: a, b"),
        ("a,b", "c", "has 0 columns 'c'; it has: a, b"),
        ("a,a", "a", "has 2 columns 'a'"),
    ],
)
def test_csv_columns_are_checked_at_once(tmp_path, header, column, says):
    (tmp_path / "a.csv").write_text(f"{header}\n1,2\n")
    with pytest.raises(InputError, match=says):
        list(formats.read_file(tmp_path / "a.csv", text_column=column))


def test_csv_takes_long_fields_and_one_column(tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "蜂" * 200_000 + "\n", encoding="gb18030")
    assert read(tmp_path / "a.csv", encoding="gbk") == ["蜂" * 200_000]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.string_view()]
)
def test_parquet_gives_a_text_column_row_group_by_row_group(tmp_path, kind):
    texts = pa.array(["蜂王", None, "", "巢\n脾", "NA"] * 3).cast(kind)
    table = pa.table({"id": range(15), "a.text": texts, "empty": pa.nulls(15)})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=4, store_schema=True)
    assert read(tmp_path / "a.parquet", text_column="a.text") == ["蜂王", "", "", "巢\n脾", "NA"] * 3
    assert read(tmp_path / "a.parquet", text_column="empty") == [""] * 15
    with pytest.raises(InputError, match=r"'id' of .* holds int64, no text"):
        read(tmp_path / "a.parquet", text_column="id")
    with pytest.raises(InputError, match=r"'x' of .* is not there; it has: id, a.text, empty"):
        read(tmp_path / "a.parquet", text_column="x")
    with pytest.raises(InputError, match="--text-column"):
        read(tmp_path / "a.parquet")


def test_a_damaged_row_group_is_lost_and_no_other(tmp_path):
    path = tmp_path / "a.parquet"
    options = {"row_group_size": 100, "use_dictionary": False, "write_page_checksum": True, "compression": "none"}
    parquet.write_table(pa.table({"t": LINES * 50}), path, **options)
    column = parquet.ParquetFile(path).metadata.row_group(0).column(0)
    data = bytearray(path.read_bytes())
    end = column.data_page_offset + column.total_compressed_size
    data[end - 40 : end] = bytes(40)
    path.write_bytes(data)
    error, *rest = formats.read_file(path)
    assert (error.reason, error.place) == ("damaged Parquet", f"{path}, row 1")
    assert rest == LINES * 25


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"x" * 99 + b"PAR1", "蜂王".encode()])
def test_what_is_no_parquet_is_named(tmp_path, data):
    (tmp_path / "a.parquet").write_bytes(data)
    assert error_of(tmp_path / "a.parquet").reason == "damaged Parquet"


def test_parquet_that_is_not_utf8_loses_its_row(tmp_path):
    parquet.write_table(pa.table({"t": pa.array([b"a", b"\xff", None]).view(pa.string())}), tmp_path / "a.parquet")
    first, error, last = formats.read_file(tmp_path / "a.parquet")
    assert (first, last, error.reason) == ("a", "", "not UTF-8")
    assert error.place.endswith("row 2")


# --- Word, PDF and HTML


def test_word_paragraphs_and_tables_in_order(tmp_path):
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "页眉"
    document.add_heading("蜂群", 1)
    paragraph = document.add_paragraph("工蜂\t采")
    paragraph.add_run("蜜").bold = True
    paragraph.paragraph_format.tab_stops.add_tab_stop(docx.shared.Cm(2))
    table = document.add_table(2, 2)
    for n, text in enumerate(("蜂王", "雄蜂", "巢脾", "蜜源")):
        table.cell(*divmod(n, 2)).text = text
    document.add_paragraph("结束")
    document.save(tmp_path / "蜂 群.docx")
    assert read(tmp_path / "蜂 群.docx") == ["蜂群\n工蜂\t采蜜\n蜂王\n雄蜂\n巢脾\n蜜源\n结束"]
    (tmp_path / "a.docx.gz").write_bytes(gzip.compress((tmp_path / "蜂 群.docx").read_bytes()))
    assert read(tmp_path / "a.docx.gz") == read(tmp_path / "蜂 群.docx")


def docx_with(tmp_path, xml):
    """A Word file whose body is the given text."""
    docx = pytest.importorskip("docx")
    whole = io.BytesIO()
    docx.Document().save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, xml if name == "word/document.xml" else old.read(name))
    return tmp_path / "a.docx"


DOCUMENT = (
    '{entities}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:body>{body}</w:body></w:document>'
)


def test_word_leaves_out_what_is_deleted_and_reads_boxes_once(tmp_path):
    body = (
        "<w:p><w:r><w:t>蜂</w:t></w:r><w:ins><w:r><w:t>王</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>旧</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>移</w:t></w:r></w:moveFrom></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>巢</w:t><w:br/><w:t>脾</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        "<w:p><w:r><mc:AlternateContent><mc:Choice><w:p><w:r><w:t>框</w:t></w:r></w:p></mc:Choice>"
        "<mc:Fallback><w:p><w:r><w:t>框</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert read(docx_with(tmp_path, DOCUMENT.format(entities="", body=body))) == ["蜂王\n巢\n脾\n\n框"]


def test_word_resolves_no_entities(tmp_path):
    (tmp_path / "secret.txt").write_text("秘密", encoding="utf-8")
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    entities = f'<!DOCTYPE d [<!ENTITY l0 "lol">{lol}<!ENTITY x SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'
    body = "<w:p><w:r><w:t>蜂</w:t><w:t>&l9;</w:t><w:t>&x;</w:t></w:r></w:p>"
    (text,) = formats.read_file(docx_with(tmp_path, DOCUMENT.format(entities=entities, body=body)))
    assert len(str(text)) < 300
    assert "秘密" not in str(text)


def test_damaged_and_huge_word_files_are_named(tmp_path, monkeypatch):
    path = docx_with(tmp_path, "<w:document")
    assert error_of(path).reason == "damaged Word file"
    path.write_bytes(path.read_bytes()[:-50])
    assert error_of(path).reason == "damaged Word file"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    assert error_of(path).reason == "an old Office file"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le"))
    assert error_of(path).reason == "password-protected Word file"
    monkeypatch.setattr(formats, "_MOST_UNPACKED", 1 << 20)
    error = error_of(docx_with(tmp_path, " " * (1 << 21)))
    assert error.reason == "huge Word file"


SENTENCES = [
    "蜂王是蜂群中唯一发育完全的雌性蜂，每日可产卵千余粒，寿命为三至五年，远远长于一般工蜂的寿命。",
    "工蜂负责采集花蜜与花粉，饲喂幼虫，清理巢房，守卫巢门，并在越冬期结成蜂团保持温度，等待来年春天。" * 2,
    "巢脾是蜂群繁殖和贮存饲料的地方。",
    "The queen bee of a colony may lay more than one thousand eggs a day, and lives for years under good conditions.",
]


def make_pdf(path, paragraphs, *, head="", **options):
    """A PDF whose lines wrap, in a font that every reader has."""
    platypus = pytest.importorskip("reportlab.platypus")
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import cidfonts, pdfmetrics

    pdfmetrics.registerFont(cidfonts.UnicodeCIDFont("STSong-Light"))
    font = {"fontName": "STSong-Light", "fontSize": 12, "leading": 18, "wordWrap": "CJK"}
    style = ParagraphStyle("body", firstLineIndent=24, **font)

    def draw(canvas, document):
        canvas.setFont("STSong-Light", 9)
        canvas.drawString(72, 800, head)
        canvas.drawString(280, 30, f"第 {document.page} 页" if head else "")

    story = [platypus.Paragraph(text, style) for text in paragraphs]
    platypus.SimpleDocTemplate(str(path), **options).build(story, onFirstPage=draw, onLaterPages=draw)


def test_pdf_lines_that_reach_the_margin_go_on(tmp_path):
    pytest.importorskip("pypdfium2")
    make_pdf(tmp_path / "蜂 群.pdf", SENTENCES)
    assert read(tmp_path / "蜂 群.pdf") == ["\n".join(SENTENCES)]


def test_pdf_paragraphs_go_over_pages_without_running_heads(tmp_path):
    pytest.importorskip("pypdfium2")
    make_pdf(tmp_path / "a.pdf", SENTENCES * 12, head="养蜂手册")
    (text,) = formats.read_file(tmp_path / "a.pdf")
    assert "养蜂手册" not in text
    assert "页" not in text
    assert text == "\n".join(SENTENCES * 12)


def test_a_pdf_without_text_needs_ocr(tmp_path):
    pytest.importorskip("pypdfium2")
    make_pdf(tmp_path / "a.pdf", [""])
    assert str(error_of(tmp_path / "a.pdf")).endswith("no text in it; run OCR on it first")


def test_protected_and_damaged_pdfs_are_named(tmp_path):
    pytest.importorskip("pypdfium2")
    make_pdf(tmp_path / "a.pdf", SENTENCES, encrypt="secret")
    assert error_of(tmp_path / "a.pdf").reason == "password-protected PDF"
    make_pdf(tmp_path / "b.pdf", SENTENCES)
    for data in ((tmp_path / "b.pdf").read_bytes()[:200], b"%PDF-1.7\n", b"x"):
        (tmp_path / "b.pdf").write_bytes(data)
        assert error_of(tmp_path / "b.pdf").reason == "damaged PDF"


def test_lines_of_two_columns_are_joined_in_each():
    columns = [[(left, left + 200 - 80 * (n == 2)) for n in range(3)] for left in (50, 300)]
    lines = [
        formats._Line(f"{'左右'[side]}{n}", left, right, 700 - 20 * n, 12)
        for side, column in enumerate(columns)
        for n, (left, right) in enumerate(column)
    ]
    assert formats._reflowed([lines]) == "左0左1左2\n右0右1右2"
    assert formats._reflowed([[], []]) == ""


def test_lines_far_below_or_indented_begin_a_paragraph():
    def line(text, top, left=50):
        return formats._Line(text, left, 250, top, 12)

    page = [line("一", 700), line("二", 680), line("三", 640), line("a", 620, 74), line("b", 600), line("c\x02", 580)]
    assert formats._reflowed([[*page, line("d", 560)]]) == "一二\n三\na b cd"


PAGE = """<!DOCTYPE html><html><head><meta charset="{charset}"><title>蜂</title><script>var x = 1;</script></head>
<body><nav><a href="/">首页</a><a href="/a">关于我们</a></nav><article><h1>蜂群</h1><p>{one}</p><p>{two}</p>
<table><tr><td>蜂王</td><td>一只</td></tr></table><p>{three}</p></article><footer>版权所有</footer></body></html>"""


@pytest.mark.parametrize(
    ("encoding", "charset"), [("utf-8", "gb2312"), ("gbk", "gb2312"), ("gbk", "none"), ("utf-16", "x")]
)
def test_html_gives_its_main_content(tmp_path, encoding, charset):
    pytest.importorskip("trafilatura")
    one, two, three = LINES[0], LINES[1] * 2, LINES[2]
    (tmp_path / "a.html").write_bytes(PAGE.format(charset=charset, one=one, two=two, three=three).encode(encoding))
    (text,) = formats.read_file(tmp_path / "a.html")
    assert [text.count(part) for part in (one, two, three, "蜂王", "一只")] == [1, 1, 1, 2, 1]
    assert not any(part in text for part in ("首页", "版权所有", "var x", "<p>"))


def test_html_declares_its_encoding_where_a_guess_would_be_unsure(tmp_path):
    pytest.importorskip("trafilatura")
    for head in ('<meta http-equiv="Content-Type" content="text/html; charset=GB2312">', '<?xml encoding="big5"?>'):
        codec = "gbk" if "GB" in head else "big5"
        (tmp_path / "a.htm").write_bytes(f"{head}<html><body><p>巢脾</p></body></html>".encode(codec))
        assert read(tmp_path / "a.htm") == ["巢脾"]
    (tmp_path / "a.htm").write_bytes("<p>巢脾</p>".encode("gbk"))
    assert error_of(tmp_path / "a.htm").reason == "encoding unclear"


def test_a_page_of_little_text_is_taken_whole_and_an_empty_one_named(tmp_path):
    pytest.importorskip("trafilatura")
    (tmp_path / "a.html").write_text("<html><body><div>蜂王</div><div>工蜂</div></body></html>", encoding="utf-8")
    (text,) = formats.read_file(tmp_path / "a.html")
    assert text.split() in (["蜂王", "工蜂"], ["蜂王工蜂"])
    for data in ("<html><script>1</script></html>", "", "<html>"):
        (tmp_path / "a.html").write_text(data)
        assert error_of(tmp_path / "a.html").reason == "no text in it"


def test_a_database_is_left_to_the_databases(tmp_path):
    with pytest.raises(InputError, match=r"sqlite:///laws\.db"):
        list(formats.read_file("laws.db"))


@pytest.mark.parametrize(("name", "library"), [("a.pdf", "pypdfium2"), ("a.docx", "docx"), ("a.html", "trafilatura")])
def test_a_missing_library_is_named(tmp_path, monkeypatch, name, library):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=rf"reading \.{name[2:]} needs .*; pip install termmine\[files\]"):
        list(formats.read_file(tmp_path / name))


# --- remote files


def test_urls_of_fsspec_are_read_and_found():
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    try:
        memory.pipe({"/蜂/b.txt": "二\n".encode(), "/蜂/a.txt.gz": gzip.compress("一\n".encode()), "/蜂/c.doc": b"x"})
        found = formats.find("memory://蜂")
        assert [read(url) for url in found.files] == [["一"], ["二"]]
        assert found.skipped == {".doc": 1}
        assert formats.find(["memory://蜂/b.txt"]).files == ("memory://蜂/b.txt",)
        assert [read(url) for url in formats.find("memory://蜂/*.txt").files] == [["二"]]
        with pytest.raises(InputError, match="no file of a known kind"):
            formats.find("memory://蜂/*.pdf")
        with pytest.raises(InputError, match="cannot be opened"):
            formats.find("memory://蜂/none.txt")
        with pytest.raises(InputError, match="cannot be opened"):
            read("memory://蜂/none.txt")
    finally:
        memory.rm("/蜂", recursive=True)


def test_passwords_of_urls_are_masked():
    pytest.importorskip("fsspec")
    for url in ("nosuch://ann:secret@host/a.txt", "s3://bucket/a.txt?token=secret::nosuch://x"):
        for call in (formats.find, read):
            with pytest.raises(InputError) as stopped:
                call(url)
            assert "secret" not in str(stopped.value)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_files_are_read_from_a_server_that_serves_whole_files(tmp_path, server):
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    (tmp_path / "a.txt").write_bytes("\n".join(LINES * 500).encode("gb18030"))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps({"t": LINES[0]}).encode()))
    parquet.write_table(pa.table({"t": LINES}), tmp_path / "a.parquet")
    assert formats.find(f"{server}/a.txt").files == (f"{server}/a.txt",)
    assert read(f"{server}/a.txt") == LINES * 500
    assert read(f"{server}/a.jsonl.gz") == LINES[:1]
    assert read(f"{server}/a.parquet?version=1") == LINES
    with pytest.raises(InputError, match=r"none\.txt cannot be"):
        read(f"{server}/none.txt")


def test_files_are_read_from_s3(monkeypatch):
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        client = boto3.client("s3")
        client.create_bucket(Bucket="bees")
        client.put_object(Bucket="bees", Key="蜂/a.txt", Body="\n".join(LINES).encode())
        table = io.BytesIO()
        parquet.write_table(pa.table({"t": LINES}), table)
        client.put_object(Bucket="bees", Key="蜂/b.parquet", Body=table.getvalue())
        found = formats.find("s3://bees/蜂").files
        assert found == ("s3://bees/蜂/a.txt", "s3://bees/蜂/b.parquet")
        assert [read(url) for url in found] == [LINES, LINES]
        with pytest.raises(InputError, match="cannot be opened"):
            formats.find("s3://bees/none.txt")
    finally:
        server.stop()

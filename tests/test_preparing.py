"""What is read again and again?"""

import json

import pytest

from termmine import preparing
from termmine.documents import Options
from termmine.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.txt").write_text("蜂王产卵，ＡＢ\n工蜂采蜜\n", encoding="utf-8")
    (tmp_path / "gbk.txt").write_bytes(
        "蜂王产卵，工蜂采蜜，巢门前有守卫蜂，巢脾上有蜂蜜和花粉。\n".encode("gb18030") * 3
    )
    (tmp_path / "rows.jsonl").write_text('{"a": "蜂王"}\n{"a": "工蜂\\n采蜜"}\n', encoding="utf-8")
    return tmp_path


def test_a_plain_file_in_which_nothing_changes_is_read_where_it_lies(here):
    prepared = preparing.prepare(["plain.txt"], Options())
    assert [path.name for path in prepared.files] == ["plain.txt"]
    assert prepared.said == {}
    assert not (here / "data").exists()


def test_a_mark_at_the_beginning_changes_nothing(here):
    (here / "plain.txt").write_text("蜂王", encoding="utf-8-sig")
    assert preparing.prepare(["plain.txt"], Options()).said == {}


@pytest.mark.parametrize(
    ("content", "options"),
    [("蜂\u200b王\n", Options()), ("蜂王\n", Options(dedupe=True)), ("蜂王\n", Options(encoding="utf-8"))],
)
def test_what_has_to_be_changed_is_written_down(here, content, options):
    (here / "plain.txt").write_text(content, encoding="utf-8")
    [path] = preparing.prepare(["plain.txt"], options).files
    assert path.parent == here / "data" / ".texts"
    assert path.read_text(encoding="utf-8") == "蜂王\n"


def test_as_it_is_a_plain_file_needs_no_copy(here):
    (here / "plain.txt").write_text("蜂\u200b王\n", encoding="utf-8")
    assert preparing.prepare(["plain.txt"], Options(normalize=False)).said == {}


def test_another_kind_is_written_down_once_and_told(here):
    first = preparing.prepare(["rows.jsonl"], Options())
    assert [path.read_text(encoding="utf-8") for path in first.files] == ["蜂王\n工蜂 采蜜\n"]
    assert first.is_new
    assert first.said["from"] == ["rows.jsonl"]
    assert (first.said["documents"], first.said["characters"]) == (2, 7)
    second = preparing.prepare(["rows.jsonl"], Options())
    assert not second.is_new
    assert second.files == first.files
    assert second.said == first.said


def test_another_content_or_option_is_another_text(here):
    first = preparing.prepare(["rows.jsonl"], Options())
    assert preparing.prepare(["rows.jsonl"], Options(dedupe=True)).files != first.files
    (here / "rows.jsonl").write_text('{"a": "巢脾"}\n', encoding="utf-8")
    changed = preparing.prepare(["rows.jsonl"], Options())
    assert changed.is_new
    assert changed.files[0].read_text(encoding="utf-8") == "巢脾\n"


@pytest.mark.parametrize("damage", ["巢脾\n", None])
def test_a_copy_that_was_changed_or_has_lost_its_note_is_made_anew(here, damage):
    [path] = preparing.prepare(["rows.jsonl"], Options()).files
    if damage:
        path.write_text(damage, encoding="utf-8")
    else:
        path.with_suffix(".json").write_text("[]", encoding="utf-8")
    again = preparing.prepare(["rows.jsonl"], Options())
    assert again.is_new
    assert again.files[0].read_text(encoding="utf-8") == "蜂王\n工蜂 采蜜\n"


def test_an_encoding_is_recognised_and_said(here):
    said = []
    [path] = preparing.prepare(["gbk.txt"], Options(), on_message=said.append).files
    assert path.read_text(encoding="utf-8").startswith("蜂王产卵，工蜂采蜜，巢门前")
    assert "gbk.txt is read as GB18030" in said[0]


def test_a_source_without_a_document_is_refused_and_leaves_nothing(here):
    (here / "none.jsonl").write_text('{"a": ""}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"there is no document in none\.jsonl: 0 documents .*1 empty"):
        preparing.prepare(["none.jsonl"], Options())
    assert not (here / "data").exists()


def test_a_row_that_cannot_be_read_leaves_nothing(here):
    (here / "bad.jsonl").write_text('{"a": "蜂王"}\n{"a": 3}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.jsonl.*row 2"):
        preparing.prepare(["bad.jsonl"], Options())
    assert not (here / "data").exists()


def test_a_database_is_read_anew_each_time_and_its_password_is_nowhere(here, monkeypatch):
    held = ["蜂王", "工蜂"]
    monkeypatch.setattr("termmine.databases.read", lambda url, **where: iter(held))
    url = "postgresql://ann:secret@db.example/bees"
    first = preparing.prepare([url], Options(table="pages"))
    held.append("巢脾")
    second = preparing.prepare([url], Options(table="pages"))
    assert first.files != second.files
    assert second.said["from"] == ["postgresql://ann:***@db.example/bees"]
    assert second.said["documents"] == 3
    for path in (here / "data" / ".texts").iterdir():
        assert "secret" not in path.read_text(encoding="utf-8")
        assert "secret" not in path.name
    assert json.loads(second.files[0].with_suffix(".json").read_text(encoding="utf-8"))["options"] == {"table": "pages"}


def test_an_option_without_a_use_is_refused(here):
    for options, says in [
        (Options(query="select 1"), r"--query is for databases, and plain\.txt is none"),
        (Options(text_column="a"), r"--text-column is for tables and databases, and plain\.txt is none"),
    ]:
        with pytest.raises(InputError, match=says):
            preparing.check_used(options, ["plain.txt"])
    preparing.check_used(Options(text_column="a"), ["plain.txt", "rows.jsonl"])


def test_a_file_that_changes_while_it_is_read_is_not_kept(here, monkeypatch):
    def note(path, _digest=preparing.datasets.sha256):
        (here / "rows.jsonl").open("a", encoding="utf-8").write('{"a": "巢脾"}\n') if path.suffix == ".jsonl" else None
        return _digest(path)

    monkeypatch.setattr(preparing.datasets, "sha256", note)
    with pytest.raises(InputError, match=r"rows\.jsonl changed while it was read"):
        preparing.prepare(["rows.jsonl"], Options())
    assert not list((here / "data" / ".texts").glob("*.json"))

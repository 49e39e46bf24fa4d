"""What documents does a source hold?"""

import pandas as pd
import pytest

from termmine import documents
from termmine.errors import InputError, UnreadableError

RECORDS = [{"id": 1, "text": "蜂王产卵。\r\n工蜂采蜜。"}, {"id": 2, "text": " "}, {"id": 3, "text": "ＡＢ巢脾"}]


def test_records_give_a_line_each_and_can_be_read_again():
    source = documents.read(RECORDS, text_column="text")
    assert list(source) == list(source) == ["蜂王产卵。 工蜂采蜜。", "AB巢脾"]
    assert (source.report.documents, source.report.characters, source.report.empty) == (2, 15, 1)


def test_records_may_be_texts_or_have_one_key():
    assert list(documents.read([{"text": "蜂王"}, {"text": "工蜂"}])) == ["蜂王", "工蜂"]
    assert list(documents.read(pd.Series(["蜂王", None, "工蜂"]))) == ["蜂王", "工蜂"]


def test_a_frame_gives_its_column():
    frame = pd.DataFrame({"title": ["一", "二"], "text": ["蜂王", float("nan")]})
    assert list(documents.read(frame, text_column="text")) == ["蜂王"]
    with pytest.raises(InputError, match="name the column of the text with text_column; there are: title, text"):
        documents.read(frame)
    with pytest.raises(InputError, match="there is no column 'body'; there are: title, text"):
        documents.read(frame, text_column="body")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (iter(RECORDS), "read more than once and must not be an iterator"),
        ({"train": RECORDS}, "got a dict of train; give one of these"),
        (7, "a source must be a path, a URL or records, got 7"),
        ("nowhere.jsonl", "nowhere.jsonl"),
    ],
)
def test_what_is_no_source_is_refused_at_once(source, says):
    with pytest.raises(InputError, match=says):
        documents.read(source, text_column="text")


def test_a_record_that_cannot_be_read_stops_or_is_skipped_and_counted():
    records = [{"text": "蜂王"}, {"body": "巢脾"}, {"text": 5}, {"text": "工蜂"}, {"text": None}]
    with pytest.raises(UnreadableError, match="record 2: no key 'text'; it has: body"):
        list(documents.read(records, text_column="text"))
    source = documents.read(records, text_column="text", on_error="skip")
    assert list(source) == ["蜂王", "工蜂"]
    assert source.report.skipped == {"no key 'text'": 1, "no text": 1}
    assert source.report.places == {"no key 'text'": ["record 2"], "no text": ["record 3"]}
    assert str(source.report) == (
        "2 documents of 4 characters; left out: 1 empty, 1 no key 'text' (record 2), 1 no text (record 3)"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"on_error": "ignore"}, "on_error must be fail or skip, got 'ignore'"),
        ({"normalize": False, "simplify": True}, "leave the text as it is, or simplify it"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        documents.read(RECORDS, **options)


def test_what_is_changed_is_counted():
    source = documents.read([{"text": "蜂\u200b王⽤水\x07"}])
    assert list(source) == ["蜂王用水"]
    assert source.report.changed["zero-width"] == 1
    assert source.report.changed["control"] == 1
    assert source.report.changed["compatibility"] == 1
    as_is = documents.read([{"text": "蜂\u200b王⽤水"}], normalize=False)
    assert list(as_is) == ["蜂\u200b王⽤水"]


def test_repeated_documents_are_left_out_if_wanted():
    text = "换一张巢脾给蜂群，工蜂就会清理它，蜂王随后在里面产卵，幼虫由哺育蜂照料。"
    records = [{"text": text}, {"text": "另一件事：今天下雨，蜂群不出巢。"}, {"text": text + "好。"}]
    assert len(list(documents.read(records))) == 3
    source = documents.read(records, dedupe=True)
    assert list(source) == [text, "另一件事：今天下雨，蜂群不出巢。"]
    assert source.report.repeated == 1
    assert len(list(source)) == 2  # and forgets what the pass before has seen


def test_traditional_characters_are_simplified_if_wanted():
    pytest.importorskip("opencc")
    source = documents.read([{"text": "養蜂員檢查蜂箱"}], simplify=True)
    assert list(source) == ["养蜂员检查蜂箱"]
    assert source.report.changed["simplified"] == 3


def test_a_data_set_of_hugging_face_is_read_by_its_column():
    datasets = pytest.importorskip("datasets")
    held = datasets.Dataset.from_dict({"content": ["蜂王", "工蜂"], "id": [1, 2]})
    assert list(documents.read(held, text_column="content")) == ["蜂王", "工蜂"]
    assert list(documents.read(held.to_iterable_dataset(), text_column="content")) == ["蜂王", "工蜂"]
    with pytest.raises(InputError, match="there is no column 'text'; there are: content, id"):
        documents.read(held, text_column="text")
    with pytest.raises(InputError, match="got a dict of train; give one of these"):
        documents.read(datasets.DatasetDict({"train": held}), text_column="content")


def test_files_of_several_kinds_are_one_source(tmp_path):
    (tmp_path / "a.txt").write_text("蜂王\n\n工蜂\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "巢脾"}\n{"text": 1}\n', encoding="utf-8")
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    source = documents.read(tmp_path, text_column="text", on_error="skip")
    assert list(source) == ["蜂王", "工蜂", "巢脾"]
    assert source.report.skipped == {"of a kind that is not read (.png)": 1, "no text in column 'text'": 1}
    assert source.report.places["no text in column 'text'"] == [f"{tmp_path}/b.jsonl, row 2"]
    assert source.report.places["of a kind that is not read (.png)"] == [f"{tmp_path}/c.png"]

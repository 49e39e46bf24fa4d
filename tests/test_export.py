import json
import math

import numpy as np
import pandas as pd
import pytest

from termmine import export
from termmine.errors import InputError


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_terms_survive_a_round_trip(tmp_path, suffix):
    frame = pd.DataFrame(
        {
            "rank": [1, 2, 3, 4, 5],
            "term": ["NA", "null", "007", 'a"b,c', "蜂王"],
            "score": [0.5, 0.25, 0.125, 0.1, 0.0],
            "hop": [0, 1, -1, 2, 3],
            "parent": ["", "NA", "", "x", "y"],
            "similarity": [1.0, 0.5, np.nan, 0.25, 0.75],
            "rejected_by": ["", "nan", "a, b", "", ""],
        }
    )
    export.write_frame(frame, tmp_path / f"t{suffix}")
    read = export.read_frame(tmp_path / f"t{suffix}")
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)
    assert math.isnan(read["similarity"][2])


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    export.write_text("alt", path)
    with pytest.raises(RuntimeError), export.replacing(path) as temporary:
        temporary.write_text("halb")
        raise RuntimeError
    assert path.read_text() == "alt"
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_usual_permissions(tmp_path):
    export.write_text("x", tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_metrics_are_merged_by_stage(tmp_path):
    export.update_metrics(tmp_path, "discovery", {"words": 3})
    export.update_metrics(tmp_path, "evaluation", {"average_precision": 0.5})
    export.update_metrics(tmp_path, "discovery", {"words": 4})
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == {"discovery": {"words": 4}, "evaluation": {"average_precision": 0.5}}


def test_a_missing_artefact_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="run the notebooks before this one"):
        export.read_frame(tmp_path / "words.parquet")


def test_a_carriage_return_is_quoted_and_nothing_else_changes(tmp_path):
    plain = pd.DataFrame({"term": ["蜂王", "a,b"], "count": [1, 2]})
    export.write_frame(plain, tmp_path / "plain.csv")
    assert (tmp_path / "plain.csv").read_bytes() == 'term,count\n蜂王,1\n"a,b",2\n'.encode()
    export.write_frame(plain.assign(term=["蜂\r王", "a"]), tmp_path / "cr.csv")
    assert (tmp_path / "cr.csv").read_bytes() == '"term","count"\n"蜂\r王",1\n"a",2\n'.encode()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"a": 1'])
def test_a_torn_json_file_is_named(tmp_path, content):
    assert export.read_json(tmp_path / "metrics.json") == {}
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(InputError, match=r"metrics\.json holds no JSON object, or is damaged"):
        export.update_metrics(tmp_path, "discovery", {"words": 3})


def test_a_name_may_be_as_long_as_the_disk_takes_it(tmp_path):
    path = tmp_path / ("n" * 251 + ".csv")
    export.write_text("x", path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_is_no_utf8_is_written_as_an_escape(tmp_path):
    export.write_json({"path": "\udcff.txt"}, tmp_path / "a.json")
    assert b'"\\udcff.txt"' in (tmp_path / "a.json").read_bytes()
    assert export.read_json(tmp_path / "a.json") == {"path": "\udcff.txt"}

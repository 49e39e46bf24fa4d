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

import json
import os
import subprocess
import sys
import time

import pytest

from termmine import datasets, presets, runs, stages
from termmine.errors import InputError

PARAMETERS = presets.read_preset("best")


@pytest.fixture
def inputs(tmp_path):
    """Small files by role; a key depends on their content alone."""
    files = {}
    for role, text in (
        ("domain", "蜂王产卵\n"),
        ("background", "今天天气\n"),
        ("reference", "蜂王\n"),
        ("rules", "[]\n"),
    ):
        (tmp_path / f"{role}.txt").write_text(text, encoding="utf-8")
        files[role] = [tmp_path / f"{role}.txt"]
    return files


def keys(inputs, parameters=PARAMETERS, sheet=None):
    return {task.stage: task.key for task in stages.plan(parameters, inputs, sheet)}


def changed(one, other):
    return [stage for stage in presets.NOTEBOOKS if one[stage] != other[stage]]


@pytest.mark.parametrize(
    ("stage", "name", "value"),
    [("discovery", "max_len", 9), ("embedding", "size", 50), ("expansion", "pool", 99), ("evaluation", "topn", 5)],
)
def test_a_parameter_changes_its_stage_and_the_later_ones(inputs, stage, name, value):
    other = keys(inputs, presets.merge(PARAMETERS, {stage: {name: value}}))
    order = list(presets.NOTEBOOKS)
    assert changed(keys(inputs), other) == order[order.index(stage) :]


def test_a_file_changes_the_stages_that_read_it_and_those_after_them(inputs, tmp_path):
    before = keys(inputs)
    inputs["reference"][0].write_text("蜂王\n工蜂\n", encoding="utf-8")
    assert changed(before, keys(inputs)) == ["expansion", "evaluation"]
    sheet = tmp_path / "judging.csv"
    sheet.write_text("term,verdict\n", encoding="utf-8")
    assert changed(keys(inputs), keys(inputs, sheet=sheet)) == ["evaluation"]
    before = keys(inputs)
    inputs["domain"][0].write_text("蜂王产卵。\n", encoding="utf-8")
    assert changed(before, keys(inputs)) == list(presets.NOTEBOOKS)


def test_a_key_does_not_depend_on_where_a_file_lies(inputs, tmp_path):
    before = keys(inputs)
    moved = tmp_path / "elsewhere" / "other.name"
    moved.parent.mkdir()
    inputs["domain"][0].rename(moved)
    assert keys(inputs | {"domain": [moved]}) == before


def test_the_order_of_files_counts(inputs):
    two = [inputs["domain"][0], inputs["reference"][0]]
    assert changed(keys(inputs | {"domain": two}), keys(inputs | {"domain": two[::-1]})) == list(presets.NOTEBOOKS)


def test_code_counts_where_it_is_used(inputs, monkeypatch):
    before = keys(inputs)
    real = stages._code
    monkeypatch.setattr(stages, "_code", lambda path: real(path) + ("x" if path.stem == "03_embedding" else ""))
    assert changed(before, keys(inputs)) == ["embedding", "expansion", "evaluation"]


def test_versions_count(inputs, monkeypatch):
    before = keys(inputs)
    newer = stages.versions() | {"numpy": "99"}
    monkeypatch.setattr(stages, "versions", lambda: newer)
    assert changed(before, keys(inputs)) == list(presets.NOTEBOOKS)


def test_the_code_of_a_notebook_is_all_that_it_imports(monkeypatch):
    read = []
    path_type = type(presets.notebook_path("discovery"))
    real = path_type.read_bytes
    monkeypatch.setattr(path_type, "read_bytes", lambda path: read.append(path.stem) or real(path))
    stages._code_of.cache_clear()
    stages._code(presets.notebook_path("discovery"))
    assert {"discovery", "unigram", "lattice", "ngrams", "corpus"} <= set(read)
    assert not {"expansion", "runs", "cli", "report"} & set(read)


# --- the cache ------------------------------------------------------------------------------------------------


def keep(cache, key, **files):
    """A result as ``compute`` keeps it."""
    folder = cache / key
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    entry = {
        "stage": "discovery", "seconds": 1.5, "peak_memory_mb": 20.0,
        "files": {name: datasets.sha256(folder / name) for name in files},
    }  # fmt: skip
    (folder / "entry.json").write_text(json.dumps(entry), encoding="utf-8")
    return folder


def test_a_result_is_found_whole(tmp_path):
    keep(tmp_path, "k", words="蜂王", metrics="{}")
    found = stages.find("k", tmp_path)
    assert found.reused and found.seconds == 1.5 and set(found.files) == {"words", "metrics"}
    assert stages.find("other", tmp_path) is None


@pytest.mark.parametrize("damage", ["cut", "other", "gone", "entry cut", "entry gone", "entry of another kind"])
def test_a_damaged_result_is_never_read(tmp_path, damage):
    folder = keep(tmp_path, "k", words="蜂王蜂王")
    path = folder / ("entry.json" if damage.startswith("entry") else "words")
    if damage.endswith("gone"):
        path.unlink()
    elif damage == "other":
        path.write_text("工蜂工蜂", encoding="utf-8")  # as long as before
    elif damage.endswith("kind"):
        path.write_text('["a list"]', encoding="utf-8")
    else:
        path.write_bytes(path.read_bytes()[:-3])
    assert stages.find("k", tmp_path) is None
    assert not folder.exists(), "so that it is computed again"


def test_the_results_unused_for_longest_go_first(tmp_path):
    for age, key in enumerate(("newest", "older", "oldest")):
        folder = keep(tmp_path, key, words="蜂" * 1000)
        os.utime(folder / "entry.json", (time.time() - 1000 * age,) * 2)
    size = sum(path.stat().st_size for path in (tmp_path / "newest").iterdir())
    stages.tidy(tmp_path, limit=2.5 * size)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["newest", "older"]
    os.utime(tmp_path / "newest" / "entry.json", (1, 1))
    stages.find("newest", tmp_path)  # which is a use
    stages.tidy(tmp_path, limit=1.5 * size)
    assert [path.name for path in tmp_path.iterdir()] == ["newest"]


def test_what_dead_processes_left_is_removed_and_what_living_ones_use_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    parent = os.getppid()
    names = [f".scratch-{stages._host()}-{process}-abc" for process in (dead.pid, parent)]
    names.append(".scratch-0123abcd-1-abc")  # of another machine, just made
    for name in names:
        (tmp_path / name).mkdir()
    stages.tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"results are kept in .*file.cache, which cannot be written .*TERMMINE_CACHE"):
        stages._new_scratch(tmp_path / "file" / "cache")


def test_a_stage_whose_process_dies_says_so(tmp_path, monkeypatch):
    task = stages.Task(stage="discovery", parameters={}, inputs={}, key="k")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(stages.NotebookError, match=r"01_discovery\.ipynb: its process ended with status 1"):
        stages.compute_apart(task, tmp_path)


# --- one run at a time ----------------------------------------------------------------------------------------


def test_a_folder_is_held_by_one_run(tmp_path):
    with runs.holding(tmp_path / "out", "termmine run first"):
        with pytest.raises(InputError) as error, runs.holding(tmp_path / "out", "termmine run second"):
            pass
        told = str(error.value)
        assert f"process {os.getpid()} on " in told and "termmine run first" in told and "another folder" in told
    with runs.holding(tmp_path / "out", "termmine run third") as died:
        assert died == ""


def test_the_lock_of_a_killed_process_is_no_lock(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from termmine import runs\n"
        "with runs.holding(Path(sys.argv[1]), 'termmine run x'): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path / "out"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(InputError, match=f"held by process {process.pid} "), runs.holding(tmp_path / "out", ""):
        pass
    process.kill()
    process.wait()
    with runs.holding(tmp_path / "out", "") as died:
        assert f"process {process.pid} " in died
    process.stdout.close()


def test_paths_are_written_as_the_notebooks_take_them():
    task = stages.Task(
        stage="expansion", parameters={"pool": 3}, inputs={"domain": ["/a", "/b"], "reference": [], "rules": ["/r"]}
    )
    assert stages.path_values(task.inputs, "expansion") == {
        "domain": ["/a", "/b"], "reference": "", "rules": "/r", "out_dir": ".",
    }  # fmt: skip

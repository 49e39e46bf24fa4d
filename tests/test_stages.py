import ast
import dataclasses
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from termmine import datasets, kernels, presets, runs, stages, widgets
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
    real = stages._sha256
    monkeypatch.setattr(stages, "_sha256", lambda path: read.append(path.stem) or real(path))
    stages._code(presets.notebook_path("discovery"))
    assert {"discovery", "unigram", "lattice", "ngrams", "corpus"} <= set(read)
    assert not {"expansion", "runs", "cli", "report"} & set(read)


def test_a_value_has_one_form(inputs):
    one = presets.merge(PARAMETERS, {"expansion": {"max_sim": 1, "self_weight": -0.0}})
    other = presets.merge(PARAMETERS, {"expansion": {"max_sim": 1.0, "self_weight": 0}})
    assert keys(inputs, one) == keys(inputs, other)


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


def test_the_results_unused_for_longest_go_first(tmp_path):
    for age, key in enumerate(("newest", "older", "oldest")):
        folder = keep(tmp_path, key, words="蜂" * 1000)
        os.utime(folder / "entry.json", (time.time() - 2 * 86400 - 1000 * age,) * 2)
    size = sum(path.stat().st_size for path in (tmp_path / "newest").iterdir())
    stages.tidy(tmp_path, limit=2.5 * size)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["newest", "older"]
    os.utime(tmp_path / "newest" / "entry.json", (1, 1))
    stages.find("newest", tmp_path)  # which is a use
    stages.tidy(tmp_path, limit=1.5 * size)
    assert [path.name for path in tmp_path.iterdir()] == ["newest"]
    stages.tidy(tmp_path, limit=0)
    assert [path.name for path in tmp_path.iterdir()] == ["newest"], "another run may be about to read it"


def test_what_dead_processes_left_is_removed_and_what_living_ones_use_is_not(tmp_path):
    dead, living = subprocess.Popen([sys.executable, "-c", ""]), subprocess.Popen(["sleep", "60"])
    dead.wait()
    names = [f".scratch-{stages._host()}-{process.pid}-abc" for process in (dead, living)]
    names.append(".scratch-0123abcd-1-abc")  # of another machine, just made
    for name in names:
        (tmp_path / name).mkdir()
    stages.tidy(tmp_path)
    living.kill()
    living.wait()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"results are kept in .*file.cache, which cannot be written .*TERMMINE_CACHE"):
        stages._new_scratch(tmp_path / "file" / "cache")


def test_a_stage_whose_process_dies_says_so(tmp_path, monkeypatch):
    task = stages.Task(stage="discovery", parameters={}, inputs={}, key="k")
    asked = []
    real = stages._ask
    monkeypatch.setattr(stages, "_ask", lambda *given: asked.append(given) or real(*given))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\necho no memory >&2\nexit 9\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(kernels.StageError, match=r"01_discovery.ipynb: its process ended with status 9 \(no memory\)"):
        stages.compute_apart(task, tmp_path / "cache")
    assert len(asked) == 2, "it is tried once more"


def test_no_module_of_the_current_folder_is_executed(tmp_path, monkeypatch):
    (tmp_path / "psutil.py").write_text("open('executed', 'w')")
    monkeypatch.chdir(tmp_path)
    task = stages.Task(stage="discovery", parameters={}, inputs={"domain": ["/no/such/file"]}, key="k")
    with pytest.raises(stages.NotebookError, match="No such file"):
        stages.compute_apart(task, tmp_path / "cache")
    assert not (tmp_path / "executed").exists()


def test_a_gone_result_before_is_named(tmp_path):
    task = stages.Task(stage="contrast", parameters={}, inputs={}, before=("gone",), key="k")
    (tmp_path / "scratch").mkdir()
    with pytest.raises(stages.NotebookError, match=r"the results before 02_contrast\.ipynb are gone from"):
        stages._fill(tmp_path / "scratch", task, tmp_path)


def test_of_two_processes_the_second_waits_and_finds(tmp_path, monkeypatch):
    """Both begin at once: one executes the notebook, the other takes its result."""
    executed = []

    def execute(stage, values, target, **_):
        executed.append(stage)
        time.sleep(0.5)
        for name in ("metrics.json", "terms.csv"):
            (target.parent / name).write_text("{}")

    monkeypatch.setattr(kernels, "execute", execute)
    task = stages.Task(stage="expansion", parameters={}, inputs={})
    task = dataclasses.replace(task, key=stages._key(task))
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: stages.compute(task, tmp_path), range(3)))
    assert executed == ["expansion"] and sorted(result.reused for result in results) == [False, True, True]
    assert {path.name for path in tmp_path.iterdir()} == {task.key, ".locks"}
    assert stages.compute(task, tmp_path, fresh=True).reused is False and len(executed) == 2
    assert stages.find(task.key, tmp_path).files.keys() == {"metrics.json", "terms.csv"}


@pytest.mark.parametrize("restored", [False, True])
def test_what_read_a_file_that_changed_is_not_kept(inputs, tmp_path, monkeypatch, restored):
    task = stages.plan(PARAMETERS, inputs)[0]
    path = inputs["domain"][0]
    text = path.read_text(encoding="utf-8")

    def execute(stage, values, target, **_):
        path.write_text("另一篇文章", encoding="utf-8")
        if restored:
            path.write_text(text, encoding="utf-8")

    monkeypatch.setattr(kernels, "execute", execute)
    with pytest.raises(InputError, match=r"changed while 01_discovery\.ipynb worked on it; run it again"):
        stages.compute(task, tmp_path / "cache")
    assert stages.find(task.key, tmp_path / "cache") is None
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".locks"]


# --- kernels ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("waiting", [True, False])
def test_a_kernel_leaves_widgets_out_and_has_imported_what_it_will(tmp_path, monkeypatch, waiting):
    """With and without a kernel that was started before its turn; neither leaves a name behind."""
    monkeypatch.delenv(widgets.PLAIN, raising=False)
    source = "import os, sys\nprint(os.environ.get('TERMMINE_PLAIN'), 'sklearn.linear_model' in sys.modules, dir())"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=[new_code_cell(source)], metadata=metadata), tmp_path / "in.ipynb")
    monkeypatch.setattr(kernels, "notebook_path", lambda stage: tmp_path / "in.ipynb")
    kernel = kernels.start("expansion", tmp_path) if waiting else None
    kernels.execute("expansion", {}, tmp_path / "out.ipynb", kernel=kernel)
    [output] = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[0].outputs
    assert output.text.startswith(f"1 {waiting} [")
    assert not {"name", "names", "line"} & set(ast.literal_eval(output.text.split(" ", 2)[2]))
    assert widgets.PLAIN not in os.environ, "only the kernel is told"


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

import ast
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from termmine import kernels, presets, stages

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ANATOMY = ["title", "imports", "about-parameters", "parameters", "load", "by-hand", "exercise", "save", "summary"]


def read(path):
    return nbformat.read(path, as_version=4)


def test_there_is_one_notebook_a_stage():
    assert [path.stem for path in NOTEBOOKS] == list(presets.NOTEBOOKS.values())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_clean(path):
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code), "clear the outputs before committing"
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_the_anatomy(path):
    notebook = read(path)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cell_id) for cell_id in ids), "cell ids are words"
    places = [next((i for i, cell_id in enumerate(ids) if cell_id.startswith(part)), -1) for part in ANATOMY]
    assert -1 not in places and places == sorted(places)
    code = {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "code"}
    long = [cell_id for cell_id, source in code.items() if len(source.splitlines()) > 15]
    assert set(long) <= {"parameters"}, "one idea a cell; only the list of parameters may be longer"
    assert any("assert" in source for cell_id, source in code.items() if cell_id.startswith("by-hand"))
    for cell_id in ids:
        if cell_id.startswith("fig-"):
            assert ids[ids.index(cell_id) + 1] == f"see-{cell_id[4:]}", "a sentence says what to see"
    solution = next(cell for cell in notebook.cells if cell.id == "exercise-solution")
    assert solution.metadata.tags == ["solution"]


def test_the_best_preset_is_what_the_notebooks_default_to():
    preset = presets.read_preset("best")
    for stage in presets.NOTEBOOKS:
        defaults = kernels.declared_parameters(stage)
        own = {name: value for name, value in defaults.items() if name not in {*stages.ROLES, "out_dir"}}
        assert json.loads(json.dumps(own)) == preset[stage]


def test_the_presets_set_the_same_parameters():
    best, classic = presets.read_preset("best"), presets.read_preset("classic")
    assert {stage: list(values) for stage, values in best.items()} == {s: list(values) for s, values in classic.items()}
    for name in presets.PRESETS:
        presets.check_parameters(presets.read_preset(name))


def test_every_parameter_is_explained():
    for path in NOTEBOOKS:
        source = next(cell.source for cell in read(path).cells if cell.id == "parameters")
        for line in source.splitlines():
            assert re.match(r"\w+: \w+ = .+  # .+", line), line
        ast.parse(source)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the notebooks and the sample data, as a checkout has them."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copytree(ROOT / "data" / "sample", tmp_path / "data" / "sample")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_notebooks_run_top_to_bottom_from(project, folder):
    for path in sorted((project / "notebooks").glob("*.ipynb")):
        client = NotebookClient(read(path), kernel_name="python3", resources={"metadata": {"path": project / folder}})
        client.execute()
    metrics = json.loads((project / "reports" / "sample" / "metrics.json").read_text())
    assert set(metrics) == set(presets.NOTEBOOKS)
    assert not (project / "notebooks" / "reports").exists()


@pytest.mark.slow
def test_notebooks_run_without_solutions(project):
    for path in sorted((project / "notebooks").glob("*.ipynb")):
        notebook = read(path)
        for cell in notebook.cells:
            if "solution" in cell.metadata.get("tags", []):
                cell.source = "# Your solution here"
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": project}}).execute()

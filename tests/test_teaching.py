import json
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from termmine import datasets, presets, teaching
from termmine.errors import InputError

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


def read(path):
    return nbformat.read(path, as_version=4)


# --- a copy --------------------------------------------------------------------------------------------------


def make_notebook():
    printed = [new_output("stream", text="1.1\n")]
    solution = {"id": "exercise-one-solution", "metadata": {"tags": ["hard", "solution"]}, "outputs": printed}
    cells = [
        new_markdown_cell("How strong is 蜂王?", id="exercise-one"),
        new_code_cell("total = 7", id="load", outputs=printed, execution_count=1),
        new_code_cell("answer = 1.1\nanswer", execution_count=2, **solution),
        new_markdown_cell("Since 蜂 and 王 …", id="exercise-one-why", metadata={"tags": ["solution"]}),
        new_code_cell('if "answer" in globals():\n    assert answer > 1, "a hint"', id="exercise-one-check"),
    ]
    return new_notebook(cells=cells, metadata={"mine": 1})


def test_a_copy_lacks_the_solutions_and_what_they_printed():
    copy = teaching.student_copy(make_notebook())
    nbformat.validate(copy)
    assert [cell.source for cell in copy.cells[2:4]] == [teaching.BLANK] * 2
    assert (copy.cells[2].outputs, copy.cells[2].execution_count) == ([], None)
    assert "outputs" not in copy.cells[3]  # it is no code
    assert "1.1" not in json.dumps(copy.cells)
    assert (copy.cells[1].outputs, copy.cells[1].execution_count) == ([], None)  # what a teacher's had printed


def test_a_copy_keeps_all_else():
    notebook = make_notebook()
    copy = teaching.student_copy(notebook)
    assert notebook == make_notebook()  # which itself stays as it was
    assert [cell.id for cell in copy.cells] == [cell.id for cell in notebook.cells]
    assert [cell.metadata for cell in copy.cells] == [cell.metadata for cell in notebook.cells]
    assert [copy.cells[i].source for i in (0, 1, 4)] == [notebook.cells[i].source for i in (0, 1, 4)]
    assert copy.metadata == notebook.metadata
    assert teaching.student_copy(copy) == copy
    assert teaching.student_copy(new_notebook()) == new_notebook()


def test_all_notebooks_are_copied_and_differ_in_their_solutions_alone(tmp_path):
    paths = teaching.write_copies(tmp_path / "new" / "lessons")
    assert [path.name for path in paths] == NAMES
    assert {f"{name}.ipynb" for name in presets.NOTEBOOKS.values()} <= set(NAMES)
    assert sorted(path.name for path in (tmp_path / "new" / "lessons").iterdir()) == NAMES
    for path in paths:
        nbformat.validate(read(path))
        own, copy = read(ROOT / "notebooks" / path.name), read(path)
        solutions = [cell for cell in own.cells if "solution" in cell.metadata.get("tags", [])]
        assert len(solutions) == sum(cell.source == teaching.BLANK for cell in copy.cells) == 3
        for cell in solutions:
            cell.source = teaching.BLANK
        assert copy == own


def test_copies_are_the_same_bytes_wherever_they_are_written(tmp_path):
    one, other = (teaching.write_copies(tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    assert all(path.read_text(encoding="utf-8").endswith("}\n") for path in one)


def test_only_the_numbered_notebooks_are_copied(tmp_path, monkeypatch):
    (tmp_path / "notebooks" / ".ipynb_checkpoints").mkdir(parents=True)
    for name in ("02_b.ipynb", "01_a.ipynb", "Untitled.ipynb", "mine_01.ipynb", ".ipynb_checkpoints/01_a.ipynb"):
        nbformat.write(make_notebook(), tmp_path / "notebooks" / name)
    monkeypatch.setattr(datasets, "_SHIPPED", tmp_path)
    assert [path.name for path in teaching.write_copies(tmp_path / "out")] == ["01_a.ipynb", "02_b.ipynb"]


# --- where there is something already ------------------------------------------------------------------------


@pytest.mark.parametrize("is_link", [False, True])
def test_a_students_work_is_never_lost(tmp_path, termmine, is_link):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    if is_link:
        (tmp_path / NAMES[-1]).symlink_to("gone.ipynb")
    else:
        (tmp_path / NAMES[-1]).write_text("three evenings", encoding="utf-8")
    with pytest.raises(InputError, match=f"{NAMES[-1]} already, and nobody's work is overwritten"):
        teaching.write_copies(tmp_path)
    status, out, err = termmine("student", tmp_path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["notes.txt", NAMES[-1]])
    assert is_link or (tmp_path / NAMES[-1]).read_text(encoding="utf-8") == "three evenings"


def test_other_files_may_lie_there(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert len(teaching.write_copies(tmp_path)) == len(NAMES)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_cannot_be_used(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "x", tmp_path / ("a" * 300)):
        with pytest.raises(InputError, match="cannot be made: "):
            teaching.write_copies(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="cannot be written: no permission"):
        teaching.write_copies(tmp_path)


def test_a_full_disk_leaves_no_half(tmp_path, monkeypatch):
    real, calls = teaching.export.write_text, []

    def write(text, path):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(text, path)

    monkeypatch.setattr(teaching.export, "write_text", write)
    with pytest.raises(InputError, match=rf"{NAMES[2]} cannot be written: No space left"):
        teaching.write_copies(tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected", "is_right"),
    [
        *((answer, 0.875, True) for answer in (0.875, 0.88, Fraction(7, 8), np.float64(0.875), np.float32(0.87))),
        *((answer, 17, True) for answer in (17, 17.0, np.int64(17))),
        *((answer, 0.875, False) for answer in (0.9, None, "0.875", [0.875], float("nan"), complex(0.875))),
        (16, 17, False),
    ],
)
def test_two_digits_are_enough(answer, expected, is_right):
    assert teaching.is_number(answer, expected) is is_right


def test_a_letter_is_told_by_its_digest():
    digest = teaching.digest_letter("b", "why")
    assert re.fullmatch("[0-9a-f]{8}", digest)
    assert all(teaching.is_letter(answer, "why", digest) for answer in ("b", "B", " b\n", "ｂ"))
    assert not any(teaching.is_letter(answer, "why", digest) for answer in ("a", "c", "", None, 1, "why=b"))
    assert len({teaching.digest_letter(letter, name) for letter in "abc" for name in ("why", "verdict")}) == 6


# --- the command ---------------------------------------------------------------------------------------------


def test_the_command_says_what_to_do_next(tmp_path, termmine, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = termmine("student", "my lessons")
    assert (status, err) == (0, "")
    assert f"{len(NAMES)} notebooks without solutions: my lessons" in out
    assert "jupyter lab 'my lessons'" in out and Path(NAMES[0]).stem in out
    assert sorted(path.name for path in (tmp_path / "my lessons").iterdir()) == NAMES


def test_the_command_has_help_with_an_example_and_needs_a_folder(termmine):
    status, out, _ = termmine("student", "--help")
    assert status == 0 and "Example" in out and "termmine student lessons" in out
    assert termmine("student", "")[0] == 2
    status, _, err = termmine("student")
    assert status == 2 and "Missing argument 'DIR'" in err


def test_importing_it_needs_no_jupyter():
    code = "import sys, termmine.teaching; print(sorted({'nbformat', 'nbclient', 'IPython'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- the copies at work --------------------------------------------------------------------------------------

WRONG = (None, -12_345.678, "?")

# Runs in the kernel, after a copy has come to its end: an exercise's check must take the solution's answer, which is
# read from the notebook that has it, and refuse wrong ones; of claims a, b, c the other two.
_TRY_ANSWERS = """
def _try(check):
    import contextlib, io
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(check, globals())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return printed.getvalue()

import json
for _name, _solution, _check in json.loads(EXERCISES):
    _found = {"name": _name, "was there": _name in globals(), "unanswered": _try(_check), "wrong": {}}
    exec(_solution, globals())
    _right = globals()[_name]
    _found["right"] = _try(_check)
    for _wrong in [*WRONG, *(set("abc") - {_right} if _right in list("abc") else [])]:
        globals()[_name] = _wrong
        _found["wrong"][repr(_wrong)] = _try(_check)
    del globals()[_name]
    print("FOUND", json.dumps(_found))
"""


def exercises(notebook):
    """(name of the answer, solution, check) of each exercise."""
    source = {cell.id: cell.source for cell in notebook.cells}
    for number in ("one", "two", "three"):
        solution, check = (source[f"exercise-{number}-{part}"] for part in ("solution", "check"))
        yield re.search(r'"(\w+)" in globals\(\)', check)[1], solution, check


def execute(path, folder):
    """Run a copy to its end, and then try answers; an error, or what was found of each exercise."""
    notebook = read(path)
    try:
        asked = json.dumps(list(exercises(read(ROOT / "notebooks" / path.name))))
        source = f"EXERCISES, WRONG = {asked!r}, {WRONG!r}\n{_TRY_ANSWERS}"
        notebook.cells.append(new_code_cell(source, id="try-answers"))
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    except Exception as error:
        return f"{type(error).__name__}: {error}"[-1500:]
    text = "".join(output.text for output in notebook.cells[-1].outputs if output.get("name") == "stdout")
    return [json.loads(line.removeprefix("FOUND ")) for line in text.splitlines() if line.startswith("FOUND ")]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """What became of each student copy; they run one after the other, in a folder that is no checkout."""
    folder = tmp_path_factory.mktemp("class")
    copies = teaching.write_copies(folder / "lessons")
    found = {path.stem: execute(path, folder) for path in copies}
    left = sorted(path.name for path in folder.iterdir())
    shutil.rmtree(folder, ignore_errors=True)
    return found | {"left": left}


@pytest.mark.slow
@pytest.mark.parametrize("name", [Path(name).stem for name in NAMES])
def test_a_copy_runs_to_its_end_and_its_checks_tell_right_from_wrong(executed, name):
    found = executed[name]
    assert isinstance(found, list), found
    assert len({exercise["name"] for exercise in found}) == 3
    for exercise in found:
        assert not exercise["was there"], "a cell that is no solution gives the answer"
        assert exercise["unanswered"] == ""
        assert all(said and "Right." not in said for said in exercise["wrong"].values()), exercise
        assert exercise["right"] == "Right.\n", exercise


@pytest.mark.slow
def test_the_copies_write_into_the_folder_of_the_class_alone(executed):
    assert executed["left"] == ["lessons", "reports"]

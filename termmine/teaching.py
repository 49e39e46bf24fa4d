"""How is it taught?

One source: the notebooks with their solutions. Students get copies without them, which still run to the end, and in
which each exercise is checked as soon as it is answered.
"""

import hashlib
import math
import os
import unicodedata
from copy import deepcopy
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from termmine import datasets, export
from termmine.errors import InputError

if TYPE_CHECKING:
    from nbformat import NotebookNode

BLANK = "# Your solution here"


# --- answers ------------------------------------------------------------------------------------------------


def is_number(answer: object, expected: float) -> bool:
    """Whether an answer worked out by hand is right: two digits are enough.

    |answer - expected| ≤ max(.01 |expected|, .005)

    Parameters
    ----------
    answer : anything; what is no number is not right
    expected : the exact value

    >>> is_number(0.67, 2 / 3), is_number(1.1, 1.2), is_number(None, 1)
    (True, False, False)
    """
    return isinstance(answer, Real) and math.isclose(answer, expected, rel_tol=0.01, abs_tol=0.005)


def is_letter(answer: object, name: str, digest: str) -> bool:
    """Whether an answer is the right letter, of which the check knows but a digest, so that a copy does not tell it.

    Parameters
    ----------
    answer : anything; capital and full-width letters are as good
    name : of the variable that the answer is put into
    digest : as ``digest_letter`` gives it

    >>> is_letter("Ｂ", "why", digest_letter("b", "why")), is_letter("c", "why", digest_letter("b", "why"))
    (True, False)
    """
    return digest_letter(answer, name) == digest


def digest_letter(answer: object, name: str) -> str:
    """Eight digits for a letter, others for each ``name``: the beginning of a SHA-256.

    >>> digest_letter(" b ", "why") == digest_letter("B", "why") != digest_letter("b", "verdict")
    True
    """
    letter = unicodedata.normalize("NFKC", str(answer)).strip().casefold()
    return hashlib.sha256(f"{name}={letter}".encode()).hexdigest()[:8]


# --- copies for students --------------------------------------------------------------------------------------


def student_copy(notebook: "NotebookNode") -> "NotebookNode":
    """A copy of a notebook without its solutions.

    Parameters
    ----------
    notebook : as ``nbformat.read`` gives it; a solution is a code cell tagged ``solution``

    Returns
    -------
    copy : solutions are blank, and there are no outputs; cell ids, tags and all else stay, so that an answer is found
        in what a student hands in. The notebook itself is not changed

    Notes
    -----
    That a copy runs to the end is the notebook's duty: no later cell may need what a solution assigns.

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell, new_notebook
    >>> answer = new_code_cell("pmi = 1.1", id="exercise-one-solution", metadata={"tags": ["solution"]})
    >>> [cell.source for cell in student_copy(new_notebook(cells=[new_code_cell("total = 7"), answer])).cells]
    ['total = 7', '# Your solution here']
    """
    copy = deepcopy(notebook)
    for cell in copy.cells:
        if "solution" in cell.metadata.get("tags", []):
            cell.source = BLANK
        if cell.cell_type == "code":  # a teacher may have run it: a right answer would be seen
            cell.outputs, cell.execution_count = [], None
    copy.metadata.pop("widgets", None)
    return copy


def write_copies(folder: str | os.PathLike) -> list[Path]:
    """Write the notebooks that travel with termmine into a folder, without their solutions.

    Parameters
    ----------
    folder : made if need be; may hold other files

    Returns
    -------
    paths : of the copies, in reading order

    Raises
    ------
    InputError : before anything is written, if the folder cannot be made or written, or has a file of such a name
        already: a student's work is never overwritten
    """
    import nbformat

    if not os.fspath(folder):
        raise InputError("the folder of the copies must have a name, got ''; give e.g. lessons")
    folder = Path(folder)
    sources = sorted(datasets.shipped("notebooks").glob("[0-9][0-9]_*.ipynb"))
    copies = {folder / path.name: student_copy(nbformat.read(path, as_version=4)) for path in sources}
    if there := [path.name for path in copies if os.path.lexists(path)]:
        raise InputError(f"{folder} has {there[0]} already, and nobody's work is overwritten; give another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made: {error.strerror}; give another one") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder {folder} cannot be written: no permission; give another one")
    written = []
    try:
        for path, copy in copies.items():
            export.write_text(nbformat.writes(copy) + "\n", path)
            written.append(path)
    except OSError as error:  # a full disk; half of the lessons would be in the way of the next try
        for copy_there in written:
            copy_there.unlink()
        raise InputError(f"{path} cannot be written: {error.strerror}; give another folder") from None
    return written

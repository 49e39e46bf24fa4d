"""How is it taught?

One source: the notebooks with their solutions. Students get copies without them, which still run to the end, and in
which each exercise is checked as soon as it is answered.
"""

import os
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

from termmine import datasets, export
from termmine.errors import InputError

if TYPE_CHECKING:
    from nbformat import NotebookNode

BLANK = "# Your solution here"


def student_copy(notebook: "NotebookNode") -> "NotebookNode":
    """A copy of a notebook without its solutions.

    Parameters
    ----------
    notebook : as ``nbformat.read`` gives it; a solution is a code cell tagged ``solution``

    Returns
    -------
    copy : solutions are blank, what they had printed too; cell ids, tags and all else stay, so that an answer is
        found in what a student hands in. The notebook itself is not changed

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
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
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
    for path, copy in copies.items():
        export.write_text(nbformat.writes(copy) + "\n", path)
    return list(copies)

"""How is a notebook executed?

By papermill, in a kernel of its own, which may have been started and have imported its libraries before its turn.
"""

import ast
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import psutil

from termmine.errors import NotebookError, NotebookInputError
from termmine.presets import notebook_path

if TYPE_CHECKING:
    from jupyter_client import AsyncKernelManager

IPYTHON = ".ipython"  # in the folder of execution: settings of IPython, none
_STARTS = 3  # of a kernel: two that start at once may ask for the same port
# What a notebook's rooms import when they need it.
_LATE = {"embedding": ["sklearn.utils.extmath"], "expansion": ["sklearn.linear_model"]}


class StageError(NotebookError):
    """A notebook stopped; ``notebook`` is its half-executed copy, which is the caller's to keep."""

    def __init__(self, message: str, notebook: Path | None = None) -> None:  # a default, so that it can be pickled
        super().__init__(message)
        self.notebook = notebook


class StageInputError(StageError, NotebookInputError):
    """The same, because its files or parameters cannot be used as they are."""


# --- what a notebook needs --------------------------------------------------------------------------------


def declared_parameters(stage: str) -> dict[str, object]:
    """The parameters of a stage's notebook and their defaults."""
    path = notebook_path(stage)
    return _declared(str(path), path.stat().st_mtime_ns)


@functools.cache
def _declared(path: str, modified: int) -> dict[str, object]:
    papermill = _papermill()
    return {name: ast.literal_eval(entry["default"]) for name, entry in papermill.inspect_notebook(path).items()}


@functools.cache
def _papermill() -> ModuleType:
    """papermill, in a third of the time.

    jsonschema, with which it checks notebooks, would first build a grammar of URIs, a second's work, which no
    notebook's schema needs; in this process, jsonschema then does not check the format of a URI.
    """
    grammar = "rfc3987_syntax"
    sys.modules.setdefault(grammar, None)  # as if it were not installed
    try:
        import papermill
    finally:
        if sys.modules.get(grammar) is None:
            sys.modules.pop(grammar, None)
    return papermill


def imported(notebook: str | os.PathLike) -> list[str]:
    """The modules that a notebook imports, sorted; of ``from termmine import corpus`` it is ``termmine.corpus``."""
    import nbformat

    cells = (cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code")
    lines = (line for cell in cells for line in cell.splitlines() if not line.startswith("%"))
    return sorted(imported_by("\n".join(lines)))


def imported_by(source: str) -> set[str]:
    """The modules that a program imports.

    >>> sorted(imported_by("import numpy as np; from termmine import corpus; from termmine.errors import InputError"))
    ['numpy', 'termmine.corpus', 'termmine.errors']
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "termmine":
            names.update(f"termmine.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


# --- executing --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that waits for its notebook, in the folder in which this will be executed."""

    folder: Path
    manager: "AsyncKernelManager"

    def stop(self) -> None:
        """End it, if it is still there."""
        from jupyter_core.utils import run_sync

        with suppress(RuntimeError, OSError):
            run_sync(self.manager.shutdown_kernel)(now=True)


def start(stage: str, folder: Path) -> Kernel:
    """Start a kernel for a stage's notebook; it imports what the notebook will while this process goes on."""
    from jupyter_client import AsyncKernelManager
    from jupyter_core.utils import run_sync

    set_environment()
    manager = AsyncKernelManager(kernel_name="python3")
    # an expression, so that no name is left in the notebook's namespace
    names = [*imported(notebook_path(stage)), *_LATE.get(stage, [])]
    line = f"[__import__(name) for name in {names}];"
    arguments = [*_arguments(folder), f"--IPKernelApp.exec_lines={line}"]
    run_sync(manager.start_kernel)(cwd=str(folder), extra_arguments=arguments)
    return Kernel(folder, manager)


def execute(
    stage: str, values: Mapping[str, object], target: Path, *, kernel: Kernel | None = None, progress: bool = False
) -> None:
    """Execute a stage's notebook in the folder of ``target``, its executed copy.

    Parameters
    ----------
    stage : whose notebook
    values : of its parameters, the paths included
    target : written even if the notebook stops
    kernel : from ``start``, in that folder; without one a kernel is started, again if it does not come up
    progress : papermill's bar over the cells

    Raises
    ------
    StageError : the notebook stopped, or its kernel died
    """
    from nbclient.exceptions import DeadKernelError

    for attempt in range(1, _STARTS + 1):
        try:
            _run_papermill(stage, values, target, kernel, progress)
            return
        except (DeadKernelError, RuntimeError) as error:  # the latter: it never came up
            kernel = None
            if attempt == _STARTS or begun(target):
                raise _stopped(target, f"the kernel died; was memory short? ({error})", StageError) from None


def _arguments(folder: Path) -> list[str]:
    """What a kernel is told: a report is not the user's history, has nothing of his start-up files, and no widgets."""
    (folder / IPYTHON).mkdir(exist_ok=True)
    return [
        "--IPKernelApp.log_level=CRITICAL",  # else a line a notebook about loopback sockets
        "--HistoryManager.hist_file=:memory:",
        f"--IPKernelApp.ipython_dir={(folder / IPYTHON).absolute()}",
        "--IPKernelApp.exec_lines=__import__('os').environ.update(TERMMINE_PLAIN='1');",  # nobody will click
    ]


def set_environment() -> None:
    """Let kernels, and processes of their own, find this Python and this termmine, and nothing of the user's."""
    # a kernelspec named python3 in the user's folder may belong to another Python: look into this one's first
    _put_first("JUPYTER_PATH", Path(sys.prefix) / "share" / "jupyter")
    package = Path(__file__).parents[1]
    if package.name not in ("site-packages", "dist-packages"):  # a checkout, perhaps not the one that is installed
        _put_first("PYTHONPATH", package)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


def _put_first(variable: str, path: Path) -> None:
    others = [other for other in os.environ.get(variable, "").split(os.pathsep) if other and other != str(path)]
    os.environ[variable] = os.pathsep.join([str(path), *others])


def _run_papermill(
    stage: str, values: Mapping[str, object], target: Path, kernel: Kernel | None, progress: bool
) -> None:
    papermill = _papermill()
    set_environment()
    _register_engine()
    try:
        papermill.execute_notebook(
            str(notebook_path(stage)),
            str(target),
            parameters=dict(values),
            engine_name="termmine",
            manager=kernel and kernel.manager,
            kernel_name="python3",
            cwd=str(target.parent),
            extra_arguments=_arguments(target.parent),
            progress_bar={"desc": target.stem, "leave": False} if progress else False,
        )
    except papermill.PapermillExecutionError as error:
        kind = StageInputError if error.ename in ("InputError", "MissingSeedError") else StageError
        raise _stopped(target, f"{error.ename}: {error.evalue}", kind) from None


@functools.cache
def _register_engine() -> None:
    """Teach papermill to use a kernel that is there already, and to write the notebook once a second at most."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, manager: Any = None, **kwargs: Any) -> Any:
            settings = {"extra_arguments": kwargs["extra_arguments"], "shutdown_kernel": "immediate"}
            client = PapermillNotebookClient(
                nb_man, km=manager, startup_timeout=60, kernel_name=kernel_name, **settings
            )
            client.owns_km = True
            save = nb_man.save
            nb_man.save = _seldom(save)  # papermill writes it twice a cell, 20 ms each
            try:
                return client.execute()
            finally:
                nb_man.save = save  # the last time, whatever happened

    papermill_engines.register("termmine", Engine)


def _seldom(call: Callable, seconds: float = 1.0) -> Callable:
    """The same function, which does nothing for a while after it was called."""
    last = -seconds

    def seldom(*arguments: Any, **settings: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            call(*arguments, **settings)
            last = time.monotonic()

    return seldom


def begun(notebook: Path) -> list[str]:
    """The ids of the cells that papermill has begun; none without a notebook."""
    import nbformat

    if not notebook.exists():
        return []
    cells = nbformat.read(notebook, as_version=4).cells
    return [cell.id for cell in cells if cell.metadata.get("papermill", {}).get("start_time")]


def _stopped(notebook: Path, what: str, kind: type[StageError]) -> StageError:
    """The error that names the notebook and the cell at which papermill left it."""
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells if notebook.exists() else []
    failed = [cell.id for cell in cells if cell.metadata.get("papermill", {}).get("exception")]
    cell = next(iter([*failed, *begun(notebook)[-1:]]), "?")
    return kind(f"{notebook.name} stopped at cell {cell}: {what}", notebook)


class PeakMemory:
    """The largest resident size of a kernel of this process, sampled ten times a second."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            for child in psutil.Process().children(recursive=True):
                try:
                    self.peak_mb = max(self.peak_mb, round(child.memory_info().rss / 1e6, 1))
                except psutil.Error:  # it ended meanwhile
                    continue

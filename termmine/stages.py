"""What is computed already?

A stage is a notebook with its parameters, the content of its input files and the stages before it. What it makes is
kept under a key of all that, in a folder that appears whole or not at all, and is reused wherever the key comes up
again: in the next run, in another run of a sweep, after a crash.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from termmine import cluster, datasets, export, kernels
from termmine.errors import InputError, NotebookError
from termmine.presets import NOTEBOOKS, notebook_path

# What each notebook writes beside ``metrics.json``; some of it only with a reference, or for some methods.
FILES = {
    "discovery": ("words.parquet", "words.csv", "background_words.parquet"),
    "contrast": ("candidates.parquet", "contrast.parquet", "evidence.parquet"),
    "embedding": ("vectors.npz",),
    "expansion": ("expansion.parquet", "terms.csv", "seeds.txt", "learning_curve.csv"),
    "evaluation": ("losses.csv", "ablation.csv", "contexts.parquet", "judging.csv"),
}
ROLES = ("domain", "background", "reference", "seeds", "rules")
_ENTRY = "entry.json"
_LIMIT = 10e9  # bytes of results kept; the ones unused for longest go first


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One stage to compute.

    ``inputs`` are absolute paths by role, those that the notebook reads; ``sheet`` is a reader's ``judging.csv``, or
    "". ``before`` are the keys of the stages before this one, first to last.
    """

    stage: str
    parameters: Mapping[str, object]
    inputs: Mapping[str, Sequence[str]]
    sheet: str = ""
    before: tuple[str, ...] = ()
    key: str = ""

    @property
    def notebook(self) -> str:
        """The name of its notebook's executed copy."""
        return f"{NOTEBOOKS[self.stage]}.ipynb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a stage made: a folder, the SHA-256 of each of its files, ``reused`` if it was there before."""

    key: str
    folder: Path
    files: Mapping[str, str]
    seconds: float
    peak_memory_mb: float
    reused: bool = False


# --- keys -------------------------------------------------------------------------------------------------


def plan(
    parameters: Mapping[str, Mapping[str, object]], inputs: Mapping[str, Sequence[Path]], sheet: Path | None = None
) -> tuple[Task, ...]:
    """The five stages of a run, each with the key of its result.

    Parameters
    ----------
    parameters : stage → name → value, all of them
    inputs : files by role; a role may be missing
    sheet : a reader's ``judging.csv`` with something in it

    Returns
    -------
    tasks : in order. A key is the SHA-256 of the stage's parameters, notebook, code, package versions, the content of
        the files it reads, and the key before it: whatever could change the result
    """
    tasks: list[Task] = []
    for stage in NOTEBOOKS:
        declared = kernels.declared_parameters(stage)
        task = Task(
            stage=stage,
            parameters=dict(parameters[stage]),
            inputs={r: [str(p.absolute()) for p in inputs.get(r, ())] for r in ROLES if r in declared},
            sheet=str(sheet.absolute()) if sheet and stage == "evaluation" else "",
            before=tuple(task.key for task in tasks),
        )
        tasks.append(replace(task, key=_key(task)))
    return tuple(tasks)


def _key(task: Task) -> str:
    content = {role: [_sha256(path) for path in paths] for role, paths in task.inputs.items()}
    said = {
        "parameters": task.parameters,
        "inputs": content | ({"sheet": [_sha256(task.sheet)]} if task.sheet else {}),
        "before": task.before[-1:],
        "notebook": _sha256(notebook_path(task.stage)),
        "code": _code(notebook_path(task.stage)),
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _sha256(path: str | os.PathLike) -> str:
    stat = Path(path).stat()
    return _sha256_of(os.fspath(path), stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=4096)  # a sweep asks for the same files again and again
def _sha256_of(path: str, size: int, modified: int) -> str:
    return datasets.sha256(Path(path))


@functools.cache
def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a result depends on."""
    names = ("termmine", "numpy", "pandas", "numba", "scipy", "scikit-learn", "gensim", "matplotlib", "pyarrow")
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}


def _code(notebook: Path) -> str:
    """The SHA-256 of the rooms that a notebook imports, and of what these import."""
    return _code_of(notebook, notebook.stat().st_mtime_ns)


@functools.cache
def _code_of(notebook: Path, modified: int) -> str:
    rooms: set[str] = set()
    wanted = _rooms(kernels.imported(notebook))
    while wanted:
        rooms |= wanted
        wanted = {name for room in wanted for name in _imported_by(room)} - rooms
    digest = hashlib.sha256()
    for room in sorted(rooms):
        digest.update(Path(__file__).with_name(f"{room}.py").read_bytes())
    return digest.hexdigest()


@functools.cache
def _imported_by(room: str) -> set[str]:
    return _rooms(kernels.imported_by(Path(__file__).with_name(f"{room}.py").read_text(encoding="utf-8")))


def _rooms(modules: Iterable[str]) -> set[str]:
    names = {name.split(".")[1] for name in modules if name.startswith("termmine.")}
    return {name for name in names if Path(__file__).with_name(f"{name}.py").exists()}


# --- the cache --------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where results are kept: the environment variable TERMMINE_CACHE, else ``reports/.cache``."""
    return Path(os.environ.get("TERMMINE_CACHE") or datasets.home() / "reports" / ".cache").absolute()


def find(key: str, cache: Path) -> Result | None:
    """The result kept under a key, whole and unchanged; ``None`` without one. What is damaged is removed."""
    folder = cache / key
    try:
        entry = json.loads((folder / _ENTRY).read_text(encoding="utf-8"))
        if all(datasets.sha256(folder / name) == digest for name, digest in entry["files"].items()):
            os.utime(folder / _ENTRY)  # used now
            return Result(
                key=key,
                folder=folder,
                files=dict(entry["files"]),
                seconds=float(entry["seconds"]),
                peak_memory_mb=float(entry["peak_memory_mb"]),
                reused=True,
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    _remove(folder)
    return None


def is_kept(key: str, cache: Path) -> bool:
    """Whether there is a result of that key, unverified: for telling what a plan will cost."""
    return (cache / key / _ENTRY).exists()


def _remove(folder: Path) -> None:
    """Remove a folder in such a way that nobody finds half of it."""
    aside = folder.with_name(f".{folder.name}-{os.getpid()}-{threading.get_ident()}")
    with suppress(OSError):
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def tidy(cache: Path, limit: float = _LIMIT) -> None:
    """Remove what processes that died left behind, and the results unused for longest, down to ``limit`` bytes."""
    for scratch in cache.glob(".scratch-*"):
        if not _is_used(scratch):
            shutil.rmtree(scratch, ignore_errors=True)
    kept = []
    for entry in cache.glob(f"*/{_ENTRY}"):
        with suppress(OSError):  # another process removed it
            size = sum(path.stat().st_size for path in entry.parent.iterdir())
            kept.append((entry.stat().st_mtime, size, entry.parent))
    total = sum(size for _, size, _ in kept)
    for _, size, folder in sorted(kept):
        if total <= limit:
            break
        _remove(folder)
        total -= size


def _is_used(scratch: Path) -> bool:
    """Whether another process that made a scratch folder may still be at work; on another machine, for two days."""
    _, host, process, _ = scratch.name.rsplit("-", 3)
    if host == _host():
        return process != str(os.getpid()) and process.isdecimal() and psutil.pid_exists(int(process))
    with suppress(OSError):
        return time.time() - scratch.stat().st_mtime < 2 * 86400
    return False


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _new_scratch(cache: Path) -> Path:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".scratch-{_host()}-{os.getpid()}-", dir=cache))
    except OSError as error:
        raise InputError(
            f"results are kept in {cache}, which cannot be written ({error.strerror}); "
            "name another folder by the environment variable TERMMINE_CACHE"
        ) from None


# --- computing --------------------------------------------------------------------------------------------


def compute(
    task: Task, cache: Path, *, kernel: kernels.Kernel | None = None, progress: bool = False, fresh: bool = False
) -> Result:
    """The result of a stage: the one that is kept, or a new one, which is kept from now on.

    Parameters
    ----------
    task : as ``plan`` gives it; the results of the stages before it must be in the cache
    cache : folder of the results
    kernel : one that waits for this stage, from ``start_kernel``
    progress : papermill's bar over the cells
    fresh : compute it even if it is kept; the new result takes the old one's place

    Raises
    ------
    StageError : the notebook stopped, or its kernel died
    InputError : the cache cannot be written
    """
    if not fresh and (found := find(task.key, cache)):
        return found
    scratch = kernel.folder if kernel else _new_scratch(cache)
    try:
        given = _fill(scratch, task, cache)
        values = dict(task.parameters) | path_values(task.inputs, task.stage)
        begin, memory = time.perf_counter(), kernels.PeakMemory()
        with memory:
            kernels.execute(task.stage, values, scratch / task.notebook, kernel=kernel, progress=progress)
        seconds = round(time.perf_counter() - begin, 2)
        for name in given:
            (scratch / name).unlink(missing_ok=True)
        return _keep(task, scratch, cache, seconds, memory.peak_mb)
    except kernels.StageError:
        raise  # with the scratch folder, for whoever wants to see the notebook
    except BaseException:  # Ctrl-C as well
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def start_kernel(task: Task, cache: Path) -> kernels.Kernel:
    """A kernel for a stage whose turn comes next; it gets ready while another one works."""
    return kernels.start(task.stage, _new_scratch(cache))


def _fill(scratch: Path, task: Task, cache: Path) -> list[str]:
    """Lay out what a notebook reads; returns what it will not write itself."""
    given: list[str] = []
    for key, stage in zip(task.before, NOTEBOOKS, strict=False):
        for name in FILES[stage]:
            if (cache / key / name).exists():
                _link(cache / key / name, scratch / name)
                given.append(name)
    if task.sheet:
        shutil.copyfile(task.sheet, scratch / "judging.csv")
    return given


def _link(source: Path, target: Path) -> None:
    """The same file under another name: nobody writes into an artefact, each is replaced as a whole."""
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _keep(task: Task, scratch: Path, cache: Path, seconds: float, peak_memory_mb: float) -> Result:
    names = [*FILES[task.stage], "metrics.json", task.notebook]
    files = {name: datasets.sha256(scratch / name) for name in names if (scratch / name).exists()}
    entry = {"stage": task.stage, "seconds": seconds, "peak_memory_mb": peak_memory_mb, "files": files}
    export.write_json(entry, scratch / _ENTRY)
    if (cache / task.key).exists():  # made anew, or by another process meanwhile
        _remove(cache / task.key)
    with suppress(OSError):
        scratch.rename(cache / task.key)
    if scratch.exists():
        shutil.rmtree(scratch, ignore_errors=True)
        if find(task.key, cache) is None:
            raise InputError(f"a result cannot be kept in {cache}; name another folder by TERMMINE_CACHE")
    return Result(
        key=task.key,
        folder=cache / task.key,
        files=files,
        seconds=seconds,
        peak_memory_mb=peak_memory_mb,
    )


def path_values(inputs: Mapping[str, Iterable[str]], stage: str) -> dict[str, object]:
    """The values of a notebook's path parameters: one path, a list of several, "" without any; ``out_dir`` is here."""
    values: dict[str, object] = {}
    for role, paths in inputs.items():
        paths = list(paths)
        values[role] = paths[0] if len(paths) == 1 else paths or ""
    return values | ({"out_dir": "."} if "out_dir" in kernels.declared_parameters(stage) else {})


# --- in a process of its own ------------------------------------------------------------------------------


@contextmanager
def workers(
    cache: Path, jobs: int = 1, scheduler: str | None = None, *, fresh: bool = False
) -> Iterator[Callable[[Task], Future]]:
    """A function that has a stage computed in a process of its own, here or on a cluster.

    Parameters
    ----------
    cache, fresh : as for ``compute``; a cluster's machines must see the cache and the inputs under the same paths
    jobs : processes at once here, which share the cores
    scheduler : address of a Dask cluster, as ``cluster.connect`` takes it
    """
    if scheduler is not None:
        with cluster.connect(scheduler) as client, client.get_executor(pure=False) as executor:
            yield lambda task: executor.submit(compute_apart, task, cache, fresh=fresh)
        return
    threads = max((os.cpu_count() or 1) // jobs, 1)
    with ThreadPoolExecutor(jobs) as executor:  # each thread waits for one process
        try:
            yield lambda task: executor.submit(compute_apart, task, cache, threads=threads, fresh=fresh)
        except BaseException:  # Ctrl-C: what has not begun need not
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def compute_apart(task: Task, cache: Path, *, threads: int = 0, fresh: bool = False) -> Result:
    """``compute`` in a new process, so that many can work at once, and one that dies takes nothing with it.

    Parameters
    ----------
    task, cache, fresh : as for ``compute``
    threads : what compiled code may use; 0: all cores. Results do not depend on it

    Raises
    ------
    StageError, InputError : as ``compute``
    NotebookError : the process died
    """
    said = {"task": asdict(task), "cache": str(cache), "fresh": fresh, "parent": os.getpid()}
    done = subprocess.run(
        [sys.executable, "-m", "termmine.stages"],
        input=json.dumps(said),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | ({"NUMBA_NUM_THREADS": str(threads)} if threads else {}),
        check=False,
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise NotebookError(f"{task.notebook}: its process ended with status {done.returncode}") from None
    if "message" not in answer:
        return Result(**answer | {"folder": Path(answer["folder"])})
    if answer["notebook"]:
        kind = kernels.StageInputError if answer["is_input"] else kernels.StageError
        raise kind(answer["message"], Path(answer["notebook"]))
    raise (InputError if answer["is_input"] else NotebookError)(answer["message"])


def _answer(said: Mapping) -> dict:
    task = Task(**said["task"] | {"before": tuple(said["task"]["before"])})
    try:
        result = compute(task, Path(said["cache"]), fresh=said["fresh"])
    except (NotebookError, InputError, OSError) as error:
        notebook = str(getattr(error, "notebook", ""))
        return {"message": str(error), "is_input": isinstance(error, InputError), "notebook": notebook}
    return asdict(result) | {"folder": str(result.folder)}


def _end_with(parent: int) -> None:
    """Stop when the process that asked has gone: nobody waits for the answer."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    _said = json.load(sys.stdin)
    threading.Thread(target=_end_with, args=[_said["parent"]], daemon=True).start()
    print(json.dumps(_answer(_said)))

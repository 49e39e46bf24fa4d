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
import secrets
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

# What each notebook writes beside ``metrics.json``; some of it only with a reference, with seeds or known terms.
FILES = {
    "discovery": ("words.parquet", "words.csv", "background_words.parquet"),
    "contrast": ("candidates.parquet", "contrast.parquet", "evidence.parquet"),
    "embedding": ("vectors.npz",),
    "expansion": ("expansion.parquet", "terms.csv", "seeds.txt", "known.csv", "learning_curve.csv"),
    "evaluation": ("losses.csv", "ablation.csv", "contexts.parquet", "judging.csv"),
}
ROLES = ("domain", "background", "reference", "seeds", "known", "rules")
_ENTRY = "entry.json"
_SPARED = 86400  # seconds after its last use in which a result is not removed
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
            parameters={name: as_declared(value, declared.get(name)) for name, value in parameters[stage].items()},
            inputs={r: [str(p.absolute()) for p in inputs.get(r, ())] for r in ROLES if r in declared},
            sheet=str(sheet.absolute()) if sheet and stage == "evaluation" else "",
            before=tuple(task.key for task in tasks),
        )
        tasks.append(replace(task, key=_key(task)))
    return tuple(tasks)


def as_declared(value: object, default: object) -> object:
    """The same value in one form only: 1 is 1.0 where a float is declared, and keys are text.

    >>> as_declared(1, 0.5), as_declared({2: 3.0}, {})
    (1.0, {'2': 3.0})
    """
    if type(default) is float and type(value) in (int, float):
        return float(value) + 0.0  # -0.0 is 0.0
    return {str(key): entry for key, entry in value.items()} if isinstance(value, dict) else value


def _key(task: Task) -> str:
    content = {role: [_sha256(path) for path in paths] for role, paths in task.inputs.items()}
    said = {
        "parameters": task.parameters,
        "inputs": content | ({"sheet": [_sha256(task.sheet)]} if task.sheet else {}),
        "lists": list(map(datasets.list_name, task.inputs.get("known", ()))),  # the names stand in the results
        "before": task.before[-1:],
        "notebook": _sha256(notebook_path(task.stage)),
        "code": _code(notebook_path(task.stage)),
        "versions": versions() | {"machine": platform.machine()},
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _state(task: Task) -> tuple[object, ...]:
    """What must not change while a stage is computed: its key, and when its files were last written."""
    paths = [path for paths in task.inputs.values() for path in paths] + [task.sheet] * bool(task.sheet)
    return (_key(task), *((path, Path(path).stat().st_mtime_ns) for path in paths))


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
    rooms: set[str] = set()
    wanted = _rooms(notebook, notebook.stat().st_mtime_ns)
    while wanted:
        rooms |= wanted
        wanted = {name for room in wanted for name in _rooms(_room(room), _room(room).stat().st_mtime_ns)} - rooms
    digest = hashlib.sha256()
    for room in sorted(rooms):
        digest.update(_sha256(_room(room)).encode())
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def _rooms(path: Path, modified: int) -> frozenset[str]:
    """The rooms of termmine that a notebook or a room imports."""
    modules = kernels.imported(path) if path.suffix == ".ipynb" else kernels.imported_by(path.read_text("utf-8"))
    names = {name.split(".")[1] for name in modules if name.startswith("termmine.")}
    return frozenset(name for name in names if _room(name).exists())


def _room(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.py")


# --- the cache --------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where results are kept: the environment variable TERMMINE_CACHE, else ``reports/.cache``."""
    return Path(os.environ.get("TERMMINE_CACHE") or datasets.home() / "reports" / ".cache").absolute()


def find(key: str, cache: Path) -> Result | None:
    """The result kept under a key, whole and unchanged; ``None`` without one."""
    folder = cache / key
    try:
        entry = json.loads((folder / _ENTRY).read_text(encoding="utf-8"))
        files = {str(name): str(digest) for name, digest in entry["files"].items()}
        if any(datasets.sha256(folder / name) != digest for name, digest in files.items()):
            return None
        seconds, memory = float(entry["seconds"]), float(entry["peak_memory_mb"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):  # none, or a damaged one
        return None
    _touch(folder)
    return Result(key=key, folder=folder, files=files, seconds=seconds, peak_memory_mb=memory, reused=True)


def _touch(folder: Path) -> None:
    """It is used now, so that ``tidy`` spares it."""
    with suppress(OSError):  # somebody else's
        os.utime(folder / _ENTRY)


def is_kept(key: str, cache: Path) -> bool:
    """Whether there is a result of that key, unverified: for telling what a plan will cost."""
    return (cache / key / _ENTRY).exists()


def _aside(cache: Path) -> Path:
    """A new name in the cache that tells whose it is."""
    return cache / f".scratch-{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def _remove(folder: Path) -> None:
    """Remove a folder in such a way that nobody finds half of it."""
    aside = _aside(folder.parent)
    with suppress(OSError):
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def tidy(cache: Path, limit: float = _LIMIT) -> None:
    """Remove what processes that died left behind, and the results unused for longest, down to ``limit`` bytes.

    What was used within the last day is spared: another run may be about to read it.
    """
    for scratch in cache.glob(".scratch-*"):
        if not _is_used(scratch):
            shutil.rmtree(scratch, ignore_errors=True)
    kept = []
    for entry in (entry for entry in cache.glob(f"*/{_ENTRY}") if not entry.parent.name.startswith(".")):
        with suppress(OSError):  # another process removed it
            size = sum(path.stat().st_size for path in entry.parent.iterdir())
            kept.append((entry.stat().st_mtime, size, entry.parent))
    total = sum(size for _, size, _ in kept)
    for used, size, folder in sorted(kept):
        if total <= limit or time.time() - used < _SPARED:
            break
        _remove(folder)
        total -= size


def _is_used(scratch: Path) -> bool:
    """Whether another process that made a scratch folder may still be at work; on another machine, for two days."""
    _, host, process, _ = scratch.name.rsplit("-", 3)
    if host == _host():
        return process != str(os.getpid()) and process.isdecimal() and psutil.pid_exists(int(process))
    with suppress(OSError):
        return time.time() - scratch.stat().st_mtime < 2 * _SPARED
    return False


@contextmanager
def _holding(key: str, cache: Path) -> Iterator[None]:
    """One process at a time computes a key; the others wait for it, and find its result."""
    from filelock import FileLock

    (cache / ".locks").mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".locks" / key):
        yield


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def check_cache(cache: Path) -> None:
    """Refuse a cache that cannot be written.

    Raises
    ------
    InputError : it cannot
    """
    _new_scratch(cache).rmdir()


def _new_scratch(cache: Path) -> Path:
    scratch = _aside(cache)
    try:
        scratch.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"results are kept in {cache}, which cannot be written ({error.strerror}); "
            "name another folder by the environment variable TERMMINE_CACHE"
        ) from None
    return scratch


# --- computing --------------------------------------------------------------------------------------------


def compute(
    task: Task,
    cache: Path,
    *,
    kernel: kernels.Kernel | None = None,
    scratch: Path | None = None,
    progress: bool = False,
    fresh: bool = False,
) -> Result:
    """The result of a stage: the one that is kept, or a new one, which is kept from now on.

    Parameters
    ----------
    task : as ``plan`` gives it; the results of the stages before it must be in the cache
    cache : folder of the results
    kernel : one that waits for this stage, from ``start_kernel``; it is used up
    scratch : an empty folder in the cache in which to work
    progress : papermill's bar over the cells
    fresh : compute it even if it is kept; the new result takes the old one's place

    Raises
    ------
    StageError : the notebook stopped, or its kernel died; the scratch folder is left to the caller
    InputError : the cache cannot be written, or a file changed while the stage read it
    """
    scratch = kernel.folder if kernel else scratch or _new_scratch(cache)
    try:
        with _holding(task.key, cache):
            if not fresh and (found := find(task.key, cache)):
                shutil.rmtree(scratch, ignore_errors=True)
                return found
            return _compute(task, cache, scratch, kernel, progress)
    except kernels.StageError:
        raise
    except BaseException:  # Ctrl-C as well
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    finally:
        if kernel is not None:
            kernel.stop()


def _compute(task: Task, cache: Path, scratch: Path, kernel: kernels.Kernel | None, progress: bool) -> Result:
    state = _state(task)
    given = _fill(scratch, task, cache)
    values = dict(task.parameters) | path_values(task.inputs, task.stage)
    begin, memory = time.perf_counter(), kernels.PeakMemory()
    with memory:
        kernels.execute(task.stage, values, scratch / task.notebook, kernel=kernel, progress=progress)
    seconds = round(time.perf_counter() - begin, 2)
    if state[0] != task.key or _state(task) != state:
        raise InputError(f"an input or termmine itself changed while {task.notebook} worked on it; run it again")
    for name in given:
        (scratch / name).unlink(missing_ok=True)
    shutil.rmtree(scratch / kernels.IPYTHON, ignore_errors=True)
    return _keep(task, scratch, cache, seconds, memory.peak_mb)


def start_kernel(task: Task, cache: Path) -> kernels.Kernel:
    """A kernel for a stage whose turn comes next; it gets ready while another one works."""
    return kernels.start(task.stage, _new_scratch(cache))


def _fill(scratch: Path, task: Task, cache: Path) -> list[str]:
    """Lay out what a notebook reads; returns what it will not write itself."""
    given: list[str] = []
    for key in task.before:
        _touch(cache / key)
        try:
            entry = json.loads((cache / key / _ENTRY).read_text(encoding="utf-8"))
            names = [name for name in entry["files"] if name != "metrics.json" and not name.endswith(".ipynb")]
            for name in names:
                _link(cache / key / name, scratch / name)
        except (OSError, ValueError, KeyError) as error:
            message = f"the results before {task.notebook} are gone from {cache} ({error}); run it again"
            raise NotebookError(message) from None
        given += names
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
    """Put a result in the place of its key, which is held; one that is there makes room."""
    names = [*FILES[task.stage], "metrics.json", task.notebook]
    files = {name: datasets.sha256(scratch / name) for name in names if (scratch / name).exists()}
    entry = {"stage": task.stage, "seconds": seconds, "peak_memory_mb": peak_memory_mb, "files": files}
    export.write_json(entry, scratch / _ENTRY)
    old = _aside(cache)
    try:
        if (cache / task.key).exists():
            (cache / task.key).rename(old)
        scratch.rename(cache / task.key)
    except OSError as error:
        raise InputError(
            f"a result cannot be kept in {cache} ({error.strerror}); name another by TERMMINE_CACHE"
        ) from None
    shutil.rmtree(old, ignore_errors=True)
    return Result(key=task.key, folder=cache / task.key, files=files, seconds=seconds, peak_memory_mb=peak_memory_mb)


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
    threads, running = max((os.cpu_count() or 1) // jobs, 1), set()
    settings = {"threads": threads, "fresh": fresh, "running": running}
    with ThreadPoolExecutor(jobs) as executor:  # each thread waits for one process
        try:
            yield lambda task: executor.submit(compute_apart, task, cache, **settings)
        except BaseException:  # Ctrl-C: what has not begun need not, what has is ended
            executor.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise


def compute_apart(
    task: Task, cache: Path, *, threads: int = 0, fresh: bool = False, running: set[subprocess.Popen] | None = None
) -> Result:
    """``compute`` in a new process, so that many can work at once, and one that dies takes nothing with it.

    Parameters
    ----------
    task, cache, fresh : as for ``compute``
    threads : what compiled code may use; 0: all cores. Results do not depend on it
    running : the process is in it as long as it works

    Raises
    ------
    StageError, InputError : as ``compute``; a process that dies before its first cell is started once more
    """
    for attempt in (1, 2):
        scratch = _new_scratch(cache)
        said = {"task": asdict(task), "cache": str(cache), "fresh": fresh, "scratch": str(scratch)}
        answer, why = _ask(said, threads, set() if running is None else running)
        if answer is not None or attempt == 2 or kernels.begun(scratch / task.notebook):
            break
        shutil.rmtree(scratch, ignore_errors=True)
    if answer is None:
        raise kernels.StageError(f"{task.notebook}: its process ended with {why}", scratch / task.notebook)
    if "message" not in answer:
        return Result(**answer | {"folder": Path(answer["folder"])})
    if answer["notebook"]:
        kind = kernels.StageInputError if answer["is_input"] else kernels.StageError
        raise kind(answer["message"], Path(answer["notebook"]))
    raise (InputError if answer["is_input"] else NotebookError)(answer["message"])


def _ask(said: Mapping, threads: int, running: set[subprocess.Popen]) -> tuple[dict | None, str]:
    """The answer of a process of its own; or ``None``, and how it ended."""
    kernels.set_environment()
    cores = {"NUMBA_NUM_THREADS": str(threads)} if threads else {}
    command = [sys.executable, "-P", "-m", "termmine.stages"]  # -P: no module of the current folder is executed
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=os.environ | cores
        ) as process,
    ):
        running.add(process)
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(said).encode() + b"\n")  # and stays open: its end would end the process
            lines = process.stdout.read().splitlines()
            status = process.wait()
        finally:
            running.discard(process)
        errors.seek(0)
        told = errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
    try:
        return json.loads(lines[-1]), ""
    except (IndexError, ValueError):
        return None, " ".join([f"status {status}", *(f"({line})" for line in told)])


def _answer(said: Mapping) -> dict:
    task = Task(**said["task"] | {"before": tuple(said["task"]["before"])})
    try:
        result = compute(task, Path(said["cache"]), scratch=Path(said["scratch"]), fresh=said["fresh"])
    except (NotebookError, InputError, OSError) as error:
        notebook = getattr(error, "notebook", None)
        is_input = isinstance(error, InputError)
        return {"message": str(error), "is_input": is_input, "notebook": str(notebook) if notebook else ""}
    return asdict(result) | {"folder": str(result.folder)}


def _end_with_the_asker() -> None:
    """Stop when the process that asked has gone, and closed its end of the pipe: nobody waits for the answer."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    _said = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    print(json.dumps(_answer(_said)), flush=True)
    os._exit(0)  # the thread still reads

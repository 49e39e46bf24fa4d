"""Run it again, otherwise.

A run checks every input and parameter before anything is written, has its five stages computed or finds them kept,
and puts its folder together; what the folder held before stays until the new run is whole.
"""

import importlib.metadata
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from termmine import corpus, datasets, export, judging, knowledge, lattice, manifests, report, rules, stages
from termmine.errors import InputError, NotebookError, NotebookInputError, masked_source, shown
from termmine.manifests import SHEET
from termmine.presets import NOTEBOOKS, PRESETS, Parameters, check_parameters, merge, read_preset

# All that a run writes into its folder.
_DATA = frozenset([*(name for names in stages.FILES.values() for name in names), "metrics.json"])
_PAGES = frozenset(f"{name}{end}" for name in NOTEBOOKS.values() for end in (".ipynb", ".html"))
_FILES = _DATA | _PAGES | {"index.html", "manifest.json"}
_TORN = re.compile(r"\..+-[a-z0-9_]{8}(\.\w+)?")  # the temporary names of ``export.replacing``
_FAILED = "failed"  # folder of a run that stopped where a finished one lies
_PICKED = "my_seeds.txt"  # which a user picked in notebook 04: his, not a run's
_OTHERS = {_FAILED, _PICKED, "glossary.csv"}  # the last is that of notebook 00


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run: what to read, where to write, and the settings that differ from the preset.

    ``reference``, ``seeds`` and ``known``, the lists of known terms, may be missing; ``rules`` is a path. ``command``
    is what repeats the run.
    """

    name: str
    domain: tuple[Path, ...]
    background: tuple[Path, ...]
    out: Path
    reference: Path | None = None
    seeds: Path | None = None
    known: tuple[Path, ...] = ()
    rules: Path = field(default_factory=lambda: datasets.rules_path("general"))
    preset: str = PRESETS[0]
    parameters: Parameters = field(default_factory=dict)
    command: str = ""
    sheet: Path | None = None  # a reader's judging.csv; without one, that in ``out``
    sources: Mapping[str, object] = field(default_factory=dict)  # by role, what ``preparing`` says of a text's origin

    def inputs(self) -> dict[str, tuple[Path, ...]]:
        """The input files by role."""
        optional = {"reference": self.reference, "seeds": self.seeds, "rules": self.rules}
        files = {"domain": self.domain, "background": self.background}
        files |= {role: (path,) for role, path in optional.items() if path is not None}
        return files | ({"known": self.known} if self.known else {})


def check_inputs(job: Job) -> None:
    """Read every input once and say in one line what cannot be used.

    Raises
    ------
    InputError : as ``check_texts``; a reader's sheet that cannot be read, or an output folder that holds something
        else
    """
    check_texts(job)
    _check_out(job.out)
    if (job.out / SHEET).is_file():
        judging.read_verdicts(job.out / SHEET)
    for path in (path for paths in job.inputs().values() for path in paths):
        if path.resolve().parent == job.out.resolve() and path.name in _FILES:
            raise InputError(f"the input {path} lies in --out {job.out} and would be overwritten; give another folder")


def check_texts(job: Job) -> None:
    """Read every input but what lies in the run's folder.

    Raises
    ------
    InputError : a file that is missing, empty, not UTF-8 or without Chinese, a reference or seed list of which
        nothing occurs in the domain, lists of known terms or rules that cannot be read
    """
    for path in (path for paths in job.inputs().values() for path in paths):
        try:
            os.fspath(path.absolute()).encode()
        except UnicodeEncodeError:  # a notebook, which is UTF-8, could not hold it
            raise InputError(f"the name of {shown(os.fspath(path))} is no UTF-8; rename it") from None
    rules.read_rules(job.rules)
    corpus.check_chinese((*job.domain, *job.background))
    content = {datasets.sha256(path): path for path in job.domain}
    for path in job.background:
        if same := content.get(datasets.sha256(path)):
            raise InputError(f"the background {path} is the domain text {same} once more; contrast it with other text")
    knowledge.read_lists(job.known)  # none of which has to occur: then all terms are new
    _check_lists(job)


def _check_lists(job: Job) -> None:
    given = {"reference": job.reference, "seed": job.seeds}
    lists = {f"{kind} terms in {path}": corpus.read_terms(path) for kind, path in given.items() if path is not None}
    if job.reference and len(terms := corpus.read_terms(job.reference)) < 2:
        raise InputError(f"a reference needs two terms or more, {job.reference} holds {terms[0]} alone; give a list")
    for name in ("centre_words", "negative_words"):
        if words := job.parameters.get("expansion", {}).get(name):
            lists[f"expansion.{name}"] = words
    domain = corpus.read_lines(job.domain)
    for name, terms in lists.items():
        if not lattice.Trie(list(dict.fromkeys(terms))).occurrences(domain)["count"].any():
            raise InputError(
                f"none of the {len(terms)} {name} occurs in the domain; give terms of this field"
                + ("" if name.startswith("expansion") else ", one a line")
            )


def _check_out(out: Path) -> None:
    try:
        out.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"--out {out} cannot be made: {error.strerror}; give another folder") from None
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, {out} is a file; give another name")
    if out.exists() and out.resolve() == datasets.shipped("notebooks").resolve():
        raise InputError(f"--out {out} holds the notebooks themselves; give another folder")
    names = [path.name for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []
    # the notebooks run by hand leave no manifest, a run that was killed leaves its lock
    is_run = any((out / name).exists() for name in ("manifest.json", "words.parquet", ".lock"))
    others = [name for name in names if name not in _FILES | _OTHERS or not is_run]
    if others:
        raise InputError(f"--out {out} holds other files than a run's, e.g. {min(others)}; give a new or empty folder")
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise InputError(f"--out {out} cannot be made: {parent} is a file; give another folder")
    if not os.access(parent, os.W_OK):
        raise InputError(f"--out {out} cannot be written: no permission in {parent}; give another folder")


# --- the folder -------------------------------------------------------------------------------------------


@contextmanager
def holding(folder: Path, command: str) -> Iterator[str]:
    """Keep a folder for one run at a time; gives a sentence about a run that died in it, "" without one.

    The operating system frees the lock of a process that dies, so none is ever stale.

    Raises
    ------
    InputError : another run holds the folder, or it cannot be made
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder} is held by {_holder(folder)}; wait for it, or give another folder") from None
    except OSError as error:
        raise InputError(f"--out {folder} cannot be made: {error.strerror}; give another folder") from None
    for torn in folder.glob(".*"):  # half-written by a process that was killed: the folder is held
        if _TORN.fullmatch(torn.name) and torn.is_file():
            torn.unlink(missing_ok=True)
    try:
        died = f"{_holder(folder)} did not finish" if (folder / ".holder.json").exists() else ""
        said = {"process": os.getpid(), "host": socket.gethostname(), "since": _now(), "command": command}
        export.write_json(said, folder / ".holder.json")
        yield died
    finally:
        (folder / ".holder.json").unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        said = export.read_json(folder / ".holder.json")
        return f"process {said['process']} on {said['host']} since {said['since']} ({said['command']})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # it is only just being written
        return "another run"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _from(folder: Path, path: Path) -> str:
    """``path`` as seen from ``folder``, so that a run's folder names no more of the disk than it has to."""
    try:
        return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(folder))).as_posix()
    except ValueError:  # another drive
        return path.absolute().as_posix()


# --- running ----------------------------------------------------------------------------------------------


def run(
    job: Job,
    *,
    on_stage: Callable[[str, stages.Result | None], object] | None = None,
    on_message: Callable[[str], object] | None = None,
    progress: bool = False,
    fresh: bool = False,
    scheduler: str | None = None,
) -> Path:
    """Compute the five stages, or find them kept, and put the run's folder together.

    Parameters
    ----------
    job : what to run
    on_stage : called with a notebook's name and ``None`` when it starts, its result when it is done
    on_message : called with what the user should know, e.g. that an earlier run died in the folder
    progress : papermill's bar over the cells
    fresh : compute every stage, even if its result is kept
    scheduler : address of a Dask cluster that computes the stages; without one, this process does

    Returns
    -------
    path : of ``index.html``

    Raises
    ------
    InputError : before anything is written, or another run holds the folder
    NotebookError : a notebook stopped. Its half-executed copy and what was done before it are in ``job.out``, or in
        its folder ``failed`` if a finished run lies in ``job.out``, which stays as it was. ``NotebookInputError`` if
        because of what the files or the parameters hold
    """
    check_parameters(job.parameters, job.preset)
    check_inputs(job)
    cache = stages.cache_folder()
    stages.check_cache(cache)
    with holding(job.out, job.command) as died:
        if died and on_message is not None:
            on_message(f"an earlier run died here: {died}" + ("" if fresh else "; what it had computed is reused"))
        if (job.out / _PICKED).is_file() and job.seeds is None and on_message is not None:
            on_message(f"the seeds in {job.out / _PICKED} are not used; give --seeds with that file if they should be")
        tasks = plan(job)
        with ExitStack() as stack:
            stack.callback(stages.tidy, cache)
            if scheduler is None:
                results = _compute_here(tasks, cache, on_stage, progress, fresh)
            else:
                submit = stack.enter_context(stages.workers(cache, 1, scheduler, fresh=fresh))
                results = _compute_there(tasks, submit, on_stage)
            return assemble(job, tasks, results)


def plan(job: Job) -> tuple[stages.Task, ...]:
    """The five stages of a run, in order."""
    parameters = merge(read_preset(job.preset), job.parameters)
    return stages.plan(parameters, job.inputs(), _filled_sheet(job))


def _filled_sheet(job: Job) -> Path | None:
    """The sheet into which a reader has written."""
    sheet = job.sheet or job.out / SHEET
    return sheet if sheet.is_file() and judging.is_filled(judging.read_verdicts(sheet)) else None


def _compute_here(
    tasks: Sequence[stages.Task], cache: Path, on_stage: Callable | None, progress: bool, fresh: bool
) -> Iterator[stages.Result]:
    """One stage after the other; while one works, the kernel of the next gets ready on another core."""
    kernel = None
    try:
        for task, following in zip(tasks, [*tasks[1:], None], strict=True):
            _tell(on_stage, task, None)
            ready, kernel = kernel, None
            if following and (fresh or not stages.is_kept(following.key, cache)):
                kernel = stages.start_kernel(following, cache)
            result = stages.compute(task, cache, kernel=ready, progress=progress, fresh=fresh)
            _tell(on_stage, task, result)
            yield result
    finally:
        if kernel is not None:
            kernel.stop()


def _compute_there(
    tasks: Iterable[stages.Task], submit: Callable[[stages.Task], Future], on_stage: Callable | None
) -> Iterator[stages.Result]:
    for task in tasks:
        _tell(on_stage, task, None)
        result = submit(task).result()
        _tell(on_stage, task, result)
        yield result


def _tell(on_stage: Callable | None, task: stages.Task, result: stages.Result | None) -> None:
    if on_stage is not None:
        on_stage(NOTEBOOKS[task.stage], result)


def assemble(job: Job, tasks: Sequence[stages.Task], results: Iterable[stages.Result]) -> Path:
    """Put a run's folder together from its stages' results; what lies there is replaced when all of it is there.

    Parameters
    ----------
    job, tasks : the run and its stages
    results : of the stages, in order; it may compute them, and may raise ``kernels.StageError``. While it works on the
        next one, the pages of the last are written

    Raises
    ------
    NotebookError : as ``run``
    """
    out = job.out.absolute()  # papermill changes the current folder meanwhile
    manifest, sheet = _new_manifest(job, out), manifests.digest(out / SHEET)
    for left in out.glob(".new-*"):  # of a run that was killed: the folder is held, so it is nobody's
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=out) as name, ThreadPoolExecutor(1) as writer:
        new, made, placed = Path(name), [], []
        try:
            for task, result in zip(tasks, results, strict=True):
                made.append((task, result))
                placed.append(writer.submit(_place, task, result, new, out))
        except NotebookError as error:
            _wait_for_all(placed)
            raise _keep_failed(job, made, tasks[len(made)], error, new) from None
        _wait_for_all(placed)
        manifest |= _made(made, new) | {"status": "done"}
        export.write_text(report.index_page(new, manifest), new / "index.html")
        _put(new, out, manifest, keep_sheet=_is_needed(out / SHEET, sheet, tasks[-1]))
        shutil.rmtree(out / _FAILED, ignore_errors=True)
    return job.out / "index.html"


def _wait_for_all(futures: Iterable[Future]) -> None:
    for future in futures:
        future.result()


def _made(made: Iterable[tuple[stages.Task, stages.Result]], new: Path) -> dict[str, object]:
    """What the manifest says of the stages, and of what they made."""
    outputs = {
        name: digest
        for task, result in made
        for name, digest in result.files.items()
        if name in stages.FILES[task.stage]
    }
    if (new / "metrics.json").exists():
        outputs["metrics.json"] = datasets.sha256(new / "metrics.json")
    return {"stages": {task.stage: _about(result) for task, result in made}, "outputs": outputs}


def _about(result: stages.Result) -> dict[str, object]:
    return {
        "seconds": result.seconds,
        "peak_memory_mb": result.peak_memory_mb,
        "reused": result.reused,
        "key": result.key,
    }


def _is_needed(sheet: Path, before: str, task: stages.Task) -> bool:
    """Whether a reader's sheet holds what the new one does not: it was written into meanwhile, or never read."""
    if not sheet.is_file() or (manifests.digest(sheet) == before and task.sheet == str(sheet)):
        return False
    try:
        return manifests.digest(sheet) != before or judging.is_filled(judging.read_verdicts(sheet))
    except InputError:  # not to be read: all the more to be kept
        return True


def _place(task: stages.Task, result: stages.Result, new: Path, out: Path) -> None:
    """Copy a stage's files into the new folder, and write its notebook and page as seen from where it will lie."""
    for name in result.files:
        if name in stages.FILES[task.stage]:
            shutil.copyfile(result.folder / name, new / name)
    export.update_metrics(new, task.stage, export.read_json(result.folder / "metrics.json")[task.stage])
    _place_notebook(task, result.folder / task.notebook, new, out)


def _place_notebook(task: stages.Task, notebook: Path, new: Path, out: Path) -> None:
    """Write the executed notebook, its paths as seen from ``out``, and its page."""
    import nbformat

    nb = nbformat.read(notebook, as_version=4)
    inputs = {role: [_from(out, Path(path)) for path in paths] for role, paths in task.inputs.items()}
    values = dict(task.parameters) | stages.path_values(inputs, task.stage)
    for cell in nb.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
            cell.source = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in values.items())
    for name in ("input_path", "output_path"):  # of this machine
        nb.metadata.get("papermill", {}).pop(name, None)
    nb.metadata.setdefault("papermill", {})["parameters"] = values
    with export.replacing(new / task.notebook) as temporary:
        nbformat.write(nb, temporary)
    page = report.notebook_page(new / task.notebook)
    export.write_text(page, (new / task.notebook).with_suffix(".html"))


def _put(new: Path, out: Path, manifest: Mapping, *, keep_sheet: bool) -> None:
    """Rename what is new into its place; the manifest goes first and comes last, so that a mixture has none."""
    out.mkdir(exist_ok=True)
    (out / "manifest.json").unlink(missing_ok=True)
    if keep_sheet:
        (new / SHEET).unlink(missing_ok=True)
    names = {path.name for path in new.iterdir()}
    for name in _FILES - names - {SHEET}:  # nothing of an earlier run may pass for this one's
        (out / name).unlink(missing_ok=True)
    for name in sorted(names):
        (new / name).replace(out / name)
    export.write_json(manifest, out / "manifest.json")


def _keep_failed(
    job: Job, made: Sequence[tuple[stages.Task, stages.Result]], task: stages.Task, error: NotebookError, new: Path
) -> NotebookError:
    """Keep what a run that stopped has made, beside a finished run in a folder of its own; the error that says so."""
    target = job.out / _FAILED if manifests.is_finished(job.out) else job.out
    out, notebook = target.absolute(), getattr(error, "notebook", None)
    for done, result in made if target != job.out else ():  # they lie one folder deeper than they were placed for
        _place(done, result, new, out)
    if notebook is not None and notebook.exists():
        _place_notebook(task, notebook, new, out)
    status = {"status": f"failed in {NOTEBOOKS[task.stage]}", "error": str(error)}
    _put(new, out, _new_manifest(job, out) | _made(made, new) | status, keep_sheet=True)
    kind = NotebookInputError if isinstance(error, InputError) else NotebookError
    return kind(f"{error} (see {target / task.notebook})" if (out / task.notebook).exists() else str(error))


# --- the manifest -----------------------------------------------------------------------------------------


def _new_manifest(job: Job, out: Path) -> dict:
    sheet = _filled_sheet(job)
    files = job.inputs() | ({"sheet": (sheet,)} if sheet else {})
    return {
        "name": job.name,
        "status": "running",
        "started": _now(),
        "command": job.command,
        "preset": job.preset,
        "parameters": merge(read_preset(job.preset), job.parameters),
        "inputs": {
            role if len(paths) == 1 else f"{role} {number}": {
                "path": _from(out, path),
                "sha256": datasets.sha256(path),
            }
            for role, paths in files.items()
            for number, path in enumerate(paths, 1)
        },
        **({"sources": dict(job.sources)} if job.sources else {}),
        "versions": stages.versions() | {"papermill": importlib.metadata.version("papermill")},
        "git_commit": _git_commit(),
        "stages": {},
        "outputs": {},
    }


def repeat(
    manifest: Mapping,
    folder: Path,
    out: Path,
    moved: Mapping[str, Sequence[Path]] | None = None,
    *,
    sources: Mapping[str, object] | None = None,
    command: str = "",
) -> Job:
    """The run that a manifest tells of, once more.

    Parameters
    ----------
    manifest : as ``manifests.read_manifest`` gives it
    folder : where it lies; its paths begin there
    out : the new run's folder
    moved : files by role that are no longer where the manifest has them
    sources : what ``preparing`` says of their origin, by role

    Raises
    ------
    InputError : an input is not to be found
    """
    files = {role: list(paths) for role, paths in (moved or {}).items()}
    told = {role: said for role, said in manifest["sources"].items() if role not in files}
    for name, entry in manifest["inputs"].items():
        role = name.split(" ")[0]
        if role not in (moved or {}):
            files.setdefault(role, []).append(_find_input(manifest, folder, role, entry))
    return Job(
        name=manifest["name"],
        domain=tuple(files["domain"]),
        background=tuple(files["background"]),
        known=tuple(files.get("known", ())),
        out=out,
        preset=str(manifest.get("preset", PRESETS[0])),
        parameters=manifest["parameters"],
        command=command,
        sources=told | dict(sources or {}),
        **{role: files[role][0] for role in ("reference", "seeds", "rules", "sheet") if role in files},
    )


def _find_input(manifest: Mapping, folder: Path, role: str, entry: Mapping[str, str]) -> Path:
    """An input where the manifest has it, else the data set's, or the rules that travel with termmine."""
    places = [folder / entry["path"]]
    if manifest["name"] in datasets.names() and role in stages.ROLES:
        own = getattr(datasets.get(manifest["name"]), role)
        places += own if role == "known" else [own]
    places += [datasets.rules_path(name) for name in datasets.RULE_SETS if role == "rules"]
    list_name = datasets.list_name(places[0])
    if role == "known" and not places[0].is_file() and datasets.is_built_in(list_name):
        places += datasets.find_lists(list_name)
    there = [path for path in places if path is not None and path.is_file()]
    same = [path for path in there if datasets.sha256(path) == entry["sha256"]]
    if not there:
        where = os.path.normpath(folder / entry["path"])
        told = manifest["sources"].get(role, {}).get("from", ())
        origin = f", where it was written to from {shown(told)}" if told else ""
        raise InputError(f"the {role} of that run is not at {where}{origin}; say where it is: --{role} FILE")
    return (same or there)[0]


def _git_commit() -> str:
    """The checkout's commit, "" outside of one."""
    root = datasets.shipped("")
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:  # no git
        return ""


def shell_command(arguments: Iterable[str]) -> str:
    """The command line that repeats a run, without the passwords in it."""
    return shlex.join(["termmine", *map(masked_source, arguments)])

"""Run it again, otherwise.

Executes the five notebooks with papermill into a run's folder, with every input and parameter checked before
anything is written.
"""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from termmine import corpus, datasets, export, judging, lattice, report, rules
from termmine.errors import InputError, NotebookError, NotebookInputError
from termmine.presets import NOTEBOOKS, PRESETS, Parameters, check_parameters, merge, notebook_path, read_preset

# Filled in from the inputs, not with -p.
_PATHS = ("domain", "background", "reference", "seeds", "rules", "out_dir")
# All that a run writes into its folder.
_FILES = frozenset(
    [
        *("index.html", "terms.csv", "words.csv", "losses.csv", "seeds.txt", "metrics.json", "manifest.json"),
        *("words.parquet", "background_words.parquet", "candidates.parquet", "contrast.parquet", "evidence.parquet"),
        *("expansion.parquet", "learning_curve.csv", "ablation.csv", "judging.csv", "vectors.npz"),
        *(f"{name}{end}" for name in NOTEBOOKS.values() for end in (".ipynb", ".html")),
    ]
)
_KEPT = "judging.csv"  # what a reader wrote there is carried over
_VERSIONS = ("termmine", "numpy", "pandas", "numba", "scipy", "scikit-learn", "gensim", "papermill", "pyarrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run: what to read, where to write, and the settings that differ from the preset.

    ``reference`` and ``seeds`` may be missing; ``rules`` is a path. ``command`` is what repeats the run.
    """

    name: str
    domain: tuple[Path, ...]
    background: tuple[Path, ...]
    out: Path
    reference: Path | None = None
    seeds: Path | None = None
    rules: Path = field(default_factory=lambda: datasets.rules_path("general"))
    preset: str = PRESETS[0]
    parameters: Parameters = field(default_factory=dict)
    command: str = ""

    def inputs(self) -> dict[str, tuple[Path, ...]]:
        """The input files by role."""
        optional = {"reference": self.reference, "seeds": self.seeds, "rules": self.rules}
        files = {"domain": self.domain, "background": self.background}
        return files | {role: (path,) for role, path in optional.items() if path is not None}


def declared_parameters(stage: str) -> dict[str, object]:
    """The parameters of a stage's notebook and their defaults."""
    import papermill

    declared = papermill.inspect_notebook(str(notebook_path(stage)))
    return {name: _literal(entry["default"]) for name, entry in declared.items()}


def _literal(source: str) -> object:
    import ast

    return ast.literal_eval(source)


def check_inputs(job: Job) -> None:
    """Read every input once and say in one line what cannot be used.

    Raises
    ------
    InputError : a file that is missing, empty, not UTF-8 or without Chinese, a reference or seed list of which
        nothing occurs in the domain, rules that cannot be read, or an output folder that holds something else
    """
    rules.read_rules(job.rules)
    corpus.check_chinese((*job.domain, *job.background))
    content = {datasets.sha256(path): path for path in job.domain}
    for path in job.background:
        if same := content.get(datasets.sha256(path)):
            raise InputError(f"the background {path} is the domain text {same} once more; contrast it with other text")
    _check_lists(job)
    if (job.out / _KEPT).is_file():
        judging.read_verdicts(job.out / _KEPT)
    _check_out(job.out)
    for path in (path for paths in job.inputs().values() for path in paths):
        if path.resolve().parent == job.out.resolve() and path.name in _FILES:
            raise InputError(f"the input {path} lies in --out {job.out} and would be overwritten; give another folder")


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
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, {out} is a file; give another name")
    if out.exists() and out.resolve() == datasets.shipped("notebooks").resolve():
        raise InputError(f"--out {out} holds the notebooks themselves; give another folder")
    names = [path.name for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []
    is_run = bool({"manifest.json", "words.parquet"} & set(names))  # the latter: the notebooks were run by hand
    others = [name for name in names if name not in _FILES or not is_run]
    if others:
        raise InputError(f"--out {out} holds other files than a run's, e.g. {min(others)}; give a new or empty folder")
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise InputError(f"--out {out} cannot be made: {parent} is a file; give another folder")
    if not os.access(parent, os.W_OK):
        raise InputError(f"--out {out} cannot be written: no permission in {parent}; give another folder")


def run(job: Job, *, on_stage: Callable[[str, float | None], object] | None = None, progress: bool = False) -> Path:
    """Execute the five notebooks into ``job.out`` and write the index page.

    Parameters
    ----------
    job : what to run
    on_stage : called with a notebook's name and ``None`` when it starts, its seconds when it is done
    progress : papermill's bar over the cells

    Raises
    ------
    InputError : before anything is written
    NotebookError : a notebook stopped; its half-executed copy stays in the folder. ``NotebookInputError`` if because
        of what the files or the parameters hold
    """
    check_parameters(job.parameters, job.preset)
    check_inputs(job)
    parameters = merge(read_preset(job.preset), job.parameters)
    try:
        job.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {job.out} cannot be made: {error.strerror}; give another folder") from None
    manifest = _new_manifest(job, parameters)
    for name in _FILES - {_KEPT}:  # nothing of an earlier run may pass for this one's
        (job.out / name).unlink(missing_ok=True)
    export.write_json(manifest, job.out / "manifest.json")
    for stage, name in NOTEBOOKS.items():
        if on_stage is not None:
            on_stage(name, None)
        begin = time.perf_counter()
        memory = _PeakMemory()
        try:
            with memory:
                _execute(job, stage, parameters[stage], progress)
        except BaseException:  # Ctrl-C as well
            export.write_json(manifest | {"status": f"failed in {name}"}, job.out / "manifest.json")
            raise
        seconds = round(time.perf_counter() - begin, 2)
        manifest["stages"][stage] = {"seconds": seconds, "peak_memory_mb": memory.peak_mb, "computed": True}
        if on_stage is not None:
            on_stage(name, seconds)
    export.write_text(report.index_page(job.out, manifest), job.out / "index.html")
    export.write_json(manifest | {"status": "done"}, job.out / "manifest.json")
    return job.out / "index.html"


def _from(folder: Path, path: Path) -> str:
    """``path`` as seen from ``folder``, so that a run's folder names no more of the disk than it has to."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive
        return path.absolute().as_posix()


def _path_parameters(job: Job) -> dict[str, object]:
    def paths(files: Iterable[Path]) -> list[str] | str:
        names = [_from(job.out, path) for path in files]
        return names[0] if len(names) == 1 else names

    return {
        "domain": paths(job.domain),
        "background": paths(job.background),
        "reference": _from(job.out, job.reference) if job.reference else "",
        "seeds": _from(job.out, job.seeds) if job.seeds else "",
        "rules": _from(job.out, job.rules),
        "out_dir": ".",
    }


def _execute(job: Job, stage: str, parameters: Mapping[str, object], progress: bool) -> None:
    import papermill
    from nbclient.exceptions import DeadKernelError

    target = job.out / f"{NOTEBOOKS[stage]}.ipynb"
    declared = declared_parameters(stage)
    values = {k: v for k, v in (_path_parameters(job) | parameters).items() if k in declared}
    # a kernelspec named python3 in the user's folder may belong to another Python: look into this one's first
    here = str(Path(sys.prefix) / "share" / "jupyter")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [here, os.environ.get("JUPYTER_PATH", "")]))
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    try:
        papermill.execute_notebook(
            str(notebook_path(stage)),
            str(target),
            parameters=values,
            kernel_name="python3",
            cwd=str(job.out),
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # else a line a notebook about loopback sockets
            progress_bar={"desc": target.stem, "leave": False} if progress else False,
        )
    except papermill.PapermillExecutionError as error:
        kind = NotebookInputError if error.ename in ("InputError", "MissingSeedError") else NotebookError
        raise _stopped(target, f"{error.ename}: {error.evalue}", kind) from None
    except (DeadKernelError, RuntimeError) as error:  # the latter: it never came up
        raise _stopped(target, f"the kernel died; was memory short? ({error})") from None
    export.write_text(report.notebook_page(target), target.with_suffix(".html"))


def _stopped(notebook: Path, what: str, kind: type[NotebookError] = NotebookError) -> NotebookError:
    """The error that names the notebook and the cell at which papermill left it."""
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells
    failed = [cell.id for cell in cells if cell.metadata.get("papermill", {}).get("exception")]
    begun = [cell.id for cell in cells if cell.metadata.get("papermill", {}).get("start_time")]
    cell = next(iter(failed), begun[-1] if begun else "?")
    return kind(f"{notebook.name} stopped at cell {cell}: {what} (see {notebook})")


class _PeakMemory:
    """The largest resident size of the kernel process, sampled ten times a second."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_PeakMemory":
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


def _new_manifest(job: Job, parameters: Parameters) -> dict:
    return {
        "name": job.name,
        "status": "running",
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": job.command,
        "preset": job.preset,
        "parameters": {stage: dict(values) for stage, values in parameters.items()},
        "inputs": {
            role if len(paths) == 1 else f"{role} {number}": {
                "path": _from(job.out, path),
                "sha256": datasets.sha256(path),
            }
            for role, paths in job.inputs().items()
            for number, path in enumerate(paths, 1)
        },
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _VERSIONS},
        "git_commit": _git_commit(),
        "stages": {},
    }


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
    """The command line that repeats a run."""
    return shlex.join(["termmine", *arguments])

"""Run it again, otherwise.

Executes the five notebooks with papermill into a run's folder, with every input and parameter checked before
anything is written.
"""

import importlib.metadata
import json
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

from termmine import (
    candidates,
    contrast,
    corpus,
    datasets,
    discovery,
    embedding,
    expansion,
    export,
    judging,
    lattice,
    learning,
    rules,
)
from termmine.errors import InputError, NotebookError, NotebookInputError, UnknownParameterError

NOTEBOOKS = {
    "discovery": "01_discovery",
    "contrast": "02_contrast",
    "embedding": "03_embedding",
    "expansion": "04_expansion",
    "evaluation": "05_evaluation",
}
PRESETS = ("best", "classic")  # the first is the default
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

Parameters = Mapping[str, Mapping[str, object]]  # stage -> name -> value


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


def notebook_path(stage: str) -> Path:
    """The committed notebook of a stage."""
    return datasets.shipped(f"notebooks/{NOTEBOOKS[stage]}.ipynb")


def declared_parameters(stage: str) -> dict[str, object]:
    """The parameters of a stage's notebook and their defaults."""
    import papermill

    declared = papermill.inspect_notebook(str(notebook_path(stage)))
    return {name: _literal(entry["default"]) for name, entry in declared.items()}


def _literal(source: str) -> object:
    import ast

    return ast.literal_eval(source)


def read_preset(name: str) -> dict[str, dict[str, object]]:
    """A preset's parameters, stage → name → value.

    Raises
    ------
    InputError : there is no such preset
    """
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are: {', '.join(PRESETS)}")
    return json.loads(datasets.shipped(f"data/presets/{name}.json").read_text(encoding="utf-8"))


def check_parameters(parameters: Parameters, preset: str = PRESETS[0]) -> None:
    """Refuse what papermill would only warn about, and values that, over a preset's, the stage would refuse later.

    Raises
    ------
    UnknownParameterError : a stage or a parameter that does not exist
    InputError : a value of the wrong type or out of its range, or no such preset
    """
    defaults = read_preset(preset)
    for stage, values in parameters.items():
        if stage not in NOTEBOOKS:
            raise UnknownParameterError(f"there is no stage {stage!r}; the stages are: {', '.join(NOTEBOOKS)}")
        check_stage(stage, values, defaults[stage])
    merged = merge(defaults, parameters)
    if merged["expansion"]["method"] == "pu" and merged["contrast"]["units"] != "phrases":
        raise InputError(
            "expansion.method=pu needs contrast.units=phrases, whose evidence it learns from; "
            "for words set expansion.method to transitive, centroid, ensemble or walk"
        )


def check_stage(stage: str, values: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    """Refuse values of one stage whose names, types or ranges do not fit.

    Raises
    ------
    UnknownParameterError, InputError : as ``check_parameters``
    """
    for name, value in values.items():
        if name not in defaults:
            raise UnknownParameterError(f"{stage} has no parameter {name!r}; it has: {', '.join(defaults)}")
        _check_type(f"{stage}.{name}", value, defaults[name])
    _check_ranges(stage, defaults | values)


def _check_type(name: str, value: object, default: object) -> None:
    if default == "auto":
        wanted = (int,) if name.endswith("min_count") else (int, float)
        if value != "auto" and type(value) not in wanted:
            raise InputError(f"{name} must be of type {wanted[-1].__name__}, or auto, got {value!r}")
        return
    wanted = type(default)
    if wanted is float and type(value) is int:
        return
    if type(value) is not wanted:
        raise InputError(f"{name} must be of type {wanted.__name__}, got {value!r}")
    if wanted is list and not all(isinstance(item, str) for item in value):
        raise InputError(f"{name} must be a list of words, got {value!r}")


_POSITIVE = (
    *("min_len", "topn", "n_seeds", "pool", "min_term_len", "max_terms", "min_reference_count", "max_phrases"),
    "n_judged",
)


def _one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be {' or '.join(allowed)}, got {value!r}")


def _build(config: Callable[..., object], values: Mapping[str, object]) -> None:
    """Let a config check those of the values that it has."""
    config(**{name: value for name, value in values.items() if name in config.__dataclass_fields__})


def _check_contrast(values: Mapping[str, object]) -> None:
    _one_of("units", values["units"], ("phrases", "words"))
    _one_of("score", values["score"], ("termhood", *contrast.MEASURES))
    if values["score"] == "termhood" and values["units"] != "phrases":
        raise InputError("score=termhood needs contrast.units=phrases; give another contrast.score for words")
    _build(candidates.PhraseConfig, values)


def _check_embedding(values: Mapping[str, object]) -> None:
    _one_of("units", values["units"], ("phrases", "words"))
    _build(embedding.EmbeddingConfig, values)
    if values["units"] == "phrases" and values["method"] != "ppmi-svd":
        raise InputError(f"method must be ppmi-svd for phrases, got {values['method']!r}; or set embedding.units=words")


def _check_expansion(values: Mapping[str, object]) -> None:
    _one_of("method", values["method"], ("pu", "transitive", *expansion.METHODS))
    _build(expansion.ExpansionConfig, values)
    _build(learning.LearningConfig, values)


_CONFIGS: dict[str, Callable[[Mapping[str, object]], object]] = {
    "discovery": lambda values: discovery.make_config(**values),
    "contrast": _check_contrast,
    "embedding": _check_embedding,
    "expansion": _check_expansion,
}


def _check_ranges(stage: str, values: Mapping[str, object]) -> None:
    """Build the stage's config as its notebook will."""

    try:
        _CONFIGS.get(stage, lambda values: None)(values)
        for name in ("compare_documents", "curve_draws", "samples"):
            if values.get(name, 0) < 0:
                raise InputError(f"{name} must be 0 or more, got {values[name]!r}")
        for name in _POSITIVE:
            if values.get(name, 1) < 1:
                raise InputError(f"{name} must be 1 or more, got {values[name]!r}")
    except InputError as error:
        raise InputError(f"{stage}.{error}") from None
    except TypeError as error:  # e.g. a threshold table of strings
        raise InputError(f"{stage}: a value has the wrong type: {error}") from None


def merge(*layers: Parameters) -> dict[str, dict[str, object]]:
    """Parameters by stage, later layers over earlier ones, every stage present."""
    return {stage: {k: v for layer in layers for k, v in layer.get(stage, {}).items()} for stage in NOTEBOOKS}


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
    export.write_text(export.index_page(job.out, manifest), job.out / "index.html")
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
    _write_html(target)


def _stopped(notebook: Path, what: str, kind: type[NotebookError] = NotebookError) -> NotebookError:
    """The error that names the notebook and the cell at which papermill left it."""
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells
    failed = [cell.id for cell in cells if cell.metadata.get("papermill", {}).get("exception")]
    begun = [cell.id for cell in cells if cell.metadata.get("papermill", {}).get("start_time")]
    cell = next(iter(failed), begun[-1] if begun else "?")
    return kind(f"{notebook.name} stopped at cell {cell}: {what} (see {notebook})")


_SERVERS = ("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url", "mermaid_layout_elk_js_url")


def _write_html(notebook: Path) -> None:
    """The executed notebook as a page that asks no server for anything."""
    import nbformat
    from nbconvert import HTMLExporter

    nb = nbformat.read(notebook, as_version=4)
    nb.metadata.pop("widgets", None)
    for cell in nb.cells:  # a finished progress bar is a widget that would need a script from a server
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_widget(output)]
    nb.metadata["title"] = notebook.stem
    exporter = HTMLExporter(**dict.fromkeys(_SERVERS, ""))
    html, _ = exporter.from_notebook_node(nb)
    export.write_text(html, notebook.with_suffix(".html"))


def _is_widget(output: Mapping) -> bool:
    return any("widget" in kind for kind in output.get("data", {}))


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

"""What if?

A grid of runs over data sets, presets and parameters. A stage that several runs share is computed once; a run that
stops leaves the others alone; the same command again does what is missing.
"""

import itertools
import json
import os
import queue
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from termmine import corpus, datasets, documents, export, manifests, preparing, presets, report, runs, stages
from termmine.documents import Options
from termmine.errors import InputError, NotebookError, TermmineError, masked_source, shown

_KEYS = ("data", "preset", "presets", "parameters", "repeats", "metric")
_RANGE = ("from", "to", "step", "steps", "scale")
_READING = asdict(Options())  # how a text is read, with the defaults
_PATHS = ("name", "domain", "background", "reference", "seeds", "known", "rules")
_SEVERAL = ("domain", "background", "known")  # roles that may have several files
_SEEDED = ("embedding", "expansion")  # stages with a random state
_MOST = 10_000  # runs; more is a slip of the pen


Outcome = stages.Result | Exception  # of a stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What a grid file says.

    ``data`` are the data sets' names, or paths by role; ``bundles`` named sets of parameters beside the presets;
    ``parameters`` the values of each ``stage.parameter``; ``repeats`` the number of random states; ``metric`` what the
    report compares by, ``stage.name`` in metrics.json.
    """

    data: tuple[str | Mapping[str, object], ...] = ("law",)
    preset: tuple[str, ...] = (presets.PRESETS[0],)
    bundles: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    parameters: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    repeats: int = 1
    metric: str = "evaluation.average_precision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run of a sweep: what is varied in it, and its stages."""

    job: runs.Job
    preset: str
    repeat: int
    values: Mapping[str, object]
    tasks: tuple[stages.Task, ...]

    @property
    def run(self) -> str:
        """The name of its folder, the same for the same run in any grid."""
        return self.job.out.name


# --- the grid ---------------------------------------------------------------------------------------------


def read_grid(path: str | os.PathLike) -> Grid:
    """Read a grid file; nothing in it is executed.

    Parameters
    ----------
    path : YAML with any of the keys ``data`` (names, or paths by role), ``preset`` (names), ``presets`` (name →
        ``stage.parameter`` → value, and ``preset``, the one below it), ``parameters`` (``stage.parameter`` → a value,
        a list, a range ``{from, to, step}`` or ``{from, to, steps, scale: log}``, or ``{presets: [best, classic]}``,
        the values that these have), ``repeats`` and ``metric``

    Raises
    ------
    InputError : it cannot be read, or says what no sweep can do
    """
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise InputError(f"{path} is no regular file; name a grid file")
        said = presets.read_yaml(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no {path}; name a grid file") from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path} is not YAML in UTF-8 ({' '.join(str(error).split())[:120]})") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; name a grid file") from None
    try:
        return make_grid(said)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def make_grid(said: object) -> Grid:
    """A grid from what a grid file says.

    Raises
    ------
    InputError : an unknown key, a value of the wrong kind, or no such parameter, preset or data set

    >>> make_grid({"parameters": {"expansion.pool": {"from": 100, "to": 10000, "steps": 3, "scale": "log"}}}).parameters
    {'expansion.pool': (100, 1000, 10000)}
    """
    if not isinstance(said, dict) or not said:
        raise InputError(f"a grid needs one of the keys {', '.join(_KEYS)}, got {shown(said)}")
    if unknown := [key for key in said if key not in _KEYS]:
        raise InputError(f"a grid has no key {shown(unknown[0])}; it has: {', '.join(_KEYS)}")
    if empty := [key for key in ("data", "preset") if said.get(key, "law") in ([], None)]:
        raise InputError(f"{empty[0]} names nothing; give a name, or several")
    bundles = _mapping("presets", said.get("presets", {}))
    for name, bundle in bundles.items():
        _mapping(f"presets.{name}", bundle)
        if name in presets.PRESETS:
            raise InputError(f"{name} is a preset of termmine; give one's own another name")
    values = _mapping("parameters", said.get("parameters", {}))
    grid = Grid(
        data=tuple(_data(entry) for entry in _listed(said.get("data", "law"))),
        preset=_names(said.get("preset", presets.PRESETS[0])),
        bundles=bundles,
        parameters={name: _values(name, value, bundles) for name, value in values.items()},
        repeats=_repeats(said.get("repeats", 1)),
        metric=_metric(said.get("metric", Grid.__dataclass_fields__["metric"].default)),
    )
    for name in grid.preset:
        _layers(name, grid.bundles)
    if repeated := [name for name in grid.parameters if grid.repeats > 1 and name.endswith(".seed")]:
        raise InputError(f"repeats set {repeated[0]} themselves; leave one of them out")
    names = [data if isinstance(data, str) else data["name"] for data in grid.data]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"two entries of data are named {twice[0]}; name them apart")
    return grid


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def _names(value: object) -> tuple[str, ...]:
    if wrong := [name for name in _listed(value) or [value] if not isinstance(name, str)]:
        raise InputError(f"a preset must be a name, got {shown(wrong[0])}")
    return tuple(_listed(value))


def _mapping(name: str, value: object) -> dict:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{name} must be a mapping, got {shown(value)}")
    return value


def _data(entry: object) -> str | dict[str, object]:
    if isinstance(entry, str):
        return datasets.get_set(entry).name
    entry = _mapping("data", entry)
    reading = {key: value for key, value in entry.items() if key in _READING}
    if unknown := [key for key in entry if key not in (*_PATHS, *_READING)]:
        raise InputError(f"data has no {shown(unknown[0])}; a name, or: {', '.join((*_PATHS, *_READING))}")
    for name, value in reading.items():
        presets.check_type(f"{name} of data", value, _READING[name])
    Options(**reading)
    if not ({"name", "domain"} <= set(entry)):
        raise InputError(f"data of one's own needs a name and a domain, got {', '.join(entry)}")
    if not (isinstance(entry["name"], str) and datasets.is_name(entry["name"])):
        raise InputError(f"the name of data must be letters, digits, _ and -, got {shown(entry['name'])}")
    if entry["name"] in datasets.names():
        raise InputError(f"{entry['name']} is a data set already; give this one another name, or name it alone")
    for role, value in ((key, value) for key, value in entry.items() if key not in reading):
        if not all(isinstance(path, str) for path in (_listed(value) if role in _SEVERAL else [value])):
            raise InputError(f"{role} of {entry['name']} must be a path, got {shown(value)}")
    return entry


def _repeats(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 1000:
        raise InputError(f"repeats must be a number from 1 to 1000, got {shown(value)}")
    return value


def _metric(value: object) -> str:
    if not isinstance(value, str) or value.partition(".")[0] not in presets.NOTEBOOKS or not value.partition(".")[2]:
        raise InputError(f"metric must be STAGE.NAME of metrics.json, got {shown(value)}")
    return value


def _values(name: str, value: object, bundles: Mapping) -> tuple[object, ...]:
    """The values of one parameter: a list of them, a range, those of presets, or a single one."""
    stage, _, parameter = name.partition(".")
    defaults = presets.read_preset(presets.PRESETS[0])
    if parameter not in defaults.get(stage, {}):
        presets.check_parameters(by_stage({name: value}))  # which says what there is
    default = defaults[stage][parameter]
    if isinstance(value, dict) and set(value) == {"presets"}:  # no parameter has a key of that name
        values = [_layers(preset, bundles)[stage][parameter] for preset in _names(value["presets"])]
    elif isinstance(value, dict) and "from" in value:
        values = _range(name, value)
    elif isinstance(default, list):  # a list of lists is several values, a list of words one
        values = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    else:
        values = _listed(value)
    if not values:
        raise InputError(f"{name} has no value; give one or more")
    for value in map(_number, values):
        presets.check_type(name, value, default)
    plain = (stages.as_declared(_number(value), default) for value in values)
    return tuple({repr(value): value for value in plain}.values())


def _number(value: object) -> object:
    """YAML 1.1 reads 1e-6 as text, since it has no dot."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _range(name: str, said: Mapping) -> list[int | float]:
    """Numbers from one to another, both included where the step meets it.

    >>> _range("x", {"from": 0, "to": 1, "step": 0.25})
    [0, 0.25, 0.5, 0.75, 1]
    """
    if unknown := [key for key in said if key not in _RANGE]:
        raise InputError(f"{name}: a range has no {shown(unknown[0])}; it has: {', '.join(_RANGE)}")
    if ("step" in said) == ("steps" in said) or "to" not in said:
        raise InputError(f"{name}: a range needs from, to, and either step or steps")
    numbers = {key: _number(value) for key, value in said.items() if key != "scale"}
    if any(type(number) not in (int, float) or not abs(number) <= sys.float_info.max for number in numbers.values()):
        raise InputError(f"{name}: a range must be of numbers, got {shown(dict(said))}")
    low, high, scale = numbers["from"], numbers["to"], said.get("scale", "linear")
    if scale not in ("linear", "log") or (scale == "log" and (low <= 0 or "step" in said)):
        raise InputError(f"{name}: scale must be linear, or log with steps and from above 0, got {shown(dict(said))}")
    if high <= low or numbers.get("step", 1) <= 0 or numbers.get("steps", 2) < 2 or numbers.get("steps", 2) % 1:
        raise InputError(
            f"{name}: a range must go up, by a step above 0 or in 2 steps or more, got {shown(dict(said))}"
        )
    if "step" in said:
        if (count := (high - low) / numbers["step"]) > _MOST:
            raise InputError(f"{name}: a range of {count:.0f} values is too long; give a larger step")
        values = low + numbers["step"] * np.arange(int(np.floor(count + 1e-9)) + 1)
    else:
        values = (np.geomspace if scale == "log" else np.linspace)(low, high, min(int(numbers["steps"]), _MOST))
    rounded = [float(f"{value:.12g}") for value in values]
    whole = all(type(numbers[key]) is int for key in ("from", "to") if key in numbers)
    return [round(v) if whole and (v.is_integer() or scale == "log") else v for v in rounded]


def _layers(name: str, bundles: Mapping[str, Mapping]) -> dict[str, dict[str, object]]:
    """The parameters of a preset or of a bundle over its preset, by stage."""
    if name not in bundles:
        if name not in presets.PRESETS and bundles:
            raise InputError(f"there is no preset {shown(name)}; there are: {', '.join([*presets.PRESETS, *bundles])}")
        return presets.read_preset(name)
    bundle = dict(bundles[name])
    base = presets.read_preset(_base(name, bundles))
    bundle.pop("preset", None)
    return presets.merge(base, by_stage(bundle))


def _base(name: str, bundles: Mapping[str, Mapping]) -> str:
    """The preset below a bundle, or the preset itself."""
    return _names(bundles[name].get("preset", presets.PRESETS[0]))[0] if name in bundles else name


def by_stage(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """``{"expansion.pool": 5}`` → ``{"expansion": {"pool": 5}}``.

    Raises
    ------
    InputError : a name without a stage
    """
    staged: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        stage, dot, parameter = name.partition(".")
        if not dot:
            raise InputError(f"a parameter is named STAGE.NAME, got {name}; e.g. discovery.min_count")
        staged.setdefault(stage, {})[parameter] = value
    return staged


# --- the plan ---------------------------------------------------------------------------------------------


def make_points(
    grid: Grid,
    out: Path,
    *,
    fetch: Callable[[str], datasets.Files] = datasets.get,
    on_message: Callable[[str], object] | None = None,
) -> list[Point]:
    """The runs of a grid, in the order data, preset, parameters, repeat; runs that come out equal are one.

    Parameters
    ----------
    grid : what is varied
    out : the sweep's folder
    fetch : gives a data set's files
    on_message : called with what the user should know of a text, e.g. its encoding

    Raises
    ------
    InputError : values that do not fit, or inputs that cannot be used, before anything is computed
    """
    _check_out(out)
    sizes = [len(grid.data), len(grid.preset), grid.repeats, *map(len, grid.parameters.values())]
    if (number := int(np.prod([float(size) for size in sizes]))) > _MOST:
        raise InputError(f"a sweep has {_MOST:,} runs at most, this grid has {number:,}; vary less at once")
    points: dict[str, Point] = {}
    checked: set[str] = set()
    for data in grid.data:
        files = _files(data, fetch, on_message)  # read once
        for preset, values in itertools.product(grid.preset, map(dict, _combinations(grid.parameters))):
            for repeat in range(1, grid.repeats + 1):
                point = _make_point(files, preset, values, repeat, grid, out, checked)
                points.setdefault(point.run, point)
    return list(points.values())


def find_missing(points: Iterable[Point], *, verified: bool = True) -> list[Point]:
    """The runs that are not done, or, if ``verified``, of which a file is no longer as it was written."""
    return [point for point in points if not manifests.is_whole(point.job.out, point.tasks, verified=verified)]


def _combinations(parameters: Mapping[str, tuple[object, ...]]) -> Iterator[tuple[tuple[str, object], ...]]:
    return itertools.product(*([(name, value) for value in values] for name, values in parameters.items()))


def _files(data: str | Mapping[str, object], fetch: Callable, on_message: Callable | None) -> dict[str, object]:
    """A data set's name and files, as ``runs.Job`` takes them."""
    if isinstance(data, str):
        files = fetch(data)
        rules = {"rules": files.rules} if files.rules else {}
        texts = {"domain": (files.domain,), "background": (files.background,)}
        return {
            "name": data,
            "sources": datasets.sources(data),
            "reference": files.reference,
            "seeds": files.seeds,
            "known": files.known,
            **texts,
            **rules,
        }
    named = preparing.named_set(_listed(data.get("background", "news")))
    texts = _texts({key: value for key, value in data.items() if not (named and key == "background")}, on_message)
    found = {role: text.files for role, text in texts.items()}
    lists = {role: corpus.find_files([data[role]])[0] for role in ("reference", "seeds") if role in data}
    lists["known"] = tuple(datasets.find_lists(_listed(data.get("known", ""))))
    rules = {"rules": datasets.rules_path(str(data["rules"]))} if "rules" in data else {}
    background = {"background": (fetch(named).domain,)} if named else {}
    sources = {"sources": {role: text.said for role, text in texts.items() if text.said}}
    return {"name": data["name"], **found, **background, **lists, **rules, **sources}


def _texts(data: Mapping[str, object], on_message: Callable | None) -> dict[str, preparing.Prepared]:
    """The texts of one's own, by role, as plain files."""
    reading = Options(**{name: value for name, value in data.items() if name in _READING})
    given = {role: _listed(data[role]) for role in ("domain", "background") if role in data}
    preparing.check_used(reading, [file for sources in given.values() for file in documents.find(sources).files])
    return {role: preparing.prepare(sources, reading, on_message=on_message) for role, sources in given.items()}


def _make_point(
    files: Mapping, preset: str, values: Mapping[str, object], repeat: int, grid: Grid, out: Path, checked: set[str]
) -> Point:
    repeated = {stage: {"seed": repeat} for stage in _SEEDED} if grid.repeats > 1 else {}
    named = _base(preset, grid.bundles)
    parameters = presets.merge(_layers(preset, grid.bundles), by_stage(values), repeated)
    try:
        presets.check_parameters(parameters, named)
    except InputError as error:
        varied = ", ".join(f"{name}={shown(value)}" for name, value in values.items())
        raise InputError(f"preset {preset}{', ' * bool(varied)}{varied}: {error}") from None
    job = runs.Job(out=out, preset=named, parameters=parameters, **files)
    words = [str(parameters["expansion"][name]) for name in ("centre_words", "negative_words")]
    if (texts := " ".join([job.name, *words])) not in checked:  # a text is read once, not once a run
        runs.check_texts(job)
        checked.add(texts)
    key = stages.plan(parameters, job.inputs())[-1].key
    job = replace(job, out=out / "runs" / f"{job.name}-{key[:10]}", command=_command(job))
    return Point(job=job, preset=preset, repeat=repeat, values=values, tasks=runs.plan(job))  # with a reader's sheet


def _command(job: runs.Job) -> str:
    """What repeats one run without the grid."""
    given = [job.name]
    if job.name not in datasets.names():
        lists = (("reference", job.reference), ("seeds", job.seeds), ("rules", job.rules))
        given = ["--domain", *map(str, job.domain), "--background", *map(str, job.background)]
        given += [part for role, path in lists if path for part in (f"--{role}", str(path))]
        given += [part for path in job.known for part in ("--known", str(path))]
    default = presets.read_preset(job.preset)
    changed = [
        f"{stage}.{name}={json.dumps(value, ensure_ascii=False)}"
        for stage, values in job.parameters.items()
        for name, value in values.items()
        if value != default[stage][name]
    ]
    return runs.shell_command(["run", *given, "--preset", job.preset, *(p for c in changed for p in ("-p", c))])


def plan(points: Sequence[Point], cache: Path) -> pd.DataFrame:
    """What a sweep will cost.

    Returns
    -------
    frame : a row a stage: ``stage``, ``runs`` that need it, ``distinct`` results, ``kept`` ones, ``compute`` the rest
    """
    rows = []
    missing = find_missing(points, verified=False)
    for number, stage in enumerate(presets.NOTEBOOKS):
        keys = {point.tasks[number].key for point in missing}
        kept = sum(stages.is_kept(key, cache) for key in keys)
        rows.append((stage, len(missing), len(keys), kept, len(keys) - kept))
    return pd.DataFrame(rows, columns=["stage", "runs", "distinct", "kept", "compute"])


# --- running ----------------------------------------------------------------------------------------------


def sweep(
    grid: Grid,
    points: Sequence[Point],
    out: Path,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    command: str = "",
    on_stage: Callable[[stages.Task, Outcome], object] | None = None,
    on_message: Callable[[str], object] | None = None,
) -> pd.DataFrame:
    """Compute what is missing of a grid, each stage once, and write ``sweep.csv`` and ``index.html``.

    Parameters
    ----------
    grid, points : as ``read_grid`` and ``make_points`` give them
    out : the sweep's folder, held while it works
    jobs : stages computed at once, each in a process of its own
    scheduler : address of a Dask cluster that computes them; its machines must see the files under the same paths
    command : what repeats the sweep
    on_stage : called with every distinct stage that is done, or has stopped, and its result or error
    on_message : called with what the user should know

    Returns
    -------
    frame : as ``sweep.csv``, a row a run: ``run``, ``data``, ``preset``, ``repeat``, ``status``, the parameters varied,
        metrics as ``stage:name``, ``seconds`` (of all its stages), ``computed_seconds`` (of those that were computed
        for it), ``peak_memory_mb``, ``error``

    Raises
    ------
    InputError : the folder holds something else, or is held by another sweep
    """
    _check_out(out)
    cache = stages.cache_folder()
    stages.check_cache(cache)
    with runs.holding(out, command) as died:
        if died and on_message is not None:
            on_message(f"an earlier sweep died here: {died}; what it had computed is reused")
        missing = find_missing(points)
        with stages.workers(cache, jobs, scheduler) as submit:
            errors = _run(missing, _compute(missing, cache, submit), on_stage)
        results = summarise(points, grid, errors)
        export.write_frame(results, out / "sweep.csv")
        export.write_text(report.sweep_page(results, _about(grid, results, out, command)), out / "index.html")
        stages.tidy(cache)
    return results


def _check_out(out: Path) -> None:
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    ours = {"runs", "sweep.csv", "index.html"} if names & {"sweep.csv", ".lock"} else set()
    if others := {name for name in names if not name.startswith(".")} - ours:
        raise InputError(f"--out {out} holds more than a sweep, e.g. {min(others)}; give a new or empty folder")


def _run(points: Sequence[Point], computed: Iterable[tuple], on_stage: Callable | None) -> dict[str, str]:
    """Put each run's folder together as soon as its stages are done, or one has stopped; errors by run."""
    outcomes: dict[str, Outcome] = {}
    last = {point.tasks[-1].key: point for point in points}  # it has an outcome when all before it have one
    with ThreadPoolExecutor(1) as writer:
        written = {}
        for task, outcome in computed:
            outcomes[task.key] = outcome
            if on_stage is not None:
                on_stage(task, outcome)
            if task.key in last:
                point = last[task.key]
                written[point.run] = writer.submit(_write_run, point, outcomes)
        errors = {run: future.result() for run, future in written.items()}
    for error in outcomes.values():  # whose notebooks have been placed
        if getattr(error, "notebook", None) is not None and error.notebook.parent.name.startswith(".scratch-"):
            shutil.rmtree(error.notebook.parent, ignore_errors=True)
    return errors


def _compute(
    points: Iterable[Point], cache: Path, submit: Callable[[stages.Task], Future]
) -> Iterator[tuple[stages.Task, Outcome]]:
    """Every distinct stage once, when the one before it is there; what follows one that stopped gets its error."""
    following: dict[str, dict[str, stages.Task]] = {}  # key before → key → task
    for task in (task for point in points for task in point.tasks):
        following.setdefault("".join(task.before[-1:]), {})[task.key] = task
    finished: queue.SimpleQueue[tuple[stages.Task, Outcome | Future]] = queue.SimpleQueue()

    def begin(task: stages.Task, before: Outcome | None) -> None:
        known = before if isinstance(before, Exception) else stages.find(task.key, cache)
        if known is not None:
            finished.put((task, known))
        else:
            submit(task).add_done_callback(lambda future: finished.put((task, future)))

    begun = 0
    for task in following.pop("", {}).values():
        begin(task, None)
        begun += 1
    while begun:
        task, outcome = finished.get()
        begun -= 1
        outcome = _outcome(task, outcome, cache) if isinstance(outcome, Future) else outcome
        for late in following.pop(task.key, {}).values():
            begin(late, outcome)
            begun += 1
        yield task, outcome


def _outcome(task: stages.Task, future: Future, cache: Path) -> Outcome:
    error = future.exception()
    if error is None and stages.is_kept(task.key, cache):
        return future.result()
    if error is None:
        return NotebookError(f"the cluster does not keep its results in {cache}; it must see the same folders")
    if isinstance(error, (TermmineError, OSError)):
        return error
    raise error


def _write_run(point: Point, outcomes: dict[str, Outcome]) -> str:
    """Put one run's folder together; what was wrong. A stage counts as computed in the first run that has it."""

    def results() -> Iterator[stages.Result]:
        for task in point.tasks:
            outcome = outcomes[task.key]
            if isinstance(outcome, NotebookError):
                raise outcome
            if isinstance(outcome, Exception):
                raise NotebookError(f"{task.notebook}: {outcome}")
            outcomes[task.key] = replace(outcome, reused=True)
            yield outcome

    try:
        with runs.holding(point.job.out, point.job.command):
            runs.assemble(point.job, point.tasks, results())
    except (TermmineError, OSError) as error:  # a stage's, or the folder's
        return str(error)
    return ""


# --- the results ------------------------------------------------------------------------------------------


def summarise(points: Iterable[Point], grid: Grid, errors: Mapping[str, str]) -> pd.DataFrame:
    """What came of each run, as ``sweep`` returns it, read from the runs' folders."""
    return pd.DataFrame([_row(point, list(grid.parameters), errors.get(point.run, "")) for point in points])


def _row(point: Point, names: Sequence[str], error: str) -> dict[str, object]:
    folder = point.job.out
    try:
        manifest = manifests.read_manifest(folder / "failed" if error and (folder / "failed").is_dir() else folder)
        metrics = manifests.read_metrics(folder)
    except InputError:  # it could not even be written
        manifest, metrics = {"stages": {}}, {}
    parts = list(manifest["stages"].values())
    return {
        "run": point.run,
        "data": point.job.name,
        "preset": point.preset,
        "repeat": point.repeat,
        "status": "failed" if error and manifest.get("status", "done") == "done" else manifest.get("status", "failed"),
        **{name: _in_a_cell(point.values[name]) for name in names},
        **({} if error else {name.replace(".", ":", 1): number for name, number in metrics.items()}),
        "seconds": round(sum(part["seconds"] for part in parts), 2),
        "computed_seconds": round(sum(part["seconds"] for part in parts if not part["reused"]), 2),
        "peak_memory_mb": max((part["peak_memory_mb"] for part in parts), default=0.0),
        "error": error,
    }


def _in_a_cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _masked(value: object) -> object:
    if isinstance(value, dict):
        return {key: _masked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return masked_source(value) if isinstance(value, str) else value


def _about(grid: Grid, results: pd.DataFrame, out: Path, command: str) -> dict[str, object]:
    names = ["data", "preset", "repeat", *grid.parameters]
    return {
        "name": out.absolute().name,
        "command": command,
        "metric": grid.metric.replace(".", ":", 1),
        "varied": [name for name in names if results[name].nunique() > 1],
        "grid": _as_yaml(grid),
    }


def _as_yaml(grid: Grid) -> str:
    """The grid as a grid file says it, without passwords."""
    said = {
        "data": list(grid.data),
        "preset": list(grid.preset),
        "presets": dict(grid.bundles),
        "parameters": {name: list(values) for name, values in grid.parameters.items()},
        "repeats": grid.repeats,
        "metric": grid.metric,
    }
    return yaml.safe_dump(_masked(said), allow_unicode=True, sort_keys=False, default_flow_style=None, width=100)

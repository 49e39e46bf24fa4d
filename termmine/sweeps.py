"""What if?

A grid of runs over data sets, presets and parameters. A stage that several runs share is computed once; a run that
stops leaves the others alone; the same command again does what is missing.
"""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from termmine import corpus, datasets, export, kernels, presets, report, runs, stages
from termmine.errors import InputError, NotebookError

_KEYS = ("data", "preset", "presets", "parameters", "repeats", "metric")
_RANGE = ("from", "to", "step", "steps", "scale")
_PATHS = ("name", "domain", "background", "reference", "seeds", "rules")
_SEEDED = ("embedding", "expansion")  # stages with a random state
_MOST = 10_000  # runs; more is a slip of the pen


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
        said = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no {path}; name a grid file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
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
        raise InputError(f"a grid needs one of the keys {', '.join(_KEYS)}, got {said!r:.60}")
    if unknown := [key for key in said if key not in _KEYS]:
        raise InputError(f"a grid has no key {unknown[0]!r}; it has: {', '.join(_KEYS)}")
    bundles = _mapping("presets", said.get("presets", {}))
    for name, bundle in bundles.items():
        _mapping(f"presets.{name}", bundle)
    values = _mapping("parameters", said.get("parameters", {}))
    grid = Grid(
        data=tuple(_data(entry) for entry in _listed(said.get("data", "law"))),
        preset=tuple(str(name) for name in _listed(said.get("preset", presets.PRESETS[0]))),
        bundles=bundles,
        parameters={name: _values(name, value, bundles) for name, value in values.items()},
        repeats=_repeats(said.get("repeats", 1)),
        metric=_metric(said.get("metric", Grid.__dataclass_fields__["metric"].default)),
    )
    for name in grid.preset:
        _layers(name, grid.bundles)
    return grid


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def _mapping(name: str, value: object) -> dict:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{name} must be a mapping, got {value!r:.60}")
    return value


def _data(entry: object) -> str | dict[str, object]:
    if isinstance(entry, str):
        return datasets.get_set(entry).name
    entry = _mapping("data", entry)
    if unknown := [key for key in entry if key not in _PATHS]:
        raise InputError(f"data has no {unknown[0]!r}; a name, or: {', '.join(_PATHS)}")
    if not ({"name", "domain"} <= set(entry)):
        raise InputError(f"data of one's own needs a name and a domain, got {', '.join(entry)}")
    if not (isinstance(entry["name"], str) and entry["name"].isidentifier()):
        raise InputError(f"the name of data must be letters, digits and _, got {entry['name']!r}")
    return entry


def _repeats(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 1000:
        raise InputError(f"repeats must be a number from 1 to 1000, got {value!r:.60}")
    return value


def _metric(value: object) -> str:
    if not isinstance(value, str) or value.partition(".")[0] not in presets.NOTEBOOKS or not value.partition(".")[2]:
        raise InputError(f"metric must be STAGE.NAME of metrics.json, got {value!r:.60}")
    return value


def _values(name: str, value: object, bundles: Mapping) -> tuple[object, ...]:
    """The values of one parameter: a list of them, a range, those of presets, or a single one."""
    stage, _, parameter = name.partition(".")
    defaults = presets.read_preset(presets.PRESETS[0])
    if parameter not in defaults.get(stage, {}):
        presets.check_parameters(by_stage({name: value}))  # which says what there is
    default = defaults[stage][parameter]
    if isinstance(value, dict) and set(value) == {"presets"}:
        values = [_layers(str(preset), bundles)[stage][parameter] for preset in _listed(value["presets"])]
    elif isinstance(value, dict) and "from" in value:
        values = _range(name, value)
    elif isinstance(default, list):  # a list of lists is several values, a list of words one
        values = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    else:
        values = _listed(value)
    distinct = {json.dumps(_number(value), sort_keys=True, default=str): _number(value) for value in values}
    if not distinct:
        raise InputError(f"{name} has no value; give one or more")
    return tuple(distinct.values())


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
        raise InputError(f"{name}: a range has no {unknown[0]!r}; it has: {', '.join(_RANGE)}")
    if ("step" in said) == ("steps" in said) or "to" not in said:
        raise InputError(f"{name}: a range needs from, to, and either step or steps")
    numbers = {key: _number(value) for key, value in said.items() if key != "scale"}
    if any(type(number) not in (int, float) or not np.isfinite(number) for number in numbers.values()):
        raise InputError(f"{name}: a range must be of numbers, got {dict(said)!r:.80}")
    low, high, scale = numbers["from"], numbers["to"], said.get("scale", "linear")
    if scale not in ("linear", "log") or (scale == "log" and (low <= 0 or "step" in said)):
        raise InputError(f"{name}: scale must be linear, or log with steps and from above 0, got {dict(said)!r:.80}")
    if high <= low or numbers.get("step", 1) <= 0 or numbers.get("steps", 2) < 2 or numbers.get("steps", 2) % 1:
        raise InputError(f"{name}: a range must go up, by a step above 0 or in 2 steps or more, got {dict(said)!r:.80}")
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
            raise InputError(f"there is no preset {name!r}; there are: {', '.join([*presets.PRESETS, *bundles])}")
        return presets.read_preset(name)
    bundle = dict(bundles[name])
    base = bundle.pop("preset", presets.PRESETS[0])
    return presets.merge(presets.read_preset(str(base)), by_stage(bundle))


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


def make_points(grid: Grid, out: Path, *, fetch: Callable[[str], datasets.Files] = datasets.get) -> list[Point]:
    """The runs of a grid, in the order data, preset, parameters, repeat; runs that come out equal are one.

    Parameters
    ----------
    grid : what is varied
    out : the sweep's folder
    fetch : gives a data set's files

    Raises
    ------
    InputError : values that do not fit, or inputs that cannot be used, before anything is computed
    """
    sizes = [len(grid.data), len(grid.preset), grid.repeats, *map(len, grid.parameters.values())]
    if (number := int(np.prod([float(size) for size in sizes]))) > _MOST:
        raise InputError(f"a sweep has {_MOST:,} runs at most, this grid has {number:,}; vary less at once")
    points: dict[str, Point] = {}
    checked: set[str] = set()
    for data, preset in itertools.product(grid.data, grid.preset):
        files = _files(data, fetch)
        for values in map(dict, _combinations(grid.parameters)):
            for repeat in range(1, grid.repeats + 1):
                point = _make_point(files, preset, values, repeat, grid, out, checked)
                points.setdefault(point.run, point)
    return list(points.values())


def _combinations(parameters: Mapping[str, tuple[object, ...]]) -> Iterator[tuple[tuple[str, object], ...]]:
    return itertools.product(*([(name, value) for value in values] for name, values in parameters.items()))


def _files(data: str | Mapping[str, object], fetch: Callable) -> dict[str, object]:
    """A data set's name and files, as ``runs.Job`` takes them."""
    if isinstance(data, str):
        files = fetch(data)
        rules = {"rules": files.rules} if files.rules else {}
        texts = {"domain": (files.domain,), "background": (files.background,)}
        return {"name": data, "reference": files.reference, "seeds": files.seeds, **texts, **rules}
    found = {role: tuple(corpus.find_files(_listed(data[role]))) for role in ("domain", "background") if role in data}
    lists = {role: corpus.find_files([data[role]])[0] for role in ("reference", "seeds") if role in data}
    rules = {"rules": datasets.rules_path(str(data["rules"]))} if "rules" in data else {}
    background = {} if "background" in data else {"background": (fetch("news").domain,)}
    return {"name": data["name"], **found, **background, **lists, **rules}


def _make_point(
    files: Mapping, preset: str, values: Mapping[str, object], repeat: int, grid: Grid, out: Path, checked: set[str]
) -> Point:
    repeated = {stage: {"seed": repeat} for stage in _SEEDED} if grid.repeats > 1 else {}
    named = preset if preset in presets.PRESETS else str(grid.bundles[preset].get("preset", presets.PRESETS[0]))
    chosen = by_stage(values)
    presets.check_parameters(chosen, named)
    parameters = presets.merge(_layers(preset, grid.bundles), chosen, repeated)
    presets.check_parameters(parameters, named)
    job = runs.Job(out=out, preset=named, parameters=parameters, **files)
    words = [str(parameters["expansion"][name]) for name in ("centre_words", "negative_words")]
    if (texts := " ".join([job.name, *words])) not in checked:  # a text is read once, not once a run
        runs.check_texts(job)
        checked.add(texts)
    tasks = stages.plan(parameters, job.inputs())
    folder = out / "runs" / f"{job.name}-{tasks[-1].key[:10]}"
    job = replace(job, out=folder, command=_command(job))
    return Point(job=job, preset=preset, repeat=repeat, values=values, tasks=tasks)


def _command(job: runs.Job) -> str:
    """What repeats one run without the grid."""
    given = [job.name]
    if job.name not in datasets.SETS:
        lists = (("reference", job.reference), ("seeds", job.seeds), ("rules", job.rules))
        given = ["--domain", *map(str, job.domain), "--background", *map(str, job.background)]
        given += [part for role, path in lists if path for part in (f"--{role}", str(path))]
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
    missing = [point for point in points if not runs.is_whole(point.job.out, point.tasks)]
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
    on_stage: Callable[[stages.Task, stages.Result | NotebookError], object] | None = None,
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
    with runs.holding(out, command) as died:
        if died and on_message is not None:
            on_message(f"an earlier sweep died here: {died}; what it had computed is reused")
        missing = [point for point in points if not runs.is_whole(point.job.out, point.tasks)]
        with stages.workers(cache, jobs, scheduler) as submit:
            _run(missing, _compute(missing, cache, submit), on_stage)
        results = summarise(points, grid)
        export.write_frame(results, out / "sweep.csv")
        export.write_text(report.sweep_page(results, _told(grid, results, out, command)), out / "index.html")
        stages.tidy(cache)
    return results


def _check_out(out: Path) -> None:
    names = [path.name for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []
    if others := set(names) - {"runs", "sweep.csv", "index.html"}:
        raise InputError(f"--out {out} holds more than a sweep, e.g. {min(others)}; give a new or empty folder")


def _run(points: Sequence[Point], computed: Iterable[tuple], on_stage: Callable | None) -> None:
    """Put each run's folder together as soon as all its stages are done, or one has stopped."""
    outcomes: dict[str, stages.Result | NotebookError] = {}
    left = {point.run: point for point in points}
    with ThreadPoolExecutor(1) as writer:
        written = []
        for task, outcome in computed:
            outcomes[task.key] = outcome
            if on_stage is not None:
                on_stage(task, outcome)
            for point in [point for point in left.values() if all(task.key in outcomes for task in point.tasks)]:
                written.append(writer.submit(_write_run, left.pop(point.run), outcomes))
        for run in written:
            run.result()
    for error in outcomes.values():
        if isinstance(error, kernels.StageError):
            shutil.rmtree(error.notebook.parent, ignore_errors=True)


def _compute(
    points: Iterable[Point], cache: Path, submit: Callable[[stages.Task], Future]
) -> Iterator[tuple[stages.Task, stages.Result | NotebookError]]:
    """Every distinct stage once, when the one before it is there; what follows one that stopped gets its error."""
    following: dict[str, dict[str, stages.Task]] = {}  # key before → key → task
    for task in (task for point in points for task in point.tasks):
        following.setdefault("".join(task.before[-1:]), {})[task.key] = task
    done: dict[str, stages.Result | NotebookError] = {}
    running: dict[Future, stages.Task] = {}
    ready = list(following.pop("", {}).values())
    while ready or running:
        for task in ready:
            before = done[task.before[-1]] if task.before else None
            known = before if isinstance(before, Exception) else stages.find(task.key, cache)
            running[submit(task) if known is None else _already(known)] = task
        ready = []
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            task, error = running.pop(future), future.exception()
            if error is not None and not isinstance(error, NotebookError):
                raise error
            done[task.key] = error or future.result()
            ready.extend(following.pop(task.key, {}).values())
            yield task, done[task.key]


def _already(known: stages.Result | NotebookError) -> Future:
    """A future that is done."""
    future: Future = Future()
    if isinstance(known, Exception):
        future.set_exception(known)
    else:
        future.set_result(known)
    return future


def _write_run(point: Point, outcomes: dict[str, stages.Result | NotebookError]) -> None:
    """Put one run's folder together; a stage counts as computed in the first run that has it."""

    def results() -> Iterator[stages.Result]:
        for task in point.tasks:
            outcome = outcomes[task.key]
            if isinstance(outcome, Exception):
                raise outcome
            outcomes[task.key] = replace(outcome, reused=True)
            yield outcome

    with runs.holding(point.job.out, point.job.command), suppress(NotebookError):  # its manifest tells
        runs.assemble(point.job, point.tasks, results())


# --- the results ------------------------------------------------------------------------------------------


def summarise(points: Iterable[Point], grid: Grid) -> pd.DataFrame:
    """What came of each run, as ``sweep`` returns it, read from the runs' folders."""
    return pd.DataFrame([_row(point, list(grid.parameters)) for point in points])


def _row(point: Point, names: Sequence[str]) -> dict[str, object]:
    folder = point.job.out
    manifest = runs.read_manifest(folder)
    done, parts = manifest.get("status") == "done", manifest["stages"].values()
    metrics = export.read_json(folder / "metrics.json") if (folder / "metrics.json").exists() else {}
    return {
        "run": point.run,
        "data": point.job.name,
        "preset": point.preset,
        "repeat": point.repeat,
        "status": manifest.get("status", ""),
        **{name: _shown(point.values[name]) for name in names},
        **{f"{stage}:{name}": number for stage, numbers in metrics.items() for name, number in numbers.items()},
        "seconds": round(sum(part["seconds"] for part in parts), 2),
        "computed_seconds": round(sum(part["seconds"] for part in parts if not part["reused"]), 2),
        "peak_memory_mb": max((part["peak_memory_mb"] for part in parts), default=0.0),
        "error": "" if done else str(manifest.get("error", "")),
    }


def _shown(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _told(grid: Grid, results: pd.DataFrame, out: Path, command: str) -> dict[str, object]:
    names = ["data", "preset", "repeat", *grid.parameters]
    return {
        "name": out.absolute().name,
        "command": command,
        "metric": grid.metric.replace(".", ":", 1),
        "varied": [name for name in names if results[name].nunique() > 1],
    }

"""The command line: thin over the functions that notebooks call too."""

import difflib
import functools
import gc
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
import pandas as pd
from tqdm import tqdm

import termmine
from termmine import (
    cluster,
    corpus,
    datasets,
    discovery,
    documents,
    export,
    glossary,
    knowledge,
    manifests,
    preparing,
    presets,
    report,
    runs,
    segmentation,
    stages,
    store,
    sweeps,
    teaching,
)
from termmine import rules as rulebook
from termmine.errors import FetchError, InputError, NotebookError, TermmineError, masked, masked_source, shown


class _SeveralValues(click.Command):
    """``--domain a.txt b.txt`` is ``--domain a.txt --domain b.txt``, as a shell expands ``--domain my/*.txt``."""

    several = ("--domain", "--background")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        option = ""
        for arg in args:
            if arg.startswith("-") and arg != "-":
                option = arg if arg in self.several else ""
            elif option and spread[-1] != option:
                spread.append(option)
            spread.append(arg)
        return super().parse_args(ctx, spread)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(termmine.__version__, prog_name="termmine")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an error.")
def cli(verbose: bool) -> None:
    """From the raw text of a field to its glossary, without labels."""


def _output(about: str, **options: Any) -> Callable:
    return click.option("-o", "--output", metavar="FILE", help=about, **options or {"required": True})


_parameter = click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Set a parameter; may be repeated."
)


_background = click.option(
    "--background", multiple=True, metavar="SOURCE…", help="Text to contrast with, or a data set [default: news]."
)
_reference = click.option(
    "--reference", metavar="PATH", help="Known terms of the field, one a line, to evaluate against."
)
_seeds = click.option(
    "--seeds", metavar="PATH", help="Terms that surely belong to the field, one a line [default: none]."
)
_rules = click.option("--rules", metavar="PATH", help="Filter rules: general, classic, electricity or a JSON file.")
_READING = (
    click.option("--text-column", default="", metavar="NAME", help="The column or key that holds the text."),
    click.option("--query", default="", metavar="SQL", help="Of a database: the query whose rows are read."),
    click.option("--table", default="", metavar="NAME", help="Of a database: the table, or the MongoDB collection."),
    click.option("--encoding", default="", metavar="NAME", help="Of text files [default: recognised]."),
    click.option(
        "--on-error",
        default="fail",
        show_default=True,
        metavar="fail|skip",
        help="A document that cannot be read stops the command, or is left out and counted.",
    ),
    click.option("--dedupe", is_flag=True, help="Leave out documents that resemble one before."),
    click.option("--simplify", is_flag=True, help="Traditional characters as simplified ones (OpenCC)."),
    click.option("--as-is", is_flag=True, help="No NFKC; control and zero-width characters stay."),
)


def _reads(command: Callable) -> Callable:
    """Give a command the options of how text is read."""
    for option in reversed(_READING):
        command = option(command)
    return command


def _reading_of(options: dict[str, Any]) -> documents.Options:
    """Take the options of how text is read out of a command's."""
    names = ("text_column", "query", "table", "encoding", "on_error", "dedupe", "simplify")
    return documents.Options(normalize=not options.pop("as_is"), **{name: options.pop(name) for name in names})


def _check_reading(reading: documents.Options, texts: dict[str, preparing.Prepared]) -> None:
    if not texts and reading != documents.Options():
        raise InputError("options of how text is read need text of one's own, as --domain or --background")


def _prepare(reading: documents.Options, texts: dict[str, Sequence[str]]) -> dict[str, preparing.Prepared]:
    """The texts of a command as plain files, by role; says what was read."""
    found = {role: documents.find(paths).files for role, paths in texts.items() if paths}
    if found:
        preparing.check_used(reading, [file for files in found.values() for file in files])
    here = set(map(_identity, found.get("domain", ())))
    if both := [file for file in found.get("background", ()) if _identity(file) in here]:
        raise InputError(
            f"{masked_source(str(both[0]))} is given as --domain and as --background; contrast it with other text"
        )
    prepared = {}
    for role in found:
        show = {"progress": sys.stderr.isatty(), "on_message": _say}
        text = prepared[role] = preparing.prepare(texts[role], reading, **show)
        if text.said:
            for note in () if text.is_new else text.said.get("notes", ()):
                _say(note)
            state = "written to" if text.is_new else "kept in"
            _say(f"{role}: {text.said['summary']}; {state} {_shown(text.files[0])}")
        corpus.check_chinese(text.files)
    return prepared


def _identity(source: str | Path) -> str:
    """What two names of one file or database have in common."""
    return os.path.realpath(source) if isinstance(source, Path) else source


@cli.command("run", cls=_SeveralValues)
@click.argument("name", required=False)
@click.option(
    "--domain", multiple=True, metavar="SOURCE…", help="Own text: files of any kind, folders, patterns, URLs."
)
@_background
@_reference
@_seeds
@click.option(
    "--known",
    multiple=True,
    metavar="LIST",
    help="Terms known before, to be marked, instead of the set's own: a file, thuocl:FIELD or jieba; may be repeated.",
)
@_rules
@_reads
@click.option("--out", metavar="DIR", help="The run's folder [default: reports/NAME].")
@click.option(
    "--preset", default="best", show_default=True, metavar="PRESET", help="A set of parameters: best, or classic."
)
@_parameter
@click.option("--from", "manifest", metavar="MANIFEST", help="Repeat the run of this manifest.json, all of it anew.")
@click.option("--fresh", is_flag=True, help="Compute every stage, even if its result is kept.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Cores to use [default: all].")
@click.option("--scheduler", metavar="ADDR", help="Compute on a Dask cluster: tcp://HOST:PORT; local or local:N.")
def run_command(
    parameters: Sequence[str],
    manifest: str | None,
    fresh: bool,
    jobs: int | None,
    scheduler: str | None,
    **options: Any,
) -> None:
    """Run the five notebooks on data set NAME (default: law) or on one's own text.

    A stage whose inputs, parameters and code are those of an earlier run is not computed again.

    A text is UTF-8, one document a line; or a folder, an archive (.gz .bz2 .xz .zst), text in another encoding, jsonl,
    csv, Parquet, Word, PDF, HTML, SQLite, a URL of a remote file or of a database.

    \b
    Examples:
      termmine run
      termmine run --domain papers/ --background news.jsonl.gz --text-column content --on-error skip
      termmine run --domain postgresql://ann@db.example/wiki --query "select body from pages" --dedupe
      termmine run sample -p discovery.method=cohesion -p discovery.min_count=5
      termmine run --domain my/*.txt --background news/*.txt --reference terms.txt --seeds seeds.txt
      termmine run law --known thuocl:法律 --known old-glossary.txt
      termmine run --from reports/law/manifest.json --out reports/again
    """
    overrides = _stage_parameters(parameters)
    if manifest:
        job, told = _repeated(manifest, overrides, options)
    else:
        presets.check_parameters(overrides, options["preset"])
        job = _make_job(reading=_reading_of(options), parameters=overrides, **options)
    if jobs and scheduler:
        raise InputError("--jobs are cores of this machine; give --jobs or --scheduler, not both")
    if jobs:
        os.environ["NUMBA_NUM_THREADS"] = str(jobs)
    show = {"on_stage": _report_stage, "on_message": _say, "progress": sys.stderr.isatty()}
    index = runs.run(job, fresh=fresh or bool(manifest), scheduler=scheduler, **show)
    _say_result(index.parent)
    if manifest:
        _say_differences(told, manifests.read_manifest(index.parent))
        _say_numbers(manifest, index.parent)


def _repeated(manifest: str, overrides: presets.Parameters, options: dict[str, Any]) -> tuple[runs.Job, dict]:
    """The run that a manifest tells of, and the manifest."""
    if options["name"] or overrides or options["preset"] != presets.PRESETS[0]:
        raise InputError(
            "--from repeats a run as it was; give --out and moved files beside it, no data set or parameter"
        )
    told = manifests.read_manifest(manifest)
    folder = Path(manifest) if Path(manifest).is_dir() else Path(manifest).parent
    if (name := told.get("name")) in datasets.names():
        _say_fetching(name)
    out = Path(options["out"]) if options["out"] else datasets.home() / "reports" / f"{folder.resolve().name}-again"
    reading = _reading_of(options)
    texts = _prepare(reading, {role: options[role] for role in ("domain", "background")})
    _check_reading(reading, texts)
    moved = {role: list(text.files) for role, text in texts.items()}
    moved |= {role: [_existing(role, options[role])] for role in ("reference", "seeds") if options[role]}
    moved |= {"known": _known(options["known"])} if options["known"] else {}
    moved |= {"rules": [datasets.rules_path(options["rules"])]} if options["rules"] else {}
    said = {role: text.said for role, text in texts.items() if text.said}
    return runs.repeat(told, folder, out, moved, sources=said, command=runs.shell_command(sys.argv[1:])), told


def _say_differences(one: dict, other: dict) -> None:
    found = manifests.differences(one, other)
    for row in found.itertuples():
        click.echo(f"{row.kind} {row.name} differs: {row.one or 'none'} → {row.other or 'none'}")
    if not (found["kind"] == "output").any():
        click.echo("the results of the runs are the same, byte for byte")


def _make_job(
    reading: documents.Options,
    name: str | None,
    domain: Sequence[str],
    background: Sequence[str],
    reference: str | None,
    seeds: str | None,
    known: Sequence[str],
    rules: str | None,
    out: str | None,
    preset: str,
    parameters: presets.Parameters,
) -> runs.Job:
    """Find the files; what cannot be used is refused before anything is fetched."""
    if domain and name:
        raise InputError(f"give a data set or --domain, not both; got {name} and {domain[0]}")
    given = {"reference": reference, "seeds": seeds}
    lists = {role: _existing(role, path) for role, path in given.items() if path is not None}
    terms = _known(known)
    own, said = _find_texts(reading, domain, background)
    name = "own" if domain else name or "law"
    if domain:
        files = datasets.Files(domain=own["domain"][0], background=own["background"][0])
    else:
        _say_fetching(name)
        files = datasets.get(name, progress=sys.stderr.isatty())
        said = {role: one for role, one in datasets.sources(name).items() if role not in own} | said
    return runs.Job(
        name=name,
        domain=own.get("domain", (files.domain,)),
        background=own.get("background", (files.background,)),
        sources=said,
        out=Path(out) if out else datasets.home() / "reports" / name,
        known=tuple(terms) or files.known,
        rules=datasets.rules_path(rules) if rules else files.rules or datasets.rules_path("general"),
        preset=preset,
        parameters=parameters,
        command=runs.shell_command(sys.argv[1:]),
        **({"reference": files.reference, "seeds": files.seeds} | lists),
    )


def _find_texts(
    reading: documents.Options, domain: Sequence[str], background: Sequence[str]
) -> tuple[dict[str, tuple[Path, ...]], dict[str, Mapping[str, object]]]:
    """The files of the texts that are given, and what is to be said of their origin, by role."""
    set_name = _named_background(background)
    texts = _prepare(reading, {"domain": domain, "background": () if set_name else background})
    _check_reading(reading, texts)
    files = {role: text.files for role, text in texts.items()}
    if set_name:
        files["background"] = (_text_of_set(set_name),)
    elif domain and not background:
        files["background"] = (_news(),)
    return files, {role: text.said for role, text in texts.items() if text.said}


def _named_background(background: Sequence[str]) -> str:
    """The data set that is named as the background, "" if none is; says which text is taken."""
    if name := preparing.named_set(background):
        _say(f"background: the text of data set {name} ({datasets.get_set(name).about})")
    return name


def _text_of_set(name: str) -> Path:
    _say_fetching(name)
    return datasets.get(name, progress=sys.stderr.isatty()).domain


def _existing(role: str, path: str) -> Path:
    """A list's file, from the current folder or as it travels with termmine."""
    found = datasets.resolve(path)
    try:
        return corpus.find_files(found if corpus.exists(found) else path)[0]
    except InputError as error:
        raise InputError(f"--{role}: {error}") from None


def _known(lists: Sequence[str]) -> list[Path]:
    """The files of lists of known terms."""
    _say_missing(datasets.lists_to_fetch(lists))
    try:
        files = datasets.find_lists(lists, progress=sys.stderr.isatty())
        for said in filter(None, map(knowledge.describe_list, files)):
            _say(said)
        return files
    except FetchError:
        raise
    except InputError as error:
        raise InputError(f"--known: {error}") from None


def _say_fetching(name: str) -> None:
    _say_missing(datasets.to_fetch(name))


def _say_missing(missing: Sequence[str]) -> None:
    if missing:
        _say(f"fetching {' and '.join(missing)} into {_shown(datasets.home() / 'data')}")


def _shown(path: Path) -> str:
    """A path as short as it can be typed."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _news() -> Path:
    _say("no --background given: contrasting with the built-in news background")
    _say_fetching("news")
    return datasets.get("news", progress=sys.stderr.isatty()).domain


def _stage_parameters(assignments: Sequence[str]) -> dict[str, dict[str, object]]:
    """``discovery.min_count=5`` → {"discovery": {"min_count": 5}}; values are read as YAML."""
    parameters: dict[str, dict[str, object]] = {}
    for name, value in map(_assignment, assignments):
        stage, dot, key = name.partition(".")
        if not dot:
            raise InputError(f"-p needs STAGE.NAME=VALUE, got {name}={value}; e.g. -p discovery.min_count=5")
        parameters.setdefault(stage, {})[key] = value
    return parameters


def _assignment(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InputError(f"-p needs NAME=VALUE, got {shown(text)}; e.g. -p discovery.min_count=5")
    try:
        parsed = presets.read_yaml(value)
    except ValueError:
        raise InputError(f"-p {name}: the value {shown(value)} cannot be read; quote it") from None
    # YAML 1.1 reads 1e-6 as text, since it has no dot
    try:
        return name, float(parsed) if isinstance(parsed, str) else parsed
    except ValueError:
        return name, parsed


def _say(text: str) -> None:
    click.echo(_printable(text), err=True)


def _printable(text: str) -> str:
    """A line without what a terminal would obey: a file may have any name."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _report_stage(name: str, result: stages.Result | None) -> None:
    if result is not None:
        _say(f"{name:<14} {result.seconds:6.1f} s" + (" spared: its result was kept" if result.reused else ""))


def _say_result(run: Path) -> None:
    metrics = export.read_json(run / "metrics.json")
    kept = metrics["expansion"]["terms"]
    if metrics["expansion"]["missing_seeds"]:
        known = set(export.read_frame(run / "expansion.parquet")["term"])
        absent = [seed for seed in corpus.read_terms(run / "seeds.txt") if seed not in known]
        _say(f"seeds left out, since they are no candidates or have no vector: {', '.join(absent)}")
    click.echo(f"{kept:,} terms kept: {_shown(run / 'terms.csv')}")
    if told := knowledge.say_stages(metrics["expansion"]):
        click.echo(f"{told}: {_shown(run / 'known.csv')}")
    if not kept:
        _say(_why_empty(run, metrics))
    if "average_precision" in metrics["evaluation"]:
        scored = f", its own {seeds} seeds not scored" if (seeds := metrics["expansion"]["seeds"]) else ""
        click.echo(f"average precision {metrics['evaluation']['average_precision']:.3f} against the reference{scored}")
    elif metrics["evaluation"]["reference_terms"]:
        _say("no reference term occurs often enough to be scored; lower it: -p evaluation.min_reference_count=1")
    if "precision_corrected_at_100" in metrics["evaluation"]:
        corrected = metrics["evaluation"]["precision_corrected_at_100"]
        click.echo(f"precision at 100 with the verdicts in judging.csv {corrected:.3f}")
    click.echo(f"report: {_shown(run / 'index.html')}")


def _why_empty(run: Path, metrics: dict) -> str:
    """What rejected all candidates, and what to lower."""
    reasons = export.read_frame(run / "terms.csv")["rejected_by"].str.split(":").str[0].value_counts()
    candidates = metrics["contrast"]["candidates"]
    return (
        f"all {candidates} candidates were rejected, most by {reasons.index[0]} ({reasons.iloc[0]}); "
        "lower -p discovery.min_count or -p expansion.min_term_len, or loosen --rules"
    )


def _say_numbers(one: str | Path, other: str | Path) -> None:
    """The numbers that are not the same in two runs."""
    here, there = map(manifests.read_metrics, (one, other))
    for name in dict.fromkeys([*here, *there]):
        if here.get(name) != there.get(name):
            values = (f"{numbers[name]:.6g}" if name in numbers else "none" for numbers in (here, there))
            click.echo(f"{name}: {' → '.join(values)}")


@cli.command("compare")
@click.argument("one", metavar="RUN")
@click.argument("other", metavar="RUN")
def compare_command(one: str, other: str) -> None:
    """Say what differs between two runs: versions, parameters, inputs, results and numbers.

    RUN is a run's folder, or its manifest.json, one's own or somebody else's; nothing in it is executed.

    \b
    Example:
      termmine compare reports/law reports/again
    """
    told = [manifests.read_manifest(run) for run in (one, other)]
    for run, manifest in zip((one, other), told, strict=True):
        if manifest.get("status") != "done":
            click.echo(f"{run} is no finished run: {manifest.get('status')}")
        if changed := manifests.changed(run, manifest):
            click.echo(f"{run} was changed after its run, by hand or in a notebook: {', '.join(changed)}")
    _say_differences(*told)
    _say_numbers(one, other)


@cli.command("diff")
@click.argument("one", metavar="RUN")
@click.argument("other", metavar="RUN")
@click.option("--top", type=click.IntRange(1), default=1000, show_default=True, metavar="N", help="Ranks compared.")
@_output("All of it, with contexts, as a .csv file; - for standard output.", default="")
def diff_command(one: str, other: str, top: int, output: str) -> None:
    """Say which terms the second of two runs gained, lost or moved, with contexts.

    RUN is a run's folder, one's own or somebody else's; nothing in it is executed. Rank-biased overlap (Webber et al.
    2010) is 1 for the same order and 0 for nothing in common; the first 100 ranks have most of the weight.

    \b
    Example:
      termmine diff reports/law reports/again -o changes.csv
    """
    (here, contexts), (there, later) = map(knowledge.read_run, (one, other))
    if output:
        _check_output(
            output, (".csv",), (path for run in (one, other) for path in Path(run).glob("*") if path.is_file())
        )
    changes = knowledge.diff(here, there, top=top)
    say = _say if output == "-" else click.echo
    texts = [_domain_of(run) for run in (one, other)]
    if all(texts) and texts[0] != texts[1]:
        say("the runs read different texts")
    best = [knowledge.best_terms(terms, top=top) for terms in (here, there)]
    common, overlap = len(set(best[0]).intersection(best[1])), knowledge.rank_biased_overlap(*best)
    first = " and ".join(f"{size:,}" for size in dict.fromkeys(map(len, best)))
    say(f"{common:,} of the first {first} terms are in both runs")
    say(f"rank-biased overlap {overlap:.3f} (p = .99)")
    contexts = pd.concat([later, contexts])
    for line in knowledge.describe(changes, contexts):
        say(line)
    if output:
        knowledge.write_changes(changes, contexts, sys.stdout.buffer if output == "-" else output)
        sys.stdout.flush()
        _say(f"{_number(len(changes), 'change')}: {'standard output' if output == '-' else output}")


def _domain_of(run: str) -> set[str]:
    """The SHA-256 of the texts of a run's field; none if it has no manifest, as one by hand."""
    folder = Path(run) if Path(run).is_dir() else Path(run).parent
    inputs = manifests.read_manifest(folder)["inputs"] if (folder / "manifest.json").exists() else {}
    return {entry["sha256"] for role, entry in inputs.items() if role.split(" ")[0] == "domain"}


@cli.command("sweep")
@click.argument("grid", metavar="GRID.yaml")
@click.option("--out", required=True, metavar="DIR", help="The sweep's folder.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Processes at once.")
@click.option("--scheduler", metavar="ADDR", help="Compute on a Dask cluster: tcp://HOST:PORT; local or local:N.")
@click.option("--dry-run", is_flag=True, help="Print the plan alone.")
def sweep_command(grid: str, out: str, jobs: int, scheduler: str | None, dry_run: bool) -> None:
    """Run a grid of parameters; stages that runs share are computed once.

    The same command again does only what is missing. GRID.yaml, every key of it optional:

    \b
      data: [sample, {name: mine, domain: my/*.txt, reference: terms.txt}]
      preset: [best, narrow]             # names: best, classic, or of presets below
      presets: {narrow: {preset: best, contrast.max_words: 3}}
      parameters:
        expansion.self_weight: [0, 0.3]                                      # a list
        expansion.pool: {from: 1000, to: 20000, steps: 3, scale: log}        # a range; or with step
        discovery.method: {presets: [best, classic]}                         # the values of presets
      repeats: 3                         # random states of embedding and expansion
      metric: evaluation.average_precision

    \b
    Example:
      termmine sweep grid.yaml --out reports/sweep --jobs 2
    """
    if scheduler and jobs != 1:
        raise InputError("--jobs are processes on this machine; give --jobs or --scheduler, not both")
    folder = Path(out)
    said = sweeps.read_grid(grid)
    for data in said.data:
        if isinstance(data, str) or "background" not in data:
            _say_fetching(data if isinstance(data, str) else "news")
    try:
        points = sweeps.make_points(said, folder, on_message=_say)
    except InputError as error:
        raise InputError(f"{grid}: {error}") from None
    cost = sweeps.plan(points, stages.cache_folder())
    _say_plan(points, cost, click.echo if dry_run else _say)
    if dry_run:
        return
    distinct = int(cost["distinct"].sum())
    with tqdm(total=distinct, unit=" stages", disable=not sys.stderr.isatty()) as bar:
        tell = functools.partial(_report_swept, bar)
        command = runs.shell_command(sys.argv[1:])
        results = sweeps.sweep(
            said, points, folder, jobs=jobs, scheduler=scheduler, command=command, on_stage=tell, on_message=_say
        )
    _say_swept(results, said, folder)


def _say_plan(points: Sequence[sweeps.Point], cost: pd.DataFrame, say: Callable[[str], object]) -> None:
    done = len(points) - int(cost["runs"].max())
    say(_number(len(points), "run") + (f", {done:,} of them done before" if done else ""))
    for row in cost[cost["runs"] > 0].itertuples():
        shared = f", shared by {row.runs:,} runs" if row.distinct < row.runs else ""
        kept = f", {row.kept:,} kept from before" if row.kept else ""
        say(f"{presets.NOTEBOOKS[row.stage]:<14} {row.compute:>5,} to compute{kept}{shared}")


def _report_swept(bar: tqdm, task: stages.Task, outcome: stages.Result | Exception) -> None:
    bar.update()
    name = presets.NOTEBOOKS[task.stage]
    if isinstance(outcome, Exception):
        if str(outcome).startswith(name):  # and not a stage after it
            bar.write(f"stopped: {outcome}", file=sys.stderr)
    elif bar.disable and not outcome.reused:
        _say(f"{name:<14} {outcome.seconds:6.1f} s")


def _number(count: int, noun: str) -> str:
    """1 run, 2 runs."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _say_swept(results: pd.DataFrame, grid: sweeps.Grid, folder: Path) -> None:
    _say_best(results, grid)
    others = {path.name for path in (folder / "runs").iterdir()} - set(results["run"])
    if others:
        _say(f"{_number(len(others), 'run')} of other grids in {_shown(folder / 'runs')} not in the table")
    failed = results[results["status"] != "done"]
    click.echo(f"{len(results) - len(failed):,} of {_number(len(results), 'run')} done: {_shown(folder / 'sweep.csv')}")
    click.echo(f"report: {_shown(folder / 'index.html')}")
    if len(failed):
        first = failed.iloc[0]
        raise NotebookError(
            f"{len(failed):,} of {_number(len(results), 'run')} stopped, e.g. {first['run']}: {first['error']}; "
            "mend the cause and give the same command again"
        )


def _say_best(results: pd.DataFrame, grid: sweeps.Grid) -> None:
    """The best setting on each data set."""
    metric = grid.metric.replace(".", ":", 1)  # its column
    if metric not in results:
        numbers = [name.replace(":", ".", 1) for name in results if ":" in name]
        near = ", ".join(difflib.get_close_matches(grid.metric, numbers, n=3, cutoff=0.3) or numbers[:3])
        if near:
            _say(f"no run has the number {grid.metric}, by which the grid compares; there are e.g. {near}")
        return
    varied = [name for name in ("data", "preset", "repeat", *grid.parameters) if results[name].nunique() > 1]
    for best in report.best_settings(results, varied, metric).itertuples():
        where = f" on {best.data}" if best.data else ""
        mean = f", mean of {best.repeats} random states" if best.repeats > 1 else ""
        ties = f"; {_number(best.ties, 'other setting')} as good" if best.ties else ""
        click.echo(f"best {grid.metric}{where} {best.value:.3f}{mean}: {best.settings or best.run}{ties}")


@cli.command("discover")
@click.argument("paths", nargs=-1, metavar="SOURCE…")
@_output("A .csv or .parquet file; - for standard output.")
@click.option("--counts", metavar="FOLDER", help="Keep the counts there; later PATHs are added to them.")
@click.option("--method", default="pmi", show_default=True, metavar="METHOD", help="pmi, cohesion or em.")
@click.option("--scheduler", metavar="ADDR", help="Count on a Dask cluster: tcp://HOST:PORT; local or local:N.")
@_parameter
@_reads
def discover_command(
    paths: Sequence[str],
    output: str,
    counts: str | None,
    method: str,
    scheduler: str | None,
    parameters: Sequence[str],
    **options: Any,
) -> None:
    """Find the words of a text, without starting a notebook. SOURCEs are those of `termmine run --domain`.

    With --counts, words are those of all text that FOLDER has got so far, and SOURCEs may be left out.

    Parameters: min_count, max_len, min_entropy; of pmi min_proba, min_pmi; of cohesion min_cohesion, min_gain,
    back_check; of em penalty. Notebook 01 and data/presets/best.json have their defaults.

    \b
    Examples:
      termmine discover my/*.txt -o words.csv
      termmine discover a.txt -o - --method cohesion -p min_count=10
      termmine discover new/*.txt -o words.csv --counts my-counts
      termmine discover my/*.txt -o words.csv --scheduler tcp://192.0.2.1:8786
    """
    settings = {name.removeprefix("discovery."): value for name, value in map(_assignment, parameters)}
    settings = {"method": method} | settings
    presets.check_stage("discovery", settings, discovery.DEFAULTS)
    config = discovery.make_config(**settings)
    method = discovery.method_of(config)
    if foreign := set(settings) - {"method", *discovery.PARAMETERS[method]}:
        known = ", ".join(discovery.PARAMETERS[method])
        raise InputError(f"{min(foreign)} is no parameter of {method}, which has {known}; give another --method")
    reading = _reading_of(options)
    found = documents.find(paths).files if paths else ()
    _check_output(output, (".csv", ".parquet"), [file for file in found if isinstance(file, Path)])
    if method == "em" and (counts or scheduler):  # before anything is added
        raise InputError("method em reads the text itself; give it the files, without --counts or --scheduler")
    if counts and scheduler:
        raise InputError("a folder of counts is kept by one machine; give --counts or --scheduler, not both")
    texts = _prepare(reading, {"text": paths})
    _check_reading(reading, texts)
    words = _discover(_open_text(texts["text"].files if texts else (), counts), config, scheduler)
    if words.empty:
        read = (*paths, counts) if counts else paths
        raise InputError(f"no word in {', '.join(read)}; lower -p min_count, or give more text")
    if output == "-":
        export.write_csv(words, sys.stdout)
    else:
        export.write_frame(words, output)
        _say(f"{len(words):,} words: {output}")


def _discover(lines: corpus.Corpus | store.StoredText, config: discovery.Config, scheduler: str | None) -> pd.DataFrame:
    if scheduler is None:
        return discovery.discover(lines, config)
    with cluster.connect(scheduler) as client:
        return discovery.discover(cluster.encode(lines, config, client), config)


def _open_text(files: Sequence[Path], counts: str | None) -> corpus.Corpus | store.StoredText:
    """The files; or what is in the folder of counts, the files added."""
    if not (files or counts):
        raise InputError("discover needs a SOURCE, or --counts FOLDER with counts in it")
    if not files:
        return store.open_store(counts)
    lines = corpus.Corpus(files)
    if not counts:
        return lines
    text = store.extend(counts, lines)
    _say(f"{len(lines.paths):,} added, {len(text.files):,} in all: {counts}")
    return text


def _check_output(output: str, suffixes: Sequence[str], inputs: Iterable[Path]) -> None:
    """Refuse, before anything is read, a file that cannot be written or would be lost."""
    if output == "-":
        return
    path = Path(os.path.realpath(output))  # of a link, the file behind it
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"-o {output} cannot be written: {error.strerror}") from None
    folder = path.parent
    if suffixes and Path(output).suffix not in suffixes:
        raise InputError(f"-o must end with {' or '.join(suffixes)}, or be -, got {output}")
    if not folder.is_dir():
        raise InputError(f"-o {output}: there is no folder {Path(output).parent}; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"-o {output} cannot be written: no permission in {folder}; name a file elsewhere")
    if corpus.exists(path) and not path.is_file():
        raise InputError(f"-o {output} is no regular file; name a file, or give -o - and redirect it")
    if corpus.exists(path) and any(path.samefile(other) for other in inputs):
        raise InputError(f"-o {output} is an input too, and would be lost; name another file")


@cli.command("segment")
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@click.option(
    "--words", required=True, metavar="FILE", help="The vocabulary: words.csv or words.parquet of discover or a run."
)
@_output("A text file; - for standard output.", default="-")
def segment_command(paths: Sequence[str], words: str, output: str) -> None:
    """Cut text into words, a space between them, line by line, every character kept.

    Reads standard input where no file is given. A space of the text is a token of its own, between two others.

    \b
    Examples:
      termmine segment --words words.csv my/*.txt > cut.txt
      echo 电力系统 | termmine segment --words reports/law/words.csv
    """
    files = corpus.find_files(paths) if paths else []
    vocabulary, *others = corpus.find_files(words)
    if others:
        raise InputError(f"--words {words} are {1 + len(others)} files; give one")
    _check_output(output, (), [*files, vocabulary])
    try:
        segmenter = segmentation.Segmenter(export.read_frame(vocabulary))
    except InputError as error:
        raise InputError(f"--words {words}: {error}; give words.csv or words.parquet of discover or a run") from None
    blocks = (block for path in files or [None] for block in corpus.read_blocks(path))
    if output == "-":
        _write_text(segmenter.spaced(blocks), sys.stdout.buffer)
        return
    with export.replacing(output) as temporary, temporary.open("wb") as file:
        _write_text(segmenter.spaced(blocks), file)
    _say(f"cut into words: {output}")


def _write_text(parts: Iterable[str], file: BinaryIO) -> None:
    for part in parts:
        file.write(part.encode("utf-8"))
    file.flush()


_FORMATS = "\n".join(f"  {name:<6} {about}" for name, about in glossary.FORMATS.items())


@cli.command("export", epilog=f"\b\nFormats:\n{_FORMATS}")
@click.argument("run", metavar="RUN")
@click.option("--format", "form", required=True, metavar="FORMAT", help="What to write, see below.")
@_output("The file; - for standard output.")
@click.option("--top", type=click.IntRange(1), metavar="N", help="The best N terms alone.")
@click.option("--min-score", type=float, metavar="X", help="Terms of that score and more.")
@click.option("--reviewed-only", is_flag=True, help="Terms that a reader judged yes in judging.csv.")
@click.option("--new-only", is_flag=True, help="Terms that none of the run's lists of known terms holds.")
@click.option("--known-only", is_flag=True, help="Terms that one of these lists holds.")
@click.option("--title", default="", help="Of the termbase [default: the run's data set].")
@click.option(
    "--language", default="zh", show_default=True, metavar="TAG", help="Of the terms, as TBX and SKOS say it."
)
def export_command(
    run: str, form: str, output: str, new_only: bool, known_only: bool, title: str, language: str, **conditions: Any
) -> None:
    """Write the glossary of a run's folder for another tool. What a reader judged no is left out.

    \b
    Examples:
      termmine export reports/law --format xlsx -o law.xlsx --top 500
      termmine export reports/law --format jieba -o law.dict --new-only
    """
    if new_only and known_only:
        raise InputError("new terms or known ones; give --new-only or --known-only, not both")
    conditions["known"] = "new" * new_only + "known" * known_only
    _check_output(output, (), [path for path in Path(run).iterdir() if path.is_file()] if Path(run).is_dir() else [])
    target = sys.stdout.buffer if output == "-" else output
    summary = glossary.export(run, target, form, title=title, language=language, **conditions)
    sys.stdout.flush()
    _say(f"{summary}: {'standard output' if output == '-' else output}")


@cli.command("student")
@click.argument("folder", metavar="DIR")
def student_command(folder: str) -> None:
    """Write the notebooks without their solutions into DIR, to hand out.

    They run to the end unanswered; each answer is checked by the cell below it. DIR may hold other files, but no
    notebook of these names: a student's work is never overwritten.

    \b
    Example:
      termmine student lessons
    """
    paths = teaching.write_copies(folder)
    command = shlex.join(["jupyter", "lab", f"./{folder}" if folder.startswith("-") else str(Path(folder))])
    click.echo(f"{_number(len(paths), 'notebook')} without solutions: {Path(folder)}")
    click.echo(f"hand the folder out; where termmine is installed, {command} opens it; begin with {paths[0].stem}")


@cli.group("data")
def data_group() -> None:
    """The data sets: what there is, and fetching them."""


@data_group.command("list")
def data_list() -> None:
    """List the data sets.

    \b
    Example:
      termmine data list
    """
    for data_set in (*map(datasets.get_set, datasets.names()), *datasets.LISTS.values()):
        click.echo(f"{data_set.name}: {data_set.about} ({data_set.size}; {_state(data_set)})")
        for package in data_set.packages:
            click.echo(f"    {package.name} {package.version}, {package.member}; {package.licence}")


def _state(data_set: datasets.DataSet) -> str:
    if data_set.background and data_set.background not in datasets.names():
        return f"its background {data_set.background} is gone"
    is_list = data_set.name in datasets.LISTS
    missing = (datasets.lists_to_fetch if is_list else lambda names: datasets.to_fetch(names[0]))([data_set.name])
    return "not fetched" if data_set.name in missing else "here"


@data_group.command("get")
@click.argument("name")
def data_get(name: str) -> None:
    """Fetch data set NAME, and its background, or the lists of that name, into data/.

    \b
    Example:
      termmine data get law
    """
    if name in datasets.LISTS:
        _say_missing(datasets.lists_to_fetch([name]))
        click.echo(_shown(datasets.get_lists(name, progress=sys.stderr.isatty())))
        return
    _say_fetching(datasets.get_set(name).name)
    click.echo(_shown(datasets.get(name, progress=sys.stderr.isatty()).domain))


@data_group.command("add", cls=_SeveralValues)
@click.argument("name")
@click.option("--domain", multiple=True, required=True, metavar="SOURCE…", help="The text: as of `termmine run`.")
@_background
@_reference
@_seeds
@click.option("--known", multiple=True, metavar="LIST", help="Terms known before, to be marked in every run.")
@_rules
@_reads
@click.option("--replace", is_flag=True, help="Put it in the place of one's own set of that name.")
def data_add(
    name: str,
    domain: Sequence[str],
    background: Sequence[str],
    reference: str | None,
    seeds: str | None,
    known: Sequence[str],
    rules: str | None,
    replace: bool,
    **options: Any,
) -> None:
    """Register a data set of one's own as NAME: `termmine run NAME`, and sweeps, take it from then on.

    Its text is read once and copied into data/NAME; the folder can be deleted, and forgets it.

    \b
    Examples:
      termmine data add bees --domain papers/ --reference terms.txt
      termmine data add wiki --domain mongodb://db.example/wiki --table pages --text-column content
      termmine run bees --background wiki
    """
    named = _named_background(background)
    datasets.check_name(name, named or ("" if background else "news"), replace=replace)
    files, lists = _lists_to_add(reference, seeds, known, rules)
    texts = _prepare(_reading_of(options), {"domain": domain, "background": () if named else background})
    files |= {role: text.files for role, text in texts.items()}
    said = {role: text.said for role, text in texts.items() if text.said}
    before = {path.name for path in (datasets.home() / "data" / name).glob("*")}
    folder = datasets.add(name, files, background=named or "news", known=lists, said=said, replace=replace)
    click.echo(f"{name}: {datasets.get_set(name).size}: {_shown(folder)}")
    if gone := before - {path.name for path in folder.iterdir()}:
        _say(f"the set before also had {', '.join(sorted(gone))}")
    _say(f"termmine run {name} takes it")


def _lists_to_add(
    reference: str | None, seeds: str | None, known: Sequence[str], rules: str | None
) -> tuple[dict[str, Sequence[Path]], list[str]]:
    """A set's lists by role, and the built-in ones by name; all are read once, before anything is written."""
    given = {"reference": reference, "seeds": seeds}
    files: dict[str, Sequence[Path]] = {
        role: [_existing(role, path)] for role, path in given.items() if path is not None
    }
    for paths in files.values():
        corpus.read_terms(paths[0])
    if rules:
        files["rules"] = [datasets.rules_path(rules)]
        rulebook.read_rules(files["rules"][0])
    found = _known(known)
    knowledge.read_lists(found)
    built_in = [name for name in map(datasets.list_name, found) if datasets.is_built_in(name)]
    if own := [path for path in found if not datasets.is_built_in(datasets.list_name(path))]:
        files["known"] = own
    return files, built_in


def main() -> None:
    """Run a command; one line and exit 2 for wrong use, 1 for anything else."""
    for stream in (sys.stdout, sys.stderr):  # a redirected stream may have another encoding, and Chinese no place in it
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    verbose = bool({"-v", "--verbose"} & set(sys.argv[1:2]))
    gc.freeze()  # what the imports made is not garbage: it need not be looked through again and again
    try:
        sys.exit(cli.main(prog_name="termmine", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        _fail(error.format_message(), 2, verbose)
    except InputError as error:
        _fail(str(error), 2, verbose)
    except TermmineError as error:
        _fail(str(error), 1, verbose)
    except (click.Abort, KeyboardInterrupt):
        _fail("stopped", 1, verbose)
    except BrokenPipeError:  # the reader of standard output left, e.g. head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename or 'a file'} cannot be read or written: {error.strerror}", 1, verbose)
    except Exception as error:
        _fail(f"{type(error).__name__}: {error} (termmine -v … shows the traceback)", 1, verbose)
    finally:
        gc.freeze()  # nor before the process ends, which takes .1 s


def _fail(message: str, status: int, verbose: bool) -> None:
    if verbose:
        click.echo(masked(traceback.format_exc()), err=True)
    line = _printable(" ".join(masked(message).split()))
    click.echo(f"termmine: {line[:1_000]}{'…' * (len(line) > 1_000)}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()

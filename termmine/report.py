"""How does a run read?

Pages that open offline and ask no server for anything: a run's index, each executed notebook, a sweep's index. Whatever
comes from a corpus, a file name or a parameter is text in them, and a browser runs no script but theirs.
"""

import base64
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pandas as pd

from termmine import evaluation, export, presets

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.axes import Axes
    from nbformat import NotebookNode

_TEMPLATES = Path(__file__).parent / "templates"
_HEADLINES = (
    ("discovery", "documents", "documents", "{:,.0f}"),
    ("discovery", "characters", "characters", "{:,.0f}"),
    ("discovery", "words", "words found", "{:,.0f}"),
    ("contrast", "candidates", "candidates", "{:,.0f}"),
    ("expansion", "terms", "terms kept", "{:,.0f}"),
    ("evaluation", "average_precision", "average precision", "{:.3f}"),
    ("evaluation", "precision_at_100", "precision at 100", "{:.2f}"),
    ("evaluation", "precision_corrected_at_100", "the same with a reader's verdicts", "{:.2f}"),
    ("evaluation", "attested_recall", "attested recall", "{:.2f}"),
)


# --- what the pages share ---------------------------------------------------------------------------------


def _page(title: str, *styles: str) -> dict[str, object]:
    """What a page's head needs; the policy lets a browser run our script, by its hash, and ask for nothing."""
    from markupsafe import Markup

    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    style = "".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", *styles))
    return {"title": title, "policy": Markup(policy), "style": Markup(style), "script": Markup(script)}


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader

    return Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)


def _render(template: str, title: str, **values: object) -> str:
    return _environment().get_template(template).render(page=_page(title), **values)


def _cell(value: object, form: str = ",.3f") -> str:
    """A table's cell; ``form`` is for what is no whole number.

    >>> [_cell(value) for value in (12345, 0.12345, 2.0, float("nan"), None, True, ["a"])]
    ['12,345', '0.123', '2', '', '', 'True', "['a']"]
    """
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer):
        return str(value)
    return f"{int(value):,}" if np.isfinite(value) and value == int(value) else format(value, form)


# --- a run's index ------------------------------------------------------------------------------------------

_SHOWN = (
    *("rank", "term", "head", "score", "count", "doc_freq", "background_count", "known"),
    *("hop", "parent", "similarity"),
)


def index_page(run: str | os.PathLike, manifest: Mapping, *, topn: int = 1000) -> str:
    """The run on one self-contained page: numbers, terms in their contexts, figures, links, how to repeat it.

    Parameters
    ----------
    run : the run's folder, its notebooks executed; ``contexts.parquet`` may be missing, then no contexts are shown
    manifest : what is written to ``manifest.json``
    topn : terms in the table
    """
    run = Path(run)
    terms = export.read_frame(run / "terms.csv")
    columns = [name for name in _SHOWN if name in terms and (name != "known" or terms[name].any())]
    kept = terms.loc[terms["rejected_by"] == "", columns].head(topn)
    parameters = _parameters(manifest["parameters"])
    usual = _parameters(presets.read_preset(manifest["preset"]) if manifest["preset"] in presets.PRESETS else {})
    return _render(
        "index.html.j2",
        f"{manifest['name']} · termmine",
        manifest=manifest,
        numbers=list(_headlines(export.read_json(run / "metrics.json"))),
        n_terms=len(terms),
        columns={name: name.replace("_", " ") for name in columns},
        numeric=[name for name in columns if name not in ("term", "head", "known", "parent")],
        rows=[{name: _cell(value) for name, value in row.items()} for row in kept.to_dict("records")],
        hops=manifest["preset"] == "classic",
        contexts=_read_contexts(run / "contexts.parquet"),
        traced=(run / "known.csv").is_file(),
        figures=list(_figures(run)),
        reports=[(path.stem, _title(path)) for path in _notebooks(run)],
        parameters=list(parameters.items()),
        changed=[(name, value, usual.get(name)) for name, value in parameters.items() if usual.get(name) != value],
        seconds=sum(stage["seconds"] for stage in manifest["stages"].values()),
    )


def _parameters(parameters: presets.Parameters) -> dict[str, str]:
    return {f"{stage}.{name}": str(value) for stage, values in parameters.items() for name, value in values.items()}


def _headlines(metrics: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, str]]:
    for stage, name, label, form in _HEADLINES:
        if name in metrics.get(stage, {}):
            yield label, form.format(metrics[stage][name])


def _read_contexts(path: Path) -> dict[str, list[tuple[str, str, int]]]:
    """(left, right, document) of each term's contexts."""
    if not path.exists():  # an older run
        return {}
    frame = export.read_frame(path)
    rows = zip(frame["left"], frame["right"], frame["document"], strict=True)
    grouped: dict[str, list[tuple[str, str, int]]] = {}
    for term, row in zip(frame["term"], rows, strict=True):
        grouped.setdefault(term, []).append(row)
    return grouped


# --- what notebooks hold -------------------------------------------------------------------------------------


def _notebooks(run: Path) -> list[Path]:
    return sorted(run.glob("0*.ipynb"))


def _title(notebook: Path) -> str:
    """The first heading of a notebook, or its file's name."""
    return next((heading for _, heading in _headings(_cells(notebook))), notebook.stem)


def _cells(notebook: Path) -> list:
    import nbformat

    return nbformat.read(notebook, as_version=4).cells


_FENCED = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
_HEADING = re.compile(r"^#{1,3} +(.+?)\s*#*$", re.M)


def _headings(cells: Sequence) -> Iterator[tuple[str, str]]:
    """(id of the cell, heading) of the markdown cells."""
    for cell in cells:
        if cell.cell_type == "markdown":
            for heading in _HEADING.findall(_FENCED.sub("", cell.source)):
                yield cell.get("id", ""), _plain(heading)


def _plain(markdown: str) -> str:
    """Without marks of emphasis and code."""
    return re.sub("[*`]", "", markdown)


def _figure_cells(cells: Sequence) -> Iterator[tuple[Mapping, str, str]]:
    """(cell, title, sentence) of the cells whose id begins with ``fig-``: the heading above, the cell below."""
    title = ""
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        title = next((heading for _, heading in _headings([cell])), title)
        name = cell.get("id", "")
        if cell.cell_type == "code" and name.startswith("fig-"):
            sees = following is not None and following.get("id") == f"see-{name[4:]}"
            yield cell, title, _plain(following.source) if sees else ""


def _figures(run: Path) -> Iterator[dict[str, object]]:
    """The pictures of a run: ``report, title, caption, png`` (base64) and ``width`` in px."""
    for path in _notebooks(run):
        for cell, title, caption in _figure_cells(_cells(path)):
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    width = output.metadata.get("image/png", {}).get("width", 640)
                    png = "".join(output.data["image/png"].split())
                    yield {"report": path.stem, "title": title, "caption": caption, "png": png, "width": width}


# --- a notebook -------------------------------------------------------------------------------------------

_BAR = re.compile(r"\d+%\||\d+it \[|it/s\]")  # what tqdm writes
_SCOPED = re.compile(r"<style scoped>.*?</style>", re.S)  # with which pandas begins a frame


def notebook_page(notebook: str | os.PathLike) -> str:
    """The executed notebook as one self-contained page: its headings as contents, its code folded away.

    Parameters
    ----------
    notebook : a file; HTML in its outputs is cleaned, scripts, widgets and progress bars are left out
    """
    import nbformat
    from nbconvert import HTMLExporter

    nb = nbformat.read(notebook, as_version=4)
    _prepare(nb)
    headings = list(_headings(nb.cells))
    exporter = HTMLExporter(
        template_name="classic",
        template_file="notebook.html.j2",
        extra_template_paths=[str(_TEMPLATES)],
        sanitize_html=True,
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    exporter.register_filter("clean_html", _cleaner())
    title = headings[0][1] if headings else Path(notebook).stem
    exporter.environment.globals |= {"page": _page(title, "notebook.css"), "headings": headings}
    return exporter.from_notebook_node(nb)[0]


def _prepare(nb: "NotebookNode") -> None:
    """Leave out what cannot be shown on paper, and give each figure the sentence below it for an alternative text."""
    nb.metadata.pop("widgets", None)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_without_bars, cell.outputs) if output]
    for cell, title, caption in _figure_cells(nb.cells):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.metadata.setdefault("image/png", {})["alt"] = caption or title


def _without_bars(output: Mapping) -> Mapping | None:
    """The output without progress bars and widgets; ``None`` if nothing is left."""
    kinds = output.get("data", {})
    if any("javascript" in kind for kind in kinds):
        return None
    if widgets := [kind for kind in kinds if "widget" in kind]:
        if "text/html" not in kinds:  # which stands in for the widget
            return None
        output["data"] = {kind: data for kind, data in kinds.items() if kind not in widgets}
    if output.get("name") == "stderr":
        lines = [line for line in re.split("[\r\n]+", output["text"]) if line.strip() and not _BAR.search(line)]
        output["text"] = "\n".join(lines)
    return output if output.get("text", " ") else None


_TAGS = (
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3"),
    *("h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "span", "strong", "sub", "sup", "table", "tbody", "td"),
    *("tfoot", "th", "thead", "tr", "ul"),
)


def _cleaner() -> Callable[[str], str]:
    """nbconvert's own cleaning: what is not among the tags is shown as text."""
    from nbconvert.preprocessors.sanitize import SanitizeHTML

    attributes = {"*": ["class"], "a": ["href"], "th": ["colspan", "rowspan"], "td": ["colspan", "rowspan"]}
    cleaner = SanitizeHTML(tags=list(_TAGS), attributes=attributes)
    return lambda html: cleaner.sanitize_html_tags(_SCOPED.sub("", html))


# --- a sweep's index ----------------------------------------------------------------------------------------


def importance(results: pd.DataFrame, varied: Sequence[str], metric: str) -> pd.DataFrame:
    """What share of a metric's variance between runs each parameter explains alone: η², the correlation ratio.

    η² = Σ_v n_v (ȳ_v - ȳ)² / Σ_i (y_i - ȳ)²,  y_i the metric of run i, ȳ_v the mean of the n_v runs with value v. It
    does not see what two parameters do only together, and it grows with the number of values: with as many values as
    runs it is 1. Source: Pearson (1905), Fisher (1925).

    Parameters
    ----------
    results : a row a run; the columns ``varied`` and ``metric``. Runs without the metric are left out
    varied : parameters; their values may be of any type, equal ones are those that are written alike
    metric : numbers

    Returns
    -------
    frame : ``parameter, values`` (how many) and ``importance`` (0..1), greatest first, ties by parameter; 0 for all
        where the metric does not vary

    Raises
    ------
    InputError : a column is missing

    >>> runs = pd.DataFrame({"pool": [1, 1, 2, 2], "seed": [1, 2, 1, 2], "ap": [0.1, 0.3, 0.5, 0.7]})
    >>> importance(runs, ["pool", "seed"], "ap").round(2).values.tolist()  # means .2, .6 of .4: (4 · .04) / .2
    [['pool', 2, 0.8], ['seed', 2, 0.2]]
    """
    evaluation.check_columns("the results", results, (*varied, metric))
    scored = results[results[metric].notna()]
    y = scored[metric].astype(float) - scored[metric].astype(float).mean()
    total = float(y @ y)
    rows = []
    for name in varied:
        groups = y.groupby(_as_texts(scored[name]))
        between = float((groups.size() * groups.mean() ** 2).sum())
        rows.append((name, groups.ngroups, round(between / total, 12) if total > 0 else 0.0))
    frame = pd.DataFrame(rows, columns=["parameter", "values", "importance"])
    return frame.sort_values(["importance", "parameter"], ascending=[False, True], ignore_index=True)


def _as_texts(values: pd.Series) -> pd.Series:
    """Values as they are written, so that lists too can be compared."""
    return pd.Series([_cell(value, ".12g") for value in values.astype(object)], values.index, dtype=object)


def best_settings(results: pd.DataFrame, varied: Sequence[str], metric: str) -> pd.DataFrame:
    """The best setting of a sweep on each data set, by the mean of its random states.

    Parameters
    ----------
    results : a row a run; the columns ``run``, ``varied`` and ``metric``. Runs without the metric are left out
    varied : what differs between the runs; ``data`` and ``repeat`` among it are no settings

    Returns
    -------
    frame : a row a data set, in their order: ``data`` ("" if it is not varied), ``run`` (the first of that setting),
        ``value`` (the mean), ``repeats`` (of how many runs), ``settings`` (as text), ``ties`` (other settings as good)

    >>> runs = {"run": list("abcd"), "pool": [1, 1, 2, 2], "repeat": [1, 2, 1, 2], "ap": [0.1, 0.5, 0.2, 0.3]}
    >>> best = best_settings(pd.DataFrame(runs), ["pool", "repeat"], "ap")
    >>> best[["run", "value", "repeats", "settings", "ties"]].values.tolist()
    [['a', 0.3, 2, 'pool = 1', 0]]
    """
    scored = results[results[metric].notna()]
    names = [name for name in varied if name not in ("data", "repeat")]
    texts = pd.DataFrame({name: _as_texts(scored[name]) for name in names}, index=scored.index)
    settings = [", ".join(f"{name} = {value}" for name, value in row.items()) for row in texts.to_dict("records")]
    scored = scored.assign(
        _settings=pd.Series(settings or [""] * len(scored), scored.index, dtype=object),
        _data=scored["data"] if "data" in varied else "",
    )
    rows = []
    for data, group in scored.groupby("_data", sort=False):
        means = group.groupby("_settings", sort=False)[metric].agg(["mean", "size"]).round(12)
        best = means["mean"].idxmax()
        run = group.loc[group["_settings"] == best, "run"].iloc[0]
        ties = int((means["mean"] == means["mean"].max()).sum()) - 1
        rows.append((data, run, float(means["mean"][best]), int(means["size"][best]), best, ties))
    return pd.DataFrame(rows, columns=["data", "run", "value", "repeats", "settings", "ties"])


def sweep_page(results: pd.DataFrame, plan: Mapping) -> str:
    """All runs of a sweep on one self-contained page: a table of them, what matters, the best, the failed.

    Parameters
    ----------
    results : a row a run: ``run`` (its folder under ``runs``), ``status`` ("done" or "failed in 04_expansion"),
        ``data, preset, repeat``, parameters as ``stage.name``, metrics as ``stage:name``, ``seconds``,
        ``computed_seconds, peak_memory_mb, error``; of these only ``run`` and ``status`` must be there
    plan : ``name``, ``command``, ``metric`` (a column: runs are compared by it), ``varied`` (columns that differ) and,
        if it is known, ``grid``, the grid file's text
    """
    evaluation.check_columns("the results", results, ("run", "status"))
    metric = plan["metric"]
    results = results.reset_index(drop=True)
    if metric not in results:  # every run failed
        results = results.assign(**{metric: np.nan})
    varied = [name for name in plan["varied"] if name in results]
    done = results["status"] == "done"
    best = best_settings(results[done], varied, metric)
    columns = _sweep_columns(results, varied, metric)
    rows = [_sweep_row(row, columns, row["run"] in set(best["run"])) for row in results.to_dict("records")]
    hrefs = {row["run"]: row["href"] for row in rows}
    return _render(
        "sweep.html.j2",
        f"{plan['name']} · termmine sweep",
        plan=plan,
        metric=_label(metric),
        columns=columns,
        numeric=[name for name in columns if results[name].dtype.kind in "iuf"],
        rows=rows,
        best=[row | {"value": f"{row['value']:.4f}", "href": hrefs[row["run"]]} for row in best.to_dict("records")],
        failed=[row for row in rows if row["mark"] == "failed"],
        figures=list(_sweep_figures(results[done], varied, metric)),
    )


def _label(metric: str) -> str:
    """The heading of a column.

    >>> _label("evaluation:average_precision")
    'average precision'
    """
    return metric.rsplit(":", 1)[-1].replace("_mb", " (MB)").replace("_", " ")


def _sweep_columns(results: pd.DataFrame, varied: list[str], metric: str) -> dict[str, str]:
    """Columns of the table and their headings: what was varied, the metric, other headlines, the cost."""
    others = [f"{stage}:{name}" for stage, name, _, _ in _HEADLINES]
    telling = [name for name in others if name in results and results[name].nunique() > 1]
    repeat = ["repeat"] if "repeat" in results and results["repeat"].nunique() > 1 else []
    cost = [name for name in ("seconds", "peak_memory_mb", "status") if name in results]
    order = dict.fromkeys(["run", *varied, *repeat, metric, *telling, *cost])
    return {name: name.replace(".", ".\u200b") if name in varied else _label(name) for name in order}  # may be broken


def _sweep_row(row: Mapping, columns: Mapping[str, str], is_best: bool) -> dict[str, object]:
    """What the template needs of a run; a failed one links to the notebook at which it stopped."""
    folder = "runs/" + quote(str(row["run"]), safe="")
    status = str(row["status"])
    failed = status != "done"
    stopped = status.removeprefix("failed in ").strip()
    page = f"{quote(stopped, safe='')}.html" if failed and status.startswith("failed in ") else "index.html"
    return {
        "run": str(row["run"]),
        "href": f"{folder}/{page}",
        "mark": "failed" if failed else "best" if is_best else "",
        "status": status,
        "error": _cell(row.get("error")),
        "cells": {name: _cell(row[name], ".4f" if ":" in name else "g") for name in columns},
    }


_MAPS = 3  # heat-maps of a sweep, at most


def _sweep_figures(results: pd.DataFrame, varied: Sequence[str], metric: str) -> Iterator[dict[str, object]]:
    """What each parameter explains, and for pairs of those that explain most the mean metric: ``title, caption, svg``
    (base64) and ``width`` in px."""
    from termmine import plotting

    label = _label(metric)
    if "data" in varied:  # values of two fields may not be compared
        varied, label = [name for name in varied if name != "data"], f"{label}, less its mean on the data set"
        values = results[metric].astype(float)
        results = results.assign(**{metric: values - values.groupby(results["data"]).transform("mean")})
    shares = importance(results, varied, metric)
    shares = shares[shares["values"] > 1]
    if shares.empty or results[metric].nunique() < 2:
        return
    caption = "Share of the variance between runs that each parameter explains alone (η², 0 to 1)."
    size = (7, 0.8 + 0.4 * len(shares))
    yield _drawing("What matters", caption, size, lambda ax: plotting.plot_importance(shares, ax=ax))
    frame = results.rename(columns={metric: label})
    for y, x in list(combinations(shares["parameter"][:_MAPS], 2))[:_MAPS]:
        across, down = (frame[name].astype(str).nunique() for name in (x, y))
        title, caption = f"{y} and {x}", f"Mean {label} over all other settings; darker is more."
        size = (min(2.5 + 0.9 * across, 9), min(1.2 + 0.4 * down, 12))
        yield _drawing(title, caption, size, _heatmap(frame, x, y, label))


def _heatmap(frame: pd.DataFrame, x: str, y: str, value: str) -> "Callable[[Axes], Axes]":
    from termmine import plotting

    return lambda ax: plotting.plot_heatmap(frame, x=x, y=y, value=value, ax=ax)


def _drawing(title: str, caption: str, size: tuple[float, float], draw: "Callable[[Axes], Axes]") -> dict[str, object]:
    """A picture as SVG, its text as paths: sharp at any size, the same bytes every time, and no font is needed."""
    import matplotlib as mpl
    import zhplot
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with mpl.rc_context():
        zhplot.matplotlib_chineseize()
        mpl.rcParams["svg.hashsalt"] = "termmine"
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        figure.savefig(file, format="svg", metadata={"Date": None})
    svg = base64.b64encode(file.getvalue()).decode()
    return {"title": title, "caption": caption, "svg": svg, "width": round(size[0] * 96)}

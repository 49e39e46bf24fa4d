"""How does a run read?

Pages that open offline and ask no server for anything: the run's index, and each executed notebook.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from termmine import export

# --- the index page ---------------------------------------------------------------------------------------

_HEADLINES = (
    ("discovery", "documents", "documents", "{:,}"),
    ("discovery", "characters", "characters", "{:,}"),
    ("discovery", "words", "words found", "{:,}"),
    ("contrast", "candidates", "candidates", "{:,}"),
    ("expansion", "terms", "terms kept", "{:,}"),
    ("evaluation", "average_precision", "average precision", "{:.3f}"),
    ("evaluation", "precision_at_100", "precision at 100", "{:.2f}"),
    ("evaluation", "precision_corrected_at_100", "the same with a reader's verdicts", "{:.2f}"),
    ("evaluation", "attested_recall", "attested recall", "{:.2f}"),
)
_SHOWN = ["rank", "term", "head", "score", "count", "doc_freq", "background_count", "hop", "parent", "similarity"]


def index_page(run: str | os.PathLike, manifest: Mapping, *, topn: int = 1000) -> str:
    """The run on one self-contained page: numbers, plots, searchable terms, links, how to repeat it.

    Parameters
    ----------
    run : the run's folder, its notebooks executed
    manifest : what is written to ``manifest.json``
    topn : terms in the table
    """
    import itables.options
    from itables import to_html_datatable
    from itables.javascript import generate_init_offline_itables_html
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    run = Path(run)
    metrics = export.read_json(run / "metrics.json")
    terms = export.read_frame(run / "terms.csv")
    shown = [name for name in _SHOWN if name in terms]
    kept = terms.loc[terms["rejected_by"] == "", shown].head(topn).round(4)
    table = to_html_datatable(
        kept,
        connected=False,
        table_id="terms",
        showIndex=False,
        lengthMenu=[25, 100, 1000],
        layout={"topStart": "search", "topEnd": "pageLength"},
        maxBytes=0,
        allow_html=False,
    )
    numbers = [
        (label, form.format(metrics[stage][name]))
        for stage, name, label, form in _HEADLINES
        if name in metrics.get(stage, {})
    ]
    template = Environment(loader=PackageLoader("termmine", "."), autoescape=True).get_template("index.html.j2")
    return template.render(
        manifest=manifest,
        numbers=numbers,
        shown=len(kept),
        n_terms=len(terms),
        figures=list(_figures(run)),
        reports=sorted(path.stem for path in run.glob("0*.ipynb")),
        table=Markup(generate_init_offline_itables_html(itables.options.dt_bundle) + table),
        seconds=sum(stage["seconds"] for stage in manifest["stages"].values()),
    )


def _figures(run: Path) -> Iterator[tuple[str, str, str, int]]:
    """(notebook, sentence under the figure, PNG as base64, width in px) of every cell whose id begins with ``fig-``."""
    import nbformat

    for path in sorted(run.glob("0*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for cell, following in zip(cells, [*cells[1:], None], strict=True):
            if not (cell.cell_type == "code" and cell.id.startswith("fig-")):
                continue
            caption = following.source if following is not None and following.id == f"see-{cell.id[4:]}" else ""
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    width = output.metadata.get("image/png", {}).get("width", 640)
                    yield (
                        path.stem,
                        caption.replace("*", "").replace("`", ""),
                        "".join(output.data["image/png"].split()),
                        width,
                    )


# --- a notebook -------------------------------------------------------------------------------------------

_SERVERS = ("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url", "mermaid_layout_elk_js_url")


def notebook_page(notebook: str | os.PathLike) -> str:
    """The executed notebook as a page that asks no server for anything."""
    import nbformat
    from nbconvert import HTMLExporter

    nb = nbformat.read(notebook, as_version=4)
    nb.metadata.pop("widgets", None)
    for cell in nb.cells:  # a finished progress bar is a widget that would need a script from a server
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_widget(output)]
    nb.metadata["title"] = Path(notebook).stem
    html, _ = HTMLExporter(**dict.fromkeys(_SERVERS, "")).from_notebook_node(nb)
    return html


def _is_widget(output: Mapping) -> bool:
    return any("widget" in kind for kind in output.get("data", {}))

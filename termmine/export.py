"""What does a run leave behind?

Frames in, files out: every artefact is written under a temporary name and renamed, so a reader never meets half
of one.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pandas as pd

from termmine.errors import InputError


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well, and vanishes otherwise."""
    suffix = Path(path).suffix  # which says what is written
    path = Path(os.path.realpath(path))  # of a link, the file behind it
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it readable for its owner alone
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(text: str, path: str | os.PathLike) -> None:
    """A text file, UTF-8, line feeds."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(data: object, path: str | os.PathLike) -> None:
    """JSON, UTF-8, indented, Chinese characters as they are."""
    write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", path)


def read_json(path: str | os.PathLike) -> dict:
    """A JSON object; {} where there is no file."""
    return json.loads(Path(path).read_text(encoding="utf-8")) if Path(path).exists() else {}


def write_frame(frame: pd.DataFrame, path: str | os.PathLike) -> None:
    """A frame as ``.parquet`` or ``.csv`` (UTF-8, floats to 6 digits), without its index."""
    with replacing(path) as temporary:
        if Path(path).suffix == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            write_csv(frame, temporary)


def write_csv(frame: pd.DataFrame, file: Path | TextIO) -> None:
    """A frame as CSV (UTF-8, floats to 6 digits), without its index."""
    frame.to_csv(file, index=False, float_format="%.6g", encoding="utf-8", lineterminator="\n")


def read_frame(path: str | os.PathLike) -> pd.DataFrame:
    """What ``write_frame`` wrote; in a CSV the terms NA, null and 007 stay words.

    Raises
    ------
    InputError : there is no such file, or it is no such table
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no {path}; run the notebooks before this one, in order, into the same out_dir")
    texts = dict.fromkeys(("term", "parent", "head", "relation", "spelling", "rejected_by"), str)
    missing = {"similarity": [""], "cohesion": [""]}
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=missing, encoding="utf-8-sig")
    except PermissionError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, OSError):  # among the former pandas' ParserError and Arrow's ArrowInvalid
        kind = "a Parquet file" if path.suffix == ".parquet" else "a CSV file in UTF-8 with a line of column names"
        raise InputError(f"{path} is not {kind}, or is damaged") from None


def update_metrics(run: str | os.PathLike, stage: str, metrics: Mapping[str, float]) -> None:
    """Set a stage's numbers in ``metrics.json``: stage → name → number, stages in order of their first writing."""
    path = Path(run) / "metrics.json"
    write_json(read_json(path) | {stage: dict(metrics)}, path)


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
    metrics = read_json(run / "metrics.json")
    terms = read_frame(run / "terms.csv")
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

"""A run's folder, made by hand, in which every string that came from outside tries to be more than text."""

import base64
import io

import nbformat
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from termmine import export, presets

HOSTILE = (
    "<script>alert(1)</script>",
    "$x$",
    "</td>",
    "</script>",
    "<img src=x onerror=alert(1)>",
    "<!--",
    "a\"b'c&amp;",
    "</style>{{ 7 * 7 }}",
)
FILE = "蜂<b>\"x'</b>.txt"
MIXED = " ".join(HOSTILE)
N_TERMS = 70  # more than the index shows at once


def make_terms():
    terms = [*HOSTILE, "蜂王", "工蜂", *(f"词{i}" for i in range(N_TERMS - len(HOSTILE) - 2))]
    frame = pd.DataFrame({"rank": range(1, N_TERMS + 1), "term": terms, "head": ["", *terms[:-1]]})
    return frame.assign(
        score=np.linspace(0.9, 0.1, N_TERMS), count=range(1000, 1000 - N_TERMS, -1), doc_freq=3, rejected_by=""
    )


def make_contexts():
    rows = [(term, 0, f"左{MIXED}", f"{MIXED}右") for term in (*HOSTILE, "蜂王")] + [("蜂王", 7, "看", "在产卵")]
    return pd.DataFrame(rows, columns=["term", "document", "left", "right"])


def make_manifest():
    parameters = presets.read_preset("best")
    parameters["expansion"]["centre_words"] = list(HOSTILE)
    return {
        "name": f"run {MIXED}",
        "status": "done",
        "started": "2026-01-02T03:04:05+00:00",
        "command": f"termmine run --domain '{FILE}' -p expansion.centre_words={MIXED}",
        "preset": "best",
        "parameters": parameters,
        "inputs": {"domain": {"path": f"../{FILE}", "sha256": "0" * 64}},
        "versions": {"termmine": "0.1.0", "python": "3.11"},
        "git_commit": "f" * 40,
        "stages": {"discovery": {"seconds": 1.5}, "contrast": {"seconds": 2.25}},
    }


def _picture():
    figure = Figure(figsize=(6, 3))
    figure.subplots().plot([1, 2])
    file = io.BytesIO()
    figure.savefig(file, dpi=144)
    return base64.b64encode(file.getvalue()).decode()


def make_notebook():
    frame = pd.DataFrame({"term": HOSTILE, MIXED: 1.0, **{f"column {i}": i for i in range(20)}})
    html = frame._repr_html_()
    rows = [
        new_markdown_cell(f"# 5 Evaluation: `code` {MIXED}\n\n{MIXED} [a](javascript:alert(1))", id="title"),
        new_code_cell("min_count = 5", id="parameters", metadata={"tags": ["parameters"]}),
        new_code_cell(f"words = {list(HOSTILE)!r}", id="abc", metadata={"tags": ["injected-parameters"]}),
        new_markdown_cell("## Tables\n\n```\n# no heading\n```\n\n| a | b |\n|---|---|\n| `<i>` | $y$ |", id="tables"),
        new_code_cell("frame", id="table", outputs=[
            new_output("execute_result", {"text/html": html, "text/plain": MIXED}, execution_count=1),
            new_output("display_data", {"text/plain": MIXED}),
            new_output("display_data", {"text/html": f"<b>bold</b> {MIXED}"}),
            new_output("display_data", {"text/markdown": f"*shown* {MIXED}"}),
            new_output("display_data", {"text/latex": MIXED}),
            new_output("display_data", {"application/javascript": "alert(2)", "text/plain": "script"}),
            new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}),
        ]),
        new_code_cell("print()", id="streams", outputs=[
            new_output("stream", name="stdout", text=f"out {MIXED}" + "长" * 200),
            new_output("stream", name="stderr", text="count:  10%|█ | 1/10 [00:00<00:01]\rcount: 100%|██| 10/10\n"),
            new_output("stream", name="stderr", text=f"a warning {MIXED}\n"),
        ]),
        new_markdown_cell("## A figure", id="about-figure"),
        new_code_cell("plot()", id="fig-one", outputs=[
            new_output("display_data", {"image/png": _picture(), "text/plain": "<Figure>"},
                       metadata={"image/png": {"width": 432, "height": 216}}),
        ]),
        new_markdown_cell(f"**See** the `line`. {MIXED}", id="see-one"),
        new_code_cell("fail()", id="fails", outputs=[
            new_output("error", ename="ValueError", evalue=MIXED, traceback=["\x1b[31mValueError\x1b[0m: " + MIXED]),
        ]),
    ]  # fmt: skip
    return new_notebook(cells=rows, metadata={"kernelspec": {"name": "python3", "display_name": MIXED}})


def make_run(folder):
    """Write the run's files and return its manifest; the pages are not made."""
    folder.mkdir(parents=True)
    export.write_frame(make_terms(), folder / "terms.csv")
    export.write_frame(make_contexts(), folder / "contexts.parquet")
    metrics = {"discovery": {"documents": 1234}, "evaluation": {"average_precision": 0.25}}
    export.write_json(metrics, folder / "metrics.json")
    nbformat.write(make_notebook(), folder / "05_evaluation.ipynb")
    return make_manifest()


def make_sweep():
    """(results, plan) of a sweep of six runs, one failed."""
    results = pd.DataFrame(
        {
            "run": [f"run {i} <b>'" for i in range(6)],
            "data": "sample",
            "status": ["done"] * 5 + ["failed in 04_expansion"],
            "expansion.pool": [10, 10, 200, 200, 10, 200],
            "expansion.centre_words": [[MIXED], ["蜂王"]] * 3,
            "evaluation:average_precision": [0.1, 0.2, 0.35, 0.4, 0.15, np.nan],
            "seconds": [1.5, 2, 3, 4, 5, 6],
            "error": [""] * 5 + [f"stopped: {MIXED}"],
        }
    )
    plan = {
        "name": f"grid {MIXED}",
        "command": f"termmine sweep '{FILE}'",
        "metric": "evaluation:average_precision",
        "varied": ["expansion.pool", "expansion.centre_words"],
    }
    return results, plan

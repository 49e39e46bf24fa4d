import math
import random
import subprocess
import sys
from html.parser import HTMLParser

import nbformat
import numpy as np
import pages
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from termmine import export, judging, report
from termmine.errors import InputError


class Page(HTMLParser):
    """What a browser makes of a page: its elements, and the text outside of scripts and styles."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self._open = [], [], []
        self.feed(html)
        self.close()
        self.text = "".join(self.texts)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._open.pop()

    def handle_data(self, data):
        if not self._open:
            self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages") / "run"
    pages.make_run(folder)
    return folder


@pytest.fixture(scope="module")
def made(run):
    return {
        "index": report.index_page(run, pages.make_manifest()),
        "notebook": report.notebook_page(run / "05_evaluation.ipynb"),
        "sweep": report.sweep_page(*pages.make_sweep()),
    }


# --- all pages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["index", "notebook", "sweep"])
def test_hostile_strings_are_text(made, name):
    page = Page(made[name])
    for string in pages.HOSTILE:
        assert string in page.text, string
    assert len(page.all("script")) == 1  # ours
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert not any(link.get("href", "").startswith("javascript") for link in page.all("a"))
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))


@pytest.mark.parametrize("name", ["index", "notebook", "sweep"])
def test_pages_stand_alone_and_allow_one_script(made, name):
    page = Page(made[name])
    metas = page.all("meta")
    [policy] = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "http" not in policy
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in metas
    assert page.all("link") == [{"rel": "icon", "href": "data:,"}]
    for _, attributes in page.tags:
        assert not attributes.get("src", "data:").startswith(("http", "//", "file"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {attributes["href"][1:] for attributes in page.all("a") if attributes.get("href", "").startswith("#")}
    assert anchors and anchors <= set(ids)  # the contents lead somewhere
    assert all(image["alt"] for image in page.all("img"))


def test_pages_are_the_same_bytes_again(run, made):
    assert report.index_page(run, pages.make_manifest()) == made["index"]
    assert report.notebook_page(run / "05_evaluation.ipynb") == made["notebook"]
    assert report.sweep_page(*pages.make_sweep()) == made["sweep"]


def test_importing_report_loads_nothing_heavy():
    code = "import sys, termmine.report; print([m for m in ('matplotlib', 'nbconvert', 'jinja2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


# --- the index -----------------------------------------------------------------------------------------------


def test_the_index_shows_numbers_terms_contexts_and_what_was_changed(made):
    page = Page(made["index"])
    assert "1,234" in page.text and "0.250" in page.text and "4 s" in page.text
    assert page.text.count("蜂王") >= 3 and "在产卵" in page.text
    assert len([row for row in page.all("tr") if row.get("class") == "more"]) == len(pages.HOSTILE) + 1
    changed, _, rest = page.text.partition("parameters\n")
    assert "expansion.centre_words" in changed and "instead of []" in changed
    assert "discovery.min_count" not in changed and "discovery.min_count" in rest
    assert {"href": "05_evaluation.html"} in page.all("a")
    assert [image["width"] for image in page.all("img")] == ["432"]
    assert page.all("img")[0]["alt"].startswith("See the line. ")


def test_an_older_run_without_contexts_and_a_preset_that_is_gone(tmp_path):
    manifest = pages.make_manifest() | {"preset": "gone"}
    pages.make_run(tmp_path / "run")
    (tmp_path / "run" / "contexts.parquet").unlink()
    page = Page(report.index_page(tmp_path / "run", manifest, topn=3))
    assert not [row for row in page.all("tr") if row.get("class") == "more"]
    assert "The first 3 kept terms" in page.text and "工蜂" not in page.text
    assert "discovery.min_count" in page.text.partition("parameters\n")[0]


def test_rejected_terms_are_not_in_the_index(tmp_path):
    manifest = pages.make_manifest()
    pages.make_run(tmp_path / "run")
    terms = pages.make_terms().assign(rejected_by=["has_digit: x"] * 69 + [""])
    export.write_frame(terms, tmp_path / "run" / "terms.csv")
    assert "The first 1 kept terms" in Page(report.index_page(tmp_path / "run", manifest)).text


# --- a notebook ----------------------------------------------------------------------------------------------


def test_a_notebook_has_contents_folded_code_and_alt_texts(made):
    page = Page(made["notebook"])
    links = [attributes["href"] for attributes in page.all("a") if attributes.get("href", "").startswith("#")]
    assert links == ["#title", "#tables", "#about-figure"]  # of a comment in a code block none
    details = page.all("details")
    assert len(details) == 6 and all(attributes == {"class": "code"} for attributes in details)
    [image] = page.all("img")
    assert image["alt"].startswith("See the line. <script>alert(1)</script>")
    assert image["width"] == "432"
    assert "code: parameters of this run" in page.text


def test_bars_scripts_and_widgets_are_left_out_and_warnings_are_not(made):
    assert "a warning" in made["notebook"]
    for noise in ("10%", "10/10", "alert(2)", "model_id", "widget"):
        assert noise not in made["notebook"], noise
    assert "MathJax" not in made["notebook"] and "require" not in made["notebook"]


def test_what_a_notebook_shows_as_html_keeps_its_form(made):
    page = Page(made["notebook"])
    assert len(page.all("table")) == 2 and page.all("em") and page.all("strong")
    assert page.all("style") and ".dataframe tbody tr th" not in made["notebook"]
    assert "$y$" in page.text and "<i>" in page.text
    assert "\x1b" not in page.text


def test_a_widget_is_left_out_and_what_stands_in_for_it_is_shown(tmp_path):
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "7f"}, "text/plain": "Slider()"}
    outputs = [
        new_output("execute_result", view | {"text/html": "<p><strong>蜂王</strong> kept</p>"}),
        new_output("display_data", view),
        new_output("display_data", {"application/javascript": "alert(1)", "text/html": "<p>script</p>"}),
    ]
    nbformat.write(new_notebook(cells=[new_code_cell("", outputs=outputs)]), tmp_path / "a.ipynb")
    page = report.notebook_page(tmp_path / "a.ipynb")
    assert "<p><strong>蜂王</strong> kept</p>" in page
    assert not any(left_out in page for left_out in ("model_id", "widget-view", "Slider()", "alert(1)", "<p>script"))


def test_a_notebook_without_headings_is_named_by_its_file(tmp_path):
    nbformat.write(new_notebook(cells=[new_markdown_cell("text")]), tmp_path / "a<b>.ipynb")
    page = Page(report.notebook_page(tmp_path / "a<b>.ipynb"))
    assert page.text.split()[0] == "a<b>"


# --- a sweep ---------------------------------------------------------------------------------------------------


def test_a_sweep_links_its_runs_and_names_the_best_and_the_failed(made):
    page = Page(made["sweep"])
    links = [attributes["href"] for attributes in page.all("a")]
    assert "runs/run%203%20%3Cb%3E%27/index.html" in links
    assert "runs/run%205%20%3Cb%3E%27/04_expansion.html" in links
    rows = [row.get("class") for row in page.all("tr")][1:]
    assert rows == [None, None, None, "best", None, "failed"]
    assert "0.4000: expansion.pool = 200, expansion.centre_words = ['蜂王']. 1 of the runs failed" in " ".join(
        page.text.split()
    )
    assert len(page.all("img")) == 2  # what matters, and the only pair


def test_a_sweep_in_which_all_runs_failed_or_none_varied():
    results, plan = pages.make_sweep()
    failed = results.drop(columns="evaluation:average_precision").assign(status="failed in 01_discovery")
    page = Page(report.sweep_page(failed, plan))
    assert "No run has this number" in page.text and not page.all("img")
    alone = Page(report.sweep_page(results.head(1), plan))
    assert not alone.all("img") and "The best run is" in alone.text
    with pytest.raises(InputError, match="missing: status"):
        report.sweep_page(results.drop(columns="status"), plan)


# --- importance ---------------------------------------------------------------------------------------------


def test_importance_by_hand():
    # mean 4; a: means 2 and 6, 2 · 4 + 2 · 4 = 16; b: means 3 and 5, 4; total 9 + 1 + 1 + 9 = 20
    runs = pd.DataFrame({"a": ["x", "x", "y", "y"], "b": [1, 2, 1, 2], "c": 5, "m": [1, 3, 5, 7]})
    found = report.importance(runs, ["c", "b", "a"], "m")
    assert found.values.tolist() == [["a", 2, 0.8], ["b", 2, 0.2], ["c", 1, 0.0]]


def test_importance_adds_up_in_a_balanced_design_without_interaction():
    rng = np.random.default_rng(1)
    a, b = np.meshgrid(rng.normal(size=4), rng.normal(size=5))
    runs = pd.DataFrame({"a": a.ravel(), "b": b.ravel(), "m": (a + 2 * b).ravel()})
    assert report.importance(runs, ["a", "b"], "m")["importance"].sum() == pytest.approx(1)
    assert report.importance(runs.assign(m=runs["m"] * -7 + 3), ["a"], "m")["importance"][0] == pytest.approx(
        report.importance(runs, ["a"], "m")["importance"][0]
    )


def test_importance_takes_any_values_and_leaves_failed_runs_out():
    runs = pd.DataFrame({"l": [["a"], ["a"], [], {"2": 3.0}], "mixed": ["auto", 5, 5, None], "m": [1, 1, 3, math.nan]})
    found = report.importance(runs, ["l", "mixed"], "m").set_index("parameter")
    assert found.loc["l"].tolist() == [2, 1.0]
    assert found.loc["mixed", "importance"] == pytest.approx(0.25)  # means 1 and 2 of 5/3: (4/9 + 2/9) / (8/3)
    flat = report.importance(runs.assign(m=2.0), ["l", "mixed"], "m")
    assert flat["importance"].tolist() == [0, 0]
    assert report.importance(runs.head(0), ["l"], "m")["importance"].tolist() == [0]
    assert report.importance(runs, [], "m").empty
    with pytest.raises(InputError, match="missing: nothing"):
        report.importance(runs, ["nothing"], "m")


# --- contexts -------------------------------------------------------------------------------------------------


def test_contexts_come_from_documents_all_over_the_corpus():
    lines = [f"第{i}箱有蜂王，蜂王在产卵" if i % 2 else "无" for i in range(21)]  # in 1, 3, .., 19
    found = judging.contexts(["蜂王"], lines, n=3, width=2)
    assert found.values.tolist() == [
        ["蜂王", 1, "箱有", "，蜂"],
        ["蜂王", 9, "箱有", "，蜂"],
        ["蜂王", 19, "箱有", "，蜂"],
    ]
    assert found.columns.tolist() == ["term", "document", "left", "right"]


def test_few_documents_give_several_contexts_each():
    lines = ["甲乙甲丙甲", "", "甲丁甲"]
    found = judging.contexts(["甲", "没有"], lines, n=3, width=1)  # two documents: two of each, three in all
    assert found.values.tolist() == [["甲", 0, "", "乙"], ["甲", 0, "乙", "丙"], ["甲", 2, "", "丁"]]
    assert judging.contexts(["aa"], ["aaab aa"], width=9).values.tolist() == [
        ["aa", 0, "", "ab aa"],
        ["aa", 0, "aaab ", ""],
    ]


def test_contexts_are_in_one_line_and_as_the_document_spells_them():
    [[term, _, left, right]] = judging.contexts(["A型"], ["左\t\t右Ａ型\u3000Ｂ\n型"], width=4).values.tolist()
    assert (term, left, right) == ("A型", "左 右", " Ｂ 型")
    assert judging.contexts(["(a)+", "."], ["x(a)+."], width=1)[["left", "right"]].values.tolist() == [
        ["x", "."],
        ["+", ""],
    ]


def test_contexts_agree_with_a_plain_search():
    rng = random.Random(5)
    lines = ["".join(rng.choices("蜂王台蜜", k=rng.randrange(30))) for _ in range(200)]
    terms = ["蜂", "王台", "蜂王台", "蜜蜜蜜", "台蜂王蜜", "无"]
    found = judging.contexts(terms, lines, n=4, width=3)
    assert found.equals(judging.contexts(terms, iter_again(lines), n=4, width=3))
    for row in found.itertuples():
        assert row.left + row.term + row.right in lines[row.document]
        assert len(row.left) <= 3 and len(row.right) <= 3
    for term in terms:
        holding = [i for i, line in enumerate(lines) if term in line]
        documents = found.loc[found["term"] == term, "document"].tolist()
        if len(holding) >= 4:
            assert documents == [holding[round(i * (len(holding) - 1) / 3)] for i in range(4)]
        else:
            assert set(documents) <= set(holding) and len(documents) <= 4


class iter_again:
    def __init__(self, lines):
        self.lines = lines

    def __iter__(self):
        return iter(self.lines)


def test_what_contexts_need():
    assert judging.contexts([], ["蜂"]).empty and judging.contexts(["蜂"], []).empty
    with pytest.raises(InputError, match="n must be 1 or more"):
        judging.contexts(["蜂"], ["蜂"], n=0)
    with pytest.raises(InputError, match="width must be 0 or more"):
        judging.contexts(["蜂"], ["蜂"], width=-1)
    with pytest.raises(InputError, match="must not be a generator"):
        judging.contexts(["蜂"], iter(["蜂"]))
    with pytest.raises(InputError, match="must be distinct"):
        judging.contexts(["蜂", "蜂"], ["蜂"])
    for terms, lines in (("蜂", ["蜂"]), (["蜂"], "蜂")):
        with pytest.raises(TypeError, match="one str"):
            judging.contexts(terms, lines)

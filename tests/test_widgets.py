import html
import json
import math
import os
import subprocess
import sys

import nbformat
import numpy as np
import pages
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_report import Page

from termmine import corpus, expansion, judging, report, widgets
from termmine.embedding import Vectors
from termmine.errors import InputError

TERMS = ["蜂王", "工蜂", "巢脾", "蜂胶"]
HOSTILE = [*pages.HOSTILE, "a & b", "&lt;i&gt;"]
VARIABLES = (widgets.PLAIN, "JPY_SESSION_NAME", "VSCODE_PID", "VSCODE_CWD", "COLAB_RELEASE_TAG")


@pytest.fixture(autouse=True)
def lab(monkeypatch):
    """The environment of a kernel that JupyterLab starts."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JPY_SESSION_NAME", "panels.ipynb")


def make_words(terms=TERMS):
    n = len(terms)
    return pd.DataFrame({"term": terms, "count": np.arange(10 * n, 0, -10), "pmi": np.linspace(4, 1, n)})


def make_sheet(terms=TERMS, verdicts=None):
    frame = pd.DataFrame({"rank": range(1, len(terms) + 1), "term": terms, "score": 0.5, "count": 3})
    return frame.assign(context=[f"看【{term}】在" for term in terms], verdict=verdicts or "", note="")


def make_walk(terms=TERMS):
    """A chain: each term brought in the next."""
    return pd.DataFrame(
        {"term": terms, "hop": range(len(terms)), "parent": ["", *terms[:-1]][: len(terms)], "similarity": 0.75}
    )


def make_panels(folder, terms=TERMS):
    return {
        "table": widgets.show_table(make_words(terms)),
        "thresholds": widgets.explore_thresholds(make_words(terms), {"count": 1, "pmi": 1.0}),
        "seeds": widgets.pick_seeds(terms, folder / "seeds.txt"),
        "review": widgets.review_terms(make_sheet(terms), folder / "judging.csv"),
        "expansion": widgets.explore_expansion(make_walk(terms)),
    }


def click(rows, term, action):
    """What the browser sends."""
    rows._handle_custom_msg({"term": term, "action": action}, [])


def press(reviewer, *actions):
    """All at once: what was on the screen before the first of them goes with each."""
    _ = reviewer.view
    drawn = [attributes["data-shown"] for _, attributes in Page(card(reviewer)).tags if "data-shown" in attributes]
    for action in actions:
        message = {"action": action, "shown": drawn[0] if drawn else ""}
        reviewer.controls["buttons"]._handle_custom_msg(message, [])


def card(reviewer):
    return reviewer.controls["card"].value


def told(panel):
    return html.unescape(panel.controls["told"].value)


def held(panel):
    """What the view of a table was given."""
    _ = panel.view
    return json.loads(panel.controls["table"]._dt_args["data_json"])


def shown(rows):
    return [term for term, _ in rows.rows]


# --- all panels -------------------------------------------------------------------------------------------


def test_importing_widgets_loads_nothing_heavy():
    names = ("ipywidgets", "anywidget", "itables", "IPython", "matplotlib")
    code = f"import sys, termmine.widgets; print([name for name in {names} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_panel_is_text_html_and_where_it_can_be_clicked_a_view(tmp_path, monkeypatch):
    for name, panel in make_panels(tmp_path).items():
        bundle = panel._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}, name
        assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.view.model_id
        assert "蜂王" in bundle["text/plain"] and "蜂王" in bundle["text/html"]
        assert bundle["text/html"].count("In JupyterLab this can be played with") == 1
    monkeypatch.setenv(widgets.PLAIN, "1")
    for panel in make_panels(tmp_path).values():
        assert set(panel._repr_mimebundle_()) == {"text/plain", "text/html"}
        assert not panel.controls, "no widget was built"
    assert list(tmp_path.iterdir()) == [], "nobody clicked"


@pytest.mark.parametrize(
    ("variables", "live"),
    [
        ({}, False),
        ({"JPY_SESSION_NAME": "a.ipynb"}, True),
        ({"VSCODE_PID": "7"}, True),
        ({"VSCODE_CWD": "/"}, True),
        ({"COLAB_RELEASE_TAG": "1"}, True),
        ({"JPY_SESSION_NAME": "a.ipynb", widgets.PLAIN: "1"}, False),
        ({"JPY_SESSION_NAME": "a.ipynb", widgets.PLAIN: "yes"}, False),
        ({widgets.PLAIN: "0"}, True),
        ({widgets.PLAIN: ""}, True),
    ],
)
def test_widgets_are_shown_where_somebody_can_click(monkeypatch, variables, live):
    monkeypatch.delenv("JPY_SESSION_NAME")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert widgets.is_live() is live
    bundle = widgets.show_table(make_words())._repr_mimebundle_()
    assert ("application/vnd.jupyter.widget-view+json" in bundle) is live


def test_the_plain_form_imports_no_widgets(tmp_path):
    code = (
        "import sys; import pandas as pd; from termmine import widgets\n"
        "widgets.show_table(pd.DataFrame({'term': ['蜂王']}))._repr_mimebundle_()\n"
        "print([name for name in ('ipywidgets', 'anywidget', 'itables') if name in sys.modules])"
    )
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_plain_form_has_simple_tags_and_hostile_strings_are_text_in_it(tmp_path):
    allowed = {"table", "thead", "tbody", "tr", "th", "td", "p", "strong", "ul", "li", "span"}
    for name, panel in make_panels(tmp_path, HOSTILE).items():
        page = Page(panel._repr_mimebundle_()["text/html"])
        assert {tag for tag, _ in page.tags} <= allowed, name
        for string in HOSTILE if name not in ("review", "expansion") else HOSTILE[:1]:
            assert string in page.text.replace("\u00a0", " "), (name, string)
        outer = [attributes for tag, attributes in page.tags if tag in ("table", "p", "ul")]
        assert all("mathjax_ignore" in attributes["class"] for attributes in outer), "or $x$ becomes a formula"


def test_hostile_strings_are_text_in_the_views(tmp_path):
    panels = make_panels(tmp_path, HOSTILE)
    panels["expansion"].choose(HOSTILE[-1])
    panels["review"].judge("yes")
    for name, panel in panels.items():
        _ = panel.view
        values = [box.value for box in panel.controls.values() if type(box).__name__ == "HTML"]
        tags = {tag for value in values for tag, _ in Page(value).tags}
        assert tags <= {"p", "strong", "span", "ul", "li", "small"}, name
    cut = Page(panels["thresholds"].controls["lists"].value).text
    assert all(string in cut.replace("\u00a0", " ") for string in HOSTILE)
    assert panels["review"].controls["card"].value.count(html.escape(HOSTILE[1])) == 2  # the heading, the context
    rows = held(panels["table"])
    assert [html.unescape(row[0]) for row in rows] == HOSTILE and not any("<" in row[0] for row in rows)
    assert shown(panels["seeds"].controls["offer"]) == HOSTILE  # textContent in the browser


def test_panels_of_nothing(tmp_path):
    for name, panel in make_panels(tmp_path, []).items():
        bundle = panel._repr_mimebundle_()
        assert len(bundle) == 3 and bundle["text/plain"], name
    assert list(tmp_path.iterdir()) == []


def test_errors_of_a_click_are_told_in_the_panel_and_change_nothing(tmp_path):
    path = tmp_path / "seeds.txt"
    picker = widgets.pick_seeds(TERMS, path)
    _ = picker.view
    path.write_bytes(b"\xff\xfe\xff")
    click(picker.controls["offer"], "蜂王", "accept")
    assert "seeds.txt is not UTF-8" in told(picker) and picker.seeds == []
    path.unlink()
    click(picker.controls["offer"], "蜂王", "accept")
    assert told(picker) == "" and picker.seeds == ["蜂王"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "judging.csv"), "Permission denied: 'judging.csv'"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "surrogates not allowed"),
    ],
)
def test_no_click_is_silent(tmp_path, monkeypatch, error, message):
    def refuse(*_):
        raise error

    path = tmp_path / "judging.csv"
    judging.write_sheet(make_sheet(), path)
    reviewer = widgets.review_terms(make_sheet(), path)
    with monkeypatch.context() as patch:
        patch.setattr(widgets.judging, "read_verdicts", refuse)
        for action in ("yes", "later"):
            press(reviewer, action)
            assert message in told(reviewer) and reviewer.term == "蜂王"
    press(reviewer, "yes")
    assert told(reviewer) == "" and reviewer.term == "工蜂"


def test_write_protected_files_are_not_replaced(tmp_path, monkeypatch):
    seeds, sheet = tmp_path / "seeds.txt", tmp_path / "judging.csv"
    seeds.write_text("雄蜂\n", encoding="utf-8")
    judging.write_sheet(make_sheet(), sheet)
    before = seeds.read_bytes(), sheet.read_bytes()
    picker, reviewer = widgets.pick_seeds(TERMS, seeds), widgets.review_terms(make_sheet(), sheet)
    _ = picker.view
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write all
        click(picker.controls["offer"], "蜂王", "accept")
        press(reviewer, "yes")
    assert "seeds.txt is write-protected" in told(picker) and "judging.csv is write-protected" in told(reviewer)
    assert (seeds.read_bytes(), sheet.read_bytes()) == before
    assert picker.seeds == ["雄蜂"] and reviewer.term == "蜂王" and not reviewer.sheet["verdict"].any()


# --- a table ------------------------------------------------------------------------------------------------


def test_a_table_holds_all_rows_in_its_view_and_the_first_in_its_plain_form():
    frame = pd.DataFrame({"term": [f"词{i}" for i in range(100)], "pmi": np.arange(100) / 3})
    panel = widgets.show_table(frame, rows=70)
    assert len(Page(panel._repr_mimebundle_()["text/html"]).all("tr")) == 71
    assert repr(panel).endswith("70 of 100 rows")
    rows = held(panel)
    assert len(rows) == 100 and rows[1] == ["词1", 0.3333]
    assert panel.controls["table"]._dt_args["pageLength"] == 70 and panel.controls["note"].value == ""


def test_of_a_large_table_the_first_rows_are_held():
    large = pd.DataFrame({"term": [f"词{i}" for i in range(20_001)]})
    panel = widgets.show_table(large)
    rows = held(panel)
    assert len(rows) == 20_000 and rows[-1] == ["词19999"]
    assert "The first 20,000 of 20,001 rows are here" in panel.controls["note"].value
    assert repr(panel).endswith("20 of 20,001 rows")
    panel = widgets.show_table(large.head(20_000))
    assert len(held(panel)) == 20_000 and panel.controls["note"].value == ""


def test_the_view_and_the_plain_form_have_the_same_numbers():
    values = [123456.0, -123456.7, 1234.5678, 999.96, 12.3456, 0.000123456, 0.0, math.nan]
    panel = widgets.show_table(pd.DataFrame({"value": values}))
    numbers = [row[0] for row in held(panel)]
    assert numbers[:-1] == [123456, -123457, 1235, 1000, 12.35, 0.0001235, 0] and numbers[-1] == "___NaN___"
    plain = [line.strip() for line in repr(panel).splitlines()[1:-1]]
    assert plain == ["123,456", "-123,457", "1,235", "1,000", "12.35", "0.0001235", "0", ""]


NUMBERS = [1.23456, None]


@pytest.mark.parametrize(
    ("frame", "row"),
    [
        (pd.DataFrame({"a": pd.array(NUMBERS, dtype="Float64")}), [1.235]),
        (pd.DataFrame({"a": pd.array(NUMBERS, dtype="double[pyarrow]")}), [1.235]),
        (pd.DataFrame({"a": pd.array([7, None], dtype="Int64")}), [7]),
        (pd.DataFrame({"a": pd.array(["蜂王", None], dtype="string")}), ["蜂王"]),
        (pd.DataFrame([["蜂王", 1.23456]], columns=["a", "a"]), ["蜂王", 1.235]),
        (pd.DataFrame({"a": [1.5]}, index=pd.Index(["蜂王"], name="a")), ["蜂王", 1.5]),
        (pd.DataFrame({"a": [b"x"]}), ["b'x'"]),
        (pd.DataFrame({"a": pd.Categorical(["蜂王", None])}), ["蜂王"]),
        (pd.DataFrame({"a": np.array(["\ud800"], dtype=object)}, dtype=object), ["\\ud800"]),
        (pd.DataFrame({"a": [["\ud800"]]}), ["['\\ud800']"]),
        (pd.DataFrame([[1]], columns=pd.Index(["\ud800"], dtype=object)), [1]),
    ],
)
def test_a_table_takes_any_frame(frame, row):
    panel = widgets.show_table(frame)
    assert held(panel)[0] == row
    bundle = panel._repr_mimebundle_()
    assert bundle["text/html"].encode() and bundle["text/plain"].encode(), "or no message can hold it"
    assert json.dumps(panel.controls["table"].get_state(), default=str, ensure_ascii=False).encode()
    assert "NA" not in bundle["text/plain"] and "None" not in bundle["text/plain"]


@pytest.mark.parametrize("other", [pd.Series([1, 2]), [[1, 2]], None])
def test_a_table_needs_a_frame(other):
    with pytest.raises(InputError, match=f"needs a DataFrame, got {type(other).__name__}"):
        widgets.show_table(other)


def test_a_table_leaves_the_frame_alone_and_takes_odd_ones():
    frame = pd.DataFrame({"term": ["蜂王", None], 0: [1.23456, math.nan], "list": [["a"], ("b",)]}, index=[7, 3])
    before = frame.copy()
    panel = widgets.show_table(frame)
    assert panel._repr_mimebundle_()["text/html"].count("<th>") == 3 and "1.235" in repr(panel)
    pd.testing.assert_frame_equal(frame, before)
    named = widgets.show_table(frame.rename_axis("number"))
    assert "number" in repr(named) and "7" in repr(named)
    with pytest.raises(InputError, match="rows must be 1 or more"):
        widgets.show_table(frame, rows=0)


# --- thresholds ---------------------------------------------------------------------------------------------


def test_words_must_reach_every_threshold():
    words = pd.DataFrame({"term": list("甲乙丙丁"), "count": [9, 5, 5, 4], "pmi": [1.0, 0.9, math.nan, 3.0]})
    panel = widgets.explore_thresholds(words, {"count": 5, "pmi": 1.0})
    assert panel.kept["term"].tolist() == ["甲"]
    assert repr(panel).splitlines()[-2:] == [
        "Kept 1 of 4 words: 甲",
        "Cut 3: 乙 (pmi 0.9) · 丙 (pmi missing) · 丁 (count 4)",
    ]
    panel = widgets.explore_thresholds(words, {"count": 4}, topn=3)
    assert panel.kept["term"].tolist() == list("甲乙丙丁") and "甲 · 乙 · 丙 … and 1 more" in repr(panel)


def test_sliders_and_search_change_the_lists():
    panel = widgets.explore_thresholds(make_words(), {"count": 20, "pmi": 1.0})
    _ = panel.view
    lists = panel.controls["lists"]
    assert "Kept 3 of 4 words" in lists.value and panel._notes["count"].value == "1 below"
    panel.sliders["count"].value = 30
    assert "Kept 2 of 4 words" in lists.value and panel.kept["term"].tolist() == ["蜂王", "工蜂"]
    assert panel._notes["count"].value == "2 below"
    panel.sliders["pmi"].value = 3.5
    assert panel.kept["term"].tolist() == ["蜂王"] and panel.thresholds == {"count": 30, "pmi": 3.5}
    panel.controls["search"].value = "工"
    assert "Kept 0 of 1 words with 工" in lists.value and "工蜂 (pmi 3)" in lists.value
    assert panel.kept["term"].tolist() == ["蜂王"], "a search hides, it does not cut"


@pytest.mark.parametrize(
    ("values", "least", "kind"),
    [
        ([1, 50], 5, "IntSlider"),
        ([1, 50], 2.5, "FloatSlider"),
        ([1, 70_000], 5, "SelectionSlider"),
        ([0.001, 70_000.5], 1.3333333, "SelectionSlider"),
        ([-3.2, 7.77], 0.123456, "FloatSlider"),
        ([0.5, math.inf], 0.7, "FloatSlider"),
        ([math.nan, math.nan], 2.0, "FloatSlider"),
        ([3.0, 4.0], 99.0, "FloatSlider"),
        ([3.0, 4.0], -99.0, "FloatSlider"),
    ],
)
def test_a_slider_fits_its_column(values, least, kind):
    words = pd.DataFrame({"term": ["甲", "乙"], "value": values})
    panel = widgets.explore_thresholds(words, {"value": least})
    before = panel.kept
    _ = panel.view
    slider = panel.sliders["value"]
    assert type(slider).__name__ == kind and slider.value == pytest.approx(least, abs=1e-9)
    assert panel.kept.equals(before), "a slider that nobody touched cuts nothing"
    finite = [value for value in [*values, least] if math.isfinite(value)]
    if kind == "SelectionSlider":
        options = [value for _, value in slider.options]
        assert options == sorted(options) and least in options and len(options) < 300
        assert options[0] == pytest.approx(min(finite), rel=0.01) and options[-1] == pytest.approx(
            max(finite), rel=0.01
        )
    else:
        assert slider.min <= min(finite) and slider.max >= max(finite)


@pytest.mark.parametrize(
    "values", [[-1.5e308, 1.5e308], [5e-324, 1.0], [5e-324, 1e-310], [0.0, 5e-324], [1e-300, 1.5e308], [1.0, 1 + 2e-16]]
)
def test_a_slider_takes_the_ends_of_what_a_float_can_be(values):
    words = pd.DataFrame({"term": ["甲", "乙"], "value": values})
    for least in values:
        panel = widgets.explore_thresholds(words, {"value": least})
        before = panel.kept
        json.dumps(panel.view.children[0].children[0].get_state(), allow_nan=False, default=str)
        assert panel.kept.equals(before) and panel.sliders["value"].value == pytest.approx(least, abs=1e-299, rel=1)


def test_columns_may_have_the_names_of_controls():
    names = ["search", "lists", "search note", "keys"]
    panel = widgets.explore_thresholds(
        make_words().assign(**{name: [1, 2, 3, 4] for name in names}), dict.fromkeys(names, 2)
    )
    _ = panel.view
    assert list(panel.sliders) == names and "Kept 3 of 4 words" in panel.controls["lists"].value
    panel.sliders["search"].value = 4
    assert panel.kept["term"].tolist() == ["蜂胶"]
    panel.controls["search"].value = "蜂王"
    assert "Kept 0 of 1 words with 蜂王" in panel.controls["lists"].value


def test_what_a_slider_rounds_is_no_move():
    words = pd.DataFrame({"term": ["甲", "乙"], "value": [0.1 + 0.2, 0.5]})
    panel = widgets.explore_thresholds(words, {"value": 0.1 + 0.2})
    _ = panel.view
    panel.sliders["value"].value = 0.3 + 1e-12
    assert len(panel.kept) == 2
    panel.sliders["value"].value = 0.31
    assert len(panel.kept) == 1


def test_thousands_of_words_are_counted_and_few_sent():
    words = pd.DataFrame({"term": [f"词{i}" for i in range(20_000)], "count": range(20_000)})
    panel = widgets.explore_thresholds(words, {"count": 10_000}, topn=60)
    _ = panel.view
    value = panel.controls["lists"].value
    assert "Kept 10,000 of 20,000 words" in value and "and 9,940 more" in value and "and 9,980 more" in value
    assert len(value) < 3000


def test_what_thresholds_need():
    for thresholds, message in (
        ({}, "at least one column"),
        ({"none": 1}, "missing: none"),
        ({"term": 1}, "must hold numbers"),
        ({"pmi": math.nan}, "finite number, got nan"),
        ({"pmi": "1"}, "finite number, got '1'"),
    ):
        with pytest.raises(InputError, match=message):
            widgets.explore_thresholds(make_words(), thresholds)
    with pytest.raises(InputError, match="topn must be 1 or more"):
        widgets.explore_thresholds(make_words(), {"pmi": 1}, topn=0)


# --- seeds ----------------------------------------------------------------------------------------------------


def test_clicks_are_in_the_file_at_once(tmp_path):
    path = tmp_path / "seeds.txt"
    picker = widgets.pick_seeds(TERMS, path)
    _ = picker.view
    get = picker.controls
    click(get["offer"], "工蜂", "accept")
    assert corpus.read_terms(path) == picker.seeds == ["工蜂"] and shown(get["offer"]) == ["蜂王", "巢脾", "蜂胶"]
    click(get["offer"], "巢脾", "reject")
    assert picker.rejected == ["巢脾"] and corpus.read_terms(path) == ["工蜂"]
    get["own"].value = " ＡＢ菌 "
    assert corpus.read_terms(path) == ["工蜂", "AB菌"] and get["own"].value == "" and not get["told"].value
    get["add"].click()  # after the text has gone
    assert picker.seeds == ["工蜂", "AB菌"] and not get["told"].value
    click(get["seeds"], "工蜂", "remove")
    assert corpus.read_terms(path) == ["AB菌"] and picker.rejected == ["巢脾", "工蜂"]
    for seeds, rejected in ((["工蜂", "AB菌"], ["巢脾"]), (["工蜂"], ["巢脾"]), (["工蜂"], []), ([], [])):
        assert not get["undo"].disabled
        get["undo"].click()
        assert picker.seeds == seeds and picker.rejected == rejected
        assert path.read_text(encoding="utf-8").split() == seeds
    assert get["undo"].disabled and shown(get["offer"]) == TERMS


def test_what_the_file_holds_is_taken_up(tmp_path):
    path = tmp_path / "seeds.txt"
    path.write_text("\ufeff蜂胶\r\n\r\n雄蜂\r\n", encoding="utf-8")
    picker = widgets.pick_seeds(TERMS, path)
    assert picker.seeds == ["蜂胶", "雄蜂"] and "蜂胶" not in picker._offered()
    picker.accept("蜂王")
    assert corpus.read_terms(path) == ["蜂胶", "雄蜂", "蜂王"]
    path.write_text("雄蜂\n蜜源\n", encoding="utf-8")  # somebody edits it
    picker.accept("工蜂")
    assert picker.seeds == corpus.read_terms(path) == ["雄蜂", "蜜源", "工蜂"]
    picker.undo()
    assert corpus.read_terms(path) == ["雄蜂", "蜜源"]
    picker.undo()
    assert corpus.read_terms(path) == ["雄蜂", "蜜源"], "what was before the edit is gone"
    picker.reject("雄蜂")
    picker.reject("蜜源")
    assert path.read_text() == "" and widgets.pick_seeds(TERMS, path).seeds == []


@pytest.mark.parametrize("blank", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", "　\n".encode()])
def test_a_file_without_a_word_holds_no_seeds(tmp_path, blank):
    path = tmp_path / "seeds.txt"
    path.write_bytes(blank)
    picker = widgets.pick_seeds(TERMS, path)
    assert picker.seeds == [] and path.read_bytes() == blank
    picker.accept("蜂王")
    path.write_bytes(blank)
    picker.accept("工蜂")
    assert corpus.read_terms(path) == ["工蜂"]


def test_a_search_looks_at_all_terms_and_few_are_sent(tmp_path):
    picker = widgets.pick_seeds([f"词{i}" for i in range(5000)] + ["词7"], tmp_path / "seeds.txt", topn=20)
    _ = picker.view
    assert len(picker.controls["offer"].rows) == 20 and "5,000" in picker.controls["offered"].value
    picker.controls["search"].value = "４９９"
    assert shown(picker.controls["offer"])[:3] == ["词499", "词1499", "词2499"]
    assert len(repr(picker)) < 500


def test_accepting_twice_changes_nothing(tmp_path):
    picker = widgets.pick_seeds(TERMS, tmp_path / "seeds.txt")
    for term in ("蜂王", "蜂王 "):
        picker.accept(term)
    picker.undo()
    assert picker.seeds == []
    picker.undo()
    picker.reject("蜂王")
    picker.accept("蜂王")
    assert picker.rejected == [] and picker.seeds == ["蜂王"]


def test_what_a_picker_needs(tmp_path, monkeypatch):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match="not UTF-8"):
        widgets.pick_seeds(TERMS, bad)
    with pytest.raises(InputError, match="is a folder"):
        widgets.pick_seeds(TERMS, tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        widgets.pick_seeds(TERMS, tmp_path / "none" / "seeds.txt")
    with pytest.raises(TypeError, match="one str"):
        widgets.pick_seeds("蜂王", tmp_path / "seeds.txt")
    picker = widgets.pick_seeds(TERMS, tmp_path / "seeds.txt")
    for term in ("", " \n", "蜂" * 201):
        with pytest.raises(InputError, match="1 to 200 characters"):
            picker.accept(term)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(widgets.export, "write_text", refuse)
    with pytest.raises(InputError, match="cannot be written: Permission denied"):
        picker.accept("蜂王")
    assert picker.seeds == [] and not (tmp_path / "seeds.txt").exists()


def test_a_notebook_may_change_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picker = widgets.pick_seeds(TERMS, "seeds.txt")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    picker.accept("蜂王")
    assert corpus.read_terms(tmp_path / "seeds.txt") == ["蜂王"] and "in seeds.txt" in repr(picker)


# --- verdicts -------------------------------------------------------------------------------------------------


def test_keys_and_buttons_write_verdicts_that_count(tmp_path):
    path = tmp_path / "judging.csv"
    reviewer = widgets.review_terms(make_sheet(), path)
    press(reviewer, "yes")
    assert judging.read_verdicts(path)["verdict"].tolist() == ["yes", "", "", ""] and reviewer.term == "工蜂"
    press(reviewer, "later")
    assert reviewer.term == "巢脾"
    press(reviewer, "no")
    assert judging.read_verdicts(path)["verdict"].tolist() == ["yes", "", "no", ""] and reviewer.term == "蜂胶"
    press(reviewer, "back")
    assert reviewer.term == "巢脾" and "you said no" in card(reviewer)
    press(reviewer, "yes")
    assert reviewer.term == "蜂胶" and reviewer.controls["bar"].value == 2
    assert "2 of 4 judged" in reviewer.controls["progress"].value
    press(reviewer, "no")
    assert reviewer.term == "工蜂", "what was put off comes again"
    press(reviewer, "no")
    assert reviewer.term == "" and "4 of 4 judged" in repr(reviewer)
    assert reviewer.controls["buttons"].off == ["yes", "no", "later"]
    press(reviewer, "yes", "later")  # there is nothing to judge
    verdicts = judging.read_verdicts(path)
    assert verdicts.values.tolist() == reviewer.sheet[verdicts.columns.tolist()].values.tolist()
    assert verdicts["verdict"].tolist() == ["yes", "no", "yes", "no"]
    corrected = judging.corrected_precision(TERMS, [], verdicts, 4)
    assert corrected["precision_corrected"].tolist() == [0.5] and corrected["judged"].tolist() == [4]
    press(reviewer, "back")
    assert reviewer.term == "工蜂"


def test_a_press_judges_what_was_shown_or_nothing(tmp_path):
    path = tmp_path / "judging.csv"
    reviewer = widgets.review_terms(make_sheet(), path)
    press(reviewer, "no", "no", "yes", "later", "back")  # while the kernel is busy
    assert judging.read_verdicts(path)["verdict"].tolist() == ["no", "", "", ""] and reviewer.term == "工蜂"
    press(reviewer, "back", "back", "yes")
    assert reviewer.term == "蜂王" and judging.read_verdicts(path)["verdict"].tolist() == ["no", "", "", ""]


def test_the_last_term_can_be_put_off_for_ever(tmp_path):
    reviewer = widgets.review_terms(make_sheet(TERMS[:1]), tmp_path / "judging.csv")
    for _ in range(2):
        reviewer.later()
    assert reviewer.term == "蜂王" and not (tmp_path / "judging.csv").exists()
    for _ in range(3):
        reviewer.back()
    assert reviewer.term == "蜂王"


def test_verdicts_of_the_file_are_taken_up_and_never_lost(tmp_path):
    path = tmp_path / "judging.csv"
    judging.write_sheet(make_sheet(["雄蜂", "工蜂"], ["yes", "no"]), path)
    reviewer = widgets.review_terms(make_sheet(), path)
    assert reviewer.term == "蜂王" and "1 of 4 judged (1" not in repr(reviewer) and "1 of 4 judged" in repr(reviewer)
    reviewer.judge("yes")
    assert reviewer.term == "巢脾", "工蜂 is judged"
    old = judging.read_verdicts(path).set_index("term")["verdict"].to_dict()
    assert old == {"蜂王": "yes", "工蜂": "no", "巢脾": "", "蜂胶": "", "雄蜂": "yes"}
    judging.write_sheet(reviewer.sheet, path)  # as the notebook does at its end
    reviewer.judge("no")
    edited = judging.read_verdicts(path)
    edited.loc[edited["term"] == "蜂胶", ["verdict", "note"]] = ["yes", "propolis"]  # in a spreadsheet
    judging.write_sheet(edited, path)
    assert reviewer.term == "蜂胶"
    with pytest.raises(InputError, match="says yes on 蜂胶 meanwhile"):
        reviewer.judge("no")
    assert reviewer.term == "蜂胶" and judging.read_verdicts(path).equals(edited)
    reviewer.judge("no")
    after = judging.read_verdicts(path).set_index("term")
    assert after["verdict"].to_dict() == old | {"巢脾": "no", "蜂胶": "no"} and after.at["蜂胶", "note"] == "propolis"


@pytest.mark.parametrize("verdicts", ["", ["yes", "", "no", ""]])
def test_a_sheet_that_nobody_touched_is_written_byte_for_byte(tmp_path, verdicts):
    sheet = make_sheet(HOSTILE[:4], verdicts)
    judging.write_sheet(sheet, tmp_path / "plain.csv")
    for path in (tmp_path / "new.csv", tmp_path / "plain.csv"):
        reviewer = widgets.review_terms(sheet, path)
        judging.write_sheet(reviewer.sheet, tmp_path / "reviewed.csv")
        assert (tmp_path / "reviewed.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    assert not (tmp_path / "new.csv").exists()


def edit(path, term, **cells):
    """In a spreadsheet."""
    frame = judging.read_verdicts(path)
    for name, cell in cells.items():
        frame[name] = frame.get(name, "")
        frame.loc[frame["term"] == term, name] = cell
    judging.write_sheet(frame, path)


def test_the_sheet_says_what_the_file_holds(tmp_path):
    path = tmp_path / "judging.csv"
    judging.write_sheet(make_sheet(), path)
    reviewer = widgets.review_terms(make_sheet(), path)
    _ = reviewer.view
    edit(path, "蜂王", verdict="yes", note="queen", mine="1")
    edit(path, "巢脾", verdict="no")
    sheet = reviewer.sheet
    assert sheet["verdict"].tolist() == ["yes", "", "no", ""] and sheet["note"].tolist() == ["queen", "", "", ""]
    assert sheet["mine"].tolist() == ["1", "", "", ""] and reviewer.term == "蜂王"
    assert "you said yes" in card(reviewer) and reviewer.controls["bar"].value == 2
    before = path.read_bytes()
    judging.write_sheet(sheet, path)  # as a notebook does at its end
    assert path.read_bytes() == before
    edit(path, "蜂王", verdict="", note="")
    assert not reviewer.sheet.loc[0, ["verdict", "note"]].any() and reviewer.sheet.at[2, "verdict"] == "no"
    path.unlink()
    assert reviewer.sheet["verdict"].tolist() == ["", "", "no", ""], "without a file, what was read last"
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(InputError, match="missing: term, verdict"):
        _ = reviewer.sheet


def test_the_file_wins_over_the_sheet_that_was_given(tmp_path):
    path = tmp_path / "judging.csv"
    judging.write_sheet(make_sheet(TERMS[:3], ["no", "", "yes"]), path)
    given = make_sheet(TERMS, ["yes", "yes", "", "no"])
    assert widgets.review_terms(given, path).sheet["verdict"].tolist() == ["no", "", "yes", "no"]


def test_nothing_is_overwritten_unseen(tmp_path):
    path = tmp_path / "judging.csv"
    one, other = (widgets.review_terms(make_sheet(), path) for _ in range(2))
    press(one, "yes")
    press(other, "no")
    assert "judging.csv says yes on 蜂王 meanwhile" in told(other) and "you said yes" in card(other)
    assert judging.read_verdicts(path)["verdict"].tolist() == ["yes", "", "", ""] and other.term == "蜂王"
    press(other, "no")  # having seen it
    assert judging.read_verdicts(path)["verdict"].tolist() == ["no", "", "", ""] and told(other) == ""
    press(one, "back")
    assert "you said no" in card(one)
    edit(path, "蜂王", verdict="")
    press(one, "yes")
    assert "says nothing on 蜂王" in told(one) and "you said" not in card(one)
    press(one, "later")
    assert told(one) == "" and one.term == "工蜂" and judging.read_verdicts(path)["verdict"].tolist() == [""] * 4


def test_what_others_judged_is_not_asked_and_what_they_took_back_is(tmp_path):
    path = tmp_path / "judging.csv"
    reviewer = widgets.review_terms(make_sheet(), path)
    press(reviewer, "yes")
    edit(path, "蜂王", verdict="")
    edit(path, "巢脾", verdict="yes", note="comb")
    press(reviewer, "no")
    assert reviewer.term == "蜂胶", "巢脾 is judged"
    press(reviewer, "no")
    assert reviewer.term == "蜂王"
    after = judging.read_verdicts(path)
    assert after["verdict"].tolist() == ["", "no", "yes", "no"] and after["note"].tolist() == ["", "", "comb", ""]
    edit(path, "工蜂", verdict="yes")
    edit(path, "蜂王", verdict="no")
    press(reviewer, "no")  # what the file says by now, too
    assert (
        reviewer.term == ""
        and told(reviewer) == ""
        and reviewer.sheet["verdict"].tolist() == ["no", "yes", "yes", "no"]
    )


def test_texts_may_be_missing(tmp_path):
    sheet = make_sheet(TERMS[:2]).assign(context=[None, np.nan], verdict=np.nan, note=np.nan)
    contexts = pd.DataFrame({"term": ["工蜂"] * 2, "left": [np.nan, "看"], "right": [None, "在"]})
    reviewer = widgets.review_terms(sheet, tmp_path / "judging.csv", contexts=contexts)
    press(reviewer, "yes")
    assert repr(reviewer).splitlines()[2:] == [" 工蜂 ", "看 工蜂 在"] and "nan" not in card(reviewer)
    after = reviewer.sheet
    assert after["context"].tolist() == ["", ""] and after["verdict"].tolist() == ["yes", ""]
    assert judging.read_verdicts(tmp_path / "judging.csv")["note"].tolist() == ["", ""]
    with pytest.raises(InputError, match="each row of the sheet must have a term"):
        widgets.review_terms(sheet.assign(term=[None, "蜂王"]), tmp_path / "judging.csv")


def test_contexts_are_those_of_the_term_or_the_sheets_own(tmp_path):
    contexts = judging.contexts(TERMS, ["换一张巢脾", "巢脾旧了"])
    reviewer = widgets.review_terms(make_sheet(), tmp_path / "judging.csv", contexts=contexts)
    assert "看 蜂王 在" in repr(reviewer)
    for _ in range(2):
        reviewer.later()
    assert repr(reviewer).splitlines()[1:] == ["巢脾 – a term of the field?", "换一张 巢脾 ", " 巢脾 旧了"]
    _ = reviewer.view
    assert reviewer.controls["card"].value.count("<li>") == 2
    bare = widgets.review_terms(make_sheet().assign(context=""), tmp_path / "judging.csv")
    _ = bare.view
    assert bare.controls["card"].value.count("<li>") == 0


def test_what_a_reviewer_needs(tmp_path):
    path = tmp_path / "judging.csv"
    with pytest.raises(InputError, match="missing: verdict"):
        widgets.review_terms(make_sheet().drop(columns="verdict"), path)
    with pytest.raises(InputError, match="the contexts must have the columns"):
        widgets.review_terms(make_sheet(), path, contexts=pd.DataFrame({"term": []}))
    with pytest.raises(InputError, match="a verdict must be yes or no"):
        widgets.review_terms(make_sheet(), path).judge("maybe")
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(InputError, match="missing: term, verdict"):
        widgets.review_terms(make_sheet(), path)


# --- the expansion ----------------------------------------------------------------------------------------------


def test_a_term_leads_back_to_its_seed():
    matrix = np.array([[math.cos(a), math.sin(a)] for a in np.radians([0, 40, 75, 100])], dtype=np.float32)
    walk = expansion.expand_seeds(Vectors(tuple(TERMS), matrix), ["蜂王"])
    panel = widgets.explore_expansion(walk)
    assert panel.term == "蜂胶" and panel.chain["term"].tolist() == ["蜂胶", "巢脾", "工蜂", "蜂王"]
    assert panel.chain["similarity"].round(2).tolist() == [0.91, 0.82, 0.77, 1.0]
    assert repr(panel).startswith("蜂胶: hop 3, from the seed 蜂王") and "It brought in no other." in repr(panel)
    panel.choose("工蜂")
    assert panel.brought_in["term"].tolist() == ["巢脾"] and repr(panel).endswith("It brought in 1: 巢脾")
    panel.choose("蜂王")
    assert repr(panel).startswith("蜂王: a seed")


def test_terms_are_typed_and_clicked():
    panel = widgets.explore_expansion(make_walk())
    _ = panel.view
    get = panel.controls
    assert shown(get["chain"]) == ["蜂胶", "巢脾", "工蜂", "蜂王"] and shown(get["found"]) == TERMS
    click(get["chain"], "工蜂", "show")
    assert panel.term == "工蜂" and shown(get["children"]) == ["巢脾"]
    assert get["chain"].rows == [["工蜂", "hop 1, 0.75 to 蜂王"], ["蜂王", "seed"]]
    get["search"].value = "蜂胶"
    assert panel.term == "蜂胶" and shown(get["found"]) == ["蜂胶"]
    get["search"].value = "巢"
    assert panel.term == "蜂胶" and shown(get["found"]) == ["巢脾"]


def test_an_explorer_takes_frames_that_are_not_whole():
    frame = pd.DataFrame({"term": list("甲乙丙丁"), "hop": [1, 1, np.nan, np.nan], "parent": ["乙", "甲", None, "外"]})
    panel = widgets.explore_expansion(frame.assign(similarity=np.nan))
    _ = panel.view
    assert panel.chain["term"].tolist() == ["甲", "乙"], "a circle ends"
    panel.choose("丁")
    assert panel.chain["term"].tolist() == ["丁"] and repr(panel).startswith("丁: not reached")
    with pytest.raises(InputError, match="'无' is not among the 4 terms"):
        panel.choose("无")
    with pytest.raises(InputError, match="must be distinct"):
        widgets.explore_expansion(pd.concat([make_walk(), make_walk()]))
    with pytest.raises(InputError, match="missing: parent"):
        widgets.explore_expansion(make_walk().drop(columns="parent"))


def test_hops_are_numbers_and_a_negative_one_is_none():
    walk = make_walk().assign(hop=[0, 1, -1, -1])
    panel = widgets.explore_expansion(walk)
    assert panel.term == "工蜂"
    panel.choose("巢脾")
    assert repr(panel).startswith("巢脾: not reached") and panel.chain["hop"].isna().tolist() == [True, False, False]
    _ = panel.view
    assert dict(panel.controls["found"].rows)["巢脾"] == "not reached"
    widgets.explore_expansion(walk.assign(hop=pd.array([0, 1, 2, None], dtype="Int64")))
    widgets.explore_expansion(walk.assign(hop=pd.Series([0, 1, 2, None], dtype=object)))
    for hops in (["one"] * 4, list("0123"), [0, 1, 2, "3"]):
        with pytest.raises(InputError, match="hops of an expansion must be numbers"):
            widgets.explore_expansion(walk.assign(hop=hops))


def test_thousands_of_terms_are_searched_and_few_sent():
    terms = [f"词{i}" for i in range(20_000)]
    walk = pd.DataFrame({"term": terms, "hop": [0] + [1] * 19_999, "parent": [""] + [terms[0]] * 19_999})
    panel = widgets.explore_expansion(walk.assign(similarity=0.5))
    panel.choose(terms[0])
    _ = panel.view
    assert max(len(panel.controls[name].rows) for name in ("found", "chain", "children")) == 30
    assert "It brought in 19,999:" in repr(panel) and len(repr(panel)) < 1000
    panel.controls["search"].value = "词19999"
    assert panel.term == "词19999"


# --- where nobody can click -----------------------------------------------------------------------------------


SOURCE = """
import pandas as pd
from termmine import widgets
words = pd.DataFrame({"term": ["蜂王", "<b>$x$</b>"], "count": [9, 5], "hop": 0, "parent": "", "similarity": 1.0})
sheet = words.assign(rank=1, score=1.0, context="", verdict="", note="")
widgets.show_table(words)
widgets.explore_thresholds(words, {"count": 6})
widgets.pick_seeds(words["term"], "seeds.txt")
widgets.review_terms(sheet, "judging.csv")
widgets.explore_expansion(words)
"""
COMMANDS = {
    "papermill": "papermill in.ipynb out.ipynb --no-progress-bar",
    "nbconvert": "jupyter nbconvert --to notebook --execute in.ipynb --output out.ipynb",
    "jupyter execute": "jupyter execute in.ipynb --output out.ipynb",
    "papermill in a session": "papermill in.ipynb out.ipynb --no-progress-bar",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_execute_panels(tmp_path, name):
    *setup, table, sliders, picker, reviewer, explorer = SOURCE.strip().splitlines()
    cells = [new_code_cell("\n".join(setup)), *map(new_code_cell, (table, sliders, picker, reviewer, explorer))]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(
        new_notebook(cells=[new_markdown_cell("# Panels"), *cells], metadata=metadata), tmp_path / "in.ipynb"
    )
    plain = "session" not in name
    environment = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    environment |= {} if plain else {"JPY_SESSION_NAME": "in.ipynb"}
    program, *arguments = COMMANDS[name].split()
    command = [sys.executable, "-m", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells[2:] for output in cell.outputs]
    assert [output.output_type for output in outputs[-5:]] == ["execute_result"] * 5
    kinds = {"text/html", "text/plain"} | ({"application/vnd.jupyter.widget-view+json"} if not plain else set())
    assert all(set(output.data) == kinds for output in outputs[-5:])
    assert ("widgets" in notebook.metadata) != plain
    page = Page(report.notebook_page(tmp_path / "out.ipynb"))
    assert page.text.count("In JupyterLab this can be played with") == 5
    assert len(page.all("script")) == 1 and not page.all("b") and "<b>$x$</b>" in page.text
    assert {path.name for path in tmp_path.glob("[a-z]*.*")} == {"in.ipynb", "out.ipynb"}

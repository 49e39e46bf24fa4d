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


def press(panel, key):
    panel.view.children[-1]._handle_custom_msg({"key": key}, [])


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


def test_the_plain_form_imports_no_widgets(tmp_path):
    code = (
        "import sys; import pandas as pd; from termmine import widgets\n"
        "widgets.show_table(pd.DataFrame({'term': ['蜂王']}))._repr_mimebundle_()\n"
        "print([name for name in ('ipywidgets', 'anywidget', 'itables') if name in sys.modules])"
    )
    environment = os.environ | {widgets.PLAIN: "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_plain_form_has_simple_tags_and_hostile_strings_are_text_in_it(tmp_path):
    allowed = {"table", "thead", "tbody", "tr", "th", "td", "p", "strong", "ul", "li"}
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
        assert tags <= {"p", "strong", "span", "table", "tr", "td", "small"}, name
    cut = Page(panels["thresholds"].controls["lists"].value).text
    assert all(string in cut.replace("\u00a0", " ") for string in HOSTILE)
    assert panels["review"].controls["card"].value.count(html.escape(HOSTILE[1])) == 2  # the heading, the context
    rows = json.loads(panels["table"].controls["table"]._dt_args["data_json"])
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
    assert "seeds.txt is not UTF-8" in html.unescape(picker.controls["told"].value) and picker.seeds == []
    path.unlink()
    click(picker.controls["offer"], "蜂王", "accept")
    assert picker.controls["told"].value == "" and picker.seeds == ["蜂王"]


# --- a table ------------------------------------------------------------------------------------------------


def test_a_table_holds_all_rows_in_its_view_and_the_first_in_its_plain_form():
    frame = pd.DataFrame({"term": [f"词{i}" for i in range(100)], "pmi": np.arange(100) / 3})
    panel = widgets.show_table(frame, rows=70)
    assert len(Page(panel._repr_mimebundle_()["text/html"]).all("tr")) == 71
    assert repr(panel).endswith("70 of 100 rows")
    rows = json.loads(panel.controls["table"]._dt_args["data_json"])
    assert len(rows) == 100 and rows[1] == ["词1", 0.3333]
    assert panel.controls["table"]._dt_args["pageLength"] == 70 and panel.controls["note"].value == ""


def test_a_large_table_stays_below_what_jupyter_sends():
    wide = pd.DataFrame({"term": ["蜂王产卵"] * 30_000} | {f"column {i}": np.pi for i in range(20)})
    panel = widgets.show_table(wide)
    _ = panel.view
    held = panel.controls["table"]._dt_args["data_json"]
    assert 1e6 < len(held) < 2.5e6
    assert f"The first {len(json.loads(held)):,} of 30,000 rows are here" in panel.controls["note"].value


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
    assert "Kept 3 of 4 words" in lists.value and panel.controls["count note"].value == "1 below"
    panel.controls["count"].value = 30
    assert "Kept 2 of 4 words" in lists.value and panel.kept["term"].tolist() == ["蜂王", "工蜂"]
    assert panel.controls["count note"].value == "2 below"
    panel.controls["pmi"].value = 3.5
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
    slider = panel.controls["value"]
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


def test_what_a_slider_rounds_is_no_move():
    words = pd.DataFrame({"term": ["甲", "乙"], "value": [0.1 + 0.2, 0.5]})
    panel = widgets.explore_thresholds(words, {"value": 0.1 + 0.2})
    _ = panel.view
    panel.controls["value"].value = 0.3 + 1e-12
    assert len(panel.kept) == 2
    panel.controls["value"].value = 0.31
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
    _ = reviewer.view
    press(reviewer, "y")
    assert judging.read_verdicts(path)["verdict"].tolist() == ["yes", "", "", ""] and reviewer.term == "工蜂"
    press(reviewer, " ")
    assert reviewer.term == "巢脾"
    reviewer.controls["no"].click()
    assert judging.read_verdicts(path)["verdict"].tolist() == ["yes", "", "no", ""] and reviewer.term == "蜂胶"
    press(reviewer, "backspace")
    assert reviewer.term == "巢脾" and "you said no" in reviewer.controls["card"].value
    press(reviewer, "y")
    assert reviewer.term == "蜂胶" and reviewer.controls["bar"].value == 2
    assert "2 of 4 judged" in reviewer.controls["progress"].value
    press(reviewer, "n")
    assert reviewer.term == "工蜂", "what was put off comes again"
    press(reviewer, "n")
    assert reviewer.term == "" and "4 of 4 judged" in repr(reviewer) and reviewer.controls["yes"].disabled
    for key in ("y", " "):
        press(reviewer, key)  # there is nothing to judge
    verdicts = judging.read_verdicts(path)
    assert verdicts.values.tolist() == reviewer.sheet[verdicts.columns.tolist()].values.tolist()
    assert verdicts["verdict"].tolist() == ["yes", "no", "yes", "no"]
    corrected = judging.corrected_precision(TERMS, [], verdicts, 4)
    assert corrected["precision_corrected"].tolist() == [0.5] and corrected["judged"].tolist() == [4]
    press(reviewer, "backspace")
    assert reviewer.term == "工蜂"


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


def test_verdicts_that_clash_are_told(tmp_path):
    path = tmp_path / "judging.csv"
    reviewer = widgets.review_terms(make_sheet(), path)
    _ = reviewer.view
    press(reviewer, "y")
    judging.write_sheet(make_sheet(TERMS, ["no", "", "", ""]), path)
    press(reviewer, "y")
    assert "蜂王: verdict is" in reviewer.controls["told"].value and reviewer.term == "工蜂"
    assert reviewer.sheet["verdict"].tolist() == ["yes", "", "", ""]
    with pytest.raises(InputError, match="keep one of them"):
        widgets.review_terms(reviewer.sheet, path)


def test_contexts_are_those_of_the_term_or_the_sheets_own(tmp_path):
    contexts = judging.contexts(TERMS, ["换一张巢脾", "巢脾旧了"])
    reviewer = widgets.review_terms(make_sheet(), tmp_path / "judging.csv", contexts=contexts)
    assert "看 蜂王 在" in repr(reviewer)
    for _ in range(2):
        reviewer.later()
    assert repr(reviewer).splitlines()[1:] == ["巢脾 – a term of the field?", "换一张 巢脾 ", " 巢脾 旧了"]
    _ = reviewer.view
    assert reviewer.controls["card"].value.count("<tr>") == 2
    bare = widgets.review_terms(make_sheet().assign(context=""), tmp_path / "judging.csv")
    _ = bare.view
    assert bare.controls["card"].value.count("<tr>") == 0


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


# --- under papermill ------------------------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """(folder, notebook) by whether widgets were left out."""
    import papermill

    *setup, table, sliders, picker, reviewer, explorer = SOURCE.strip().splitlines()
    cells = [new_code_cell("\n".join(setup)), *map(new_code_cell, (table, sliders, picker, reviewer, explorer))]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    found = {}
    for plain in (True, False):
        folder = tmp_path_factory.mktemp("panels")
        nbformat.write(
            new_notebook(cells=[new_markdown_cell("# Panels"), *cells], metadata=metadata), folder / "in.ipynb"
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(widgets.PLAIN, "1") if plain else patch.delenv(widgets.PLAIN, raising=False)
            papermill.execute_notebook(folder / "in.ipynb", folder / "out.ipynb", cwd=folder, progress_bar=False)
        found[plain] = folder, nbformat.read(folder / "out.ipynb", as_version=4)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("plain", [True, False])
def test_papermill_executes_panels(executed, plain):
    folder, notebook = executed[plain]
    outputs = [output for cell in notebook.cells[2:] for output in cell.outputs]
    assert [output.output_type for output in outputs[-5:]] == ["execute_result"] * 5
    kinds = {"text/html", "text/plain"} | ({"application/vnd.jupyter.widget-view+json"} if not plain else set())
    assert all(set(output.data) == kinds for output in outputs[-5:])
    assert ("widgets" in notebook.metadata) != plain
    page = Page(report.notebook_page(folder / "out.ipynb"))
    assert page.text.count("In JupyterLab this can be played with") == 5
    assert len(page.all("script")) == 1 and not page.all("b") and "<b>$x$</b>" in page.text
    assert {path.name for path in folder.glob("[a-z]*.*")} == {"in.ipynb", "out.ipynb"}

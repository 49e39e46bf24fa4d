"""How does one play with it?

Panels of sliders, buttons and tables in JupyterLab; the same as plain text wherever nothing can be clicked: under
papermill, on paper, on a page. What comes from a corpus is shown as text, whatever it looks like.
"""

import html
import math
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from termmine import corpus, evaluation, export, judging
from termmine.errors import InputError, shown

if TYPE_CHECKING:  # imported when a view is built
    from ipywidgets import VBox, Widget

PLAIN = "TERMMINE_PLAIN"
"""The environment variable that decides whether widgets are left out: not if it is 0 or empty."""

_FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID", "VSCODE_CWD", "COLAB_RELEASE_TAG")  # set by Jupyter, VS Code, Colab
_TEMPLATES = Path(__file__).parent / "templates"
_MOST_ROWS = 20_000  # of a table
_LISTED = 30  # terms of a list in the explorer
_LONGEST = 200  # characters of a seed, as ``corpus.read_terms`` wants it
_UNTYPESET = "mathjax_ignore tex2jax_ignore"  # else $…$ would become a formula

Block = tuple[str, str] | list[tuple[str, str, str]] | pd.DataFrame
"""A paragraph (what is stressed, the rest), contexts (left, term, right), or a table."""


@cache
def _anywidgets() -> tuple[type, type]:
    """Two widgets of ours: the keys and buttons of a panel, and rows of terms with buttons."""
    import anywidget
    import traitlets

    class Keys(anywidget.AnyWidget):
        _esm, _css = _TEMPLATES / "panel.js", _TEMPLATES / "panel.css"
        buttons = traitlets.List().tag(sync=True)  # [action, key, label, style]
        off = traitlets.List().tag(sync=True)  # actions that cannot be asked for now

    class Rows(anywidget.AnyWidget):
        _esm = _TEMPLATES / "rows.js"
        rows = traitlets.List().tag(sync=True)  # [term, note]
        actions = traitlets.List().tag(sync=True)  # a button each; none: the term itself is one

    return Keys, Rows


# --- what all panels are ----------------------------------------------------------------------------------


def is_live() -> bool:
    """Whether somebody can click: widgets are shown, and else the plain form.

    ``TERMMINE_PLAIN`` decides if it is set: 0 or empty for widgets, anything else for the plain form. Otherwise a front
    end must have said that it is there, in the kernel's environment: JupyterLab, Jupyter Notebook, VS Code and Colab
    do, papermill, ``jupyter nbconvert --execute`` and ``jupyter execute`` do not.
    """
    plain = os.environ.get(PLAIN)
    return plain in ("", "0") if plain is not None else not os.environ.keys().isdisjoint(_FRONT_ENDS)


class Panel(ABC):
    """What can be played with in JupyterLab, and read anywhere else.

    A notebook shows it as the last value of a cell. ``controls`` has the widgets by name once the view is built.
    """

    _hint: ClassVar[str]  # what JupyterLab adds

    def __init__(self) -> None:
        self.controls: dict[str, Widget] = {}
        self.message = ""  # why the last click did nothing

    @abstractmethod
    def _blocks(self) -> list[Block]:
        """What is shown now, for those who can only read."""

    @abstractmethod
    def _build(self) -> list["Widget"]:
        """Fill ``controls``, and say what stands below what."""

    @abstractmethod
    def _refresh(self) -> None:
        """Make the controls show what is the case."""

    @cached_property
    def view(self) -> "VBox":
        """The widgets."""
        from ipywidgets import VBox

        view = VBox([*self._build(), self._keys()])
        view.add_class("termmine-panel")
        self._refresh()
        return view

    def _keys(self) -> "Widget":
        """What keeps the keys from JupyterLab."""
        return _anywidgets()[0]()

    def _update(self) -> None:
        if self.controls:
            self._refresh()

    def _tell(self, call: Callable[[], object], *_: object) -> None:
        """Do what a click asked for; what went wrong is said in the panel, where the one who clicked looks."""
        self.message = ""
        try:
            call()
        except (InputError, OSError, UnicodeError) as error:
            self.message = str(error)
        self._update()

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        bundle = dict(self.view._repr_mimebundle_()) if is_live() else {}
        hint: Block = ("", f"In JupyterLab this can be played with: {self._hint}")
        return bundle | {"text/plain": repr(self), "text/html": _as_html([*self._blocks(), hint])}

    def __repr__(self) -> str:
        return "\n".join(map(_as_text, self._blocks()))


def _as_text(block: Block) -> str:
    """A block without any mark.

    >>> _as_text(("Kept:", "蜂王")), _as_text([("看", "蜂王", "在")])
    ('Kept: 蜂王', '看 蜂王 在')
    """
    if isinstance(block, pd.DataFrame):
        return block.to_string(index=False, float_format=_number, na_rep="")
    return "\n".join(map(" ".join, block)) if isinstance(block, list) else " ".join(filter(None, block))


def _as_html(blocks: Sequence[Block]) -> str:
    """Blocks as tables, lists and paragraphs, without style, script or formula.

    >>> _as_html([("Kept", "a<b & c")])
    '<p class="mathjax_ignore tex2jax_ignore"><strong>Kept</strong> a&lt;b &amp; c</p>'
    """
    parts = []
    for block in blocks:
        if isinstance(block, pd.DataFrame):
            form = {"index": False, "float_format": _number, "na_rep": "", "border": 0, "justify": "left"}
            with pd.option_context("display.max_colwidth", None):
                parts.append(block.to_html(classes=_UNTYPESET, **form))
        elif isinstance(block, list):
            form = "<li><span>{}</span><strong>{}</strong><span>{}</span></li>"
            items = (form.format(*_escaped(context)) for context in block)
            parts.append(f'<ul class="{_UNTYPESET}">{"".join(items)}</ul>')
        else:
            stressed, rest = _escaped(block)
            rest = rest.replace(" · ", "\u00a0· ")  # no line begins with a point
            parts.append(f'<p class="{_UNTYPESET}">{stressed and f"<strong>{stressed}</strong> "}{rest}</p>')
    return "\n".join(parts)


def _escaped(texts: Sequence[str]) -> list[str]:
    return [html.escape(text) for text in texts]


def _number(value: float) -> str:
    """Four digits, or all before the point.

    >>> [_number(value) for value in (0.123456, 12.0, 1234.5678, float("nan"))]
    ['0.1235', '12', '1,235', '']
    """
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if 1000 <= abs(value) < math.inf else f"{value:.4g}"


def _joined(terms: Sequence[str], most: int) -> str:
    """The first terms, and how many more there are.

    >>> _joined(["蜂王", "巢脾", "蜂胶"], 2)
    '蜂王 · 巢脾 … and 1 more'
    """
    rest = f" … and {len(terms) - most:,} more" if len(terms) > most else ""
    return " · ".join(terms[:most]) + rest


def _html_box(*classes: str) -> "Widget":
    from ipywidgets import HTML

    box = HTML()
    for name in classes:
        box.add_class(name)
    return box


def _text_box(placeholder: str) -> "Widget":
    from ipywidgets import Layout, Text

    return Text(placeholder=placeholder, layout=Layout(width="auto", min_width="8em", flex="1 1 auto", height="34px"))


def _row(*children: "Widget") -> "Widget":
    """Side by side, or one below the other where there is no room."""
    from ipywidgets import HBox, Layout

    return HBox(children, layout=Layout(flex_flow="row wrap", align_items="center"))


def _columns(*children: Sequence["Widget"]) -> "Widget":
    from ipywidgets import HBox, Layout, VBox

    boxes = [VBox(column, layout=Layout(flex="1 1 16em", width="auto")) for column in children]
    return HBox(boxes, layout=Layout(flex_flow="row wrap", align_items="flex-start", grid_gap="8px"))


def _rows(actions: Sequence[str], answer: Callable[[str, str], object]) -> "Widget":
    """Rows of terms; ``answer`` gets the term and the action of the button that was clicked."""
    rows = _anywidgets()[1](actions=list(actions))
    rows.on_msg(lambda _, content, __: answer(content["term"], content["action"]))
    return rows


# --- a table ------------------------------------------------------------------------------------------------


def show_table(frame: pd.DataFrame, *, rows: int = 20) -> Panel:
    """A frame that can be searched and sorted.

    Parameters
    ----------
    frame : any; an index without a name is left out. Numbers have four digits, or all before the point
    rows : of a page, and of what is shown where nothing can be clicked

    Returns
    -------
    panel : of more than 20,000 rows it holds the first only, and says so

    Raises
    ------
    InputError : ``frame`` is no DataFrame, or ``rows`` is below 1

    >>> show_table(pd.DataFrame({"term": ["蜂王", "巢脾"], "pmi": [2.5, 1.25]}), rows=1)
    term  pmi
      蜂王  2.5
    1 of 2 rows
    """
    evaluation.check_rank("rows", rows)
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"a table needs a DataFrame, got {type(frame).__name__}; call its to_frame(), if it has one")
    return _Table(frame, rows)


class _Table(Panel):
    _hint = "search it, or click a heading to sort."

    def __init__(self, frame: pd.DataFrame, rows: int) -> None:
        super().__init__()
        named = any(name is not None for name in frame.index.names)
        held = frame.head(_MOST_ROWS).reset_index(drop=not named, allow_duplicates=True)
        columns = {i: _writable(held.iloc[:, i]) for i in range(held.shape[1])}  # two may have one name
        self.frame = pd.DataFrame(columns, index=held.index).set_axis(held.columns, axis=1).rename(columns=_text)
        self.rows, self._total = rows, len(frame)

    def _blocks(self) -> list[Block]:
        head = self.frame.head(self.rows)
        return [head, ("", f"{len(head):,} of {self._total:,} rows")]

    def _build(self) -> list["Widget"]:
        from itables.widget import ITable

        table = ITable(
            self.frame,
            pageLength=self.rows,
            layout={"topStart": "search", "topEnd": None, "bottomStart": "info", "bottomEnd": "paging"},
            maxBytes=0,
            format_floats_in_python=False,  # which would send each twice
            allow_html=False,
            text_in_header_can_be_selected=False,  # a click on it sorts
            style="table-layout:auto;width:auto;margin:0",
        )
        self.controls = {"table": table, "note": _html_box()}
        return [*self.controls.values()]

    def _refresh(self) -> None:
        held, told = len(self.frame), "The first {:,} of {:,} rows are here; give fewer to search the others."
        self.controls["note"].value = _as_html([("", told.format(held, self._total))]) if held < self._total else ""


def _writable(column: pd.Series) -> pd.Series:
    """Numbers as they are shown, still numbers, so that they sort; all else as text that JSON takes."""
    if pd.api.types.is_float_dtype(column) or (pd.api.types.is_integer_dtype(column) and column.hasnans):
        values = column.to_numpy(float, na_value=np.nan).tolist()
        return pd.Series([float(_number(value).replace(",", "") or "nan") for value in values], column.index, float)
    return column if column.dtype.kind in "biucmM" else column.astype(object).map(_text)


def _text(value: object) -> object:
    r"""Numbers are left; half of a surrogate pair is escaped, for no message can hold it.

    >>> _text("\ud800"), _text(b"a"), _text(7), _text(None)
    ('\\ud800', "b'a'", 7, '')
    """
    if pd.api.types.is_number(value):
        return value
    missing = pd.api.types.is_scalar(value) and pd.isna(value)
    return "" if missing else str(value).encode("utf-8", "backslashreplace").decode()


# --- thresholds ---------------------------------------------------------------------------------------------


def explore_thresholds(frame: pd.DataFrame, thresholds: Mapping[str, float], *, topn: int = 60) -> "ThresholdExplorer":
    """A slider a column: which words reach all of them, and which do not.

    Parameters
    ----------
    frame : ``term`` and the columns of ``thresholds``, in the order in which words are to be listed
    thresholds : column: the least value at the beginning, in the column's unit; a missing value reaches none
    topn : words listed; of those that are cut a third as many, each with the values that are too small

    Returns
    -------
    panel : its ``kept`` is the frame of the words that reach all thresholds, as the sliders stand

    Raises
    ------
    InputError : a column is missing or holds no numbers, no threshold is given, or one is not a finite number

    >>> words = pd.DataFrame({"term": ["蜂王", "的蜂"], "pmi": [4.0, 0.5]})
    >>> explore_thresholds(words, {"pmi": 1}).kept["term"].tolist()
    ['蜂王']
    """
    evaluation.check_columns("the words", frame, ("term", *thresholds))
    evaluation.check_rank("topn", topn)
    if not thresholds:
        raise InputError("thresholds must name at least one column, got none; give e.g. {'pmi': 1.0}")
    for name, value in thresholds.items():
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise InputError(f"the column {name} must hold numbers, got {frame[name].dtype}; choose another")
        if not isinstance(value, int | float | np.number) or not math.isfinite(value):
            raise InputError(f"the threshold of {name} must be a finite number, got {shown(value)}")
    return ThresholdExplorer(frame, thresholds, topn)


class ThresholdExplorer(Panel):
    """What ``explore_thresholds`` returns; ``sliders`` has them by column once the view is built."""

    _hint = "move the sliders, and see which words stay."

    def __init__(self, frame: pd.DataFrame, thresholds: Mapping[str, float], topn: int) -> None:
        super().__init__()
        self._frame = frame.reset_index(drop=True)
        self._terms = self._frame["term"].astype(str)
        self._values = {name: self._frame[name].to_numpy(float, na_value=np.nan) for name in thresholds}
        self.thresholds = {name: float(value) for name, value in thresholds.items()}
        self._topn = topn
        self.sliders: dict[str, Widget] = {}
        self._notes: dict[str, Widget] = {}

    @property
    def kept(self) -> pd.DataFrame:
        """The words that reach all thresholds."""
        return self._frame[~self._below().any(axis=1)].reset_index(drop=True)

    def _below(self) -> np.ndarray:
        """(words, thresholds): which value is too small."""
        return np.column_stack([~(self._values[name] >= least) for name, least in self.thresholds.items()])

    def _blocks(self) -> list[Block]:
        below = self._below().sum(axis=0)
        table = {"column": [*self.thresholds], "at least": [*self.thresholds.values()], "words below": below}
        return [pd.DataFrame(table), *self._lists("")]

    def _lists(self, search: str) -> list[Block]:
        cut = self._below().any(axis=1)
        found = self._terms.str.contains(search, regex=False).to_numpy(bool)
        kept, lost = np.flatnonzero(~cut & found), np.flatnonzero(cut & found)
        those = f" with {search}" if search else ""
        few = -(-self._topn // 3)
        named = [f"{self._terms[i]} ({self._reasons(i)})" for i in lost[:few].tolist()]
        named += [""] * (lost.size - len(named))  # only counted
        return [
            (f"Kept {kept.size:,} of {found.sum():,} words{those}:", _joined(self._terms[kept].tolist(), self._topn)),
            (f"Cut {lost.size:,}:", _joined(named, few)),
        ]

    def _reasons(self, row: int) -> str:
        """The values of a word that are too small."""
        values = {name: self._values[name][row] for name in self.thresholds}
        short = [(name, value) for name, value in values.items() if not value >= self.thresholds[name]]
        return ", ".join(f"{name} {_number(value) or 'missing'}" for name, value in short)

    def _build(self) -> list["Widget"]:
        self.controls = {"search": _text_box("search a word"), "lists": _html_box()}
        self.controls["search"].observe(lambda _: self._refresh(), "value")
        for name, least in self.thresholds.items():
            self.sliders[name], self._notes[name] = _slider(name, self._frame[name], least), _html_box()
            self.sliders[name].observe(partial(self._move, name), "value")
        lines = map(_row, self.sliders.values(), self._notes.values())
        return [*lines, *self.controls.values()]

    def _move(self, name: str, change: Mapping[str, float]) -> None:
        if not math.isclose(change["new"], self.thresholds[name]):  # else the slider only rounded it
            self.thresholds[name] = float(change["new"])
            self._refresh()

    def _refresh(self) -> None:
        for name, count in zip(self.thresholds, self._below().sum(axis=0).tolist(), strict=True):
            self._notes[name].value = f"{count:,} below"
        self.controls["lists"].value = _as_html(self._lists(self.controls["search"].value.strip()))


def _slider(name: str, column: pd.Series, least: float) -> "Widget":
    """From the least to the greatest value; in whole numbers where the column is, by ratios where it is wide."""
    from ipywidgets import FloatSlider, IntSlider, Layout, SelectionSlider

    values = column.to_numpy(float, na_value=np.nan)
    values = np.append(values[np.isfinite(values)], least).clip(-1e300, 1e300)  # so that no difference is infinite
    values[np.abs(values) < 1e-300] = 0.0
    low, high, least = float(values.min()), float(values.max()), float(values[-1])
    layout, style = Layout(width="auto", flex="1 1 26em"), {"description_width": "8em"}
    form = {"value": least, "description": str(name), "layout": layout, "style": style}
    whole = pd.api.types.is_integer_dtype(column) and least == int(least)
    if low > 0 and (tens := math.log10(high) - math.log10(low)) >= 3:
        steps = np.geomspace(low, high, min(1 + math.ceil(20 * tens), 250)).tolist()
        steps = {*(round(step) if whole else float(f"{step:.3g}") for step in steps), least}
        return SelectionSlider(options=[(_number(float(step)), step) for step in sorted(steps)], **form)
    if whole:
        return IntSlider(min=int(low), max=int(high), **form | {"value": int(least)})
    step = 10.0 ** math.floor(math.log10((high - low) / 100)) if high > low else 0.1
    low, high = (least + step * turn((end - least) / step) for turn, end in ((math.floor, low), (math.ceil, high)))
    decimals = min(max(0, -math.floor(math.log10(step))), 20)
    return FloatSlider(min=low, max=high, step=step, readout_format=f".{decimals}f", **form)


# --- what is saved at once ------------------------------------------------------------------------------------


class _Saving(Panel):
    """A panel whose every click is in a file before it is shown."""

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__()
        self.path = os.fspath(path)
        self._file = Path(path).absolute()  # a notebook may change its folder
        if not self._file.parent.is_dir():
            raise InputError(f"there is no folder {self._file.parent} for {self._file.name}; make it first")

    def _save(self, write: Callable[[Path], object]) -> None:
        if corpus.exists(self._file) and not os.access(self._file, os.W_OK):  # to replace it would need no permission
            raise InputError(f"{self.path} is write-protected; permit writing, and click again")
        try:
            write(self._file)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}; free it, and click again") from None

    def _told(self) -> str:
        return _as_html([(self.message, "")]) if self.message else ""


# --- seeds ----------------------------------------------------------------------------------------------------


def pick_seeds(terms: Sequence[str], path: str | os.PathLike, *, topn: int = 200) -> "SeedPicker":
    """Choose seed words by clicking; each is saved as soon as it is accepted.

    Parameters
    ----------
    terms : best first
    path : a text file, one seed a line; the seeds that it holds already are taken up. It is not touched before a click
    topn : terms listed at a time; a search looks at all

    Returns
    -------
    picker : its ``seeds`` and ``rejected`` are lists, in the order of the clicks

    Raises
    ------
    InputError : the file cannot be read as ``corpus.read_terms`` does, or its folder does not exist
    """
    if isinstance(terms, str):
        raise TypeError("terms must be a list of strings, got one str")
    evaluation.check_rank("topn", topn)
    return SeedPicker(terms, path, topn)


class SeedPicker(_Saving):
    """What ``pick_seeds`` returns."""

    _hint = "accept and reject terms, add your own; every seed is saved at once."

    def __init__(self, terms: Sequence[str], path: str | os.PathLike, topn: int) -> None:
        super().__init__(path)
        self._terms, self._topn = list(dict.fromkeys(map(_one_line, terms))), topn
        self._lists = self._held(), ()
        self._before: list[tuple[tuple[str, ...], tuple[str, ...]]] = []

    @property
    def seeds(self) -> list[str]:
        """What was accepted, and what the file held."""
        return list(self._lists[0])

    @property
    def rejected(self) -> list[str]:
        """What was rejected; no file keeps it."""
        return list(self._lists[1])

    def accept(self, term: str) -> None:
        """Take a term, of the list or one's own, for a seed.

        Raises
        ------
        InputError : it is empty or too long, or the file cannot be written; then nothing has changed
        """
        term = _one_line(term)
        if not 0 < len(term) <= _LONGEST:
            raise InputError(f"a seed must have 1 to {_LONGEST} characters, got {len(term)}; give a word")
        self._take_up()
        if term not in self._lists[0]:
            self._set([*self.seeds, term], [other for other in self.rejected if other != term])

    def reject(self, term: str) -> None:
        """Take a term off the lists; a seed leaves the file.

        Raises
        ------
        InputError : the file cannot be written; then nothing has changed
        """
        term = _one_line(term)
        self._take_up()
        if term not in self._lists[1]:
            self._set([other for other in self.seeds if other != term], [*self.rejected, term])

    def undo(self) -> None:
        """Take the last click back, in the file, too."""
        self._take_up()
        if self._before:
            self._set(*self._before[-1])
            del self._before[-2:]

    def _held(self) -> tuple[str, ...]:
        """What the file holds now; it is empty where all was taken back."""
        is_file = self._file.is_file() and os.access(self._file, os.R_OK)
        blank = is_file and not self._file.read_text(encoding="utf-8-sig", errors="replace").strip()
        return () if blank or not corpus.exists(self._file) else tuple(corpus.read_terms(self._file))

    def _take_up(self) -> None:
        """The file may have been edited meanwhile: then it is right."""
        held = self._held()
        if held != self._lists[0]:
            self._before.clear()
            self._lists = held, tuple(term for term in self.rejected if term not in held)

    def _set(self, seeds: Sequence[str], rejected: Sequence[str]) -> None:
        if tuple(seeds) != self._lists[0]:
            self._save(partial(export.write_text, "".join(f"{seed}\n" for seed in seeds)))
        self._before.append(self._lists)
        self._lists = tuple(seeds), tuple(rejected)
        self._update()

    def _offered(self, search: str = "") -> list[str]:
        """The terms that nobody has decided on."""
        decided = {*self._lists[0], *self._lists[1]}
        return [term for term in self._terms if search in term and term not in decided]

    def _blocks(self) -> list[Block]:
        offered = self._offered()
        return [
            (f"Seeds in {self._file.name} ({len(self.seeds):,}):", _joined(self.seeds, _LISTED)),
            (f"Terms to choose from ({len(offered):,}):", _joined(offered, _LISTED)),
        ]

    def _build(self) -> list["Widget"]:
        from ipywidgets import Button

        self.controls = {
            "search": _text_box("search the terms"),
            "own": _text_box("a seed of your own"),
            "add": Button(description="Add", icon="plus"),
            "undo": Button(description="Undo", icon="undo"),
            "offer": _rows(("accept", "reject"), self._answer),
            "seeds": _rows(("remove",), self._answer),
        } | {name: _html_box(f"termmine-{name}") for name in ("offered", "picked", "told")}
        get = self.controls
        get["search"].observe(lambda _: self._refresh(), "value")
        get["own"].continuous_update = False  # its text comes with Enter, or when another place is clicked
        get["own"].observe(partial(self._tell, self._add), "value")
        get["add"].on_click(partial(self._tell, self._add))
        get["undo"].on_click(partial(self._tell, self.undo))
        left = get["offered"], get["search"], get["offer"]
        right = get["picked"], _row(get["own"], get["add"], get["undo"]), get["seeds"]
        return [_columns(left, right), get["told"]]

    def _answer(self, term: str, action: str) -> None:
        self._tell(partial(self.accept if action == "accept" else self.reject, term))

    def _add(self) -> None:
        if self.controls["own"].value.strip():  # a click on the button comes after the text
            self.accept(self.controls["own"].value)
            self.controls["own"].value = ""

    def _refresh(self) -> None:
        get, offered = self.controls, self._offered(_one_line(self.controls["search"].value))
        get["offer"].rows = [[term, ""] for term in offered[: self._topn]]
        get["seeds"].rows = [[term, ""] for term in reversed(self.seeds)]  # the last click on top
        more = f"(the first {self._topn:,} are shown)" if len(offered) > self._topn else ""
        get["offered"].value = _as_html([(f"Terms to choose from: {len(offered):,}", more)])
        rejected = f"({len(self.rejected):,} rejected)"
        get["picked"].value = _as_html([(f"Seeds in {self._file.name}: {len(self.seeds):,}", rejected)])
        get["told"].value = self._told()
        get["undo"].disabled = not self._before


def _one_line(term: str) -> str:
    """A term as ``corpus.read_terms`` will read it.

    >>> _one_line("　ＳＦ６\\n断路器 ")
    'SF6 断路器'
    """
    return corpus.fold(re.sub("[\r\n]+", " ", str(term))).strip()


# --- verdicts ---------------------------------------------------------------------------------------------------


def review_terms(
    sheet: pd.DataFrame, path: str | os.PathLike, *, contexts: pd.DataFrame | None = None
) -> "TermReviewer":
    """Judge one term after the other in its contexts, with the keyboard; each verdict is saved at once.

    Parameters
    ----------
    sheet : as ``judging.make_sheet`` or ``judging.carry_verdicts`` returns it; terms with rank 0 are not asked for
    path : where ``judging.write_sheet`` writes it; what was typed into that file, before or meanwhile, is right. It is
        not touched before a verdict
    contexts : as ``judging.contexts`` returns it; without, the sheet's own context is shown

    Returns
    -------
    reviewer : its ``sheet`` has the verdicts

    Raises
    ------
    InputError : a column or a term is missing, the file is no sheet, or its folder does not exist
    """
    evaluation.check_columns("the sheet", sheet, judging.COLUMNS)
    sheet = sheet.assign(term=_texts(sheet["term"]).str.strip(), context=_texts(sheet["context"]))
    if (sheet["term"] == "").any():
        raise InputError("each row of the sheet must have a term; drop the rows without")
    if contexts is not None:
        evaluation.check_columns("the contexts", contexts, ("term", "left", "right"))
        contexts = contexts[["left", "term", "right"]].apply(_texts)
    return TermReviewer(sheet, path, contexts)


def _texts(column: pd.Series) -> pd.Series:
    """Texts, "" where one is missing."""
    return column.astype(object).where(column.notna(), "").astype(str)


class TermReviewer(_Saving):
    """What ``review_terms`` returns."""

    _hint = "judge with y and n, space for later, backspace to go back; every verdict is saved at once."
    _buttons: ClassVar = (  # action, key, label, style
        ("yes", "y", "Yes  (y)", "mod-success"),
        ("no", "n", "No  (n)", "mod-danger"),
        ("later", " ", "Later  (space)", ""),
        ("back", "backspace", "Back  (⌫)", ""),
    )

    def __init__(self, sheet: pd.DataFrame, path: str | os.PathLike, contexts: pd.DataFrame | None) -> None:
        super().__init__(path)
        self._given = self._sheet = judging.carry_verdicts(sheet, sheet.head(0))
        self._take_up()
        self._asked = np.flatnonzero(self._given["rank"].to_numpy() > 0).tolist()
        self._contexts = {} if contexts is None else dict(list(contexts.groupby("term", sort=False)))
        self._back: list[int] = []
        self._at = self._next(-1)

    @property
    def sheet(self) -> pd.DataFrame:
        """The sheet with what the file holds now: verdicts, notes, and columns of the reader's own.

        Raises
        ------
        InputError : the file is no sheet any more
        """
        self._take_up()
        self._update()
        return self._sheet.copy()

    @property
    def term(self) -> str:
        """The one that is shown; "" when all are judged."""
        return "" if self._at is None else self._sheet.at[self._at, "term"]

    @property
    def _verdict(self) -> str:
        """The one that is shown."""
        return "" if self._at is None else self._sheet.at[self._at, "verdict"]

    def judge(self, verdict: str) -> None:
        """Say *yes* or *no* to the term that is shown, and go on.

        Raises
        ------
        InputError : another verdict, or the file cannot be written; or its verdict on this term is another one than was
            shown, and is shown now. Then nothing is written
        """
        if verdict not in ("yes", "no"):
            raise InputError(f"a verdict must be yes or no, got {shown(verdict)}")
        if self._at is None:
            return
        before = self._verdict
        self._take_up()
        if self._verdict not in (before, verdict):
            says = self._verdict or "nothing"
            raise InputError(f"{self.path} says {says} on {self.term} meanwhile; judge again to change it, or go on")
        judged = self._sheet.copy()
        judged.at[self._at, "verdict"] = verdict
        self._save(partial(judging.write_sheet, judged))
        self._sheet = judged
        self._go_on()

    def later(self) -> None:
        """Go on to the next term without a verdict, around the list."""
        self._take_up()
        self._go_on()

    def _go_on(self) -> None:
        if self._at is not None:
            self._back.append(self._at)
            self._at = self._next(self._at)
            self._update()

    def back(self) -> None:
        """Return to the term before; its verdict stays until another is given."""
        self._take_up()
        if self._back:
            self._at = self._back.pop()
            self._update()

    def _take_up(self) -> None:
        """The file may have been edited meanwhile: then it is right. The rows stay where they were."""
        if corpus.exists(self._file):
            held, bare = judging.read_verdicts(self._file), self._given.copy()
            typed = [name for name in held if name in bare and name not in judging.COLUMNS[:-2]]
            bare.loc[bare["term"].isin(held["term"]), typed] = ""
            self._sheet = judging.carry_verdicts(bare, held)

    def _next(self, row: int) -> int | None:
        left = [i for i in self._asked if self._sheet.at[i, "verdict"] == ""]
        return next((i for i in left if i > row), left[0] if left else None)

    def _progress(self) -> tuple[int, Block]:
        verdicts = self._sheet["verdict"].iloc[self._asked]
        yes, no = (verdicts == "yes").sum(), (verdicts == "no").sum()
        return int(yes + no), (
            f"{yes + no:,} of {verdicts.size:,} judged",
            f"({yes:,} yes, {no:,} no; {self._file.name})",
        )

    def _shown_contexts(self) -> list[tuple[str, str, str]]:
        """(left, term, right) of the term that is shown."""
        if self.term in self._contexts:
            return list(self._contexts[self.term].itertuples(index=False, name=None))
        left, mark, right = self._sheet.at[self._at, "context"].partition(f"【{self.term}】")
        return [(left, self.term if mark else "", right)] if left or mark else []

    def _blocks(self) -> list[Block]:
        if self._at is None:
            return [self._progress()[1]]
        return [self._progress()[1], (self.term, "– a term of the field?"), self._shown_contexts()]

    def _build(self) -> list["Widget"]:
        from ipywidgets import IntProgress, Layout

        bar = IntProgress(max=max(1, len(self._asked)), layout=Layout(width="auto", flex="1 1 8em"))
        boxes = {name: _html_box(f"termmine-{name}") for name in ("progress", "card", "told", "help")}
        boxes["help"].value = _as_html([("", "Click into this panel once, then the keys work.")])
        self.controls = boxes | {"bar": bar}
        return [_row(bar, boxes["progress"]), boxes["card"], boxes["told"], boxes["help"]]

    def _keys(self) -> "Widget":
        keys = _anywidgets()[0](buttons=list(map(list, self._buttons)))
        keys.on_msg(lambda _, content, __: self._press(**content))
        self.controls["buttons"] = keys
        return keys

    def _press(self, action: str, shown: str) -> None:
        if shown == self._shown():  # else the panel has moved on, and nobody saw what it shows now
            calls = {"later": self.later, "back": self.back}
            self._tell(calls.get(action, partial(self.judge, action)))

    def _shown(self) -> str:
        """What a press answers: the term, by its row, with its verdict."""
        return "" if self._at is None else f"{self._at} {self._verdict}"

    def _refresh(self) -> None:
        get, (done, progress) = self.controls, self._progress()
        get["bar"].value, get["progress"].value, get["told"].value = done, _as_html([progress]), self._told()
        get["card"].value = self._card()
        get["buttons"].off = ["yes", "no", "later"] * (self._at is None) + ["back"] * (not self._back)

    def _card(self) -> str:
        if self._at is None:
            return "<p>Nothing is left to judge. Evaluate again, and the verdicts count.</p>"
        said = f" <small>you said {self._verdict}</small>" if self._verdict else ""
        term = f'<span class="termmine-term">{html.escape(self.term)}</span>'
        return f'<p data-shown="{self._shown()}">{term}{said}</p>' + _as_html([self._shown_contexts()])


# --- the expansion ----------------------------------------------------------------------------------------------


def explore_expansion(expansion: pd.DataFrame) -> "ExpansionExplorer":
    """Which seed brought a word in, through which words, and what did the word bring in itself?

    Parameters
    ----------
    expansion : ``term, hop`` (0 for a seed; negative or missing: not reached), ``parent`` ("" for a seed),
        ``similarity`` (cosine to the parent's query vector), as ``expansion.expand_seeds`` returns it

    Returns
    -------
    panel : it begins with a term of the last hop

    Raises
    ------
    InputError : a column is missing, a term stands there twice, or a hop is no number
    """
    evaluation.check_columns("the expansion", expansion, ("term", "hop", "parent", "similarity"))
    if not expansion["term"].is_unique:
        raise InputError("the terms of an expansion must be distinct; give each one row")
    hops = expansion["hop"].dropna()
    if len(hops) and not pd.api.types.is_numeric_dtype(hops.infer_objects()):
        raise InputError(f"the hops of an expansion must be numbers, got {shown(hops.iloc[0])}; 0 is for seeds")
    return ExpansionExplorer(expansion)


class ExpansionExplorer(Panel):
    """What ``explore_expansion`` returns."""

    _hint = "type or click a term, and follow it back to its seed."

    def __init__(self, expansion: pd.DataFrame) -> None:
        super().__init__()
        frame = expansion[["term", "hop", "parent", "similarity"]].fillna({"parent": ""})
        frame = frame.astype({"term": str, "parent": str}).reset_index(drop=True)
        hops = pd.Series(frame["hop"].to_numpy(float, na_value=np.nan))
        frame["hop"] = hops.where(hops >= 0)  # else a term that was not reached
        self._frame = frame
        self._row = dict(zip(frame["term"], frame.index, strict=True))
        self._children = {parent: rows.index for parent, rows in frame.groupby("parent", sort=False)}
        hops = hops[hops >= 0]
        self.term: str = frame.at[hops.idxmax(), "term"] if len(hops) else next(iter(self._row), "")

    def choose(self, term: str) -> None:
        """Show a term.

        Raises
        ------
        InputError : the expansion does not hold it
        """
        if term not in self._row:
            raise InputError(
                f"{shown(term)} is not among the {len(self._row):,} terms of the expansion; search for another"
            )
        self.term = term
        self._update()

    @property
    def chain(self) -> pd.DataFrame:
        """``term, hop, parent, similarity`` of the term that is shown, its parent, and so on back to the seed."""
        rows: list[int] = []
        term = self.term
        while term in self._row and self._row[term] not in rows:
            rows.append(self._row[term])
            term = self._frame.at[rows[-1], "parent"]
        return self._frame.loc[rows].reset_index(drop=True)

    @property
    def brought_in(self) -> pd.DataFrame:
        """The same columns of the terms whose parent is the term that is shown."""
        rows = self._children.get(self.term, []) if self.term else []
        return self._frame.loc[rows].reset_index(drop=True)

    def _headings(self) -> tuple[str, str]:
        seed = "" if self.chain.empty else self.chain["term"].iloc[-1]
        hop = self._frame.at[self._row[self.term], "hop"] if self.term else math.nan
        about = "not reached" if pd.isna(hop) else "a seed" if hop == 0 else f"hop {hop:.0f}, from the seed {seed}"
        number = len(self.brought_in)
        brought = f"It brought in {number:,}:" if number else "It brought in no other."
        return (f"{self.term}: {about}", brought) if self.term else ("No term", "")

    def _blocks(self) -> list[Block]:
        about, brought = self._headings()
        children = _joined(self.brought_in["term"].tolist(), _LISTED)
        return [(about, ""), self.chain[["term", "hop", "similarity"]], ("", f"{brought} {children}".strip())]

    def _build(self) -> list["Widget"]:
        show = lambda term, _: self._tell(partial(self.choose, term))  # noqa: E731
        self.controls = {"search": _text_box("type a term, or a part of it")}
        self.controls |= {name: _rows((), show) for name in ("found", "chain", "children")}
        self.controls |= {name: _html_box() for name in ("number", "about", "brought")}
        get = self.controls
        get["search"].observe(self._search, "value")
        right = (get["about"], get["chain"], get["brought"], get["children"])
        return [_columns((get["search"], get["number"], get["found"]), right)]

    def _search(self, change: Mapping[str, str]) -> None:
        typed = change["new"].strip()
        self.term = typed if typed in self._row else self.term
        self._refresh()

    def _refresh(self) -> None:
        get, chain, brought_in = self.controls, self.chain, self.brought_in
        found = self._frame[self._frame["term"].str.contains(get["search"].value.strip(), regex=False)]
        get["number"].value = _as_html([("", f"{len(found):,} terms" + f", {_LISTED} shown" * (len(found) > _LISTED))])
        get["found"].rows = [[row.term, _hop(row.hop)] for row in found.head(_LISTED).itertuples()]
        about, brought = self._headings()
        get["about"].value, get["brought"].value = _as_html([(about, "")]), _as_html([("", brought)])
        get["chain"].rows = [[row.term, self._step(row)] for row in chain.itertuples()]
        get["children"].rows = [[row.term, self._step(row)] for row in brought_in.head(_LISTED).itertuples()]

    def _step(self, row: tuple) -> str:
        near = f", {_number(row.similarity)} to {row.parent}" if row.parent and not pd.isna(row.similarity) else ""
        return _hop(row.hop) + near


def _hop(hop: float) -> str:
    """A hop in words.

    >>> _hop(0), _hop(2.0), _hop(float("nan"))
    ('seed', 'hop 2', 'not reached')
    """
    return "not reached" if pd.isna(hop) else f"hop {hop:.0f}" if hop else "seed"

"""In which form do other tools want it?

The kept terms of a run, with what is known of each, as a table, a list, a segmenter's dictionary or a termbase.
"""

import io
import json
import math
import os
import re
import tempfile
import uuid
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pandas as pd

from termmine import evaluation, judging, manifests
from termmine.errors import InputError, shown
from termmine.export import read_frame, replacing

FORMATS = {
    "csv": "a table for spreadsheets and programs",
    "xlsx": "an Excel workbook",
    "jsonl": "JSON, one object a term",
    "plain": "one term a line",
    "jieba": "a user dictionary for jieba",
    "hanlp": "a custom dictionary for HanLP",
    "tbx": "TBX-Basic, ISO 30042:2019",
    "tbx2": "TBX-Basic of 2008, which older tools read",
    "skos": "SKOS in Turtle",
}
"""What ``render`` can write; all but xlsx are text in UTF-8."""

if TYPE_CHECKING:
    from rdflib import Namespace, URIRef

_NUMBERS = ("rank", "score", "count", "doc_freq", "background_count")
_TEXTS = ("head", "relation", "known", "verdict", "note")
_CONTEXTS = ("term", "document", "left", "right")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "termmine")  # of the ids that are made from terms
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_SKOS_XL = "http://www.w3.org/2008/05/skos-xl#"
_FORMULA = tuple("=+-@\t\r＝＋－＠")
_CELL = 32_767  # characters that Excel takes
_ROWS = 1_048_575  # below the header
_WITHOUT_CONTEXTS = ("plain", "jieba", "hanlp")
_TITLED = ("xlsx", "tbx", "tbx2", "skos")
# jieba takes the most probable way to part a text. No part of a word is more frequent than 了, 883,634 of the
# 60,101,967 occurrences in its dictionary, so no two parts together outweigh a word of more than 883,634²/60,101,967 =
# 12,991; the more words a user adds, the less they do. Frequencies that fall with the rank would tear fewer contexts
# of the best terms (3.2 % rather than the 4.4 % in render's docstring), but more of all terms' (15 % rather than 12 %).
_JIEBA_FLOOR, _JIEBA_MOST = 13_000, 880_000
_JAVA_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written, and what not.

    Parameters
    ----------
    written : terms
    left_out : reason → terms

    >>> print(Summary(1200, {"judged no": 3}))
    1,200 terms; left out: 3 judged no
    """

    written: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        told = "; left out: " + ", ".join(f"{n:,} {reason}" for reason, n in self.left_out.items())
        return f"{self.written:,} term{'s' * (self.written != 1)}{told if self.left_out else ''}"


# --- a run's terms ---------------------------------------------------------------------------------------------


def read(
    run: str | os.PathLike,
    *,
    top: int | None = None,
    min_score: float | None = None,
    reviewed_only: bool = False,
    known: str = "",
) -> pd.DataFrame:
    """The glossary that a run's folder holds. Nothing of the run is executed.

    The kept terms, less those that a reader judged *no*, which are left out always.

    Parameters
    ----------
    run : the folder
    top : terms at most, after the other conditions; None is all
    min_score : on the scale of the run's ``score``; None is any
    reviewed_only : only terms that a reader judged *yes* in ``judging.csv``; those of the reference and the seeds, for
        which it does not ask, have to be added to it
    known : "new" only terms that no list of known ones holds, "known" only the others, "" all

    Returns
    -------
    frame : best first: ``rank, term, score, count, doc_freq, background_count``; ``head, relation, known`` if the run
        has them; ``verdict, note`` of a reader. ``head`` is a term of this frame, or "": the next one above that was
        not left out, of a family whose main spelling was left out its best one

    Raises
    ------
    InputError : no run's folder, a damaged file, a condition that cannot be, or no term that meets them all
    """
    return _select(Path(run), top=top, min_score=min_score, reviewed_only=reviewed_only, known=known)[0]


def _select(
    run: Path, *, top: int | None = None, min_score: float | None = None, reviewed_only: bool = False, known: str = ""
) -> tuple[pd.DataFrame, dict[str, int]]:
    """What ``read`` returns, and how many terms that a reader judged were left out, by reason."""
    _check_conditions(top, min_score, known)
    kept, sheet = _kept(run), _read_sheet(run)
    kept = _with_verdicts(kept, sheet)
    if known and not _had_lists(run, kept):
        raise InputError(f"{run} had no list of known terms; run it again with --known LIST")
    wanted = pd.Series(True, kept.index)
    if min_score is not None:
        wanted &= kept["score"] >= min_score
    if reviewed_only:
        wanted &= kept["verdict"] != ""
    if known:
        wanted &= (kept["known"] != "") == (known == "known")
    refused = wanted & (kept["verdict"] == "no")
    chosen = kept[wanted & ~refused].head(top)
    lost = (sheet["verdict"] == "yes") & ~sheet["term"].isin(kept["term"]) & reviewed_only
    unasked = (kept["verdict"] == "") & kept["term"].isin(_vouched(run)) & reviewed_only
    missing = {
        "judged no": int(refused.sum()),
        "judged yes, but not kept by this run": int(lost.sum()),
        f"of the reference or the seeds, without a verdict of their own in {manifests.SHEET}": int(unasked.sum()),
    }
    missing = {reason: n for reason, n in missing.items() if n}
    if chosen.empty:
        raise InputError(_nothing_left(run, len(kept), missing, min_score, reviewed_only, known))
    return _resolved(chosen, kept), missing


def _vouched(run: Path) -> set[str]:
    """The reference's terms and the seeds, for which a reader is not asked."""
    lists = [run / name for name in ("losses.csv", "known.csv") if (run / name).is_file()]
    frames = [frame for frame in map(read_frame, lists) if "term" in frame]
    return {
        term for frame in frames for term in (frame[frame["list"] == "seeds"] if "list" in frame else frame)["term"]
    }


def _had_lists(run: Path, kept: pd.DataFrame) -> bool:
    """Whether the run was given lists of known terms: without any, all terms would seem new."""
    if metrics := manifests.read_metrics(run):
        return "known" in kept and "expansion.known_terms" in metrics
    return "known" in kept and (kept["known"] != "").any()


def _check_conditions(top: int | None, min_score: float | None, known: str) -> None:
    if top is not None:
        evaluation.check_rank("top", top)
    if min_score is not None and (isinstance(min_score, bool) or not math.isfinite(min_score)):
        raise InputError(f"min_score must be a number, got {shown(min_score)}; give one on the scale of the scores")
    if known not in ("", "new", "known"):
        raise InputError(f'known must be "new", "known" or "", got {shown(known)}')


def _nothing_left(
    run: Path, size: int, missing: Mapping[str, int], min_score: float | None, reviewed_only: bool, known: str
) -> str:
    advice = [
        "run it again with looser settings" if not size else "",
        f"give a lower min_score than {min_score:g}" if min_score is not None else "",
        f"judge terms yes in {manifests.SHEET}, or ask for those without a verdict too" if reviewed_only else "",
        f"ask for terms that are not {known} too" if known else "",
        f"change verdicts in {manifests.SHEET}" if "judged no" in missing else "",
    ]
    told = ", ".join([f"{size:,} are kept", *(f"{n:,} {reason}" for reason, n in missing.items())])
    return f"no term of {run} is left ({told}); {' or '.join(filter(None, advice))}"


def _kept(run: Path) -> pd.DataFrame:
    """The kept terms, best first, their columns checked: the folder may be somebody else's."""
    path = run / "terms.csv"
    if not path.is_file():
        why = ", it has no terms.csv" if run.is_dir() else ""
        raise InputError(f"{run} is not the folder of a finished run{why}; give the run's folder")
    terms = read_frame(path)
    evaluation.check_columns(os.fspath(path), terms, ("term", *_NUMBERS, "rejected_by"))
    terms = terms[terms["rejected_by"] == ""]
    _check_numbers(os.fspath(path), terms)
    if not terms["term"].is_unique or (terms["term"] == "").any():
        raise InputError(f"{path} has an empty term, or one twice; give the file as the run wrote it")
    names = ["rank", "term", *_NUMBERS[1:], *(name for name in _TEXTS[:3] if name in terms)]
    terms = terms[names].sort_values("rank", kind="stable", ignore_index=True)
    return terms.assign(**{name: terms[name].astype(str) for name in names if name in _TEXTS})


def _check_numbers(source: str, terms: pd.DataFrame) -> None:
    """Ranks and counts are whole and 0 or more, scores finite."""
    for name in _NUMBERS if len(terms) else ():
        is_score = name == "score"
        is_kind = pd.api.types.is_numeric_dtype if is_score else pd.api.types.is_integer_dtype
        least = -math.inf if is_score else -1
        if not is_kind(terms[name]) or terms[name].between(least, math.inf, inclusive="neither").sum() < len(terms):
            wanted = "finite numbers" if is_score else "whole numbers of 0 or more"
            raise InputError(f"{source} must have {wanted} as {name}; mend it")


def _read_sheet(run: Path) -> pd.DataFrame:
    """``term, verdict, note`` of a reader, without a row if there is no sheet."""
    path = run / manifests.SHEET
    sheet = judging.read_verdicts(path) if path.exists() else pd.DataFrame({"term": [], "verdict": []}, dtype=object)
    return sheet.reindex(columns=["term", "verdict", "note"], fill_value="")


def _with_verdicts(kept: pd.DataFrame, sheet: pd.DataFrame) -> pd.DataFrame:
    told = sheet.set_index("term").reindex(kept["term"], fill_value="")
    return kept.assign(verdict=told["verdict"].to_numpy(), note=told["note"].to_numpy())


def read_contexts(run: str | os.PathLike) -> pd.DataFrame:
    """The contexts that a run's folder holds.

    Parameters
    ----------
    run : the folder

    Returns
    -------
    frame : ``term, document, left, right``; without a row if the run looked for none

    Raises
    ------
    InputError : the file is damaged
    """
    path = Path(run) / "contexts.parquet"
    if not path.exists():
        return pd.DataFrame(columns=list(_CONTEXTS))
    contexts = read_frame(path)
    _check_contexts(os.fspath(path), contexts)
    return contexts[list(_CONTEXTS)]


def _check_contexts(source: str, contexts: pd.DataFrame) -> None:
    evaluation.check_columns(source, contexts, _CONTEXTS)
    if len(contexts) and not pd.api.types.is_integer_dtype(contexts["document"]):
        raise InputError(f"{source} must have whole numbers as document; give what the run wrote")
    for name in ("term", "left", "right"):
        _check_unicode(source, contexts[name])


# --- families ----------------------------------------------------------------------------------------------------


def _resolved(chosen: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """``chosen`` with heads that are among its terms; of ``kept``, which holds them, all heads are known."""
    if not {"head", "relation"} <= set(kept):
        return chosen.reset_index(drop=True)
    kinds = kept["relation"] == "kind"
    broader = dict(zip(kept["term"][kinds], kept["head"][kinds], strict=True))
    main = dict(zip(kept["term"], kept["head"].where(kept["relation"] == "spelling", kept["term"]), strict=True))
    label: dict[str, str] = {}  # main spelling -> itself, or the best one that was chosen
    for term in chosen["term"]:
        label[main[term]] = term if main[term] == term else label.get(main[term], term)
    found = [_head(term, main, broader, label) for term in chosen["term"]]
    heads, relations = zip(*found, strict=True) if found else ((), ())
    resolved = chosen.assign(head=list(heads), relation=list(relations)).reset_index(drop=True)
    _check_order(resolved)
    return resolved


def _head(term: str, main: Mapping[str, str], broader: Mapping[str, str], label: Mapping[str, str]) -> tuple[str, str]:
    """Under which chosen term it stands, and why."""
    family = main[term]
    if label[family] != term:
        return label[family], "spelling"
    seen = {family}
    while (above := broader.get(family)) is not None:
        family = main.get(above, above)
        if family in label and family not in seen:
            return label[family], "kind"
        if family in seen:  # only in a file that no run wrote
            break
        seen.add(family)
    return "", ""


def _check_order(glossary: pd.DataFrame) -> None:
    """Refuse heads that lead in a circle; each term is passed once."""
    above = dict(zip(glossary["term"], glossary["head"], strict=True))
    passed: set[str] = set()
    for term in above:
        chain = []
        while term and term not in passed:
            passed.add(term)
            chain.append(term)
            term = above[term]
        if term in chain:
            raise InputError(f"{term} stands under itself, by its head; give head and relation as a run wrote them")


# --- files ---------------------------------------------------------------------------------------------------------


def export(
    run: str | os.PathLike,
    path: str | os.PathLike | BinaryIO,
    format: str,
    *,
    title: str = "",
    language: str = "zh",
    **conditions: object,
) -> Summary:
    """Write the glossary of a run for another tool.

    Parameters
    ----------
    run : the folder
    path : the file, replaced if it is there, never half-written; or an open binary one. Of *xlsx*, its name ends in
        .xlsx
    format : one of ``FORMATS``
    title : of the termbase; "" is the name of the run's data set
    language : of the terms, BCP 47
    conditions : as ``read`` takes them

    Returns
    -------
    summary : terms written, and how many were left out why

    Raises
    ------
    InputError : as ``read`` and ``render`` raise it
    """
    _check_format(format, language)
    if format == "xlsx" and not hasattr(path, "write") and Path(path).suffix.lower() != ".xlsx":
        raise InputError(f"an Excel workbook must have a name that ends in .xlsx, got {path}; give another file")
    run = Path(run)
    glossary, missing = _select(run, **conditions)
    contexts = None if format in _WITHOUT_CONTEXTS else read_contexts(run)  # what is not needed may be damaged
    title = title or (_name(run) if format in _TITLED else "")
    write(glossary, contexts, path, format, title=title, language=language)
    inexpressible = left_out(glossary, format)
    return Summary(len(glossary) - sum(inexpressible.values()), missing | inexpressible)


def _name(run: Path) -> str:
    """Of the run's data set, as its manifest has it: the folder's would make equal runs differ."""
    manifest = run / "manifest.json"
    return str(manifests.read_manifest(manifest)["name"]) if manifest.exists() else "glossary"


def write(
    glossary: pd.DataFrame,
    contexts: pd.DataFrame | None,
    path: str | os.PathLike | BinaryIO,
    format: str,
    *,
    title: str = "glossary",
    language: str = "zh",
) -> None:
    """What ``render`` returns, into a file that is replaced if it is there, or into an open binary one."""
    data = render(glossary, contexts, format, title=title, language=language)
    if hasattr(path, "write"):
        path.write(data)
        return
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise InputError(f"{os.fspath(path)} cannot be written: {error.strerror}; give another file") from None


def render(
    glossary: pd.DataFrame,
    contexts: pd.DataFrame | None,
    format: str,
    *,
    title: str = "glossary",
    language: str = "zh",
) -> bytes:
    """A glossary in the form that other tools want. The same glossary gives the same bytes.

    Terms that a form cannot hold are left out; ``left_out`` counts them. A **concept** is a term that is no other's
    spelling, with its spellings; its id is made from the term alone, so that two runs agree on it.

    *csv*, *xlsx* : a row a term, its first context as 左【词】右. csv begins with a byte-order mark, else Excel takes
    it for another encoding; text that a spreadsheet would take for a formula (= + - @, tab or carriage return in front,
    full width too) has an apostrophe in front, as in ``judging.csv``. In xlsx it stands as it is, in text cells.
    *jsonl* : an object a term, its ``variants`` and ``contexts`` as lists.
    *plain* : as ``corpus.read_terms`` takes it back.
    *jieba* : ``term frequency n``; the frequency, 13,000 and the count, makes any two parts of the term less likely
    than the term, with jieba's own dictionary, so that alone it is cut whole. In a sentence another term of the list,
    or a common word, that overlaps it may win: of the contexts of the best 1,000 terms of a run on statutes, 1.7 %
    are torn with these terms in the list, 4.4 % with all 20,000. ``jieba.posseg`` parts at - and %.
    *hanlp* : ``term n count``, of HanLP 1.x (``CustomDictionaryPath``); call the file .txt.
    *tbx*, *tbx2* : a concept entry with its spellings as terms, contexts with their document, a cross-reference to
    the broader concept; rank, score and counts are a note, for the standard has no place for them.
    *skos* : a concept with ``prefLabel``, ``altLabel`` of the spellings, ``broader`` and ``narrower`` of the kinds,
    contexts as ``example``, the rank as ``notation``; score and counts in a namespace of their own. Each spelling is
    a SKOS-XL ``altLabel`` too, which has its own.

    Parameters
    ----------
    glossary : as ``read`` returns it; ``head, relation, known, verdict, note`` may be missing
    contexts : as ``read_contexts`` returns it, or None
    format : one of ``FORMATS``
    title : of the termbase
    language : of the terms, BCP 47

    Returns
    -------
    data : the file's bytes

    Raises
    ------
    InputError : a column is missing, a term comes twice, a text is no Unicode, no term can be held, or a library is
        missing

    Examples
    --------
    >>> row = {"rank": 1, "term": "蜂王", "score": 0.9, "count": 20, "doc_freq": 9, "background_count": 0}
    >>> render(pd.DataFrame([row]), None, "jieba").decode()
    '蜂王 13020 n\\n'
    """
    _check_format(format, language)
    glossary, contexts = _checked(glossary, contexts)
    _check_unicode("the title", pd.Series([title], dtype=object, name="title"))
    expressible = [not reason for reason in _reasons(glossary["term"], format)]
    if not any(expressible):
        raise InputError(f"{format} can hold none of the {len(glossary):,} terms; choose another format")
    chosen = _resolved(glossary[expressible], glossary)
    quoted = contexts[contexts["term"].isin(chosen["term"])]
    return _RENDERERS[format](_Termbase(chosen, _by_term(quoted), title, language))


def left_out(glossary: pd.DataFrame, format: str) -> dict[str, int]:
    """Of how many terms a format has no way to say them, by reason.

    Parameters
    ----------
    glossary : with a column ``term``
    format : one of ``FORMATS``

    >>> left_out(pd.DataFrame({"term": ["蜂王", "蜂 王", "蜂"]}), "jieba")
    {'with a character at which jieba parts words': 1, 'of one character, which jieba joins by its own rules': 1}
    """
    _check_format(format, "zh")
    return dict(Counter(filter(None, _reasons(glossary["term"], format))))


@dataclass(frozen=True, slots=True)
class _Termbase:
    """What a form is written from: terms whose heads are among them, and (document, left, right) by term."""

    glossary: pd.DataFrame
    contexts: Mapping[str, list[tuple[int, str, str]]]
    title: str
    language: str

    def concepts(self) -> Iterator[tuple[dict, list[dict]]]:
        """Each term that is no spelling of another, as a row, with the rows of its spellings."""
        rows = self.glossary.to_dict("records")
        spellings: dict[str, list[dict]] = {}
        for row in rows:
            if row["relation"] == "spelling":
                spellings.setdefault(row["head"], []).append(row)
        return ((row, spellings.get(row["term"], [])) for row in rows if row["relation"] != "spelling")

    def quotes(self, term: str) -> list[tuple[int, str]]:
        """(document, text) of a term's contexts."""
        return [(document, f"{left}{term}{right}".strip()) for document, left, right in self.contexts.get(term, ())]


def _check_format(format: str, language: str) -> None:
    if format not in FORMATS:
        raise InputError(f"format must be one of {', '.join(FORMATS)}, got {shown(format)}")
    if not _LANGUAGE.fullmatch(language):
        raise InputError(f"language must be a BCP 47 tag as zh or zh-Hant, got {shown(language)}")


def _checked(glossary: pd.DataFrame, contexts: pd.DataFrame | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same with all columns, the texts Unicode."""
    evaluation.check_columns("the glossary", glossary, ("term", *_NUMBERS))
    glossary = glossary.assign(**{name: "" for name in _TEXTS if name not in glossary}).reset_index(drop=True)
    glossary = glossary[["rank", "term", *_NUMBERS[1:], *_TEXTS]]
    if glossary["term"].duplicated().any():
        raise InputError("the terms of a glossary must be distinct; give each once")
    _check_numbers("the glossary", glossary)
    for name in ("term", *_TEXTS):
        _check_unicode("the glossary", glossary[name])
    contexts = pd.DataFrame(columns=list(_CONTEXTS)) if contexts is None else contexts
    _check_contexts("the contexts", contexts)
    return glossary, contexts


def _check_unicode(source: str, texts: pd.Series) -> None:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        around = error.object[max(error.start - 5, 0) : error.end + 5]
        raise InputError(f"{source}: {shown(around)} is no Unicode text, half of a surrogate pair; mend it") from None
    except TypeError:
        raise InputError(f"{source} must have texts as {texts.name}; give what the run wrote") from None


def _by_term(contexts: pd.DataFrame) -> dict[str, list[tuple[int, str, str]]]:
    found: dict[str, list[tuple[int, str, str]]] = {}
    for term, *rest in contexts[list(_CONTEXTS)].itertuples(index=False, name=None):
        found.setdefault(term, []).append(tuple(rest))
    return found


_LIMITS: dict[str, tuple[tuple[str, re.Pattern], ...]] = {
    "xlsx": ((f"longer than the {_CELL:,} characters of a cell", re.compile(rf"(?s).{{{_CELL + 1},}}")),),
    "plain": (
        ("with a line break, or blanks around it", re.compile(r"(?s)(.*[\r\n].*|[\s\ufeff].*|.*\s)")),
        ("longer than 200 characters", re.compile(r".{201,}")),  # which read_terms takes for a text
    ),
    "jieba": (
        ("with a character at which jieba parts words", re.compile(r"(?s).*[^\u4e00-\u9fd5a-zA-Z0-9+#&._%-].*")),
        ("of one character, which jieba joins by its own rules", re.compile(".")),
    ),
    "hanlp": (("with a blank or line break", re.compile(r"(?s)(.*[ \t\n\x0b\f\r].*|\ufeff.*)")),),
    "tbx": (("with a line break, tab or control character", re.compile(r"(?s).*[\t\n\r\x00-\x1f\ufffe\uffff].*")),),
}
_LIMITS["tbx2"] = _LIMITS["tbx"]


def _reasons(terms: Iterable[str], format: str) -> list[str]:
    """Why a format cannot hold a term, "" where it can."""
    limits = _LIMITS.get(format, ())
    return [next((reason for reason, pattern in limits if pattern.fullmatch(term)), "") for term in terms]


# --- tables ----------------------------------------------------------------------------------------------------------


def _table(base: _Termbase) -> pd.DataFrame:
    """The glossary with each term's first context."""
    first = {term: f"{left}【{term}】{right}".strip() for term, [(_, left, right), *_] in base.contexts.items()}
    return base.glossary.assign(context=[first.get(term, "") for term in base.glossary["term"]])


def _csv(base: _Termbase) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "glossary.csv"
        judging.write_sheet(_table(base), path)
        return path.read_bytes()


def _xlsx(base: _Termbase) -> bytes:
    import xlsxwriter

    table = _table(base)
    if len(table) > _ROWS:
        raise InputError(f"a sheet has room for {_ROWS:,} terms, the glossary has {len(table):,}; give a lower top")
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    book.set_properties({"title": base.title, "created": datetime(2000, 1, 1)})  # not now: the same bytes again
    styles = {False: None, True: book.add_format({"quote_prefix": True})}  # a text still when somebody edits it
    bold = book.add_format({"bold": True})
    sheet = book.add_worksheet("glossary")
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(table):
        values = table[name].tolist()
        sheet.write_string(0, column, name, bold)
        for row, value in enumerate(values, 1):
            if isinstance(value, str) and value:
                sheet.write_string(row, column, value[:_CELL], styles[value.startswith(_FORMULA)])
            elif value != "":
                sheet.write_number(row, column, value)
        sheet.set_column(column, column, _width([name, *values]))
    sheet.autofilter(0, 0, len(table), len(table.columns) - 1)
    book.close()
    return file.getvalue()


def _width(values: list) -> int:
    """Of a column, in digits: a Chinese character is as wide as two."""
    longest = max(len(value) + sum(not c.isascii() for c in value) for value in map(_shown, values))
    return min(longest + 3, 60)  # room for the filter's button


def _shown(value: object) -> str:
    """A number to 6 digits, as in ``terms.csv``."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _jsonl(base: _Termbase) -> bytes:
    variants: dict[str, list[dict]] = {}
    rows = base.glossary.to_dict("records")
    for row in rows:
        variants.setdefault(row["head"], []).append({"term": row["term"], "relation": row["relation"]})
    lines = []
    for row in rows:
        contexts = [dict(zip(_CONTEXTS[1:], found, strict=True)) for found in base.contexts.get(row["term"], ())]
        entry = row | {"variants": variants.get(row["term"], []), "contexts": contexts}
        lines.append(json.dumps(entry, ensure_ascii=False, allow_nan=False))
    text = "".join(f"{line}\n" for line in lines)
    for breaking in "\x85\u2028\u2029":  # which some readers take for the end of a line
        text = text.replace(breaking, f"\\u{ord(breaking):04x}")
    return text.encode()


# --- lists and dictionaries --------------------------------------------------------------------------------------


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _plain(base: _Termbase) -> bytes:
    return _lines(base.glossary["term"])


def _jieba(base: _Termbase) -> bytes:
    frequency = (base.glossary["count"] + _JIEBA_FLOOR).clip(upper=_JIEBA_MOST).astype(int)
    return _lines(f"{term} {n} n" for term, n in zip(base.glossary["term"], frequency, strict=True))


def _hanlp(base: _Termbase) -> bytes:
    counts = base.glossary["count"].clip(1, _JAVA_MOST).astype(int)
    return _lines(f"{term} n {n}" for term, n in zip(base.glossary["term"], counts, strict=True))


# --- termbases ---------------------------------------------------------------------------------------------------


def _id(term: str) -> uuid.UUID:
    """Of a term, the same in every run.

    >>> str(_id("蜂王"))
    'f2c4c0f3-c85f-508f-b7e9-2edd4fb88a0e'
    """
    return uuid.uuid5(_NAMESPACE, term)


@dataclass(frozen=True, slots=True)
class _Tags:
    """What the elements are called in an edition of the standard."""

    root: str
    header: str
    concept: str
    language: str
    term: str
    attributes: Mapping[str, str]


_TBX_3 = _Tags(
    "tbx",
    "tbxHeader",
    "conceptEntry",
    "langSec",
    "termSec",
    {"type": "TBX-Basic", "style": "dca", "xmlns": "urn:iso:std:iso:30042:ed-2"},
)
_TBX_2 = _Tags("martif", "martifHeader", "termEntry", "langSet", "tig", {"type": "TBX-Basic"})


def _tbx(base: _Termbase, tags: _Tags = _TBX_3) -> bytes:
    root = ET.Element(tags.root, {**tags.attributes, _XML_LANG: base.language})
    file = ET.SubElement(ET.SubElement(root, tags.header), "fileDesc")
    _add(ET.SubElement(file, "titleStmt"), "title", base.title)
    _add(ET.SubElement(file, "sourceDesc"), "p", "terms that termmine found in a corpus", lang="en")
    body = ET.SubElement(ET.SubElement(root, "text"), "body")
    for row, spellings in base.concepts():
        concept = ET.SubElement(body, tags.concept, {"id": f"c-{_id(row['term'])}"})
        if row["head"]:
            _add(concept, "ref", row["head"], type="crossReference", target=f"c-{_id(row['head'])}")
            _add(concept, "note", f"a kind of {row['head']}", lang="en")
        section = ET.SubElement(concept, tags.language, {_XML_LANG: base.language})
        for term in (row, *spellings):
            _add_term(ET.SubElement(section, tags.term, {"id": f"t-{_id(term['term'])}"}), term, base, bool(spellings))
    ET.indent(root, " ")
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _add_term(section: ET.Element, row: Mapping, base: _Termbase, has_spellings: bool) -> None:
    """A term section: which of the spellings it is, its numbers, its contexts."""
    _add(section, "term", row["term"])
    if has_spellings:
        is_main = row["relation"] != "spelling"
        status = "preferredTerm-admn-sts" if is_main else "admittedTerm-admn-sts"
        _add(section, "termNote", status, type="administrativeStatus")
        if not is_main:
            _add(section, "termNote", "variant", type="termType")
    _add(section, "note", "; ".join(_facts(row)), lang="en")
    if row["note"]:
        _add(section, "note", row["note"])
    for document, quote in base.quotes(row["term"]):
        group = ET.SubElement(section, "descripGrp")
        _add(group, "descrip", quote, type="context")
        _add(group, "admin", f"document {document}", type="source")


def _facts(row: Mapping) -> list[str]:
    """Column and value of what a termbase has no place for."""
    names = [*_NUMBERS, *(name for name in ("known", "verdict") if row[name])]
    return [f"{name} {_shown(row[name])}" for name in names]


def _add(parent: ET.Element, tag: str, text: str, *, lang: str = "", **attributes: str) -> None:
    """An element with text; what XML has no way to say becomes a replacement character."""
    element = ET.SubElement(parent, tag, attributes | ({_XML_LANG: lang} if lang else {}))
    element.text = _NO_XML.sub("\ufffd", text)


def _skos(base: _Termbase) -> bytes:
    import rdflib

    skos, own = rdflib.SKOS, rdflib.Namespace("urn:termmine:")
    graph = rdflib.Graph(bind_namespaces="none")
    spaces = {"skos": skos, "skosxl": _SKOS_XL, "dcterms": rdflib.DCTERMS, "xsd": rdflib.XSD, "termmine": own}
    for prefix, namespace in spaces.items():
        graph.bind(prefix, namespace)
    scheme = own[f"scheme-{_id(base.title)}"]
    graph.add((scheme, rdflib.RDF.type, skos.ConceptScheme))
    graph.add((scheme, rdflib.DCTERMS.title, rdflib.Literal(base.title, lang=base.language)))
    for row, spellings in base.concepts():
        concept = own[f"c-{_id(row['term'])}"]
        graph.add((concept, rdflib.RDF.type, skos.Concept))
        graph.add((concept, skos.inScheme, scheme))
        for triple in _statements(concept, row, spellings, base, own):
            graph.add(triple)
        if row["head"]:
            broader = own[f"c-{_id(row['head'])}"]
            graph.add((concept, skos.broader, broader))
            graph.add((broader, skos.narrower, concept))
        else:
            graph.add((scheme, skos.hasTopConcept, concept))
    return graph.serialize(format="turtle", encoding="utf-8")


def _statements(
    concept: "URIRef", row: Mapping, spellings: list[dict], base: _Termbase, own: "Namespace"
) -> Iterator[tuple]:
    """Labels, notes and numbers of a concept, as triples."""
    from rdflib import RDF, SKOS, Literal, Namespace

    def text(value: str) -> Literal:
        return Literal(value, lang=base.language)

    xl = Namespace(_SKOS_XL)
    yield concept, SKOS.prefLabel, text(row["term"])
    yield concept, SKOS.notation, Literal(str(row["rank"]), datatype=own["rank"])
    yield from _measures(concept, row, own)
    for term in (row, *spellings):
        yield from ((concept, SKOS.example, text(quote)) for _, quote in base.quotes(term["term"]))
        if term["note"]:
            yield concept, SKOS.editorialNote, Literal(term["note"])
    for term in spellings:
        label = own[f"t-{_id(term['term'])}"]
        yield concept, SKOS.altLabel, text(term["term"])
        yield concept, xl.altLabel, label
        yield label, RDF.type, xl.Label
        yield label, xl.literalForm, text(term["term"])
        yield from _measures(label, term, own)


def _measures(subject: "URIRef", row: Mapping, own: "Namespace") -> Iterator[tuple]:
    """Score, counts and what is said of a term, as triples."""
    from rdflib import XSD, Literal

    for name in _NUMBERS[1:]:
        yield subject, own[name], Literal(row[name], datatype=XSD.double if name == "score" else XSD.integer)
    yield from ((subject, own[name], Literal(row[name])) for name in ("known", "verdict") if row[name])


_RENDERERS: dict[str, Callable[[_Termbase], bytes]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "jsonl": _jsonl,
    "plain": _plain,
    "jieba": _jieba,
    "hanlp": _hanlp,
    "tbx": _tbx,
    "tbx2": lambda base: _tbx(base, _TBX_2),
    "skos": _skos,
}

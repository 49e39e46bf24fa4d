"""What does a reader say?

No reference list holds all terms of a field. A sheet shows the best terms that no list holds, each in its context; a
reader writes yes or no beside them, in a spreadsheet; the verdicts correct the precision that the list alone gave.
"""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from termmine import corpus, evaluation, export, lattice
from termmine.errors import InputError

COLUMNS = ("rank", "term", "score", "count", "context", "verdict", "note")
"""Of a sheet; the last two are for the reader, who may add more."""

_WIDTH = 40  # characters of context on each side
_VERDICTS = dict.fromkeys(("yes", "y", "1", "是", "对"), "yes") | dict.fromkeys(("no", "n", "0", "否", "错"), "no")
_SPELLINGS = "yes, y, 1, 是, 对, no, n, 0, 否, 错, or nothing"
# Spreadsheets take such text for a formula, some also where it begins full width; an apostrophe in front prevents it.
_FORMULA = re.compile("'*[=+\\-@\t\r＝＋－＠]")
_LONGEST_CELL = 1 << 17  # characters: more is a quote that is not closed
_BLANK = re.compile(r"\s+")


# --- the sheet -------------------------------------------------------------------------------------------


def make_sheet(terms: pd.DataFrame, listed: Iterable[str], lines: Iterable[str], *, n: int = 200) -> pd.DataFrame:
    """The best kept terms that no list holds, for a reader to judge.

    Parameters
    ----------
    terms : ranked candidates: ``rank, term, score, count, rejected_by`` ("" = kept)
    listed : what needs no verdict: all of the reference, attested or not, and the seeds
    lines : the documents; read twice, so no generator
    n : terms at most

    Returns
    -------
    frame : ``rank, term, score, count, context, verdict, note``, best first; context is the term's first occurrence
        with at most 40 characters of its document on each side, "" where it does not occur; verdict and note are empty

    Raises
    ------
    InputError : a column is missing, a term stands there twice, ``n`` is below 1, or ``lines`` can be read only once

    >>> terms = pd.DataFrame({"rank": [1, 2], "term": ["蜂王", "巢脾"], "score": [0.9, 0.8], "count": [2, 1]})
    >>> make_sheet(terms.assign(rejected_by=""), ["蜂王"], ["蜂王", "换一张巢脾给它"]).values.tolist()
    [[2, '巢脾', 0.8, 1, '换一张【巢脾】给它', '', '']]
    """
    evaluation.check_columns("the terms", terms, ("rank", "term", "score", "count", "rejected_by"))
    if not terms["term"].is_unique:
        raise InputError("the terms must be distinct; give each candidate one row")
    evaluation.check_rank("n", n)
    kept = terms[(terms["rejected_by"] == "") & ~terms["term"].isin(_distinct("listed", listed))]
    sheet = kept.sort_values("rank", kind="stable").head(n)[["rank", "term", "score", "count"]].reset_index(drop=True)
    first = _contexts(sheet["term"].tolist(), lines, 1, _WIDTH).set_index("term")
    shown = (first["left"] + "【" + first["found"] + "】" + first["right"]).str.strip()
    return sheet.assign(context=sheet["term"].map(shown).fillna("").astype(object), verdict="", note="")


def _distinct(name: str, terms: Iterable[str]) -> set[str]:
    if isinstance(terms, str):
        raise TypeError(f"{name} must be a list of strings, got one str")
    return set(terms)


# --- contexts --------------------------------------------------------------------------------------------


def contexts(terms: Sequence[str], lines: Iterable[str], *, n: int = 5, width: int = 25) -> pd.DataFrame:
    """Each term in its contexts (keyword in context), from documents all over the corpus.

    Of the D documents that hold a term, those at the places round(i (D - 1) / (n - 1)), i = 0..n-1, of their order give
    its first occurrence each; with fewer than ``n`` documents, each gives its first ⌈n / D⌉. Overlapping occurrences
    are one. Source: Luhn (1960).

    Parameters
    ----------
    terms : distinct
    lines : the documents; read twice, so no generator
    n : contexts of a term at most
    width : characters on each side at most

    Returns
    -------
    frame : ``term, document, left, right``, terms as given, then by document and place; document counts from 0, left
        and right are in one line; a term that does not occur has no row

    Raises
    ------
    InputError : a term stands there twice, ``n`` is below 1, ``width`` below 0, or ``lines`` can be read only once

    >>> contexts(["巢脾"], ["换一张巢脾", "", "巢脾旧了，换巢脾"], n=2, width=3).values.tolist()
    [['巢脾', 0, '换一张', ''], ['巢脾', 2, '', '旧了，']]
    """
    evaluation.check_rank("n", n)
    if width < 0:
        raise InputError(f"width must be 0 or more, got {width!r}; give the characters on each side")
    if len(_distinct("terms", terms)) < len(terms):
        raise InputError("the terms must be distinct; give each once")
    return _contexts(list(terms), lines, n, width)[["term", "document", "left", "right"]]


def _contexts(terms: list[str], lines: Iterable[str], n: int, width: int) -> pd.DataFrame:
    """What ``contexts`` returns, and ``found``: the term as the document spells it."""
    if isinstance(lines, str):
        raise TypeError("lines must be an iterable of documents, got one str; put it in a list: [text]")
    if iter(lines) is lines:
        raise InputError("lines are read twice and must not be a generator; give a list or corpus.read_lines")
    by_term = lattice.Trie(terms).count_by_document(lines).tocsc()  # the documents of a term are in order
    wanted: dict[int, list[tuple[int, int]]] = {}  # document: (row of a term, occurrences)
    for row, (begin, end) in enumerate(pairwise(by_term.indptr.tolist())):
        for document, most in _spread(by_term.indices[begin:end], n):
            wanted.setdefault(document, []).append((row, most))
    patterns = [re.compile(re.escape(corpus.fold(term))) for term in terms]
    found = []
    for number, document in enumerate(islice(lines, max(wanted, default=-1) + 1)):
        folded = corpus.fold(document) if number in wanted else ""  # folding keeps places
        for row, most in wanted.get(number, ()):
            for begin, end in _places(patterns[row], folded, most):
                sides = document[max(begin - width, 0) : begin], document[begin:end], document[end : end + width]
                found.append((row, terms[row], number, *(_BLANK.sub(" ", side) for side in sides)))
    frame = pd.DataFrame(found, columns=["row", "term", "document", "left", "found", "right"])
    frame = frame.astype({"row": "int64", "document": "int64"}).sort_values("row", kind="stable", ignore_index=True)
    return frame[frame.groupby("row").cumcount() < n].drop(columns="row").reset_index(drop=True)


def _spread(documents: np.ndarray, n: int) -> list[tuple[int, int]]:
    """(document, occurrences wanted from it): ``n`` documents at equal steps, or all of them.

    >>> _spread(np.array([2, 3, 5, 8, 9]), 3), _spread(np.array([2, 3]), 5)
    ([(2, 1), (5, 1), (9, 1)], [(2, 3), (3, 3)])
    """
    if documents.size <= n:
        return [(int(document), -(-n // documents.size)) for document in documents]
    steps = np.linspace(0, documents.size - 1, n).round().astype(int)
    return [(int(document), 1) for document in documents[steps]]


def _places(term: re.Pattern[str], text: str, most: int) -> list[tuple[int, int]]:
    """(begin, end) of the first occurrences that do not overlap.

    >>> _places(re.compile("aa"), "aaab aa", 5)
    [(0, 2), (5, 7)]
    """
    return [match.span() for match in islice(term.finditer(text), most)]


# --- verdicts --------------------------------------------------------------------------------------------------


def carry_verdicts(sheet: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    """A sheet made anew, with what was typed into an old one: verdicts, notes, and columns of the reader's own.

    Parameters
    ----------
    sheet : as ``make_sheet`` returns it
    old : as ``read_verdicts`` returns it

    Returns
    -------
    frame : ``sheet`` with the verdicts and notes of ``old``; then the terms that are no longer in it and for which
        something was typed, in their old order, with rank 0. Nothing that was typed is lost

    Raises
    ------
    InputError : both say something, and not the same; or what ``read_verdicts`` raises

    >>> sheet = pd.DataFrame([[1, "巢脾", 0.8, 1, "", "", ""]], columns=COLUMNS)
    >>> old = pd.DataFrame({"term": ["巢脾", "时间"], "verdict": ["y", "n"]})
    >>> carry_verdicts(sheet, old)[["rank", "term", "verdict"]].values.tolist()
    [[1, '巢脾', 'yes'], [0, '时间', 'no']]
    """
    evaluation.check_columns("the sheet", sheet, COLUMNS)
    new, old = _one_row_a_term(sheet, "the new sheet"), _one_row_a_term(old, "the old sheet")
    typed = list(dict.fromkeys(_typed(new) + _typed(old)))
    columns = [*COLUMNS[:-2], *typed]
    new, old = (
        frame.assign(**dict.fromkeys({"context", *typed}.difference(frame), "")).reindex(columns=columns)
        for frame in (new, old)
    )
    known = old.set_index("term")[typed].reindex(new["term"], fill_value="").reset_index(drop=True)
    _check_agreement(new, known, typed)
    new[typed] = new[typed].where(new[typed] != "", known)
    left = old[~old["term"].isin(set(new["term"])) & (old[typed] != "").any(axis=1)]
    left = left.assign(rank=0, score=left["score"].astype(float), count=left["count"].fillna(0).astype("int64"))
    return pd.concat([new, left], ignore_index=True) if len(left) else new


def _typed(frame: pd.DataFrame) -> list[str]:
    """The columns that are for the reader, or of his own."""
    return [name for name in frame if name not in COLUMNS[:-2]]


def is_filled(sheet: pd.DataFrame) -> bool:
    """Whether a reader has typed anything into a sheet."""
    return any((sheet[name].fillna("").astype(str) != "").any() for name in _typed(sheet))


def _check_agreement(new: pd.DataFrame, known: pd.DataFrame, typed: list[str]) -> None:
    for name in typed:
        clash = (new[name] != "") & (known[name] != "") & (new[name] != known[name])
        for term, one, other in zip(new["term"][clash], known[name][clash], new[name][clash], strict=True):
            raise InputError(
                f"{term}: {name} is {one!r} in the old sheet and {other!r} in the new one; keep one of them"
            )


def _verdict(value: object, where: str) -> str:
    """yes, no or "" for what a reader typed."""
    text = _BLANK.sub("", unicodedata.normalize("NFKC", "" if pd.isna(value) else str(value))).casefold()
    if text and text not in _VERDICTS:
        raise InputError(f"{where}: the verdict must be one of {_SPELLINGS}, got {value!r}")
    return _VERDICTS.get(text, "")


def _one_row_a_term(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Verdicts in one spelling; what was typed in several rows of a term put together in its first one."""
    evaluation.check_columns(source, frame, ("term", "verdict"))
    verdicts = [_verdict(v, f"{source}, {t}") for t, v in zip(frame["term"], frame["verdict"], strict=True)]
    texts = frame[_typed(frame)].astype(object)
    frame = frame.assign(**texts.where(texts.notna(), "")).assign(verdict=np.array(verdicts, dtype=object))
    judged = frame[frame["verdict"] != ""].groupby("term", sort=False)["verdict"].nunique()
    if (judged > 1).any():
        raise InputError(f"{source}: {judged.idxmax()} is judged both yes and no; keep one verdict")
    if frame["term"].is_unique:
        return frame.reset_index(drop=True)
    together = frame.groupby("term", sort=False)[_typed(frame)].agg(_joined)
    frame = frame.drop_duplicates("term", ignore_index=True)
    return frame.assign(**together.reset_index(drop=True))  # both in the order of the first rows


def _joined(values: pd.Series) -> str:
    """What is not empty, each text once."""
    return "; ".join(dict.fromkeys(str(value) for value in values if value != ""))


# --- files -----------------------------------------------------------------------------------------------------


def write_sheet(sheet: pd.DataFrame, path: str | os.PathLike) -> None:
    """A sheet as CSV that spreadsheets open well: UTF-8 with a byte-order mark, and no text that acts as a formula.

    Text that begins with = + - @ gets an apostrophe in front, which ``read_verdicts`` takes away.

    Parameters
    ----------
    sheet : any frame with text in it, as ``make_sheet`` or ``carry_verdicts`` return it
    path : the file, replaced if it is there
    """
    safe = sheet.apply(lambda column: column.map(lambda cell: _escape(cell) if isinstance(cell, str) else cell))
    with export.replacing(path) as temporary:
        safe.to_csv(
            temporary,
            index=False,
            quoting=export.csv_quoting(safe),
            float_format="%.6g",
            encoding="utf-8-sig",
            lineterminator="\n",
        )


def _escape(text: str) -> str:
    """``_unescape`` undoes it, whatever the text.

    >>> [_escape(text) for text in ("=1+1", "蜂王", "'=x")], _unescape("''=x")
    (["'=1+1", '蜂王', "''=x"], "'=x")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def _unescape(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def read_verdicts(path: str | os.PathLike) -> pd.DataFrame:
    """A sheet that a reader filled in, as Excel or LibreOffice saved it.

    UTF-8, UTF-16 with a byte-order mark, else GB18030; columns parted by comma, semicolon or tab, in any order.
    Verdicts are yes, y, 1, 是, 对 or no, n, 0, 否, 错, whatever their case and blanks; an empty one is not judged.

    Parameters
    ----------
    path : the file; a line of column names, of them at least ``term`` and ``verdict``

    Returns
    -------
    frame : a row a term, the columns of the file; verdict is *yes*, *no* or "". Rows of the same term are put together

    Raises
    ------
    InputError : no such file or table, another verdict (the row is named), a verdict without a term, or a term judged
        both yes and no
    """
    header, rows = _read_rows(Path(path))
    source = os.fspath(path)
    evaluation.check_columns(source, pd.DataFrame(columns=header), ("term", "verdict"))
    frame = pd.DataFrame([cells for _, cells in rows], columns=header, dtype=object)
    frame["term"] = frame["term"].str.strip()
    for (number, _), term, verdict in zip(rows, frame["term"], frame["verdict"], strict=True):
        if not term:
            raise InputError(f"{source}, row {number} has no term; write it back or delete the row")
        _verdict(verdict, f"{source}, row {number} ({term})")
    numbers = {name: _numbers(frame[name]) for name in ("rank", "score", "count") if name in frame}
    return _one_row_a_term(frame.assign(**numbers), source)


def _numbers(texts: pd.Series) -> pd.Series:
    """Numbers as a spreadsheet wrote them; what is none is NaN in ``score``, else 0."""
    if texts.name == "score":
        return pd.to_numeric(texts.str.replace(",", "."), errors="coerce").astype(float)  # 0,5 in some countries
    numbers = pd.to_numeric(texts.str.replace("[,. ]", "", regex=True), errors="coerce")
    return numbers.where(numbers.abs() < 2**63).fillna(0).astype("int64")


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names, and (row number as the spreadsheet shows it, cells) of the rows that are not blank."""
    text = _decode(path)
    heading = text.split("\n", 1)[0]
    separator = max(",;\t", key=heading.count)
    before = csv.field_size_limit(_LONGEST_CELL)  # of the whole process
    try:
        rows = [[_unescape(cell) for cell in row] for row in csv.reader(io.StringIO(text, ""), delimiter=separator)]
    except csv.Error as error:
        raise InputError(f"{path} is no table: {error}; save it as CSV again") from None
    finally:
        csv.field_size_limit(before)
    if not rows:
        return [], []
    width = max(map(len, rows))
    header, *body = [row + [""] * (width - len(row)) for row in rows]
    header = [name.strip().casefold() for name in header]
    numbered = [(number, row) for number, row in enumerate(body, 2) if any(map(str.strip, row))]
    _check_header(path, header, numbered)
    named = [i for i, name in enumerate(header) if name]
    return [header[i] for i in named], [(number, [row[i] for i in named]) for number, row in numbered]


def _check_header(path: Path, header: list[str], rows: list[tuple[int, list[str]]]) -> None:
    for i, name in enumerate(header):
        if name and name in header[:i]:
            raise InputError(f"{path} has two columns named {name}; rename one")
        for number, row in rows if not name else ():
            if row[i].strip():
                raise InputError(
                    f"{path}, row {number}: {row[i]!r} stands in a column without a name; name it in row 1"
                )


def _decode(path: Path) -> str:
    """The text of a file; UTF-8 is hardly ever valid by chance, GB18030 often, so that the former is tried first."""
    [path] = corpus.find_files([path])
    data = path.read_bytes()
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{path} is neither UTF-8 nor GB18030 text; save it as CSV UTF-8")


# --- what the verdicts are worth --------------------------------------------------------------------------------


def corrected_precision(
    terms: Sequence[str], reference: Iterable[str], verdicts: pd.DataFrame, k: int, *, level: float = 0.95
) -> pd.DataFrame:
    """Precision at ``k`` with the unlisted terms that a reader accepted.

    corrected = (listed + unlisted · accepted / judged) / k: of the first ``k`` terms the reference holds *listed*; of
    the *unlisted* others, *judged* have a verdict and *accepted* a yes. The share of accepted ones has a Wilson
    interval, low and high are the corrected precision at its ends.

    The judged ones are taken for a random draw from the unlisted ones among the first ``k``. A reader who begins at the
    head and stops has judged the best of them, and a greater ``k`` looks better than it is: choose ``k`` so that all
    are judged. Then the corrected precision holds for this list without any sampling; the interval still says what
    share such a reader would accept of other terms that the same method puts there. It says nothing about another
    reader.

    Parameters
    ----------
    terms : ranked, best first, distinct, seeds taken out
    reference : terms; a verdict on one of them is not looked at; may be empty, then the verdicts alone tell
    verdicts : ``term, verdict`` as ``read_verdicts`` returns it
    k : ranks looked at; a list shorter than ``k`` counts as missing

    Returns
    -------
    frame : one row, ``k, precision_listed, unlisted, judged, accepted, precision_corrected, low, high``; without
        unlisted terms the last three are the precision

    Raises
    ------
    InputError : of the unlisted terms among the first ``k`` none is judged, or one both ways

    >>> verdicts = pd.DataFrame({"term": ["时间", "蜂胶", "巢脾"], "verdict": ["no", "yes", ""]})
    >>> corrected_precision(["蜂王", "时间", "蜂胶", "巢脾"], ["蜂王"], verdicts, 4).round(2).values.tolist()
    [[4.0, 0.25, 3.0, 2.0, 1.0, 0.62, 0.32, 0.93]]
    """
    listed = _distinct("the reference", reference)
    precision = evaluation.precision_at_k(terms, listed, k) if listed else 0.0
    evaluation.check_rank("k", k)
    evaluation.check_level(level)
    unlisted = [term for term in terms[:k] if term not in listed]
    verdict = _one_row_a_term(verdicts, "the verdicts").set_index("term")["verdict"].to_dict()
    given = [verdict[term] for term in unlisted if verdict.get(term)]
    if unlisted and not given:
        raise InputError(f"none of the {len(unlisted)} unlisted terms among the first {k} is judged; judge some")
    accepted = given.count("yes")
    shares = (accepted / len(given), *evaluation.wilson(accepted, len(given), level)) if given else (0.0, 0.0, 0.0)
    corrected = [precision + len(unlisted) * share / k for share in shares]
    columns = ["k", "precision_listed", "unlisted", "judged", "accepted", "precision_corrected", "low", "high"]
    return pd.DataFrame([(k, precision, len(unlisted), len(given), accepted, *corrected)], columns=columns)

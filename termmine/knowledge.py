"""What was known before, and what is new?

Lists of known terms mark the terms that they hold, in any spelling; of each listed term and each seed it is told how
far it came, and why no further. Two ranked lists are compared term by term.
"""

import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from termmine import corpus, datasets, evaluation, export, judging, lattice
from termmine.errors import InputError
from termmine.variants import spelling_key

SEEDS = "seeds"
"""What the list of the seeds is called."""

_STAGES = {  # of ``evaluation.STAGES``: what a number of such terms is called
    "found": "kept",
    "ranked low": "ranked too low",
    "rejected": "rejected",
    "not a candidate": "no candidates",
    "not in the corpus": "not in the text",
}
_HEADINGS = {
    "gained": "gained: rank, why the first run lacks it",
    "lost": "lost: rank, why the second run lacks it",
    "moved": "moved",
}
_HAN = "[\u3007\u3400-\u9fff\U00020000-\U0002f7ff\U00030000-\U0003ffff]"  # those that no spelling key changes
_ALL_HAN = re.compile(f"{_HAN}+")
_TAG = "[A-Za-z]{1,4}"
# jieba's word, frequency, tag, or HanLP's word, tag, frequency and further pairs of these: in any list
_ENTRY = re.compile(rf"(?=\S*{_HAN})(\S+)\s+(?:[0-9]+(?:\s+{_TAG})?|{_TAG}\s+[0-9]+(?:\s+{_TAG}\s+[0-9]+)*)")
# Word, tag; or a word of any kind, frequency, tag: only beside such entries
_LOOSE_ENTRY = re.compile(rf"(?=\S*{_HAN})(\S+)\s+{_TAG}|(\S.*?)\s+[0-9]+\s+{_TAG}")
_NUMBER = "[0-9.,·:：∶/／%％‰-]+[A-Za-z]{0,4}"  # which ``candidates.from_phrases`` leaves out
_P = 0.99  # of the rank-biased overlap: the first 100 ranks have most of the weight


# --- lists ------------------------------------------------------------------------------------------------


def read_list(path: str | os.PathLike) -> list[str]:
    """The terms of a list, folded, without repeats, in the file's order.

    What follows a tab is no part of a term. Nor is what follows the word in the entries of a segmenter's dictionary: a
    word with a Chinese character and without a blank, then a frequency and perhaps a tag of at most four Latin letters
    (jieba), or a tag and a frequency (HanLP). Beside such entries, ``word tag`` is one too, and in other words
    ``word frequency tag``. All else is a term as it stands: ``iPhone 15``, ``GB 1094``.

    Parameters
    ----------
    path : UTF-8, one term a line

    Raises
    ------
    InputError : as ``corpus.read_terms``
    """
    return _read_list(path)[0]


def _read_list(path: str | os.PathLike) -> tuple[list[str], int]:
    """The terms, and how many lines were read as entries of a dictionary."""
    lines = [line.split("\t", 1)[0].rstrip() for line in corpus.read_terms(path)]
    entries = [_ENTRY.fullmatch(line) for line in lines]
    if any(entries):
        entries = [entry or _LOOSE_ENTRY.fullmatch(line) for entry, line in zip(entries, lines, strict=True)]
    terms = [entry[entry.lastindex] if entry else line for entry, line in zip(entries, lines, strict=True)]
    return list(dict.fromkeys(terms)), sum(map(bool, entries))


def describe_list(path: str | os.PathLike) -> str:
    """How a user's list was read, if lines of it were taken for entries of a dictionary, else "".

    Parameters
    ----------
    path : as ``read_list`` takes it

    Returns
    -------
    line : *user.txt: 4 terms, 3 lines of them read as word, frequency, tag*; "" for a built-in list

    Raises
    ------
    InputError : as ``read_list``
    """
    if datasets.is_built_in(datasets.list_name(path)):
        return ""
    terms, entries = _read_list(path)
    told = f"{entries:,} line{'s' * (entries != 1)} of them read as word, frequency, tag"
    return f"{Path(path).name}: {len(terms):,} term{'s' * (len(terms) != 1)}, {told}" if entries else ""


def read_lists(lists: str | os.PathLike | Iterable[str | os.PathLike]) -> dict[str, list[str]]:
    """Lists of known terms by name, in the order given.

    Parameters
    ----------
    lists : files, patterns and names as ``datasets.find_lists`` takes them; none: ""

    Returns
    -------
    lists : ``datasets.list_name`` → terms

    Raises
    ------
    InputError : as ``read_list`` and ``datasets.find_lists``
    """
    return {datasets.list_name(path): read_list(path) for path in datasets.find_lists(lists)}


def _keys(terms: Iterable[str]) -> list[str]:
    """``spelling_key`` of each; Chinese characters alone, as most terms are, are their own."""
    return [term if _ALL_HAN.fullmatch(term) else spelling_key(term) for term in terms]


def _folded(terms: Iterable[str]) -> list[str]:
    if isinstance(terms, str):
        raise TypeError("a list of terms must be a list of strings, got one str")
    return list(dict.fromkeys(filter(None, (corpus.fold(term).strip() for term in terms))))


def mark_known(terms: pd.DataFrame, lists: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """Say which lists hold each term, in any spelling (``variants.spelling_key``: case, width, hyphens, blanks).

    Parameters
    ----------
    terms : ``term`` and any other columns
    lists : name → terms; none: every term is new

    Returns
    -------
    frame : ``terms`` with ``known``, the names of the lists that hold the term, joined by ";", in the order given, ""
        for a new one; before ``rejected_by``, which stays the last column

    Raises
    ------
    InputError : no column ``term``

    >>> frame = pd.DataFrame({"term": ["蜂王", "SF6断路器", "巢脾"], "rejected_by": ""})
    >>> mark_known(frame, {"old": ["蜂王", "sf6断路器"], "power": ["SF6 断路器"]})["known"].tolist()
    ['old', 'old;power', '']
    """
    evaluation.check_columns("the terms", terms, ["term"])
    keys = pd.Series(_keys(terms["term"].tolist()) if lists else [], dtype=object)
    known = np.full(len(terms), "", dtype=object)
    for name, listed in lists.items():
        held = keys.isin(set(_keys(_folded(listed)))).to_numpy()
        known[held] = [f"{before};{name}" if before else name for before in known[held]]
    last = [name for name in ("known", "rejected_by") if name == "known" or name in terms]
    return terms.assign(known=known)[[name for name in terms if name not in last] + last]


def only_new(terms: pd.DataFrame) -> pd.DataFrame:
    """The terms that no list holds, as ``mark_known`` tells; ranks stay.

    >>> only_new(pd.DataFrame({"term": ["蜂王", "巢脾"], "known": ["old", ""]}))["term"].tolist()
    ['巢脾']
    """
    evaluation.check_columns("the terms", terms, ["known"])
    return terms[terms["known"] == ""]


# --- where each of them is ----------------------------------------------------------------------------------


def trace_known(
    terms: pd.DataFrame, lists: Mapping[str, Iterable[str]], lines: Iterable[str], *, seeds: Iterable[str] = ()
) -> pd.DataFrame:
    """How far each seed and each listed term came, and why no further.

    A term is sought as it is spelled, else in another spelling of the same ``variants.spelling_key``, of several the
    best ranked one.

    Parameters
    ----------
    terms : all candidates: ``term, rank, count, doc_freq, rejected_by`` ("" = kept)
    lists : name → terms
    lines : the domain text; read once, and only if a term is no candidate
    seeds : make a list of their own, ``SEEDS``, before the others

    Returns
    -------
    frame : ``term, list, stage, reason, rank, count, doc_freq``, a row a term and list, in their order. stage is one of
        ``evaluation.STAGES``, *found* for what is kept; reason says what rejected it, or why it is no candidate (as far
        as the candidates tell: a number, longer, shorter or rarer than any of them, else it is not often enough a word
        or a run of few enough words, as the text is cut), and how the text spells it if otherwise; rank is 0 for no
        candidate

    Raises
    ------
    InputError : a column is missing, or a candidate stands there twice

    >>> columns = ["term", "rank", "count", "doc_freq", "rejected_by"]
    >>> frame = pd.DataFrame([["蜂王", 1, 4, 2, ""], ["这种", 2, 3, 2, "has_particle: 这"]], columns=columns)
    >>> trace_known(frame, {"old": ["蜂王", "这种", "巢"]}, ["换一张巢脾"])[["stage", "reason"]].values.tolist()
    [['found', ''], ['rejected', 'has_particle: 这'], ['not a candidate', 'shorter than any candidate']]
    """
    evaluation.check_columns("the terms", terms, ["term", "rank", "count", "doc_freq", "rejected_by"])
    if (repeated := _first_repeat(terms["term"].tolist())) is not None:
        raise InputError(f"candidates must be distinct, {repeated} comes twice; drop repeats")
    given = {SEEDS: seeds, **lists}
    rows = [(term, name) for name, listed in given.items() for term in _folded(listed)]
    terms = terms if rows else terms.head(0)  # nothing is looked for among them
    frame = pd.DataFrame(rows, columns=["term", "list"], dtype=object)
    spelled = _spelled(frame["term"], terms)
    counts = _counts(terms, spelled, lines)
    traced = evaluation.trace_reference(counts, terms, topn=max(len(terms), 1))
    reason = traced["rejected_by"].where(traced["rank"] > 0, _why_no_candidate(traced, terms))
    spelling = ("spelled " + spelled).where(spelled != frame["term"], "")
    told = reason + np.where((reason != "") & (spelling != ""), "; ", "") + spelling
    frame = frame.assign(stage=traced["stage"], reason=told.astype(object), rank=traced["rank"])
    return frame.assign(count=counts["count"].to_numpy(), doc_freq=counts["doc_freq"].to_numpy())


def _spelled(listed: pd.Series, terms: pd.DataFrame) -> pd.Series:
    """Each listed term as the best candidate of its key spells it, or as it stands."""
    ranked = terms.sort_values("rank", ascending=False, kind="stable")["term"].tolist()
    exact = set(ranked)
    listed = listed.tolist()
    is_there = [term in exact for term in listed]
    if not all(is_there):
        candidate_of = dict(zip(_keys(ranked), ranked, strict=True))  # the best ranked one comes last, and stays
        rows = zip(listed, _keys(listed), is_there, strict=True)
        listed = [term if there else candidate_of.get(key, term) for term, key, there in rows]
    return pd.Series(listed, dtype=object)


def _counts(terms: pd.DataFrame, spelled: pd.Series, lines: Iterable[str]) -> pd.DataFrame:
    """``count, doc_freq`` of each term: the candidates' own; what is none is counted in the text."""
    counted = terms.set_index("term")[["count", "doc_freq"]]
    if others := [term for term in dict.fromkeys(spelled) if term not in counted.index]:
        counted = pd.concat([counted, lattice.Trie(others).occurrences(lines)])
    return counted.reindex(spelled)


def _why_no_candidate(traced: pd.DataFrame, terms: pd.DataFrame) -> np.ndarray:
    length, lengths = traced["term"].str.len(), terms["term"].str.len()
    is_number = traced["term"].str.fullmatch(_NUMBER)
    if is_number.any() and terms["term"].str.fullmatch(_NUMBER).any():  # words may be numbers, runs of words never are
        is_number[:] = False
    cases = [
        traced["count"] == 0,
        is_number,
        length > lengths.max(),
        length < lengths.min(),
        traced["count"] < terms["count"].min(),
    ]
    reasons = ["does not occur", "a number", *(f"{how} than any candidate" for how in ("longer", "shorter", "rarer"))]
    default = "not often enough a run of few enough words, as the text is cut"
    return np.select(cases, reasons, default=default).astype(object)


def count_stages(traced: pd.DataFrame) -> dict[str, int]:
    """How many known terms came how far, ``known_`` and the stage → number; a term of several lists counts once.

    ``known_counted_only`` of them ``without_absent`` leaves out.

    Parameters
    ----------
    traced : as ``trace_known`` returns it; seeds are not counted

    >>> rows = [["蜂王", "old", "found", 4], ["蜂王", "new", "found", 4], ["巢脾", "seeds", "found", 2]]
    >>> count_stages(pd.DataFrame(rows, columns=["term", "list", "stage", "count"]))["known_found"]
    1
    """
    known = traced[traced["list"] != SEEDS]
    stages = known.drop_duplicates("term")["stage"].value_counts()
    numbers = {f"known_{stage.replace(' ', '_')}": int(stages.get(stage, 0)) for stage in _STAGES}
    total = sum(numbers.values())
    return {"known_terms": total} | numbers | {"known_counted_only": total - without_absent(known)["term"].nunique()}


def say_stages(numbers: Mapping[str, float]) -> str:
    """The numbers of ``count_stages`` in a line, "" without them.

    >>> say_stages({"known_terms": 3, "known_found": 2, "known_rejected": 0, "known_not_a_candidate": 1})
    '3 known terms: 2 kept, 1 no candidates'
    """
    if "known_terms" not in numbers:
        return ""
    names = {f"known_{stage.replace(' ', '_')}": told for stage, told in _STAGES.items()}
    told = ", ".join(f"{int(numbers[name]):,} {words}" for name, words in names.items() if numbers.get(name))
    if absent := numbers.get("known_counted_only"):
        told += f" ({int(absent):,} of these, of built-in lists, are counted only)"
    return f"{int(numbers['known_terms']):,} known terms: {told}"


def without_absent(traced: pd.DataFrame) -> pd.DataFrame:
    """What ``trace_known`` returns, without terms of the built-in lists that the text does not hold: most of them."""
    built_in = list(filter(datasets.is_built_in, traced["list"].unique()))
    return traced[~(traced["list"].isin(built_in) & (traced["count"] == 0))].reset_index(drop=True)


# --- two runs -----------------------------------------------------------------------------------------------


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], *, p: float = _P) -> float:
    """How much two ranked lists agree, their heads weighing most, 0 (nothing in common) to 1 (the same).

    With X(d) the terms that the first d of both have in common, and lists of s <= l terms,

        RBO = (1 − p)/p · (Σ d=1..l of X(d)/d · p^d  +  Σ d=s+1..l of X(s)(d − s)/(s d) · p^d)
              + ((X(l) − X(s))/l + X(s)/s) · p^l,

    which takes for granted that what lies behind the ends agrees as much as what is seen.

    Parameters
    ----------
    one, other : distinct terms, best first
    p : 0 < p < 1; the first 1/(1 − p) ranks weigh most (p = .99: the first 100 have .85 of the weight)

    Raises
    ------
    InputError : ``p`` is out of its range, or a term stands in a list twice

    References
    ----------
    Webber, Moffat & Zobel (2010), equation 32 (extrapolated, for lists of different lengths).

    >>> rank_biased_overlap(["蜂王", "巢脾"], ["巢脾", "蜂王"], p=0.5)   # 1 · (0/1 · .5 + 2/2 · .25) + 2/2 · .25
    0.5
    """
    if not 0 < p < 1:
        raise InputError(f"p must lie between 0 and 1, e.g. .9, got {p!r}")
    if twice := [term for terms in (one, other) for term in [_first_repeat(terms)] if term is not None]:
        raise InputError(f"ranked terms must be distinct, {twice[0]} comes twice; drop repeats")
    short, long = sorted((one, other), key=len)
    s, n = len(short), len(long)
    if s == 0:
        return float(n == 0)
    x = _common(short, long)
    d = np.arange(1, n + 1)
    beyond = np.where(d > s, x[s - 1] * (d - s) / (s * d), 0.0)
    series = (1 - p) / p * float(((x / d + beyond) * p**d).sum())
    return series + float((x[-1] - x[s - 1]) / n + x[s - 1] / s) * p**n


def _first_repeat(terms: Sequence[str]) -> str | None:
    repeated = pd.Index(terms, dtype=object).duplicated()
    return terms[int(repeated.argmax())] if repeated.any() else None


def _common(short: Sequence[str], long: Sequence[str]) -> np.ndarray:
    """How many terms the first d of both have in common, d = 1..len(long); the shorter list ends before."""
    row_of = pd.Series(np.arange(len(long)), index=pd.Index(long, dtype=object))
    rows = row_of.reindex(short).to_numpy()
    both = np.maximum(rows, np.arange(len(short)))[~np.isnan(rows)].astype(int)  # from where on it is in both
    return np.bincount(both, minlength=len(long)).cumsum()


def diff(one: pd.DataFrame, other: pd.DataFrame, *, top: int = 1000) -> pd.DataFrame:
    """What the first ``top`` kept terms of one run and of another do not share, and what moved among them.

    Parameters
    ----------
    one, other : ``terms.csv`` of two runs: ``term, rank, score, rejected_by`` ("" = kept)
    top : ranks that are compared

    Returns
    -------
    frame : ``term, change, rank_one, rank_other, moved, score_one, score_other, reason``. change is *gained* (among the
        first ``top`` of the other run only), *lost* (of the first only) or *moved* (of both, on another rank); in this
        order, gained and lost ones best first, moved ones by how many times lower or higher the rank is. moved is
        rank_one − rank_other, above 0 for what rose, 0 where one run does not keep it; a rank is 0 and a score NaN
        where it is no candidate. reason is why the run without it lacks it: what rejected it, *no candidate* or
        *ranked below top*

    Raises
    ------
    InputError : ``top`` is below 1, a column is missing or holds no numbers, or a term stands in a run twice

    >>> one = pd.DataFrame({"term": ["蜂王", "巢脾"], "rank": [1, 2], "score": [2.0, 1.0], "rejected_by": ""})
    >>> other = one.assign(rank=[2, 1], rejected_by=["rule", ""])
    >>> diff(one, other)[["term", "change", "moved", "reason"]].values.tolist()
    [['蜂王', 'lost', 0, 'rule'], ['巢脾', 'moved', 1, '']]
    """
    evaluation.check_rank("top", top)
    here, there = _ranks(one, "the first run"), _ranks(other, "the other run")
    frame = here.add_suffix("_one").join(there.add_suffix("_other"), how="outer")
    frame[["rank_one", "rank_other"]] = frame[["rank_one", "rank_other"]].fillna(0).astype("int64")
    is_one, is_other = (_is_top(frame[f"rank_{run}"], frame[f"reason_{run}"], top) for run in ("one", "other"))
    is_moved = is_one & is_other & (frame["rank_one"] != frame["rank_other"])
    cases = [is_other & ~is_one, is_one & ~is_other, is_moved]
    frame["change"] = np.select(cases, ["gained", "lost", "moved"], default="")
    frame["reason"] = np.select(cases[:2], [_why(frame, "one", top), _why(frame, "other", top)], default="")
    frame["moved"] = (frame["rank_one"] - frame["rank_other"]).where(is_moved, 0)
    columns = ["term", "change", "rank_one", "rank_other", "moved", "score_one", "score_other", "reason"]
    return _by_importance(frame[frame["change"] != ""].reset_index())[columns]


def _ranks(terms: pd.DataFrame, name: str) -> pd.DataFrame:
    """``rank, score, reason``, index the term."""
    evaluation.check_columns(f"the terms of {name}", terms, ["term", "rank", "score", "rejected_by"])
    if (repeated := _first_repeat(terms["term"].tolist())) is not None:
        raise InputError(f"terms must be distinct, {repeated} comes twice in {name}; give a run's terms.csv as it was")
    for column in ("rank", "score"):
        if not pd.api.types.is_numeric_dtype(terms[column]):
            raise InputError(f"the column {column} of {name} must hold numbers; give a run's terms.csv as it was")
    frame = terms.set_index(pd.Index(terms["term"], dtype=object, name="term"))
    return frame[["rank", "score", "rejected_by"]].rename(columns={"rejected_by": "reason"})


def _is_top(rank: pd.Series, reason: pd.Series, top: int) -> pd.Series:
    return (reason == "") & rank.between(1, top)


def _why(frame: pd.DataFrame, run: str, top: int) -> pd.Series:
    """Why a run does not have a term among its first ones."""
    reason = frame[f"reason_{run}"]
    return reason.where(reason != "", f"ranked below {top:,}").fillna("no candidate")


def _by_importance(frame: pd.DataFrame) -> pd.DataFrame:
    order = frame["change"].map(list(_HEADINGS).index)
    ratio = np.abs(np.log(frame["rank_one"].clip(lower=1) / frame["rank_other"].clip(lower=1)))
    best = np.select([order == 0, order == 1], [frame["rank_other"], frame["rank_one"]], default=0)
    keys = pd.DataFrame({"order": order, "best": best, "ratio": -ratio.where(order == 2, 0.0), "term": frame["term"]})
    return frame.loc[keys.sort_values(["order", "best", "ratio", "term"]).index].reset_index(drop=True)


def read_run(run: str | os.PathLike) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The terms and the contexts of a run, one's own or somebody else's; nothing in it is executed.

    Parameters
    ----------
    run : its folder, or a file in it

    Returns
    -------
    terms : its ``terms.csv``
    contexts : ``term, left, right`` of its ``contexts.parquet``, empty without one

    Raises
    ------
    InputError : it is no run, or a file of it is damaged
    """
    folder = Path(run) if Path(run).is_dir() else Path(run).parent
    if not (folder / "terms.csv").is_file():
        raise InputError(f"there is no {folder / 'terms.csv'}; give the folder of a run that came to its end")
    columns, path = ["term", "left", "right"], folder / "contexts.parquet"
    contexts = export.read_frame(path) if path.is_file() else pd.DataFrame(columns=columns, dtype=object)
    evaluation.check_columns(str(path), contexts, columns)
    return export.read_frame(folder / "terms.csv"), contexts[columns]


def best_terms(terms: pd.DataFrame, *, top: int = 1000) -> list[str]:
    """The first ``top`` kept terms of a run, best first, as ``rank_biased_overlap`` takes them.

    Parameters
    ----------
    terms, top : as for ``diff``

    >>> best_terms(pd.DataFrame({"term": ["巢脾", "蜂王"], "rank": [2, 1], "score": 1.0, "rejected_by": ""}))
    ['蜂王', '巢脾']
    """
    evaluation.check_rank("top", top)
    frame = _ranks(terms, "the run")
    return frame[_is_top(frame["rank"], frame["reason"], top)].sort_values("rank", kind="stable").index.tolist()


def write_changes(changes: pd.DataFrame, contexts: pd.DataFrame, file: str | os.PathLike | BinaryIO) -> None:
    """What ``diff`` found as a table for spreadsheets, as ``judging.write_sheet`` makes it safe for them.

    Parameters
    ----------
    changes : as ``diff`` returns it; the table has in addition ``context``, the term's first one as 左【词】右
    contexts : ``term, left, right`` as ``judging.contexts`` returns it; may lack terms
    file : a path, or an open binary file

    Raises
    ------
    InputError : the contexts lack a column
    """
    evaluation.check_columns("the contexts", contexts, ["term", "left", "right"])
    first = contexts.drop_duplicates("term").astype(str)
    shown = (first["left"] + "【" + first["term"] + "】" + first["right"]).str.strip()
    context = changes["term"].map(dict(zip(first["term"], shown, strict=True))).fillna("")
    table = changes.assign(context=context.astype(object))
    if isinstance(file, str | os.PathLike):
        judging.write_sheet(table, file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "changes.csv"
        judging.write_sheet(table, path)
        file.write(path.read_bytes())


def describe(changes: pd.DataFrame, contexts: pd.DataFrame, *, n: int = 10, width: int = 12) -> list[str]:
    """The first ``n`` gained, lost and moved terms in lines of text, each with one of its contexts.

    Parameters
    ----------
    changes : as ``diff`` returns it
    contexts : ``term, left, right`` as ``judging.contexts`` returns it; of a term the first row is taken
    n : terms of each kind
    width : characters of the context on each side

    Returns
    -------
    lines : a heading for each kind with the number of all, then its terms below each other; a Chinese character is as
        wide as two others. What a terminal could take for a command is left out

    >>> row = {"term": "蜂王", "change": "gained", "rank_one": 0, "rank_other": 3, "moved": 0, "reason": "no candidate"}
    >>> context = pd.DataFrame({"term": ["蜂王"], "left": ["换一只"], "right": ["之后"]})
    >>> describe(pd.DataFrame([row]), context)
    ['1 gained: rank, why the first run lacks it', '  3  蜂王  no candidate  换一只[蜂王]之后']
    """
    evaluation.check_columns("the contexts", contexts, ["term", "left", "right"])
    first = contexts.drop_duplicates("term").set_index("term")
    lines = []
    for change in dict.fromkeys(changes["change"]):
        found = changes[changes["change"] == change]
        cells = [
            (_place(row), row.term, row.reason, _context(row.term, first, width)) for row in found[:n].itertuples()
        ]
        lines += [f"{len(found):,} {_HEADINGS[change]}", *_table([[_plain(cell) for cell in row] for row in cells])]
    return lines


def _place(row: tuple) -> str:
    if row.change == "moved":
        return f"{row.rank_one:,} → {row.rank_other:,}"
    return f"{row.rank_other if row.change == 'gained' else row.rank_one:,}"


def _context(term: str, contexts: pd.DataFrame, width: int) -> str:
    if term not in contexts.index:
        return ""
    left, right = (str(contexts.at[term, side]) for side in ("left", "right"))
    return f"{left[max(len(left) - width, 0) :]}[{term}]{right[:width]}"


def _plain(text: str) -> str:
    """Without what is not printed: line breaks, and the commands of a terminal."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes.

    >>> _columns("SF6断路器")
    9
    """
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell + " " * (w - _columns(cell)) for cell, w in zip(row, widths, strict=True) if w).rstrip()
        for row in rows
    ]

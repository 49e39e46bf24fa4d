"""Which terms are one family?

A reader looks for 真空断路器 under 断路器, and for sf6断路器 under SF6断路器. Every term stays a row of its own and
in its place; two columns say under which other one it would be looked for, and why.
"""

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
import pandas as pd

from termmine.errors import InputError

# Raised digits are kept: 10² is not 102, while SF₆ is SF6.
_FOLDABLE = re.compile("[^\u00b2\u00b3\u00b9\u2070-\u2079]+")
# Between two digits a hyphen or blank parts numbers: 3-10 is not 310.
_FILLER = re.compile(r"(?<![0-9])[-_\s\u00ad\u2010-\u2015\u2212]+|[-_\s\u00ad\u2010-\u2015\u2212]+(?![0-9])")
_INSIDE_RUN = re.compile(r"[\w.]{2}", re.ASCII)


def spelling_key(term: str) -> str:
    """What all spellings of a term share: case, width, hyphens, blanks and lowered digits do not count.

    Parameters
    ----------
    term : any string

    >>> [spelling_key(term) for term in ("ZPW-2000A", "zpw 2000a", "SF₆断路器", "3-10kV")]
    ['zpw2000a', 'zpw2000a', 'sf6断路器', '3-10kv']
    """
    folded = _FOLDABLE.sub(lambda part: unicodedata.normalize("NFKC", part[0]), term).casefold()
    return _FILLER.sub("", folded) or term


def group_variants(terms: pd.DataFrame) -> pd.DataFrame:
    """Say for every kept term under which other kept term a reader would look for it.

    A **spelling** goes to the most frequent spelling of the same ``spelling_key`` (ties: the better ranked one).
    Chinese terms end in what they are, so a **kind** goes to the longest term of two or more characters that it ends
    in and that is a head. Let c be occurrences and v₁ … vₙ the kept terms whose longest kept ending is h. At one place
    in the text at most one of them ends, so that

        free(h) = c(h) − Σ c(vᵢ)

    is how often h stands without a longer term around it. h is a head when free(h) >= (1/n) Σ c(vᵢ): it stands alone
    at least as often as inside an average variant. 路器 hardly occurs outside 断路器 and fails, 断路器 passes. Nor is
    there a head that begins inside a number or a Latin word, as 10kV in 110kV.

    Parameters
    ----------
    terms : ranked, best first, distinct, with at least ``term``, ``count`` (occurrences, overlapping ones counted)
        and ``rejected_by`` ("" = kept)

    Returns
    -------
    frame : ``terms``, no row moved or dropped, with ``head`` (a kept term; "" for one that stands for itself and for
        rejected ones) and ``relation`` (``spelling``, ``kind`` or ""). Following ``head`` always ends.

    Raises
    ------
    InputError : a column is missing, or a kept term comes twice

    Notes
    -----
    Counts cannot tell a kind from a word that ends alike: with many 动机 of its own a text puts 电动机 under it.

    References
    ----------
    Comparing a nested string with the mean of the longer ones: the C-value of Frantzi, Ananiadou & Mima (2000).

    Examples
    --------
    断路器: free 9 − (4 + 1) = 4, on average (4 + 1)/2; 路器: free 10 − 9 = 1, on average 9.

    >>> frame = pd.DataFrame({"term": ["断路器", "真空断路器", "油断路器", "路器"], "count": [9, 4, 1, 10]})
    >>> group_variants(frame.assign(rejected_by=""))["head"].tolist()
    ['', '断路器', '断路器', '']
    """
    _check(terms)
    kept = terms.loc[terms["rejected_by"] == "", ["term", "count"]].reset_index(drop=True)
    kept["key"] = [spelling_key(term) for term in kept["term"]]
    groups = kept.sort_values("count", ascending=False, kind="stable").groupby("key", sort=False)
    spelling = groups["term"].first()  # key -> its most frequent spelling
    shorter = _heads(groups["count"].sum())
    main = kept["key"].map(spelling)
    is_spelling = main != kept["term"]
    kind = kept["key"].map(shorter).map(spelling).fillna("")
    head = main.where(is_spelling, kind)
    relation = np.select([is_spelling, kind != ""], ["spelling", "kind"], "")
    rows = np.flatnonzero(terms["rejected_by"] == "")
    return terms.assign(head=_spread(head, rows, len(terms)), relation=_spread(relation, rows, len(terms)))


def _check(terms: pd.DataFrame) -> None:
    missing = [name for name in ("term", "count", "rejected_by") if name not in terms]
    if missing:
        raise InputError(f"the terms need the columns term, count, rejected_by; {', '.join(missing)} is missing")
    kept = terms.loc[terms["rejected_by"] == "", "term"]
    if kept.duplicated().any():
        raise InputError(f"kept terms must be distinct, {kept[kept.duplicated()].iloc[0]} comes twice; drop repeats")


def _spread(values: Iterable[str], rows: np.ndarray, size: int) -> np.ndarray:
    """``values`` at ``rows``, "" elsewhere."""
    column = np.full(size, "", dtype=object)
    column[rows] = values
    return column


def _heads(counts: pd.Series) -> dict[str, str]:
    """key -> the longest head that it ends in, for the keys that have one."""
    ending = _longest_endings(counts.index)
    pairs = pd.Series(ending)
    variants = counts.reindex(pairs.index).groupby(pairs).agg(["sum", "mean"])
    free = counts.reindex(variants.index) - variants["sum"]
    heads = set(variants.index[free >= variants["mean"]])
    found: dict[str, str] = {}
    for key, end in ending.items():  # shorter endings come first
        begins_inside = _INSIDE_RUN.fullmatch(key[-len(end) - 1 :][:2])
        nearest = end if end in heads and not begins_inside else found.get(end)
        if nearest is not None:
            found[key] = nearest
    return found


def _longest_endings(keys: Iterable[str]) -> dict[str, str]:
    """key -> the longest other key of two or more characters that it ends in, an ending before what ends in it.

    Sorted from their last character, keys with the same ending stand in a row behind it: one pass with a stack.

    >>> _longest_endings(["断路器", "真空断路器", "路器", "真空", "油断路器"])
    {'断路器': '路器', '油断路器': '断路器', '真空断路器': '断路器'}
    """
    found: dict[str, str] = {}
    stack: list[str] = []
    for key in sorted((key for key in keys if len(key) >= 2), key=lambda key: key[::-1]):
        while stack and not key.endswith(stack[-1]):
            stack.pop()
        if stack:
            found[key] = stack[-1]
        stack.append(key)
    return found


def nested(terms: pd.DataFrame, n: int) -> pd.DataFrame:
    """The best ``n`` entries with the terms that are looked for under them.

    An entry is a kept term that stands for itself or that others are looked for under. So every kept term is an
    entry or among an entry's variants, and 电流互感器 with its own kinds is also a kind of 互感器.

    Parameters
    ----------
    terms : what ``group_variants`` returns
    n : entries

    Returns
    -------
    frame : ``rank`` (row of ``terms``, 1 is best), ``term``, ``n_variants``, ``variants`` (best first, joined by 、)

    Raises
    ------
    InputError : ``n`` is below 1, or the columns of ``group_variants`` are missing

    >>> frame = pd.DataFrame({"term": ["油断路器", "断路器"], "count": [1, 9], "rejected_by": ""})
    >>> nested(group_variants(frame), 5).values.tolist()
    [[2, '断路器', 1, '油断路器']]
    """
    if n < 1:
        raise InputError(f"n must be 1 or more, got {n!r}")
    if missing := [name for name in ("term", "rejected_by", "head") if name not in terms]:
        raise InputError(f"the column {', '.join(missing)} is missing; give what group_variants returns")
    families = terms.loc[terms["head"] != ""].groupby("head", sort=False)["term"].agg(["size", "、".join])
    is_entry = (terms["head"] == "") | terms["term"].isin(families.index)
    rows = np.flatnonzero(is_entry & (terms["rejected_by"] == ""))[:n]
    entries = terms["term"].iloc[rows]
    return pd.DataFrame(
        {
            "rank": rows + 1,
            "term": entries.to_numpy(),
            "n_variants": families["size"].reindex(entries, fill_value=0).to_numpy(),
            "variants": families["join"].reindex(entries, fill_value="").to_numpy(),
        }
    )

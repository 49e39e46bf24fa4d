"""What is thrown out, and why?

Filter rules are data: a JSON object of rule names and what they forbid. They become pure functions
``term -> reason``, "" where the term may stay; no row of a frame disappears, it says which rule fired.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from termmine.errors import InputError, shown

Rule = Callable[[str], str]

_HAN = re.compile("[\u4e00-\u9fa5]")
_UNIT = "[A-Za-zµμΩ°℃℉%‰²³]{1,4}"
_QUANTITY = f"[0-9][0-9.,]* ?(?:{_UNIT}(?:[/·]{_UNIT}){{0,2}}[23]?)?"
_MEASURE = re.compile(f"[±+~-]?{_QUANTITY}(?:[~:/×-][±+-]?{_QUANTITY})*")

# rule -> what of a term must not be one of the value's parts
_PART: dict[str, tuple[type, Callable[[str], str]]] = {
    "first_character_not_in": (str, lambda term: term[:1]),
    "last_character_not_in": (str, lambda term: term[-1:]),
    "first_two_not_in": (list, lambda term: term[:2]),
    "last_two_not_in": (list, lambda term: term[-2:]),
    "learned_first_character_not_in": (str, lambda term: term[:1]),
    "learned_last_character_not_in": (str, lambda term: term[-1:]),
}
# rule -> type of its value; no part of it may stand anywhere in a term
_CONTAINED: dict[str, type] = {"contains_none_of": list, "contains_no_character_of": str}
# rule -> (type of its value, does the value forbid the term?)
_AS_A_WHOLE: dict[str, tuple[type, Callable[[str, object], bool]]] = {
    "has_han": (bool, lambda term, on: on and not _HAN.search(term)),
    "min_length": (int, lambda term, least: len(term) < least),
    "not_a_measure": (bool, lambda term, on: on and _MEASURE.fullmatch(term) is not None),
    "not_one_character_repeated": (bool, lambda term, on: on and len(term) > 1 and len(set(term)) == 1),
    "two_characters_not_starting_with": (str, lambda term, firsts: len(term) == 2 and term[0] in firsts),
    "not_only_characters_of": (str, lambda term, few: set(term).issubset(few)),
}
_TYPES = {name: kind for name, (kind, _) in (_PART | _AS_A_WHOLE).items()} | _CONTAINED


def _make_rule(name: str, value: list | str | int) -> Rule:
    if name in _PART:
        part_of = _PART[name][1]
        reasons = {part: f"{name}: {part}" for part in value}
        return lambda term: reasons.get(part_of(term), "")
    if name in _CONTAINED:
        return _contained_rule(name, tuple(value))
    forbids = _AS_A_WHOLE[name][1]
    value = frozenset(value) if isinstance(value, str) else value
    reason = f"{name}: {value}" if type(value) is int else name
    return lambda term: reason if forbids(term, value) else ""


def _contained_rule(name: str, parts: tuple[str, ...]) -> Rule:
    """Names the first part in the order of the data; most terms hold none, which one search tells."""
    if not parts:
        return lambda term: ""
    search = re.compile("|".join(map(re.escape, parts))).search
    return lambda term: next(f"{name}: {part}" for part in parts if part in term) if search(term) else ""


def make_rules(spec: Mapping[str, object], *, source: str = "the rules") -> tuple[Rule, ...]:
    """Turn rule data into rules, in the order given.

    ``not_a_measure`` forbids numbers with units in Latin letters or signs and nothing else, as 10kV, 3.5% or -20~45℃;
    a name like 5G cannot be told from one. ``learned_…`` are the rules of ``learn_affixes``.

    Parameters
    ----------
    spec : rule name -> what it forbids, e.g. ``{"min_length": 2, "first_character_not_in": "每各"}``
    source : what to call the data in a message

    Raises
    ------
    InputError : a rule that does not exist, or a value of the wrong kind

    >>> [rule("每台") for rule in make_rules({"min_length": 2, "first_character_not_in": "每各"})]
    ['', 'first_character_not_in: 每']
    """
    for name, value in spec.items():
        if name not in _TYPES:
            raise InputError(f"{source}: there is no rule {shown(name)}; there are: {', '.join(_TYPES)}")
        kind = _TYPES[name]
        if type(value) is not kind or (kind is list and not all(isinstance(part, str) for part in value)):
            wanted = "list of strings" if kind is list else kind.__name__
            raise InputError(f"{source}: {name} must be of type {wanted}, got {shown(value)}")
    return tuple(_make_rule(name, value) for name, value in spec.items())


def read_rules(path: str | os.PathLike) -> tuple[Rule, ...]:
    """Rules from a JSON file.

    Raises
    ------
    InputError : the file is missing, not JSON, or no set of rules
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would keep one waiting
            raise OSError(0, "it is no regular file")
        with open(path, encoding="utf-8-sig") as file:
            spec = json.load(file)
    except OSError as error:
        raise InputError(
            f"the rules {path} cannot be read: {error.strerror}; give general, classic, electricity or a JSON file"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"the rules {path} are not UTF-8 at byte {error.start:,}; convert them to UTF-8 first"
        ) from None
    except ValueError as error:
        raise InputError(f"the rules {path} are not JSON: {error}") from None
    except RecursionError:
        raise InputError(f"the rules {path} must be a JSON object of rule names, got one of too many levels") from None
    if not isinstance(spec, dict):
        raise InputError(f"the rules {path} must be a JSON object of rule names, got {shown(spec)}")
    return make_rules(spec, source=os.fspath(path))


def learn_affixes(background_words: pd.DataFrame, *, min_count: int = 50, min_share: float = 0.9) -> dict[str, str]:
    """Learn the characters that do not begin or end a term from a word list of everyday text, as rule data.

    A character that begins a word is nearly always the whole word if it is a particle: 和 stands alone, and few longer
    words begin with it. For a Han character c that is a word alone n(c) >= ``min_count`` times

        share of beginnings = n(c) / Σ n(w) over the words w that begin with c, c itself among them

    and likewise for ends. Where a share is ``min_share`` or more, no term begins, or ends, with c. Each side has its
    own evidence: 者 hardly ever begins a longer word and ends many, so that it may end a term.

    Parameters
    ----------
    background_words : ``term, count`` as discovery leaves them, a row a word
    min_count : occurrences of the character as a word
    min_share : 0..1; 1 spares every character of which a single longer word is known

    Returns
    -------
    rule data : ``learned_first_character_not_in``, ``learned_last_character_not_in``, most frequent first, ties by
        character; "" where there is none. For ``make_rules``, or a rule file.

    Raises
    ------
    InputError : no such columns, or a threshold out of range

    Notes
    -----
    Made for the words of method ``em``. The vocabulary of ``pmi`` holds phrases, so that few shares are high; that of
    ``cohesion`` leaves every rarer character alone, and hundreds would be learned that begin and end terms. What begins
    with a word that begins like a particle (等电位 with 等) is lost.

    Source: the independent word probability of a character, Wu & Jiang (2000), here for each position.

    >>> words = pd.DataFrame({"term": ["和", "和平", "者", "学者", "记者"], "count": [95, 5, 60, 50, 10]})
    >>> learn_affixes(words)                                          # 95 / 100; 60 / 60 and 60 / 120
    {'learned_first_character_not_in': '和者', 'learned_last_character_not_in': '和'}
    """
    if not {"term", "count"} <= set(background_words.columns):
        raise InputError(f"the words need the columns term and count, got {', '.join(map(str, background_words))}")
    if min_count < 1:
        raise InputError(f"min_count must be 1 or more, got {min_count!r}")
    if not 0 < min_share <= 1:
        raise InputError(f"min_share must be above 0 and 1 at most, got {min_share!r}")
    return {
        f"learned_{side}_character_not_in": "".join(_standing_alone(background_words, edge, min_count, min_share))
        for side, edge in (("first", 0), ("last", -1))
    }


def _standing_alone(words: pd.DataFrame, edge: int, min_count: int, min_share: float) -> list[str]:
    """The characters that are the whole word where they are at this edge of one."""
    total = words["count"].groupby(words["term"].str[edge]).sum()
    alone = words.loc[words["term"].str.fullmatch(_HAN.pattern), ["term", "count"]]
    share = alone["count"].to_numpy() / total.reindex(alone["term"]).to_numpy()
    alone = alone[(alone["count"] >= min_count) & (share >= min_share)]
    return alone.sort_values(["count", "term"], ascending=[False, True])["term"].tolist()


def reject(term: str, rules: Iterable[Rule]) -> str:
    """The reason of the first rule that fires, "" if none does."""
    return next(filter(None, (rule(term) for rule in rules)), "")


def apply_rules(terms: pd.DataFrame, rules: Iterable[Rule]) -> pd.DataFrame:
    """Add ``rejected_by``: the first rule's reason, "" if none fires. Drops no row."""
    rules = tuple(rules)
    return terms.assign(rejected_by=[reject(term, rules) for term in terms["term"]])

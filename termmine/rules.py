"""What is thrown out, and why?

Filter rules are data: a JSON object of rule names and what they forbid. They become pure functions
``term -> reason``, "" where the term may stay; no row of a frame disappears, it says which rule fired.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from termmine.errors import InputError

Rule = Callable[[str], str]

_HAN = re.compile("[\u4e00-\u9fa5]")


def _first_found(parts: Iterable[str], reason: str, test: Callable[[str, str], bool]) -> Rule:
    parts = tuple(parts)
    return lambda term: next((f"{reason}: {part}" for part in parts if test(term, part)), "")


def _when(reason: str, test: Callable[[str], bool]) -> Rule:
    return lambda term: reason if test(term) else ""


def _flag(reason: str, test: Callable[[str], bool]) -> Callable[[bool], Rule]:
    return lambda on: _when(reason, lambda term: on and test(term))


# name -> (type of the value, value -> rule); a reason begins with the rule's name
_MAKERS: dict[str, tuple[type, Callable]] = {
    "has_han": (bool, _flag("has_han", lambda term: not _HAN.search(term))),
    "min_length": (int, lambda n: _when(f"min_length: {n}", lambda term: len(term) < n)),
    "contains_none_of": (
        list,
        lambda parts: _first_found(parts, "contains_none_of", lambda term, part: part in term),
    ),
    "contains_no_character_of": (
        str,
        lambda parts: _first_found(parts, "contains_no_character_of", lambda term, part: part in term),
    ),
    "first_character_not_in": (
        str,
        lambda parts: _first_found(parts, "first_character_not_in", lambda term, part: term[:1] == part),
    ),
    "last_character_not_in": (
        str,
        lambda parts: _first_found(parts, "last_character_not_in", lambda term, part: term[-1:] == part),
    ),
    "first_two_not_in": (
        list,
        lambda parts: _first_found(parts, "first_two_not_in", lambda term, part: term[:2] == part),
    ),
    "last_two_not_in": (
        list,
        lambda parts: _first_found(parts, "last_two_not_in", lambda term, part: term[-2:] == part),
    ),
    "not_one_character_repeated": (
        bool,
        _flag("not_one_character_repeated", lambda term: len(term) > 1 and len(set(term)) == 1),
    ),
    "two_characters_not_starting_with": (
        str,
        lambda firsts: _when("two_characters_not_starting_with", lambda term: len(term) == 2 and term[0] in firsts),
    ),
    "not_only_characters_of": (
        str,
        lambda few: _when("not_only_characters_of", lambda term: set(term) <= set(few)),
    ),
}


def make_rules(spec: Mapping[str, object], *, source: str = "the rules") -> tuple[Rule, ...]:
    """Turn rule data into rules, in the order given.

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
    rules = []
    for name, value in spec.items():
        if name not in _MAKERS:
            raise InputError(f"{source}: there is no rule {name!r}; there are: {', '.join(_MAKERS)}")
        kind, maker = _MAKERS[name]
        is_texts = not isinstance(value, list) or all(isinstance(part, str) for part in value)
        if type(value) is not kind or not is_texts:
            wanted = "list of strings" if kind is list else kind.__name__
            raise InputError(f"{source}: {name} must be a {wanted}, got {value!r}")
        rules.append(maker(value))
    return tuple(rules)


def read_rules(path: str | os.PathLike) -> tuple[Rule, ...]:
    """Rules from a JSON file.

    Raises
    ------
    InputError : the file is missing, not JSON, or no set of rules
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            spec = json.load(file)
    except OSError as error:
        raise InputError(f"the rules {path} cannot be read: {error.strerror}; check the name") from None
    except ValueError as error:
        raise InputError(f"the rules {path} are not JSON: {error}") from None
    if not isinstance(spec, dict):
        raise InputError(f"the rules {path} must be a JSON object of rule names, got a {type(spec).__name__}")
    return make_rules(spec, source=os.fspath(path))


def reject(term: str, rules: Iterable[Rule]) -> str:
    """The reason of the first rule that fires, "" if none does."""
    return next(filter(None, (rule(term) for rule in rules)), "")


def apply_rules(terms: pd.DataFrame, rules: Iterable[Rule]) -> pd.DataFrame:
    """Add ``rejected_by``: the first rule's reason, "" if none fires. Drops no row."""
    rules = tuple(rules)
    return terms.assign(rejected_by=[reject(term, rules) for term in terms["term"]])

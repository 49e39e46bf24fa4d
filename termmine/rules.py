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


# rule -> (type of its value, does this part of the value forbid the term?); the reason names the first such part
_BY_PART: dict[str, tuple[type, Callable[[str, str], bool]]] = {
    "contains_none_of": (list, lambda term, part: part in term),
    "contains_no_character_of": (str, lambda term, part: part in term),
    "first_character_not_in": (str, lambda term, part: term[:1] == part),
    "last_character_not_in": (str, lambda term, part: term[-1:] == part),
    "first_two_not_in": (list, lambda term, part: term[:2] == part),
    "last_two_not_in": (list, lambda term, part: term[-2:] == part),
}
# rule -> (type of its value, does the value forbid the term?)
_AS_A_WHOLE: dict[str, tuple[type, Callable[[str, object], bool]]] = {
    "has_han": (bool, lambda term, on: on and not _HAN.search(term)),
    "min_length": (int, lambda term, least: len(term) < least),
    "not_one_character_repeated": (bool, lambda term, on: on and len(term) > 1 and len(set(term)) == 1),
    "two_characters_not_starting_with": (str, lambda term, firsts: len(term) == 2 and term[0] in firsts),
    "not_only_characters_of": (str, lambda term, few: set(term) <= set(few)),
}
_TYPES = {name: kind for name, (kind, _) in (_BY_PART | _AS_A_WHOLE).items()}


def _make_rule(name: str, value: list | str | int) -> Rule:
    if name in _BY_PART:
        forbids = _BY_PART[name][1]
        parts = tuple(value)
        return lambda term: next((f"{name}: {part}" for part in parts if forbids(term, part)), "")
    forbids = _AS_A_WHOLE[name][1]
    reason = f"{name}: {value}" if type(value) is int else name
    return lambda term: reason if forbids(term, value) else ""


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
    for name, value in spec.items():
        if name not in _TYPES:
            raise InputError(f"{source}: there is no rule {name!r}; there are: {', '.join(_TYPES)}")
        kind = _TYPES[name]
        if type(value) is not kind or (kind is list and not all(isinstance(part, str) for part in value)):
            wanted = "list of strings" if kind is list else kind.__name__
            raise InputError(f"{source}: {name} must be of type {wanted}, got {value!r}")
    return tuple(_make_rule(name, value) for name, value in spec.items())


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
        raise InputError(
            f"the rules {path} cannot be read: {error.strerror}; give general, electricity or a JSON file"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"the rules {path} are not UTF-8 at byte {error.start:,}; convert them to UTF-8 first"
        ) from None
    except ValueError as error:
        raise InputError(f"the rules {path} are not JSON: {error}") from None
    if not isinstance(spec, dict):
        raise InputError(f"the rules {path} must be a JSON object of rule names, got {spec!r}")
    return make_rules(spec, source=os.fspath(path))


def reject(term: str, rules: Iterable[Rule]) -> str:
    """The reason of the first rule that fires, "" if none does."""
    return next(filter(None, (rule(term) for rule in rules)), "")


def apply_rules(terms: pd.DataFrame, rules: Iterable[Rule]) -> pd.DataFrame:
    """Add ``rejected_by``: the first rule's reason, "" if none fires. Drops no row."""
    rules = tuple(rules)
    return terms.assign(rejected_by=[reject(term, rules) for term in terms["term"]])

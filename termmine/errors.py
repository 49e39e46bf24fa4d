"""What can go wrong, by name.

Every message says what must hold, what came and what to do about it. The command line prints the
message alone and ends with status 2 for an ``InputError``, 1 for anything else.
"""

import re
import reprlib
from collections.abc import Sequence

# A user's name may hold an @; and to the last one: a password that should have been percent-encoded may, too.
_PASSWORD = re.compile(r"(://[^\s/:]*:)\S*@")
_WHOLE_PASSWORD = re.compile(r"(://[^/:]*:).*@", re.DOTALL)  # blanks as well
_TOKEN = re.compile(r"(https?://)[^\s/@:]+@", re.IGNORECASE)  # https://TOKEN@host
_HARMLESS = "sslmode|mode|uri|charset|authSource|replicaSet|driver|versionId"
_OPTION = re.compile(rf"([?&](?!(?:{_HARMLESS})=)[\w.%-]+=)[^&\s'\"#]+")  # of a URL; others may sign it
_NAMED = re.compile(
    r"(\b(?:\w+_)?(?:password|passwd|pwd|passphrase|secret|token|api_?key|access_?key|secret_?key)\s*[=:]\s*)"
    r"('[^']*'|\"[^\"]*\"|[^\s&,;]+)",
    re.IGNORECASE,
)
_SHORT = reprlib.Repr()  # looks at a few items of a few levels only
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 80, 80, 40


def shown(value: object) -> str:
    """A value as a message names it: its ``repr``, of what is large or deep a part.

    >>> shown("蜂王"), shown([1] * 99)
    ("'蜂王'", '[1, 1, 1, 1, 1, 1, ...]')
    """
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        return f"a huge {type(value).__name__}"


def masked(text: str) -> str:
    """A text without the passwords in it: of URLs, of their options, and after words such as ``password=``.

    >>> masked("no access to postgresql://ann@corp:secret@db.example/news?sslkey=x&sslmode=require")
    'no access to postgresql://ann@corp:***@db.example/news?sslkey=***&sslmode=require'
    """
    text = _TOKEN.sub(r"\1***@", _PASSWORD.sub(r"\1***@", text))
    return _NAMED.sub(r"\1***", _OPTION.sub(r"\1***", text))


def masked_source(source: str) -> str:
    """The same of one path, URL or argument, in which a password may hold blanks.

    >>> masked_source("--domain=mongodb://ann:my secret@db.example/news")
    '--domain=mongodb://ann:***@db.example/news'
    """
    return masked(_WHOLE_PASSWORD.sub(r"\1***@", source))


class TermmineError(Exception):
    """Base of every error that termmine raises on purpose."""


class InputError(TermmineError, ValueError):
    """A file, parameter or list that cannot be used as it is."""


class UnreadableError(InputError):
    """One document of a source that cannot be read.

    Parameters
    ----------
    place : file and row or byte, as ``my.jsonl, row 12``
    reason : what is wrong, the same words for every such document
    remedy : what to do
    """

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        self.place, self.reason, self.remedy = place, reason, remedy
        super().__init__(masked(f"{place}: {reason}; {remedy}"))


class UnknownParameterError(InputError):
    """A parameter that no stage declares."""


class FetchError(InputError):
    """A data set's package could not be fetched, or is not the pinned one."""


class MissingSeedError(InputError, KeyError):
    """No seed has a vector, or is a candidate.

    Parameters
    ----------
    missing : the absent seeds
    n_seeds : how many seeds were given
    """

    def __init__(self, missing: Sequence[str], n_seeds: int) -> None:
        self.missing = tuple(missing)
        super().__init__(
            f"{len(self.missing)} of {n_seeds} seeds have no vector or are no candidates: "
            f"{', '.join(self.missing[:5])}; give seeds that the text holds, as often as candidates must occur"
        )

    __str__ = Exception.__str__  # KeyError would print the repr


class NotebookError(TermmineError):
    """A notebook stopped at one of its cells; its half-executed copy is kept."""


class NotebookInputError(NotebookError, InputError):
    """The same, because its files or parameters cannot be used as they are."""

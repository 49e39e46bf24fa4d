"""What documents does a source hold?

Files of any kind, folders, patterns, remote files, databases, and records that are in memory: read one document after
the other, again and again, normalised, each in one line; what was changed, repeated or skipped is counted.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from termmine import corpus, databases, formats
from termmine.errors import InputError, UnreadableError, masked_source, shown

_BREAKS = re.compile(r"\s*[\r\n\v\f]\s*")  # a document is one line
_PLACES = 100  # of what is left out that are named, a reason
Item = str | UnreadableError


@dataclass(slots=True)
class Report:
    """What one pass over a source met.

    ``skipped`` counts by reason the documents and files that were left out, ``places`` has the first 100 of each;
    ``changed`` counts characters by kind, as ``normalizing.Normalizer`` does; ``notes`` say of a file in which encoding
    it was read, if that was guessed.
    """

    documents: int = 0
    characters: int = 0
    empty: int = 0
    repeated: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)
    changed: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, place: str, reason: str) -> None:
        """Count a document or a file that is left out."""
        self.skipped[reason] += 1
        if self.skipped[reason] <= _PLACES:
            self.places.setdefault(reason, []).append(place)

    def __str__(self) -> str:
        """One line for a reader.

        >>> str(Report(documents=2, characters=1200, repeated=1))
        '2 documents of 1,200 characters; left out: 1 repeated'
        """
        left_out = {"empty": self.empty, "repeated": self.repeated}
        parts = [f"{count:,} {name}" for name, count in left_out.items() if count]
        parts += [
            f"{count:,} {reason} ({self.places[reason][0]}{', …' * (count > 1)})"
            for reason, count in sorted(self.skipped.items())
        ]
        changes = [f"{count:,} {kind}" for kind, count in self.changed.items() if count]
        return (
            f"{self.documents:,} document{'s' * (self.documents != 1)} of {self.characters:,} characters"
            + (f"; left out: {', '.join(parts)}" if parts else "")
            + (f"; characters changed: {', '.join(changes)}" if changes else "")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a source is read; the parameters of ``read``.

    Raises
    ------
    InputError : ``on_error`` is neither fail nor skip; ``simplify`` without ``normalize``
    """

    text_column: str = ""
    query: str = ""
    table: str = ""
    encoding: str = ""
    on_error: str = "fail"
    normalize: bool = True
    simplify: bool = False
    dedupe: bool = False

    def __post_init__(self) -> None:
        if self.on_error not in ("fail", "skip"):
            raise InputError(f"on_error must be fail or skip, got {shown(self.on_error)}")
        if self.simplify and not self.normalize:
            raise InputError("simplify is a part of normalizing; leave the text as it is, or simplify it")


class Documents:
    """The documents of a source, read anew at each pass; ``report`` tells of the last one."""

    def __init__(
        self, source: object, options: Options, *, progress: bool, on_message: Callable[[str], object] | None
    ) -> None:
        self.options, self.progress, self.on_message = options, progress, on_message
        self.report = Report()
        self._records = None if _is_path(source) else _as_records(source, options.text_column)
        self.found = formats.Found(()) if self._records is not None else find(source)

    def __iter__(self) -> Iterator[str]:
        report = self.report = Report()
        for file, why in self.found.left_out:
            report.leave_out(file, f"of a kind that is not read ({why})" if why.startswith(".") else why)
        normalize, is_repeated = self._filters(report)
        for text in self._bar(self._without_faults(report)):
            line = _BREAKS.sub(" ", normalize(text)).strip()
            if not line:
                report.empty += 1
            elif is_repeated(line):
                report.repeated += 1
            else:
                report.documents += 1
                report.characters += len(line)
                yield line

    def _filters(self, report: Report) -> tuple[Callable[[str], str], Callable[[str], bool]]:
        from termmine import duplicates, normalizing  # numba, only where something is read

        normalize: Callable[[str], str] = corpus.fold
        if self.options.normalize:
            normalize = normalizing.Normalizer(simplify=self.options.simplify)
            report.changed = normalize.changed
        return normalize, duplicates.Duplicates().is_repeated if self.options.dedupe else lambda text: False

    def _without_faults(self, report: Report) -> Iterator[str]:
        for item in self._items():
            if isinstance(item, str):
                yield item
            elif self.options.on_error == "fail":
                raise UnreadableError(item.place, item.reason, f"{item.remedy}; or leave it out: --on-error skip")
            else:
                report.leave_out(item.place, item.reason)

    def _items(self) -> Iterator[Item]:
        if self._records is not None:
            yield from self._records
        for source in self.found.files:
            try:
                yield from self._read(source)
            except InputError as error:  # the whole file is of no use, e.g. has no such column
                if self.options.on_error == "fail" or len(self.found.files) == 1:
                    raise
                name = masked_source(os.fspath(source))
                yield UnreadableError(name, str(error).replace(name, "it"), "give it in another form")

    def _read(self, source: str | Path) -> Iterator[Item]:
        options, text = self.options, os.fspath(source)
        where = {"query": options.query, "table": options.table, "text_column": options.text_column}
        if databases.is_url(text):
            return databases.read(text, **where)
        if formats.kind(source) == "sqlite":
            return databases.read(databases.sqlite_url(source), **where)
        settings = {"text_column": options.text_column, "encoding": options.encoding}
        return formats.read_file(source, **settings, on_message=self._note)

    def _note(self, message: str) -> None:
        self.report.notes.append(message)
        if self.on_message is not None:
            self.on_message(message)

    def _bar(self, texts: Iterable[str]) -> Iterable[str]:
        if not self.progress:
            return texts
        from tqdm.auto import tqdm

        return tqdm(texts, unit=" documents", desc="read")

    def __repr__(self) -> str:
        names = ", ".join(masked_source(os.fspath(source)) for source in self.found.files)
        return f"Documents({names or 'records'})"


def read(
    source: object,
    *,
    progress: bool = False,
    on_message: Callable[[str], object] | None = None,
    **options: Any,
) -> Documents:
    """Open a source as a re-iterable corpus: an iterable of documents, one ``str`` of one line each.

    Parameters
    ----------
    source : a path, pattern, folder (all that is in it, in order of the names), URL of a remote file (``s3://…``,
        ``https://…``) or of a database (``postgresql://…``, ``mongodb://…``), or several of these; or records: a
        pandas frame, a data set of Hugging Face, any iterable of dicts that can be read again
    text_column : the column, or key, of the text; may be left out if there is one alone
    query, table : of a database: the SQL whose result is read, or the table (MongoDB: the collection)
    encoding : of text files; without it, recognised, and said by ``on_message`` if it is not UTF-8
    on_error : what to do with a document that cannot be read: ``fail``, or ``skip``: leave it out and count it
    normalize : NFKC of letters and digits, no control and zero-width characters; else only full-width letters and
        digits are folded
    simplify : traditional characters as simplified ones
    dedupe : leave out documents that resemble one before
    progress : a bar
    on_message : called with what the user should know

    Returns
    -------
    documents : folded, empty ones left out; ``.report`` counts what the last pass met

    Raises
    ------
    InputError : nothing there, a wrong name of a column, an iterator, which could be read only once; while reading, as
        ``on_error`` says, ``UnreadableError``, which names file and row or byte

    >>> records = [{"title": "蜂王", "text": "蜂王产卵。\\n工蜂采蜜。"}, {"title": "空", "text": ""}]
    >>> list(read(records, text_column="text"))
    ['蜂王产卵。 工蜂采蜜。']
    """
    return Documents(source, Options(**options), progress=progress, on_message=on_message)


def _is_path(source: object) -> bool:
    if isinstance(source, list | tuple):
        return bool(source) and all(isinstance(one, str | os.PathLike) for one in source)
    return isinstance(source, str | os.PathLike | formats.Found)


def find(source: str | os.PathLike | Sequence[str | os.PathLike] | formats.Found) -> formats.Found:
    """The files, remote files and databases behind paths, patterns, folders and URLs, in the order given.

    Raises
    ------
    InputError : nothing there, an empty file, the same file twice
    """
    if isinstance(source, formats.Found):  # found before
        return source
    given = [source] if isinstance(source, str | os.PathLike) else list(source)
    if not given:
        raise InputError("a corpus needs at least one source; none was given")
    files: list[str | Path] = []
    left_out: list[tuple[str, str]] = []
    for is_database, group in groupby(given, lambda one: databases.is_url(os.fspath(one))):
        together = list(map(os.fspath, group))
        found = formats.Found(tuple(together)) if is_database else formats.find(together)
        files += found.files
        left_out += found.left_out
    formats.check_once(files)
    return formats.Found(tuple(files), tuple(left_out))


def is_plain(path: str | Path, *, normalize: bool = True) -> bool:
    """Whether a file is plain UTF-8 text that reading would not change, full-width characters aside."""
    from termmine import normalizing

    if not formats.is_plain(path):
        return False
    needs = normalizing.Normalizer().needs if normalize else lambda text: False
    try:
        return not any(map(needs, corpus.read_text(Path(path))))
    except InputError:  # not UTF-8: the reader of documents finds out what it is, or says what is wrong
        return False


def _as_records(source: object, text_column: str) -> "Records":
    if isinstance(source, Mapping):
        raise InputError(f"records must be one list, got a dict of {', '.join(map(str, source))}; give one of these")
    if isinstance(source, pd.DataFrame):
        _check_column(text_column, source.columns)
        column = text_column or _only_column(source.columns)
        return Records(source[column], "")
    if not isinstance(source, Iterable):
        raise InputError(f"a source must be a path, a URL or records, got {shown(source)}")
    if iter(source) is source:
        raise InputError("records are read more than once and must not be an iterator; give a list or a data set")
    if hasattr(source, "select_columns") and text_column:  # of Hugging Face: other columns may hold pictures or sound
        _check_column(text_column, source.column_names or (text_column,))
        source = source.select_columns([text_column])
    return Records(source, text_column)


def _check_column(name: str, columns: Iterable[object]) -> None:
    if name and name not in (names := list(columns)):
        raise InputError(f"there is no column {name!r}; there are: {', '.join(map(str, names))}")


def _only_column(names: Iterable[object]) -> str:
    names = list(names)
    if len(names) != 1:
        raise InputError(f"name the column of the text with text_column; there are: {', '.join(map(str, names))}")
    return str(names[0])


@dataclass(frozen=True, slots=True)
class Records:
    """The texts of records, each a dict or a text itself."""

    source: Iterable[object]
    text_column: str

    def __iter__(self) -> Iterator[Item]:
        name = self.text_column
        for number, record in enumerate(self.source, 1):
            if isinstance(record, Mapping):
                name = name or _only_column(record)
                if name not in record:
                    keys = ", ".join(map(str, record))
                    yield UnreadableError(f"record {number:,}", f"no key {name!r}", f"it has: {keys}")
                    continue
                record = record[name]
            if isinstance(record, str):
                yield record
            elif record is None or record is pd.NA or (isinstance(record, float) and math.isnan(record)):
                yield ""
            else:
                yield UnreadableError(f"record {number:,}", "no text", f"text is needed, got {shown(record)}")

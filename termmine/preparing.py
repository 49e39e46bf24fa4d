"""What is read again and again?

Every stage reads the text once more, so that a source of another kind is written down first: one plain UTF-8 file in
``data/.texts``, a document a line. A plain file in which nothing has to be changed is read where it lies.
"""

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from termmine import corpus, databases, datasets, documents, duplicates, encodings, export, formats, normalizing
from termmine.documents import Options
from termmine.errors import InputError, masked_source

# On whose versions, and whose code, a text depends.
_LIBRARIES = ("charset-normalizer", "lxml", "pypdfium2", "python-docx", "trafilatura", "OpenCC")
_ROOMS = (corpus, encodings, formats, normalizing, duplicates, documents)
_SPARED = 86400  # seconds in which what another process writes is left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Plain files, and where they come from.

    ``said`` is {} if the files are the source itself; else ``from`` (sources, without passwords), ``options`` (those
    that are not the default), ``documents``, ``characters`` and what was left out and changed. ``is_new`` if it was
    read now, and not kept from before.
    """

    files: tuple[Path, ...]
    said: Mapping[str, object] = field(default_factory=dict)
    is_new: bool = False


def prepare(
    sources: Sequence[str | Path],
    options: Options,
    *,
    progress: bool = False,
    on_message: Callable[[str], object] | None = None,
) -> Prepared:
    """Plain UTF-8 files that hold the documents of a source.

    Parameters
    ----------
    sources : paths, patterns, folders, URLs, as ``documents.read`` takes them
    options : how they are read
    progress, on_message : as for ``documents.read``

    Returns
    -------
    prepared : the files themselves, if they are plain and nothing in them would be changed; else one file, named by
        its source's content and the options. What was written down once is not read again, but from a remote file or
        a database, which may have changed

    Raises
    ------
    InputError : as ``documents.read``; no document is left; a file changed meanwhile, or the folder cannot be written
    """
    found = documents.find(sources)
    if _is_plain(found, options):
        return Prepared(files=tuple(map(Path, found.files)))
    folder = datasets.home() / "data" / datasets.TEXTS
    names = [masked_source(str(one)) for one in sources]
    key = _key(found, names, options)
    if key and (kept := _kept(folder, key)):
        return kept
    _tidy(folder)
    source = documents.read(found, progress=progress, on_message=on_message, **asdict(options))
    try:
        prepared = _write(source, names, folder, key)
    except OSError as error:
        raise InputError(f"the text cannot be written to {folder}: {error.strerror}; work in another folder") from None
    if key and _key(documents.find(sources), names, options) != key:
        prepared.files[0].with_suffix(".json").unlink(missing_ok=True)  # so that it is not taken for the source's text
        raise InputError(f"{', '.join(names)} changed while it was read; give the command again")
    return prepared


def named_set(sources: Sequence[str]) -> str:
    """The data set that a text is named by, "" if it is none; a file of that name comes first."""
    is_set = len(sources) == 1 and not corpus.exists(sources[0]) and sources[0] in datasets.names()
    return sources[0] if is_set else ""


def check_used(options: Options, files: Sequence[str | Path]) -> None:
    """Refuse an option that nothing in the sources has a use for.

    Raises
    ------
    InputError : a query without a database, a column without a table
    """
    is_database = [databases.is_url(str(file)) or formats.kind(file) == "sqlite" for file in files]
    is_table = [formats.kind(file) in ("jsonl", "json", "csv", "parquet") for file in files]
    for name in ("query", "table"):
        if getattr(options, name) and not any(is_database):
            raise InputError(f"--{name} is for databases, and {masked_source(str(files[0]))} is none")
    if options.text_column and not any(is_database + is_table):
        raise InputError(f"--text-column is for tables and databases, and {masked_source(str(files[0]))} is none")
    if options.encoding and not any(formats.has_encoding(file) and not databases.is_url(str(file)) for file in files):
        raise InputError(f"--encoding is for text, and {masked_source(str(files[0]))} has an encoding of its own")


def _is_plain(found: formats.Found, options: Options) -> bool:
    """Whether the files can be read where they lie."""
    if options.dedupe or options.simplify or options.encoding or found.left_out:
        return False
    return all(datasets.is_final(f) or documents.is_plain(f, normalize=options.normalize) for f in found.files)


def _key(found: formats.Found, names: Sequence[str], options: Options) -> str:
    """What the text depends on, as a SHA-256; "" where that cannot be known without reading."""
    if any(formats.kind(file) == "sqlite" or not isinstance(file, Path) for file in found.files):
        return ""
    said = {
        "names": names,  # which the report of its reading names
        "files": [(str(file), datasets.sha256(file)) for file in found.files],
        "left_out": found.left_out,
        "options": asdict(options),
        "versions": _versions(),
    }
    return _digest(said)


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _versions() -> dict[str, str]:
    versions = {"unicode": unicodedata.unidata_version}
    versions |= {room.__name__: datasets.sha256(Path(room.__file__)) for room in _ROOMS}
    for name in _LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _kept(folder: Path, key: str) -> Prepared | None:
    """What was written down under a key, whole and unchanged; ``None`` without it."""
    path = folder / f"{key}.txt"
    try:
        said = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        if datasets.sha256(path) != said.pop("sha256"):
            return None
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return Prepared(files=(path,), said=said)


def _write(source: documents.Documents, names: Sequence[str], folder: Path, key: str) -> Prepared:
    made = [path for path in (folder, folder.parent) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
            new = Path(scratch) / "text"
            digest = _write_lines(source, new)
            if not source.report.documents:
                raise InputError(f"there is no document in {', '.join(names)}: {source.report}")
            path = folder / f"{key or _digest([names, digest])}.txt"
            new.replace(path)
    except BaseException:
        for path in made:
            with suppress(OSError):  # not empty: another process uses it
                path.rmdir()
        raise
    said = {"from": list(names), "files": len(source.found.files)} | _say(source)
    export.write_json(said | {"sha256": digest}, path.with_suffix(".json"))
    return Prepared(files=(path,), said=said, is_new=True)


def _tidy(folder: Path) -> None:
    """Remove what processes that were killed left half-written."""
    for left in folder.glob(".new-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _SPARED:
                shutil.rmtree(left, ignore_errors=True)


def _write_lines(source: documents.Documents, path: Path) -> str:
    """Write the documents, a line each; the SHA-256 of the file."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for line in source:
            encoded = f"{line}\n".encode()
            digest.update(encoded)
            file.write(encoded)
    return digest.hexdigest()


def _say(source: documents.Documents) -> dict[str, object]:
    report, default = source.report, Options()
    chosen = {name: value for name, value in asdict(source.options).items() if value != getattr(default, name)}
    counted = {"empty": report.empty, "repeated": report.repeated, "skipped": report.skipped, "changed": report.changed}
    return {
        "options": {name: masked_source(value) if isinstance(value, str) else value for name, value in chosen.items()},
        "documents": report.documents,
        "characters": report.characters,
        **{name: value for name, value in counted.items() if value},
        **({"left_out": report.places} if report.places else {}),
        **({"notes": report.notes} if report.notes else {}),
        "summary": str(report),
    }

"""What is read again and again?

Every stage reads the text once more, so that a source of another kind is written down first: one plain UTF-8 file in
``data/.texts``, a document a line. A plain file in which nothing has to be changed is read where it lies.
"""

import hashlib
import importlib.metadata
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from termmine import corpus, databases, datasets, documents, export, formats
from termmine.documents import Options
from termmine.errors import InputError, masked

_RECIPE = 1  # raised when the same source gives another text
_LIBRARIES = ("charset-normalizer", "pypdfium2", "python-docx", "trafilatura", "OpenCC")  # whose versions matter


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
    InputError : as ``documents.read``; no document is left
    """
    found = documents.find(sources)
    if _is_plain(found, options):
        return Prepared(files=tuple(map(Path, found.files)))
    folder = datasets.home() / "data" / ".texts"
    key = _key(found, options)
    if key and (kept := _kept(folder, key)):
        return kept
    source = documents.read(list(sources), progress=progress, on_message=on_message, **asdict(options))
    return _write(source, [masked(str(one)) for one in sources], folder, key)


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
            raise InputError(f"--{name} is for databases, and {masked(str(files[0]))} is none")
    if options.text_column and not any(is_database + is_table):
        raise InputError(f"--text-column is for tables and databases, and {masked(str(files[0]))} is none")


def _is_plain(found: formats.Found, options: Options) -> bool:
    """Whether the files can be read where they lie."""
    if options.dedupe or options.simplify or options.encoding or found.skipped:
        return False
    return all(isinstance(file, Path) and _is_plain_file(file, options.normalize) for file in found.files)


def _is_plain_file(path: Path, normalize: bool) -> bool:
    from termmine import normalizing

    if not formats.is_plain(path):
        return False
    needs = normalizing.Normalizer().needs if normalize else lambda text: False
    try:
        return not any(map(needs, corpus.read_text(path)))
    except InputError:  # not UTF-8: the reader of documents finds out what it is, or says what is wrong
        return False


def _key(found: formats.Found, options: Options) -> str:
    """What the text depends on, as a SHA-256; "" where it cannot be known without reading."""
    if not all(isinstance(file, Path) for file in found.files):
        return ""
    said = {
        "recipe": _RECIPE,
        "files": [(formats.kind(file), datasets.sha256(file)) for file in found.files],
        "skipped": found.skipped,
        "options": asdict(options),
        "versions": _versions(),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = ""
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
            path = folder / f"{key or digest[:16]}.txt"
            new.replace(path)
    except BaseException:
        for path in made:
            with suppress(OSError):  # not empty: another process uses it
                path.rmdir()
        raise
    said = {"from": list(names), "files": len(source.found.files)} | _say(source)
    export.write_json(said | {"sha256": digest}, path.with_suffix(".json"))
    return Prepared(files=(path,), said=said, is_new=True)


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
        "options": {name: masked(value) if isinstance(value, str) else value for name, value in chosen.items()},
        "documents": report.documents,
        "characters": report.characters,
        **{name: value for name, value in counted.items() if value},
        "summary": str(report),
    }

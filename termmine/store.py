"""What was counted before?

A folder of counts, to which text is added later. An addition holds its text as unit ids and a run for each n-gram
length: the counts as Parquet, a row group a bucket, keys ascending in it. Nothing of it is counted again: a reader
merges the same bucket of all runs, so that memory holds few buckets at a time, at any size of text. Only the cutting
of the text is done anew each time, since where to cut depends on all counts.

Sorted runs need no database: a hash table has counted them bucket by bucket already, and an addition never touches
what is there. ``manifest.json`` says which additions count; it is replaced last, so that one which was interrupted
leaves nothing but a folder that the next one removes.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from termmine import export, ngrams
from termmine.corpus import Corpus, exists
from termmine.errors import InputError

FORMAT = "termmine counts"
VERSION = 2  # to be raised with any change of the files, of what a unit is, or of how keys are packed and spread
_MANIFEST, _LOCK = "manifest.json", ".lock"
_ADDED = re.compile(r"added-\d+")
_TORN_MANIFEST = re.compile(r"\.manifest-.*\.json")
_TORN = re.compile(rf"\.adding|{_TORN_MANIFEST.pattern}")  # and additions that the manifest does not list
_LENGTHS = range(1, ngrams.LONGEST + 1)
_TEXT = pa.schema([pa.field("unit", pa.uint16(), nullable=False)])
_COUNTS = {  # the metadata tell one length's file from another's
    n: pa.schema(
        [pa.field("key", pa.uint64(), nullable=False), pa.field("count", pa.int64(), nullable=False)], {"n": str(n)}
    )
    for n in _LENGTHS
}


class StoredText(ngrams.Text):
    """What a folder of counts holds, as one text: the additions in order.

    Attributes
    ----------
    files : name, SHA-256 and bytes of each file that was added
    """

    units = "word"

    def __init__(self, folder: Path, additions: Sequence[Mapping]) -> None:
        self.files = [file for addition in additions for file in addition["files"]]
        self._folders = [folder / addition["folder"] for addition in additions]
        self._windows = [addition["windows"] for addition in additions]
        self._only_han = False
        self._decoded = cache(partial(_decode, self._folders))

    def only_han(self) -> "StoredText":
        han = copy(self)
        han._only_han = True
        return han

    def unit_counts(self) -> np.ndarray:
        table = self.count_ngrams(1)
        counts = np.zeros(1 << 16, np.int64)
        counts[table.keys] = table.counts
        return counts

    def count_windows(self, n: int) -> int:
        view = "han" if self._only_han else "word"
        return sum(windows[view][n - 1] for windows in self._windows)

    def count_ngrams(self, n: int, *, floor: int = 1, shorter: ngrams.Ngrams | None = None) -> ngrams.Ngrams:
        """Merge the saved counts; ``shorter`` would save nothing, and what it rules out is below the floor anyway."""
        paths = [_counts_path(folder, n) for folder in self._folders]
        table = ngrams.merged(ngrams.in_threads(partial(_merge_buckets, paths, n, floor)))
        return table.where(table.is_han()) if self._only_han else table

    def count_pieces(self, cut: ngrams.Cut, floor: Callable[[int], int]) -> ngrams.Pieces:
        """Cut the saved text, anew each time: where depends on the counts of all additions."""
        if self._only_han:
            raise ValueError("pieces are cut from the whole text, not from its Han characters alone")
        return self._decoded().count_pieces(cut, floor)

    def count_keys(self, find: ngrams.FindKeys) -> Iterator[ngrams.Ngrams]:
        return self._decoded().count_keys(find)


def open_store(folder: str | os.PathLike) -> StoredText:
    """The text whose counts a folder holds.

    Raises
    ------
    InputError : nothing was added to it yet, it is no folder of counts, or one of another version
    """
    additions = _read_additions(Path(folder))
    if not additions:
        raise InputError(f"{folder} holds no counts yet; give text to add")
    return StoredText(Path(folder), additions)


def extend(folder: str | os.PathLike, lines: Corpus) -> StoredText:
    """Count files, add them to what a folder holds, and open all of it.

    Discovery finds in it what it finds in all the files, in the order in which they were added. A file that changed
    under the same name is new text; its old text stays.

    Parameters
    ----------
    folder : made if it is not there
    lines : the new text, from ``corpus.read_lines``

    Raises
    ------
    InputError : a file is there already, the folder cannot be used, or the text cannot be read
    TypeError : ``lines`` is no ``Corpus``; what is there already is told by the files' checksums
    """
    if not isinstance(lines, Corpus):
        raise TypeError(f"lines must be a Corpus, got {type(lines).__name__}; open files with corpus.read_lines")
    folder = Path(folder)
    files = _described(lines.paths)
    _refuse_known(files, _read_additions(folder), folder)
    text = ngrams.encode(lines)
    with _alone(folder):
        additions = _read_additions(folder)
        _refuse_known(files, additions, folder)  # by what another process may have added meanwhile
        _remove_torn(folder, additions)
        added = _add(folder, len(additions) + 1, text) | {"files": files}
        _write_manifest(folder, [*additions, added])
    return open_store(folder)


# --- the manifest -----------------------------------------------------------------------------------------


def _read_additions(folder: Path) -> list[dict]:
    """What the manifest lists; nothing where the folder is yet to be made."""
    if not exists(folder):
        return []
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; counts are kept in a folder, name a new one")
    if not (folder / _MANIFEST).exists():
        names = (path.name for path in folder.iterdir())
        if others := sorted(name for name in names if name != _LOCK and not _TORN_MANIFEST.fullmatch(name)):
            raise InputError(f"{folder} holds other files than counts, e.g. {others[0]}; name a new folder")
        return []
    try:
        manifest = export.read_json(folder / _MANIFEST)
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{folder / _MANIFEST} is not that of a folder of counts; name a new folder")
    if manifest.get("version") != VERSION:
        raise InputError(
            f"{folder} holds counts of version {manifest.get('version')}, this termmine reads version {VERSION}; "
            "count the files anew into another folder"
        )
    additions = manifest.get("additions")
    if not (isinstance(additions, list) and all(map(_is_addition, additions))):
        raise _damaged(folder / _MANIFEST)
    for path in (path for addition in additions for path in _paths(folder / addition["folder"])):
        if not path.is_file():
            raise _damaged(path)
    return additions


def _is_addition(entry: object) -> bool:
    """Whether an entry of the manifest is as ``extend`` writes it."""
    try:
        texts = [entry["folder"], *(file[name] for file in entry["files"] for name in ("name", "sha256"))]
        windows = [entry["windows"][view] for view in ("word", "han")]
        numbers = [number for view in windows for number in view]
    except (KeyError, TypeError):
        return False
    return (
        all(isinstance(text, str) for text in texts)
        and _ADDED.fullmatch(entry["folder"]) is not None
        and all(isinstance(number, int) and 0 <= number < 1 << 63 for number in numbers)
        and all(len(view) == len(_LENGTHS) for view in windows)
    )


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is missing or damaged; count the files anew into another folder")


def _write_manifest(folder: Path, additions: list[dict]) -> None:
    export.write_json({"format": FORMAT, "version": VERSION, "additions": additions}, folder / _MANIFEST)


def _described(paths: Sequence[Path]) -> list[dict]:
    return [{"name": path.name, "sha256": _checksum(path), "bytes": path.stat().st_size} for path in paths]


def _checksum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _refuse_known(files: Sequence[Mapping], additions: Sequence[Mapping], folder: Path) -> None:
    known = {file["sha256"]: f"{folder} already, as {file['name']}" for old in additions for file in old["files"]}
    for file in files:
        if where := known.get(file["sha256"]):
            raise InputError(f"the text of {file['name']} is in {where}, and would be counted twice; leave it out")
        known[file["sha256"]] = f"{file['name']} too"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other processes from adding to it; the system unlocks it if this one dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}") from None
    with lock:
        try:
            _lock(lock.fileno())
        except OSError:
            raise InputError(f"{folder} is being added to by another process; try again when it is done") from None
        yield


def _lock(handle: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_torn(folder: Path, additions: Sequence[Mapping]) -> None:
    """Remove what interrupted additions left; only our own names, and only in a folder with our manifest."""
    if not (folder / _MANIFEST).exists():
        _write_manifest(folder, [])
    whole = {addition["folder"] for addition in additions}
    for path in folder.iterdir():
        if _TORN.fullmatch(path.name) or (_ADDED.fullmatch(path.name) and path.name not in whole):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


# --- an addition ------------------------------------------------------------------------------------------


def _add(folder: Path, number: int, text: ngrams.EncodedText) -> dict:
    """Write an addition's folder under a temporary name, rename it; what the manifest shall say about it."""
    name = f"added-{number:04}"
    temporary = folder / ".adding"
    temporary.mkdir()
    try:
        _write_text(text, _text_path(temporary))
        windows = [_write_counts(text, n, _counts_path(temporary, n)) for n in _LENGTHS]
        temporary.rename(folder / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    word, han = map(list, zip(*windows, strict=True))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"folder": name, "date": now, "windows": {"word": word, "han": han}}


def _text_path(folder: Path) -> Path:
    return folder / "text.parquet"


def _counts_path(folder: Path, n: int) -> Path:
    return folder / f"counts-{n}.parquet"


def _paths(folder: Path) -> list[Path]:
    """The files of an addition."""
    return [_text_path(folder), *(_counts_path(folder, n) for n in _LENGTHS)]


def _write_text(text: ngrams.EncodedText, path: Path) -> None:
    """The units, a row group a block."""
    with _writer(path, _TEXT) as writer:
        for block in text.blocks():
            writer.write_table(pa.table([block], schema=_TEXT), row_group_size=max(block.size, 1))


def _write_counts(text: ngrams.EncodedText, n: int, path: Path) -> tuple[int, int]:
    """The counts of n-grams, a row group a bucket; occurrences of all, and of those without letters and digits."""
    word, han = 0, 0
    with _writer(path, _COUNTS[n]) as writer:
        for part in text.count_by_buckets(n):
            for table in part:
                rows = pa.table([table.keys, table.counts], schema=_COUNTS[n])
                writer.write_table(rows, row_group_size=max(len(rows), 1))
                word += int(table.counts.sum())
                han += int(table.counts[table.is_han()].sum())
    return word, han


def _writer(path: Path, schema: pa.Schema) -> parquet.ParquetWriter:
    return parquet.ParquetWriter(
        path, schema, compression="zstd", compression_level=3, write_statistics=False, write_page_checksum=True
    )


# --- reading ----------------------------------------------------------------------------------------------


def _decode(folders: Sequence[Path]) -> ngrams.EncodedText:
    """The saved text in memory, or where it is large in a temporary file: cutting passes over it several times."""
    text = ngrams.EncodedText()
    text.units = StoredText.units
    for folder in folders:
        for table in _read_row_groups(_text_path(folder), _TEXT):
            text.append(table["unit"].to_numpy())
    return text


def _merge_buckets(paths: Sequence[Path], n: int, floor: int, low: int, high: int) -> ngrams.Ngrams:
    """The sums over all runs, those of at least ``floor``, bucket by bucket."""
    return ngrams.merged(
        ngrams.merged([_read_bucket(path, n, bucket) for path in paths], floor) for bucket in range(low, high)
    )


def _read_bucket(path: Path, n: int, bucket: int) -> ngrams.Ngrams:
    (table,) = _read_row_groups(path, _COUNTS[n], [bucket])
    keys, counts = table["key"].to_numpy(), table["count"].to_numpy()
    if keys.max(initial=0) >> np.uint64(16 * n - 1) > 1 or min(keys.min(initial=1), counts.min(initial=1)) < 1:
        raise _damaged(path)
    return ngrams.Ngrams(n, keys, counts)


def _read_row_groups(path: Path, schema: pa.Schema, chosen: Sequence[int] | None = None) -> Iterator[pa.Table]:
    """All row groups, or the chosen ones; one file is open at a time, however many additions there are."""
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            if not file.schema_arrow.equals(schema, check_metadata=True):
                raise _damaged(path)
            if chosen and file.num_row_groups != ngrams.BUCKETS:
                raise _damaged(path)
            for group in chosen or range(file.num_row_groups):
                yield file.read_row_group(group, use_threads=False)
    except (OSError, pa.ArrowException):
        raise _damaged(path) from None

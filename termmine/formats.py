"""How is a file read?

A reader yields the documents of one file in order, as they stand, and an ``UnreadableError`` in place of each
one that cannot be read. What ends a file early is yielded too; wrong use, as a column that is not there, is raised.
"""

import bz2
import codecs
import csv
import glob
import gzip
import importlib
import json
import logging
import lzma
import os
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any, AnyStr, BinaryIO, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from termmine import corpus, encodings
from termmine.errors import InputError, UnreadableError, masked, masked_source

_KINDS = {
    ".txt": "text", ".text": "text", ".md": "text",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".docx": "docx", ".pdf": "pdf", ".html": "html", ".htm": "html", ".xhtml": "html",
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite",
}  # fmt: skip
_SERVED = ("http://", "https://")
_SQLITE = b"SQLite format 3"
_PACKED = {".gz", ".bz2", ".xz", ".zst"}
_BLOCK = 1 << 22  # bytes read at a time
_PACKED_BLOCK = 1 << 16  # what a damaged archive may lose
_SAMPLE = 1 << 16  # bytes that the encoding is told from
_ASCII_BLOCKS = 1024  # so many samples are looked through for a character that is not ASCII
_MOST_UNPACKED = 1 << 29  # bytes in a .docx
_LONGEST_FIELD = 1 << 27  # characters of a csv field
_LITTLE_HTML = 100  # characters; a page with less main content is taken whole

_SEEMS = {
    b"\xd0\xcf\x11\xe0": ("an old Office file", "save it as .docx"),
    b"PK\x03\x04": ("a zip archive or an Office file", "unpack it, or give it its own suffix, as .docx"),
    b"%PDF": ("a PDF file", "give it the suffix .pdf"),
    b"\x1f\x8b": ("a gzip archive", "give it the suffix .gz"),
    b"BZh": ("a bzip2 archive", "give it the suffix .bz2"),
    b"\xfd7zXZ\x00": ("an xz archive", "give it the suffix .xz"),
    b"\x28\xb5\x2f\xfd": ("a Zstandard archive", "give it the suffix .zst"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"PAR1": ("a Parquet file", "give it the suffix .parquet"),
    _SQLITE: ("an SQLite database", "give it the suffix .sqlite"),
    b"{\\rtf": ("a rich text file", "save it as .docx or plain text"),
    b"\x89PNG": ("a picture", "run OCR on it first"),
    b"\xff\xd8\xff": ("a picture", "run OCR on it first"),
    b"GIF8": ("a picture", "run OCR on it first"),
}
_NOT_ASCII = re.compile(rb"[\x00\x80-\xff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_META_CHARSET = re.compile(rb"""<(?:meta|\?xml)[^>]+?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_WORDS = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HYPHENS = ("\ufffe", "\x02", "\u00ad")  # as PDFium writes a word's hyphen at the end of a line

_AGAIN = "write or fetch it again"

Item = str | UnreadableError  # what a reader yields


@dataclass(frozen=True, slots=True)
class Found:
    """Files to read: ``files`` in order; ``left_out`` are others that a folder holds, each with the reason."""

    files: tuple[str | Path, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def skipped(self) -> Counter[str]:
        """How many were left out, by reason."""
        return Counter(why for _, why in self.left_out)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file and how its reader was asked to read it."""

    path: str | Path
    text_column: str = ""
    encoding: str = ""
    on_message: Callable[[str], object] | None = None

    @property
    def name(self) -> str:
        """The file as messages name it."""
        return masked_source(str(self.path))


def kind(path: str | os.PathLike) -> str:
    """What kind a file is of by its name, behind the suffix of a compression: ``text`` if nothing else is known.

    >>> kind("news.JSONL.gz"), kind("s3://bees/a.csv?versionId=1"), kind("notes.log"), kind("laws.db")
    ('jsonl', 'csv', 'text', 'sqlite')
    """
    return _KINDS.get(_suffix(path), "text")


def is_plain(path: str | os.PathLike) -> bool:
    """Whether a file is text by its name, here and not packed."""
    return kind(path) == "text" and not _packing(path) and not _is_url(path)


def has_encoding(path: str | os.PathLike) -> bool:
    """Whether the bytes of a file are characters in some encoding."""
    return kind(path) in ("text", "jsonl", "json", "csv", "html")


def _suffix(path: str | os.PathLike) -> str:
    suffixes = _suffixes(path)
    return suffixes[-2] if suffixes[-1] in _PACKED else suffixes[-1]


def _packing(path: str | os.PathLike) -> str:
    return last if (last := _suffixes(path)[-1]) in _PACKED else ""


def _suffixes(path: str | os.PathLike) -> list[str]:
    """The lower-case suffixes of a name, two empty ones before them."""
    name = os.fspath(path)
    return ["", "", *(suffix.lower() for suffix in Path(urlsplit(name).path if _is_url(name) else name).suffixes)]


def _is_url(path: str | os.PathLike) -> bool:
    return isinstance(path, str) and "://" in path


def find(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> Found:
    """The files behind paths, patterns, folders and URLs.

    Parameters
    ----------
    paths : files of any kind; glob patterns; folders, of which all files of a known kind are taken, hidden
        ones left out, in sorted order; fsspec URLs, which may hold ``*`` or name a folder

    Raises
    ------
    InputError : nothing there, an empty file, or the same file twice
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise InputError("a corpus needs at least one file; none was given")
    left_out: list[tuple[str, str]] = []
    files: list[str | Path] = []
    for path in given:
        files.extend(_find_remote(path, left_out) if _is_url(path) else _find_local(os.fspath(path), left_out))
    check_once(files)
    return Found(tuple(files), tuple(left_out))


def check_once(files: Iterable[str | Path]) -> None:
    """Refuse a file, or a database, that comes twice.

    Raises
    ------
    InputError : one does
    """
    seen: set[str] = set()
    for file in files:
        same = file if isinstance(file, str) else os.path.realpath(file)
        if same in seen:
            raise InputError(
                f"{masked_source(str(file))} is given twice and would be counted twice; give each file once"
            )
        seen.add(same)


def _find_local(path: str, left_out: list[tuple[str, str]]) -> list[Path]:
    is_pattern = glob.has_magic(path) and not corpus.exists(path)
    matches = sorted(glob.glob(path, recursive=True)) if is_pattern else [path]
    if not matches:
        raise InputError(f"no file matches {path}; check the pattern and the folder you are in")
    if is_pattern:  # ** finds folders beside what they hold
        matches = [match for match in matches if not Path(match).is_dir()] or matches
    found: list[Path] = []
    for match in map(Path, matches):
        found.extend(_walk(match, left_out) if corpus.exists(match) and match.is_dir() else [corpus.check_file(match)])
    return found


def _walk(folder: Path, left_out: list[tuple[str, str]]) -> list[Path]:
    """The files of known kinds in a folder and those below it; what links to another of them is left out."""
    if folder.resolve() == folder.resolve().parent:
        raise InputError(f"{folder} is all there is; give a folder of texts")
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        links = [name for name in folders if Path(root, name).is_symlink()]
        left_out += ((str(Path(root, name)), "linked folder") for name in links)
        folders[:] = [name for name in folders if not name.startswith(".") and name not in links]
        found.extend(Path(root, name) for name in names if not name.startswith((".", "~$")))  # ~$: Word's locks
    files: dict[str, Path] = {}
    for file in sorted(found, key=lambda file: (file.is_symlink(), file.parts)):  # a link comes after what it links to
        if why := _why_not(file):
            left_out.append((str(file), why))
        elif files.setdefault(os.path.realpath(file), file) != file:
            left_out.append((str(file), "second link"))
    if not files:
        raise InputError(f"there is no file of a known kind in {folder}; known are {', '.join(_KINDS)}")
    return sorted(files.values(), key=lambda file: file.parts)


def _why_not(file: Path | str) -> str:
    """Why a file that a folder holds is not read, "" if it is."""
    if _suffix(file) not in _KINDS:
        return _suffixes(file)[-1] or "no suffix"
    if isinstance(file, str):
        return ""
    if not file.is_file():  # a pipe, or a link to nothing
        return "no regular file"
    if not file.stat().st_size:
        return "empty file"
    return "" if kind(file) != "sqlite" or _begins(file, _SQLITE) else _suffixes(file)[-1]  # as Thumbs.db


def _begins(file: Path, magic: bytes) -> bool:
    try:
        with open(file, "rb") as opened:
            return opened.read(len(magic)) == magic
    except OSError:  # whoever reads it will say so
        return True


def _find_remote(url: str, left_out: list[tuple[str, str]]) -> list[str]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
        system.invalidate_cache()  # a notebook may have listed it before
        if "*" in path:
            found = system.glob(path)
        else:
            is_folder = not url.startswith(_SERVED) and system.info(path)["type"] == "directory"
            found = system.find(path) if is_folder else [url]
    except Exception as error:  # each file system has errors of its own
        raise _no_remote(url, error) from None
    if found == [url]:
        return [url]
    files = sorted(str(system.unstrip_protocol(file)) for file in found)
    if "*" not in path:
        left_out += ((masked_source(file), why) for file in files if (why := _why_not(file)))
        files = [file for file in files if not _why_not(file)]
    if not files:
        raise InputError(f"no file of a known kind is at {masked_source(url)}; check the address")
    return files


def _no_remote(url: str, error: Exception) -> InputError:
    said = masked(str(error)) or type(error).__name__
    return InputError(
        f"{masked_source(url)} cannot be opened: {said}; check the address, your access and the connection"
    )


def _library(name: str, use: str, extra: str = "files") -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        package = "python-docx" if name == "docx" else name
        raise InputError(f"{use} needs {package}; pip install termmine[{extra}]") from None


def read_file(
    path: str | os.PathLike,
    *,
    text_column: str = "",
    encoding: str = "",
    on_message: Callable[[str], object] | None = None,
) -> Iterator[str | UnreadableError]:
    """The documents of one file, in order.

    Parameters
    ----------
    path : a local file or an fsspec URL. Its suffix tells the kind, behind one of .gz, .bz2, .xz, .zst: of text a
        document is a line that is not empty; of jsonl, json (an array, read whole), csv, tsv and Parquet a row; a
        Word, PDF or HTML file is one document
    text_column : the column of rows; needless if there is a single column of text
    encoding : of text, jsonl, json, csv and HTML, by Python's name; otherwise a byte-order mark decides, then
        whether the beginning is UTF-8, then a guess of at least ``encodings.LEAST_CONFIDENCE``
    on_message : called with a line where an encoding was guessed

    Returns
    -------
    iterator of documents and, in place of what cannot be read, ``UnreadableError``

    Raises
    ------
    InputError : no such encoding, file or column, or a library is missing
    """
    source = _Source(path, text_column, encodings.check_name(encoding), on_message)
    return _until_unreadable(_READERS[kind(path)](source))


def _until_unreadable(documents: Iterable[Item]) -> Iterator[Item]:
    """Yield the error that ends a file, too."""
    try:
        yield from documents
    except UnreadableError as error:
        yield error


# --- bytes


@contextmanager
def _opened(source: _Source) -> Iterator[BinaryIO]:
    """A file's bytes, unpacked."""
    packing = _packing(source.path)
    with ExitStack() as stack:
        file = stack.enter_context(_open_remote(source.path) if _is_url(source.path) else _open_local(source.path))
        yield stack.enter_context(_unpacking(packing)(file)) if packing else file


def _open_local(path: str | os.PathLike) -> BinaryIO:
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None


def _open_remote(url: str) -> BinaryIO:
    import fsspec

    # A server may not serve parts of a file; read at one go it needs none.
    options = {"block_size": 0} if url.startswith(_SERVED) else {}
    try:
        return fsspec.open(url, "rb", **options).open()
    except Exception as error:  # each file system has errors of its own
        raise _no_remote(url, error) from None


def _unpacking(packing: str) -> Callable[[BinaryIO], BinaryIO]:
    if packing == ".zst":
        name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
        return _library(name, "reading .zst").ZstdFile
    return {".gz": lambda file: gzip.GzipFile(fileobj=file), ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}[packing]


def _blocks(source: _Source, size: int = _BLOCK) -> Iterator[bytes]:
    """The bytes of a file, unpacked, so many at a time."""
    packing, end = _packing(source.path), 0
    with _opened(source) as file:
        while block := _next_block(file, min(size, _PACKED_BLOCK) if packing else size, source, end):
            end += len(block)
            yield block


def _next_block(file: BinaryIO, size: int, source: _Source, begin: int) -> bytes:
    try:
        return file.read(size)
    except Exception as error:  # each archive and file system has errors of its own
        if _packing(source.path) and not getattr(error, "errno", None):
            place = f"{source.name}, after byte {begin:,} of its content"
            raise UnreadableError(place, "damaged or cut archive", _AGAIN) from None
        raise InputError(
            f"{source.name} cannot be read: {getattr(error, 'strerror', '') or masked(str(error))}"
        ) from None


@contextmanager
def _seekable(source: _Source) -> Iterator[BinaryIO]:
    """The same as a file that can be read at any place: a copy, if it is packed or served by HTTP."""
    if _packing(source.path) or str(source.path).startswith(_SERVED):
        with tempfile.TemporaryFile() as copy:
            copy.writelines(_blocks(source))
            copy.seek(0)
            yield copy
    else:
        with _opened(source) as file:
            yield file


# --- encodings


def _codec_of(source: _Source, head: bytes, sample: bytes, declared: str = "") -> str:
    """The codec of a text: named, marked, valid UTF-8, declared in the text itself, or guessed."""
    marked = next((codec for mark, codec in encodings.MARKS.items() if head.startswith(mark)), "")
    is_utf8 = encodings.is_utf8(sample, is_cut=len(sample) >= _SAMPLE)
    if not is_utf8 or sample.isascii():  # else a text that begins with the word GIF89a
        _check_text(source, head)
    if source.encoding:
        named = encodings.SUPERSETS.get(source.encoding, source.encoding)
        if marked and not marked.startswith(source.encoding.removesuffix("-sig")) and marked != named:
            remedy = f"it begins with the mark of {encodings.LABELS[marked]}: leave --encoding away"
            raise UnreadableError(source.name, "mark of another encoding", remedy)
        return marked or named
    if marked:
        return marked
    if is_utf8:
        return "utf-8"
    return declared or _guessed(source, sample)


def _check_text(source: _Source, head: bytes) -> None:
    for magic, (seems, remedy) in _SEEMS.items():
        if head.startswith(magic):
            raise UnreadableError(source.name, f"{seems}, no text", remedy)


def _guessed(source: _Source, sample: bytes) -> str:
    confidences = encodings.confidences_of(sample)
    codec = max(confidences, key=confidences.__getitem__, default="")
    if (codec,) not in encodings.RIVALS and confidences.get(codec, 0) >= encodings.LEAST_CONFIDENCE:
        if source.on_message:
            source.on_message(
                f"{source.name} is read as {encodings.LABELS[codec]} (confidence {confidences[codec]:.2f})"
            )
        return codec
    if b"\0" in sample:
        raise UnreadableError(source.name, "no text", "it holds zero bytes; if it is UTF-16, name it with --encoding")
    if near := encodings.nearly(sample):
        remedy = f"it is {encodings.LABELS[near]} but for some bytes: give --encoding {near}, and --on-error skip"
        raise UnreadableError(source.name, "encoding unclear", remedy)
    found = ", ".join(f"{encodings.LABELS[codec]} {confidence:.2f}" for codec, confidence in confidences.items())
    remedy = f"name it with --encoding ({found or 'it is none of UTF-8, GB18030, Big5 and UTF-16'})"
    raise UnreadableError(source.name, "encoding unclear", remedy)


# --- lines


def _lines(source: _Source, errors: str = "strict") -> Iterator[list[Item]]:
    """The lines of a text, a block's at a time.

    A line that cannot be decoded stands as its error, or with ``errors="surrogateescape"`` as lone surrogates.
    """
    head, sample = _beginning(source)
    codec, begin = _codec_of(source, head, sample), 0
    if codec in encodings.LINEWISE:
        for chunk in _whole_lines(_blocks(source), b"\n", b"\r"):
            yield _decoded_lines(chunk, begin, codec, errors, source)
            begin += len(chunk)
    else:
        for n, text in enumerate(_whole_lines(_decoded_blocks(source, codec), "\n", "\r")):
            yield _split(text if n else text.removeprefix("\ufeff"))


def _beginning(source: _Source) -> tuple[bytes, bytes]:
    """The first bytes of a file, and a sample of it from its first characters that are not ASCII on."""
    head = b""
    with closing(_blocks(source, _SAMPLE)) as blocks:
        for block in islice(blocks, _ASCII_BLOCKS):
            head = head or block[:16]
            if not block.isascii() or b"\0" in block:
                rest = islice(blocks, max(1, _SAMPLE // len(block)))  # a server may send less than was asked for
                return head, b"".join([block, *rest])
    return head, b""


def _sample_of(data: bytes) -> bytes:
    """The same of a file that was read whole, from an even place, as UTF-16 needs it."""
    first = _NOT_ASCII.search(data)
    begin = first.start() // 2 * 2 if first else 0
    return data[begin : begin + 2 * _SAMPLE]


def _whole_lines(blocks: Iterable[AnyStr], feed: AnyStr, carriage: AnyStr) -> Iterator[AnyStr]:
    """Blocks cut at line ends instead of anywhere."""
    rest: list[AnyStr] = []  # of a line that goes over several blocks
    for block in blocks:
        cut = block.rfind(feed) + 1 or block.rfind(carriage, 0, -1) + 1
        if cut:
            yield feed[:0].join([*rest, block[:cut]])
            rest = []
        rest.append(block[cut:])
    if last := feed[:0].join(rest):
        yield last


def _split(text: str) -> list[str]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _decoded_lines(chunk: bytes, begin: int, codec: str, errors: str, source: _Source) -> list[Item]:
    """The lines of a chunk that begins at a byte of the file; line by line only where one is damaged."""
    try:
        text = chunk.decode(codec, errors)
        return _split(text if begin else text.removeprefix("\ufeff"))
    except UnicodeDecodeError:
        lines: list[Item] = []
    for line in chunk.splitlines(keepends=True):
        try:
            text = line.decode(codec)
            lines += _split(text if begin else text.removeprefix("\ufeff"))
        except UnicodeDecodeError as error:
            lines.append(_undecodable(source, begin + error.start, codec))
        begin += len(line)
    return lines


def _decoded_blocks(source: _Source, codec: str) -> Iterator[str]:
    decoder, end = codecs.getincrementaldecoder(codec)(), 0
    try:
        for block in _blocks(source):
            end += len(block)
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # The object: what was kept of the block before, and this one.
        raise _undecodable(source, end - len(error.object) + error.start, codec) from None


def _undecodable(source: _Source, byte: int | None, codec: str) -> UnreadableError:
    place = source.name if byte is None else f"{source.name}, byte {byte:,}"
    remedy = "convert it to UTF-8, or name its encoding with --encoding"
    return UnreadableError(place, f"not {encodings.LABELS.get(codec, codec.upper())}", remedy)


def _read_text(source: _Source) -> Iterator[Item]:
    for lines in _lines(source):
        yield from filter(None, lines)


def _whole_text(source: _Source, data: bytes, declared: str = "") -> str:
    """A file's bytes, all of them, as text."""
    codec = _codec_of(source, data[:16], _sample_of(data), declared)
    try:
        return data.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _undecodable(source, error.start, codec) from None


# --- rows


def _read_jsonl(source: _Source) -> Iterator[Item]:
    column = source.text_column
    for n, line in enumerate(chain.from_iterable(_lines(source)), 1):
        if isinstance(line, UnreadableError):
            yield line
        elif line and not line.isspace():
            row = _parsed(line, f"{source.name}, row {n:,}")
            column = column or _text_column_of(row, source)
            yield _text_of(row, column, f"{source.name}, row {n:,}")


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):  # also of an integer of thousands of digits
        return UnreadableError(place, "no JSON", "mend the row")


def _read_json(source: _Source) -> Iterator[Item]:
    text = _whole_text(source, b"".join(_blocks(source)))
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        remedy = "mend it; a file with an object a line is a .jsonl"
        raise UnreadableError(f"{source.name}, line {error.lineno:,}", "no JSON", remedy) from None
    except (ValueError, RecursionError):
        raise UnreadableError(source.name, "no JSON", "it nests too deeply, or holds a huge number") from None
    if not isinstance(rows, list):
        raise UnreadableError(source.name, "no array", "an array of objects or of texts is needed")
    column = source.text_column
    for n, row in enumerate(rows, 1):
        column = column or _text_column_of(row, source)
        yield _text_of(row, column, f"{source.name}, row {n:,}")


def _text_column_of(row: Any, source: _Source) -> str:
    """The only column of a row that may hold text; none of what is no object."""
    if not isinstance(row, dict):
        return ""
    return _only_column([name for name, value in row.items() if value is None or isinstance(value, str)], row, source)


def _only_column(candidates: list[str], columns: Iterable[str], source: _Source) -> str:
    if len(candidates) != 1:
        has = ", ".join(columns) or "no column"
        raise InputError(f"name the column of the text with --text-column; {source.name} has: {has}")
    return candidates[0]


def _text_of(row: Any, column: str, place: str) -> Item:
    """A row's text: of null the empty one."""
    if isinstance(row, UnreadableError):
        return row
    if isinstance(row, dict):
        if column not in row:
            return UnreadableError(place, f"no column {column!r}", f"it has: {', '.join(row) or 'none'}")
        row = row[column] if row[column] is not None else ""
    elif not isinstance(row, str):
        return UnreadableError(place, "no object", "a row is an object with a column of text, or a text")
    if not isinstance(row, str):
        return UnreadableError(place, f"no text in column {column!r}", "give the text as a string")
    if not row.isascii() and _SURROGATE.search(row):
        return UnreadableError(place, "half a character", "a surrogate stands alone; mend its escape")
    return row


def _read_csv(source: _Source) -> Iterator[Item]:
    csv.field_size_limit(max(_LONGEST_FIELD, csv.field_size_limit()))
    errors: list[UnreadableError] = []
    lines = _csv_lines(source, errors)
    first = next(lines, "")
    rows = csv.reader(chain([first], lines), delimiter=_delimiter(first, source), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
    except csv.Error as error:
        raise UnreadableError(f"{source.name}, header", "no csv", f"{error}; quote fields with quotes inside") from None
    if header:
        yield from _csv_texts(rows, header, source)
    yield from errors


def _csv_lines(source: _Source, errors: list[UnreadableError]) -> Iterator[str]:
    """Lines with their ends; what ends the file early is kept apart, for the csv reader takes lines only."""
    try:
        for lines in _lines(source, "surrogateescape"):
            for line in lines:
                if isinstance(line, str):
                    yield line + "\n"
                else:
                    errors.append(line)
    except UnreadableError as error:
        errors.append(error)


def _delimiter(header: str, source: _Source) -> str:
    bare = re.sub('"[^"]*"', "", header)
    return "\t" if _suffix(source.path) == ".tsv" else max(",;\t|", key=bare.count)


def _csv_texts(rows: Any, header: list[str], source: _Source) -> Iterator[Item]:
    column = source.text_column or _only_column(header, header, source)
    if header.count(column) != 1:
        raise InputError(f"{source.name} has {header.count(column)} columns {column!r}; it has: {', '.join(header)}")
    position, n, line = header.index(column), 0, rows.line_num + 1
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            row, n = [], n + 1
            is_open = str(error).startswith("unexpected end")
            reason = "the rest of a csv behind an open quote" if is_open else "no csv"
            place = f"{source.name}, row {n:,} (line {line:,}{f' to {rows.line_num:,}' * is_open})"
            yield UnreadableError(place, reason, f"{error}; close quotes, and double those inside a field")
        if row is None:
            return
        if row:
            n += 1
            yield _csv_text(row, len(header), position, _csv_place(source, n, rows))
        line = rows.line_num + 1


def _csv_place(source: _Source, n: int, rows: Any) -> str:
    return f"{source.name}, row {n:,} (line {rows.line_num:,})"


def _csv_text(row: list[str], n_columns: int, position: int, place: str) -> Item:
    if len(row) != n_columns:
        remedy = f"it has {len(row)}, the header {n_columns}; quote fields that hold the delimiter"
        return UnreadableError(place, "wrong number of fields", remedy)
    if not row[position].isascii() and _SURROGATE.search(row[position]):
        return UnreadableError(place, "not in the file's encoding", "convert it to UTF-8")
    return row[position]


def _read_parquet(source: _Source) -> Iterator[Item]:
    import pyarrow as pa
    from pyarrow import parquet

    with _seekable(source) as file:
        try:
            table = parquet.ParquetFile(file, page_checksum_verification=True)
        except (pa.ArrowException, OSError):
            raise UnreadableError(source.name, "damaged Parquet", _AGAIN) from None
        column = _parquet_column(table.schema_arrow, source)
        n_before = 0
        for group in range(table.num_row_groups):
            n_rows = table.metadata.row_group(group).num_rows
            try:
                for batch in table.iter_batches(1024, row_groups=[group], columns=[column]):
                    yield from _texts_in(batch.column(0), n_before, source)
                    n_before += len(batch)
                    n_rows -= len(batch)
            except (pa.ArrowException, OSError):
                yield UnreadableError(f"{source.name}, row {n_before + 1:,}", "damaged Parquet", _AGAIN)
            n_before += n_rows


def _parquet_column(schema: Any, source: _Source) -> str:
    texts = [field.name for field in schema if _is_text(field.type)]
    column = source.text_column or _only_column(texts, schema.names, source)
    if column not in texts:
        what = f"holds {schema.field(column).type}, no text" if column in schema.names else "is not there"
        raise InputError(f"the column {column!r} of {source.name} {what}; it has: {', '.join(schema.names)}")
    return column


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind)


def _texts_in(array: Any, n_before: int, source: _Source) -> list[Item]:
    try:
        return [text or "" for text in array.to_pylist()]
    except UnicodeDecodeError:  # Parquet writers need not check
        return [_text_at(value, n, source) for n, value in enumerate(array, n_before + 1)]


def _text_at(value: Any, n: int, source: _Source) -> Item:
    try:
        return value.as_py() or ""
    except UnicodeDecodeError:
        return UnreadableError(f"{source.name}, row {n:,}", "not UTF-8", "write the file again with UTF-8 strings")


# --- one document a file


def _read_docx(source: _Source) -> Iterator[Item]:
    docx = _library("docx", "reading .docx")
    with _seekable(source) as file:
        _check_docx(file, source)
        try:
            body = docx.Document(file).element.body
        except Exception:  # of zip, XML and the package's parts, each its own
            raise UnreadableError(source.name, "damaged Word file", _AGAIN) from None
        text = "".join(_word_text(body))
    yield text.strip("\n")


def _check_docx(file: BinaryIO, source: _Source) -> None:
    head = file.read(1 << 16)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        rest = head + file.read(1 << 24)
        if "EncryptedPackage".encode("utf-16-le") in rest:
            raise UnreadableError(source.name, "password-protected Word file", "save it without a password")
        raise UnreadableError(source.name, "an old Office file", "save it as .docx")
    try:
        unpacked = sum(part.file_size for part in zipfile.ZipFile(file).infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise UnreadableError(source.name, "damaged Word file", _AGAIN) from None
    if unpacked > _MOST_UNPACKED:
        remedy = f"it would unpack to {unpacked:,} bytes, at most {_MOST_UNPACKED:,} are read; save its text as .txt"
        raise UnreadableError(source.name, "huge Word file", remedy)
    file.seek(0)


def _word_text(body: Any) -> Iterator[str]:
    """The text of paragraphs and cells in order; neither deleted text nor the second copy of a text box."""
    skipped = "ancestor::*[local-name() = 'Fallback' or local-name() = 'moveFrom']"
    names = " or ".join(f"self::w:{name}" for name in ("p", "t", "tab", "br", "cr", "noBreakHyphen"))
    marks = {"p": "\n", "tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
    for node in body.xpath(f".//*[{names}][not({skipped})]"):
        name = node.tag.removeprefix(_WORDS)
        if not (name == "tab" and node.getparent().tag == f"{_WORDS}tabs"):  # a tab stop, not a tab
            yield marks.get(name) or node.text or ""


class _Line(NamedTuple):
    """A line on a page: its text and where it stands, in points, right and up positive."""

    text: str
    left: float
    right: float
    top: float
    height: float


def _read_pdf(source: _Source) -> Iterator[Item]:
    pdfium = _library("pypdfium2", "reading .pdf")
    with _seekable(source) as file:
        try:
            document = pdfium.PdfDocument(file)
        except pdfium.PdfiumError as error:
            if "password" in str(error).lower():
                raise UnreadableError(source.name, "password-protected PDF", "save it without a password") from None
            raise UnreadableError(source.name, "damaged PDF", _AGAIN) from None
        pages = []
        with closing(document):
            for n in range(len(document)):
                try:
                    pages.append(_page_lines(document, n, pdfium.raw))
                except pdfium.PdfiumError:
                    raise UnreadableError(f"{source.name}, page {n + 1}", "damaged PDF", _AGAIN) from None
    text = _reflowed(_without_margins(pages))
    if not text.strip():
        raise UnreadableError(source.name, "no text in it", "run OCR on it first")
    yield text


def _page_lines(document: Any, n: int, raw: ModuleType) -> list[_Line]:
    with closing(document[n]) as page, closing(page.get_textpage()) as text_page:
        lines, begin = [], 0
        for text in text_page.get_text_range().split("\r\n"):
            if bare := text.rstrip():
                ends = begin + len(bare) - len(bare.lstrip()), begin + _n_units(bare) - 1
                first, last = (raw.FPDFText_GetCharIndexFromTextIndex(text_page, end) for end in ends)
                left, bottom, _, top = text_page.get_charbox(max(first, 0), loose=True)
                right = text_page.get_charbox(max(last, 0), loose=True)[2]
                lines.append(_Line(bare.strip(), left, right, top, top - bottom))
            begin += _n_units(text) + 2
        return lines


def _n_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _without_margins(pages: list[list[_Line]]) -> list[list[_Line]]:
    """The pages without running heads and page numbers: lines that but for digits stand on most pages."""
    if len(pages) < 3:
        return pages
    places = Counter(place for page in pages for place in {_place(line) for line in page})
    return [[line for line in page if places[_place(line)] <= len(pages) / 2] for page in pages]


def _place(line: _Line) -> tuple[str, int]:
    return re.sub(r"\d+", "", line.text), round(line.top)


def _reflowed(pages: list[list[_Line]]) -> str:
    """Lines joined to paragraphs: a line that reaches its column's right margin goes on in the next.

    Unless that one is indented, or stands further below than lines do.
    """
    lines = [line for page in pages for line in page]
    goes_on = np.concatenate([np.zeros(0, bool), *map(_reach_margin, pages)])
    is_indented = np.concatenate([np.zeros(0, bool), *map(_are_indented, pages)])
    gaps = -np.diff([line.top for line in lines])
    usual = np.median(gaps[gaps > 0]) if (gaps > 0).any() else 0
    parts: list[str] = []
    for n, line in enumerate(lines):
        is_new = not n or not goes_on[n - 1] or is_indented[n] or gaps[n - 1] > 1.5 * usual
        parts += [line.text] if not n else ["\n", line.text] if is_new else [_joint(lines[n - 1].text, line.text)]
    return "".join(parts).translate(dict.fromkeys(map(ord, _HYPHENS)))


def _joint(before: str, after: str) -> str:
    """The next line's text, behind a space if words of letters meet."""
    meets = before[-1].isascii() and after[0].isascii() and not before.endswith(_HYPHENS)
    return " " + after if meets else after


def _ends(page: list[_Line], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left or right ends, heights, and which lines begin near each other, as those of a column do."""
    left, ends, height = (np.array([getattr(line, key) for line in page]) for key in ("left", name, "height"))
    return ends, height, np.abs(left[:, None] - left) < 3 * height[:, None]


def _reach_margin(page: list[_Line]) -> np.ndarray:
    """Which lines end at their column's right margin: one character may lack, or a word behind letters."""
    right, height, near = _ends(page, "right")
    lack = height * np.array([4 if line.text[-1].isascii() and line.text[-1].isalnum() else 1.5 for line in page])
    return right > np.where(near, right, -np.inf).max(axis=1, initial=-np.inf) - lack


def _are_indented(page: list[_Line]) -> np.ndarray:
    left, height, near = _ends(page, "left")
    return left > np.where(near, left, np.inf).min(axis=1, initial=np.inf) + height


def _read_html(source: _Source) -> Iterator[Item]:
    trafilatura = _library("trafilatura", "reading .html")
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it finds no text in is said below
    data = b"".join(_blocks(source))
    text = _whole_text(source, data, _declared(data))
    main = trafilatura.extract(text, include_comments=False, include_tables=True, favor_recall=True) or ""
    if len(main) < _LITTLE_HTML:
        main = max(main, trafilatura.html2txt(text) or "", key=len)
    if not main.strip():
        raise UnreadableError(source.name, "no text in it", "save the page with its text")
    yield main


def _declared(data: bytes) -> str:
    """The codec that a page names in its head, if there is one of that name."""
    found = _META_CHARSET.search(data[:4096])
    try:
        name = codecs.lookup(found[1].decode("ascii")).name if found else ""
    except (LookupError, ValueError):
        return ""
    return encodings.SUPERSETS.get(name, name)


def _refuse_sqlite(source: _Source) -> Iterator[Item]:
    raise InputError(f"{source.name} is an SQLite database; give it as sqlite:///{source.name} with a table or query")


_READERS: dict[str, Callable[[_Source], Iterator[Item]]] = {
    "text": _read_text, "jsonl": _read_jsonl, "json": _read_json, "csv": _read_csv, "parquet": _read_parquet,
    "docx": _read_docx, "pdf": _read_pdf, "html": _read_html, "sqlite": _refuse_sqlite,
}  # fmt: skip

"""What text do we read?

A corpus is an iterable of documents, one ``str`` each, that can be read again and again. Files hold
one document a line.
"""

import codecs
import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from termmine.errors import InputError

# Full-width letters and digits are the same letters and digits; full-width punctuation stays, because the
# segmentation and the PMI chain split at it. The table maps one character to one, so that offsets hold.
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code - 0xFEE0).isalnum()}
FOLD = _WIDE | {0xFF0E: ord("."), 0x3000: ord(" ")}
_HAN = re.compile("[\u4e00-\u9fa5]")
_FOLDED = re.compile("[" + re.escape("".join(map(chr, FOLD))) + "]+")
_BLOCK = 1 << 22  # bytes read at a time
_LONGEST_TERM = 200  # characters


def fold(text: str) -> str:
    """Full-width letters, digits, stop and space as half-width ones; the length stays.

    >>> fold("ＳＦ６断路器，３．５ｋＶ")
    'SF6断路器，3.5kV'
    """
    return _FOLDED.sub(lambda run: run[0].translate(FOLD), text)  # translate alone is slow


class Corpus:
    """The lines of text files, read anew at each pass.

    Parameters
    ----------
    paths : UTF-8 text files (with or without a byte-order mark), one document a line
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    def __iter__(self) -> Iterator[str]:
        for path in self.paths:
            yield from lines_in(read_text(path))

    def blocks(self) -> Iterator[str]:
        """The text as it stands in the files, not folded, some millions of characters at a time.

        A line may go over several blocks; a line break stands between files.
        """
        for path in self.paths:
            yield from read_text(path)
            yield "\n"

    def __repr__(self) -> str:
        return f"Corpus({', '.join(path.name for path in self.paths)})"


def read_lines(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> Corpus:
    """Open text files as a re-iterable corpus of folded lines; empty lines are left out.

    Parameters
    ----------
    paths : a file, a glob pattern, or several of them; UTF-8, one document a line

    Raises
    ------
    InputError : a file is missing, is a folder, is empty, or (while reading) is not UTF-8
    """
    return Corpus(find_files(paths))


def find_files(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    """The files behind paths and glob patterns, patterns in sorted order.

    Raises
    ------
    InputError : nothing there, a folder, an empty file, or the same file twice
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise InputError("a corpus needs at least one file; none was given")
    found: list[Path] = []
    for path in map(os.fspath, given):
        is_pattern = glob.has_magic(path) and not exists(path)
        matches = sorted(glob.glob(path, recursive=True)) if is_pattern else [path]
        if not matches:
            raise InputError(f"no file matches {path}; check the pattern and the folder you are in")
        found.extend(check_file(Path(match)) for match in matches)
    seen: set[Path] = set()
    for path in found:
        if path.resolve() in seen:
            raise InputError(f"{path} is given twice and would be counted twice; give each file once")
        seen.add(path.resolve())
    return found


def exists(path: str | os.PathLike) -> bool:
    """Whether there is such a file or folder; what cannot be a name, as a too long one, is not there."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def check_chinese(paths: Iterable[Path]) -> None:
    """Refuse a file without a Chinese character.

    Raises
    ------
    InputError : such a file, or one that cannot be read
    """
    for path in paths:
        if not any(map(_HAN.search, read_blocks(path))):
            raise InputError(f"{path} holds no Chinese character; give Chinese text in UTF-8")


def check_file(path: Path) -> Path:
    """A file that holds something.

    Raises
    ------
    InputError : there is none, it is a folder, cannot be read or is empty
    """
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # e.g. its name is too long, or has a zero byte
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
    if path.is_dir():
        raise InputError(f"{path} is a folder, a text file is needed; to read all in it, give {path}/*.txt")
    if not path.exists():
        hint = f"; `termmine data get {path.parent.name}` fetches it" if path.name == "domain.txt" else ""
        raise InputError(f"there is no file {path}; check its name and the folder you are in{hint}")
    if not path.is_file():
        raise InputError(f"{path} is no regular file; save the text into a file first, it is read more than once")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty; a UTF-8 text is needed, one document or term a line")
    return path


def lines_in(blocks: Iterable[str]) -> Iterator[str]:
    """The folded lines that are not empty.

    >>> list(lines_in(["Ａ电\\r", "\\n力", "系统"]))
    ['A电', '力系统']
    """
    rest: list[str] = []  # of a line that goes over several blocks
    for block in blocks:
        *lines, last = block.replace("\r", "\n").split("\n")
        if lines:
            lines[0] = "".join([*rest, lines[0]])
            rest = []
        rest.append(last)
        yield from filter(None, (fold(line).strip() for line in lines))
    if line := fold("".join(rest)).strip():
        yield line


def read_blocks(path: Path | None) -> Iterator[str]:
    """The text of a file as it stands, some millions of bytes at a time; of standard input for ``None``.

    Raises
    ------
    InputError : it cannot be read, or is not UTF-8
    """
    try:
        with sys.stdin.buffer if path is None else open(path, "rb") as file:
            yield from decoded(iter(lambda: file.read(_BLOCK), b""), path or "standard input")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def decoded(chunks: Iterable[bytes], name: object, begin: int = 0) -> Iterator[str]:
    """UTF-8 in chunks of any sizes as text.

    Parameters
    ----------
    chunks : bytes that follow each other
    name : the file, for the message
    begin : where in the file the first chunk begins

    Raises
    ------
    InputError : not UTF-8

    >>> list(decoded(["电".encode()[:1], "电".encode()[1:]], "a.txt"))
    ['', '电', '']
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    end = begin  # bytes read
    try:
        for chunk in chunks:
            end += len(chunk)
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        wrong = end - len(error.object) + error.start  # the object: what was kept of the chunk before, and this one
        raise InputError(f"{name} is not UTF-8 at byte {wrong:,}; convert it to UTF-8 first, e.g. with iconv") from None


def read_text(path: Path) -> Iterator[str]:
    """The text of a file as ``read_blocks`` gives it, without the byte-order mark."""
    blocks = read_blocks(path)
    yield next(filter(None, blocks), "").removeprefix("\ufeff")
    yield from blocks


def read_terms(path: str | os.PathLike) -> list[str]:
    """A list of words, one a line, folded, without empty lines and repeats, in the file's order.

    Read literally: ``NA``, ``007`` and a lone quote are words like any other.

    Raises
    ------
    InputError : the file is missing, empty, not UTF-8, holds no word, or a line is a text and no word
    """
    terms = list(dict.fromkeys(read_lines(path)))
    if text := next((term for term in terms if len(term) > _LONGEST_TERM), ""):
        raise InputError(f"{path} has a line of {len(text):,} characters, {text[:10]}…; one word a line is needed")
    if not terms:
        raise InputError(f"{path} holds no word; one word a line is needed")
    return terms

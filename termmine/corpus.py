"""What text do we read?

A corpus is an iterable of documents, one ``str`` each, that can be read again and again. Files hold
one document a line.
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from termmine.errors import InputError

# Full-width letters and digits are the same letters and digits; full-width punctuation stays, because the
# segmentation and the PMI chain split at it. The table maps one character to one, so that offsets hold.
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code - 0xFEE0).isalnum()}
FOLD = _WIDE | {0xFF0E: ord("."), 0x3000: ord(" ")}
_HAN = re.compile("[\u4e00-\u9fa5]")


def fold(text: str) -> str:
    """Full-width letters, digits, stop and space as half-width ones; the length stays.

    >>> fold("ＳＦ６断路器，３．５ｋＶ")
    'SF6断路器，3.5kV'
    """
    return text.translate(FOLD)


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
            yield from _read_file(path)

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
        is_pattern = glob.has_magic(path) and not Path(path).exists()
        matches = sorted(glob.glob(path, recursive=True)) if is_pattern else [path]
        if not matches:
            raise InputError(f"no file matches {path}; check the pattern and the folder you are in")
        found.extend(_check_file(Path(match)) for match in matches)
    names = [path.resolve() for path in found]
    if twice := next((path for path, name in zip(found, names, strict=True) if names.count(name) > 1), None):
        raise InputError(f"{twice} is given twice and would be counted twice; give each file once")
    return found


def check_chinese(paths: Iterable[Path]) -> None:
    """Refuse a file without a Chinese character.

    Raises
    ------
    InputError : such a file, or one that cannot be read
    """
    for path in paths:
        if not any(map(_HAN.search, _read_file(path))):
            raise InputError(f"{path} holds no Chinese character; give Chinese text in UTF-8")


def _check_file(path: Path) -> Path:
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


def _read_file(path: Path) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            for line in file:
                if line := fold(line).strip():
                    yield line
    except UnicodeDecodeError:
        raise InputError(_decoding_message(path)) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _decoding_message(path: Path) -> str:
    """Where the file stops being UTF-8: the decoder reads in blocks and only knows the block's offset."""
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        return f"{path} is not UTF-8 at byte {error.start:,}; convert it to UTF-8 first, e.g. with iconv"
    return f"{path} changed while it was read; run again"


def read_terms(path: str | os.PathLike) -> list[str]:
    """A list of words, one a line, folded, without empty lines and repeats, in the file's order.

    Read literally: ``NA``, ``007`` and a lone quote are words like any other.

    Raises
    ------
    InputError : the file is missing, empty, not UTF-8, or holds no word
    """
    terms = list(dict.fromkeys(read_lines(path)))
    if not terms:
        raise InputError(f"{path} holds no word; one word a line is needed")
    return terms

"""What does a run leave behind?

Frames in, files out: every artefact is written under a temporary name and renamed, so a reader never meets half
of one.
"""

import csv
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from termmine.errors import InputError, shown

_MOST = 20  # characters of a name that a temporary name takes over: a longer one may be too long for the disk


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well, and vanishes otherwise."""
    suffix = Path(path).suffix[:_MOST]  # which says what is written
    path = Path(os.path.realpath(path))  # of a link, the file behind it
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:_MOST]}-", suffix=suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it readable for its owner alone
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(text: str, path: str | os.PathLike) -> None:
    """A text file, UTF-8, line feeds; what UTF-8 lacks, as a byte of a file name that is none, is written \\udcff."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_json(data: object, path: str | os.PathLike) -> None:
    """JSON, UTF-8, indented, Chinese characters as they are."""
    write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", path)


def read_json(path: str | os.PathLike) -> dict:
    """A JSON object; {} where there is no file.

    Raises
    ------
    InputError : it is no such file, or is damaged
    """
    if not Path(path).exists():
        return {}
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InputError(f"{path} holds no JSON object, or is damaged; delete it, and make it anew")
    return data


def write_frame(frame: pd.DataFrame, path: str | os.PathLike) -> None:
    """A frame as ``.parquet`` or ``.csv`` (UTF-8, floats to 6 digits), without its index.

    Raises
    ------
    InputError : a text in it is no Unicode (half of a surrogate pair)
    """
    try:
        with replacing(path) as temporary:
            if Path(path).suffix == ".parquet":
                frame.to_parquet(temporary, index=False)
            else:
                write_csv(frame, temporary)
    except UnicodeEncodeError as error:
        raise InputError(f"{shown(error.object)} is no Unicode text, and cannot be written to {path}") from None


def write_csv(frame: pd.DataFrame, file: Path | TextIO) -> None:
    """A frame as CSV (UTF-8, floats to 6 digits), without its index."""
    quoting = csv_quoting(frame)
    if quoting == csv.QUOTE_MINIMAL:  # else texts are quoted, and numbers are not
        frame = frame.assign(**{name: _six_digits(frame[name]) for name in frame.select_dtypes("float64")})
    settings = {"float_format": "%.6g", "encoding": "utf-8", "lineterminator": "\n"}
    frame.to_csv(file, index=False, quoting=quoting, **settings)


def _six_digits(column: pd.Series) -> np.ndarray:
    """Floats as text, each distinct one written once: most stand there many times; missing ones are empty.

    >>> _six_digits(pd.Series([1 / 3, -0.0, float("nan")])).tolist()
    ['0.333333', '-0', '']
    """
    codes, bits = pd.factorize(column.to_numpy().view(np.int64))
    return np.array(["" if x != x else f"{x:.6g}" for x in bits.view(float).tolist()], dtype=object)[codes]


def csv_quoting(frame: pd.DataFrame) -> int:
    """How ``csv`` has to quote a frame: all texts, if one holds a carriage return.

    Python up to 3.12 would leave it bare where lines end with a line feed, and every reader takes it for a line's end.
    """
    texts = frame.select_dtypes(["object", "string"])
    has_cr = any(texts[name].astype(str).str.contains("\r", regex=False).any() for name in texts)
    return csv.QUOTE_NONNUMERIC if has_cr else csv.QUOTE_MINIMAL


def read_frame(path: str | os.PathLike) -> pd.DataFrame:
    """What ``write_frame`` wrote; in a CSV the terms NA, null and 007 stay words.

    Raises
    ------
    InputError : there is no such file, or it is no such table
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no {path}; run the notebooks before this one, in order, into the same out_dir")
    texts = dict.fromkeys(("term", "parent", "head", "relation", "spelling", "known", "rejected_by"), str)
    missing = {"similarity": [""], "cohesion": [""]}
    try:
        if path.suffix == ".parquet":
            return _read_parquet(path)
        return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=missing, encoding="utf-8-sig")
    except PermissionError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except Exception:  # pandas and Arrow tell in a dozen ways that a file is damaged, KeyError and TypeError among them
        kind = "a Parquet file" if path.suffix == ".parquet" else "a CSV file in UTF-8 with a line of column names"
        raise InputError(f"{path} is not {kind}, or is damaged") from None


def _read_parquet(path: Path) -> pd.DataFrame:
    """Checked in full: Arrow takes text that is no UTF-8 as it is, and whoever looks at it later would stop."""
    from pyarrow import parquet

    parquet.read_table(path).validate(full=True)
    return pd.read_parquet(path)


def update_metrics(run: str | os.PathLike, stage: str, metrics: Mapping[str, float]) -> None:
    """Set a stage's numbers in ``metrics.json``: stage → name → number, stages in order of their first writing."""
    path = Path(run) / "metrics.json"
    write_json(read_json(path) | {stage: dict(metrics)}, path)

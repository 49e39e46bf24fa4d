"""What does a run leave behind?

Frames in, files out: every artefact is written under a temporary name and renamed, so a reader never meets half
of one.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pandas as pd

from termmine.errors import InputError


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well, and vanishes otherwise."""
    suffix = Path(path).suffix  # which says what is written
    path = Path(os.path.realpath(path))  # of a link, the file behind it
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=suffix)
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
    """A text file, UTF-8, line feeds."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(data: object, path: str | os.PathLike) -> None:
    """JSON, UTF-8, indented, Chinese characters as they are."""
    write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", path)


def read_json(path: str | os.PathLike) -> dict:
    """A JSON object; {} where there is no file."""
    return json.loads(Path(path).read_text(encoding="utf-8")) if Path(path).exists() else {}


def write_frame(frame: pd.DataFrame, path: str | os.PathLike) -> None:
    """A frame as ``.parquet`` or ``.csv`` (UTF-8, floats to 6 digits), without its index."""
    with replacing(path) as temporary:
        if Path(path).suffix == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            write_csv(frame, temporary)


def write_csv(frame: pd.DataFrame, file: Path | TextIO) -> None:
    """A frame as CSV (UTF-8, floats to 6 digits), without its index."""
    frame.to_csv(file, index=False, float_format="%.6g", encoding="utf-8", lineterminator="\n")


def read_frame(path: str | os.PathLike) -> pd.DataFrame:
    """What ``write_frame`` wrote; in a CSV the terms NA, null and 007 stay words.

    Raises
    ------
    InputError : there is no such file, or it is no such table
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no {path}; run the notebooks before this one, in order, into the same out_dir")
    texts = dict.fromkeys(("term", "parent", "head", "relation", "spelling", "rejected_by"), str)
    missing = {"similarity": [""], "cohesion": [""]}
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=missing, encoding="utf-8-sig")
    except PermissionError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, OSError):  # among the former pandas' ParserError and Arrow's ArrowInvalid
        kind = "a Parquet file" if path.suffix == ".parquet" else "a CSV file in UTF-8 with a line of column names"
        raise InputError(f"{path} is not {kind}, or is damaged") from None


def update_metrics(run: str | os.PathLike, stage: str, metrics: Mapping[str, float]) -> None:
    """Set a stage's numbers in ``metrics.json``: stage → name → number, stages in order of their first writing."""
    path = Path(run) / "metrics.json"
    write_json(read_json(path) | {stage: dict(metrics)}, path)

"""What does a run say of itself?

The manifest and the numbers in a run's folder, one's own or somebody else's: they are read and checked, nothing is
executed.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from termmine import datasets, export, stages
from termmine.errors import InputError

SHEET = "judging.csv"  # which a reader may write into


def digest(path: Path) -> str:
    """The SHA-256 of a file, "" without one."""
    return datasets.sha256(path) if path.is_file() else ""


def read_manifest(path: str | os.PathLike) -> dict:
    """The ``manifest.json`` of a run, or of its folder. Nothing of the run is executed.

    Raises
    ------
    InputError : there is none, or it is not a run's
    """
    path = Path(path)
    try:
        path = path / "manifest.json" if path.is_dir() else path
        if path.exists() and not path.is_file():
            raise ValueError
        return _checked(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"there is no {path}; give the folder of a run, or its manifest.json") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path} is not the manifest of a run, or is damaged; give another") from None


def _checked(manifest: dict) -> dict:
    """A manifest whose parts are what they should be; else one of the errors that a foreign one leads to."""
    parts = {part: manifest[part] for part in ("parameters", "inputs", "versions", "stages")}
    for part, entries in parts.items():
        if not all(isinstance(entry, str if part == "versions" else dict) for entry in entries.values()):
            raise TypeError
    if not all(isinstance(entry[key], str) for entry in parts["inputs"].values() for key in ("path", "sha256")):
        raise TypeError
    roles = {name.split(" ")[0] for name in parts["inputs"]}
    if not {"domain", "background"} <= roles <= {*stages.ROLES, "sheet"}:
        raise ValueError
    name = str(manifest.get("name", ""))
    known = name if datasets.is_name(name) else "own"  # it names a folder
    sources = {role: dict(said) for role, said in manifest.get("sources", {}).items()}
    return manifest | {"name": known, "sources": sources, "outputs": dict(manifest.get("outputs", {}))}


def read_metrics(run: str | os.PathLike) -> dict[str, float]:
    """The numbers of a run, ``stage.name`` → number, from ``metrics.json`` in its folder or beside its manifest.

    Raises
    ------
    InputError : it is damaged; a run that stopped early has none, and no numbers
    """
    folder = Path(run) if Path(run).is_dir() else Path(run).parent
    try:
        metrics = export.read_json(folder / "metrics.json")
        return {f"{stage}.{name}": float(n) for stage, numbers in metrics.items() for name, n in numbers.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise InputError(f"{folder / 'metrics.json'} is not a run's, or is damaged; give another run") from None


def is_finished(folder: Path) -> bool:
    """Whether a run that came to its end lies in a folder."""
    try:
        return read_manifest(folder).get("status") == "done"
    except InputError:
        return False


def is_whole(folder: Path, tasks: Iterable[stages.Task], *, verified: bool = True) -> bool:
    """Whether the finished run of these stages lies in a folder, if ``verified`` every file as it was written."""
    if not is_finished(folder):
        return False
    manifest = read_manifest(folder)
    keys = {stage: entry.get("key") for stage, entry in manifest["stages"].items()}
    told = {name: sha256 for name, sha256 in manifest["outputs"].items() if name != SHEET and verified}
    return keys == {task.stage: task.key for task in tasks} and all(
        digest(folder / name) == sha256 for name, sha256 in told.items()
    )


def changed(run: str | os.PathLike, manifest: Mapping) -> list[str]:
    """The results of a run that somebody wrote to since, a reader's sheet aside; missing ones are not looked for."""
    folder = Path(run) if Path(run).is_dir() else Path(run).parent
    told = {name: sha256 for name, sha256 in manifest["outputs"].items() if name == Path(name).name != SHEET}
    return [name for name, sha256 in told.items() if digest(folder / name) not in ("", sha256)]


def differences(one: Mapping, other: Mapping) -> pd.DataFrame:
    """What differs between two runs.

    Parameters
    ----------
    one, other : manifests

    Returns
    -------
    frame : ``kind`` (version, code, parameter, input, output), ``name``, ``one``, ``other`` ("" where there is none; of
        files the beginning of the SHA-256); outputs that are equal have no row

    >>> old = {"versions": {"numpy": "1.26"}, "parameters": {}, "inputs": {}, "outputs": {"terms.csv": "a1"}}
    >>> differences(old, old | {"versions": {"numpy": "2.0"}}).values.tolist()
    [['version', 'numpy', '1.26', '2.0']]
    """
    rows = [
        (kind, name, left.get(name, ""), right.get(name, ""))
        for (kind, left), (_, right) in zip(_facts(one), _facts(other), strict=True)
        for name in dict.fromkeys([*left, *right])
        if left.get(name, "") != right.get(name, "")
    ]
    return pd.DataFrame(rows, columns=["kind", "name", "one", "other"])


def _facts(manifest: Mapping) -> list[tuple[str, dict[str, str]]]:
    parameters = {f"{s}.{name}": str(v) for s, values in manifest["parameters"].items() for name, v in values.items()}
    return [
        ("version", {name: str(version) for name, version in manifest["versions"].items()}),
        ("code", {"commit": str(manifest.get("git_commit", ""))[:12]}),
        ("parameter", parameters),
        ("input", {name: _shortened(name, entry["sha256"]) for name, entry in manifest["inputs"].items()}),
        ("output", {name: str(digest)[:12] for name, digest in manifest.get("outputs", {}).items()}),
    ]


def _shortened(role: str, sha256: str) -> str:
    """The beginning of a checksum; of a reader's sheet, which every run writes anew, only that there is one."""
    return f"a reader's {SHEET}" if role == "sheet" else sha256[:12]

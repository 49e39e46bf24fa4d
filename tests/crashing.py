"""Runs that are killed, for the tests and for ``benchmarks/crashes.py``."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from termmine import datasets, manifests, stages

# Leaves out what only shows and measures.
COMMAND = (
    *("run", "sample", "-p", "embedding.compare_documents=0"),
    *("-p", "expansion.curve_draws=0", "-p", "evaluation.samples=0"),
)
SAME = ("terms.csv", "words.csv", "metrics.json", "losses.csv", "ablation.csv", "judging.csv", "vectors.npz",
        "words.parquet", "candidates.parquet", "contrast.parquet", "expansion.parquet", "seeds.txt")  # fmt: skip


def start(out: Path, cache: Path, *, program: str = "") -> subprocess.Popen:
    """A run in a process group of its own; ``program`` is executed before it."""
    code = f"{program}\nimport sys\nfrom termmine import cli\nsys.argv[0] = 'termmine'\ncli.main()"
    environment = os.environ | {"TERMMINE_CACHE": str(cache), "PYTHONHASHSEED": str(random.randrange(1000))}
    return subprocess.Popen(
        [sys.executable, "-c", code, *COMMAND, "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
    )  # fmt: skip


def finish(out: Path, cache: Path) -> str:
    """A run to its end; what it said."""
    process = start(out, cache)
    said = process.communicate(timeout=300)[0].decode()
    assert process.returncode == 0, said
    return said


def kill(process: subprocess.Popen, *, group: bool) -> None:
    """End a process, or it and all it has started, without a word."""
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.communicate()


def check_nothing_torn(out: Path, cache: Path) -> None:
    """Whatever is read after a crash is whole: results that are kept, and a folder that says it is finished."""
    for entry in cache.glob("*/entry.json"):
        told = json.loads(entry.read_text(encoding="utf-8"))
        for name, digest in told["files"].items():
            assert datasets.sha256(entry.parent / name) == digest, (entry, name)
        assert stages.find(entry.parent.name, cache) is not None
    if manifests.is_finished(out):
        for name, digest in manifests.read_manifest(out)["outputs"].items():
            assert datasets.sha256(out / name) == digest, name


def check_same(out: Path, undisturbed: Path) -> None:
    """The folder is that of a run that nothing has disturbed."""
    for name in SAME:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name
    left = [path.name for path in out.iterdir() if path.name.startswith(".") and path.name != ".lock"]
    assert not left, left


def kill_at_random(out: Path, cache: Path, number: random.Random, *, longest: float) -> bool:
    """Start a run, kill it after at most so many seconds, and look at what is left; whether it came to its end."""
    process = start(out, cache)
    try:
        process.communicate(timeout=number.uniform(0, longest))
        return True
    except subprocess.TimeoutExpired:
        kill(process, group=number.random() < 0.5)
    time.sleep(number.choice([0, 0.5]))  # a kernel may outlive its parent for a moment
    check_nothing_torn(out, cache)
    return False

import random
import time

import crashing
import psutil
import pytest

from termmine import manifests

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A finished run, and its cache."""
    folder = tmp_path_factory.mktemp("undisturbed")
    crashing.finish(folder / "out", folder / "cache")
    return folder


def test_a_run_that_was_killed_again_and_again_ends_as_if_nothing_had_happened(undisturbed, tmp_path):
    number = random.Random(20)
    for _ in range(4):
        crashing.kill_at_random(tmp_path / "out", tmp_path / "cache", number, longest=7)
    said = crashing.finish(tmp_path / "out", tmp_path / "cache")
    assert "terms kept" in said
    crashing.check_same(tmp_path / "out", undisturbed / "out")


@pytest.mark.parametrize("step", [14, 40])
def test_killed_while_its_files_are_put_into_place(undisturbed, tmp_path, step):
    """``step``: the renaming at which the process ends, counted from the first; files are renamed one by one."""
    program = f"""
import os, pathlib
steps, real = iter(range(1, 1000)), pathlib.Path.replace
def replace(self, target):
    if next(steps) == {step}:
        os._exit(9)
    return real(self, target)
pathlib.Path.replace = replace"""
    out = tmp_path / "out"
    process = crashing.start(out, undisturbed / "cache", program=program)
    said = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 9, said
    assert not manifests.is_finished(out)
    crashing.check_nothing_torn(out, undisturbed / "cache")
    said = crashing.finish(out, undisturbed / "cache")
    assert "an earlier run died here" in said and said.count("spared") == 5
    crashing.check_same(out, undisturbed / "out")


def test_a_full_disk_leaves_the_finished_run_as_it_was(undisturbed, tmp_path):
    """No file may be larger than a few kilobytes: what a full disk does to whoever writes."""
    out, cache = tmp_path / "out", tmp_path / "cache"
    crashing.finish(out, undisturbed / "cache")
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))"
    process = crashing.start(out, cache, program=limit)
    said = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 1 and "Traceback" not in said
    assert len([line for line in said.splitlines() if line.startswith("termmine: ")]) == 1, said
    crashing.check_nothing_torn(out, cache)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.name in before} == before
    assert manifests.is_finished(out)
    crashing.finish(out, undisturbed / "cache")
    crashing.check_same(out, undisturbed / "out")


def has_begun(notebook):
    """Whether a cell has been executed; before, a kernel that dies is started again."""
    return '"status": "completed"' in notebook.read_text(encoding="utf-8")


def test_a_kernel_that_the_system_ends_is_one_line(undisturbed, tmp_path):
    """What the system does to the largest process when memory is short."""
    process = crashing.start(tmp_path / "out", tmp_path / "cache")
    while not any(map(has_begun, (tmp_path / "cache").glob(".scratch-*/01_discovery.ipynb"))):
        assert process.poll() is None
        time.sleep(0.05)
    for child in psutil.Process(process.pid).children():
        child.kill()
    said = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 1, said
    assert "01_discovery.ipynb" in said.splitlines()[-1] and "was memory short?" in said.splitlines()[-1]
    assert said.splitlines()[-1].startswith("termmine: ") and "Traceback" not in said, said
    crashing.check_nothing_torn(tmp_path / "out", tmp_path / "cache")
    crashing.finish(tmp_path / "out", undisturbed / "cache")
    crashing.check_same(tmp_path / "out", undisturbed / "out")


def test_a_second_run_into_the_same_folder_is_told_who_holds_it(undisturbed, tmp_path):
    out, cache = tmp_path / "out", tmp_path / "cache"
    first = crashing.start(out, cache)
    while not (out / ".holder.json").exists():
        assert first.poll() is None
    second = crashing.start(out, undisturbed / "cache")
    said = second.communicate(timeout=60)[0].decode()
    assert second.returncode == 2
    assert said.startswith(f"termmine: {out} is held by process {first.pid} on "), said
    crashing.kill(first, group=True)
    crashing.finish(out, undisturbed / "cache")
    crashing.check_same(out, undisturbed / "out")

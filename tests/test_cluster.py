import logging
import os
import random
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from termmine import cluster, corpus, discovery, ngrams
from termmine.errors import InputError

CONFIGS = {
    "pmi": discovery.PmiConfig(min_count=2, min_proba=1e-5),
    "cohesion": discovery.CohesionConfig(min_count=2, deviations=0.5),
    "cohesion of the post": discovery.CohesionConfig(min_count=2, classic=True),
}
every_method = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


@pytest.fixture(autouse=True)
def patience():
    """No test hangs: whatever a cluster waits for, it is interrupted after two minutes."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def give_up(*_):
        raise TimeoutError("the cluster has not answered for two minutes")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def client():
    with cluster.connect("local:2") as client:
        yield client


@pytest.fixture
def write(tmp_path):
    """Write a text file, or bytes."""

    def write(text, name="a.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return path

    return write


def random_lines(seed, size=150):
    rng = random.Random(seed)
    dictionary = ["".join(rng.choices("电力系统稳控机组变压器ＡaZ09", k=rng.randint(1, 6))) for _ in range(25)]
    return ["".join(rng.choices([*dictionary, "，", " ", "SF6断路器"], k=rng.randint(0, 12))) for _ in range(size)]


def assert_same(lines, config, client, part_size):
    here = discovery.discover(lines, config)
    there = discovery.discover(cluster.encode(lines, config, client, part_size=part_size), config)
    assert len(here) >= 3
    assert there.to_dict("list") == here.to_dict("list")
    assert there.dtypes.equals(here.dtypes)


# --- the same results as a local text's


@every_method
@pytest.mark.parametrize("seed", range(3))
def test_random_text(config, seed, client, write):
    path = write("\n".join(random_lines(seed)))
    assert_same(corpus.read_lines(path), config, client, part_size=700)


@every_method
@pytest.mark.parametrize("part_size", [2_000, None])
def test_the_sample(config, part_size, client, sample):
    lines = corpus.read_lines([sample / "domain.txt", sample / "background.txt"])
    assert_same(lines, config, client, part_size)


@every_method
def test_documents(config, client):
    lines = [*random_lines(7), "一个\n文档", ""]
    assert_same(lines, config, client, part_size=200)


def test_default_thresholds(client, sample):
    lines = corpus.read_lines(sample / "domain.txt")
    for config in (discovery.PmiConfig(), discovery.CohesionConfig()):
        assert_same(lines, config, client, part_size=9_000)


def test_more_parts_than_are_merged_at_once(client, write):
    path = write("\n".join(random_lines(3)))
    assert_same(corpus.read_lines(path), CONFIGS["cohesion"], client, part_size=250)


TEXTS = {
    "one long line": "电力系统Ａ稳定，" * 300,
    "a long line between short ones": "\n".join(["电力", "系统稳定电力" * 100, "电力系统"]) + "\n",
    "empty lines": "\n\n\n电力系统\n\n\n\n电力系统\n\n电力\n系统\n\n",
    "a byte-order mark": "\ufeff" + "电力系统\n系统稳定\n" * 20,
    "line ends of Windows": "电力系统\r\n系统稳定\r\n" * 20,
    "characters of four bytes": "电力😀系统𠀀稳定\n系统电力\n" * 20,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("part_size", [7, 50])
def test_every_line_is_in_one_part(text, part_size, write):
    path = write(text)
    parts = cluster._parts([path], part_size)
    assert [line for part in parts for line in part] == list(corpus.read_lines(path))
    whole = "".join(block for part in parts for block in part.blocks())
    assert whole == text.removeprefix("\ufeff")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_in_small_parts(text, client, write):
    lines = corpus.read_lines([write(text), write("稳定系统", "b.txt"), write("电力稳定\n" * 3, "c.txt")])
    part_size = max(len(text) // 4, 20)
    assert_same(lines, discovery.PmiConfig(min_count=1, min_pmi=-1, max_len=None), client, part_size)


def test_counts_of_a_text(client):
    lines = random_lines(1)
    here = ngrams.encode(lines)
    there = cluster.encode(lines, CONFIGS["pmi"], client, part_size=100)
    for a, b in ((here, there), (here.only_han(), there.only_han())):
        assert a.unit_counts().tolist() == b.unit_counts().tolist()
        assert a.count_han() == b.count_han()
        assert [a.count_windows(n) for n in (1, 2, 4)] == [b.count_windows(n) for n in (1, 2, 4)]
        for n in (1, 2, 3, 4):
            one, other = a.count_ngrams(n, floor=2), b.count_ngrams(n, floor=2)
            assert one.keys.tolist() == other.keys.tolist()
            assert one.counts.tolist() == other.counts.tolist()


def test_pieces_stand_in_order_of_occurrence(client):
    lines = random_lines(2)
    there = cluster.encode(lines, CONFIGS["pmi"], client, part_size=100)
    pairs = ngrams.encode(lines).count_ngrams(2)
    for kept in (pairs.counts > 0, pairs.counts > 20, pairs.counts < 0):
        cut = ngrams.Cut(pairs.where(kept), whole_runs=True)
        here = ngrams.encode(lines).count_pieces(cut, lambda total: total // 500)
        pieces = there.count_pieces(cut, lambda total: total // 500)
        assert list(pieces.in_order().items()) == list(here.in_order().items())
        assert pieces.total == here.total


def test_boundary_entropies(client):
    lines = random_lines(8)
    config = discovery.PmiConfig(min_count=2, min_entropy=0.7)
    assert_same(lines, config, client, part_size=100)
    assert len(discovery.discover(lines, config)) < len(discovery.discover(lines, replace(config, min_entropy=0.0)))


def test_a_text_without_a_word(client):
    text = cluster.encode(["，", ""], CONFIGS["pmi"], client)
    assert discovery.discover(text, CONFIGS["pmi"]).empty


# --- workers that die

kill_9 = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")


def deadly_cut(marker):
    """A cut that kills the first worker that uses it, in the midst of counting."""

    class Deadly(ngrams.Cut):  # in here, so that workers get the class itself and need not import this file
        def gaps(self, units, strong):
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return ngrams.Cut.gaps(self, units, strong)

    return Deadly


@kill_9
@every_method
def test_a_worker_dies_while_it_counts(config, client, tmp_path, monkeypatch):
    lines = random_lines(4)
    here = discovery.discover(lines, config)
    text = cluster.encode(lines, config, client, part_size=100)
    marker = tmp_path / "killed"
    monkeypatch.setattr(ngrams, "Cut", deadly_cut(marker))
    there = discovery.discover(text, config)
    assert marker.exists()
    assert there.to_dict("list") == here.to_dict("list")


@kill_9
@pytest.mark.slow
@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "not replaced"])
def test_a_worker_is_killed_from_outside(is_replaced, sample, write):
    from distributed import Client, LocalCluster

    config = CONFIGS["cohesion"]
    lines = corpus.read_lines([sample / "domain.txt", write("\n".join(random_lines(5)))])
    here = discovery.discover(lines, config)
    options = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=2, **options) as two, Client(two) as client:
        for nanny in two.workers.values():
            nanny.auto_restart = is_replaced
        text = cluster.encode(lines, config, client, part_size=4_000)
        victims = list(client.run(os.getpid).values())
        killer = threading.Timer(0.2, os.kill, (victims[0], signal.SIGKILL))
        killer.start()
        found = [discovery.discover(text, config)]
        while len(client.scheduler_info()["workers"]) == 2 and victims[0] in client.run(os.getpid).values():
            time.sleep(0.1)  # the first answer came before the kill
        killer.join()
        found.append(discovery.discover(text, config))
    assert all(there.to_dict("list") == here.to_dict("list") for there in found)


# --- what cannot be counted


def test_invalid_utf8_is_named_with_its_place_in_the_file(client, write):
    good = ("电力系统\n" * 30).encode()
    path = write(good + "系".encode()[:2] + b"\n" + good + b"\xff\n" + good)
    with pytest.raises(InputError) as local:
        ngrams.encode(corpus.read_lines(path))
    with pytest.raises(InputError) as error:
        cluster.encode(corpus.read_lines(path), CONFIGS["pmi"], client, part_size=60)
    assert str(error.value) == str(local.value)
    assert f"is not UTF-8 at byte {len(good)}" in str(error.value)


def test_a_file_that_a_worker_does_not_see(client, write):
    path = write("电力系统\n" * 30)
    lines = corpus.read_lines(path)
    parts = cluster._parts(lines.paths, 50)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read: No such file or directory; each worker has to see it"):
        list(parts[1])


def test_em_and_folders_of_counts_stay_on_one_machine(client, termmine, sample, tmp_path):
    with pytest.raises(InputError, match="method em reads the text itself"):
        cluster.encode(["电力"], discovery.EmConfig(), client)
    arguments = ("discover", sample / "domain.txt", "-o", "-", "--scheduler", "local", "--counts", tmp_path / "counts")
    status, _, err = termmine(*arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert "give --counts or --scheduler, not both" in err


def test_classic_needs_its_own_reading(client):
    text = cluster.encode(["电力系统"], CONFIGS["cohesion"], client)
    with pytest.raises(InputError, match="classic reads text in its own way"):
        discovery.discover(text, CONFIGS["cohesion of the post"])


def test_a_bare_string_is_refused(client):
    with pytest.raises(TypeError, match="one str"):
        cluster.encode("电力", CONFIGS["pmi"], client)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("tcp://127.0.0.1:1", "no Dask scheduler answers at tcp://127.0.0.1:1; start one with: dask scheduler"),
        ("127.0.0.1:8786", "address is tcp://HOST:PORT, local or local:N, got 127.0.0.1:8786"),
        ("carrier-pigeon://loft", "no Dask scheduler answers at carrier-pigeon://loft"),
        ("local:0", "local:N needs a number of processes, 1 or more, got local:0"),
        ("local:many", "got local:many"),
        ("local:", "got local:"),
    ],
)
def test_an_address_that_leads_nowhere(address, says, termmine, sample, monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    status, out, err = termmine("discover", sample / "domain.txt", "-o", "-", "--scheduler", address)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_a_scheduler_without_workers(monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    says = "has no worker; start one with: dask worker"
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty, pytest.raises(InputError, match=says):
        cluster.connect(empty.scheduler_address).__enter__()


@pytest.mark.parametrize("missing", ["dask", "distributed"])
def test_without_dask_the_message_names_the_extra(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=r'pip install "termmine\[dask\]"'):
        cluster.connect("local").__enter__()


def test_the_command_line_counts_on_a_cluster(client, termmine, sample, tmp_path):
    address = client.scheduler.address
    for method in ("pmi", "cohesion"):
        here, there = tmp_path / "here.csv", tmp_path / "there.csv"
        assert termmine("discover", sample / "domain.txt", "-o", here, "--method", method)[0] == 0
        arguments = ("discover", sample / "domain.txt", "-o", there, "--method", method, "--scheduler", address)
        assert termmine(*arguments)[0] == 0
        assert there.read_bytes() == here.read_bytes()
    assert Path(here).stat().st_size > 1_000

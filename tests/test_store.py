import json
import random
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from termmine import corpus, discovery, ngrams, store
from termmine.errors import InputError

PMI = discovery.PmiConfig(min_count=2)
COHESION = discovery.CohesionConfig(min_count=3, min_cohesion={2: 1.5, 3: 2.0, 4: 3.0}, min_gain=1.0)


def random_text(seed, lines=300):
    """Words with letters and digits in them, punctuation, full width, empty lines."""
    rng = random.Random(seed)
    words = ["电力", "系统", "断路器", "SF6", "维生素", "C", "１０ｋＶ", "变压器", "的", "，", "。", "𠀀", ""]
    return "\n".join("".join(rng.choices(words, k=rng.randint(0, 20))) for _ in range(lines)) + "\n"


@pytest.fixture
def parts(tmp_path):
    """Four files of random text, one of them without any unit and one without a line break at its end."""
    texts = [random_text(0), random_text(1), "，\n\n\n", random_text(2).rstrip("\n") + "电力"]
    paths = [tmp_path / f"{i}.txt" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


@pytest.fixture
def filled(tmp_path, parts):
    """A folder to which the first part was added."""
    store.extend(tmp_path / "counts", corpus.read_lines(parts[0]))
    return tmp_path / "counts"


def rows(table):
    return table.keys.tolist(), table.counts.tolist()


def words_of(text, config):
    return discovery.discover(text, config).to_csv()


# --- equal to a run on everything


FREE = discovery.PmiConfig(min_entropy=1.0)


@pytest.mark.parametrize("config", [PMI, COHESION, discovery.PmiConfig(), discovery.CohesionConfig(), FREE])
def test_three_additions_give_the_words_of_one_run(tmp_path, parts, config):
    for added in ([parts[0]], parts[1:3], [parts[3]]):
        text = store.extend(tmp_path / "counts", corpus.read_lines(added))
    plain = words_of(corpus.read_lines(parts), config)
    assert plain.count("\n") > 5
    assert words_of(text, config) == plain
    assert words_of(store.open_store(tmp_path / "counts"), config) == plain


def test_mixed_words_are_found_in_saved_text(tmp_path, sample):
    lines = (sample / "domain.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.replace("蜜蜂", "SF6断路器").replace("幼虫", "维生素C") for line in lines]
    for name, half in (("a.txt", lines[::2]), ("b.txt", lines[1::2])):
        (tmp_path / name).write_text("\n".join(half), encoding="utf-8")
        text = store.extend(tmp_path / "counts", corpus.read_lines(tmp_path / name))
    words = discovery.discover(text, discovery.CohesionConfig())
    assert {"SF6断路器", "维生素C"} <= set(words["term"])
    plain = discovery.discover(corpus.read_lines([tmp_path / "a.txt", tmp_path / "b.txt"]), discovery.CohesionConfig())
    pd.testing.assert_frame_equal(words, plain)


@pytest.mark.parametrize("config", [discovery.PmiConfig(), discovery.CohesionConfig()])
def test_the_sample_added_in_halves_gives_the_words_of_one_run(tmp_path, sample, config):
    lines = (sample / "domain.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    for i, half in enumerate((lines[:60], lines[60:])):
        (tmp_path / f"{i}.txt").write_text("".join(half), encoding="utf-8")
        text = store.extend(tmp_path / "counts", corpus.read_lines(tmp_path / f"{i}.txt"))
    plain = corpus.read_lines(sample / "domain.txt")
    pd.testing.assert_frame_equal(discovery.discover(text, config), discovery.discover(plain, config))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_all_counts_are_those_of_the_text(filled, parts, n):
    saved = store.extend(filled, corpus.read_lines(parts[1:]))
    plain = ngrams.encode(corpus.read_lines(parts))
    for one, other in ((saved, plain), (saved.only_han(), plain.only_han())):
        assert rows(one.count_ngrams(n)) == rows(other.count_ngrams(n))
        assert rows(one.count_ngrams(n, floor=7)) == rows(other.count_ngrams(n, floor=7))
        assert one.count_windows(n) == other.count_windows(n)
        assert one.unit_counts().tolist() == other.unit_counts().tolist()
        assert one.count_han() == other.count_han()


def test_counts_agree_with_a_plain_loop(filled, parts):
    counts = {}
    for line in corpus.read_lines(parts[0]):
        for pair in map("".join, pairwise(line)):
            if all("\u4e00" <= c <= "\u9fa5" or (c.isascii() and c.isalnum()) for c in pair):
                counts[pair] = counts.get(pair, 0) + 1
    table = store.open_store(filled).count_ngrams(2)
    assert dict(zip(table.strings(), table.counts.tolist(), strict=True)) == counts


def test_a_file_without_any_unit_may_be_all_there_is(tmp_path, parts):
    text = store.extend(tmp_path / "counts", corpus.read_lines(parts[2]))
    assert discovery.discover(text, PMI).empty
    assert discovery.discover(text, COHESION).empty


# --- what is written


@pytest.mark.parametrize("units_at_once", [1, 1 << 23])
def test_a_row_group_is_a_bucket_with_ascending_keys(tmp_path, parts, monkeypatch, units_at_once):
    monkeypatch.setattr(ngrams, "_AT_ONCE", units_at_once)
    store.extend(tmp_path / "counts", corpus.read_lines(parts))
    file = parquet.ParquetFile(tmp_path / "counts" / "added-0001" / "counts-3.parquet")
    assert file.num_row_groups == ngrams.BUCKETS
    for bucket in range(ngrams.BUCKETS):
        keys = file.read_row_group(bucket)["key"].to_numpy()
        mixed = keys * np.uint64(0x9E3779B97F4A7C15)
        assert (mixed >> np.uint64(58) == bucket).all()
        assert (np.diff(keys) > 0).all()
    plain = ngrams.encode(corpus.read_lines(parts)).count_ngrams(3)
    assert rows(store.open_store(tmp_path / "counts").count_ngrams(3)) == rows(plain)


def test_the_manifest_names_the_files(filled, parts):
    manifest = json.loads((filled / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["format"], manifest["version"]) == ("termmine counts", 2)
    (file,) = manifest["additions"][0]["files"]
    assert file["name"] == "0.txt"
    assert file["bytes"] == parts[0].stat().st_size
    assert len(file["sha256"]) == 64


def test_old_text_is_not_counted_again(filled, parts, monkeypatch):
    counted = []
    count = ngrams._ngrams_in

    def recorded(text, *arguments):
        counted.append(text.size)
        return count(text, *arguments)

    monkeypatch.setattr(ngrams, "_ngrams_in", recorded)
    text = store.extend(filled, corpus.read_lines(parts[1]))
    assert set(counted) == {ngrams.encode(corpus.read_lines(parts[1])).size}
    counted.clear()
    for config in (PMI, COHESION):
        discovery.discover(text, config)
    assert not counted


def test_an_addition_leaves_the_earlier_ones_as_they_are(filled, parts):
    before = {path.name: path.read_bytes() for path in (filled / "added-0001").iterdir()}
    store.extend(filled, corpus.read_lines(parts[1]))
    assert before == {path.name: path.read_bytes() for path in (filled / "added-0001").iterdir()}


# --- interruptions


@pytest.mark.parametrize("at", ["_write_text", "_write_counts", "_write_manifest"])
def test_an_interrupted_addition_leaves_what_was_there(filled, parts, monkeypatch, at):
    def stop(*_):
        raise KeyboardInterrupt

    before = words_of(store.open_store(filled), PMI)
    with monkeypatch.context() as patched:
        patched.setattr(store, at, stop)
        with pytest.raises(KeyboardInterrupt):
            store.extend(filled, corpus.read_lines(parts[1]))
    assert words_of(store.open_store(filled), PMI) == before
    text = store.extend(filled, corpus.read_lines(parts[1]))
    assert words_of(text, PMI) == words_of(corpus.read_lines(parts[:2]), PMI)


def test_what_a_killed_process_left_is_removed_by_the_next_addition(filled, parts):
    shutil.copytree(filled / "added-0001", filled / "added-0002")
    shutil.copytree(filled / "added-0001", filled / ".adding")
    (filled / ".manifest-xyz.json").touch()
    (filled / "notes.txt").touch()
    text = store.extend(filled, corpus.read_lines(parts[1]))
    assert words_of(text, PMI) == words_of(corpus.read_lines(parts[:2]), PMI)
    left = {path.name for path in filled.iterdir()}
    assert left == {"added-0001", "added-0002", "manifest.json", "notes.txt", ".lock"}


def test_an_interrupted_first_addition_can_be_repeated(tmp_path, parts, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(store, "_write_counts", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.extend(tmp_path / "counts", corpus.read_lines(parts[0]))
    with pytest.raises(InputError, match="holds no counts yet"):
        store.open_store(tmp_path / "counts")
    assert store.extend(tmp_path / "counts", corpus.read_lines(parts[0])).files


def test_two_processes_do_not_add_at_once(filled, parts):
    with store._alone(filled), pytest.raises(InputError, match="being added to by another process"):
        store.extend(filled, corpus.read_lines(parts[1]))


# --- what is refused


def test_a_file_that_is_there_is_refused_by_its_content(filled, parts, tmp_path):
    copy = tmp_path / "copy.txt"
    copy.write_bytes(parts[0].read_bytes())
    with pytest.raises(InputError, match=r"the text of copy.txt is in .*counts already, as 0.txt"):
        store.extend(filled, corpus.read_lines([parts[1], copy]))
    assert len(store.open_store(filled).files) == 1
    with pytest.raises(InputError, match=r"the text of copy.txt is in 0.txt too"):
        store.extend(tmp_path / "other", corpus.read_lines([parts[0], copy]))
    assert not (tmp_path / "other").exists()


def test_a_changed_file_is_new_text(filled, parts):
    parts[0].write_text(random_text(9), encoding="utf-8")
    assert [file["name"] for file in store.extend(filled, corpus.read_lines(parts[0])).files] == ["0.txt", "0.txt"]


def test_text_that_is_not_utf8_leaves_no_folder(tmp_path):
    (tmp_path / "gbk.txt").write_bytes("电力".encode("gb18030"))
    with pytest.raises(InputError, match="not UTF-8"):
        store.extend(tmp_path / "counts", corpus.read_lines(tmp_path / "gbk.txt"))
    assert not (tmp_path / "counts").exists()


def test_lines_without_a_file_are_refused(tmp_path):
    with pytest.raises(TypeError, match="got list"):
        store.extend(tmp_path / "counts", ["电力"])


def foreign(folder: Path, name: str, content: str):
    folder.mkdir()
    (folder / name).write_text(content, encoding="utf-8")


def manifest(**entries):
    return json.dumps({"format": store.FORMAT, "version": store.VERSION} | entries)


def addition(**entries):
    return {"folder": "added-0001", "files": [], "windows": {"word": [1] * 4, "han": [1] * 4}} | entries


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("thesis.doc", "mine", "holds other files than counts, e.g. thesis.doc"),
        ("manifest.json", '{"name": "law"}', "is not that of a folder of counts"),
        ("manifest.json", "{", "is not that of a folder of counts"),
        ("manifest.json", "[]", "is not that of a folder of counts"),
        ("manifest.json", '{"format": "termmine counts", "version": 99}', "holds counts of version 99"),
        ("manifest.json", '{"format": "termmine counts"}', "holds counts of version None"),
        ("manifest.json", manifest(additions=5), "manifest.json is missing or damaged"),
        ("manifest.json", manifest(), "manifest.json is missing or damaged"),
        ("manifest.json", manifest(additions=[{}]), "manifest.json is missing or damaged"),
        ("manifest.json", manifest(additions=[addition(folder="../x")]), "manifest.json is missing or damaged"),
        ("manifest.json", manifest(additions=[addition(windows=[])]), "manifest.json is missing or damaged"),
        ("manifest.json", manifest(additions=[addition()]), "text.parquet is missing or damaged"),
    ],
)
def test_foreign_folders_are_refused_and_left_alone(tmp_path, parts, name, content, says):
    foreign(tmp_path / "theirs", name, content)
    for use in (store.open_store, lambda folder: store.extend(folder, corpus.read_lines(parts[0]))):
        with pytest.raises(InputError, match=says):
            use(tmp_path / "theirs")
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == [name]


def test_a_file_in_place_of_the_folder_is_refused(parts):
    with pytest.raises(InputError, match=r"0.txt is a file"):
        store.extend(parts[0], corpus.read_lines(parts[1]))


def test_damaged_counts_are_named(filled):
    path = filled / "added-0001" / "counts-2.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"counts-2.parquet is missing or damaged"):
        discovery.discover(store.open_store(filled), PMI)
    path.unlink()
    with pytest.raises(InputError, match=r"counts-2.parquet is missing or damaged"):
        discovery.discover(store.open_store(filled), PMI)


@pytest.mark.parametrize("name", ["text", "counts-1", "counts-2", "counts-3", "counts-4"])
def test_a_flipped_bit_in_a_page_is_noticed(filled, name):
    path = filled / "added-0001" / f"{name}.parquet"
    whole, metadata = path.read_bytes(), parquet.read_metadata(path)
    groups = [metadata.row_group(i).column(0) for i in range(metadata.num_row_groups)]
    page = max(groups, key=lambda column: column.total_compressed_size)
    at = (page.dictionary_page_offset or page.data_page_offset) + page.total_compressed_size - 2  # within the data
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(InputError, match=rf"{name}.parquet is missing or damaged"):
        discovery.discover(store.open_store(filled), COHESION)


def test_counts_of_another_length_are_noticed(filled):
    folder = filled / "added-0001"
    (folder / "counts-2.parquet").write_bytes((folder / "counts-3.parquet").read_bytes())
    with pytest.raises(InputError, match=r"counts-2.parquet is missing or damaged"):
        discovery.discover(store.open_store(filled), PMI)


def test_what_a_torn_first_manifest_left_is_removed(tmp_path, parts):
    folder = tmp_path / "counts"
    folder.mkdir()
    (folder / ".lock").touch()
    (folder / ".manifest-abc.json").write_text("{", encoding="utf-8")
    store.extend(folder, corpus.read_lines(parts[0]))
    assert {path.name for path in folder.iterdir()} == {"added-0001", "manifest.json", ".lock"}


def test_classic_cohesion_is_refused(filled):
    with pytest.raises(InputError, match="classic reads text in its own way"):
        discovery.discover(store.open_store(filled), discovery.CohesionConfig(classic=True))


# --- the command line


@pytest.mark.parametrize("method", ["pmi", "cohesion"])
def test_discover_keeps_counts(termmine, parts, tmp_path, monkeypatch, method):
    monkeypatch.chdir(tmp_path)
    options = ("--method", method, "-p", "min_count=3", "-o")
    assert termmine("discover", "0.txt", "1.txt", "3.txt", *options, "plain.csv")[0] == 0
    assert termmine("discover", "0.txt", *options, "w.csv", "--counts", "counts")[0] == 0
    status, _, err = termmine("discover", "1.txt", "3.txt", *options, "added.csv", "--counts", "counts")
    assert (status, err.splitlines()[0]) == (0, "2 added, 3 in all: counts")
    assert termmine("discover", *options, "again.csv", "--counts", "counts")[0] == 0
    plain = (tmp_path / "plain.csv").read_bytes()
    assert (tmp_path / "added.csv").read_bytes() == plain
    assert (tmp_path / "again.csv").read_bytes() == plain


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "discover needs a SOURCE, or --counts FOLDER"),
        (("--counts", "none"), "none holds no counts yet"),
        (("1.txt", "0.txt", "--counts", "counts"), "the text of 0.txt is in counts already"),
        (("1.txt", "--counts", "counts", "--method", "em"), "without --counts"),
        (("1.txt", "--counts", "counts", "-p", "min_count=x"), "min_count must be"),
    ],
)
def test_wrong_use_is_said_in_one_line_and_adds_nothing(termmine, filled, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    status, _, err = termmine("discover", *arguments, "-o", "w.csv")
    assert (status, err.count("\n")) == (2, 1)
    assert says in err
    assert len(store.open_store(filled).files) == 1

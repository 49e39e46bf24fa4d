"""One's own text of any kind, from the command line: read, registered, named by runs and sweeps."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
import yaml

from termmine import datasets, runs, sweeps
from termmine.errors import masked, masked_source


@pytest.fixture
def here(tmp_path, monkeypatch, sample):
    """The sample's text in several forms, in a folder to work in."""
    monkeypatch.chdir(tmp_path)
    lines = (sample / "domain.txt").read_text(encoding="utf-8").splitlines()
    rows = "".join(json.dumps({"id": n, "body": line}, ensure_ascii=False) + "\n" for n, line in enumerate(lines))
    (tmp_path / "bees.jsonl").write_text(rows, encoding="utf-8")
    (tmp_path / "bees.txt").write_bytes((sample / "domain.txt").read_bytes())
    (tmp_path / "gbk.txt").write_bytes((sample / "domain.txt").read_text(encoding="utf-8").encode("gb18030"))
    (tmp_path / "everyday.txt").write_bytes((sample / "background.txt").read_bytes())
    (tmp_path / "terms.txt").write_bytes((sample / "reference.txt").read_bytes())
    with closing(sqlite3.connect(tmp_path / "bees.sqlite")) as database, database:
        database.execute("create table pages (id integer primary key, body text)")
        database.executemany("insert into pages (body) values (?)", [(line,) for line in lines])
    return tmp_path


def test_the_same_text_in_another_form_gives_the_same_words(here, termmine):
    assert termmine("discover", "bees.txt", "-o", "a.csv")[0] == 0
    forms = {
        "b.csv": ["bees.jsonl", "--text-column", "body"],
        "c.csv": ["bees.sqlite", "--table", "pages", "--text-column", "body"],
        "d.csv": ["bees.sqlite", "--query", "select body from pages order by id"],
        "e.csv": ["gbk.txt"],
        "f.csv": ["gbk.txt", "--encoding", "gbk"],
    }
    for name, arguments in forms.items():
        status, _, said = termmine("discover", *arguments, "-o", name)
        assert status == 0, said
        assert (here / name).read_bytes() == (here / "a.csv").read_bytes(), name


def test_what_was_read_is_said_and_kept(here, termmine):
    (here / "bees.jsonl").open("a", encoding="utf-8").write('{"id": 9}\n')
    status, _, said = termmine("discover", "bees.jsonl", "--text-column", "body", "-o", "a.csv")
    assert status == 2
    assert "bees.jsonl" in said
    assert "row 111: no column 'body'" in said
    assert "--on-error skip" in said
    assert not (here / "a.csv").exists()
    arguments = ["discover", "bees.jsonl", "--text-column", "body", "--on-error", "skip", "-o", "a.csv"]
    status, _, said = termmine(*arguments)
    assert status == 0
    assert "text: 110 documents of " in said
    assert "left out: 1 no column 'body' (bees.jsonl, row 111" in said
    assert "written to data/.texts/" in said
    assert "kept in data/.texts/" in termmine(*arguments)[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("discover", "bees.txt", "--query", "select 1", "-o", "-"), "--query is for databases, and bees.txt is none"),
        (("discover", "bees.txt", "--text-column", "body", "-o", "-"), "--text-column is for tables and databases"),
        (("discover", "bees.jsonl", "-o", "-", "--on-error", "stop"), "on_error must be fail or skip, got 'stop'"),
        (("discover", "bees.jsonl", "-o", "-", "--text-column", "text"), "'text'"),
        (("discover", "bees.sqlite", "-o", "-"), "there are: pages"),
        (("discover", "gbk.txt", "--encoding", "utf-8", "-o", "-"), "gbk.txt"),
        (("discover", "bees.txt", "--encoding", "klingon", "-o", "-"), "klingon"),
        (("run", "sample", "--dedupe"), "need text of one's own, as --domain or --background"),
        (("run", "--domain", "bees.txt", "--background", "nosuch"), "nosuch"),
        (
            ("run", "--domain", "bees.sqlite", "--background", "bees.sqlite", "--table", "pages"),
            "contrast it with other",
        ),
        (("data", "add", "law", "--domain", "bees.txt"), "the name law is taken"),
        (("data", "add", "../bees", "--domain", "bees.txt"), "letters, digits, _ and -"),
        (("data", "add", "bees", "--domain", "none.txt"), "none.txt"),
        (("data", "add", "bees", "--domain", "bees.txt", "--reference", "none.txt"), "--reference: "),
        (("data", "add", "bees", "--domain", "bees.txt", "--rules", "terms.txt"), "terms.txt"),
    ],
)
def test_wrong_use_is_told_in_one_line_and_leaves_nothing(here, termmine, arguments, says):
    before = sorted(here.rglob("*"))
    status, out, said = termmine(*arguments)
    assert (status, out) == (2, "")
    assert says in said
    assert said.startswith("termmine: ")
    assert said.count("\n") == 1
    assert [path for path in sorted(here.rglob("*")) if path.suffix in (".csv", ".txt", ".json")] == [
        path for path in before if path.suffix in (".csv", ".txt", ".json")
    ]


URLS = (
    "postgresql://ann:hunter2@db.example/bees",
    "postgresql://ann@corp:hunter2@db.example/bees",
    "postgresql://ann:my hunter2@db.example/bees",
    "postgresql://db.example/bees?user=ann&password=hunter2",
    "mssql+pyodbc:///?odbc_connect=UID%3Dann%3BPWD%3Dhunter2",
    "https://hunter2@files.example/a.txt",
    "https://files.example/a.txt?sv=1&sig=hunter2",
    "mongodb://ann:hunter2@db.example/bees?authSource=admin",
)


@pytest.mark.parametrize("url", URLS)
def test_a_password_is_in_no_text_about_a_source(url):
    assert "hunter2" not in masked_source(url)
    assert "hunter2" not in masked_source(f"--domain={url}")
    assert "hunter2" not in runs.shell_command(["run", "--domain", url])
    if " " not in url:
        assert "hunter2" not in masked(f"cannot read '{url}': no access")


@pytest.mark.parametrize(
    "url", ["postgresql+nosuch://ann@corp:hunter2@db.example/bees", "nosuch://ann:my hunter2@h/a.txt"]
)
def test_a_password_is_in_no_message(here, termmine, url):
    uses = [("discover", url, "-o", "a.csv"), ("discover", url, url, "-o", "a.csv")]
    uses += [("-v", "discover", url, "-o", "a.csv"), ("run", "--domain", url, "--background", url)]
    for arguments in uses:
        status, out, said = termmine(*arguments)
        assert status == 2
        assert "hunter2" not in out + said


def test_a_grid_with_passwords_is_shown_without_them():
    grid = sweeps.Grid(data=({"name": "bees", "domain": [URLS[2]], "background": URLS[1]},))
    assert "hunter2" not in sweeps._as_yaml(grid)
    assert "postgresql://ann@corp:***@db.example/bees" in sweeps._as_yaml(grid)


def test_a_database_that_was_written_to_is_read_anew(here, termmine):
    with closing(sqlite3.connect(here / "bees.sqlite")) as database:
        database.execute("pragma journal_mode=wal")
        arguments = ("discover", "bees.sqlite", "--table", "pages", "--text-column", "body", "-o", "a.csv")
        assert "text: 110 documents" in termmine(*arguments)[2]
        database.execute("insert into pages (body) values ('蜂王产卵')")
        database.commit()  # into the log beside the file
        assert "text: 111 documents" in termmine(*arguments)[2]


def test_a_filter_and_a_collection_reach_mongodb(here, termmine, monkeypatch):
    asked = {}

    def read(url, **where):
        asked.update(where)
        return iter(["蜂王产卵", "蜂王产卵"])

    monkeypatch.setattr("termmine.databases.read", read)
    arguments = (
        "--table",
        "pages",
        "--query",
        '{"lang": "zh"}',
        "--text-column",
        "body",
        "-o",
        "a.csv",
        "-p",
        "min_count=1",
    )
    assert termmine("discover", "mongodb://db.example/bees", *arguments)[0] == 0
    assert asked == {"table": "pages", "query": '{"lang": "zh"}', "text_column": "body"}


def test_a_set_of_ones_own_is_added_listed_named_replaced(here, termmine):
    added = ("data", "add", "bees", "--domain", "bees.jsonl", "--text-column", "body", "--background", "everyday.txt")
    status, out, said = termmine(*added, "--reference", "terms.txt")
    assert (status, out.split(":")[0]) == (0, "bees"), said
    files = datasets.get("bees")
    assert files.domain.read_text(encoding="utf-8") == (here / "bees.txt").read_text(encoding="utf-8")
    assert files.background.parent == files.reference.parent == here / "data" / "bees"
    source = json.loads((here / "data" / "bees" / "SOURCE.json").read_text(encoding="utf-8"))
    assert source["sources"]["domain"]["from"] == ["bees.jsonl"]
    assert set(source["files"]) == {"domain.txt", "background.txt", "reference.txt"}
    assert "bees: one's own: bees.jsonl (110 documents of " in termmine("data", "list")[1]
    status, _, said = termmine(*added)
    assert (status, "give --replace" in said) == (2, True)
    assert termmine(*added, "--replace")[0] == 0
    assert datasets.get("bees").reference is None
    assert termmine("data", "add", "again", "--domain", "bees.txt", "--background", "bees")[0] == 0
    assert datasets.get("again").background == here / "data" / "bees" / "domain.txt"


def test_lists_of_known_terms_keep_their_names_in_a_set(here, termmine):
    (here / "old.txt").write_text("蜂王\n", encoding="utf-8")
    (here / "dictionary.txt").write_text("工蜂 3 n\n", encoding="utf-8")
    texts = ("--domain", "bees.txt", "--background", "everyday.txt")
    added = ("data", "add", "bees", *texts, "--known", "old.txt", "--known", "dictionary.txt")
    assert termmine(*added)[0] == 0
    assert [datasets.list_name(path) for path in datasets.get("bees").known] == ["dictionary", "old"]
    status, _, said = termmine("data", "add", "bees", *texts, "--replace")
    assert (status, "the set before also had known" in said) == (0, True)


def test_a_set_whose_background_is_gone_is_listed_and_said(here, termmine):
    assert termmine("data", "add", "bees", "--domain", "bees.txt", "--background", "everyday.txt")[0] == 0
    assert termmine("data", "add", "again", "--domain", "bees.txt", "--background", "bees")[0] == 0
    shutil.rmtree(here / "data" / "bees")
    status, out, _ = termmine("data", "list")
    assert (status, "its background bees is gone" in out) == (0, True)
    assert "there is no data set 'bees'" in termmine("run", "again")[2]


def test_a_set_that_cannot_be_replaced_stays(here, termmine, monkeypatch):
    added = ("data", "add", "bees", "--domain", "bees.txt", "--background", "everyday.txt")
    assert termmine(*added)[0] == 0
    before = (here / "data" / "bees" / "domain.txt").read_bytes()
    monkeypatch.setattr(datasets, "_write_source", lambda *arguments: 1 / 0)
    assert termmine(*added, "--replace")[0] == 1
    assert (here / "data" / "bees" / "domain.txt").read_bytes() == before
    assert [path.name for path in (here / "data").iterdir()] == ["bees"]


def test_a_folder_that_is_no_set_is_left_alone(here, termmine):
    (here / "data" / "mine").mkdir(parents=True)
    (here / "data" / "mine" / "precious.txt").write_text("蜂王", encoding="utf-8")
    status, _, said = termmine("data", "add", "mine", "--domain", "bees.txt", "--background", "sample", "--replace")
    assert (status, "the name mine is taken" in said) == (2, True)
    assert [path.name for path in (here / "data" / "mine").iterdir()] == ["precious.txt"]


@pytest.mark.slow
def test_a_run_tells_where_its_text_came_from_and_can_be_repeated(here, termmine):
    texts = ["--domain", "bees.jsonl", "--background", "everyday.txt"]
    quick = ["-p", "expansion.curve_draws=0", "-p", "embedding.compare_documents=0", "-p", "evaluation.samples=0"]
    arguments = ["run", *texts, *quick, "--text-column", "body", "--known", "terms.txt", "--out", "out"]
    status, _, said = termmine(*arguments)
    assert status == 0, said
    assert (
        termmine(
            "run",
            "--domain",
            "bees.txt",
            "--background",
            "everyday.txt",
            *quick,
            "--known",
            "terms.txt",
            "--out",
            "plain",
        )[0]
        == 0
    )
    assert (here / "out" / "terms.csv").read_bytes() == (here / "plain" / "terms.csv").read_bytes()
    manifest = json.loads((here / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sources"]["domain"]["from"] == ["bees.jsonl"]
    assert manifest["inputs"]["domain"]["path"].startswith("../data/.texts/")
    assert "bees.jsonl" in (here / "out" / "index.html").read_text(encoding="utf-8")
    status, out, said = termmine("run", "--from", "out", "--out", "again")
    assert (status, "byte for byte" in out) == (0, True), said
    again = json.loads((here / "again" / "manifest.json").read_text(encoding="utf-8"))
    assert again["sources"] == manifest["sources"]
    assert (here / "again" / "known.csv").read_bytes() == (here / "out" / "known.csv").read_bytes()
    for path in (here / "data" / ".texts").iterdir():
        path.unlink()
    status, _, said = termmine("run", "--from", "out", "--out", "third")
    assert (status, "written to from ['bees.jsonl']; say where it is: --domain" in said) == (2, True)


def test_a_sweep_names_sets_of_ones_own_and_reads_other_kinds(here, termmine):
    texts = ["--domain", "bees.txt", "--background", "everyday.txt"]
    assert termmine("data", "add", "bees-2", *texts, "--reference", "terms.txt")[0] == 0
    assert termmine("data", "add", "everyday", "--domain", "everyday.txt", "--background", "sample")[0] == 0
    other = {"name": "rows", "domain": "bees.jsonl", "background": "everyday", "text_column": "body"}
    grid = {"data": ["bees-2", other], "parameters": {"evaluation.topn": [100]}}
    (here / "grid.yaml").write_text(yaml.safe_dump(grid), encoding="utf-8")
    status, out, said = termmine("sweep", "grid.yaml", "--out", "swept", "--dry-run")
    assert (status, "2 runs" in out) == (0, True), said
    one, two = sweeps.make_points(sweeps.read_grid("grid.yaml"), here / "swept")
    assert one.tasks[0].key == two.tasks[0].key  # the same text, so that its words are found once
    assert (one.job.name, two.job.name) == ("bees-2", "rows")
    assert two.job.sources["domain"]["from"] == ["bees.jsonl"]
    wrongs = [({"text_colum": "body"}, "data has no 'text_colum'"), ({"dedupe": 3}, "dedupe of data must be")]
    for wrong, says in wrongs:
        (here / "grid.yaml").write_text(yaml.safe_dump({"data": other | wrong}), encoding="utf-8")
        status, _, said = termmine("sweep", "grid.yaml", "--out", "swept")
        assert (status, says in said) == (2, True), said

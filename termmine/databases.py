"""How is a database read?

A database gives documents as a file does: one after the other, in the same order each time, never all
at once in memory. It is only read: whatever a query says, nothing in the database changes.
"""

import contextlib
import importlib
import importlib.util
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from termmine.errors import InputError, UnreadableError, masked, masked_source, shown

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database
    from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, Inspector

_SCHEME = re.compile(r"([A-Za-z]\w*)(?:\+\w+)?://")
_MONGO = re.compile(r"mongodb(?:\+srv)?://")
_SQLITE = re.compile(r"sqlite(?:\+(?:pysqlite|aiosqlite))?://(?:/(?P<path>[^?]*))?(?:\?(?P<query>.*))?")
_PASSWORD = re.compile(r"://[^/:]*:(.*)@", re.DOTALL)  # to the last @
_DRIVERS = {  # dialect -> module that can serve it -> SQLAlchemy's name of it, whose own choice varies by version
    "postgresql": {"psycopg": "psycopg", "psycopg2": "psycopg2"},
    "mysql": {"pymysql": "pymysql", "MySQLdb": "mysqldb"},
    "mariadb": {"pymysql": "pymysql", "MySQLdb": "mysqldb"},
}
_DIALECTS = {*_DRIVERS, "postgres", "sqlite", "mssql", "oracle", "duckdb", "snowflake", "mongodb"}
_PACKAGES = {"psycopg": "'psycopg[binary]'", "MySQLdb": "mysqlclient", "duckdb": "duckdb-engine"}  # not named alike
_READ_ONLY = {  # of SQLite the file is opened so
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
_BATCH = 1 << 22  # characters or bytes that are fetched at a time, as far as the last batch tells
_MOST_ROWS = 2_000
_SELECTION_MS = 5_000  # pymongo waits half a minute for a server
_LISTED = 20  # names in a message


def is_url(text: str) -> bool:
    """Whether a text is the URL of a database; the others are fsspec's, or paths.

    >>> [is_url(text) for text in ("postgresql+psycopg://ann@db/news", "mongodb://db/news", "s3://bucket/a", "C:\\\\a")]
    [True, True, False, False]
    """
    scheme = _SCHEME.match(text)
    return scheme is not None and (scheme[1] in _DIALECTS or scheme[1] in _installed_dialects())


def _installed_dialects() -> set[str]:
    return {entry.name.partition(".")[0] for entry in entry_points(group="sqlalchemy.dialects")}


def sqlite_url(path: str | os.PathLike) -> str:
    """The URL under which an SQLite file is read, and cannot be written.

    Parameters
    ----------
    path : the file; its name may hold any character

    Raises
    ------
    InputError : there is no such file, or it is no SQLite database

    Notes
    -----
    ``hive#1.db`` has the URL ``sqlite:///file:hive%231.db?mode=ro&uri=true``.
    """
    return f"sqlite:///file:{quote(_checked_file(Path(path)).as_posix(), safe='/:')}?mode=ro&uri=true"


def read(url: str, *, query: str = "", table: str = "", text_column: str = "") -> Iterator[str | UnreadableError]:
    """The documents of a database, as they stand.

    A table is read in the order of its primary key; a query decides about its order itself.

    Parameters
    ----------
    url : SQLAlchemy's or MongoDB's; ``postgresql://``, ``mysql://`` and ``mariadb://`` take the driver that is there
    query : one SELECT; for MongoDB a filter in JSON, as ``{"lang": "zh"}``, beside ``table``
    table : the table or ``schema.table``; for MongoDB the collection
    text_column : the column with the text, needed if there are several; for MongoDB the field, as ``page.text``

    Yields
    ------
    A document a row: NULL is an empty one; bytes are UTF-8. An ``UnreadableError`` for a row that holds no text.

    Raises
    ------
    InputError : the database cannot be reached or read as told; no message holds a password

    Notes
    -----
    PostgreSQL, MySQL, MariaDB and SQLite refuse to write; elsewhere nothing is committed.
    """
    if not is_url(url):
        raise InputError(f"{masked(url)} is no URL of a database; give one such as postgresql://name@host/database")
    place = _place(url)
    if _MONGO.match(url):
        documents = _from_mongo(url, place, query, table, text_column)
    else:
        documents = _from_sql(url, place, query, table, text_column)
    for row, value in enumerate(documents, start=1):
        yield _document(value, f"{place}, row {row}")


def _place(url: str) -> str:
    """The URL as messages name it: no password, no options; of an SQLite file its path."""
    if path := _sqlite_path(url):
        return str(path)
    return masked_source(url).partition("?")[0]


def _document(value: object, place: str) -> str | UnreadableError:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, UnreadableError):
        return UnreadableError(place, value.reason, "correct the row")
    if not isinstance(value, bytes | bytearray | memoryview):
        return UnreadableError(place, "no text", "name the column that holds the text")
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return UnreadableError(place, "not UTF-8", "convert the row to UTF-8")


@contextlib.contextmanager
def _stated(place: str, what: str, remedy: str, secret: str = "") -> Iterator[None]:
    """Whatever a driver raises, as one line: its own message may hold the password."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = _reason(error)
        reason = reason.replace(secret, "***") if secret else reason
        raise InputError(f"{place} {what}: {masked(reason)}; {remedy}") from None


def _reason(error: Exception) -> str:
    """The first line of the driver's own message, without error numbers, addresses of manuals and the query."""
    error = getattr(error, "orig", None) or error
    details = getattr(error, "details", None)  # pymongo's
    told = [details.get("errmsg") if isinstance(details, dict) else None, *error.args[::-1]]
    text = next((item for item in told if item and isinstance(item, str)), type(error).__name__)
    text = re.split(r" \(configured timeouts|, Timeout: |, full error: ", text)[0].strip()
    head = text.partition("\n")[0]
    return " ".join((text if head.endswith(":") else head).split())[:400]


def _imported(name: str, what: str, install: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(f"reading {what} needs {name}; pip install {install}") from None


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(map(str, names))
    return ", ".join(ordered[:_LISTED] + ["…"] * (len(ordered) > _LISTED)) or "none"


# SQL


def _from_sql(url: str, place: str, query: str, table: str, text_column: str) -> Iterator[object]:
    """The values of the text column."""
    if query and table:
        raise InputError(f"{place} is read by a query or by a table, not by both; give one of --query and --table")
    engine, secret = _engine(url, place)
    with contextlib.ExitStack() as opened:
        with _stated(place, "cannot be opened", "check the address, the name and the password", secret):
            connection = opened.enter_context(engine.connect())
            _forbid_writing(connection)
        what = "the query" if query else "its table"
        with _stated(f"{place}: {what}", "cannot be read", "give one SELECT, or a table that is there", secret):
            result = opened.enter_context(contextlib.closing(_run(connection, place, query, table, text_column)))
            column = _column(place, list(result.keys()), text_column)
        for rows in _batches(result, column, place, secret):
            yield from rows


def _engine(url: str, place: str) -> tuple["Engine", str]:
    """What connects, and the password in the URL."""
    sqlalchemy = _imported("sqlalchemy", "SQL databases", "termmine[sql]")
    options = {"poolclass": sqlalchemy.pool.NullPool, "hide_parameters": True}
    if path := _sqlite_path(url):
        file = _checked_file(path).absolute().as_uri() + "?mode=ro"
        return sqlalchemy.create_engine("sqlite://", creator=lambda: _opened(file), **options), ""
    parsed = _parsed(url, place)
    try:
        engine = sqlalchemy.create_engine(parsed, connect_args=_connecting(parsed), **options)
        return engine, str(parsed.password or "")
    except (ImportError, sqlalchemy.exc.NoSuchModuleError) as error:
        raise InputError(_missing_driver(parsed.drivername, error)) from None
    except (sqlalchemy.exc.SQLAlchemyError, TypeError, ValueError):
        raise InputError(f"{place} has an option that its driver does not know; check what follows the ?") from None


def _connecting(parsed: "URL") -> dict[str, object]:
    """Options of the driver."""
    # A database in SQL_ASCII would give bytes even for its version, which SQLAlchemy stumbles over.
    libpq = parsed.get_backend_name() == "postgresql" and parsed.drivername.endswith(("psycopg", "psycopg2"))
    return {"client_encoding": "utf8"} if libpq else {}


def _parsed(url: str, place: str) -> "URL":
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(re.sub("^postgres(?=[+:])", "postgresql", url))
    except (ArgumentError, ValueError):
        parsed = None
    # An @ there is the end of a password; the driver would complain about such a host aloud.
    if parsed is None or "@" in (parsed.host or ""):
        raise InputError(f"{place} is no URL of a database; write @ : / in a name or password as %40 %3A %2F")
    drivers = _DRIVERS.get(parsed.drivername, {})
    found = [name for module, name in drivers.items() if importlib.util.find_spec(module)]
    if drivers and not found:
        raise InputError(_missing_driver(parsed.drivername, ImportError(name=next(iter(drivers)))))
    return parsed.set(drivername=f"{parsed.drivername}+{found[0]}") if found else parsed


def _missing_driver(scheme: str, error: Exception) -> str:
    """What to install; a dialect that SQLAlchemy does not bring along is a package of its own."""
    name = scheme.partition("+")[0]
    module = (getattr(error, "name", None) or "").partition(".")[0]
    package = _PACKAGES.get(module or name, module or f"sqlalchemy-{name}")
    return f"reading {scheme}:// needs {module or f'an SQLAlchemy dialect for {name}'}; pip install {package}"


def _sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL.

    >>> str(_sqlite_path("sqlite:///file:hive%231.db?mode=ro&uri=true")), str(_sqlite_path("sqlite:///hive.db"))
    ('hive#1.db', 'hive.db')
    """
    if (match := _SQLITE.fullmatch(url)) is None:
        return None
    path = match["path"] or ""
    if path in ("", ":memory:"):
        raise InputError(f"{url} names no file; give one such as sqlite:///folder/name.db")
    is_uri = path.startswith("file:") and "uri=true" in (match["query"] or "")
    return Path(unquote(re.sub("^file:(//(?=/))?", "", path)) if is_uri else path)


def _checked_file(path: Path) -> Path:
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}; check its name and the folder you are in") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if head != b"SQLite format 3\0":
        raise InputError(f"{path} is no SQLite database, whatever its name says; give it as the kind of file it is")
    return path


def _opened(file: str) -> sqlite3.Connection:
    # A generator may be closed by another thread than the one that began it.
    return sqlite3.connect(file, uri=True, check_same_thread=False)


def _forbid_writing(connection: "Connection") -> None:
    """Every later transaction of the session only reads."""
    if statement := _READ_ONLY.get(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.commit()


def _run(connection: "Connection", place: str, query: str, table: str, text_column: str) -> "CursorResult":
    """Send the query, or one for the table; the rows stay with the server until they are fetched."""
    statement = None if query else _selection(connection, place, table, text_column)
    if connection.dialect.name == "sqlite":
        # A row that is no UTF-8 must not end the reading; the names above are text.
        connection.connection.dbapi_connection.text_factory = bytes
    # no_parameters: a % in the query is a % and no placeholder.
    streaming = connection.execution_options(stream_results=True, no_parameters=bool(query))
    result = streaming.exec_driver_sql(query) if query else streaming.execute(statement)
    if not result.returns_rows:
        raise InputError(f"{place}: the query gives no rows; give one SELECT")
    return result


def _selection(connection: "Connection", place: str, table: str, text_column: str) -> "Executable":
    """The text column of a table in the order of its primary key; SQLAlchemy quotes the names."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    schema, name = _located(inspector, place, table)
    columns = [str(column["name"]) for column in inspector.get_columns(name, schema)]
    text = columns[_column(place, columns, text_column)]
    key = inspector.get_pk_constraint(name, schema).get("constrained_columns") or []
    source = sa.table(name, *map(sa.column, dict.fromkeys([text, *key])), schema=schema)
    return sa.select(source.c[text]).order_by(*(source.c[part] for part in key))


def _located(inspector: "Inspector", place: str, table: str) -> tuple[str | None, str]:
    """The schema, None for the usual one, and the name of a table or view."""
    usual = {*inspector.get_table_names(), *inspector.get_view_names()}
    if table in usual:  # its name may hold a stop
        return None, table
    schema, _, name = table.rpartition(".")
    if schema in inspector.get_schema_names() and inspector.has_table(name, schema):
        return schema, name
    begin = f"{place} has no table {shown(table)}; name" if table else f"{place}: name"
    raise InputError(f"{begin} a --table, or give a --query; there are: {_listed(usual)}")


def _column(place: str, columns: Sequence[str], text_column: str) -> int:
    """Which of the columns has the text."""
    wanted = text_column or (columns[0] if len(columns) == 1 else "")
    if columns.count(wanted) == 1:
        return columns.index(wanted)
    begin = f"{place} has no single column {shown(wanted)}; name" if wanted else f"{place}: name"
    raise InputError(f"{begin} the --text-column; there are: {_listed(columns)}")


def _batches(result: "CursorResult", column: int, place: str, secret: str) -> Iterator[list[object]]:
    """The values of a column, some MB at a time: long documents come in few rows, short ones in many."""
    size = 16
    while True:
        with _stated(place, "broke off", "look after the server or the row, and read it again", secret):
            values = [row[column] for row in result.fetchmany(size)]
        if not values:
            return
        yield values
        total = sum(len(value) for value in values if isinstance(value, str | bytes | bytearray))
        size = max(1, min(2 * size, _MOST_ROWS, _BATCH * len(values) // (total + 1)))


# MongoDB


def _from_mongo(url: str, place: str, query: str, table: str, text_column: str) -> Iterator[object]:
    """The values of a field, in the order of ``_id``."""
    pymongo = _imported("pymongo", "MongoDB", "termmine[mongo]")
    chosen = _filter(query)
    waits = {} if "serverselectiontimeoutms=" in url.lower() else {"serverSelectionTimeoutMS": _SELECTION_MS}
    opening = ("cannot be opened", "check the address, the name and the password", _mongo_password(url, place))
    with _stated(place, *opening):
        client = pymongo.MongoClient(url, **waits)
    with client:
        with _stated(place, *opening):
            collection = _collection(_database(client, place), place, table)
            _check_field(collection, place, text_column)
        cursor = collection.find(chosen, {text_column: 1, "_id": 0}).sort("_id")
        with cursor, _stated(place, "cannot be read", "check the filter and the server"):
            yield from (_field(document, text_column) for document in cursor)


def _mongo_password(url: str, place: str) -> str:
    """The password in the URL; one that is not percent-encoded would come back in pieces in pymongo's messages."""
    password = found[1] if (found := _PASSWORD.search(url)) else ""
    if re.search(r"[@/:?#\[\]\s]", password):
        raise InputError(f"{place} is no URL of a database; write @ : / in a name or password as %40 %3A %2F")
    return password


def _filter(query: str) -> dict:
    from bson import json_util

    try:
        chosen = json_util.loads(query) if query else {}
    except Exception:  # bson raises TypeError, ValueError or its own for what is no value of its kind
        chosen = None
    if not isinstance(chosen, dict):
        raise InputError(f'a --query of MongoDB is a filter in JSON such as {{"lang": "zh"}}, not {shown(query)}')
    return chosen


def _database(client: object, place: str) -> "Database":
    from pymongo.errors import ConfigurationError

    try:
        return client.get_default_database()
    except ConfigurationError:
        names = _listed(client.list_database_names())
        raise InputError(f"{place} names no database; add /NAME behind the host; there are: {names}") from None


def _collection(database: "Database", place: str, table: str) -> "Collection":
    from bson.codec_options import CodecOptions

    # Authorised: who may read one collection only may not list them all.
    names = database.list_collection_names(authorizedCollections=True)
    if table in names:
        # A text that is no UTF-8 must not end the reading.
        return database.get_collection(table, CodecOptions(unicode_decode_error_handler="surrogateescape"))
    begin = f"{place} has no collection {shown(table)}; name" if table else f"{place}: name"
    raise InputError(f"{begin} it by --table; there are: {_listed(names)}")


def _check_field(collection: "Collection", place: str, text_column: str) -> None:
    if not text_column:
        fields = _listed(collection.find_one() or {})
        raise InputError(f"{place}: name the field of the text by --text-column; the first document has: {fields}")


def _field(document: object, path: str) -> object:
    """The value at a dotted path; of a text its bytes, which may not be UTF-8."""
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return UnreadableError("", f"no field {shown(path)}", "")
        document = document[name]
    return document.encode(errors="surrogateescape") if isinstance(document, str) else document

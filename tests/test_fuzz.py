"""Broken and odd files and arguments: the command line ends with 0, or with 2 and one line; it never falls over."""

import gzip
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from termmine import cli, corpus, presets, runs, store

ROOT = Path(__file__).parents[1]
PATIENCE = 30  # seconds; what takes as long hangs
MANIFEST = json.dumps(
    {"name": "own", "command": "", "preset": "best", "git_commit": ""}
    | {part: {} for part in ("parameters", "versions", "stages", "outputs")}
    | {"inputs": {role: {"path": f"{role}.txt", "sha256": "0"} for role in ("domain", "background")}}
)
EXAMPLES = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
OWN = ("--background", "news.txt", "--out", "out")


@pytest.fixture(scope="module")
def lines():
    return (ROOT / "data" / "sample" / "domain.txt").read_text(encoding="utf-8").splitlines()[:30]


@pytest.fixture
def texts(tmp_path, monkeypatch, lines):
    """A folder of usable files, to run in; ``run`` ends after its checks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "news.txt").write_text("今天天气很好，我们去公园。\n昨天他看了一本书。\n", encoding="utf-8")
    (tmp_path / "terms.txt").write_text("蜂王\n工蜂\n", encoding="utf-8")
    (tmp_path / "words.csv").write_text("term,count\n蜂王,4\n工蜂,3\n的,2\n", encoding="utf-8")
    (tmp_path / "grid.yaml").write_text("data: sample\nparameters: {expansion.pool: [900, 999]}\n", encoding="utf-8")
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "manifest.json").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "rules.json").write_text('{"min_length": 2, "contains_none_of": ["的"]}', encoding="utf-8")

    def checked(job, **_):
        presets.check_parameters(job.parameters, job.preset)
        runs.check_inputs(job)
        return job.out / "index.html"

    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setattr(runs, "run", checked)
    monkeypatch.setattr(cli, "_say_result", lambda *_, **__: None)
    return tmp_path


@contextmanager
def patience(seconds):
    """A hang becomes an error, where the system can ring."""

    def ring(*_):
        raise TimeoutError(f"no end after {seconds} s")

    can_ring = hasattr(signal, "SIGALRM")
    before = signal.signal(signal.SIGALRM, ring) if can_ring else None
    if can_ring:
        signal.alarm(seconds)
    try:
        yield
    finally:
        if can_ring:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)


def listing(folder):
    """What lies in a folder, hidden files as well, as bytes where names are no text."""
    return sorted(os.path.join(top, name) for top, _, names in os.walk(os.fsencode(folder)) for name in names)  # noqa: PTH118


def check_end(status, err):
    """0, or 2 with exactly one line on standard error; whoever falls over gets 1."""
    assert status in (0, 2), err
    assert "Traceback" not in err
    if status == 2:
        *before, last = err.splitlines()
        read = re.compile(r"fetching |(text|domain|background): |.* is read as ")
        assert all(map(read.match, before)), err
        assert err.endswith("\n") and last.startswith("termmine: "), err
        assert len(last) < 2_000, "a message is for a reader"


def ends_well(termmine, folder, *arguments, seconds=PATIENCE):
    """Call, look at the end and at what is left; the status."""
    before = listing(folder)
    begin = time.perf_counter()
    with patience(seconds):
        status, _, err = termmine(*arguments)
    check_end(status, err)
    assert time.perf_counter() - begin < seconds
    texts = os.fsencode(folder / "data" / ".texts")  # kept, so that a source is read once
    left = [name for name in listing(folder) if name not in before and not name.startswith(texts)]
    assert not [name for name in left if os.path.basename(name).startswith(b".")], "a temporary file was left"  # noqa: PTH119
    if status == 2:
        assert not left
    for name in left:
        os.unlink(name)  # noqa: PTH108
    return status


# --- files -----------------------------------------------------------------------------------------------

HAN = "蜂王产卵，工蜂采蜜。\n"
ZIPPED = io.BytesIO()
with zipfile.ZipFile(ZIPPED, "w") as archive:
    archive.writestr("a.txt", HAN * 9)
NOISE = random.Random(0).randbytes(3_000)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde"

BYTES = {
    "empty": b"",
    "blank": b" \t\n\r\n\x0b\x0c\n",
    "ideographic blanks": "\u3000\u2003\n\u3000".encode(),
    "BOM alone": b"\xef\xbb\xbf",
    "two BOMs": b"\xef\xbb\xbf" * 2 + HAN.encode(),
    "BOM inside": (HAN + "\ufeff" + HAN).encode(),
    "gz": gzip.compress(HAN.encode() * 99, mtime=0),
    "torn gz": gzip.compress(HAN.encode() * 99, mtime=0)[:40],
    "zip": ZIPPED.getvalue(),
    "PNG": PNG,
    "random bytes": NOISE,
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "NULs": b"\0" * 5_000,
    "NULs in text": HAN.replace("，", "\0").encode() * 50,
    "UTF-8 and GBK": HAN.encode() + HAN.encode("gb18030"),
    "GBK": HAN.encode("gb18030"),
    "UTF-16": HAN.encode("utf-16"),
    "UTF-16 without BOM": HAN.encode("utf-16-le"),
    "UTF-32": HAN.encode("utf-32"),
    "half a surrogate pair": HAN.encode() + "\ud800".encode("utf-8", "surrogatepass"),
    "CESU-8": HAN.encode() + "\ud83d\ude00".encode("utf-8", "surrogatepass"),
    "overlong": HAN.encode() + b"\xc0\x80\xe0\x80\xaf",
    "above Unicode": HAN.encode() + b"\xf4\x90\x80\x80",
    "cut character": HAN.encode()[:-3],
    "right to left": (HAN + "\u202eמלכה דבורה\u202c ملكة النحل 蜂王\n").encode() * 9,
    "zero width": "蜂\u200b王\u200d产\u2060卵\ufe0f工\u00ad蜂\n".encode() * 30,
    "combining marks": ("蜂" + "\u0301" * 2_000 + "王\n").encode(),
    "astral": "𠀀蜂王😀👩\u200d👩\u200d👧工蜂\U0010ffff\n".encode() * 30,
    "private and unassigned": "\ue000蜂王\ufffe\uffff\U000e0001工蜂\n".encode() * 30,
    "other line ends": "蜂王\r工蜂\x0b蜂王\x0c工蜂\x85蜂王\u2028工蜂\u2029蜂王\x1c工蜂".encode() * 9,
    "one character": "蜂".encode(),
    "one character, again and again": "蜂".encode() * 20_000,
    "commas and quotes": '"蜂王",\'工蜂\'\n"\n,,,\n'.encode() * 9,
    "markup": "<script>alert(1)</script>蜂王$x$</td>{{蜂王}}%s %(x)s\\N{BEE}\n".encode() * 30,
    "formulas": "=1+1\n+蜂王\n-工蜂\n@蜂王\n".encode() * 9,
}
LARGE = {
    "10 MB without a line break": "蜂王产卵工蜂采蜜，".encode() * 370_000,
    "2 MB of letters": b"abcdefghij" * 200_000 + "蜂王".encode(),
    "10 MB of line breaks": b"\n" * 10_000_000 + "蜂王".encode(),
    "10 MB of NULs": b"\0" * 10_000_000 + "蜂王".encode(),
}
USES = {
    "discover": lambda path: ("discover", path, "-o", "w.csv"),
    "discover cohesion": lambda path: ("discover", path, "a.txt", "-o", "w.parquet", "--method", "cohesion"),
    "discover em": lambda path: ("discover", path, "news.txt", "-o", "-", "--method", "em"),
    "discover entropy": lambda path: ("discover", path, "-o", "w.csv", "-p", "min_entropy=0.1", "-p", "min_count=1"),
    "segment": lambda path: ("segment", "--words", "words.csv", path, "-o", "cut.txt"),
    "words": lambda path: ("segment", "--words", path, "a.txt"),
    "domain": lambda path: ("run", "--domain", path, *OWN),
    "background": lambda path: ("run", "--domain", "a.txt", "--background", path, "--out", "out"),
    "seeds": lambda path: ("run", "--domain", "a.txt", *OWN, "--seeds", path),
    "reference": lambda path: ("run", "--domain", "a.txt", *OWN, "--reference", path),
    "rules": lambda path: ("run", "--domain", "a.txt", *OWN, "--rules", path),
    "manifest": lambda path: ("run", "--from", path, "--out", "out"),
    "sweep": lambda path: ("sweep", path, "--out", "out", "--dry-run"),
    "compare": lambda path: ("compare", path, "done"),
}

WHOLE = ("manifest", "sweep", "compare")  # read at once


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
def test_odd_files(termmine, texts, content):
    (texts / "odd.csv").write_bytes(content)
    (texts / "odd.parquet").write_bytes(content)
    for use in USES.values():
        ends_well(termmine, texts, *use("odd.csv"))
    assert ends_well(termmine, texts, *USES["words"]("odd.parquet")) == 2


@pytest.mark.parametrize("content", LARGE.values(), ids=LARGE)
def test_large_files(termmine, texts, content):
    (texts / "large.txt").write_bytes(content)
    for name in ("discover", "segment", "words", "domain", "seeds", "rules"):
        ends_well(termmine, texts, *USES[name]("large.txt"))


def test_what_is_usable_is_used(termmine, texts):
    """The uses above do what they say: with good files all end with 0."""
    files = dict.fromkeys(USES, "a.txt") | {"words": "words.csv", "rules": "rules.json"}
    files |= {"seeds": "terms.txt", "reference": "terms.txt", "background": "news.txt", "discover cohesion": "news.txt"}
    files |= {"sweep": "grid.yaml", "compare": "done/manifest.json", "manifest": ""}
    for name, use in USES.items():
        if files[name]:  # to repeat a run needs a whole one
            assert ends_well(termmine, texts, *use(files[name])) == 0, name
    usable = ["BOM inside", "two BOMs", "NULs in text", "right to left", "zero width", "astral", "other line ends"]
    for name in usable:
        (texts / "odd.txt").write_bytes(BYTES[name])
        for use in ("discover", "segment", "domain"):
            assert ends_well(termmine, texts, *USES[use]("odd.txt")) == 0, (name, use)


# --- places ----------------------------------------------------------------------------------------------


def make_places(folder):
    (folder / "folder").mkdir()
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "folder" / "inside.txt").write_text(HAN, encoding="utf-8")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")


PLACES = [
    *("folder", "dangling", "loop", "pipe", "a.txt/b", os.devnull, "/dev/zero", "/dev/full", "/proc/self/mem"),
    *("", ".", "..", "/", "~", "[" * 50, "**/**/*", "{a,b}"),
    *(
        "-",
        "--",
        "-o",
        "--help me",
        "a.txt\n",
        "\n",
        "\t",
        "a\\b",
        "C:\\a.txt",
        "file:///a.txt",
        "http://127.0.0.1:9/a",
    ),
    *("\udcff\udcfe", "\u202e", "\u200b", "a.txt\u200b", "$(touch x)", "`touch x`", "a;b", "%s%n", "{0}", "\x1b[31m"),
]


LONG_PLACES = ["a" * 300, "蜂" * 100, "*" * 300]


@pytest.mark.parametrize("place", [*PLACES, *LONG_PLACES], ids=ascii)
def test_odd_places(termmine, texts, place):
    make_places(texts)
    for use in USES.values():
        ends_well(termmine, texts, *use(place))
    ends_well(termmine, texts, "discover", "--counts", place, "-o", "w.csv")
    ends_well(termmine, texts, "data", "get", place)
    ends_well(termmine, texts, "segment", "--words", "words.csv", "a.txt", "-o", place)
    ends_well(termmine, texts, "run", "--domain", "a.txt", "--background", "news.txt", "--out", place)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", WHOLE)
def test_a_pipe_keeps_nobody_waiting(termmine, texts, name):
    """One that is refused is refused as what has no end, such as /dev/zero, which would fill the memory."""
    make_places(texts)
    assert ends_well(termmine, texts, *USES[name]("pipe"), seconds=3) == 2


NAMES = [
    "a b.txt",
    " .txt",
    "a\nb.txt",
    "\"'.txt",
    "-o.txt",
    "--words",
    "*.txt",
    "[a].txt",
    "%s{0}.txt",
    "蜂\u202e.txt",
]
NAMES += ["\ud83d\ude00.txt".encode("utf-16", "surrogatepass").decode("utf-16"), "n" * 250 + ".txt", "a.b.c.csv"]


def written(folder, name, content):
    """A file of that name, or nothing where the system has no such names."""
    try:
        (folder / name).write_bytes(content)
    except (OSError, ValueError):
        pytest.skip("no such names here")
    return name


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_names(termmine, texts, name):
    written(texts, name, (texts / "a.txt").read_bytes())
    for path in (f"./{name}", texts / name):
        for use in ("discover", "segment", "domain", "seeds"):
            ends_well(termmine, texts, *USES[use](path))
    assert ends_well(termmine, texts, *USES["discover"](f"./{name}")) == 0
    assert ends_well(termmine, texts, "segment", "--words", "words.csv", "--", name) == 0


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text here")
def test_names_that_are_no_text(termmine, texts):
    name = written(texts, os.fsdecode(b"bad\xff\xfe.txt"), (texts / "a.txt").read_bytes())
    for use in ("discover", "segment"):
        assert ends_well(termmine, texts, *USES[use](name)) == 0
    assert termmine("discover", name, "-o", "w.csv", "--counts", "counts")[0] == 0
    assert termmine("discover", "-o", "w.csv", "--counts", "counts")[0] == 0  # the manifest can be read again
    assert ends_well(termmine, texts, "segment", "--words", "words.csv", "a.txt", "-o", os.fsdecode(b"\xff.txt")) == 0
    assert ends_well(termmine, texts, "segment", "--words", name, "a.txt") == 2


@pytest.mark.parametrize("name", ["o" * 250 + ".csv", "o" * 255, "蜂" * 83 + ".csv", "o." + "x" * 250])
def test_long_output_names(termmine, texts, name):
    assert ends_well(termmine, texts, "segment", "--words", "words.csv", "a.txt", "-o", name) == 0


# --- word lists ------------------------------------------------------------------------------------------

WORDS = {
    "no header": "蜂王,3\n",
    "header alone": "term,count\n",
    "no count": "term\n蜂王\n",
    "no term": "count\n3\n",
    "upper case": "TERM,COUNT\n蜂王,3\n",
    "text for a count": "term,count\n蜂王,many\n",
    "no number": "term,count\n蜂王,\n",
    "nan": "term,count\n蜂王,nan\n工蜂,1\n",
    "inf": "term,count\n蜂王,inf\n",
    "negative": "term,count\n蜂王,-3\n",
    "zero": "term,count\n蜂王,0\n",
    "above int64": f"term,count\n蜂王,{2**63}\n工蜂,{2**64 - 1}\n",
    "sum above int64": f"term,count\n蜂王,{2**63 - 1}\n工蜂,{2**63 - 1}\n",
    "above float": f"term,count\n蜂王,{10**400}\n",
    "sum above float": "term,count\n蜂王,1e308\n工蜂,1e308\n",
    "5,000 digits": f"term,count\n蜂王,{'9' * 5_000}\n",
    "tiny": "term,count\n蜂王,1e-320\n工蜂,1e300\n",
    "twice": "term,count\n蜂王,3\n蜂王,4\n",
    "two columns of one name": "term,count,count,term\n蜂王,3,4,x\n",
    "empty term": 'term,count\n"",3\n',
    "line break in a term": 'term,count\n"蜂\n王",3\n',
    "carriage return in a term": 'term,count\n"蜂\r王",3\n',
    "NUL in a term": "term,count\n蜂\0王,3\n",
    "more cells": "term,count\n蜂王,3,4,5,6\n工蜂,3\n",
    "fewer cells": "term,count\n蜂王\n",
    "open quote": 'term,count\n"蜂王,3\n工蜂,2\n',
    "only commas": ",,,\n,,,\n",
    "semicolons": "term;count\n蜂王;3\n",
    "long term": f"term,count\n{'蜂' * 200_000},3\n蜂王,2\n",
    "10,000 columns": "term,count" + ",x" * 10_000 + "\n蜂王,3" + ",1" * 10_000 + "\n",
    "odd numbers": "term,count\n蜂王,0x10\n工蜂,1_000\n的,１２\n",
    "booleans": "term,count\n蜂王,True\n工蜂,True\n",
    "learned, without numbers": "term,count,log_p,penalty\n蜂王,3,x,y\n",
    "learned, infinite": "term,count,log_p,penalty\n蜂王,3,-inf,inf\n",
    "learned, huge": "term,count,log_p,penalty\n蜂王,3,-1e308,1e308\n工蜂,1,1e308,-1e308\n",
    "learned, positive": "term,count,log_p,penalty\n蜂王,3,1e300,0\n工蜂,1,1e300,0\n",
    "learned, marks alone": "term,count,log_p,penalty\n，,3,-1,1\n\t,3,-1,1\n",
    "learned, odd": "term,count,log_p,penalty\n\x01,3,-1,1\n\x02蜂,3,-1,1\n12月,1,-1,1\n3月,1,-2,1\n𠀀,1,-1,1\n",
    "formulas": "term,count\n=1+1,3\n@蜂,2\n",
}


@pytest.mark.parametrize("content", WORDS.values(), ids=WORDS)
def test_odd_word_lists(termmine, texts, content):
    (texts / "odd.csv").write_text(content, encoding="utf-8", newline="")
    ends_well(termmine, texts, "segment", "--words", "odd.csv", "a.txt")


def column(*values, kind=None):
    import pyarrow as pa

    return pa.array(values, kind)


def badly_encoded():
    import numpy as np
    import pyarrow as pa

    offsets = pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes())
    return pa.Array.from_buffers(pa.utf8(), 2, [None, offsets, pa.py_buffer(b"\xff\xfe")])


COLUMNS = {
    "no number": lambda: {"count": column(1, None)},
    "booleans": lambda: {"count": column(True, True)},
    "texts": lambda: {"count": column("1", "2")},
    "lists": lambda: {"count": column([1], [2])},
    "dictionary": lambda: {"count": column(1, 2).dictionary_encode()},
    "sum above int64": lambda: {"count": column(2**62, 2**62)},
    "sum above float": lambda: {"count": column(1e308, 1e308)},
    "terms that are no text": lambda: {"term": column(1, 2)},
    "terms that are lists": lambda: {"term": column(["a"], ["b"])},
    "no term": lambda: {"term": column("a", None)},
    "bytes": lambda: {"term": column(b"\xff", b"b")},
    "no UTF-8": lambda: {"term": badly_encoded()},
    "learned, lists": lambda: {"log_p": column([1], [2]), "penalty": column({"a": 1}, {"a": 2})},
    "learned, nothing": lambda: {"log_p": column(None, None), "penalty": column(None, None)},
}


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_odd_columns(termmine, texts, columns):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"term": column("蜂王", "工蜂"), "count": column(3, 2)} | columns())
    parquet.write_table(table, texts / "odd.parquet")
    ends_well(termmine, texts, "segment", "--words", "odd.parquet", "a.txt")


# --- rules -----------------------------------------------------------------------------------------------

RULES = {
    "list": "[]",
    "number": "1e999",
    "text": '"' + "x" * 100_000 + '"',
    "null": "null",
    "deep lists": "[" * 100_000,
    "deep objects": '{"min_length":' * 100_000,
    "torn": '{"min_length": 2, "conta',
    "unknown": '{"\\u202e' + "x" * 100_000 + '": 1}',
    "twice": '{"min_length": 2, "min_length": "x"}',
    "huge": '{"min_length": ' + "9" * 4_000 + "}",
    "too huge": '{"min_length": ' + "9" * 5_000 + "}",
    "NaN": '{"min_length": NaN}',
    "half a surrogate pair": '{"contains_none_of": ["\\ud800"], "not_only_characters_of": "\\udfff"}',
    "half of one as a name": '{"\\ud800": 1}',
    "empty parts": '{"contains_none_of": [""], "first_two_not_in": [""], "first_character_not_in": ""}',
    "patterns": '{"contains_none_of": ["(", "[", "(a+)+$", "\\\\"], "contains_no_character_of": "[]^-\\\\"}',
    "many parts": json.dumps({"contains_none_of": [str(i) for i in range(20_000)]}),
    "nested value": '{"contains_none_of": [["的"]]}',
    "objects": '{"contains_none_of": {"的": 1}}',
    "trailing": '{"min_length": 2} {}',
    "comments": '{"min_length": 2} // two',
}


@pytest.mark.parametrize("content", RULES.values(), ids=RULES)
def test_odd_rules(termmine, texts, content):
    (texts / "odd.json").write_text(content, encoding="utf-8")
    ends_well(termmine, texts, *USES["rules"]("odd.json"))


# --- parameters ------------------------------------------------------------------------------------------

# a value of 9^9 letters
LAUGHS = "[&a [x,x,x,x,x,x,x,x,x]" + "".join(
    f", &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
VALUES = {
    "deep lists": "[" * 1_500,
    "deep and closed": "[" * 3_000 + "]" * 3_000,
    "billion laughs": LAUGHS + "]",
    "itself": "&a [*a]",
    "itself in a table": "&a {2: *a}",
    "object": "!!python/object:os.system {}",
    "call": "!!python/object/apply:os.system ['touch called']",
    "name": "!!python/name:os.system",
    "unknown tag": "!蜂王 x",
    "bytes": "!!binary aGVsbG8=",
    "no bytes": "!!binary ä",
    "set": "!!set {a, b}",
    "pairs": "!!pairs [a: b]",
    "date": "2026-11-21",
    "no date": "2026-99-99",
    "time": "2026-11-21T25:61:61Z",
    "sexagesimal": "190:20:30",
    "400 digits": "9" * 400,
    "5,000 digits": "9" * 5_000,
    "negative 400 digits": "-" + "9" * 400,
    "5,000 hexadecimal digits": "0x" + "f" * 5_000,
    "float beyond": "1e999",
    "nan": ".nan",
    "inf": ".inf",
    "negative inf": "-.inf",
    "as text nan": "nan",
    "as text inf": "-Infinity",
    "null": "null",
    "nothing": "",
    "long text": "x" * 200_000,
    "control characters": "\x1b[31m\x07\x00",
    "half a surrogate pair": "\udcff",
    "escaped half": '"\\ud800"',
    "two documents": "--- 1\n--- 2",
    "tab": "\t",
    "open quote": '"',
    "merge": "{<<: 1}",
    "list for a key": "{[1]: 2}",
    "table for a key": "? {a: 1}\n: 2",
    "code": "__import__('os').system('touch called')",
    "braces": "{{蜂王}}",
    "markup": "</script><script>alert(1)</script>",
    "lengths": "{2: 1, 3: .inf, 4: 1}",
    "huge lengths": "{2: 1, 3: " + "9" * 400 + ", 4: 1}",
    "odd lengths": "{'２': 1, '³': 2, -4: 3}",
    "texts": "{2: a, 3: b, 4: c}",
    "list of texts": "[半导体, 'x']",
    "true": "true",
    "-1": "-1",
    "0": "0",
    "2**31": str(2**31),
    "2**63": str(2**63),
    "tiny": "1e-320",
}


@pytest.fixture
def every_parameter():
    return [f"{stage}.{name}" for stage, values in presets.read_preset("best").items() for name in values]


@pytest.mark.parametrize("value", sorted(VALUES))
def test_odd_values(termmine, texts, every_parameter, value):
    seconds = 3 if value == "billion laughs" else PATIENCE
    names = every_parameter[:5] if value.startswith("deep") else every_parameter  # half a second each
    value = VALUES[value].replace("\0", "")  # no argument holds one
    for name in names:
        ends_well(termmine, texts, "run", "--domain", "a.txt", *OWN, "-p", f"{name}={value}", seconds=seconds)
        stage, _, key = name.partition(".")
        if stage == "discovery":
            for method in ("pmi", "cohesion", "em"):
                arguments = ("--method", method, "-p", f"{key}={value}")
                ends_well(termmine, texts, "discover", "a.txt", "-o", "w.csv", *arguments)
    assert not (texts / "called").exists()


GRIDS = {
    "parameters": "data: sample\nparameters: {expansion.pool: VALUE}",
    "data": "data: VALUE",
    "preset": "data: sample\npreset: VALUE",
    "presets": "data: sample\npresets: {mine: VALUE}",
    "repeats": "data: sample\nrepeats: VALUE",
    "range": "data: sample\nparameters: {expansion.pool: {from: VALUE, to: VALUE, steps: 2}}",
    "all": "VALUE",
}
USED_AS_THEY_ARE = ("bytes", "set", "sexagesimal", "true", "tiny", "list of texts")  # some grids of them take seconds


@pytest.mark.parametrize("value", sorted(set(VALUES) - set(USED_AS_THEY_ARE)))
def test_odd_values_in_a_grid(termmine, texts, value):
    for grid in GRIDS.values():
        (texts / "odd.yaml").write_bytes(grid.replace("VALUE", VALUES[value]).encode("utf-8", "surrogatepass"))
        ends_well(termmine, texts, *USES["sweep"]("odd.yaml"), seconds=3 if value == "billion laughs" else PATIENCE)
    assert not (texts / "called").exists()


@pytest.mark.parametrize(
    "text", ["", "=", "=1", ".=1", "..=1", "discovery.=1", "discovery.min_count", "a.b.c=1", "\n=1", "x" * 999]
)
def test_odd_assignments(termmine, texts, text):
    assert ends_well(termmine, texts, "run", "--domain", "a.txt", *OWN, "-p", text) == 2
    assert ends_well(termmine, texts, "discover", "a.txt", "-o", "w.csv", "-p", text) == 2


# --- folders of counts and of runs -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted(tmp_path_factory, lines):
    """A folder of counts."""
    folder = tmp_path_factory.mktemp("counted")
    (folder / "first.txt").write_text("\n".join(lines[:20]), encoding="utf-8")
    store.extend(folder / "counts", corpus.read_lines(folder / "first.txt"))
    return folder / "counts"


def torn(data):
    """Ways in which a file is cut, emptied, turned and exchanged."""
    middle = len(data) // 2
    yield from (b"", data[:1], data[:middle], data[:-1], data[middle:], data + data, b"\0" * len(data), NOISE)
    yield data[:middle] + bytes([data[middle] ^ 0x55]) + data[middle + 1 :]
    yield data[:-9] + b"\xff" + data[-8:]


@pytest.mark.parametrize(
    "name", ["manifest.json", *(f"added-0001/{part}.parquet" for part in ("text", "counts-1", "counts-3"))]
)
def test_torn_counts(termmine, texts, counted, name):
    shutil.copytree(counted, texts / "counts")
    whole = (counted / name).read_bytes()
    for content in torn(whole):
        (texts / "counts" / name).write_bytes(content)
        for method in ("pmi", "cohesion"):
            ends_well(termmine, texts, "discover", "--counts", "counts", "--method", method, "-o", "w.csv")
    (texts / "counts" / name).unlink()
    assert ends_well(termmine, texts, "discover", "--counts", "counts", "-o", "w.csv") == 2


MANIFESTS = [
    "[" * 100_000, "null", "{}", '{"format": "termmine counts"}',
    '{"format": "termmine counts", "version": 2, "additions": {"a": 1}}',
    '{"format": "termmine counts", "version": 2, "additions": [' + "[" * 100 + "]" * 100 + "]}",
]  # fmt: skip


@pytest.mark.parametrize("content", MANIFESTS)
def test_foreign_manifests(termmine, texts, content):
    (texts / "counts").mkdir()
    (texts / "counts" / "manifest.json").write_text(content, encoding="utf-8")
    assert ends_well(termmine, texts, "discover", "--counts", "counts", "-o", "w.csv") == 2
    assert ends_well(termmine, texts, "discover", "a.txt", "--counts", "counts", "-o", "w.csv") == 2


@pytest.mark.parametrize("number", [-1, 1 << 63, 10**400, 0])
def test_impossible_numbers_of_counts(termmine, texts, counted, number):
    shutil.copytree(counted, texts / "counts")
    manifest = json.loads((counted / "manifest.json").read_text(encoding="utf-8"))
    manifest["additions"][0]["windows"]["word"] = [number] * 4
    (texts / "counts" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    for method in ("pmi", "cohesion"):
        ends_well(termmine, texts, "discover", "--counts", "counts", "--method", method, "-o", "w.csv")


@pytest.mark.parametrize(
    ("key", "count"), [(1 << 16, 1), (1 << 40, 1), ((1 << 64) - 1, 1), (0x4E00, 0), (0x4E00, -5), (0, 7)]
)
def test_impossible_counts(termmine, texts, counted, key, count):
    """Whole files with impossible content, as somebody may hand them on."""
    import pyarrow as pa
    from pyarrow import parquet

    shutil.copytree(counted, texts / "counts")
    for n in (1, 2, 3, 4):
        path = texts / "counts" / "added-0001" / f"counts-{n}.parquet"
        schema = parquet.read_schema(path)
        rows = pa.table([pa.array([key], pa.uint64()), pa.array([count], pa.int64())], schema=schema)
        with parquet.ParquetWriter(path, schema, write_page_checksum=True) as writer:
            for _ in range(64):
                writer.write_table(rows)
    for method in ("pmi", "cohesion"):
        arguments = ("discover", "--counts", "counts", "--method", method, "-o", "w.csv")
        assert ends_well(termmine, texts, *arguments) == 2
        assert "is missing or damaged" in termmine(*arguments)[2]


SHEETS = {
    "cut": "term,verdict\n蜂王,ye",
    "no verdict": "rank,term\n1,蜂王\n",
    "odd verdict": "term,verdict\n蜂王,\u202eyes\n",
    "open quote": 'term,verdict\n"蜂王,y\n',
    "NULs": "term,verdict\n蜂\0王,y\n",
    "huge numbers": f"rank,term,score,count,verdict\n{'9' * 400},蜂王,1e999,{'9' * 30},y\n",
    "5,000 digits": f"rank,term,score,count,verdict\n{'9' * 5_000},蜂王,{'9' * 5_000},1e400,y\n",
    "no numbers": "rank,term,score,count,verdict\nnan,蜂王,inf,-inf,y\n",
    "long cell": "term,verdict,note\n蜂王,y," + "x" * 200_000 + "\n",
    "many columns": "term,verdict" + ",a" * 3 + "\n蜂王,y,1,2,3\n",
}


@pytest.mark.parametrize("name", sorted(SHEETS))
def test_odd_judging_sheets(termmine, texts, name):
    (texts / "out").mkdir()
    (texts / "out" / "manifest.json").write_text("{}", encoding="utf-8")
    (texts / "out" / "judging.csv").write_text(SHEETS[name], encoding="utf-8")
    ends_well(termmine, texts, *USES["domain"]("a.txt"))


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
def test_odd_files_in_a_run_folder(termmine, texts, content):
    (texts / "out").mkdir()
    for name in ("manifest.json", "metrics.json", "terms.csv", "words.parquet"):
        (texts / "out" / name).write_bytes(content)
    ends_well(termmine, texts, *USES["domain"]("a.txt"))
    (texts / "out" / "judging.csv").write_bytes(content)
    ends_well(termmine, texts, *USES["domain"]("a.txt"))


# --- random changes of good files ------------------------------------------------------------------------


@st.composite
def changed(draw, data):
    """The bytes with a few places flipped, cut out, filled in or repeated."""
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(data)))
        end = min(begin + draw(st.integers(1, 40)), len(data))
        way = draw(st.sampled_from(["flip", "cut", "tail", "insert", "repeat", "zero"]))
        new = {
            "flip": lambda old: bytes(byte ^ 1 << 7 - byte % 8 for byte in old),
            "cut": lambda old: b"",
            "tail": lambda old: None,
            "insert": lambda old: draw(st.binary(min_size=1, max_size=8)) + old,
            "repeat": lambda old: old * draw(st.integers(2, 9)),
            "zero": lambda old: bytes(len(old)),
        }[way](data[begin:end])
        data = data[:begin] if new is None else data[:begin] + new + data[end:]
    return data


@settings(EXAMPLES, max_examples=100)
@given(data=st.data())
def test_changed_text(termmine, texts, data):
    (texts / "odd.txt").write_bytes(data.draw(changed((HAN * 3).encode())))
    for use in ("discover", "discover em", "segment", "domain", "seeds", "reference"):
        ends_well(termmine, texts, *USES[use]("odd.txt"))


@settings(EXAMPLES, max_examples=150)
@given(data=st.data())
def test_changed_words(termmine, texts, data):
    learned = "term,count,log_p,penalty\n蜂王,4,-1.5,2\n工蜂,3,-2,2\n的,2,-3,0\n"
    whole = data.draw(st.sampled_from([(texts / "words.csv").read_bytes(), learned.encode()]))
    (texts / "odd.csv").write_bytes(data.draw(changed(whole)))
    ends_well(termmine, texts, *USES["words"]("odd.csv"))


@settings(EXAMPLES, max_examples=150)
@given(data=st.data())
def test_changed_parquet(termmine, texts, data):
    if not (texts / "w.parquet").exists():
        assert termmine("discover", "a.txt", "-o", "w.parquet", "--method", "em")[0] == 0
    (texts / "odd.parquet").write_bytes(data.draw(changed((texts / "w.parquet").read_bytes())))
    ends_well(termmine, texts, *USES["words"]("odd.parquet"))


@settings(EXAMPLES, max_examples=100)
@given(data=st.data())
def test_changed_rules(termmine, texts, data):
    (texts / "odd.json").write_bytes(data.draw(changed((texts / "rules.json").read_bytes())))
    ends_well(termmine, texts, *USES["rules"]("odd.json"))


@settings(EXAMPLES, max_examples=80)
@given(data=st.data())
def test_changed_counts(termmine, texts, counted, data):
    name = data.draw(st.sampled_from(["manifest.json", "added-0001/counts-2.parquet", "added-0001/text.parquet"]))
    shutil.rmtree(texts / "counts", ignore_errors=True)
    shutil.copytree(counted, texts / "counts")
    (texts / "counts" / name).write_bytes(data.draw(changed((counted / name).read_bytes())))
    ends_well(termmine, texts, "discover", "--counts", "counts", "-o", "w.csv", "-p", "min_count=2")


@settings(EXAMPLES, max_examples=100)
@given(data=st.data())
def test_changed_sheets(termmine, texts, data):
    whole = "\ufeffrank,term,score,count,verdict,note\n1,蜂王,0.5,3,y,\n2,工蜂,0.25,2,否,先问\n".encode()
    (texts / "out").mkdir(exist_ok=True)
    (texts / "out" / "manifest.json").write_text("{}", encoding="utf-8")
    (texts / "out" / "judging.csv").write_bytes(data.draw(changed(whole)))
    ends_well(termmine, texts, *USES["domain"]("a.txt"))


@settings(EXAMPLES, max_examples=150)
@given(
    name=st.sampled_from(["discovery.min_count", "discovery.min_cohesion", "expansion.centre_words"]),
    value=st.text(max_size=20),
)
def test_any_value(termmine, texts, name, value):
    ends_well(termmine, texts, "run", "--domain", "a.txt", *OWN, "-p", f"{name}={value}")


@settings(EXAMPLES, max_examples=80)
@given(data=st.data())
def test_changed_grids(termmine, texts, data):
    whole = (
        "data: [sample]\npreset: [best]\nparameters:\n  expansion.pool: {from: 900, to: 999, steps: 2}\nrepeats: 2\n"
    )
    (texts / "odd.yaml").write_bytes(data.draw(changed(whole.encode())))
    ends_well(termmine, texts, *USES["sweep"]("odd.yaml"))


@settings(EXAMPLES, max_examples=80)
@given(data=st.data())
def test_changed_manifests(termmine, texts, data):
    (texts / "odd.json").write_bytes(data.draw(changed(MANIFEST.encode())))
    ends_well(termmine, texts, *USES["compare"]("odd.json"))


# --- processes of their own ------------------------------------------------------------------------------


def process(folder, *arguments, data=None, **environment):
    """A fresh process, which would show a traceback at its end: (status, standard output, standard error)."""
    command = [sys.executable, "-m", "termmine.cli", *map(os.fsencode, arguments)]
    settings = {"capture_output": True, "cwd": folder, "timeout": 2 * PATIENCE, "env": os.environ | environment}
    done = subprocess.run(command, input=data, **settings)
    return done.returncode, done.stdout, done.stderr.decode("utf-8")


PROCESSES = [
    (("discover", "odd.txt", "-o", "-"), "half a surrogate pair"),
    (("discover", "odd.txt", "-o", "-"), "torn gz"),
    (("segment", "--words", "odd.txt", "a.txt"), "random bytes"),
    (("segment", "--words", "words.csv", "odd.txt"), "astral"),
    (("run", "--domain", "odd.txt", "--background", "news.txt", "--out", "out"), "NULs"),
    (("run", "--domain", "a.txt", "--background", "news.txt", "--out", "out", "--rules", "odd.txt"), "gz"),
]


@pytest.mark.parametrize(("arguments", "content"), PROCESSES)
def test_fresh_processes(texts, arguments, content):
    (texts / "odd.txt").write_bytes(BYTES[content])
    before = listing(texts)
    status, _, err = process(texts, *arguments, PYTHONIOENCODING="ascii", LC_ALL="C")
    check_end(status, err)
    assert listing(texts) == before


@pytest.mark.parametrize("name", ["UTF-8 and GBK", "torn gz", "random bytes", "cut character"])
def test_standard_input(texts, name):
    status, _, err = process(texts, "segment", "--words", "words.csv", data=BYTES[name])
    check_end(status, err)
    assert status == 2 and "standard input is not UTF-8 at byte" in err


def test_standard_input_of_all_kinds_keeps_its_characters(texts):
    data = b"".join(BYTES[name] for name in ("NULs in text", "right to left", "zero width", "astral", "two BOMs"))
    status, out, err = process(texts, "segment", "--words", "words.csv", data=data, PYTHONIOENCODING="ascii")
    assert (status, err) == (0, "")
    assert out.decode("utf-8").replace(" ", "") == data.decode("utf-8").replace(" ", "")

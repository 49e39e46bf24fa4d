import csv
import io
import random
import subprocess
import sys

import pandas as pd
import pytest

from termmine import evaluation, judging
from termmine.errors import InputError

LINES = ["换一张旧巢脾。" + "蜂" * 50 + "看蜂王台" + "箱" * 50, "治螨\t用药", "巢脾和治螨"]
TERMS = pd.DataFrame(
    [
        (3, "巢脾", 0.7, 2, ""), (1, "蜂王台", 0.9, 1, ""), (2, "蜂王", 0.8, 1, ""), (4, "不在文中", 0.6, 0, ""),
        (5, "治螨", 0.5, 2, ""), (6, "旧巢", 0.4, 1, "min_length: 3"),
    ],
    columns=["rank", "term", "score", "count", "rejected_by"],
)  # fmt: skip


def sheet_of(terms, verdicts=None, notes=None):
    rank = range(1, len(terms) + 1)
    empty = [""] * len(terms)
    columns = {"rank": rank, "term": terms, "score": 0.5, "count": 3, "context": "…"}
    return pd.DataFrame(columns | {"verdict": verdicts or empty, "note": notes or empty})


# --- the sheet -------------------------------------------------------------------------------------------


def test_a_sheet_shows_the_best_unlisted_kept_terms():
    sheet = judging.make_sheet(TERMS, ["蜂王", "没有"], LINES, n=3)
    assert tuple(sheet.columns) == judging.COLUMNS
    assert sheet["term"].tolist() == ["蜂王台", "巢脾", "不在文中"]
    assert sheet["rank"].tolist() == [1, 3, 4]
    assert sheet["context"].tolist() == ["蜂" * 39 + "看【蜂王台】" + "箱" * 40, "换一张旧【巢脾】。" + "蜂" * 39, ""]
    assert (sheet[["verdict", "note"]] == "").all(axis=None)
    whole = judging.make_sheet(TERMS, [], LINES)
    assert whole["term"].tolist() == ["蜂王台", "蜂王", "巢脾", "不在文中", "治螨"]
    assert whole["context"].iloc[-1] == "【治螨】 用药"  # one line


def test_contexts_are_first_occurrences_in_any_width():
    rng = random.Random(3)
    lines = ["".join(rng.choices("蜂王台ＡA1１", k=30)) for _ in range(40)]
    terms = list(dict.fromkeys("".join(rng.choices("蜂王台A1", k=3)) for _ in range(60)))
    table = pd.DataFrame({"rank": range(len(terms)), "term": terms, "score": 0.5, "count": 1, "rejected_by": ""})
    folded = [line.replace("Ａ", "A").replace("１", "1") for line in lines]
    for row in judging.make_sheet(table, [], lines).itertuples():
        first = next((i for i, line in enumerate(folded) if row.term in line), None)
        if first is None:
            assert row.context == ""
            continue
        begin = folded[first].index(row.term)
        line = lines[first]
        assert row.context == f"{line[:begin]}【{line[begin : begin + 3]}】{line[begin + 3 :]}"


def test_what_a_sheet_needs():
    with pytest.raises(InputError, match="missing: count"):
        judging.make_sheet(TERMS.drop(columns="count"), [], LINES)
    with pytest.raises(InputError, match="must be distinct"):
        judging.make_sheet(pd.concat([TERMS, TERMS]), [], LINES)
    with pytest.raises(InputError, match="n must be 1 or more"):
        judging.make_sheet(TERMS, [], LINES, n=0)
    with pytest.raises(InputError, match="must not be a generator"):
        judging.make_sheet(TERMS, [], iter(LINES))
    for listed, lines in (("蜂王", LINES), ([], "蜂王")):
        with pytest.raises(TypeError, match="one str"):
            judging.make_sheet(TERMS, listed, lines)
    nothing = judging.make_sheet(TERMS, TERMS["term"], LINES)
    assert nothing.empty and tuple(nothing.columns) == judging.COLUMNS


# --- carrying verdicts over --------------------------------------------------------------------------------


def test_verdicts_come_along_and_none_is_lost():
    old = sheet_of(["甲", "乙", "丙", "丁", "戊"], ["是", "N", "", "", "y"], ["", "太泛", "", "问人", ""])
    new = judging.carry_verdicts(sheet_of(["己", "乙", "甲"]), old)
    assert new["term"].tolist() == ["己", "乙", "甲", "丁", "戊"]  # of 丙 nothing was said
    assert new["rank"].tolist() == [1, 2, 3, 0, 0]
    assert new["verdict"].tolist() == ["", "no", "yes", "", "yes"]
    assert new["note"].tolist() == ["", "太泛", "", "问人", ""]
    assert new["score"].tolist() == [0.5] * 5 and new["count"].tolist() == [3] * 5


def test_carrying_twice_changes_nothing_and_terms_come_back():
    old = sheet_of(["甲", "乙"], ["yes", "no"])
    sheet = sheet_of(["丙", "甲"])
    once = judging.carry_verdicts(sheet, old)
    pd.testing.assert_frame_equal(judging.carry_verdicts(once, old), once)
    pd.testing.assert_frame_equal(judging.carry_verdicts(sheet, once), once)
    back = judging.carry_verdicts(sheet_of(["乙"]), once)
    assert back[["rank", "term", "verdict"]].values.tolist() == [[1, "乙", "no"], [0, "甲", "yes"]]


def test_the_readers_own_columns_come_along():
    old = sheet_of(["甲", "乙"], ["y", ""]).assign(定义=["蜂的一种", "另一种"])
    new = judging.carry_verdicts(sheet_of(["甲", "丙"]), old)
    assert new[["term", "定义"]].values.tolist() == [["甲", "蜂的一种"], ["丙", ""], ["乙", "另一种"]]


def test_an_old_sheet_may_have_little():
    old = pd.DataFrame({"term": ["甲", "乙"], "verdict": ["y", "n"]})
    new = judging.carry_verdicts(sheet_of(["甲"]), old)
    assert new[["rank", "term", "count", "context", "verdict", "note"]].values.tolist() == [
        [1, "甲", 3, "…", "yes", ""],
        [0, "乙", 0, "", "no", ""],
    ]
    assert pd.isna(new["score"][1])
    assert judging.carry_verdicts(sheet_of([]), old)["term"].tolist() == ["甲", "乙"]
    pd.testing.assert_frame_equal(
        judging.carry_verdicts(sheet_of(["甲"]), old.head(0)), sheet_of(["甲"]), check_dtype=False
    )


def test_two_opinions_are_refused():
    with pytest.raises(InputError, match="甲: verdict is 'yes' in the old sheet and 'no' in the new"):
        judging.carry_verdicts(sheet_of(["甲"], ["n"]), sheet_of(["甲"], ["y"]))
    with pytest.raises(InputError, match="甲: note is"):
        judging.carry_verdicts(sheet_of(["甲"], notes=["a"]), sheet_of(["甲"], notes=["b"]))
    with pytest.raises(InputError, match="甲 is judged both"):
        judging.carry_verdicts(sheet_of(["甲"]), sheet_of(["甲", "甲"], ["y", "n"]))
    with pytest.raises(InputError, match="missing: verdict"):
        judging.carry_verdicts(sheet_of(["甲"]), pd.DataFrame({"term": ["甲"]}))


# --- files -------------------------------------------------------------------------------------------------

DANGEROUS = [
    "=1+1",
    "+86",
    "-5℃",
    "@蜂",
    "'=1",
    "''x",
    "'蜂",
    "＝1",
    "a,b",
    'a"b',
    "NA",
    "007",
    "蜂;王",
    "\U00020bb7蜂",
]


def test_a_sheet_comes_back_as_it_was(tmp_path):
    sheet = sheet_of(DANGEROUS, ["yes", "no"] * 7, DANGEROUS[::-1]).assign(context=DANGEROUS)
    judging.write_sheet(sheet, tmp_path / "s.csv")
    pd.testing.assert_frame_equal(judging.read_verdicts(tmp_path / "s.csv"), sheet, check_dtype=False)


def test_no_cell_is_a_formula(tmp_path):
    judging.write_sheet(sheet_of(DANGEROUS, notes=DANGEROUS).assign(context=DANGEROUS, score=-0.5), tmp_path / "s.csv")
    data = (tmp_path / "s.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for cell in row]
    assert not [cell for cell in cells if cell[:1] in "=+-@＝＋－＠" and cell and cell != "-0.5"]
    assert "'=1+1" in cells and "-0.5" in cells  # numbers stay numbers


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_sheets_as_spreadsheets_save_them(tmp_path, encoding, separator, end):
    rows = [
        ["rank", " Term", "Score", "count", "verdict", "note"],
        ["2", "巢脾", "0.25", "1", " 是 ", "多,处;见\t"],
        ["", "", "", "", "", ""],
        ["10", "'=工蜂", "", "", "N", ""],
        ["11", " 蜂群 ", "1e-3", "7", "", ""],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    (tmp_path / "s.csv").write_bytes(text.getvalue().encode(encoding))
    read = judging.read_verdicts(tmp_path / "s.csv")
    assert read.columns.tolist() == ["rank", "term", "score", "count", "verdict", "note"]
    assert read["term"].tolist() == ["巢脾", "=工蜂", "蜂群"]
    assert read["verdict"].tolist() == ["yes", "no", ""]
    assert read["rank"].tolist() == [2, 10, 11] and read["count"].tolist() == [1, 0, 7]
    assert read["score"].fillna(-1).tolist() == [0.25, -1, 0.001]
    assert read["note"][0] == "多,处;见\t"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        *((word, "yes") for word in ("yes", "YES", " Yes ", "y", "Y", "1", "１", "是", "对", "Ｙ", "y\u3000")),
        *((word, "no") for word in ("no", "No", "n", "0", "否", "错", "N O")),
        *((word, "") for word in ("", "  ", "\u3000")),
    ],
)
def test_every_way_to_say_yes_and_no(tmp_path, typed, verdict):
    path = write(tmp_path / "v.csv", f"term,verdict\n巢脾,{typed}\n")
    assert judging.read_verdicts(path).values.tolist() == [["巢脾", verdict]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("term,verdict\n甲,y\n\n乙,maybe\n", r"row 4 \(乙\): the verdict must be one of yes, y, 1.*got 'maybe'"),
        ("term,verdict\n甲,TRUE\n", r"row 2 \(甲\)"),
        ("term,verdict\n甲,y\n乙,\n甲,否\n", "甲 is judged both yes and no"),
        ("term,verdict\n ,y\n", "row 2 has no term"),
        ("word,verdict\n甲,y\n", "missing: term"),
        ("甲\n乙\n", "missing: term, verdict"),
        ("term,verdict,verdict\n甲,y,\n", "two columns named verdict"),
        ("term,verdict\n甲,y,好\n", "row 2: '好' stands in a column without a name"),
        ('term,verdict\n甲,"' + "y" * 200_000 + '"\n', "is no table"),
    ],
)
def test_what_a_sheet_may_not_hold(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        judging.read_verdicts(write(tmp_path / "v.csv", text))


def test_files_that_are_no_sheets(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        judging.read_verdicts(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is empty"):
        judging.read_verdicts(write(tmp_path / "empty.csv", ""))
    (tmp_path / "binary.csv").write_bytes(b"term,verdict\n\xff\xff\x80")
    with pytest.raises(InputError, match="neither UTF-8 nor GB18030"):
        judging.read_verdicts(tmp_path / "binary.csv")


def test_rows_of_one_term_are_put_together(tmp_path):
    path = write(tmp_path / "v.csv", "rank,term,verdict,note\n1,甲,,先问\n2,乙,n,\n3,甲,Y,先问\n4,甲,是,再问\n")
    assert judging.read_verdicts(path).values.tolist() == [[1, "甲", "yes", "先问; 再问"], [2, "乙", "no", ""]]


def test_unnamed_empty_columns_and_blank_rows_are_left_out(tmp_path):
    path = write(tmp_path / "v.csv", "term,,verdict,,\n甲,,y,,\n,,,,\n乙,,,,\n")
    assert judging.read_verdicts(path).values.tolist() == [["甲", "yes"], ["乙", ""]]
    assert judging.read_verdicts(write(tmp_path / "w.csv", "term,verdict\n")).empty


def test_a_decimal_comma_is_read(tmp_path):
    path = write(tmp_path / "v.csv", "term;score;count;verdict\n甲;0,996813;2.075;1\n")
    assert judging.read_verdicts(path).values.tolist() == [["甲", 0.996813, 2075, "yes"]]


def test_the_whole_way_round(tmp_path):
    sheet = judging.make_sheet(TERMS, ["蜂王"], LINES, n=3)
    judging.write_sheet(sheet, tmp_path / "s.csv")
    context = sheet["context"][1]
    text = (tmp_path / "s.csv").read_text(encoding="utf-8-sig").replace(f"{context},", f"{context},对")
    (tmp_path / "s.csv").write_bytes(text.encode("gb18030"))
    again = judging.carry_verdicts(sheet, judging.read_verdicts(tmp_path / "s.csv"))
    pd.testing.assert_frame_equal(again, sheet.assign(verdict=["", "yes", ""]), check_dtype=False)


# --- what the verdicts are worth -----------------------------------------------------------------------------


RANKED = ["甲", "乙", "丙", "丁", "戊", "己"]
VERDICTS = pd.DataFrame({"term": ["乙", "丙", "己", "甲"], "verdict": ["y", "否", "yes", "no"]})


def test_corrected_precision_by_hand():
    row = judging.corrected_precision(RANKED, ["甲", "戊"], VERDICTS, 5).iloc[0]
    # listed 甲 戊, unlisted 乙 丙 丁, judged 乙 丙, accepted 乙: (2 + 3 · 1/2) / 5
    assert row[["k", "precision_listed", "unlisted", "judged", "accepted"]].tolist() == [5, 0.4, 3, 2, 1]
    low, high = evaluation.wilson(1, 2)
    assert row[["precision_corrected", "low", "high"]].tolist() == pytest.approx(
        [0.7, (2 + 3 * low) / 5, (2 + 3 * high) / 5]
    )


def test_all_judged_is_the_precision_against_both():
    row = judging.corrected_precision(RANKED[:3], ["甲"], VERDICTS, 3).iloc[0]
    assert row["judged"] == row["unlisted"] == 2
    assert row["precision_corrected"] == evaluation.precision_at_k(RANKED, ["甲", "乙"], 3)
    assert row["low"] < row["precision_corrected"] < row["high"]


def test_a_short_list_misses_the_rest():
    row = judging.corrected_precision(["甲", "乙"], ["甲"], VERDICTS, 10).iloc[0]
    assert row[["precision_listed", "unlisted", "precision_corrected"]].tolist() == pytest.approx([0.1, 1, 0.2])
    assert row["high"] == pytest.approx(0.2)


def test_nothing_unlisted_needs_no_verdict():
    row = judging.corrected_precision(["甲", "乙"], ["甲", "乙"], VERDICTS.head(0), 2).iloc[0]
    assert row[["precision_listed", "judged", "precision_corrected", "low", "high"]].tolist() == [1, 0, 1, 1, 1]


def test_what_correcting_needs():
    with pytest.raises(InputError, match="none of the 1 unlisted terms among the first 1 is judged"):
        judging.corrected_precision(["丁", "乙"], ["甲"], VERDICTS, 1)
    with pytest.raises(InputError, match="k must be 1 or more"):
        judging.corrected_precision(RANKED, ["甲"], VERDICTS, 0)
    with pytest.raises(InputError, match="乙 is judged both"):
        both = pd.concat([VERDICTS, VERDICTS.assign(verdict="n")])
        judging.corrected_precision(RANKED, ["甲"], both, 2)
    with pytest.raises(InputError, match="missing: verdict"):
        judging.corrected_precision(RANKED, ["甲"], VERDICTS[["term"]], 2)
    with pytest.raises(InputError, match="must be distinct"):
        judging.corrected_precision(["甲", "甲"], ["甲"], VERDICTS, 2)
    with pytest.raises(TypeError, match="one str"):
        judging.corrected_precision(RANKED, "甲", VERDICTS, 2)


def test_verdicts_tell_without_a_reference():
    verdicts = pd.DataFrame({"term": ["甲", "乙"], "verdict": ["yes", "no"]})
    row = judging.corrected_precision(["甲", "乙"], [], verdicts, 2).iloc[0]
    assert (row["precision_listed"], row["precision_corrected"]) == (0, 0.5)


def test_importing_the_rooms_stays_light():
    heavy = "{'sklearn', 'matplotlib', 'gensim', 'papermill'}"
    code = f"import sys; from termmine import evaluation, judging; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

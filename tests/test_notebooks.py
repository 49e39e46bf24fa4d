import ast
import builtins
import json
import re
import shutil
import statistics
from itertools import pairwise
from pathlib import Path, PurePosixPath, PureWindowsPath

import nbformat
import papermill
import pytest
from nbclient import NotebookClient

from termmine import kernels, presets, stages, teaching

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXERCISES = [f"exercise-{number}{part}" for number in ("one", "two", "three") for part in ("", "-solution", "-check")]
# Where the first cell of each part stands; others may stand between them.
ANATOMY = [
    *("title", "imports", "about-parameters", "parameters", "load", "by-hand", "call", "table", "fig-", "failures"),
    *("about-exercises", *EXERCISES, "save", "summary"),
]
# The Chinese name that must stand right behind the English one, besides others.
CONCEPTS = {
    "00_quickstart": {"weirdness": "相对频率比", "termhood": "术语度", "rules": "过滤规则"},
    "01_discovery": {"pmi": "互信息", "cohesion": "凝固度", "boundary entropy": "左右熵"},
    "02_contrast": {"smoothed ratio": "平滑比值", "weirdness": "相对频率比", "termhood": "术语度"},
    "03_embedding": {"embedding": "词向量", "cosine": "余弦", "negative sampling": "负采样"},
    "04_expansion": {"seed words": "种子词", "rules": "过滤规则", "known terms": "已知术语"},
    "05_evaluation": {
        "precision": "精确率",
        "recall": "召回率",
        "average precision": "平均精确率",
        "silver list": "银标准",
    },
    "06_sweep": {"sweep": "参数扫描", "grid": "网格", "random states": "随机种子"},
}
# What the same concepts are called elsewhere; a reader meets one name.
OTHER_NAMES = ("准确率", "点互信息", "边界熵")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def sources(path, kind="code"):
    """id → source of a notebook's cells of a kind."""
    return {cell.id: cell.source for cell in read(path).cells if cell.cell_type == kind}


def parse(source):
    """A cell's code, without the lines that are IPython's."""
    return ast.parse("\n".join(line for line in source.splitlines() if not line.startswith("%")))


def names(source, context):
    """The names that a cell loads or stores."""
    nodes = list(ast.walk(parse(source)))
    found = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}
    if context is ast.Store:
        found |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        found |= {a.asname or a.name for n in nodes if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
    return found


def answer(check):
    """The name that a check looks for."""
    found = {
        node.left.value
        for node in ast.walk(parse(check))
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant) and isinstance(node.ops[0], ast.In)
        if ast.unparse(node.comparators[0]) == "globals()"
    }
    assert len(found) == 1, f'a check begins with if "NAME" in globals(): one NAME, got {sorted(found)}'
    return found.pop()


def exercises(path):
    """(question, answer's name, id of the solution, id of the check) of each exercise."""
    text, code = sources(path, "markdown"), sources(path)
    for number in ("one", "two", "three"):
        name = f"exercise-{number}"
        yield text[name], answer(code[f"{name}-check"]), f"{name}-solution", f"{name}-check"


# --- which there are, and how they are committed -------------------------------------------------------------


def test_there_is_one_notebook_a_stage_one_before_and_one_after():
    assert [path.stem for path in NOTEBOOKS] == ["00_quickstart", *presets.NOTEBOOKS.values(), "06_sweep"]


@each_notebook
def test_notebook_is_committed_clean(path):
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code), "clear the outputs before committing"
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}, "widgets' states are outputs too"
    tags = {tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    assert tags == {"parameters", "solution"}


# --- parameters ----------------------------------------------------------------------------------------------


@each_notebook
def test_the_parameters_are_one_cell_explained_line_by_line(path):
    tagged = [cell.id for cell in read(path).cells if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == ["parameters"]
    source = sources(path)["parameters"]
    for line in source.splitlines():
        assert re.match(r"\w+: \w+ = .+  # .+", line), line
    declared = {node.target.id: ast.literal_eval(node.value) for node in ast.parse(source).body}
    listed = papermill.inspect_notebook(path)  # which passes over what it cannot read
    assert {name: ast.literal_eval(entry["default"]) for name, entry in listed.items()} == declared
    assert all(entry["help"] for entry in listed.values())


def test_the_best_preset_is_what_the_notebooks_default_to():
    preset = presets.read_preset("best")
    for stage in presets.NOTEBOOKS:
        defaults = kernels.declared_parameters(stage)
        own = {name: value for name, value in defaults.items() if name not in {*stages.ROLES, "out_dir"}}
        assert json.loads(json.dumps(own)) == preset[stage]


def test_the_presets_set_the_same_parameters():
    best, classic = presets.read_preset("best"), presets.read_preset("classic")
    assert {stage: list(values) for stage, values in best.items()} == {s: list(values) for s, values in classic.items()}
    for name in presets.PRESETS:
        presets.check_parameters(presets.read_preset(name))


# --- anatomy -------------------------------------------------------------------------------------------------


@each_notebook
def test_notebook_has_the_anatomy_in_its_order(path):
    ids = [cell.id for cell in read(path).cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cell_id) for cell_id in ids), "cell ids are words"
    places = {part: next((i for i, name in enumerate(ids) if name.startswith(part)), -1) for part in ANATOMY}
    assert not [part for part, place in places.items() if place < 0], "parts that are missing"
    assert sorted(places, key=places.get) == ANATOMY
    assert (ids[0], ids[-1]) == ("title", "summary")
    assert places["parameters"] == places["about-parameters"] + 1
    assert [name for name in ids if name.startswith("exercise")] == EXERCISES
    assert ids[places["about-exercises"] :][1:10] == EXERCISES, "nothing stands between the exercises"


@each_notebook
def test_the_parts_are_what_they_are_called(path):
    kinds = {cell.id: cell.cell_type for cell in read(path).cells}
    for cell_id, kind in kinds.items():
        if cell_id.split("-")[0] in ("title", "about", "see", "summary"):
            assert kind == "markdown", cell_id
        if cell_id.split("-")[0] in ("imports", "parameters", "fig", "save"):
            assert kind == "code", cell_id
    code = sources(path)
    for part in ("load", "by-hand", "call", "table", "failures"):
        assert any(name.startswith(part) for name in code), f"{part} is shown by code"
    by_hand = [source for name, source in code.items() if name.startswith("by-hand")]
    assert any("assert" in source for source in by_hand), "the package agrees with what was found by hand"


@each_notebook
def test_the_title_says_the_question_the_files_and_the_time(path):
    title = sources(path, "markdown")["title"]
    assert title.startswith("# ") and title.splitlines()[0].endswith("?")
    for row in ("reads", "writes", "takes"):
        assert re.search(rf"^\| {row} \| .+ \|$", title, re.M), f"no row {row}"
    assert re.search(r"^\| takes \| .*minute.*second", title, re.M), "minutes to read, seconds to run"


@each_notebook
def test_each_figure_is_followed_by_what_to_see(path):
    cells = read(path).cells
    figures = [(cell, following) for cell, following in pairwise(cells) if cell.id[:4] == "fig-"]
    assert figures
    for figure, following in figures:
        assert following.id == f"see-{figure.id[4:]}"
        assert "**See " in following.source, following.id
    assert sum(cell.id.startswith("see-") for cell in cells) == len(figures), "a see- without its figure"


@each_notebook
def test_cells_are_short(path):
    lines = {name: len(source.splitlines()) for name, source in sources(path).items()}
    long = {name for name, count in lines.items() if count > 15}
    assert long <= {"parameters"}, "one idea a cell; only the list of parameters may be longer"
    assert statistics.median(lines.values()) <= 4


def test_the_quickstart_is_ten_code_cells():
    code = [name for name in sources(ROOT / "notebooks" / "00_quickstart.ipynb") if not name.startswith("exercise")]
    assert len(code) == 10, code


@each_notebook
def test_chinese_names_stand_beside_the_english_ones(path):
    text = "\n".join(sources(path, "markdown").values())
    beside = set(re.findall(r"[A-Za-z)*`²?][ (（,]+([\u4e00-\u9fff]{2,})", text))
    assert len(beside) >= 6, beside
    apart = {name for english, name in CONCEPTS[path.stem].items() if not stands_beside(english, name, text)}
    assert not apart, f"not right behind its English name: {apart}"
    assert not [name for name in OTHER_NAMES if name in text]


def stands_beside(english, chinese, text):
    """Whether the Chinese name follows the English one, with no word and hardly a sign between them."""
    return re.search(rf"\b{english}\W{{1,4}}{chinese}", text, re.IGNORECASE) is not None


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        ("the **cohesion** 凝固度 of a word", True),
        ("(`cohesion`, 凝固度)", True),
        ("cohesion, or 凝固度", False),
        ("How does cohesion glue? The 凝固度", False),
        ("凝固度 is cohesion", False),
    ],
)
def test_what_stands_beside_is_near_and_behind(text, beside):
    assert stands_beside("cohesion", "凝固度", text) == beside


@each_notebook
def test_the_summary_names_sources_and_what_is_next(path):
    summary = sources(path, "markdown")["summary"]
    assert summary.startswith("## Summary")
    assert re.search(r"\*\*Sources?\*\*: ?\S", summary)
    assert re.search(r"\*\*Next\*\*: ?\S", summary)
    following = NOTEBOOKS[NOTEBOOKS.index(path) + 1].stem if path != NOTEBOOKS[-1] else ""
    assert following in summary


# --- exercises -----------------------------------------------------------------------------------------------


@each_notebook
def test_a_solution_is_tagged_and_gives_what_its_question_asks_for(path):
    code, tagged = sources(path), []
    for cell in read(path).cells:
        if "solution" in cell.metadata.get("tags", []):
            tagged.append(cell.id)
    assert tagged == [name for name in EXERCISES if name.endswith("solution")]
    found = [name for _, name, _, _ in exercises(path)]
    assert len(set(found)) == 3, "an answer a question"
    for question, name, solution, _ in exercises(path):
        assert f"`{name}`" in question, f"the question does not say that the answer is called {name}"
        assert name in names(code[solution], ast.Store), f"{solution} does not assign {name}"


@each_notebook
def test_an_answer_stands_in_its_solution_alone(path):
    code = sources(path)
    for _, name, solution, check in exercises(path):
        assert not [other for other, source in code.items() if other != solution and name in names(source, ast.Store)]
        used = {other for other, source in code.items() if name in names(source, ast.Load)}
        assert used <= {solution, check}, f"{name} is blank in a student's copy"


@each_notebook
def test_no_cell_needs_what_a_solution_assigns(path):
    code = sources(path)
    order = list(code)
    for _, _, solution, check in exercises(path):
        given = {n for node in parse(code[solution]).body for n in assigned(node)}
        for other in order[order.index(solution) + 1 :]:
            if other != check:
                needs = names(code[other], ast.Load) - names(code[other], ast.Store)
                assert not given & needs, f"{other} needs {given & needs} of {solution}"


def assigned(statement):
    """The names that a statement leaves behind; what a function or a comprehension binds stays in it."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    inner = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    found, waiting = set(), [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, inner)]
    return found


@each_notebook
def test_a_check_gives_a_hint_and_says_when_the_answer_is_right(path):
    code = sources(path)
    for _, name, _, check in exercises(path):
        nodes = list(ast.walk(parse(code[check])))
        asserts = [node for node in nodes if isinstance(node, ast.Assert)]
        assert asserts and all(node.msg is not None for node in asserts), f"{check}: an assert without a hint"
        assert 'print("Right.")' in code[check]
        guarded = [node for node in nodes if isinstance(node, ast.If) and f"'{name}' in globals()" in ast.unparse(node)]
        inside = {id(node) for guard in guarded for node in ast.walk(guard)}
        assert all(id(node) in inside for node in asserts), f"{check} must pass unanswered"


def tells(node, answer):
    """Whether a node holds an answer against what anybody can read: letters or numbers, and nothing computed."""
    if isinstance(node, ast.Compare) and not all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
        sides = [node.left, *node.comparators]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("isclose", "is_number", "get"):
        sides = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
    else:
        return False
    used = [{n.id for n in ast.walk(side) if isinstance(n, ast.Name)} - set(dir(builtins)) for side in sides]
    return any(answer in found for found in used) and not all(used)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ('assert why == "b"', True),
        ('assert "b" == str(why).strip()', True),
        ('assert why in ("b", "B")', True),
        ('assert {"a": False, "b": True}.get(why)', True),
        ("assert abs(why - 0.5) < 0.01", True),
        ("assert math.isclose(why, 1 / 2)", True),
        ("assert teaching.is_number(why, 0.5)", True),
        ("assert teaching.is_number(why, expected)", False),
        ("assert why is not None and why == len(found)", False),
        ('assert "why" in globals()', False),
        ('assert teaching.is_letter(why, "why", "0f3a22c1")', False),
    ],
)
def test_what_tells_an_answer(source, told):
    assert any(tells(node, "why") for node in ast.walk(ast.parse(source))) == told


@each_notebook
def test_no_check_tells_its_answer(path):
    code = sources(path)
    for _, name, _, check in exercises(path):
        told = [ast.unparse(node) for node in ast.walk(parse(code[check])) if tells(node, name)]
        assert not told, f"{check}: whoever reads it knows the answer; compute it, or give its digest"


@each_notebook
def test_a_digest_is_that_of_its_solution(path):
    code = sources(path)
    for _, name, solution, check in exercises(path):
        given = {
            ast.literal_eval(node.value)
            for node in ast.walk(parse(code[solution]))
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
            if isinstance(node.value, ast.Constant)
        }
        calls = [node for node in ast.walk(parse(code[check])) if isinstance(node, ast.Call)]
        asked = [call for call in calls if ast.unparse(call.func) == "teaching.is_letter"]
        assert len(asked) == len(given), f"{check}: a letter is compared by teaching.is_letter"
        for call, letter in zip(asked, given, strict=True):
            assert ast.unparse(call.args[0]) == name and ast.literal_eval(call.args[1]) == name
            if isinstance(call.args[2], ast.Constant):  # else the check computes it from the claims
                assert call.args[2].value == teaching.digest_letter(letter, name), check


# --- what they must not do -----------------------------------------------------------------------------------


@each_notebook
def test_nothing_in_a_notebook_belongs_to_one_machine(path):
    text = "\n".join(cell.source for cell in read(path).cells)
    assert not re.search(r"(?<![\w.])/(home|root|Users|tmp|usr|var|mnt|work)/|\b[A-Z]:\\", text)
    for source in sources(path).values():
        for node in ast.walk(parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > 1:
                assert not PurePosixPath(node.value).is_absolute(), node.value
                assert not PureWindowsPath(node.value).drive, node.value


@each_notebook
def test_a_notebook_installs_nothing_and_hides_no_warning(path):
    for name, source in sources(path).items():
        magics = [line for line in source.splitlines() if line.startswith(("%", "!"))]
        assert set(magics) <= {"%matplotlib inline", '%config InlineBackend.figure_format = "retina"'}, name
        assert not re.search(r"""(filterwarnings|simplefilter)\(\s*["']ignore["']\s*\)|pip install""", source), name
        assert "import *" not in source


# --- at work -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_notebooks_run_top_to_bottom_from_their_own_folder(tmp_path):
    """As Jupyter runs them in a checkout; the files are those of the project around them."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copytree(ROOT / "data" / "sample", tmp_path / "data" / "sample")
    folder = {"metadata": {"path": tmp_path / "notebooks"}}
    for path in NOTEBOOKS[:-1]:  # test_teaching runs the sweep, which takes the longest
        NotebookClient(read(path), kernel_name="python3", resources=folder).execute()
    metrics = json.loads((tmp_path / "reports" / "sample" / "metrics.json").read_text())
    assert set(metrics) == set(presets.NOTEBOOKS)
    assert (tmp_path / "reports" / "quickstart" / "glossary.csv").exists()
    assert not (tmp_path / "notebooks" / "reports").exists()

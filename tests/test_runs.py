import csv
import json
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest

from termmine import corpus, embedding, export, judging, kernels, presets, runs, stages, widgets
from termmine.errors import InputError, NotebookError

FOLDER = [
    *(f"{name}{end}" for name in presets.NOTEBOOKS.values() for end in (".ipynb", ".html")),
    "index.html", "words.parquet", "words.csv", "background_words.parquet", "candidates.parquet", "contrast.parquet",
    "evidence.parquet", "vectors.npz", "expansion.parquet", "terms.csv", "seeds.txt", "losses.csv", "ablation.csv",
    "learning_curve.csv", "contexts.parquet", "judging.csv", "metrics.json", "manifest.json",
]  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run on the sample."""
    return run(tmp_path_factory.mktemp("run") / "sample")


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    """The same with the classic preset."""
    return run(tmp_path_factory.mktemp("run") / "classic", preset="classic")


# Leaves out what only shows and measures.
QUICK = {"embedding": {"compare_documents": 0}, "expansion": {"curve_draws": 0}, "evaluation": {"samples": 0}}


def run(out, fresh=False, on_message=None, **changes):
    from termmine import datasets

    files = datasets.get("sample")
    given = {"domain": (files.domain,), "background": (files.background,), "reference": files.reference} | changes
    job = runs.Job(name="sample", out=out, command="termmine run sample", **given)
    return runs.run(job, fresh=fresh, on_message=on_message).parent


def rerun(done, out, parameters, **changes):
    """A copy of a finished run with the notebooks of ``parameters`` executed again where they lie."""
    from termmine import datasets

    shutil.copytree(done, out)
    files = datasets.get("sample")
    given = {"domain": (files.domain,), "background": (files.background,), "reference": files.reference} | changes
    for task in runs.plan(runs.Job(name="sample", out=out, parameters=parameters, **given)):
        if task.stage in parameters:
            values = dict(task.parameters) | stages.path_values(task.inputs, task.stage)
            kernels.execute(task.stage, values, out / task.notebook)
    return out


pytestmark = pytest.mark.slow


def test_the_folder_is_complete(done):
    assert sorted(path.name for path in done.iterdir() if path.name != ".lock") == sorted(FOLDER)


def test_terms_csv_has_the_agreed_columns(done):
    with open(done / "terms.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    head = ["rank", "term", "score", "count", "doc_freq", "background_count"]
    assert list(rows[0])[:6] == head and list(rows[0])[-1] == "rejected_by"
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    kept = [row for row in rows if not row["rejected_by"]]
    assert rows[: len(kept)] == kept, "kept terms come first"
    scores = [float(row["score"]) for row in kept]
    assert scores == sorted(scores, reverse=True)
    text = "\n".join(corpus.read_lines(Path(__file__).parents[1] / "data" / "sample" / "domain.txt"))
    for row in kept:
        assert len(row["term"]) >= 2 and re.search("[\u4e00-\u9fa5]", row["term"])
        assert int(row["count"]) >= int(row["doc_freq"]) >= 1
        assert int(row["count"]) >= text.count(row["term"])


def scores(folder, stage="evaluation"):
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))[stage]


def kept_terms(folder):
    terms = export.read_frame(folder / "terms.csv")
    return terms.loc[terms["rejected_by"] == "", "term"].tolist()


def test_the_best_chain_finds_the_field(done):
    reference = set(corpus.read_terms(Path(__file__).parents[1] / "data" / "sample" / "reference.txt"))
    top = kept_terms(done)[:50]
    assert len(reference & set(top)) >= 35, top
    assert scores(done)["average_precision"] > 0.65
    assert scores(done)["attested_recall"] > 0.95


def test_the_classic_chain_finds_the_field(classic, done):
    reference = set(corpus.read_terms(Path(__file__).parents[1] / "data" / "sample" / "reference.txt"))
    top = kept_terms(classic)[:50]
    assert len(reference & set(top)) >= 30, top
    assert all(len(term) >= 3 for term in top)
    assert 0.25 < scores(classic)["average_precision"] < scores(done)["average_precision"] / 1.5
    assert scores(classic)["attested_recall"] > 0.4
    terms = export.read_frame(classic / "terms.csv")
    assert {"hop", "parent", "similarity"} <= set(terms) and "cohesion" not in terms


def test_without_a_seed_list_the_best_preset_has_no_seeds(done):
    assert (done / "seeds.txt").read_text() == ""
    assert len(export.read_frame(done / "losses.csv")) == scores(done)["reference_terms"] == 128


def test_seeds_are_not_scored(classic):
    seeds = corpus.read_terms(classic / "seeds.txt")
    losses = export.read_frame(classic / "losses.csv")
    assert len(seeds) == 50
    assert not set(seeds) & set(losses["term"])
    metrics = scores(classic)
    assert metrics["reference_terms"] == len(losses)
    assert sum(n for name, n in metrics.items() if name in {
        "reference_not_in_the_corpus", "reference_not_a_candidate", "reference_rejected", "reference_ranked_low",
        "reference_found"}) == len(losses)  # fmt: skip


def test_each_part_adds_to_the_floors(done):
    value = export.read_frame(done / "ablation.csv").rename(columns={"order": "term"})
    value = dict(zip(value["term"], value["average_precision"], strict=True))
    assert value["random"] < value["frequency"] < value["termhood"]
    assert {"TF-IDF", "log ratio", "termhood without neighbours", "termhood with rules", "final list"} <= set(value)


def test_the_learning_curve_is_drawn_from_the_reference(done):
    curve = export.read_frame(done / "learning_curve.csv").rename(columns={"method": "term"})
    assert set(curve["term"]) == {"without seeds", "pu", "centroid", "ensemble", "walk"}
    assert sorted(set(curve["seeds"])) == [20] and sorted(set(curve["draw"])) == [0, 1, 2]


def test_no_reference_term_influences_the_list(done, tmp_path, sample):
    scrambled = [line[::-1] for line in corpus.read_lines(sample / "reference.txt")]
    (tmp_path / "scrambled.txt").write_text("\n".join([*scrambled, "天气", "医院"]), encoding="utf-8")
    out = run(tmp_path / "out", reference=tmp_path / "scrambled.txt")
    assert (out / "terms.csv").read_bytes() == (done / "terms.csv").read_bytes()
    assert (out / "expansion.parquet").read_bytes() == (done / "expansion.parquet").read_bytes()
    assert scores(out)["average_precision"] != scores(done)["average_precision"]


def test_seeds_pull_the_list_and_stay_in_it(done, tmp_path, sample):
    seeds = ["蜂王", "工蜂", "雄蜂", "分蜂", "这种", "不在文中的词"]
    (tmp_path / "seeds.txt").write_text("\n".join(seeds), encoding="utf-8")
    quick = {stage: QUICK[stage] for stage in ("expansion", "evaluation")}
    out = rerun(done, tmp_path / "out", quick, seeds=tmp_path / "seeds.txt")
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["expansion"]
    assert metrics["missing_seeds"] >= 1 and metrics["seeds"] >= 4
    assert {"蜂王", "工蜂"} <= set(kept_terms(out))
    assert kept_terms(out) != kept_terms(done)
    assert export.read_frame(out / "terms.csv")["similarity"].notna().any()


def test_the_command_names_absent_seeds_and_needs_one(tmp_path, termmine, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seeds.txt").write_text("蜂王\n工蜂\n不在文中的词\n", encoding="utf-8")
    status, out, err = termmine("run", "sample", "--seeds", "seeds.txt", "-p", "expansion.curve_draws=0")
    assert status == 0 and "terms kept" in out and "2 seeds not scored" in out
    assert "seeds left out, since they are no candidates or have no vector: 不在文中的词" in err
    (tmp_path / "seeds.txt").write_text("蜂群由\n", encoding="utf-8")
    status, _, err = termmine("run", "sample", "--seeds", "seeds.txt")
    assert status == 2 and "1 of 1 seeds have no vector or are no candidates: 蜂群由" in err.splitlines()[-1]


def test_a_wrong_verdict_is_told_before_anything_is_written(done, tmp_path):
    out = rerun(done, tmp_path / "out", {})
    sheet = (out / "judging.csv").read_text(encoding="utf-8-sig").splitlines()
    sheet[1] = sheet[1].rstrip(",") + ",maybe,"
    (out / "judging.csv").write_text("\n".join(sheet), encoding="utf-8")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(InputError, match=r"judging\.csv"):
        run(out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_what_a_user_clicked_is_kept_and_corrects_the_precision(done, tmp_path):
    out = rerun(done, tmp_path / "out", {})
    sheet = judging.read_verdicts(out / "judging.csv")
    assert len(sheet) == 200 and not set(sheet["term"]) & set(export.read_frame(out / "losses.csv")["term"])
    reviewer = widgets.review_terms(sheet, out / "judging.csv")
    for verdict in ["yes", "no"] * 100:
        reviewer.judge(verdict)
    widgets.pick_seeds(["蜂王", "工蜂"], out / "my_seeds.txt").accept("工蜂")
    before = scores(out)["precision_at_100"]
    said = []
    run(out, parameters=QUICK, on_message=said.append)
    assert len(said) == 1 and said[0].startswith(f"the seeds in {out / 'my_seeds.txt'} are not used; give --seeds")
    assert (out / "my_seeds.txt").read_text(encoding="utf-8") == "工蜂\n"
    assert scores(out, "expansion")["seeds"] == 0  # a run takes seeds from its parameters alone
    assert judging.read_verdicts(out / "judging.csv")["verdict"].tolist() == ["yes", "no"] * 100
    metrics = scores(out)
    assert metrics["precision_at_100"] == before < metrics["precision_corrected_at_100"] < 1
    low, high = (metrics[f"precision_corrected_at_100_{end}"] for end in ("low", "high"))
    assert low < metrics["precision_corrected_at_100"] < high


def test_vectors_of_another_text_are_refused(done, tmp_path):
    out = rerun(done, tmp_path / "out", {})
    embedding.Vectors(("变压器", "断路器"), np.eye(2, dtype=np.float32)).save(out / "vectors.npz")
    with pytest.raises(InputError, match=r"none of the candidates has a vector: vectors\.npz belongs to another text"):
        rerun(out, tmp_path / "again", {"expansion": {}})


def test_a_text_can_be_its_own_reference(done, tmp_path, sample):
    defined = "".join(
        f"{term}是指养蜂用的一种东西。\n" for term in ("蜂王", "巢脾", "蜂箱", "工蜂", "花粉") for _ in range(3)
    )
    (tmp_path / "d.txt").write_text((sample / "domain.txt").read_text(encoding="utf-8") + defined, encoding="utf-8")
    parameters = {"evaluation": {"definitions": True, "samples": 0}}
    out = rerun(done, tmp_path / "out", parameters, domain=(tmp_path / "d.txt",), reference=None)
    assert scores(out)["attested_terms"] >= 5 and scores(out)["average_precision"] > 0.1


def test_the_manifest_tells_all(done):
    manifest = json.loads((done / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "done"
    assert set(manifest["stages"]) == set(presets.NOTEBOOKS)
    for stage in manifest["stages"].values():
        assert stage["seconds"] > 0 and stage["peak_memory_mb"] > 10
    assert set(manifest["inputs"]) == {"domain", "background", "reference", "rules"}
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in manifest["inputs"].values())
    assert manifest["preset"] == "best" and manifest["parameters"]["discovery"]["method"] == "em"


def test_pages_ask_no_server_for_anything(done):
    for page in done.glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//""", html), page
        assert "cdnjs" not in html and "unpkg" not in html, page


def test_the_index_shows_numbers_terms_figures_and_links(done):
    html = (done / "index.html").read_text(encoding="utf-8")
    terms = export.read_frame(done / "terms.csv")
    assert f">{terms['term'][0]}<" in html
    cells = [cell for path in done.glob("0*.ipynb") for cell in nbformat.read(path, as_version=4).cells]
    figures = {cell.id: [name for output in cell.outputs for name in output.get("data", {})]
               for cell in cells if cell.id.startswith("fig-")}  # fmt: skip
    not_drawn = [name for name, kinds in figures.items() if "image/png" not in kinds]
    assert not_drawn == ["fig-learning"]  # the sample has too few terms for two numbers of seeds
    drawn = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    assert html.count("data:image/png;base64,") == drawn >= len(figures) - 1
    for name in presets.NOTEBOOKS.values():
        assert f'href="{name}.html"' in html
    assert "termmine run sample" in html and "average precision" in html


def test_a_second_run_gives_the_same_bytes_whatever_the_threads_the_hash_seed_and_the_place(
    done, tmp_path, monkeypatch
):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.chdir(tmp_path)
    again = run(tmp_path / "elsewhere" / "deep", fresh=True)
    manifest = json.loads((again / "manifest.json").read_text(encoding="utf-8"))
    assert not any(stage["reused"] for stage in manifest["stages"].values())
    for name in ("terms.csv", "words.csv", "metrics.json", "losses.csv", "ablation.csv", "judging.csv", "vectors.npz"):
        assert (again / name).read_bytes() == (done / name).read_bytes(), name


def test_own_text_with_seeds_without_reference(tmp_path, sample):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("蜂王\n工蜂\n不存在的词\n", encoding="utf-8")
    lines = (sample / "domain.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    parts = (tmp_path / "1.txt", tmp_path / "2.txt")
    parts[0].write_text("".join(lines[:50]), encoding="utf-8")
    parts[1].write_text("".join(lines[50:]), encoding="utf-8")
    out = run(tmp_path / "out", domain=parts, reference=None, seeds=seeds, parameters=QUICK)
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["expansion"]["seeds"] == 2 and metrics["expansion"]["missing_seeds"] == 1
    assert "average_precision" not in metrics["evaluation"]
    said = "\n".join(
        output.text
        for name in ("04_expansion", "05_evaluation")
        for cell in nbformat.read(out / f"{name}.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )
    assert "不存在的词" in said
    assert "Nothing to score against" in said
    assert not (out / "losses.csv").exists()
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert {"domain 1", "domain 2", "seeds"} <= set(manifest["inputs"])


def test_the_other_methods_are_a_parameter_away(tmp_path):
    parameters = {
        "discovery": {"method": "cohesion", "min_count": 5, "min_cohesion": {2: 4.0, 3: 16.0, 4: 64.0}},
        "embedding": {"architecture": "cbow", "objective": "hierarchical-softmax", "compare_documents": 0},
        "expansion": {"centre_words": ["蜂王"], "negative_words": ["巢脾"], "min_term_len": 2},
    }
    out = run(tmp_path / "out", preset="classic", parameters=parameters)
    assert "工蜂" in export.read_frame(out / "terms.csv")["term"].tolist()
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8"))["evaluation"]["attested_recall"] > 0


@pytest.mark.parametrize("method", ["centroid", "ensemble", "walk"])
def test_the_ways_to_expand_are_a_parameter_away(done, tmp_path, method):
    chosen = {"method": method, "curve_draws": 0, "centre_words": ["蜂王"], "negative_words": ["巢脾"]}
    out = rerun(done, tmp_path / "out", {"expansion": chosen, "evaluation": {"samples": 0}})
    assert len(corpus.read_terms(out / "seeds.txt")) == 50
    assert export.read_frame(out / "terms.csv")["similarity"].notna().any()
    assert scores(out)["attested_recall"] > 0.5


@pytest.mark.parametrize("score", ["weirdness", "log_odds"])
def test_the_measures_are_a_parameter_away(done, tmp_path, score):
    out = rerun(done, tmp_path / "out", {"contrast": {"score": score}})
    ranked = export.read_frame(out / "contrast.parquet")
    assert ranked["score"].is_monotonic_decreasing
    assert ranked["term"].tolist() != export.read_frame(done / "contrast.parquet")["term"].tolist()


def test_words_embedded_by_fasttext(done, tmp_path):
    parameters = {
        "contrast": {"units": "words", "score": "weirdness"},
        "embedding": {"units": "words", "method": "fasttext", "epochs": 1, "compare_documents": 0},
        "expansion": {"method": "centroid"},
        "evaluation": {"samples": 0},
    }
    assert scores(rerun(done, tmp_path / "out", parameters))["attested_recall"] > 0.3


def test_a_failed_notebook_is_named_and_kept(tmp_path, termmine, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("run", "sample", "--out", "out", "-p", "expansion.centre_words=[的]")
    status, _, err = termmine(*arguments)
    assert status == 2
    assert "04_expansion.ipynb stopped at cell" in err and "none of the centre words" in err.splitlines()[-1]
    cells = nbformat.read(tmp_path / "out" / "04_expansion.ipynb", as_version=4).cells
    assert any(output.output_type == "error" for cell in cells for output in cell.get("outputs", []))
    assert not (tmp_path / "out" / "index.html").exists()
    assert (
        json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))["status"]
        == "failed in 04_expansion"
    )
    status, out, _ = termmine("run", "sample", "--out", "out", "-p", "expansion.curve_draws=0")
    assert status == 0 and "terms kept" in out


def test_a_background_that_holds_the_domain_is_fine(tmp_path, sample):
    both = tmp_path / "both.txt"
    both.write_bytes((sample / "domain.txt").read_bytes() + (sample / "background.txt").read_bytes())
    out = run(tmp_path / "out", background=(both,), parameters=QUICK)
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["contrast"]["absent_from_background"] == 0


def test_an_empty_list_says_why(tmp_path, termmine, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("--preset", "classic", "-p", "discovery.method=cohesion", "-p", "discovery.min_count=25")
    status, out, err = termmine("run", "sample", *arguments)
    assert status == 0 and "0 terms kept: reports/sample/terms.csv" in out
    assert "candidates were rejected, most by" in err and "lower -p discovery.min_count" in err


def test_a_run_without_candidates_stops_at_once(tmp_path):
    with pytest.raises(NotebookError, match=r"at cell call-discover: InputError: no word of two characters .*; lower"):
        run(tmp_path / "out", parameters={"discovery": {"method": "cohesion", "min_count": 300}})
    with pytest.raises(NotebookError, match=r"at cell call: InputError: no run of words has 12 characters; lower"):
        run(tmp_path / "out", parameters={"contrast": {"min_len": 12}})


def test_a_dead_kernel_names_its_notebook(tmp_path, monkeypatch):
    notebook = nbformat.read(presets.notebook_path("contrast"), as_version=4)
    next(cell for cell in notebook.cells if cell.id == "load").source = "import os; os.kill(os.getpid(), 9)"
    nbformat.write(notebook, tmp_path / "deadly.ipynb")
    real = presets.notebook_path
    monkeypatch.setattr(kernels, "notebook_path", lambda s: tmp_path / "deadly.ipynb" if s == "contrast" else real(s))
    with pytest.raises(NotebookError, match=r"02_contrast\.ipynb stopped at cell load: the kernel died"):
        run(tmp_path / "out", fresh=True)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "failed in 02_contrast"


def test_an_input_inside_the_run_is_refused(classic):
    before = {path.name: path.read_bytes() for path in classic.iterdir()}
    with pytest.raises(InputError, match=r"seeds\.txt lies in --out .* would be overwritten"):
        run(classic, seeds=classic / "seeds.txt")
    assert {path.name: path.read_bytes() for path in classic.iterdir()} == before


def test_corpus_text_stays_text_in_the_pages(tmp_path, sample):
    lines = (sample / "domain.txt").read_text(encoding="utf-8")
    (tmp_path / "d.txt").write_text("<script>alert(1)</script>蜂王\n" + lines, encoding="utf-8")
    out = run(tmp_path / "out", domain=(tmp_path / "d.txt",), parameters=QUICK)
    for page in out.glob("*.html"):
        assert "<script>alert(1)" not in page.read_text(encoding="utf-8")

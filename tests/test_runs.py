import csv
import json
import re
from pathlib import Path

import nbformat
import pytest

from termmine import corpus, export, runs
from termmine.errors import InputError, NotebookError

FOLDER = [
    *(f"{name}{end}" for name in runs.NOTEBOOKS.values() for end in (".ipynb", ".html")),
    "index.html", "words.parquet", "words.csv", "background_words.parquet", "candidates.parquet", "contrast.parquet",
    "vectors.npz", "expansion.parquet", "terms.csv", "seeds.txt", "losses.csv", "metrics.json", "manifest.json",
]  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run on the sample."""
    return run(tmp_path_factory.mktemp("run") / "sample")


def run(out, **changes):
    from termmine import datasets

    files = datasets.get("sample")
    settings = {"domain": (files.domain,), "background": (files.background,), "reference": files.reference} | changes
    job = runs.Job(name="sample", out=out, command="termmine run sample", **settings)
    return runs.run(job).parent


pytestmark = pytest.mark.slow


def test_the_folder_is_complete(done):
    assert sorted(path.name for path in done.iterdir()) == sorted(FOLDER)


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
        assert len(row["term"]) >= 3 and re.search("[\u4e00-\u9fa5]", row["term"])
        assert int(row["count"]) >= int(row["doc_freq"]) >= 1
        assert int(row["count"]) >= text.count(row["term"])


def test_the_chain_finds_the_field(done):
    terms = export.read_frame(done / "terms.csv")
    top = terms.loc[terms["rejected_by"] == "", "term"].head(50).tolist()
    reference = set(corpus.read_terms(Path(__file__).parents[1] / "data" / "sample" / "reference.txt"))
    assert len(reference & set(top)) >= 30, top
    metrics = json.loads((done / "metrics.json").read_text(encoding="utf-8"))["evaluation"]
    assert metrics["average_precision"] > 0.25
    assert metrics["attested_recall"] > 0.4


def test_seeds_are_not_scored(done):
    seeds = corpus.read_terms(done / "seeds.txt")
    losses = export.read_frame(done / "losses.csv")
    assert len(seeds) == 50
    assert not set(seeds) & set(losses["term"])
    metrics = json.loads((done / "metrics.json").read_text(encoding="utf-8"))["evaluation"]
    assert metrics["reference_terms"] == len(losses)
    assert sum(n for name, n in metrics.items() if name in {
        "reference_not_in_the_corpus", "reference_not_a_candidate", "reference_rejected", "reference_ranked_low",
        "reference_found"}) == len(losses)  # fmt: skip


def test_the_manifest_tells_all(done):
    manifest = json.loads((done / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "done"
    assert set(manifest["stages"]) == set(runs.NOTEBOOKS)
    for stage in manifest["stages"].values():
        assert stage["seconds"] > 0 and stage["peak_memory_mb"] > 10
    assert set(manifest["inputs"]) == {"domain", "background", "reference", "rules"}
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in manifest["inputs"].values())
    assert manifest["parameters"]["discovery"]["method"] == "pmi"


def test_pages_ask_no_server_for_anything(done):
    for page in done.glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//""", html), page
        assert "cdnjs" not in html and "unpkg" not in html, page


def test_the_index_shows_numbers_terms_figures_and_links(done):
    html = (done / "index.html").read_text(encoding="utf-8")
    terms = export.read_frame(done / "terms.csv")
    # the table's data is JSON inside a JavaScript string
    assert json.dumps(json.dumps(terms["term"][0]))[3:-3] in html
    assert html.count("data:image/png;base64,") == 8
    for name in runs.NOTEBOOKS.values():
        assert f'href="{name}.html"' in html
    assert "termmine run sample" in html and "average precision" in html


def test_a_second_run_gives_the_same_bytes(done, tmp_path):
    again = run(tmp_path / "elsewhere" / "deep")
    for name in ("terms.csv", "words.csv", "metrics.json", "losses.csv", "seeds.txt"):
        assert (again / name).read_bytes() == (done / name).read_bytes(), name


def test_own_text_with_seeds_without_reference(tmp_path, sample):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("蜂王\n工蜂\n不存在的词\n", encoding="utf-8")
    lines = (sample / "domain.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    parts = (tmp_path / "1.txt", tmp_path / "2.txt")
    parts[0].write_text("".join(lines[:50]), encoding="utf-8")
    parts[1].write_text("".join(lines[50:]), encoding="utf-8")
    out = run(tmp_path / "out", domain=parts, reference=None, seeds=seeds)
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
        "embedding": {"architecture": "cbow", "objective": "hierarchical-softmax"},
        "expansion": {"centre_words": ["蜂王"], "negative_words": ["巢脾"], "min_term_len": 2},
    }
    out = run(tmp_path / "out", parameters=parameters)
    assert "工蜂" in export.read_frame(out / "terms.csv")["term"].tolist()
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8"))["evaluation"]["attested_recall"] > 0


def test_a_failed_notebook_is_named_and_kept(tmp_path, termmine, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("run", "sample", "--out", "out", "-p", "expansion.centre_words=[没有这个词]")
    status, _, err = termmine(*arguments)
    assert status == 1
    assert "04_expansion.ipynb stopped at cell call: InputError: none of the centre words" in err.splitlines()[-1]
    cells = nbformat.read(tmp_path / "out" / "04_expansion.ipynb", as_version=4).cells
    assert any(output.output_type == "error" for cell in cells for output in cell.get("outputs", []))
    assert not (tmp_path / "out" / "index.html").exists()
    assert (
        json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))["status"]
        == "failed in 04_expansion"
    )
    status, out, _ = termmine("run", "sample", "--out", "out")
    assert status == 0 and "terms kept" in out


def test_a_background_that_holds_the_domain_is_fine(tmp_path, sample):
    both = tmp_path / "both.txt"
    both.write_bytes((sample / "domain.txt").read_bytes() + (sample / "background.txt").read_bytes())
    out = run(tmp_path / "out", background=(both,))
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["contrast"]["absent_from_background"] == 0


def test_an_empty_list_says_why(tmp_path, termmine, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = termmine("run", "sample", "-p", "discovery.method=cohesion", "-p", "discovery.min_count=25")
    assert status == 0 and "0 terms kept: reports/sample/terms.csv" in out
    assert "candidates were rejected, most by" in err and "lower -p discovery.min_count" in err


def test_a_run_without_candidates_stops_at_once(tmp_path):
    with pytest.raises(NotebookError, match=r"at cell discover: InputError: no word of two characters .*; lower"):
        run(tmp_path / "out", parameters={"discovery": {"method": "cohesion", "min_count": 300}})
    with pytest.raises(NotebookError, match=r"at cell call: InputError: no word has 12 characters; lower"):
        run(tmp_path / "out", parameters={"contrast": {"min_len": 12}})


def test_a_dead_kernel_names_its_notebook(tmp_path, monkeypatch):
    notebook = nbformat.read(runs.notebook_path("contrast"), as_version=4)
    next(cell for cell in notebook.cells if cell.id == "load").source = "import os; os.kill(os.getpid(), 9)"
    nbformat.write(notebook, tmp_path / "deadly.ipynb")
    real = runs.notebook_path
    monkeypatch.setattr(runs, "notebook_path", lambda s: tmp_path / "deadly.ipynb" if s == "contrast" else real(s))
    with pytest.raises(NotebookError, match=r"02_contrast\.ipynb stopped at cell load: the kernel died"):
        run(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "failed in 02_contrast"


def test_an_input_inside_the_run_is_refused(done):
    before = {path.name: path.read_bytes() for path in done.iterdir()}
    with pytest.raises(InputError, match=r"seeds\.txt lies in --out .* would be overwritten"):
        run(done, seeds=done / "seeds.txt")
    assert {path.name: path.read_bytes() for path in done.iterdir()} == before


def test_corpus_text_stays_text_in_the_pages(tmp_path, sample):
    lines = (sample / "domain.txt").read_text(encoding="utf-8")
    (tmp_path / "d.txt").write_text("<script>alert(1)</script>蜂王\n" + lines, encoding="utf-8")
    out = run(tmp_path / "out", domain=(tmp_path / "d.txt",))
    for page in out.glob("*.html"):
        assert "<script>alert(1)" not in page.read_text(encoding="utf-8")

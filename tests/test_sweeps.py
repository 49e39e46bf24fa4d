import json

import numpy as np
import pandas as pd
import pytest
import yaml

from termmine import datasets, export, manifests, presets, runs, stages, sweeps
from termmine.errors import InputError

# --- the grid -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ([100, 200], (100, 200)),
        (300, (300,)),
        ([100, 100], (100,)),
        ({"from": 100, "to": 300, "step": 100}, (100, 200, 300)),
        ({"from": 100, "to": 350, "step": 100}, (100, 200, 300)),
        ({"from": 100, "to": 200, "steps": 3}, (100, 150, 200)),
        ({"from": 10, "to": 1000, "steps": 3, "scale": "log"}, (10, 100, 1000)),
        ({"presets": ["best", "classic"]}, (20000,)),
    ],
)
def test_values_of_a_parameter(said, values):
    assert sweeps.make_grid({"parameters": {"expansion.pool": said}}).parameters["expansion.pool"] == values


@pytest.mark.parametrize(
    ("name", "said", "values"),
    [
        ("expansion.self_weight", {"from": 0, "to": 0.3, "step": 0.1}, (0.0, 0.1, 0.2, 0.3)),
        ("discovery.min_proba", ["1e-6", 0.001], (1e-6, 0.001)),
        ("discovery.method", {"presets": ["best", "classic"]}, ("em", "pmi")),
        ("discovery.min_count", ["auto", 5], ("auto", 5)),
        ("expansion.centre_words", ["蜂王", "工蜂"], (["蜂王", "工蜂"],)),
        ("expansion.centre_words", [["蜂王"], []], (["蜂王"], [])),
        ("discovery.min_cohesion", {2: 3.0, 3: 9.0}, ({"2": 3.0, "3": 9.0},)),
    ],
)
def test_values_of_other_kinds(name, said, values):
    assert sweeps.make_grid({"parameters": {name: said}}).parameters[name] == values


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([], "a grid needs one of the keys"),
        ({"parameter": {}}, "a grid has no key 'parameter'; it has: data, preset"),
        ({"parameters": ["x"]}, "parameters must be a mapping"),
        ({"parameters": {"expansion.pool": []}}, r"expansion\.pool has no value"),
        ({"parameters": {"expansion.pool": {"from": 1}}}, "a range needs from, to, and either step or steps"),
        ({"parameters": {"expansion.pool": {"from": 1, "to": 2, "step": 1, "steps": 2}}}, "either step or steps"),
        ({"parameters": {"expansion.pool": {"from": 1, "to": 2, "by": 1}}}, "a range has no 'by'"),
        ({"parameters": {"expansion.pool": {"from": 2, "to": 1, "step": 1}}}, "a range must go up"),
        ({"parameters": {"expansion.pool": {"from": 0, "to": 9, "steps": 2, "scale": "log"}}}, "scale must be linear"),
        ({"parameters": {"expansion.pool": {"from": 0, "to": 9, "step": 1e-9}}}, "a range of 9000000000 values"),
        ({"parameters": {"expansion.pool": {"from": "a", "to": 9, "step": 1}}}, "a range must be of numbers"),
        ({"parameters": {"expansion.pool": {"from": 0, "to": float("inf"), "step": 1}}}, "a range must be of numbers"),
        ({"repeats": 0}, "repeats must be a number from 1 to 1000, got 0"),
        ({"repeats": "many"}, "repeats must be a number"),
        ({"metric": "average_precision"}, "metric must be STAGE.NAME"),
        ({"data": "laws"}, "there is no data set 'laws'"),
        ({"data": {"domain": "x.txt"}}, "data of one's own needs a name and a domain"),
        ({"data": {"name": "../x", "domain": "x.txt"}}, "the name of data must be letters"),
        ({"data": {"name": "x", "domain": "x.txt", "dominion": 1}}, "data has no 'dominion'"),
        ({"preset": "bset"}, "there is no preset 'bset'"),
        ({"preset": "wide", "presets": {"broad": {}}}, "there is no preset 'wide'; there are: best, classic, broad"),
        ({"preset": "wide", "presets": {"wide": 3}}, r"presets\.wide must be a mapping"),
        ({"preset": "wide", "presets": {"wide": {"max_words": 3}}}, "a parameter is named STAGE.NAME"),
        ({"parameters": {"expansion.pool": {"presets": "bset"}}}, "there is no preset 'bset'"),
        ({"parameters": {"expansion.poll": {"presets": "best"}}}, "expansion has no parameter 'poll'"),
        ({"data": []}, "data names nothing"),
        ({"preset": []}, "preset names nothing"),
        ({"data": {"name": "mine", "domain": 3}}, "domain of mine must be a path, got 3"),
        ({"data": {"name": "mine", "domain": "d.txt", "reference": ["a", "b"]}}, "reference of mine must be a path"),
        ({"data": {"name": "sample", "domain": "d.txt"}}, "sample is a data set already"),
        ({"data": ["sample", "sample"]}, "two entries of data are named sample"),
        ({"presets": {"best": {"contrast.max_words": 3}}}, "best is a preset of termmine"),
        ({"repeats": 2, "parameters": {"expansion.seed": [7, 8]}}, r"repeats set expansion\.seed themselves"),
    ],
)
def test_a_wrong_grid_is_one_line(tmp_path, said, message):
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        sweeps.read_grid(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: !!python/object/apply:os.system [touch x]",
        "{a: 1",
        "\x00",
        "&a [*a]",
        "repeats: 2\nrepeats: 3",
        "a: &a [x, x]\nb: [*a, *a]",
    ],
)
def test_a_grid_file_that_is_no_grid_is_one_line(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"grid\.yaml"):
        sweeps.read_grid("grid.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.yaml"]


def points_of(tmp_path, said):
    return sweeps.make_points(sweeps.make_grid({"data": "sample"} | said), tmp_path / "sweep")


def test_a_grid_is_every_combination(tmp_path):
    said = {
        "preset": ["best", "narrow"],
        "presets": {"narrow": {"preset": "best", "contrast.max_words": 3}},
        "parameters": {"expansion.pool": [100, 200, 300], "evaluation.topn": [50, 60]},
        "repeats": 2,
    }
    points = points_of(tmp_path, said)
    assert len(points) == len({point.run for point in points}) == 24
    cost = sweeps.plan(points, tmp_path / "cache").set_index("stage")
    assert cost["compute"].to_dict() == {
        "discovery": 1, "contrast": 2, "embedding": 4, "expansion": 12, "evaluation": 24,
    }  # fmt: skip
    assert (cost["runs"] == 24).all() and (cost["kept"] == 0).all()
    point = points[-1]
    assert (point.preset, point.repeat, point.values) == ("narrow", 2, {"expansion.pool": 300, "evaluation.topn": 60})
    assert point.job.parameters["contrast"]["max_words"] == 3 and point.job.parameters["embedding"]["seed"] == 2
    assert "-p contrast.max_words=3" in point.job.command and "--preset best" in point.job.command


def test_a_grid_can_be_written_and_read_again():
    said = {
        "data": ["sample", {"name": "mine", "domain": "d.txt"}],
        "preset": ["narrow"],
        "presets": {"narrow": {"contrast.max_words": 3}},
        "parameters": {"expansion.pool": [1, 2], "expansion.centre_words": [["蜂王"], []]},
        "repeats": 2,
    }
    grid = sweeps.make_grid(said)
    assert sweeps.make_grid(yaml.safe_load(sweeps._as_yaml(grid))) == grid


def test_late_parameters_cost_the_early_stages_once(tmp_path):
    said = {
        "parameters": {"expansion.pool": {"from": 100, "to": 400, "steps": 4}, "evaluation.topn": [1, 2, 3, 4, 5, 6]}
    }
    cost = sweeps.plan(points_of(tmp_path, said), tmp_path / "cache")
    assert cost["compute"].tolist() == [1, 1, 1, 4, 24]


def test_runs_that_come_out_equal_are_one(tmp_path):
    best = presets.read_preset("best")["expansion"]["pool"]
    said = {"preset": ["best", "same"], "presets": {"same": {"expansion.pool": best}}}
    assert len(points_of(tmp_path, said)) == 1
    one, two = points_of(tmp_path, {}), points_of(tmp_path / "elsewhere", {})
    assert one[0].run == two[0].run


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"parameters": {"expansion.poll": 5}}, "expansion has no parameter 'poll'"),
        ({"parameters": {"expansions.pool": 5}}, "there is no stage 'expansions'"),
        ({"parameters": {"expansion.pool": [5, "many"]}}, r"expansion\.pool must be of type int, got 'many'"),
        ({"parameters": {"expansion.method": ["pu", "guess"]}}, r"expansion\.method must be"),
        ({"parameters": {"expansion.centre_words": [["不在文中的词"]]}}, r"none of the 1 expansion\.centre_words"),
        ({"parameters": {f"expansion.{n}": {"from": 1, "to": 99, "step": 1} for n in ("pool", "max_terms", "n_seeds")}},
         "a sweep has 10,000 runs at most, this grid has 970,299"),
    ],
)  # fmt: skip
def test_points_that_cannot_run_are_told_before_anything_is_computed(tmp_path, said, message):
    with pytest.raises(InputError, match=message):
        points_of(tmp_path, said)


def test_own_text_in_a_grid(tmp_path, sample, monkeypatch):
    monkeypatch.chdir(sample.parent)
    mine = {"name": "mine", "domain": "sample/d*.txt", "background": "sample/background.txt", "rules": "classic"}
    point = points_of(tmp_path, {"data": mine})[0]
    assert point.run.startswith("mine-") and point.job.reference is None
    assert point.job.rules == datasets.rules_path("classic")
    assert "--domain" in point.job.command and "--rules" in point.job.command


@pytest.mark.parametrize("name", ["thesis.docx", "index.html", "runs"])
def test_a_folder_with_other_files_is_refused(tmp_path, name):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / name).write_text("")
    with pytest.raises(InputError, match=rf"holds more than a sweep, e\.g\. {name}"):
        sweeps.sweep(sweeps.make_grid({"data": "sample"}), [], tmp_path / "sweep")


# --- the run --------------------------------------------------------------------------------------------------

QUICK = {"embedding.compare_documents": 0, "expansion.curve_draws": 0, "evaluation.samples": 0}


@pytest.fixture
def swept(tmp_path, termmine, monkeypatch):
    """A sweep of four points, two of which stop in notebook 4."""
    monkeypatch.chdir(tmp_path)
    grid = {
        "data": "sample",
        "parameters": QUICK | {"expansion.centre_words": [[], ["的"]], "evaluation.topn": [50, 100]},
    }
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(grid, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return termmine("sweep", "grid.yaml", "--out", "swept", "--jobs", "2")


@pytest.mark.slow
def test_a_sweep(swept, tmp_path, termmine, cache):
    status, out, err = swept
    assert status == 1
    assert "2 of 4 runs done: swept/sweep.csv" in out and "report: swept/index.html" in out
    assert err.splitlines()[-1].startswith("termmine: 2 of 4 runs stopped, e.g. sample-") and "Traceback" not in err
    assert "4 runs" in err.splitlines()[0] and "01_discovery" in err and "shared by 4 runs" in err

    table = pd.read_csv(tmp_path / "swept" / "sweep.csv", keep_default_na=False)
    assert table["status"].tolist() == ["done", "done", "failed in 04_expansion", "failed in 04_expansion"]
    assert table["evaluation.topn"].tolist() == [50, 100, 50, 100]
    assert table["error"][3].startswith(
        "04_expansion.ipynb stopped at cell call-method: InputError: none of the centre"
    )
    done = table[table["status"] == "done"].astype({"evaluation:average_precision": float})
    assert (done["evaluation:average_precision"] > 0.3).all() and (done["peak_memory_mb"] > 50).all()
    assert 0 < done["computed_seconds"].min() < done["computed_seconds"].max() <= done["seconds"].max()
    page = (tmp_path / "swept" / "index.html").read_text(encoding="utf-8")
    assert all(run in page for run in table["run"]) and "none of the centre words" in page

    for run in table["run"]:
        folder = tmp_path / "swept" / "runs" / run
        assert (folder / "04_expansion.ipynb").exists() and (folder / "03_embedding.html").exists()
    first = manifests.read_manifest(tmp_path / "swept" / "runs" / table["run"][0])
    assert export.read_frame(tmp_path / "swept" / "runs" / table["run"][0] / "terms.csv")["term"].size > 100
    assert first["status"] == "done" and first["command"].startswith("termmine run sample --preset best -p ")

    (tmp_path / "swept" / "runs" / table["run"][1] / "terms.csv").write_text("torn", encoding="utf-8")
    status, out, err = termmine("sweep", "grid.yaml", "--out", "swept")
    assert status == 1 and "4 runs, 2 of them done before" in err and "kept from before" in err
    assert err.splitlines()[-1].startswith("termmine: 2 of 4 runs stopped")
    again = pd.read_csv(tmp_path / "swept" / "sweep.csv", keep_default_na=False)
    same = ["run", "status", "evaluation:average_precision", "error"]
    pd.testing.assert_frame_equal(again[same], table[same])
    assert again["computed_seconds"][1] == 0, "put together again from what is kept"
    assert not [path for path in cache.iterdir() if path.name.startswith(".scratch")]


@pytest.mark.slow
def test_a_sweep_on_a_cluster_is_the_same(tmp_path):
    pytest.importorskip("distributed")
    said = {"data": "sample", "parameters": QUICK | {"evaluation.topn": [50]}}
    grid = sweeps.make_grid(said)
    local = sweeps.sweep(grid, sweeps.make_points(grid, tmp_path / "local"), tmp_path / "local")
    computed = []
    points = sweeps.make_points(grid, tmp_path / "cluster")
    cache = stages.cache_folder()
    stages._remove(cache / points[0].tasks[-1].key)
    there = sweeps.sweep(
        grid, points, tmp_path / "cluster", scheduler="local:1", on_stage=lambda task, result: computed.append(result)
    )
    assert [result.reused for result in computed] == [True, True, True, True, False]
    run = there["run"][0]
    assert run == local["run"][0]
    for name in ("terms.csv", "metrics.json", "losses.csv"):
        one, other = (tmp_path / place / "runs" / run / name for place in ("local", "cluster"))
        assert one.read_bytes() == other.read_bytes()


def test_the_plan_alone_computes_nothing(tmp_path, termmine, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.yaml").write_text("{data: sample, parameters: {evaluation.topn: [1, 2, 3]}}", encoding="utf-8")
    status, out, _ = termmine("sweep", "grid.yaml", "--out", "swept", "--dry-run")
    assert status == 0 and "05_evaluation      3 to compute" in out
    assert not (tmp_path / "swept").exists()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TERMMINE_CACHE", str(tmp_path / "file" / "below"))
    status, _, err = termmine("sweep", "grid.yaml", "--out", "swept")
    assert status == 2 and "which cannot be written" in err.splitlines()[-1]
    assert not (tmp_path / "swept").exists()


@pytest.mark.slow
def test_a_run_can_be_repeated_from_its_manifest(tmp_path, termmine, monkeypatch, sample):
    monkeypatch.chdir(tmp_path)
    quick = [part for name, value in QUICK.items() for part in ("-p", f"{name}={value}")]
    (tmp_path / "d.txt").write_bytes((sample / "domain.txt").read_bytes())
    given = ("--domain", "d.txt", "--background", str(sample / "background.txt"))
    assert termmine("run", *given, "--out", "one", *quick)[0] == 0
    status, out, _ = termmine("run", "--from", "one/manifest.json", "--out", "two")
    assert status == 0 and "the results of the runs are the same, byte for byte" in out
    assert not any(stage["reused"] for stage in manifests.read_manifest(tmp_path / "two")["stages"].values())
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text(encoding="utf-8"))
    manifest["versions"]["numpy"] = "0.1"
    (tmp_path / "one" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "d.txt").write_text((tmp_path / "d.txt").read_text(encoding="utf-8") + "蜂王产卵。\n", encoding="utf-8")
    status, out, _ = termmine("run", "--from", "one", "--out", "three")
    assert status == 0 and f"version numpy differs: 0.1 → {np.__version__}" in out
    assert "input domain differs" in out and "output terms.csv differs" in out and "are the same" not in out
    status, out, _ = termmine("compare", "one", "three")
    assert status == 0 and "input domain differs" in out and "discovery.documents: 110 → 111" in out
    assert "was changed after its run" not in out
    (tmp_path / "three" / "terms.csv").write_text("by hand", encoding="utf-8")
    assert (
        "three was changed after its run, by hand or in a notebook: terms.csv\n"
        in termmine("compare", "one", "three")[1]
    )
    status, _, err = termmine("run", "--from", "one", "--out", "four", "-p", "expansion.pool=5")
    assert status == 2 and "--from repeats a run as it was" in err
    (tmp_path / "d.txt").rename(tmp_path / "e.txt")
    status, _, err = termmine("run", "--from", "one", "--out", "four")
    assert status == 2 and "the domain of that run is not at" in err and "--domain FILE" in err
    told = manifests.read_manifest(tmp_path / "one")
    job = runs.repeat(told, tmp_path / "one", tmp_path / "four", {"domain": [tmp_path / "e.txt"]})
    assert job.domain == (tmp_path / "e.txt",) and job.background[0].samefile(sample / "background.txt")


@pytest.mark.parametrize(
    "manifest",
    ["", "{", "[]", "{}", '{"parameters": 3, "inputs": {}, "versions": {}, "stages": {}}',
     '{"parameters": {"discovery": 3}, "inputs": {}, "versions": {}, "stages": {}}',
     '{"parameters": {}, "inputs": {"domain": {"path": 3, "sha256": ""}}, "versions": {}, "stages": {}}'],
)  # fmt: skip
def test_a_damaged_manifest_is_one_line(tmp_path, termmine, manifest):
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    for arguments in (("run", "--from"), ("compare", str(tmp_path))):
        status, _, err = termmine(*arguments, str(tmp_path))
        assert status == 2 and len(err.splitlines()) == 1 and "is not the manifest of a run" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"discovery": {"min_count": "__import__('os').system('touch x')"}}}, "must be of type int"),
        ({"parameters": {"discovery; import os": {"x": 1}}}, "there is no stage"),
        ({"parameters": {"discovery": {"method\nimport os": "em"}}}, "discovery has no parameter"),
        ({"preset": "../../etc/passwd"}, "there is no preset"),
        ({"inputs": {"domain": {"path": "gone.txt", "sha256": ""}}}, "is not the manifest of a run"),
        (
            {"inputs": {"domain": {"path": "gone.txt", "sha256": ""}, "background": {"path": "b.txt", "sha256": ""}}},
            "the domain of that run is not at",
        ),
        (
            {"inputs": {role: {"path": "d.txt", "sha256": ""} for role in ("domain", "background", "__class__")}},
            "is not the manifest of a run",
        ),
    ],
)
def test_a_manifest_cannot_bring_code(tmp_path, termmine, monkeypatch, sample, change, message):
    monkeypatch.chdir(tmp_path)
    inputs = {role: {"path": str(sample / f"{role}.txt"), "sha256": ""} for role in ("domain", "background")}
    manifest = {"name": "own", "preset": "best", "parameters": {}, "inputs": inputs, "versions": {}, "stages": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | change), encoding="utf-8")
    status, _, err = termmine("run", "--from", "manifest.json", "--out", "out")
    assert status == 2 and message in err and len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json"]

import math
import random
from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest

from termmine import discovery, neighbours, ngrams
from termmine.errors import InputError


def plain_entropy(term, lines, side):
    """Over all occurrences in all lines; a border counts as a neighbour that no other equals."""
    seen = Counter()
    for number, line in enumerate(lines):
        for at in range(len(line)):
            if line.startswith(term, at):
                where = at - 1 if side == "left" else at + len(term)
                neighbour = line[where] if 0 <= where < len(line) else "，"
                seen[(number, at) if neighbour == "，" else neighbour] += 1
    total = seen.total()
    return -sum(c / total * math.log(c / total) for c in seen.values()) if total else math.nan


def random_lines(seed):
    rng = random.Random(seed)
    return ["".join(rng.choices("电力系统A1，", k=rng.randint(0, 30))) for _ in range(60)]


@pytest.mark.parametrize("units", ["word", "any"])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_a_plain_program(seed, units):
    lines = random_lines(seed)
    terms = ["电", "电力", "力系统", "电电", "A1", "统A", "电力系统电力系统电力", "没有"]
    found = neighbours.boundary_entropy(terms, ngrams.encode(lines, units=units))
    for side in ("left", "right"):
        expected = [plain_entropy(term, lines, side) for term in terms]
        assert found[f"{side}_entropy"].tolist() == pytest.approx(expected, abs=2e-6, nan_ok=True)


def test_narrow_tables_change_nothing(monkeypatch):
    lines = random_lines(9)
    terms = sorted({line[i : i + n] for line in lines for n in (1, 2, 3) for i in range(len(line) - n + 1)})
    terms = [term for term in terms if "，" not in term]
    text = ngrams.encode(lines)
    wide = neighbours.boundary_entropy(terms, text)
    monkeypatch.setattr(ngrams, "_WIDEST", 1 << 11)
    count, lows = ngrams._count_found, set()
    monkeypatch.setattr(ngrams, "_count_found", lambda keys, low, *rest: lows.add(low) or count(keys, low, *rest))
    pd.testing.assert_frame_equal(neighbours.boundary_entropy(terms, text), wide)
    assert len(lows) > 1  # several passes were needed


def test_stretches_change_nothing(monkeypatch):
    lines = [line.replace("，", "1") * 3 for line in random_lines(5)]
    terms = ["电", "力系", "统电", "1A1", "系统A1电力"]
    text = ngrams.encode(lines)
    whole = neighbours.boundary_entropy(terms, text)
    monkeypatch.setattr(ngrams, "_STRETCH", 7)
    pd.testing.assert_frame_equal(neighbours.boundary_entropy(terms, text), whole)


def test_equal_neighbours_have_no_entropy_and_different_ones_the_most():
    text = ngrams.encode(["电力网", "火电力网", "水电力网"])
    entropy = neighbours.boundary_entropy(["电力"], text).iloc[0]
    assert entropy.tolist() == pytest.approx([math.log(3), 0.0], abs=1e-6)


CONFIGS = {
    "pmi": discovery.PmiConfig(min_count=2),
    "cohesion": discovery.CohesionConfig(min_count=2, min_gain=0, min_cohesion={2: 1.5, 3: 2, 4: 3}),
    "em": discovery.EmConfig(penalty=2.0),
}


@pytest.mark.parametrize("method", CONFIGS)
def test_every_method_drops_the_words_below_the_floor(method, sample):
    config = CONFIGS[method]
    lines = (sample / "domain.txt").read_text(encoding="utf-8").splitlines()
    everything = discovery.with_entropy(discovery.discover(lines, config), discovery.encode(lines, config))
    words = discovery.discover(lines, replace(config, min_entropy=1.0))
    least = everything[["left_entropy", "right_entropy"]].min(axis=1)
    expected = everything[(least >= 1.0) | (everything["term"].str.len() == 1)]
    assert 100 < len(words) < len(everything)
    pd.testing.assert_frame_equal(words, expected.reset_index(drop=True))


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan])
def test_the_floor_is_checked(value):
    for config in (discovery.PmiConfig, discovery.CohesionConfig, discovery.EmConfig):
        with pytest.raises(InputError, match="min_entropy must be 0 or more"):
            config(min_entropy=value)

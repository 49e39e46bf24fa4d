import math
import random
from itertools import pairwise, product

import numpy as np
import pytest

from termmine import lattice, unigram
from termmine.ngrams import as_codes


def random_ids(seed, size=60, units=4):
    """Runs of units between borders."""
    rng = random.Random(seed)
    return np.array([rng.choice([0, *range(1, units + 1), 1, 2]) for _ in range(size)], dtype=np.int32)


def runs_of(ids):
    """Begin and end of each stretch between borders."""
    borders = [-1, *np.flatnonzero(ids == 0).tolist(), len(ids)]
    return [(a + 1, b) for a, b in pairwise(borders) if b > a + 1]


def paths(begin, end):
    """All ways to cut a stretch: the inner boundaries of each."""
    for choice in product([False, True], repeat=end - begin - 1):
        yield [begin, *(begin + 1 + i for i, cut in enumerate(choice) if cut), end]


def candidate(table, a, b):
    """The row of the candidate that stands from a to b, -1 where none does."""
    here = slice(table.stops[b - 1], table.stops[b])
    return next((int(word) for word, n in zip(table.words[here], table.units[here], strict=True) if n == b - a), -1)


def places(table):
    """What the kernels take."""
    return table.words, table.units, table.stops


# --- the lattice


@pytest.mark.parametrize("seed", range(3))
def test_the_lattice_holds_every_frequent_ngram_where_it_stands(seed):
    ids = random_ids(seed, 200)
    table = unigram.build(ids, min_count=3, longest=3)
    counts = {}
    for begin, end in runs_of(ids):
        for n in (1, 2, 3):
            for i in range(begin, end - n + 1):
                counts.setdefault(tuple(ids[i : i + n]), []).append(i)
    kept = {gram: at for gram, at in counts.items() if len(gram) == 1 or len(at) >= 3}
    assert len(table.lengths) == len(kept)
    for gram, at in kept.items():
        (row,) = {candidate(table, i, i + len(gram)) for i in at}
        assert (table.lengths[row], table.counts[row], table.first[row]) == (len(gram), len(at), at[0])
    assert table.words.size == sum(map(len, kept.values()))
    assert (table.units == table.lengths[table.words]).all()
    assert all((np.diff(table.units[a:b]) > 0).all() for a, b in pairwise(table.stops))


# --- EM


@pytest.mark.parametrize("seed", range(4))
def test_one_pass_agrees_with_all_segmentations(seed):
    ids = random_ids(seed, 24)
    table = unigram.build(ids, min_count=1, longest=3)
    rng = np.random.default_rng(seed)
    weight, odds = rng.uniform(0.1, 1, table.lengths.size), rng.uniform(0.5, 2, ids.size + 1)
    expected, boundary = np.empty(weight.size), np.empty(ids.size + 1)
    unigram._expect(*places(table), weight, odds, expected, boundary)

    uses, begins = np.zeros(weight.size), np.ones(ids.size + 1)
    for begin, end in runs_of(ids):
        total, cuts = 0.0, np.zeros(ids.size + 1)
        used = np.zeros(weight.size)
        for path in paths(begin, end):
            words = [candidate(table, a, b) for a, b in pairwise(path)]
            if min(words) >= 0:
                p = math.prod(weight[word] for word in words) * math.prod(odds[i] for i in path[1:-1])
                total += p
                for word in words:
                    used[word] += p
                cuts[path[1:-1]] += p
        uses += used / total
        begins[begin + 1 : end] = cuts[begin + 1 : end] / total
    assert expected == pytest.approx(uses)
    assert boundary == pytest.approx(begins)


def test_em_by_hand():
    # 甲乙 three times, 甲 once: words 甲 (4), 乙 (3), 甲乙 (3) of 10; no penalty; a stretch 甲乙 is one word with
    # .3 / (.3 + .4 · .3) = 5/7
    ids = np.array([1, 2, 0, 1, 2, 0, 1, 2, 0, 1])
    table = unigram.build(ids, min_count=1, longest=2)
    expected, boundary = np.empty(3), np.empty(ids.size + 1)
    unigram._expect(*places(table), table.counts / 10, np.ones(ids.size + 1), expected, boundary)
    assert expected == pytest.approx([1 + 3 * 2 / 7, 3 * 2 / 7, 3 * 5 / 7])
    again = np.empty(3)
    unigram._expect(*places(table), table.counts / 10, np.zeros(0), again, boundary)
    assert (again == expected).all()  # no odds are odds of 1
    assert boundary[[0, 1, 2, 4]] == pytest.approx([1, 2 / 7, 1, 2 / 7])


@pytest.mark.parametrize("seed", range(4))
def test_the_cut_is_the_best_of_all(seed):
    ids = random_ids(seed, 24)
    table = unigram.build(ids, min_count=1, longest=3)
    score = np.random.default_rng(seed).normal(-2, 1, table.lengths.size)
    begins = unigram._cut(*places(table), score)
    for begin, end in runs_of(ids):
        ways = {
            tuple(path): sum(score[candidate(table, a, b)] for a, b in pairwise(path))
            for path in paths(begin, end)
            if all(candidate(table, a, b) >= 0 for a, b in pairwise(path))
        }
        found = [begin, *(i for i in range(begin + 1, end) if begins[i]), end]
        assert ways[tuple(found)] == pytest.approx(max(ways.values()))
    assert begins[np.flatnonzero(ids == 0)].all()


def text_of(seed=0, words=120, length=6000):
    rng = random.Random(seed)
    vocabulary = [
        "".join(rng.choices([chr(0x4E00 + i) for i in range(80)], k=rng.choice([1, 2, 2, 3]))) for _ in range(words)
    ]
    weights = [1 / (rank + 1) for rank in range(words)]
    tokens = [rng.choices(vocabulary, weights, k=8) for _ in range(length // 14)]
    return tokens


def test_probabilities_sum_to_one_and_longer_words_cost_more():
    ids = lattice.atoms(as_codes("\n".join("".join(line) for line in text_of())))[0]
    table = unigram.build(ids, min_count=2)
    model = unigram.fit(table, 2.5)
    assert np.exp(model.log_p).sum() == pytest.approx(1)
    assert model.penalty == pytest.approx(2.5 * table.lengths**1.6)
    lengths = []
    for beta in (1.0, 2.0, 3.0, 4.0):
        fitted = unigram.fit(table, beta)
        begins = unigram._cut(*places(table), fitted.log_p - fitted.penalty)
        lengths.append(ids.size / begins.sum())
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 1.2 * lengths[-1]


# --- the second view


def plain_branching(ids, at, order, side):
    """Entropy of what stands beside the ``order`` units before (or behind) position ``at``; borders are one kind."""
    size = len(ids)
    context = tuple(ids[at - order : at]) if side == "after" else tuple(ids[at : at + order])
    if (at < order and side == "after") or len(context) < order or 0 in context:
        return math.nan
    seen = {}
    for i in range(size - order + 1):
        if tuple(ids[i : i + order]) == context:
            beside = i + order if side == "after" else i - 1
            kind = ids[beside] if 0 <= beside < size else 0
            seen[kind] = seen.get(kind, 0) + 1
    total = sum(seen.values())
    return -sum(n / total * math.log(n / total) for n in seen.values())


def test_branching_entropies_agree_with_a_plain_program():
    ids = random_ids(5, 80)
    view = unigram.branching(ids)
    inside = [i for i in range(1, len(ids)) if ids[i] > 0 and ids[i - 1] > 0]
    assert np.flatnonzero(view.inside).tolist() == inside
    for order in (1, 2, 3):
        for column, side in ((2 * order - 2, "after"), (2 * order - 1, "before")):
            plain = np.array([plain_branching(ids, at, order, side) for at in inside])
            known = ~np.isnan(plain)
            standardised = (plain - plain[known].mean()) / plain[known].std()
            expected = np.where(known, standardised, 0.0)
            assert view.entropies[:, column] == pytest.approx(expected, abs=1e-4)


def test_agreement_is_the_multiple_correlation():
    rng = np.random.default_rng(0)
    inside = np.ones(501, np.bool_)
    x = rng.normal(size=(501, 6)).astype(np.float32)
    x -= x.mean(axis=0)
    view = unigram.Branching(inside, x)
    begins = x[:, 0] + 0.5 * x[:, 1] + rng.normal(size=501) > 0
    design = np.column_stack([x, np.ones(501)])
    fitted = design @ np.linalg.lstsq(design, begins.astype(float), rcond=None)[0]
    assert unigram.agreement(view, begins) == pytest.approx(np.corrcoef(fitted, begins)[0, 1], abs=1e-4)
    assert unigram.agreement(view, np.ones(501, np.bool_)) == 0.0


def test_evidence_tells_two_kinds_of_places_apart():
    # entropies 2 where a word ends, 0 where none does, spread 1: the log odds are 2x - 2 (Gaussians of one covariance)
    rng = np.random.default_rng(1)
    is_end = rng.random(20_001) < 0.5
    x = np.zeros((20_001, 6), np.float32)
    x[:, 0] = rng.normal(size=20_001) + 2 * is_end
    mean = x[:, 0].mean()
    view = unigram.Branching(np.ones(20_001, np.bool_), x - np.array([mean, 0, 0, 0, 0, 0], np.float32))
    odds = unigram.evidence(view, is_end.astype(float))
    slope, at_zero = np.polyfit(x[:, 0], odds, 1)
    assert (slope, at_zero) == pytest.approx((2, -2), abs=0.1)


# --- the choice, and all of it


@pytest.mark.parametrize(("peak", "chosen"), [(2.5, 2.5), (1.83, 1.83), (2.7, 2.7), (5.0, 2.75), (0.0, 1.5)])
def test_the_penalty_stays_where_it_can_be_told(peak, chosen):
    assert unigram.choose_penalty(lambda beta: -((beta - peak) ** 2)) == pytest.approx(chosen)


def test_a_flat_measure_keeps_the_start():
    assert unigram.choose_penalty(lambda _: 1.0) == 2.5


def test_little_text_takes_a_fixed_penalty():
    codes = as_codes("\n".join("".join(line) for line in text_of(length=20_000)))
    _, _, chosen = unigram.learn([codes], min_count=2)
    _, _, given = unigram.learn([codes], min_count=2, penalty=2.25)
    assert chosen.tolist() == given.tolist()


def test_learned_words_cut_a_made_up_language():
    tokens = text_of(seed=2, length=40_000)
    text = "\n".join("".join(line) for line in tokens)
    words, log_p, penalty = unigram.learn([as_codes(text)], min_count=2)
    begins = lattice.AtomCutter(words, log_p - penalty).begins(as_codes(text))
    gold = np.zeros(len(text), np.bool_)
    at = 0
    for line in tokens:
        for word in line:
            gold[at] = True
            at += len(word)
        at += 1
    inner = as_codes(text) != ord("\n")
    inner &= np.append(True, as_codes(text)[:-1] != ord("\n"))
    right = (begins & gold & inner).sum()
    assert right / (begins & inner).sum() > 0.85
    assert right / (gold & inner).sum() > 0.85


@pytest.mark.parametrize("text", ["", "\n", "，。\n", "电"])
def test_text_without_words_or_with_one(text):
    words, log_p, _ = unigram.learn([as_codes(text)], min_count=2)
    assert words == (["电"] if "电" in text else [])
    assert len(log_p) == len(words)

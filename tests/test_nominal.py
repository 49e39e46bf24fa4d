import numpy as np
import pytest

from termmine import nominal


@pytest.mark.parametrize("table", [nominal.BEFORE, nominal.BEHIND])
def test_each_character_has_one_weight(table):
    characters = "".join(table)
    assert len(set(characters)) == len(characters) > 50
    assert list(table.values()) == sorted(table.values())
    assert all(abs(weight) >= 0.3 and weight == round(weight, 1) for weight in table.values())


def test_weights_are_those_of_the_table():
    for table, weights in zip((nominal.BEFORE, nominal.BEHIND), nominal.weights(), strict=True):
        assert weights.shape == (0x110000,) and weights.dtype == np.float64
        found = {chr(code): weights[code] for code in np.flatnonzero(weights)}
        assert found == {c: weight for group, weight in table.items() for c in group}


def test_what_stands_beside_nouns_and_verbs():
    before, behind = nominal.weights()
    for c in "的对和把个":
        assert before[ord(c)] > 1
    for c in "和、等上":
        assert behind[ord(c)] > 3
    for c in "不能也已":
        assert before[ord(c)] < -2
    for c in "了着到":
        assert behind[ord(c)] < -2
    assert before[ord("\n")] > 0 and behind[ord("\n")] > 0


def test_weights_are_made_once_and_cannot_be_changed():
    before, _ = nominal.weights()
    assert nominal.weights()[0] is before
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1.0

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import zhplot

from termmine import plotting

WORDS = ["蜂王", "工蜂", "巢脾", "时间"]
FRAME = pd.DataFrame(
    {
        "term": WORDS,
        "count": [50, 40, 9, 3],
        "background_count": [0, 0, 1, 70],
        "pmi": [3.0, 2.0, 1.0, -1.0],
        "cohesion": [20.0, 7.4, 2.7, 0.4],
        "score": [0.9, 0.8, 0.7, 0.1],
        "is_strong": [True, True, True, False],
        "hop": [0, 1, 1, 2],
    }
)
CURVE = pd.DataFrame({"recall": [0.1, 0.2], "precision": [1.0, 0.5]})
PICTURES = {
    "pmi": lambda ax: plotting.plot_strength(FRAME, threshold=0.5, ax=ax),
    "cohesion": lambda ax: plotting.plot_strength(FRAME, y="cohesion", ax=ax),
    "nothing": lambda ax: plotting.plot_strength(FRAME.head(0), y="cohesion", ax=ax),
    "contrast": lambda ax: plotting.plot_contrast(FRAME, ax=ax),
    "lengths": lambda ax: plotting.plot_lengths(FRAME, ax=ax),
    "similarities": lambda ax: plotting.plot_similarities({"random": np.linspace(0, 1, 9)}, floor=0.6, ax=ax),
    "hops": lambda ax: plotting.plot_hops(FRAME, [0.6, 0.7], ax=ax),
    "curve": lambda ax: plotting.plot_precision_recall({"list": CURVE}, ax=ax),
    "stages": lambda ax: plotting.plot_stages(pd.Series({"found": 3, "rejected": 1}), ax=ax),
}


@pytest.fixture
def ax():
    with plt.rc_context():
        zhplot.matplotlib_chineseize()
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_return_their_axes_and_render_every_glyph(ax, name):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        assert PICTURES[name](ax) is ax
        ax.figure.canvas.draw()
    assert ax.get_xlabel()


def test_words_are_labelled(ax):
    plotting.plot_contrast(FRAME, ax=ax)
    assert {text.get_text() for text in ax.texts} == set(WORDS)


def test_labels_do_not_pile_up(ax):
    crowd = pd.DataFrame({"term": [f"词{i}" for i in range(50)], "count": 5, "background_count": 5, "score": 0.5})
    lone = pd.DataFrame({"term": ["远"], "count": [500], "background_count": [900], "score": [0.4]})
    plotting.plot_contrast(pd.concat([crowd, lone]), ax=ax)
    assert [text.get_text() for text in ax.texts] == ["词0", "远"]

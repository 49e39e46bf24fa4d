import warnings

import matplotlib
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
WEIGHTS = pd.Series({"nominal": 0.5, "cohesion": -0.75, "is_word": 0.25, "left_border": -0.25})
MOVES = pd.DataFrame({"term": WORDS, "termhood": [1.0, 2.0, 3.0, 4.0], "score": [4.0, 2.5, 3.0, 1.0]})
LEARNED = pd.DataFrame(
    {
        "method": ["pu", "centroid", "pu"],
        "seeds": [20, 20, 50],
        "average_precision": [0.2, 0.1, 0.3],
        "low": [0.15, 0.05, 0.2],
        "high": [0.25, 0.15, 0.4],
    }
)
SHARES = pd.DataFrame({"parameter": ["pool", "data"], "importance": [0.75, 0.2]})
GRID = pd.DataFrame({"pool": [9, 9, 10, 10], "data": ["b", ["a"], "b", "b"], "score": [0.1, 0.2, 0.3, 0.5]})
PICTURES = {
    "pmi": lambda ax: plotting.plot_strength(FRAME, threshold=0.5, ax=ax),
    "cohesion": lambda ax: plotting.plot_strength(FRAME, y="cohesion", ax=ax),
    "nothing": lambda ax: plotting.plot_strength(FRAME.head(0), y="cohesion", ax=ax),
    "contrast": lambda ax: plotting.plot_contrast(FRAME, ax=ax),
    "lengths": lambda ax: plotting.plot_lengths(FRAME, ax=ax),
    "similarities": lambda ax: plotting.plot_similarities({"random": np.linspace(0, 1, 9)}, floor=0.6, ax=ax),
    "hops": lambda ax: plotting.plot_hops(FRAME, [0.6, 0.7], ax=ax),
    "curve": lambda ax: plotting.plot_precision_recall({"list": CURVE}, ax=ax),
    "weights": lambda ax: plotting.plot_weights(WEIGHTS, ax=ax),
    "moves": lambda ax: plotting.plot_moves(MOVES, ax=ax),
    "no moves": lambda ax: plotting.plot_moves(MOVES.head(0), ax=ax),
    "learning": lambda ax: plotting.plot_learning_curve(LEARNED, ax=ax),
    "nothing learned": lambda ax: plotting.plot_learning_curve(LEARNED.head(0), ax=ax),
    "stages": lambda ax: plotting.plot_stages(pd.Series({"found": 3, "rejected": 1}), ax=ax),
    "importance": lambda ax: plotting.plot_importance(SHARES, ax=ax),
    "heat-map": lambda ax: plotting.plot_heatmap(GRID, x="pool", y="data", value="score", ax=ax),
}


HOSTILE = ("$x$", "$", r"\$x$", "$\\frac{$", "a_b^c", "<b>", "{}%s", "$蜂$")


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


def test_the_heaviest_evidence_is_on_top(ax):
    plotting.plot_weights(WEIGHTS, ax=ax)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["is_word", "left_border", "nominal", "cohesion"]  # from below; equals as they came
    assert [bar.get_width() for bar in ax.patches] == [0.25, -0.25, 0.5, -0.75]
    blue, red = plt.matplotlib.colors.to_rgba("tab:blue"), plt.matplotlib.colors.to_rgba("tab:red")
    assert [bar.get_facecolor() for bar in ax.patches] == [blue, red, blue, red]


def test_what_rose_most_is_labelled_first(ax):
    # all at one place but for the last: only the first label of the pile has room
    crowd = pd.DataFrame({"term": [f"词{i}" for i in range(40)], "termhood": 1.0, "score": np.linspace(2, 2.001, 40)})
    fell = pd.DataFrame({"term": ["跌"], "termhood": [5.0], "score": [-3.0]})
    plotting.plot_moves(pd.concat([fell, crowd]), ax=ax)
    assert [text.get_text() for text in ax.texts] == ["词39"]  # 跌 is not among the best 30
    (line,) = ax.lines
    assert line.get_slope() == 1
    x, y = line.get_xy1()
    assert x == y  # on this line nothing moved


def test_each_method_has_its_line_and_its_band(ax):
    plotting.plot_learning_curve(LEARNED, ax=ax)
    assert [line.get_label() for line in ax.lines] == ["pu", "centroid"]
    assert ax.lines[0].get_xydata().tolist() == [[20, 0.2], [50, 0.3]]
    low, high = (
        ax.collections[0].get_paths()[0].vertices[:, 1].min(),
        ax.collections[0].get_paths()[0].vertices[:, 1].max(),
    )
    assert (low, high) == (0.15, 0.4)
    assert ax.get_ylim()[0] == 0


def test_the_most_important_parameter_is_on_top(ax):
    plotting.plot_importance(SHARES, ax=ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["data", "pool"]  # from below
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.75]
    assert [text.get_text() for text in ax.texts] == ["0.20", "0.75"]


def test_a_heat_map_shows_means_in_the_order_of_the_values(ax):
    plotting.plot_heatmap(GRID, x="pool", y="data", value="score", ax=ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["9", "10"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["['a']", "b"]
    fields = {text.get_position(): text.get_text() for text in ax.texts}
    assert fields == {(0.5, 0.5): "0.2", (0.5, 1.5): "0.1", (1.5, 1.5): "0.4"}  # of 10 and a there is no run
    assert [label.get_text() for label in ax.figure.axes[1].yaxis.get_ticklabels()]


def drawn(ax):
    """All text of a picture as it is drawn: not parsed, or with its dollar signs escaped."""
    ax.figure.canvas.draw()
    texts = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]
    texts += ax.get_legend().get_texts() if ax.get_legend() else []
    texts = [text for text in texts if "mathdefault" not in text.get_text()]  # matplotlib's own 10²
    for text in texts:
        assert not (text.get_parse_math() and matplotlib.cbook.is_math_text(text.get_text())), text.get_text()
    return {text.get_text() if not text.get_parse_math() else text.get_text().replace(r"\$", "$") for text in texts}


def test_dollar_signs_are_drawn_as_they_are(ax):
    n = len(HOSTILE)
    rows = pd.DataFrame({"term": HOSTILE, "count": 10.0 ** np.arange(n), "background_count": 10.0 ** np.arange(n)})
    plotting.plot_contrast(rows.assign(score=0.5), ax=ax)
    assert set(HOSTILE) <= drawn(ax)


@pytest.mark.parametrize("name", ["weights", "stages", "importance", "curves", "methods", "samples", "heat-map"])
def test_names_are_drawn_as_they_are(ax, name):
    numbers = pd.Series(np.linspace(0.1, 0.9, len(HOSTILE)), index=HOSTILE)
    shares = pd.DataFrame({"parameter": HOSTILE, "importance": numbers.to_numpy()})
    grid = pd.DataFrame({"$x$ y": HOSTILE, "$y$": 1, "$z$": numbers.to_numpy()})
    methods = [LEARNED.head(1).assign(method=method) for method in HOSTILE]
    draw = {
        "weights": lambda: plotting.plot_weights(numbers, ax=ax),
        "stages": lambda: plotting.plot_stages(numbers, ax=ax),
        "importance": lambda: plotting.plot_importance(shares, ax=ax),
        "curves": lambda: plotting.plot_precision_recall(dict.fromkeys(HOSTILE, CURVE), ax=ax),
        "methods": lambda: plotting.plot_learning_curve(pd.concat(methods), ax=ax),
        "samples": lambda: plotting.plot_similarities({name: [0.1, 0.2] for name in HOSTILE}, ax=ax),
        "heat-map": lambda: plotting.plot_heatmap(grid, x="$x$ y", y="$y$", value="$z$", ax=ax),
    }
    draw[name]()
    assert set(HOSTILE) <= drawn(ax)

import itertools
import re
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
EXPANSION = pd.DataFrame(
    [
        ("蜂王", 0, "", 1.0),
        ("工蜂", 0, "", 1.0),
        ("雄蜂", 1, "蜂王", 0.9),
        ("蜂群", 1, "工蜂", 0.8),
        ("蜂箱", 1, "工蜂", 0.7),
        ("巢框", 2, "蜂箱", 0.65),
        ("巢脾", 2, "蜂箱", 0.6),
    ],
    columns=["term", "hop", "parent", "similarity"],
)
PLACES = EXPANSION.assign(x=np.arange(7.0), y=[0.0, 3, 1, 6, 2, 5, 4])
PARTS = pd.DataFrame(
    {
        "term": np.repeat(["蜂王", "巢脾", "时间"], 4),
        "part": [1, 2, 3, 4] * 3,
        "count": [9, 0, 1, 4, 0, 0, 0, 2, 1, 1, 1, 1],
    }
)
BAND = pd.DataFrame({"recall": [0.1, 0.2], "precision": [1.0, 0.5], "low": [0.2, 0.1], "high": [1.0, 0.9]})
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
WALKS = pd.DataFrame({"walk": ["a", "a", "$b"], "hop": [0, 1, 0], "to_parent": [1, 0.8, 1], "to_seed": [1, -0.2, 1]})
PICTURES = {
    "drift": lambda ax: plotting.plot_drift(WALKS, ax=ax),
    "no drift": lambda ax: plotting.plot_drift(WALKS.head(0), ax=ax),
    "pmi": lambda ax: plotting.plot_strength(FRAME, threshold=0.5, ax=ax),
    "cohesion": lambda ax: plotting.plot_strength(FRAME, y="cohesion", ax=ax),
    "nothing": lambda ax: plotting.plot_strength(FRAME.head(0), y="cohesion", ax=ax),
    "thresholds": lambda ax: plotting.plot_strength(FRAME, y="cohesion", threshold={2: 3.0, 3: 25.0}, ax=ax),
    "no contrast": lambda ax: plotting.plot_contrast(FRAME.head(0), ax=ax),
    "no lengths": lambda ax: plotting.plot_lengths(FRAME.head(0), ax=ax),
    "frequencies": lambda ax: plotting.plot_frequencies(FRAME, ax=ax),
    "background": lambda ax: plotting.plot_frequencies(FRAME, column="background_count", ax=ax),
    "no frequencies": lambda ax: plotting.plot_frequencies(FRAME.head(0), ax=ax),
    "map": lambda ax: plotting.plot_map(PLACES, ax=ax),
    "shaded map": lambda ax: plotting.plot_map(PLACES, colour="similarity", ax=ax),
    "no map": lambda ax: plotting.plot_map(PLACES.head(0), ax=ax),
    "tree": lambda ax: plotting.plot_tree(EXPANSION, ax=ax),
    "part of a tree": lambda ax: plotting.plot_tree(EXPANSION, max_terms=3, ax=ax),
    "a seed": lambda ax: plotting.plot_tree(EXPANSION.head(1), ax=ax),
    "no tree": lambda ax: plotting.plot_tree(EXPANSION.head(0), ax=ax),
    "band": lambda ax: plotting.plot_precision_recall({"list": BAND, "other": CURVE}, ax=ax),
    "no curves": lambda ax: plotting.plot_precision_recall({}, ax=ax),
    "empty curve": lambda ax: plotting.plot_precision_recall({"list": BAND.head(0)}, ax=ax),
    "parts": lambda ax: plotting.plot_term_documents(PARTS, ax=ax),
    "no parts": lambda ax: plotting.plot_term_documents(PARTS.head(0), ax=ax),
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


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "heat-map"])  # its axes are parameters
def test_every_axis_of_numbers_tells_what_in_two_languages_and_its_unit(ax, name):
    PICTURES[name](ax)
    ax.figure.canvas.draw()
    labelled = 0
    for axis in [axis for axes in ax.figure.axes for axis in (axes.xaxis, axes.yaxis) if axis.get_visible()]:
        ticks = [tick.get_text().replace("−", "-").replace(",", "") for tick in axis.get_ticklabels()]
        shows_numbers = any(tick.strip() and set(tick) <= set("-.0123456789") for tick in ticks)
        has_label = bool(axis.get_label_text())
        assert has_label or not shows_numbers
        assert not has_label or re.search(r"[\u4e00-\u9fffA-Z].* \([^()]+\)$", axis.get_label_text())
        labelled += has_label
    assert labelled


def test_all_labels_end_with_the_unit():
    assert all(re.fullmatch(r"[^()]+ \([^()]+\)", label) for label in plotting.LABELS.values())


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
    assert fields == {(0.5, 0.5): "0.200", (0.5, 1.5): "0.100", (1.5, 1.5): "0.400"}  # of 10 and a there is no run
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


@pytest.mark.parametrize(
    "name", ["weights", "stages", "importance", "curves", "methods", "samples", "heat-map", "map", "tree", "documents"]
)
def test_names_are_drawn_as_they_are(ax, name):
    numbers = pd.Series(np.linspace(0.1, 0.9, len(HOSTILE)), index=HOSTILE)
    shares = pd.DataFrame({"parameter": HOSTILE, "importance": numbers.to_numpy()})
    grid = pd.DataFrame({"$x$ y": HOSTILE, "$y$": 1, "$z$": numbers.to_numpy()})
    dots = pd.DataFrame({"term": HOSTILE, "x": 0.0, "y": np.arange(len(HOSTILE)), "hop": 0})
    methods = [LEARNED.head(1).assign(method=method) for method in HOSTILE]
    draw = {
        "weights": lambda: plotting.plot_weights(numbers, ax=ax),
        "stages": lambda: plotting.plot_stages(numbers, ax=ax),
        "importance": lambda: plotting.plot_importance(shares, ax=ax),
        "curves": lambda: plotting.plot_precision_recall(dict.fromkeys(HOSTILE, CURVE), ax=ax),
        "methods": lambda: plotting.plot_learning_curve(pd.concat(methods), ax=ax),
        "samples": lambda: plotting.plot_similarities({name: [0.1, 0.2] for name in HOSTILE}, ax=ax),
        "heat-map": lambda: plotting.plot_heatmap(grid, x="$x$ y", y="$y$", value="$z$", ax=ax),
        "map": lambda: plotting.plot_map(dots, ax=ax),
        "tree": lambda: plotting.plot_tree(dots.assign(parent="", similarity=1.0), ax=ax),
        "documents": lambda: plotting.plot_term_documents(dots.assign(part=1, count=1), ax=ax),
    }
    draw[name]()
    assert set(HOSTILE) <= drawn(ax)


# --- strength, frequencies -------------------------------------------------------------------------------------


def test_each_length_has_its_threshold_and_its_colour(ax):
    longer = pd.DataFrame({"term": ["蜂王浆"], "count": [8], "cohesion": [30.0], "is_strong": [True]})
    four = longer.assign(term="交尾群里")
    plotting.plot_strength(pd.concat([FRAME, longer, four]), y="cohesion", threshold={3: 25.0, 2: 3.0}, ax=ax)
    assert [line.get_ydata()[0] for line in ax.lines] == [3, 25]
    weak, two, three, others = ax.collections
    assert two.get_offsets().tolist() == [[50, 20], [40, 7.4], [9, 2.7]]
    assert three.get_offsets().tolist() == others.get_offsets().tolist() == [[8, 30]]
    assert weak.get_offsets().tolist() == [[3, 0.4]]
    for line, dots in zip(ax.lines, (two, three), strict=True):
        assert plt.matplotlib.colors.to_rgb(line.get_color()) == tuple(dots.get_facecolor()[0][:3])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[1] == "2 characters 字: 3 or more (3)"


def test_one_threshold_is_one_line(ax):
    plotting.plot_strength(FRAME, threshold=0.5, ax=ax)
    assert [line.get_ydata()[0] for line in ax.lines] == [0.5]


def test_bars_count_the_words_from_one_power_of_two_to_the_next(ax):
    plotting.plot_frequencies(pd.DataFrame({"count": [1, 1, 2, 3, 3, 4, 16, 31, 0]}), ax=ax)
    bars = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in ax.patches]
    assert bars == [(1, 1, 2), (2, 2, 3), (4, 4, 1), (8, 8, 0), (16, 16, 2)]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_ylim()[0] < 1  # a bar of one word is seen
    assert "without 1 words" in ax.get_title(loc="left")


def test_logarithmic_ticks_are_plain_numbers(ax):
    plotting.plot_frequencies(pd.DataFrame({"count": [1] * 200 + [90_000]}), ax=ax)
    ax.figure.canvas.draw()
    ticks = {tick.get_text() for tick in (*ax.get_xticklabels(), *ax.get_yticklabels())}
    assert {"1", "100", "10,000"} <= ticks and not any("10^" in tick for tick in ticks)


def test_labels_stay_within_the_axes(ax):
    ax.figure.set_size_inches(4, 3)  # in the middle there is no room on either side
    words = [f"{i}很长的养蜂术语" * 2 for i in range(60)]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"term": words, "x": rng.random(60), "y": rng.random(60), "hop": 1})
    plotting.plot_map(frame, label_top=60, ax=ax)
    ax.figure.canvas.draw()
    inside = ax.get_window_extent()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) > 5
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in boxes)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


# --- maps ------------------------------------------------------------------------------------------------------


def test_a_hop_is_a_colour_with_a_legend(ax):
    places = PLACES.assign(hop=[0, 0, 1, 1, 2, -1, np.nan])
    plotting.plot_map(places, ax=ax)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["seeds 种子词 (2)", "hop 1 (2)", "hop 2 (1)", "not reached 未到达 (2)"]
    assert [dots.get_offsets().tolist() for dots in ax.collections] == [
        [[0, 0], [1, 3]],
        [[2, 1], [3, 6]],
        [[4, 2]],
        [[5, 5], [6, 4]],
    ]
    colours = {tuple(dots.get_facecolor()[0]) for dots in ax.collections}
    assert len(colours) == 4
    sizes = [dots.get_sizes()[0] for dots in ax.collections]
    assert sizes[0] > sizes[1] == sizes[2] > sizes[3]
    assert len(ax.figure.axes) == 1  # no colour bar


def test_other_numbers_are_shades_with_a_colour_bar(ax):
    plotting.plot_map(PLACES.assign(similarity=[0.1, np.nan, 0.3, 0.2, 0.5, 0.6, 0.7]), colour="similarity", ax=ax)
    missing, dots = ax.collections
    assert missing.get_offsets().tolist() == [[1, 3]]
    assert dots.get_array().tolist() == [0.1, 0.3, 0.2, 0.5, 0.6, 0.7]
    assert ax.figure.axes[1].get_ylabel() == plotting.LABELS["similarity"]


def test_many_whole_numbers_are_shades(ax):
    many = pd.DataFrame({"term": [f"词{i}" for i in range(40)], "x": 0.0, "y": np.arange(40.0), "count": np.arange(40)})
    plotting.plot_map(many, colour="count", ax=ax)
    assert ax.get_legend() is None and len(ax.figure.axes) == 2


def test_each_colour_of_a_map_has_labels(ax):
    crowd = pd.DataFrame(
        {"term": [f"词{i}" for i in range(50)], "x": np.arange(50) % 7, "y": np.arange(50) / 50, "hop": 0}
    )
    lone = pd.DataFrame({"term": ["远", "近"], "x": [3.0, 5.0], "y": [9.0, 7.0], "hop": [1, np.nan]})
    plotting.plot_map(pd.concat([crowd, lone], ignore_index=True), label_top=2, ax=ax)
    assert [text.get_text() for text in ax.texts] == ["词0", "远"]


# --- trees -----------------------------------------------------------------------------------------------------


def edges_of(ax):
    """(parent, child) of each line: the text that ends where it begins, and the one that begins where it ends."""
    ax.figure.canvas.draw()
    box = {text.get_text(): text.get_window_extent().transformed(ax.transData.inverted()) for text in ax.texts}
    middle = {term: (b.y0 + b.y1) / 2 for term, b in box.items()}
    edges = set()
    for line in ax.collections[0].get_segments():
        (x0, y0), (x1, y1) = line[0], line[-1]
        parent = min(box, key=lambda term: abs(box[term].x1 - x0) + 9 * abs(middle[term] - y0))
        child = min(box, key=lambda term: abs(box[term].x0 - x1) + 9 * abs(middle[term] - y1))
        edges.add((parent, child))
    return edges


def test_lines_lead_from_each_parent_to_its_children(ax):
    plotting.plot_tree(EXPANSION, ax=ax)
    assert {text.get_text() for text in ax.texts} == set(EXPANSION["term"])
    children = EXPANSION[EXPANSION["hop"] > 0]
    assert edges_of(ax) == set(zip(children["parent"], children["term"], strict=True))
    assert ax.collections[0].get_array().tolist() == children["similarity"].tolist()
    widths = np.array(ax.collections[0].get_linewidth())
    assert widths.argmax() == 0 and widths.argmin() == len(children) - 1
    assert ax.get_title(loc="left") == ""


def test_a_hop_is_a_column(ax):
    plotting.plot_tree(EXPANSION, ax=ax)
    columns = [
        sorted({t.get_position()[0] for t in ax.texts if t.get_text() in set(rows["term"])})
        for _, rows in EXPANSION.groupby("hop")
    ]
    assert [len(column) for column in columns] == [1, 1, 1]
    assert [column[0] for column in columns] == ax.get_xticks().tolist()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2"]


def test_the_largest_family_is_shown_first_and_all_hangs_together(ax):
    # 工蜂 brought in four terms, 蜂箱 two of them: the line 工蜂 - 蜂箱 - 巢框 before all that branches off
    plotting.plot_tree(EXPANSION, max_terms=3, ax=ax)
    assert {text.get_text() for text in ax.texts} == {"工蜂", "蜂箱", "巢框"}
    assert ax.get_title(loc="left").startswith("3 of 7 terms, 1 of 2 seeds; 4 left out")


@pytest.mark.parametrize("most", [1, 2, 5, 17, 40])
def test_what_is_shown_of_a_large_tree_is_connected(ax, most):
    rng = np.random.default_rng(most)
    terms = [f"词{i}" for i in range(300)]
    parent = [int(rng.integers(0, max(i - 5, 1))) if i > 4 else -1 for i in range(300)]
    hop = []
    for p in parent:
        hop.append(hop[p] + 1 if p >= 0 else 0)
    names = ["" if p < 0 else terms[p] for p in parent]
    frame = pd.DataFrame({"term": terms, "hop": hop, "parent": names, "similarity": rng.random(300)})
    plotting.plot_tree(frame.sort_values("hop", kind="stable"), max_terms=most, ax=ax)
    shown = {text.get_text() for text in ax.texts}
    assert len(shown) == most
    assert all(terms[parent[int(term[1:])]] in shown for term in shown if parent[int(term[1:])] >= 0)


def test_what_was_not_reached_is_no_part_of_the_tree(ax):
    plotting.plot_tree(pd.concat([EXPANSION, EXPANSION.head(1).assign(term="时间", hop=-1)]), ax=ax)
    assert "时间" not in {text.get_text() for text in ax.texts}


@pytest.mark.parametrize(("deep", "broad"), [(5, 1), (2, 35)])
def test_terms_of_a_tree_neither_overlap_nor_leave_the_axes(ax, deep, broad):
    names = {(hop, i): f"{hop}之{i}的很长的名称和说明" for hop in range(deep) for i in range(broad if hop else 1)}
    rows = [(name, hop, names.get((hop - 1, 0), ""), 0.5) for (hop, _), name in names.items()]
    plotting.plot_tree(pd.DataFrame(rows, columns=EXPANSION.columns), ax=ax)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == len(names)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert max(box.x1 for box in boxes) <= ax.get_window_extent().x1
    assert broad > 1 or ax.texts[0].get_fontsize() >= 7  # long names are cut before they become too small to read


def test_weak_and_strong_labels_do_not_overlap(ax):
    pairs = pd.DataFrame({"term": ["的蜂", "蜂群"], "count": [50, 51], "pmi": [0.9, 1.0], "is_strong": [False, True]})
    far = pd.DataFrame({"term": ["远"], "count": [5], "pmi": [9.0], "is_strong": [True]})
    plotting.plot_strength(pd.concat([pairs, far]), ax=ax)
    assert [text.get_text() for text in ax.texts] == ["的蜂", "远"]


# --- curves with bands, documents ------------------------------------------------------------------------------


def test_the_band_is_the_interval(ax):
    plotting.plot_precision_recall({"list": BAND, "other": CURVE}, ax=ax)
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[0.1, 1.0], [0.2, 0.5]]] * 2
    (band,) = ax.collections  # the other has none
    corners = set(map(tuple, band.get_paths()[0].vertices.round(6).tolist()))
    assert corners == {(0.1, 0.2), (0.2, 0.1), (0.2, 0.9), (0.1, 1.0)}


def test_what_is_left_out_of_a_curve_lies_on_it(ax):
    rows = {"recall": [0.1, 0.1, 0.1, 0.2, 0.2], "precision": [1.0, 0.5, 0.3, 0.4, 0.4]}
    plotting.plot_precision_recall({"list": pd.DataFrame(rows)}, ax=ax)
    assert ax.lines[0].get_xydata().tolist() == [[0.1, 1.0], [0.1, 0.3], [0.2, 0.4], [0.2, 0.4]]


def test_rows_are_terms_in_their_order_and_columns_parts(ax):
    plotting.plot_term_documents(PARTS, ax=ax)
    (mesh,) = ax.collections
    assert mesh.get_array().tolist() == [[9, 0, 1, 4], [0, 0, 0, 2], [1, 1, 1, 1]]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["蜂王", "巢脾", "时间"]
    assert ax.get_ylim() == (2.5, -0.5)  # the first on top
    assert mesh.get_clim() == (0, 9)
    assert tuple(mesh.to_rgba([0])[0]) == (1, 1, 1, 1)  # white where a term does not occur


def test_names_of_many_rows_are_thinned_out(ax):
    many = pd.DataFrame({"term": [f"词{i}" for i in range(200)], "part": 1, "count": 1})
    plotting.plot_term_documents(many, ax=ax)
    ax.figure.canvas.draw()
    boxes = [tick.get_window_extent() for tick in ax.get_yticklabels()]
    assert 10 < len(boxes) < 100
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


def test_a_drift_has_a_broken_and_a_full_line_a_walk(ax):
    plotting.plot_drift(WALKS, ax=ax)
    drawn = [(line.get_linestyle(), line.get_xydata().tolist()) for line in ax.get_lines()]
    assert drawn[:2] == [("--", [[0, 1], [1, 0.8]]), ("-", [[0, 1], [1, -0.2]])]
    assert [style for style, _ in drawn] == ["--", "-"] * 2
    assert ax.get_ylim()[0] < -0.2 and ax.get_ylim()[1] > 1


def test_a_term_that_comes_again_is_drawn_once(ax):
    plotting.plot_tree(pd.concat([EXPANSION, EXPANSION]), ax=ax)
    assert sorted(text.get_text() for text in ax.texts) == sorted(EXPANSION["term"])


def test_words_without_a_count_are_left_out(ax):
    plotting.plot_frequencies(pd.DataFrame({"count": [1, 2, float("nan")]}), ax=ax)
    assert [bar.get_height() for bar in ax.patches] == [1, 1] and ax.get_title(loc="left") == ""


def test_kinds_are_named_in_their_order(ax):
    kinds = pd.DataFrame({"term": list("甲乙丙丁"), "x": range(4), "y": range(4), "kind": ["z$", "a", None, "z$"]})
    plotting.plot_map(kinds, colour="kind", ax=ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [r"z\$ (2)", "a (1)", "none 无 (1)"]


def test_a_dot_grows_with_the_terms_on_it(ax):
    frame = pd.DataFrame(
        {"term": list("甲乙丙丁戊"), "count": [3, 3, 3, 3, 9], "background_count": 0, "score": range(5)}
    )
    plotting.plot_contrast(frame, ax=ax)
    dots = ax.collections[0]
    sizes = zip(dots.get_offsets().tolist(), dots.get_sizes().tolist(), strict=True)
    assert sorted(sizes) == [([0, 3], 12), ([0, 9], 6)]

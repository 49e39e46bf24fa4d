"""Pictures: a frame in, ``ax`` out.

Chinese labels need a font that has them: ``import zhplot`` once in the notebook, which carries Noto Sans SC.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import Colormap, ListedColormap, PowerNorm
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogFormatter, MaxNLocator

LABELS = {
    "count": "count 词频 (occurrences)",
    "background_count": "background count 背景词频 (occurrences)",
    "cohesion": "cohesion 凝固度 (ratio)",
    "pmi": "PMI 互信息 (nats)",
    "score": "score 得分 (nats; classic: 0..1)",
    "similarity": "cosine similarity 余弦相似度 (-1..1)",
    "density": "density 密度 (share per unit of cosine)",
    "hop": "hop 跳数 (steps from the seeds)",
    "words": "words 词数 (number)",
    "terms": "reference terms 参考术语数 (number)",
    "length": "length 词长 (characters)",
    "recall": "recall 召回率 (0..1)",
    "precision": "precision 精确率 (0..1)",
    "weight": "weight 权重 (nats per standard deviation)",
    "termhood": "termhood 术语度 (nats)",
    "seeds": "seeds given 种子词数 (number)",
    "average_precision": "average precision 平均精确率 (0..1)",
    "importance": "share of the variance explained 解释的方差比例 (η²)",
    "part": "along the corpus 语料位置 (parts of equally many documents)",
    "x": "t-SNE 1 (no unit 无单位)",
    "y": "t-SNE 2 (no unit 无单位)",
}
"""What a column is, English 中文, and its unit, for the axes."""

# Okabe and Ito's colours, which colour-blind people tell apart too
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
_SEED, _PALE = "#D55E00", "0.75"
_Box = tuple[float, float, float]  # left, right, bottom of a label, points
_SIZE = 9  # of a label, points: the width and height of a Chinese character
_DISCRETE = 12  # whole numbers that get a colour each; more get a colour bar


def plot_strength(
    ngrams: pd.DataFrame,
    *,
    y: str = "pmi",
    threshold: float | Mapping[int, float] | None = None,
    label_top: int = 12,
    ax: Axes | None = None,
) -> Axes:
    """Count against PMI or cohesion; strong n-grams coloured, the most frequent of each side labelled.

    Parameters
    ----------
    ngrams : ``term, count, is_strong`` and the column ``y``
    threshold : a line across, in the unit of ``y``; or one for each length in characters, then strong n-grams have the
        colour of their line
    """
    ax = plt.gca() if ax is None else ax
    is_strong = ngrams["is_strong"].astype(bool)
    _scatter(ax, ngrams[~is_strong], y, "0.65", "weak: cut 切开")
    if isinstance(threshold, Mapping):
        _scatter_lengths(ax, ngrams[is_strong], y, threshold)
    else:
        _scatter(ax, ngrams[is_strong], y, "tab:blue", "strong: glued 粘住")
        if threshold is not None:
            ax.axhline(threshold, color="tab:red", linewidth=1, label=f"threshold 阈值 {threshold:g}")
    ax.set(xlabel=LABELS["count"], ylabel=LABELS[y])
    if not ngrams.empty:  # nothing has no logarithm
        ax.set(xscale="log", yscale="log" if y == "cohesion" else "linear")
        _write_powers_out(ax)
    weak = _annotate(ax, ngrams[~is_strong].nlargest(200, "count"), "count", y, label_top)
    _annotate(ax, ngrams[is_strong].nlargest(200, "count"), "count", y, label_top, weak)
    _legend(ax, markerscale=3)
    return ax


def _scatter_lengths(ax: Axes, strong: pd.DataFrame, y: str, threshold: Mapping[int, float]) -> None:
    lengths = strong["term"].str.len()
    for (length, least), colour in zip(sorted(threshold.items()), cycle(_COLOURS)):
        _scatter(ax, strong[lengths == length], y, colour, f"{length} characters 字: {least:g} or more")
        ax.axhline(least, color=colour, linewidth=1)
    others = strong[~lengths.isin(list(threshold))]
    if len(others):
        _scatter(ax, others, y, "0.3", "other lengths 其他字数, strong 粘住")


def _scatter(ax: Axes, rows: pd.DataFrame, y: str, colour: str, name: str) -> None:
    ax.scatter(rows["count"], rows[y], s=5, alpha=0.5, color=colour, linewidths=0, label=f"{name} ({len(rows):,})")


def plot_contrast(
    terms: pd.DataFrame, *, x: str = "background_count", y: str = "count", label_top: int = 25, ax: Axes | None = None
) -> Axes:
    """Background count against domain count, coloured by the best score there, the best-scored terms labelled.

    A dot's area grows with the root of how many terms have these two counts.
    """
    ax = plt.gca() if ax is None else ax
    seen = terms.sort_values("score").drop_duplicates([x, y], keep="last")  # of 100,000 terms most lie on others
    together = terms.groupby([x, y]).size().loc[pd.MultiIndex.from_frame(seen[[x, y]])].to_numpy()
    dots = ax.scatter(seen[x], seen[y], c=seen["score"], s=6 * np.sqrt(together), cmap="viridis", linewidths=0)
    plt.colorbar(dots, ax=ax, label=LABELS["score"])
    ax.set(xlabel=LABELS[x], ylabel=LABELS[y], xscale="symlog", yscale="log")
    _write_powers_out(ax)
    _annotate(ax, terms.nlargest(2000, "score"), x, y, label_top)
    return ax


def plot_lengths(words: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """How many words there are of each length."""
    ax = plt.gca() if ax is None else ax
    lengths = words["term"].str.len().value_counts().sort_index()
    ax.bar(lengths.index, lengths, color="tab:blue")
    ax.set(xlabel=LABELS["length"], ylabel=LABELS["words"])
    if len(lengths) <= 20:  # more ticks would run into each other
        ax.set(xticks=lengths.index)
    return ax


def plot_frequencies(words: pd.DataFrame, *, column: str = "count", ax: Axes | None = None) -> Axes:
    """How many words occur how often: bars for 1, 2-3, 4-7, 8-15, … occurrences; both axes logarithmic.

    Parameters
    ----------
    words : the column ``column``, whole numbers; 0 has no logarithm, so that words with it are told in the title; a
        word without a number is left out
    """
    ax = plt.gca() if ax is None else ax
    counts = words[column].dropna().to_numpy(dtype=np.int64)
    borders = 2 ** np.arange(int(counts.max(initial=1)).bit_length() + 1)
    sizes, _ = np.histogram(counts, borders)
    ax.bar(borders[:-1], sizes, np.diff(borders), align="edge", color="tab:blue", edgecolor="white", linewidth=0.8)
    ax.set(xlabel=LABELS.get(column, column), ylabel=LABELS["words"], xscale="log")
    if sizes.any():
        ax.set(yscale="log", ylim=(0.7, None))  # a bar of one word has a height, too
    _write_powers_out(ax)
    if absent := np.count_nonzero(counts < 1):
        ax.set_title(f"without {absent:,} words that occur 0 times 未含 0 次的词", fontsize=9, loc="left")
    return ax


def plot_similarities(
    samples: dict[str, Sequence[float]], *, floor: float | None = None, ax: Axes | None = None
) -> Axes:
    """Histograms of cosine similarities, and the floor that a neighbour must reach."""
    ax = plt.gca() if ax is None else ax
    bins = np.linspace(-0.5, 1, 61)
    for name, values in samples.items():
        ax.hist(values, bins=bins, density=True, alpha=0.5, label=_literal([name])[0])
    if floor is not None:
        ax.axvline(floor, color="tab:red", linewidth=1, label=f"min_sim {floor:g}")
    ax.set(xlabel=LABELS["similarity"], ylabel=LABELS["density"])
    ax.legend(fontsize=8)
    return ax


def plot_hops(expansion: pd.DataFrame, thresholds: Sequence[float], *, ax: Axes | None = None) -> Axes:
    """Words taken at each hop as bars, and as a line θ of the hop before, which let them in."""
    ax = plt.gca() if ax is None else ax
    sizes = expansion["hop"].value_counts().sort_index()
    ax.bar(sizes.index, sizes, color="tab:blue")
    ax.set(xlabel=LABELS["hop"], ylabel=LABELS["words"], xticks=sizes.index)
    right = ax.twinx()
    right.plot(range(1, len(thresholds) + 1), thresholds, color="tab:red", marker="o", markersize=4)
    right.set(ylabel="θ " + LABELS["similarity"], ylim=(0, 1.05))
    return ax


def plot_drift(walks: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """How near the words of each hop are to what brought them in, a broken line, and to the nearest seed, a full one.

    Parameters
    ----------
    walks : ``walk`` (a colour each), ``hop``, and the means ``to_parent`` and ``to_seed`` (cosines), a row a hop
    """
    ax = plt.gca() if ax is None else ax
    for (walk, hops), colour in zip(walks.groupby("walk", sort=False), cycle((_SEED, *_COLOURS))):
        for column, name, style in (("to_parent", "to the parent 上一词", "--"), ("to_seed", "to a seed 种子词", "-")):
            form = {"linestyle": style, "color": colour, "marker": "o", "markersize": 4}
            ax.plot(hops["hop"], hops[column], label=_literal([f"{walk}, {name}"])[0], **form)
    ax.set(xlabel=LABELS["hop"], ylabel=LABELS["similarity"], xticks=sorted(set(walks["hop"])))
    ax.set_ylim(min(0, walks["to_seed"].min()) - 0.05 if len(walks) else 0, 1.05)
    if len(walks):
        _legend(ax)
    return ax


def plot_precision_recall(curves: Mapping[str, pd.DataFrame], *, ax: Axes | None = None) -> Axes:
    """Precision against recall, one line a list, with its interval as a band.

    Parameters
    ----------
    curves : name → ``recall, precision`` and, for the band, ``low, high``, as ``evaluation.precision_recall_curve``
        returns them
    """
    ax = plt.gca() if ax is None else ax
    for (name, curve), colour in zip(curves.items(), cycle(_COLOURS)):
        curve = curve[_is_corner(curve["recall"].to_numpy())]
        ax.plot(curve["recall"], curve["precision"], label=_literal([name])[0], linewidth=1.5, color=colour)
        if {"low", "high"} <= set(curve):
            ax.fill_between(curve["recall"], curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel=LABELS["recall"], ylabel=LABELS["precision"], xlim=(0, 1), ylim=(0, 1.02))
    if curves:
        _legend(ax)
    return ax


def _is_corner(values: np.ndarray) -> np.ndarray:
    """The first and the last of each run of equal values: the rest lies on the line between them.

    >>> _is_corner(np.array([0, 0, 0, 1])).tolist()
    [True, False, True, True]
    """
    changes = np.diff(values) != 0
    return np.append(True, changes) | np.append(changes, True) if values.size else np.zeros(0, dtype=bool)


def plot_weights(weights: pd.Series, *, ax: Axes | None = None) -> Axes:
    """What each piece of evidence weighs, the heaviest on top; index the evidence."""
    ax = plt.gca() if ax is None else ax
    weights = weights.iloc[np.argsort(weights.abs(), kind="stable")]
    ax.barh(_literal(weights.index), weights, color=np.where(weights > 0, "tab:blue", "tab:red"))
    ax.axvline(0, color="0.3", linewidth=0.8)
    ax.set(xlabel=LABELS["weight"])
    return ax


def plot_moves(terms: pd.DataFrame, *, x: str = "termhood", y: str = "score", ax: Axes | None = None) -> Axes:
    """The score before against the score after; of the best tenth after, the terms that rose most are labelled.

    Parameters
    ----------
    terms : ``term`` and the columns ``x`` and ``y``, on one scale: on the line nothing moved
    """
    ax = plt.gca() if ax is None else ax
    ax.scatter(terms[x], terms[y], s=5, alpha=0.4, color="0.5", linewidths=0)
    if not terms.empty:  # nothing has no mean
        ax.axline((terms[x].mean(), terms[x].mean()), slope=1, color="tab:red", linewidth=1)
    ax.set(xlabel=LABELS[x], ylabel="after learning 学习之后 (nats)")
    best = terms.nlargest(max(len(terms) // 10, 30), y)
    moved = best.iloc[np.argsort(best[x] - best[y], kind="stable")]
    _annotate(ax, moved.head(200), x, y, 25)
    return ax


def plot_learning_curve(curve: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Average precision against the number of seeds, a line a method, with its interval.

    Parameters
    ----------
    curve : ``method, seeds, average_precision, low, high``
    """
    ax = plt.gca() if ax is None else ax
    for (method, rows), colour in zip(curve.groupby("method", sort=False), cycle(_COLOURS)):
        style = {"marker": "o", "markersize": 4, "color": colour, "label": _literal([method])[0]}
        ax.plot(rows["seeds"], rows["average_precision"], **style)
        ax.fill_between(rows["seeds"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel=LABELS["seeds"], ylabel=LABELS["average_precision"], ylim=(0, None))
    if not curve.empty:
        ax.legend(fontsize=8)
    return ax


def plot_stages(stages: pd.Series, *, ax: Axes | None = None) -> Axes:
    """How many reference terms ended at each stage; index the stage."""
    ax = plt.gca() if ax is None else ax
    bars = ax.barh(_literal(stages.index[::-1]), stages[::-1], color="tab:blue")
    ax.bar_label(bars, padding=3)
    ax.set(xlabel=LABELS["terms"])
    ax.margins(x=0.12)
    return ax


def plot_importance(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """What share of a metric's variance each parameter explains, the greatest on top.

    Parameters
    ----------
    frame : ``parameter, importance``, as ``report.importance`` returns it
    """
    ax = plt.gca() if ax is None else ax
    frame = frame.iloc[::-1]
    bars = ax.barh(_literal(frame["parameter"]), frame["importance"], color="tab:blue")
    ax.bar_label(bars, fmt="%.2f", padding=3)
    ax.set(xlabel=LABELS["importance"], xlim=(0, 1.12))
    return ax


def plot_heatmap(frame: pd.DataFrame, *, x: str, y: str, value: str, ax: Axes | None = None) -> Axes:
    """The mean of ``value`` for each pair of values of two parameters, written into its field; darker is more.

    Parameters
    ----------
    frame : a row a run; values of ``x`` and ``y`` may be of any type and are in order, numbers as numbers; runs without
        ``value`` are left out, and a pair that has none stays white
    """
    ax = plt.gca() if ax is None else ax
    frame = frame[frame[value].notna()]
    columns, rows = _levels(frame[x]), _levels(frame[y])
    keys = frame[y].astype(str), frame[x].astype(str)
    means = frame[value].astype(float).groupby([key.rename(i) for i, key in enumerate(keys)]).mean().unstack()
    means = means.reindex(index=rows, columns=columns)
    mesh = ax.pcolormesh(means.to_numpy(), cmap="Blues", edgecolors="white", linewidth=1)
    middle = (means.min(axis=None) + means.max(axis=None)) / 2
    largest = float(np.nanmax(np.abs(means.to_numpy()), initial=0))
    digits = int(np.clip(2 - np.floor(np.log10(largest)), 0, 6)) if largest else 0  # three of the largest
    for (i, j), mean in np.ndenumerate(means.to_numpy()):
        if not np.isnan(mean):
            ax.text(
                j + 0.5, i + 0.5, f"{mean:.{digits}f}", ha="center", va="center", color="w" if mean > middle else "0.15"
            )
    ax.set_xticks(np.arange(len(columns)) + 0.5, _literal(map(_short, columns)))
    ax.set_yticks(np.arange(len(rows)) + 0.5, _literal(map(_short, rows)))
    ax.set(xlabel=_literal([x])[0], ylabel=_literal([y])[0])
    ax.figure.colorbar(mesh, ax=ax, label=_literal([value])[0])
    return ax


def _levels(values: pd.Series) -> list[str]:
    """Distinct values as they are written, numbers in their order.

    >>> _levels(pd.Series([10, 9, 9])), _levels(pd.Series(["b", ["a"]]))
    (['9', '10'], ["['a']", 'b'])
    """
    distinct = {str(value): value for value in values}
    is_number = all(isinstance(value, int | float | np.number) for value in distinct.values())
    return sorted(distinct, key=distinct.get if is_number else None)


# --- vectors, trees, documents ---------------------------------------------------------------------------------


def plot_map(places: pd.DataFrame, *, colour: str = "hop", label_top: int = 30, ax: Axes | None = None) -> Axes:
    """Terms where ``embedding.lay_out`` put them, coloured by a column, some of each colour labelled.

    Parameters
    ----------
    places : ``term, x, y`` and the column ``colour``. Texts, in the order in which they come, and a dozen different
        whole numbers at most are a colour each, with a legend; other numbers are shades, with a colour bar. Without a
        value a term is grey, as is hop -1
    """
    ax = plt.gca() if ax is None else ax
    values, names = places[colour], None
    if not pd.api.types.is_numeric_dtype(values):
        codes, names = pd.factorize(values)
        values = pd.Series(codes, places.index).where(codes >= 0)
    values = values.astype(float)
    values = values.mask(values < 0) if colour == "hop" else values
    known = values.dropna()
    if is_discrete := names is not None or (known.nunique() <= _DISCRETE and (known % 1 == 0).all()):
        _map_groups(ax, places, values, colour, names)
    else:
        _map_group(ax, places[values.isna()], 8, color=_PALE)
        dots = _map_group(ax, places[values.notna()], 14, c=known, cmap=_shades())
        ax.figure.colorbar(dots, ax=ax, label=LABELS.get(colour, _literal([colour])[0]))
    ax.set(xlabel=LABELS["x"], ylabel=LABELS["y"], xticks=[], yticks=[])
    ax.set_aspect("equal", adjustable="datalim")
    turn = values.groupby(values, dropna=False).cumcount() if is_discrete else pd.Series(0, index=places.index)
    order = np.lexsort((values, turn, values.isna()))  # the first of each group, the second of each, …
    _annotate(ax, places.iloc[order].head(1000), "x", "y", label_top)
    return ax


def _map_groups(
    ax: Axes, places: pd.DataFrame, values: pd.Series, column: str, names: Sequence[str] | None = None
) -> None:
    """A colour and a line of the legend for each value, which is the number of a name; below them the terms without."""
    levels = sorted(values.dropna().unique())
    is_seed = [column == "hop" and level == 0 for level in levels]
    shades = iter(plt.colormaps["viridis"](np.linspace(0, 0.9, len(levels) - sum(is_seed))))
    for level, seeds in zip(levels, is_seed, strict=True):
        rows = places[values == level]
        value = _literal([f"{column} {level:g}" if names is None else names[int(level)]])[0]
        name = "seeds 种子词" if seeds else value
        style = {"edgecolors": "black", "linewidths": 0.6, "color": _SEED} if seeds else {"color": next(shades)}
        _map_group(ax, rows, 40 if seeds else 14, label=f"{name} ({len(rows):,})", zorder=3 if seeds else 2, **style)
    missing = places[values.isna()]
    if len(missing):
        name = "not reached 未到达" if column == "hop" else "none 无"
        _map_group(ax, missing, 8, color=_PALE, label=f"{name} ({len(missing):,})")
    if len(places):
        _legend(ax)


def _map_group(ax: Axes, rows: pd.DataFrame, size: float, **style: object) -> PathCollection:
    return ax.scatter(rows["x"], rows["y"], s=size, **{"linewidths": 0} | style)


def plot_tree(expansion: pd.DataFrame, *, max_terms: int = 40, ax: Axes | None = None) -> Axes:
    """Who brought in whom: seeds on the left, each hop further right, a line from each term to those it brought in.

    The darker and thicker a line, the greater the similarity. Of more than ``max_terms`` terms those are shown that
    lead to most: the seed that the most terms go back to, with the child that most of these go back to, and so on to
    the end of the line; then the second child of each of these and the second seed, in the same way; and so on.

    Parameters
    ----------
    expansion : ``term, hop, parent, similarity``, as ``expansion.expand_seeds`` returns it; hop -1 is left out, and a
        term that comes again
    """
    ax = plt.gca() if ax is None else ax
    reached = expansion[expansion["hop"] >= 0].drop_duplicates("term")
    shown = _largest_families(reached, max_terms)
    if left_out := len(reached) - len(shown):
        seeds, n_seeds = ((frame["hop"] == 0).sum() for frame in (shown, reached))
        title = f"{len(shown):,} of {len(reached):,} terms, {seeds} of {n_seeds} seeds; {left_out:,} left out 未画出"
        ax.set_title(title, fontsize=9, loc="left")
    ax.set(xlabel=LABELS["hop"], yticks=[])
    ax.spines[["top", "left", "right"]].set_visible(False)
    parents = _parent_rows(shown)
    lines = LineCollection([], cmap=_shades(), array=shown["similarity"].to_numpy(dtype=float)[parents >= 0])
    ax.add_collection(lines)
    ax.figure.colorbar(
        lines, ax=ax, label=LABELS["similarity"], fraction=0.05, pad=0.02
    )  # takes its room before the text is fitted in
    if len(shown):
        _draw_tree(ax, shown, parents, lines)
    return ax


def _draw_tree(ax: Axes, shown: pd.DataFrame, parents: np.ndarray, lines: LineCollection) -> None:
    """Columns as wide as their longest term; the unit of the axes is a character across and a term down."""
    hops, column = np.unique(shown["hop"], return_inverse=True)
    y = _tree_rows(parents)
    width, height = ax.get_window_extent().size * 72 / ax.figure.dpi  # points
    names, wide, x = _columns(shown["term"], column, width / 7)
    size = min(10, width / x[-1], height / (y.max() + 1) / 1.3)
    for name, left, row, hop in zip(names, x[column], y, shown["hop"], strict=True):
        style = {"fontsize": size, "color": _SEED if hop == 0 else "black"}
        ax.text(left, row, name, va="center", parse_math=False, **style)
    child = np.flatnonzero(parents >= 0)
    ends = x[column] + (wide + 0.4) * size * x[-1] / width
    lines.set_segments(_curves(ends[parents[child]], y[parents[child]], x[column][child] - 0.3, y[child]))
    lines.set_linewidth(0.8 + 2 * _scaled(lines.get_array()))
    ax.set(xlim=(0, x[-1]), ylim=(y.max() + 0.7, -0.7), xticks=x[:-1])
    ax.set_xticklabels([f"{hop:g}" for hop in hops])


def _columns(terms: Iterable[str], column: np.ndarray, room: float) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, cut to what fits into ``room`` characters, 4 at least; their widths; where the columns begin and end."""
    for most in range(20, 3, -1):
        names = [_short(term, most) for term in terms]
        wide = np.array([_width(name) for name in names])
        borders = np.append(0, np.cumsum(pd.Series(wide).groupby(column).max() + _GAP))
        if borders[-1] <= room:
            break
    return names, wide, borders


_GAP = 3  # characters between the columns of a tree


def _largest_families(expansion: pd.DataFrame, most: int) -> pd.DataFrame:
    """The ``most`` terms of ``plot_tree``, each with its parent; in the order of discovery."""
    parents, hops = _parent_rows(expansion), expansion["hop"].to_numpy()
    descendants = np.ones(len(expansion), dtype=np.int64)
    for hop in np.unique(hops)[::-1]:
        rows = np.flatnonzero((hops == hop) & (parents >= 0))
        np.add.at(descendants, parents[rows], descendants[rows])
    siblings = pd.Series(-descendants).groupby(parents)
    detours = siblings.rank(method="first").to_numpy() - 1  # 0 for the largest family of a parent
    for hop in np.unique(hops):
        rows = np.flatnonzero((hops == hop) & (parents >= 0))
        detours[rows] += detours[parents[rows]]
    return expansion.iloc[np.sort(np.lexsort((np.arange(len(hops)), hops, detours))[:most])]


def _parent_rows(expansion: pd.DataFrame) -> np.ndarray:
    """The row of each term's parent, -1 without one."""
    return pd.Index(expansion["term"]).get_indexer(expansion["parent"])


def _tree_rows(parents: np.ndarray) -> np.ndarray:
    """Where each term stands, from the top: terms without children one below the other, parents amid their children.

    >>> _tree_rows(np.array([-1, 0, 0, -1])).tolist()
    [0.5, 0.0, 1.0, 2.0]
    """
    children = [np.flatnonzero(parents == row) for row in range(-1, len(parents))]
    y, leaves, stack, order = np.zeros(len(parents)), 0, list(children[0][::-1]), []
    while stack:
        row = stack.pop()
        order.append(row)
        stack += list(children[row + 1][::-1])
        if not len(children[row + 1]):
            y[row], leaves = leaves, leaves + 1
    for row in order[::-1]:
        if len(children[row + 1]):
            y[row] = y[children[row + 1]].mean()
    return y


def _curves(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> np.ndarray:
    """Smooth lines from (x0, y0) to (x1, y1), level at both ends; (lines, points, 2)."""
    t = np.linspace(0, 1, 25)
    x = x0[:, None] + (x1 - x0)[:, None] * t
    y = y0[:, None] + (y1 - y0)[:, None] * t**2 * (3 - 2 * t)
    return np.stack([x, y], axis=-1)


def plot_term_documents(counts: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Where in the corpus each term occurs: a row a term, a column a part, the darker the more often.

    The shade grows with the square root of the count, so that rare terms are seen beside frequent ones.

    Parameters
    ----------
    counts : ``term, part, count``, as ``candidates.count_in_parts`` returns it; the first term stands on top
    """
    ax = plt.gca() if ax is None else ax
    terms = list(dict.fromkeys(counts["term"]))
    table = counts.pivot_table(index="term", columns="part", values="count", aggfunc="sum", fill_value=0)
    table = table.reindex(index=terms)
    norm = PowerNorm(0.5, vmin=0, vmax=max(1, counts["count"].max() if len(counts) else 1))
    if len(terms):
        edges = np.append(table.columns - 0.5, table.columns[-1] + 0.5)
        mesh = ax.pcolormesh(
            edges, np.arange(len(terms) + 1) - 0.5, table.to_numpy(), cmap=_shades(white=True), norm=norm
        )
        ax.figure.colorbar(mesh, ax=ax, label=LABELS["count"], ticks=MaxNLocator(integer=True))
    _name_rows(ax, terms)
    ax.set(xlabel=LABELS["part"])
    return ax


def _name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Names at the left, the first on top, as large as fits; if there are too many, every second one, third one, …"""
    height = ax.get_window_extent().height * 72 / ax.figure.dpi / max(len(names), 1)  # points a row
    step = int(np.ceil(6 / height))
    size = min(9, step * height / 1.2)
    ax.set_yticks(range(0, len(names), step), _literal(map(_short, names[::step])), fontsize=size)
    ax.tick_params(axis="y", length=0)
    if names:
        ax.set_ylim(len(names) - 0.5, -0.5)


# --- what they share -------------------------------------------------------------------------------------------


def _shades(*, white: bool = False) -> Colormap:
    """Light to dark, as bright to colour-blind people; pale yellow, or white, for the least."""
    colours = plt.colormaps["viridis_r"](np.linspace(0.1, 1, 256))
    if white:
        colours[:, :3] = 1 - (1 - colours[:, :3]) * np.minimum(1, np.linspace(0, 5, 256))[:, None]
    return ListedColormap(colours)


def _scaled(values: np.ndarray) -> np.ndarray:
    """From 0 for the least to 1 for the greatest.

    >>> _scaled(np.array([1.0, 3.0, 2.0])).tolist()
    [0.0, 1.0, 0.5]
    """
    span = np.ptp(values) if values.size else 0
    return (values - values.min()) / span if span else np.ones_like(values)


def _short(name: str, most: int = 20) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _width(text: str) -> float:
    """About how wide a text is, in Chinese characters.

    >>> _width("蜂王AB")
    3.2
    """
    return sum(1 if ord(character) > 0x2E7F else 0.6 for character in text)


def _legend(ax: Axes, **style: object) -> None:
    """A legend above the axes, where it covers nothing, in as many columns as there is room for."""
    size = 8  # points
    names = ax.get_legend_handles_labels()[1]
    wide = max((_width(name) for name in names), default=1) * size + 4 * size
    columns = max(1, min(len(names), int(ax.get_window_extent().width * 72 / ax.figure.dpi / wide)))
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": columns, "columnspacing": 1, "borderaxespad": 0.2}
    ax.legend(fontsize=size, frameon=False, **place, **style)


class _Plain(LogFormatter):
    """Ticks of a logarithmic axis as numbers: 10,000 and not 10 to the 4, 0.1 and not 1e-01."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:,.12g}" if x == 0 or super().__call__(x, pos) else ""


def _write_powers_out(ax: Axes) -> None:
    for axis in (ax.xaxis, ax.yaxis):
        if axis.get_scale() != "linear":
            axis.set_major_formatter(_Plain())
        if axis.get_scale() == "log":
            axis.set_minor_formatter(_Plain())


def _annotate(ax: Axes, rows: pd.DataFrame, x: str, y: str, most: int, others: Sequence[_Box] = ()) -> list[_Box]:
    """Label the first ``most`` rows that have room beside ``others``; call it when the axes' scales are set."""
    ax.autoscale_view()
    ax.apply_aspect()
    begin, end = np.array(ax.get_window_extent().intervalx) * 72 / ax.figure.dpi
    places = rows[[x, y]].to_numpy(dtype=float)
    points = ax.transData.transform(places) * 72 / ax.figure.dpi
    taken: list[_Box] = []
    for name, place, (left, bottom) in zip(map(_short, rows["term"]), places, points, strict=True):
        wide = _SIZE * (len(name) + 1)
        is_turned = left + wide > end  # there is no room on the right of it
        box = (left - wide, left, bottom) if is_turned else (left, left + wide, bottom)
        if len(taken) == most:
            break
        if box[0] >= begin and not any(_overlap(box, other) for other in (*others, *taken)):
            taken.append(box)
            _write(ax, name, place, is_turned)
    return taken


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and abs(one[2] - other[2]) < _SIZE + 2


def _write(ax: Axes, name: str, place: np.ndarray, is_turned: bool) -> None:
    outline = [withStroke(linewidth=2, foreground="white", alpha=0.8)]  # legible on dots
    aside = {"xytext": (-3 if is_turned else 3, 2), "ha": "right" if is_turned else "left"}
    style = {"fontsize": _SIZE, "textcoords": "offset points", "path_effects": outline, "parse_math": False}
    ax.annotate(name, place, **aside, **style)


def _literal(values: Iterable[object]) -> list[str]:
    """Names as they are written: a dollar sign begins no formula.

    >>> _literal(["$x$", 0.5])
    ['\\\\$x\\\\$', '0.5']
    """
    return [str(value).replace("$", r"\$") for value in values]

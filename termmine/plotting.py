"""Pictures: a frame in, ``ax`` out.

Chinese labels need a font that has them: ``import zhplot`` once in the notebook, which carries Noto Sans SC.
"""

from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

LABELS = {
    "count": "count 词频 (occurrences)",
    "background_count": "background count 背景词频 (occurrences)",
    "cohesion": "cohesion 凝固度 (ratio)",
    "pmi": "PMI 互信息 (nats)",
    "score": "contrast score 对比得分",
    "similarity": "cosine similarity 余弦相似度",
    "hop": "hop 跳数",
    "words": "words 词数",
    "terms": "reference terms 参考术语数",
    "length": "length 词长 (characters)",
    "recall": "recall 召回率",
    "precision": "precision 准确率",
    "weight": "weight 权重 (nats per standard deviation)",
    "termhood": "termhood 术语度 (nats)",
    "seeds": "seeds given 种子词数",
    "average_precision": "average precision 平均准确率",
    "importance": "share of the variance explained 解释的方差比例 (η²)",
}


def plot_strength(
    ngrams: pd.DataFrame, *, y: str = "pmi", threshold: float | None = None, label_top: int = 12, ax: Axes | None = None
) -> Axes:
    """Count against PMI or cohesion; strong n-grams coloured, the most frequent of each side labelled.

    Parameters
    ----------
    ngrams : ``term, count, is_strong`` and the column ``y``
    threshold : a line across, in the unit of ``y``
    """
    ax = plt.gca() if ax is None else ax
    for is_strong, colour, name in ((False, "0.65", "weak: cut"), (True, "tab:blue", "strong: glued")):
        side = ngrams[ngrams["is_strong"] == is_strong]
        ax.scatter(side["count"], side[y], s=5, alpha=0.5, color=colour, linewidths=0, label=f"{name} ({len(side):,})")
    if threshold is not None:
        ax.axhline(threshold, color="tab:red", linewidth=1, label=f"threshold {threshold:g}")
    ax.set(xlabel=LABELS["count"], ylabel=LABELS[y])
    if not ngrams.empty:  # nothing has no logarithm
        ax.set(xscale="log", yscale="log" if y == "cohesion" else "linear")
    for is_strong in (False, True):
        side = ngrams[ngrams["is_strong"] == is_strong]
        _annotate(ax, side.nlargest(200, "count"), "count", y, label_top)
    ax.legend(markerscale=3, loc="upper right", fontsize=8)
    return ax


def plot_contrast(
    terms: pd.DataFrame, *, x: str = "background_count", y: str = "count", label_top: int = 25, ax: Axes | None = None
) -> Axes:
    """Background count against domain count, coloured by the best score there, the best-scored terms labelled."""
    ax = plt.gca() if ax is None else ax
    seen = terms.sort_values("score").drop_duplicates([x, y], keep="last")  # of 100,000 terms most lie on others
    dots = ax.scatter(seen[x], seen[y], c=seen["score"], s=6, cmap="viridis", linewidths=0)
    plt.colorbar(dots, ax=ax, label=LABELS["score"])
    ax.set(xlabel=LABELS[x], ylabel=LABELS[y], xscale="symlog", yscale="log")
    _annotate(ax, terms.nlargest(2000, "score"), x, y, label_top)
    return ax


def plot_lengths(words: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """How many words there are of each length."""
    ax = plt.gca() if ax is None else ax
    lengths = words["term"].str.len().value_counts().sort_index()
    ax.bar(lengths.index, lengths, color="tab:blue")
    ax.set(xlabel=LABELS["length"], ylabel=LABELS["words"], xticks=lengths.index)
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
    ax.set(xlabel=LABELS["similarity"], ylabel="share 占比 (density)")
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


def plot_precision_recall(curves: dict[str, pd.DataFrame], *, ax: Axes | None = None) -> Axes:
    """Precision against recall, one line a list."""
    ax = plt.gca() if ax is None else ax
    for name, curve in curves.items():
        ax.plot(curve["recall"], curve["precision"], label=_literal([name])[0], linewidth=1.5)
    ax.set(xlabel=LABELS["recall"], ylabel=LABELS["precision"], xlim=(0, 1), ylim=(0, 1.02))
    ax.legend()
    return ax


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
    for method, rows in curve.groupby("method", sort=False):
        (line,) = ax.plot(
            rows["seeds"], rows["average_precision"], marker="o", markersize=4, label=_literal([method])[0]
        )
        ax.fill_between(rows["seeds"], rows["low"], rows["high"], color=line.get_color(), alpha=0.15, linewidth=0)
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
    for (i, j), mean in np.ndenumerate(means.to_numpy()):
        if not np.isnan(mean):
            ax.text(j + 0.5, i + 0.5, f"{mean:.3g}", ha="center", va="center", color="w" if mean > middle else "0.15")
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


def _short(name: str) -> str:
    return name if len(name) <= 20 else name[:19] + "…"


def _annotate(ax: Axes, rows: pd.DataFrame, x: str, y: str, most: int) -> None:
    """Label the first ``most`` rows that have room; call it when the axes' scales are set."""
    ax.autoscale_view()
    size = 9  # points, the width and height of a Chinese character
    taken: list[tuple[float, float, float]] = []  # left, right, bottom of each label, points
    for row in rows.to_dict("records"):
        left, bottom = ax.transData.transform((row[x], row[y])) * 72 / ax.figure.dpi
        right = left + size * (len(row["term"]) + 1)
        clashes = (left < other[1] and other[0] < right and abs(bottom - other[2]) < size + 2 for other in taken)
        if len(taken) == most or any(clashes):
            continue
        taken.append((left, right, bottom))
        place = {"fontsize": size, "xytext": (3, 2), "textcoords": "offset points"}
        ax.annotate(row["term"], (row[x], row[y]), **place, parse_math=False)


def _literal(values: Iterable[object]) -> list[str]:
    """Names as they are written: a dollar sign begins no formula.

    >>> _literal(["$x$", 0.5])
    ['\\\\$x\\\\$', '0.5']
    """
    return [str(value).replace("$", r"\$") for value in values]

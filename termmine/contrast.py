"""Which mark this field?

Scores of words by how much more often the domain uses them than the background does.
"""

import pandas as pd

from termmine.errors import InputError


def smoothed_ratio(domain: pd.Series, background: pd.Series) -> pd.DataFrame:
    """Smoothed ratio of domain to background frequency, between 0 and 1.

    score = (f + m·α) / (t + m),  t = f + g: f the domain count, g the background count scaled to the domain's
    size, m the mean of t over both vocabularies, α = Σf / Σt (0.5 after scaling). The prior m keeps words seen
    once from reaching 1. A word that one corpus lacks counts 0 there. Source: matrix67.com/blog/archives/5044.

    Parameters
    ----------
    domain, background : counts, index the word

    Returns
    -------
    frame : ``term, score``, best first, ties by ``term``; the union of both vocabularies

    Raises
    ------
    InputError : a corpus has no words

    >>> smoothed_ratio(pd.Series({"蜂王": 3, "时间": 1}), pd.Series({"时间": 2})).round(3).values.tolist()
    [['蜂王', 0.714], ['时间', 0.333]]
    """
    for name, counts in (("domain", domain), ("background", background)):
        if not counts.sum() > 0:
            raise InputError(f"the {name} has no words to contrast; lower min_count or give more text")
    counts = pd.DataFrame({"f": domain, "g": background}).fillna(0.0)
    g = counts["g"] * (counts["f"].sum() / counts["g"].sum())
    t = counts["f"] + g
    m, alpha = t.mean(), counts["f"].sum() / t.sum()
    scores = (counts["f"] + m * alpha) / (t + m)
    frame = pd.DataFrame({"term": counts.index.astype(object), "score": scores.to_numpy()})
    return frame.sort_values(["score", "term"], ascending=[False, True], ignore_index=True)

"""Which mark this field?

Scores of words by how much more often the domain uses them than the background does. Every measure takes the two
counts and gives the same frame; ``MEASURES`` has them by name.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from termmine.errors import InputError


def smoothed_ratio(
    domain: pd.Series,
    background: pd.Series,
    *,
    domain_total: float | None = None,
    background_total: float | None = None,
) -> pd.DataFrame:
    """Smoothed ratio of domain to background frequency, between 0 and 1.

    score = (f + m·α) / (t + m),  t = f + g: f the domain count, g the background count scaled to the domain's
    size, m the mean of t over both vocabularies, α = Σf / Σt (0.5 after scaling). The prior m keeps words seen
    once from reaching 1. A word that one corpus lacks counts 0 there. Source: matrix67.com/blog/archives/5044.

    Parameters
    ----------
    domain, background : counts, index the word
    domain_total, background_total : sizes by which the background is scaled; the sums of the counts unless given

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
    f_total = counts["f"].sum() if domain_total is None else domain_total
    g = counts["g"] * (f_total / (counts["g"].sum() if background_total is None else background_total))
    t = counts["f"] + g
    m, alpha = t.mean(), counts["f"].sum() / t.sum()
    scores = (counts["f"] + m * alpha) / (t + m)
    frame = pd.DataFrame({"term": counts.index.astype(object), "score": scores.to_numpy()})
    return frame.sort_values(["score", "term"], ascending=[False, True], ignore_index=True)


def log_likelihood(
    domain: pd.Series,
    background: pd.Series,
    *,
    domain_total: float | None = None,
    background_total: float | None = None,
) -> pd.DataFrame:
    """Signed log-likelihood ratio G² of each word's two frequencies, in nats.

    G² = 2 (f ln(f / E_f) + g ln(g / E_g)),  E_f = n_f (f + g) / (n_f + n_g), E_g likewise: f and g the counts, n_f and
    n_g the sizes, E what equal rates would give; 0 ln 0 = 0. Negative where the background uses the word at the higher
    rate. G² weighs evidence, not strength: a frequent word reaches a high value with rates that hardly differ.
    Sources: Dunning (1993); the two cells, Rayson & Garside (2000).

    Parameters
    ----------
    domain, background : counts, index the word
    domain_total, background_total : sizes in tokens; the sums of the counts unless given

    Returns
    -------
    frame : ``term, score``, best first, ties by ``term``; the union of both vocabularies

    Raises
    ------
    InputError : a corpus has no words, a word stands twice, or a count or size is out of range

    >>> f, g = pd.Series({"蜂王": 3, "时间": 1}), pd.Series({"时间": 4})
    >>> log_likelihood(f, g).round(3).values.tolist()                 # 6 ln(3/1.5); -2 (ln(1/2.5) + 4 ln(4/2.5))
    [['蜂王', 4.159], ['时间', -1.927]]
    """
    counts, n_f, n_g = _aligned(domain, background, domain_total, background_total)
    f, g = counts["f"].to_numpy(), counts["g"].to_numpy()
    rate = (f + g) / (n_f + n_g)
    g2 = 2 * (_times_log_ratio(f, n_f * rate) + _times_log_ratio(g, n_g * rate))
    return _ranked(counts.index, np.maximum(g2, 0.0) * np.sign(f * n_g - g * n_f))


def log_odds(
    domain: pd.Series,
    background: pd.Series,
    *,
    domain_total: float | None = None,
    background_total: float | None = None,
    alpha0: float | None = None,
) -> pd.DataFrame:
    """Log-odds ratio with an informative Dirichlet prior, in standard deviations.

    z = δ / √(1/F + 1/G),  δ = ln(F / (n_f + α0 − F)) − ln(G / (n_g + α0 − G)),  F = f + α, G = g + α,
    α = α0 (f + g) / (n_f + n_g): both counts are drawn towards the pooled rate, by α0 tokens of it. A small α0 punishes
    words that the background lacks, since 1/G is then large. Source: Monroe, Colaresi & Quinn (2008).

    Parameters
    ----------
    domain, background : counts, index the word
    domain_total, background_total : sizes in tokens; the sums of the counts unless given
    alpha0 : size of the prior in tokens; n_f + n_g unless given, so that α is the pooled count f + g

    Returns
    -------
    frame : ``term, score`` (z, positive on the domain's side; 0 where neither corpus has the word), best first, ties by
        ``term``; the union of both vocabularies

    Raises
    ------
    InputError : a corpus has no words or no other word than one, a word stands twice, or a number is out of range

    >>> f, g = pd.Series({"蜂王": 3, "时间": 1}), pd.Series({"时间": 4})
    >>> log_odds(f, g).round(3).values.tolist()              # (ln(6/6) − ln(3/9)) / √(1/6 + 1/3); …
    [['蜂王', 1.554], ['时间', -2.084]]
    """
    counts, n_f, n_g = _aligned(domain, background, domain_total, background_total)
    alpha0 = n_f + n_g if alpha0 is None else alpha0
    if not 0 < alpha0 < np.inf:
        raise InputError(f"alpha0 must be a finite number above 0, got {alpha0!r}")
    seen = counts[counts.sum(axis=1) > 0]
    alpha = alpha0 * seen.sum(axis=1) / (n_f + n_g)
    f, g = seen["f"] + alpha, seen["g"] + alpha
    f_rest, g_rest = n_f + alpha0 - f, n_g + alpha0 - g
    if not ((f_rest > 0) & (g_rest > 0)).all():
        raise InputError("log_odds needs a second word, or the odds are infinite; give more words or the totals")
    z = (np.log(f / f_rest) - np.log(g / g_rest)) / np.sqrt(1 / f + 1 / g)
    return _ranked(counts.index, z.reindex(counts.index, fill_value=0.0).to_numpy())


def weirdness(
    domain: pd.Series,
    background: pd.Series,
    *,
    domain_total: float | None = None,
    background_total: float | None = None,
) -> pd.DataFrame:
    """Ratio of the relative frequencies, weighted by the logarithm of the domain count.

    score = (f / n_f) / ((g + 1) / n_g) · ln(1 + f): f and g the counts, n_f and n_g the sizes. The 1 keeps the ratio
    finite where the background lacks the word; ln(1 + f) keeps words seen once from leading, where ln f would give them
    nothing at all. 0 where the domain lacks the word. Source: Ahmad, Gillam & Tostevin (1999).

    Parameters
    ----------
    domain, background : counts, index the word
    domain_total, background_total : sizes in tokens; the sums of the counts unless given

    Returns
    -------
    frame : ``term, score``, best first, ties by ``term``; the union of both vocabularies

    Raises
    ------
    InputError : a corpus has no words, a word stands twice, or a count or size is out of range

    >>> f, g = pd.Series({"蜂王": 3, "时间": 1}), pd.Series({"时间": 4})
    >>> weirdness(f, g).round(3).values.tolist()                      # 3/4 · 4/1 · ln 4; 1/4 · 4/5 · ln 2
    [['蜂王', 4.159], ['时间', 0.139]]
    """
    counts, n_f, n_g = _aligned(domain, background, domain_total, background_total)
    f, g = counts["f"].to_numpy(), counts["g"].to_numpy()
    return _ranked(counts.index, (f / n_f) / ((g + 1) / n_g) * np.log1p(f))


MEASURES: dict[str, Callable[[pd.Series, pd.Series], pd.DataFrame]] = {
    "smoothed_ratio": smoothed_ratio,
    "log_likelihood": log_likelihood,
    "log_odds": log_odds,
    "weirdness": weirdness,
}


def _aligned(
    domain: pd.Series, background: pd.Series, domain_total: float | None, background_total: float | None
) -> tuple[pd.DataFrame, float, float]:
    """Counts ``f, g`` over both vocabularies, 0 where a corpus lacks the word, and the sizes."""
    n_f, n_g = _size("domain", domain, domain_total), _size("background", background, background_total)
    return pd.DataFrame({"f": domain, "g": background}).fillna(0.0).astype(float), n_f, n_g


def _size(name: str, counts: pd.Series, total: float | None) -> float:
    """The corpus's size, once its counts have been checked."""
    if counts.index.has_duplicates:
        twice = counts.index[counts.index.duplicated()][0]
        raise InputError(f"each word may stand in the {name} counts once; {twice} stands there twice; add them up")
    if bad := counts.index[~((counts >= 0) & (counts < np.inf))].tolist():
        raise InputError(f"{name} counts must be finite, 0 or more; {bad[0]} has {counts[bad[0]]}; drop or mend it")
    if not counts.sum() > 0:
        raise InputError(f"the {name} has no words to contrast; lower min_count or give more text")
    if total is not None and not counts.max() <= total < np.inf:
        raise InputError(f"{name}_total must be finite and at least the largest count, {counts.max()}, got {total!r}")
    return float(counts.sum() if total is None else total)


def _times_log_ratio(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """O ln(O / E), 0 where O is 0."""
    is_seen = observed > 0
    return observed * np.log(np.divide(observed, expected, out=np.ones_like(observed), where=is_seen))


def _ranked(terms: pd.Index, scores: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame({"term": terms.astype(object), "score": scores})
    return frame.sort_values(["score", "term"], ascending=[False, True], ignore_index=True)

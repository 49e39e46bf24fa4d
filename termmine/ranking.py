"""In what order?

The final list: every candidate stays in it, best first, the rejected ones behind the kept ones with the reason.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from termmine import rules as filters


def rank_classic(
    contrast: pd.DataFrame,
    expansion: pd.DataFrame,
    rules: Iterable[filters.Rule],
    *,
    min_term_len: int = 3,
    max_terms: int = 10_000,
) -> pd.DataFrame:
    """The classic list: what the expansion reached, filtered, in the order of the contrast score.

    Parameters
    ----------
    contrast : candidates with ``term, score, count, doc_freq, background_count`` and other features
    expansion : ``term, hop, parent, similarity`` of the words reached
    rules : filter rules
    min_term_len : characters of a kept term (the source post keeps 3 and more)
    max_terms : kept terms at most

    Returns
    -------
    frame : ``rank, term, score, …, hop, parent, similarity, rejected_by``. hop is -1 and similarity NaN for what was
        not reached. Reasons: a rule's, ``not_reached``, ``min_term_len: n``, ``max_terms: n``.
    """
    reached = expansion[["term", "hop", "parent", "similarity"]]
    terms = filters.apply_rules(contrast.drop(columns="rank", errors="ignore"), rules).merge(
        reached, on="term", how="left"
    )
    terms["hop"] = terms["hop"].fillna(-1).astype("int64")
    terms["parent"] = terms["parent"].fillna("")
    _reject(terms, terms["hop"] < 0, "not_reached")
    _reject(terms, terms["term"].str.len() < min_term_len, f"min_term_len: {min_term_len}")
    terms = terms.sort_values(["score", "term"], ascending=[False, True], ignore_index=True)
    kept = terms["rejected_by"] == ""
    _reject(terms, kept & (kept.cumsum() > max_terms), f"max_terms: {max_terms}")
    order = np.argsort(terms["rejected_by"] != "", kind="stable")  # kept ones first
    terms = terms.iloc[order].reset_index(drop=True)
    terms.insert(0, "rank", np.arange(1, len(terms) + 1))
    return terms[[name for name in terms if name != "rejected_by"] + ["rejected_by"]]


def _reject(terms: pd.DataFrame, fails: pd.Series, reason: str) -> None:
    terms.loc[fails & (terms["rejected_by"] == ""), "rejected_by"] = reason

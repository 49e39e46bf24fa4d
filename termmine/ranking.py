"""In what order?

``termhood`` makes one score of all that the text shows of a candidate. ``rank_classic`` and ``rank_fused`` make the
final list: every candidate stays in it, best first, the rejected ones behind the kept ones with the reason.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from termmine import rules as filters
from termmine.errors import InputError


class Evidence(NamedTuple):
    """One piece of evidence: its weight in ``termhood``, per standard deviation, and what a value is measured from."""

    weight: float  # nats
    mean: float
    deviation: float


# Fitted once by tests/benchmarks/termhood.py: a logistic regression that tells the terms of a dictionary from the other
# candidates of electric-power texts (see README, Sources). The other fields had no part in it.
EVIDENCE = {
    "log_ratio": Evidence(0.344, 1.671, 1.117),
    "log_frequency": Evidence(0.566, 0.598, 0.317),
    "log_entropy": Evidence(0.969, -0.809, 1.420),
    "min_entropy": Evidence(0.287, 0.846, 0.745),
    "max_entropy": Evidence(0.203, 1.242, 0.787),
    "cohesion": Evidence(-0.224, 3.310, 2.223),
    "is_word": Evidence(-0.372, 0.108, 0.311),
    "nominal": Evidence(0.594, -0.106, 1.538),
    "left_border": Evidence(0.158, 0.191, 0.287),
    "right_border": Evidence(0.458, 0.199, 0.307),
    "first_alone": Evidence(-0.299, 0.248, 0.316),
    "last_alone": Evidence(-0.309, 0.236, 0.310),
    "domain_first_alone": Evidence(-0.225, 0.262, 0.328),
    "domain_last_alone": Evidence(-0.162, 0.247, 0.321),
    "first_log_ratio": Evidence(0.159, 1.496, 2.280),
    "last_log_ratio": Evidence(0.300, 1.572, 2.276),
    "first_log_count": Evidence(-0.814, 6.572, 2.446),
    "last_log_count": Evidence(-0.287, 6.611, 2.451),
    "log_documents": Evidence(-0.199, -0.103, 0.224),
    "has_two_characters": Evidence(-0.106, 0.111, 0.314),
}
INTERCEPT = -7.223  # nats, at the means
_WIDEST = 5.0  # standard deviations; what lies further out counts as this
_LEAST_ENTROPY = 0.05  # nats; keeps the logarithm finite
_FUSION = 60  # Cormack, Clarke & Büttcher's constant: how little the very first ranks stand out
_WORD_COHESION = 5.0  # nats; a single word holds together about as firmly as the firmest runs
_NEEDED = (
    *("term", "count", "doc_freq", "background_count", "word_count", "left_entropy", "right_entropy", "cohesion"),
    *("nominal", "left_border", "right_border", "first_alone", "last_alone", "domain_first_alone", "domain_last_alone"),
    *("first_word_count", "last_word_count", "first_word_background", "last_word_background"),
)


def gather_evidence(candidates: pd.DataFrame, *, domain_size: int, background_size: int) -> pd.DataFrame:
    """The evidence for each candidate, as ``EVIDENCE`` names it.

    - ``log_ratio``: ln((count / N) / ((background_count + 1) / G)), N and G the corpora's characters;
      ``first_log_ratio, last_log_ratio``: that of its first and last word, with the word's f (below) for count
    - ``log_frequency``: ln ln(1 + f), f its occurrences as a run of words; ``first_log_count, last_log_count``: ln f of
      its first and last word
    - ``log_entropy, min_entropy, max_entropy``: the smaller boundary entropy's logarithm, itself, and the larger one
    - ``log_documents``: ln(doc_freq / count), below 0 where a document repeats it
    - ``is_word, has_two_characters``: 1 or 0; ``cohesion`` is 5 nats for a word
    - the others as ``candidates.from_phrases`` gives them

    Parameters
    ----------
    candidates : as ``candidates.from_phrases`` leaves them
    domain_size, background_size : characters

    Returns
    -------
    frame : a column each, in its natural unit, the index of ``candidates``

    Raises
    ------
    InputError : a column is missing, or a corpus is empty
    """
    if missing := [name for name in _NEEDED if name not in candidates]:
        raise InputError(f"termhood needs candidates.from_phrases; the frame lacks {', '.join(missing)}")
    for name, size in (("domain", domain_size), ("background", background_size)):
        if size < 1:
            raise InputError(f"the {name} is empty; termhood compares two corpora, give text")
    c = candidates

    def log_ratio(count: pd.Series, background_count: pd.Series) -> pd.Series:
        return np.log((count / domain_size) / ((background_count + 1) / background_size))

    entropy = c[["left_entropy", "right_entropy"]]
    columns = {
        "log_ratio": log_ratio(c["count"], c["background_count"]),
        "log_frequency": np.log(np.log1p(c["word_count"])),
        "log_entropy": np.log(np.maximum(entropy.min(axis=1), _LEAST_ENTROPY)),
        "min_entropy": entropy.min(axis=1),
        "max_entropy": entropy.max(axis=1),
        "cohesion": c["cohesion"].fillna(_WORD_COHESION),
        "is_word": c["cohesion"].isna(),
        "nominal": c["nominal"],
        "left_border": c["left_border"],
        "right_border": c["right_border"],
        "first_alone": c["first_alone"],
        "last_alone": c["last_alone"],
        "domain_first_alone": c["domain_first_alone"],
        "domain_last_alone": c["domain_last_alone"],
        "first_log_ratio": log_ratio(c["first_word_count"], c["first_word_background"]),
        "last_log_ratio": log_ratio(c["last_word_count"], c["last_word_background"]),
        "first_log_count": np.log(c["first_word_count"]),
        "last_log_count": np.log(c["last_word_count"]),
        "log_documents": np.log(c["doc_freq"] / c["count"]),
        "has_two_characters": c["term"].str.len() == 2,
    }
    return pd.DataFrame(columns).astype(float)


def standardise(evidence: pd.DataFrame, weights: Mapping[str, Evidence] = EVIDENCE) -> pd.DataFrame:
    """Evidence in standard deviations from its mean in the field that the weights come from, within ±5.

    Parameters
    ----------
    evidence : as ``gather_evidence`` leaves it
    weights : with the means and deviations; only what they name is returned

    Raises
    ------
    InputError : the evidence lacks something that has a weight

    >>> standardise(pd.DataFrame({"nominal": [3.0, 99.0]}), {"nominal": Evidence(1, 5, 2)})["nominal"].tolist()
    [-1.0, 5.0]
    """
    if missing := [name for name in weights if name not in evidence]:
        raise InputError(f"the evidence lacks {', '.join(missing)}; take all that gather_evidence gives")
    scaled = {name: (evidence[name] - e.mean) / e.deviation for name, e in weights.items()}
    return pd.DataFrame(scaled, index=evidence.index).clip(-_WIDEST, _WIDEST)


def termhood(evidence: pd.DataFrame, weights: Mapping[str, Evidence] = EVIDENCE) -> pd.Series:
    """One score: the log-odds, in nats, that a candidate stands in a glossary, by its evidence alone.

    score = intercept + Σ weight · (x − mean) / deviation, the last factor within ±5. The odds are those of
    the dictionary that the weights were fitted to, which held 1 candidate in 119; elsewhere read the order alone.

    Parameters
    ----------
    evidence : as ``gather_evidence`` leaves it
    weights : leave some out to see what they add

    Raises
    ------
    InputError : no weights, or the evidence lacks something that has one

    >>> evidence = pd.DataFrame({name: [e.mean] for name, e in EVIDENCE.items()})
    >>> float(termhood(evidence)[0]), float(termhood(evidence.assign(nominal=-0.106 + 1.538)).round(3)[0])
    (-7.223, -6.629)
    """
    if not weights:
        raise InputError("termhood needs weights, none were given; give one or more")
    scaled = standardise(evidence, weights)
    return INTERCEPT + sum(scaled[name] * e.weight for name, e in weights.items())


def rank_fused(
    candidates: pd.DataFrame,
    learned: pd.DataFrame,
    *,
    min_term_len: int = 2,
    max_terms: int = 20_000,
) -> pd.DataFrame:
    """The list in the order of what was learned from all evidence.

    Parameters
    ----------
    candidates : all of them: ``term, score, rejected_by`` and other features
    learned : ``term, score`` and other columns for those that were judged, all of them candidates; their score replaces
        the candidates', of whatever scale: the unjudged are listed behind them
    min_term_len : characters of a kept term
    max_terms : kept terms at most

    Returns
    -------
    frame : ``rank, term, score, …, rejected_by``; a candidate that was judged is kept whatever a rule says (it may be a
        seed). Further reasons: ``ranked_low`` (not judged), ``min_term_len: n``, ``max_terms: n``.

    Raises
    ------
    InputError : a column is missing, a term stands twice, a judged one is no candidate or its score no number

    >>> candidates = pd.DataFrame({"term": ["时间", "蜂王", "巢脾"], "score": [3.0, 2.0, 1.0], "rejected_by": ""})
    >>> learned = pd.DataFrame({"term": ["巢脾", "蜂王"], "score": [5.0, 4.0]})
    >>> rank_fused(candidates, learned)[["term", "score", "rejected_by"]].values.tolist()
    [['巢脾', 5.0, ''], ['蜂王', 4.0, ''], ['时间', 3.0, 'ranked_low']]
    """
    _check_judged(candidates, learned)
    terms = candidates.drop(columns="rank", errors="ignore").merge(
        learned, on="term", how="left", suffixes=("", "_learned")
    )
    is_learned = terms["score_learned"].notna()
    terms["score"] = terms.pop("score_learned").fillna(terms["score"])
    terms.loc[is_learned, "rejected_by"] = ""
    _reject(terms, ~is_learned, "ranked_low")
    _reject(terms, terms["term"].str.len() < min_term_len, f"min_term_len: {min_term_len}")
    return _listed(terms, max_terms)


def _check_judged(candidates: pd.DataFrame, learned: pd.DataFrame) -> None:
    needed = ("candidates", candidates, ("term", "score", "rejected_by")), ("learned terms", learned, ("term", "score"))
    for name, frame, columns in needed:
        if missing := [column for column in columns if column not in frame]:
            raise InputError(f"{name} must have the columns {', '.join(columns)}; missing: {', '.join(missing)}")
        if not frame["term"].is_unique:
            raise InputError(f"{name} must be distinct, {frame['term'][frame['term'].duplicated()].iloc[0]} is not")
    unknown = ~learned["term"].isin(candidates["term"])
    if unknown.any():
        raise InputError(f"{learned['term'][unknown].iloc[0]} was judged and is no candidate; judge candidates alone")
    if learned["score"].isna().any():
        raise InputError(f"{learned['term'][learned['score'].isna()].iloc[0]} was judged without a score; give one")


GROUPS = {
    "contrast": ("log_ratio", "first_log_ratio", "last_log_ratio"),
    "frequency": ("log_frequency", "first_log_count", "last_log_count", "log_documents"),
    "boundaries": ("log_entropy", "min_entropy", "max_entropy", "left_border", "right_border"),
    "words": ("cohesion", "is_word", "has_two_characters"),
    "neighbours": ("nominal",),
    "edges": ("first_alone", "last_alone", "domain_first_alone", "domain_last_alone"),
}  # kinds of evidence


def ablations(
    candidates: pd.DataFrame, evidence: pd.DataFrame, *, n_documents: int, seed: int = 0
) -> dict[str, pd.Series]:
    """Scores by less and less: termhood, termhood without each kind of evidence, and the floors.

    Parameters
    ----------
    candidates : ``term, count, doc_freq``
    evidence : as ``gather_evidence`` leaves it, a row a candidate
    n_documents : of the domain; TF-IDF = count · ln(n_documents / doc_freq)
    seed : of the random order

    Returns
    -------
    scores : name → score of each candidate
    """
    count, doc_freq = candidates["count"].to_numpy(dtype=float), candidates["doc_freq"].to_numpy(dtype=float)
    floors = {
        "random": np.random.default_rng(seed).permutation(len(candidates)),
        "frequency": count,
        "TF-IDF": count * np.log(n_documents / doc_freq),
        "log ratio": evidence["log_ratio"].to_numpy(),
    }
    scores = {name: pd.Series(values, index=candidates.index, dtype=float) for name, values in floors.items()}
    for group, names in GROUPS.items():
        weights = {name: weight for name, weight in EVIDENCE.items() if name not in names}
        scores[f"termhood without {group}"] = termhood(evidence, weights)
    return scores | {"termhood": termhood(evidence)}


def fuse(*orders: pd.DataFrame) -> pd.DataFrame:
    """Reciprocal rank fusion: score = Σ 1 / (60 + rank) over the orders that have the term.

    Parameters
    ----------
    orders : frames with ``term``, distinct, best first; one or more

    Returns
    -------
    frame : ``term, score``, best first, ties by ``term``; the union of the terms

    Raises
    ------
    InputError : no order, or a term stands twice in one

    Source: Cormack, Clarke & Büttcher (2009).

    >>> first, second = pd.DataFrame({"term": ["蜂王", "时间"]}), pd.DataFrame({"term": ["蜂王"]})
    >>> fuse(first, second).round(4).values.tolist()                  # 1/61 + 1/61; 1/62
    [['蜂王', 0.0328], ['时间', 0.0161]]
    """
    if not orders:
        raise InputError("there are no orders to fuse; give one or more")
    for terms in (order["term"] for order in orders):
        if not terms.is_unique:
            raise InputError(f"an order must not repeat terms, {terms[terms.duplicated()].iloc[0]} stands there twice")
    shares = [1 / (_FUSION + np.arange(1, len(order) + 1)) for order in orders]
    row, terms = pd.factorize(np.concatenate([order["term"].to_numpy(dtype=object) for order in orders]))
    frame = pd.DataFrame({"term": pd.Index(terms, dtype=object), "score": np.bincount(row, np.concatenate(shares))})
    return frame.sort_values(["score", "term"], ascending=[False, True], ignore_index=True)


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
    return _listed(terms, max_terms)


def _listed(terms: pd.DataFrame, max_terms: int) -> pd.DataFrame:
    """Best first, the rejected ones behind; ranks in front, reasons at the end."""
    terms = terms.sort_values(["score", "term"], ascending=[False, True], ignore_index=True)
    kept = terms["rejected_by"] == ""
    _reject(terms, kept & (kept.cumsum() > max_terms), f"max_terms: {max_terms}")
    order = np.argsort(terms["rejected_by"] != "", kind="stable")  # kept ones first
    terms = terms.iloc[order].reset_index(drop=True)
    terms.insert(0, "rank", np.arange(1, len(terms) + 1))
    return terms[[name for name in terms if name != "rejected_by"] + ["rejected_by"]]


_OWN_REASONS = ("not_reached", "ranked_low", "min_term_len", "max_terms")


def rejected_by_rule(terms: pd.DataFrame) -> pd.Series:
    """Whether a filter rule, not the ranking itself, threw each term out: (rows,) bool.

    >>> rejected_by_rule(pd.DataFrame({"rejected_by": ["", "max_terms: 9", "has_digit"]})).tolist()
    [False, False, True]
    """
    reason = terms["rejected_by"].str.split(":").str[0]
    return (reason != "") & ~reason.isin(_OWN_REASONS)


def _reject(terms: pd.DataFrame, fails: pd.Series, reason: str) -> None:
    terms.loc[fails & (terms["rejected_by"] == ""), "rejected_by"] = reason

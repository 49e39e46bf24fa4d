"""What do the certain terms teach about the others?

Positive-unlabelled learning (Elkan & Noto 2008; bagging, Mordelet & Vert 2014): logistic regressions tell a few sure
terms from many unlabelled candidates. Without seeds the surest terms are those of the highest termhood; with seeds they
are the seeds, and what they teach is weighed against the order without them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from termmine.embedding import Vectors
from termmine.errors import InputError, MissingSeedError


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningConfig:
    """Settings of ``learn``; chosen on electric-power texts."""

    certain_share: float = 0.05  # of the candidates, the best ones, that teach the others without seeds
    self_weight: float = 0.3  # of a standardised lesson beside the standardised score; less for few certain terms
    seed_weight: float = 0.1  # scale of the features beside the prior, which the same penalty then shrinks more
    bags: int = 5  # samples of unlabelled candidates
    unlabelled: int = 4000  # candidates in a sample
    characters: int = 400  # most frequent pairs of a character and a place: first, last, or any
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.certain_share <= 0.5:
            raise InputError(f"certain_share must be above 0 and at most .5, got {self.certain_share!r}")
        for name in ("self_weight", "seed_weight"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name} must be a finite number, 0 or more, got {getattr(self, name)!r}")
        for name in ("bags", "unlabelled", "characters"):
            if not getattr(self, name) >= 1:  # NaN neither
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)!r}")
        if not 0 <= self.seed < 1 << 32:
            raise InputError(f"seed must be 0 or more and below 2**32, got {self.seed!r}")


FEWEST = 20  # candidates: two folds, in each five that are certain and five that are not
_LEAST_CERTAIN = 10
_PRIOR_SCALE = 4.0  # of the prior among the features: large, so that the penalty hardly shrinks its coefficient
_LEAST_DEVIATION = 0.1  # of evidence, itself in standard deviations: hardly any must not be blown up
_UNLABELLED_WEIGHT = 10.0  # all unlabelled candidates together weigh so many times the positives
_CERTAIN_SCALE = 0.3  # of a view's features in self-training: the smaller, the stronger the penalty
_FOLDS = 5  # in which seeds are held out
_MANY_SEEDS = 50  # from which on they have their full weight
_WORD_WEIGHT = 0.5  # of a centre word as a positive; a seed has 1


@dataclass(frozen=True)
class Lesson:
    """What ``learn`` found.

    Attributes
    ----------
    terms : ``term, score`` (on the scale of the scores that came in), ``similarity`` (cosine of its vector to the mean
        of the seeds' vectors, without seeds to that of the certain terms', the mean of all vectors taken off each; NaN
        without a vector); best first, ties by term
    seeds : those that are candidates
    missing : seeds that are no candidates
    held_out_rank, prior_rank : geometric mean rank of each seed among the candidates that nothing was said of, with
        what the other seeds taught and without it; NaN with fewer than five seeds. Where the first is the larger, the
        seeds taught nothing
    """

    terms: pd.DataFrame
    seeds: tuple[str, ...]
    missing: tuple[str, ...]
    held_out_rank: float
    prior_rank: float


@dataclass(frozen=True)
class _Given:
    """Rows of the candidates that something is said of, ascending."""

    seeds: np.ndarray
    centre: np.ndarray
    negative: np.ndarray

    def rows(self) -> np.ndarray:
        return np.concatenate([self.seeds, self.centre, self.negative])


def learn(
    candidates: pd.DataFrame,
    evidence: pd.DataFrame,
    vectors: Vectors,
    seeds: Sequence[str] = (),
    config: LearningConfig | None = None,
    *,
    centre: Sequence[str] = (),
    negative: Sequence[str] = (),
) -> Lesson:
    """Reorder candidates by what the surest of them have in common.

    1. *Self-training.* The best ``certain_share`` of the candidates are taken for terms. In two folds, each judged by
       what the other one teaches, a logistic regression on the vectors and one on the characters tell them from the
       others. With z for standardised, prior = z(z(score) + ``self_weight`` Σ w z(decision)), w = min(1, certain terms
       / features of the view): few terms cannot teach many features. Equal scores make nothing certain: the prior is 0.
    2. *Seeds*, centre and negative words, if there are any: logistic regressions tell them from samples of the
       unlabelled candidates, by the prior, the evidence, the vectors and the characters, the latter three scaled by
       ``seed_weight`` √min(1, seeds / 50), a centre word counting half, so that the penalty keeps a few seeds from
       overruling the prior; the decisions' mean is taken.
       Negative words alone are told from the prior's best. If held-out seeds rank worse so than by the prior alone, the
       seeds do not agree, and are left out.

    score = mean + deviation · z, mean and deviation those of the scores that came in (1 for equal scores).

    Parameters
    ----------
    candidates : ``term, score``, in any order
    evidence : standardised, a row a candidate in the same order (``ranking.standardise``)
    vectors : of as many candidates as there are; others get zeros
    seeds : terms that surely belong to the field
    centre, negative : words that pull the order towards them, as half a seed each, and words that are no terms, nor
        what resembles them; a centre word that is a seed is a seed

    Raises
    ------
    MissingSeedError : seeds are given and none is a candidate
    InputError : too few candidates (20), or one twice; a number that is none; no vector of a candidate; no centre or no
        negative word is a candidate; a negative word is a seed or centre word; fewer than two candidates are unlabelled
    TypeError : seeds, centre or negative is one str

    Notes
    -----
    Held-out seeds tell that the seeds have something in common, not that they are terms: of seeds drawn at random from
    all candidates about half the draws seem to agree, and they ruin the order.

    Sources: learning from positive and unlabelled examples, Elkan & Noto (2008); samples, Mordelet & Vert (2014), their
    inductive version, drawn without replacement.

    >>> terms = [first + last for first in "蜂蜡巢蜜" for last in "甲乙丙丁戊"]
    >>> candidates = pd.DataFrame({"term": terms, "score": np.arange(20.0, 0, -1)})
    >>> vectors = Vectors(tuple(terms), np.repeat(np.eye(4), 5, axis=0))
    >>> found = learn(candidates, candidates[["score"]], vectors, ["蜂甲", "蜂乙"]).terms
    >>> round(float(found["score"].mean()), 3)                        # that of 20, 19, …, 1
    10.5
    >>> found.set_index("term").loc[["蜂丙", "蜜甲"], "similarity"].round(3).tolist()  # cosine of ¾ -¼ -¼ -¼, -¼ … ¾
    [1.0, -0.333]
    """
    return Learner(candidates, evidence, vectors, config).learn(seeds, centre=centre, negative=negative)


class Learner:
    """Candidates ready for several lessons: what they teach themselves is worked out once.

    ``Learner(candidates, evidence, vectors, config).learn(seeds)`` is ``learn(candidates, evidence, vectors, seeds,
    config)``, which says what these are.
    """

    def __init__(
        self,
        candidates: pd.DataFrame,
        evidence: pd.DataFrame,
        vectors: Vectors,
        config: LearningConfig | None = None,
    ) -> None:
        self.config = config or LearningConfig()
        candidates, matrix = _best_first(candidates, evidence)
        self._terms, self._score = candidates["term"].tolist(), candidates["score"].to_numpy(dtype=float)
        self._vectors = vectors
        self._evidence = _columns_standardised(matrix)

    @cached_property
    def _views(self) -> list[np.ndarray]:
        return [_vectors_of(self._terms, self._vectors), _characters_of(self._terms, self.config.characters)]

    @cached_property
    def _prior(self) -> np.ndarray:
        return _self_trained(_standardised(self._score), self._views, self.config)

    @cached_property
    def _by_term(self) -> np.ndarray:
        return np.argsort(np.array(self._terms, dtype=object), kind="stable")

    def learn(self, seeds: Sequence[str] = (), *, centre: Sequence[str] = (), negative: Sequence[str] = ()) -> Lesson:
        """What these seeds teach; several threads may ask at once."""
        from threadpoolctl import threadpool_limits

        given, missing = _find(self._terms, seeds, centre, negative)
        final, ranks = None, (np.nan, np.nan)
        with threadpool_limits(limits=1):  # the sums of BLAS depend on the number of its threads
            final = self._prior
            if given.rows().size:
                final, ranks = _taught(final, [self._evidence, *self._views], given, self.config)
        known = [seed for seed in dict.fromkeys(seeds) if seed not in missing]
        return Lesson(self._frame(final, given), tuple(known), missing, *ranks)

    def _frame(self, final: np.ndarray, given: _Given) -> pd.DataFrame:
        score = self._score
        deviation = score.std() if np.ptp(score) > 0 else 1.0
        frame = pd.DataFrame({"term": self._terms, "score": score.mean() + deviation * final})
        surest = given.seeds if given.seeds.size else np.arange(_n_certain(score.size, self.config))
        frame["similarity"] = _similarity(self._views[0], surest)
        order = self._by_term[np.argsort(-frame["score"].to_numpy()[self._by_term], kind="stable")]
        return frame.iloc[order].reset_index(drop=True)


def _best_first(candidates: pd.DataFrame, evidence: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Candidates and evidence, checked, by score, ties by term."""
    if lacking := {"term", "score"} - set(candidates.columns):
        raise InputError(f"candidates must have the columns term and score; missing: {', '.join(sorted(lacking))}")
    terms, score = candidates["term"], candidates["score"].to_numpy(dtype=float)
    if len(terms) < FEWEST:
        message = f"learning needs {FEWEST} candidates or more, there are {len(terms)}; give more text or fewer rules"
        raise InputError(message)
    if not terms.is_unique:
        raise InputError(f"candidates must be distinct, {terms[terms.duplicated()].iloc[0]} is not; drop repeats")
    if len(evidence) != len(terms):
        raise InputError(f"evidence must have {len(terms)} rows, a row a candidate, it has {len(evidence)}")
    matrix = evidence.to_numpy(dtype=float)
    for name, good in (("score", np.isfinite(score)), ("evidence", np.isfinite(matrix).all(axis=1))):
        if not good.all():
            raise InputError(f"{name} must be finite, that of {terms.iloc[np.argmin(good)]} is not; leave it out")
    order = np.lexsort((terms.to_numpy(), -score))
    return candidates.iloc[order], matrix[order]


def _find(
    terms: Sequence[str], seeds: Sequence[str], centre: Sequence[str], negative: Sequence[str]
) -> tuple[_Given, tuple[str, ...]]:
    """Where the words stand among the terms, and the seeds that do not."""
    row_of = {term: row for row, term in enumerate(terms)}
    found, missing = {}, {}
    for name, words in (("seeds", seeds), ("centre", centre), ("negative", negative)):
        if isinstance(words, str):
            raise TypeError(f"{name} must be a list of words, got one str")
        found[name] = {row_of[word] for word in words if word in row_of}
        missing[name] = tuple(word for word in dict.fromkeys(words) if word not in row_of)
        if missing[name] and not found[name]:
            if name == "seeds":
                raise MissingSeedError(missing[name], len(missing[name]))
            raise InputError(f"none of the {name} words is a candidate: {', '.join(missing[name][:5])}; give others")
    if both := sorted((found["seeds"] | found["centre"]) & found["negative"]):
        raise InputError(f"{terms[both[0]]} is a negative word and a seed or centre word as well; settle on one")
    found["centre"] -= found["seeds"]
    if len(terms) - sum(map(len, found.values())) < 2:
        raise InputError("seeds, centre and negative words must leave two candidates or more to be judged; give fewer")
    return _Given(**{name: np.array(sorted(rows), dtype=np.int64) for name, rows in found.items()}), missing["seeds"]


def _trust(given: _Given) -> float:
    """Few seeds may move the order less: two draws of 20 on electric power lost at the full weight, none at this."""
    n = given.seeds.size + _WORD_WEIGHT * given.centre.size
    return min(np.sqrt(n / _MANY_SEEDS), 1.0) if n else 1.0  # negative words alone are told from the prior's best


def _standardised(values: np.ndarray) -> np.ndarray:
    if np.ptp(values) == 0:  # whose deviation may be rounding instead of 0
        return np.zeros(values.size)
    return (values - values.mean()) / values.std()


def _columns_standardised(matrix: np.ndarray) -> np.ndarray:
    return (matrix - matrix.mean(axis=0)) / np.maximum(matrix.std(axis=0), _LEAST_DEVIATION)


def _vectors_of(terms: Sequence[str], vectors: Vectors) -> np.ndarray:
    """Vectors of length √dimensions, coordinates about 1, their mean taken off; zeros stay, and stand for none."""
    has_company = vectors.matrix.any(axis=1)
    known = [i for i, term in enumerate(terms) if term in vectors.row_of and has_company[vectors.row_of[term]]]
    if not known:
        raise InputError("no candidate has a vector; give vectors of the candidates, as embedding.embed_phrases does")
    matrix = np.zeros((len(terms), vectors.matrix.shape[1]))
    matrix[known] = np.sqrt(matrix.shape[1]) * vectors.units()[[vectors.row_of[terms[i]] for i in known]]
    matrix[known] -= matrix[known].mean(axis=0)
    if not np.isfinite(matrix).all():
        raise InputError("every vector must be finite, one is not; embed the candidates anew")
    return matrix


def _characters_of(terms: Sequence[str], n: int) -> np.ndarray:
    """Which of the ``n`` most frequent characters, at the first, the last or any place, a term has; means taken off."""
    places = [{(0, term[0]), (1, term[-1]), *((2, character) for character in term)} for term in terms]
    exploded = pd.Series(places).explode()
    counts = exploded.value_counts()
    keys = sorted(counts.index, key=lambda key: (-counts[key], key))[:n]
    column = exploded.map({key: i for i, key in enumerate(keys)}).dropna()
    matrix = np.zeros((len(terms), len(keys)))
    matrix[column.index.to_numpy(), column.to_numpy(dtype=np.int64)] = 1.0
    return matrix - matrix.mean(axis=0)


def _decide(features: np.ndarray, taught: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The decision function over all rows of a logistic regression on some of them."""
    from sklearn import config_context
    from sklearn.linear_model import LogisticRegression

    with config_context(assume_finite=True):  # which was checked
        model = LogisticRegression(C=1.0, max_iter=200, tol=1e-3)
        model.fit(features[taught], labels, sample_weight=weights)
        return model.decision_function(features).astype(np.float64)


def _against(features: np.ndarray, given: _Given, unlabelled: np.ndarray) -> np.ndarray:
    """Seeds and centre words against unlabelled candidates and negative words."""
    taught = np.concatenate([given.seeds, given.centre, unlabelled, given.negative])
    sizes = given.seeds.size, given.centre.size, unlabelled.size, given.negative.size
    positive = given.seeds.size + _WORD_WEIGHT * given.centre.size
    weights = np.repeat([1.0, _WORD_WEIGHT, _UNLABELLED_WEIGHT * positive / unlabelled.size, 1.0], sizes)
    return _decide(features, taught, np.repeat([1, 1, 0, 0], sizes), weights)


_NONE = np.zeros(0, dtype=np.int64)


def _n_certain(size: int, config: LearningConfig) -> int:
    return max(int(config.certain_share * size), _LEAST_CERTAIN)


def _self_trained(score: np.ndarray, views: Sequence[np.ndarray], config: LearningConfig) -> np.ndarray:
    """The standardised score with what its own best ones teach; rows are best first."""
    if not score.any():
        return score
    size = score.size
    certain = np.arange(size) < _n_certain(size, config)
    fold = np.arange(size) % 2
    total = score.copy()
    for view in views:
        features = (_CERTAIN_SCALE * view).astype(np.float32)
        decision = np.empty(size)
        for judged in (0, 1):
            teaches = fold != judged
            positive, rest = np.flatnonzero(certain & teaches), np.flatnonzero(~certain & teaches)
            decision[~teaches] = _against(features, _Given(positive, _NONE, _NONE), rest)[~teaches]
        enough = min(certain.sum() / view.shape[1], 1.0)  # certain terms for each feature
        total += config.self_weight * enough * _standardised(decision)
    return _standardised(total)


def _taught(
    prior: np.ndarray, parts: Sequence[np.ndarray], given: _Given, config: LearningConfig
) -> tuple[np.ndarray, tuple[float, float]]:
    """The standardised decision, and the ranks of held-out seeds with and without it."""
    features = _features(prior, parts, config.seed_weight * _trust(given))
    held_out, by_prior = ranks = _held_out_ranks(features, prior, given, config)
    if held_out > by_prior:
        given = replace(given, seeds=_NONE)
        features = _features(prior, parts, config.seed_weight * _trust(given))
    if not given.rows().size:
        return prior, ranks
    if not given.seeds.size + given.centre.size:  # negative words alone: the prior's best stand for the terms
        left = np.setdiff1d(np.arange(prior.size), given.negative)
        n = min(_n_certain(prior.size, config), left.size // 2)
        given = replace(given, seeds=np.sort(left[np.argsort(-prior[left], kind="stable")[:n]]))
    return _standardised(_bagged(features, given, config)), ranks


def _features(prior: np.ndarray, parts: Sequence[np.ndarray], weight: float) -> np.ndarray:
    """The prior beside everything else, scaled down."""
    features = np.empty((prior.size, 1 + sum(part.shape[1] for part in parts)), np.float32)
    features[:, 0] = _PRIOR_SCALE * prior
    begin = 1
    for part in parts:
        end = begin + part.shape[1]
        np.multiply(part, weight, out=features[:, begin:end], casting="same_kind")
        begin = end
    return features


def _bagged(features: np.ndarray, given: _Given, config: LearningConfig) -> np.ndarray:
    """The mean decision over samples of the unlabelled candidates."""
    rng = np.random.default_rng(config.seed)
    rest = np.setdiff1d(np.arange(len(features)), given.rows())
    size = min(config.unlabelled, rest.size)
    bags = [np.sort(rng.choice(rest, size, replace=False)) for _ in range(config.bags if size < rest.size else 1)]
    return np.mean([_against(features, given, bag) for bag in bags], axis=0)


def _held_out_ranks(
    features: np.ndarray, prior: np.ndarray, given: _Given, config: LearningConfig
) -> tuple[float, float]:
    """Geometric mean rank of seeds among what nothing is said of: as the other seeds taught, and by the prior.

    A seed that is held out is an unlabelled candidate like those it is ranked among. Left out of the samples it would
    have the better of them, which were taught to be no terms.
    """
    seeds = given.seeds
    if seeds.size < _FOLDS:
        return np.nan, np.nan
    others = np.setdiff1d(np.arange(prior.size), given.rows())
    fold = np.arange(seeds.size) % _FOLDS
    learned = np.empty(seeds.size)
    for k in range(_FOLDS):
        decision = _bagged(features, replace(given, seeds=seeds[fold != k]), replace(config, bags=1))
        learned[fold == k] = _log_ranks(decision, seeds[fold == k], others)
    return float(np.exp(learned.mean())), float(np.exp(_log_ranks(prior, seeds, others).mean()))


def _log_ranks(values: np.ndarray, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """ln(1 + others that are better), of equals the half.

    >>> _log_ranks(np.array([3.0, 1.0, 2.0, 1.0]), np.array([1]), np.array([0, 2, 3]))    # ln(1 + 2.5)
    array([1.25276297])
    """
    ranked = np.sort(-values[others])
    better = (np.searchsorted(ranked, -values[rows]) + np.searchsorted(ranked, -values[rows], side="right")) / 2
    return np.log(1.0 + better)


def _similarity(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Cosine to the mean of these rows; NaN for zeros."""
    mean = vectors[rows].mean(axis=0)
    dots = np.einsum("ij,j->i", vectors, mean)
    scale = np.sqrt(np.einsum("ij,ij->i", vectors, vectors) * np.einsum("i,i->", mean, mean))
    return np.divide(dots, scale, out=np.full(len(vectors), np.nan), where=scale > 0)

"""What do the certain terms teach about the others?

Positive-unlabelled learning (Elkan & Noto 2008; bagging, Mordelet & Vert 2014): logistic regressions tell a few sure
terms from many unlabelled candidates. Without seeds the surest terms are those of the highest termhood; with seeds they
are the seeds, and what they teach is weighed against the order without them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from termmine.embedding import Vectors
from termmine.errors import InputError, MissingSeedError


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningConfig:
    """Settings of ``learn``; chosen on electric-power texts."""

    certain_share: float = 0.05  # of the candidates, the best ones, that teach the others without seeds
    self_weight: float = 0.3  # standard deviations that each view's lesson may add for each of its own
    seed_weight: float = 0.1  # how far a feature counts beside the prior order when seeds are given
    bags: int = 5  # samples of unlabelled candidates
    unlabelled: int = 4000  # candidates in a sample
    characters: int = 400  # the most frequent ones at the first, the last and any place
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.certain_share <= 0.5:
            raise InputError(f"certain_share must be above 0 and at most .5, got {self.certain_share!r}")
        for name in ("self_weight", "seed_weight"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name} must be a finite number, 0 or more, got {getattr(self, name)!r}")
        for name in ("bags", "unlabelled", "characters"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)!r}")
        if not 0 <= self.seed < 1 << 32:
            raise InputError(f"seed must be 0 or more and below 2**32, got {self.seed!r}")


_PRIOR_SCALE = 4.0  # of the prior among the features: large, so that the penalty hardly shrinks its coefficient
_VECTOR_SCALE = 10.0  # unit vectors of 100 dimensions become coordinates of about 1
_UNLABELLED_WEIGHT = 10.0  # all unlabelled candidates together weigh so many times the positives
_CERTAIN_SCALE = 0.3  # of a view's features in self-training: the smaller, the stronger the penalty
_FOLDS = 5  # in which seeds are held out
_WORD_WEIGHT = 0.5  # of a centre word as a positive; a seed has 1


@dataclass(frozen=True)
class Lesson:
    """What ``learn`` found.

    Attributes
    ----------
    terms : ``term, score`` (on the scale of the scores that came in), ``similarity`` (cosine to the mean of the seeds'
        vectors, NaN without seeds or vector); best first, ties by term
    seeds : those that were used
    missing : seeds that are no candidates
    held_out_rank, prior_rank : geometric mean rank of seeds that were held out, with what the other seeds taught and
        without it; NaN with fewer than five seeds
    """

    terms: pd.DataFrame
    seeds: tuple[str, ...]
    missing: tuple[str, ...]
    held_out_rank: float
    prior_rank: float


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
       others; each adds ``self_weight`` of its standardised decision to the standardised score. That is the prior.
    2. *Seeds*, if there are any: bagged logistic regressions tell them from samples of the unlabelled candidates, by
       the prior, the evidence, the vectors and the characters, the latter three scaled by ``seed_weight``, so that the
       penalty keeps a few seeds from overruling the prior. If held-out seeds rank worse so than by the prior alone, the
       seeds do not agree, and the prior stays.

    Parameters
    ----------
    candidates : ``term, score``
    evidence : standardised, a row a candidate (``ranking.standardise``)
    vectors : of as many candidates as there are; others get zeros
    seeds : terms that surely belong to the field
    centre, negative : words that pull the order towards them, as half a seed each, and words that are no terms, nor
        what resembles them

    Raises
    ------
    MissingSeedError : seeds are given and none is a candidate
    InputError : too few candidates (20), or no centre or no negative word is a candidate
    """
    config = config or LearningConfig()
    if isinstance(seeds, str):
        raise TypeError("seeds must be a list of words, got one str")
    order = np.lexsort((candidates["term"].to_numpy(), -candidates["score"].to_numpy()))
    candidates, evidence = candidates.iloc[order], evidence.iloc[order].to_numpy()
    terms, score = candidates["term"].tolist(), candidates["score"].to_numpy(dtype=float)
    if len(terms) < 20:
        raise InputError(f"learning needs 20 candidates or more, there are {len(terms)}; give more text or fewer rules")
    row_of = {term: row for row, term in enumerate(terms)}
    known, missing = _split(seeds, row_of)
    if missing and not known:
        raise MissingSeedError(missing, len(missing))
    views = [_vectors_of(terms, vectors), _characters_of(terms, config.characters)]
    prior = _self_trained(_standardised(score), views, config)
    held_out, by_prior = np.nan, np.nan
    final = prior
    pulls = _rows(centre, row_of, "centre"), _rows(negative, row_of, "negative")
    if known or centre or negative:
        features = [_PRIOR_SCALE * prior[:, None], config.seed_weight * _columns_standardised(evidence)]
        features = np.hstack(features + [config.seed_weight * view for view in views]).astype(np.float32)
        rows = np.array([row_of[term] for term in known], dtype=np.int64)
        held_out, by_prior = _held_out_ranks(features, prior, rows, pulls, config)
        if not held_out > by_prior:
            final = _standardised(_bagged(features, rows, pulls, config))
    frame = pd.DataFrame({"term": terms, "score": score.mean() + score.std() * final})
    frame["similarity"] = _similarity(views[0], [row_of[term] for term in known])
    frame = frame.sort_values(["score", "term"], ascending=[False, True], ignore_index=True)
    return Lesson(frame, tuple(known), tuple(missing), held_out, by_prior)


def _split(words: Sequence[str], row_of: dict[str, int]) -> tuple[list[str], list[str]]:
    words = list(dict.fromkeys(words))
    return [word for word in words if word in row_of], [word for word in words if word not in row_of]


def _rows(words: Sequence[str], row_of: dict[str, int], name: str) -> np.ndarray:
    known, missing = _split(words, row_of)
    if missing and not known:
        raise InputError(f"none of the {name} words is a candidate: {', '.join(missing[:5])}; give other words")
    return np.array([row_of[word] for word in known], dtype=np.int64)


def _standardised(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


def _columns_standardised(matrix: np.ndarray) -> np.ndarray:
    return (matrix - matrix.mean(axis=0)) / np.maximum(matrix.std(axis=0), 0.1)


def _vectors_of(terms: Sequence[str], vectors: Vectors) -> np.ndarray:
    """Unit vectors, scaled, the mean taken off; zeros without one."""
    known = [i for i, term in enumerate(terms) if term in vectors.row_of]
    matrix = np.zeros((len(terms), vectors.matrix.shape[1]))
    matrix[known] = _VECTOR_SCALE * vectors.units()[[vectors.row_of[terms[i]] for i in known]]
    matrix[known] -= matrix[known].mean(axis=0) if known else 0.0
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
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # the sums of BLAS depend on the number of its threads
        model = LogisticRegression(C=1.0, max_iter=200, tol=1e-3)
        model.fit(features[taught], labels, sample_weight=weights)
        return model.decision_function(features).astype(np.float64)


def _against(
    features: np.ndarray, positive: np.ndarray, unlabelled: np.ndarray, pulls: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Positives and centre words against unlabelled candidates and negative words."""
    centre, negative = pulls
    taught = np.concatenate([positive, centre, unlabelled, negative])
    labels = np.repeat([1, 0], [positive.size + centre.size, unlabelled.size + negative.size])
    total = positive.size + _WORD_WEIGHT * centre.size or 1.0
    weights = np.concatenate(
        [
            np.ones(positive.size),
            np.full(centre.size, _WORD_WEIGHT),
            np.full(unlabelled.size, _UNLABELLED_WEIGHT * total / unlabelled.size),
            np.ones(negative.size),
        ]
    )
    return _decide(features, taught, labels, weights)


_NOBODY = np.zeros(0, np.int64), np.zeros(0, np.int64)


def _self_trained(score: np.ndarray, views: Sequence[np.ndarray], config: LearningConfig) -> np.ndarray:
    """The standardised score with what its own best ones teach; rows are best first."""
    size = score.size
    certain = np.arange(size) < max(int(config.certain_share * size), 10)
    fold = np.arange(size) % 2
    total = score.copy()
    for view in views:
        features = (_CERTAIN_SCALE * view).astype(np.float32)
        decision = np.empty(size)
        for judged in (0, 1):
            teaches = fold != judged
            positive, rest = np.flatnonzero(certain & teaches), np.flatnonzero(~certain & teaches)
            decision[~teaches] = _against(features, positive, rest, _NOBODY)[~teaches]
        total += config.self_weight * _standardised(decision)
    return _standardised(total)


def _bagged(
    features: np.ndarray, positive: np.ndarray, pulls: tuple[np.ndarray, np.ndarray], config: LearningConfig
) -> np.ndarray:
    """The mean decision over samples of the unlabelled candidates."""
    rng = np.random.default_rng(config.seed)
    rest = np.setdiff1d(np.arange(len(features)), np.concatenate([positive, *pulls]))
    size = min(config.unlabelled, rest.size)
    bags = [np.sort(rng.choice(rest, size, replace=False)) for _ in range(config.bags if size < rest.size else 1)]
    if not positive.size and not pulls[0].size:  # negative words alone: the prior's best stand for the terms
        positive = np.argsort(-features[:, 0], kind="stable")[: max(len(features) // 20, 10)]
        positive = np.setdiff1d(positive, pulls[1])
    return np.mean([_against(features, positive, bag, pulls) for bag in bags], axis=0)


def _held_out_ranks(
    features: np.ndarray,
    prior: np.ndarray,
    rows: np.ndarray,
    pulls: tuple[np.ndarray, np.ndarray],
    config: LearningConfig,
) -> tuple[float, float]:
    """Geometric mean rank of held-out seeds among the candidates that are no seeds: as learned, and by the prior."""
    if rows.size < _FOLDS:
        return np.nan, np.nan
    others = np.setdiff1d(np.arange(len(features)), rows)
    rng = np.random.default_rng(config.seed)
    bag = np.sort(rng.choice(others, min(config.unlabelled, others.size), replace=False))
    fold = np.arange(rows.size) % _FOLDS
    learned = np.empty(rows.size)
    for k in range(_FOLDS):
        decision = _against(features, rows[fold != k], bag, pulls)
        learned[fold == k] = _log_ranks(decision, rows[fold == k], others)
    return float(np.exp(learned.mean())), float(np.exp(_log_ranks(prior, rows, others).mean()))


def _log_ranks(values: np.ndarray, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.log(np.searchsorted(np.sort(-values[others]), -values[rows]) + 1.0)


def _similarity(vectors: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """Cosine to the mean of these rows; NaN for zeros."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    if not len(rows):
        return np.full(len(vectors), np.nan)
    mean = vectors[list(rows)].mean(axis=0)
    dots = np.einsum("ij,j->i", vectors, mean)
    scale = lengths * np.sqrt(mean @ mean)
    return np.divide(dots, scale, out=np.full(len(vectors), np.nan), where=scale > 0)

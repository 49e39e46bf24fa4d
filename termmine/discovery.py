"""Which strings are words?

Two methods, both unsupervised: the PMI chain (kexue.fm/archives/5597) and cohesion with gluing
(zhuanlan.zhihu.com/p/39461254). A words frame has the columns ``term, count``: how often the text was cut
into that word, most frequent first, ties by ``term``.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from termmine import ngrams
from termmine.errors import InputError

LOG_ZERO = -100.0  # nats; what the original takes for log 0, and a character outside the vocabulary costs
_ALNUM = re.compile(r"[0-9A-Za-z]+")
_ALNUM_OR_DOT = re.compile(r"[0-9A-Za-z.]+")
# What the original program of the cohesion post deletes from a line, in two passes.
_DELETED = (r"[\s+\.\!\/_,$%^*(+\"')]+", r"[+——()?【】“”！，。？、~@#￥%……&*（）0-9a-zA-Z]+")


def _check(holds: bool, name: str, must: str, value: object) -> None:
    if not holds:
        raise InputError(f"{name} must be {must}, got {value!r}")


def _check_lengths(min_count: int, max_len: int) -> None:
    _check(min_count >= 1, "min_count", "1 or more", min_count)
    _check(max_len == 0 or 2 <= max_len <= 12, "max_len", "in 2..12, or 0 for no limit", max_len)


@dataclass(frozen=True, slots=True, kw_only=True)
class PmiConfig:
    """Thresholds of the PMI chain; the source post uses ``min_proba=1e-6, min_pmi=.5`` and no other."""

    min_count: int = 2  # occurrences of a strong pair, and of a word in the end
    min_proba: float = 1e-6  # share of all pairs, and of all pieces
    min_pmi: float = 0.5  # nats
    max_len: int = 12  # characters; longer pieces are taken apart into words, or dropped; 0 sets no limit

    def __post_init__(self) -> None:
        _check_lengths(self.min_count, self.max_len)
        _check(0 < self.min_proba < 1, "min_proba", "between 0 and 1", self.min_proba)
        _check(math.isfinite(self.min_pmi), "min_pmi", "a finite number", self.min_pmi)


@dataclass(frozen=True, slots=True, kw_only=True)
class CohesionConfig:
    """Thresholds of cohesion discovery; the defaults are the source post's.

    Without ``classic``, text is split at whatever is no Han character, and a line of two characters is text like any
    other; the original deletes punctuation, digits and Latin letters and skips such lines.
    """

    min_count: int = 25  # occurrences of an n-gram, and of a word
    min_cohesion: Mapping[int, float] = field(default_factory=lambda: {2: 5.0, 3: 25.0, 4: 125.0})  # ratio
    max_len: int = 12  # characters; longer words are dropped; 0 sets no limit
    back_check: bool = True
    classic: bool = False  # as the original program does

    def __post_init__(self) -> None:
        _check_lengths(self.min_count, self.max_len)
        lengths = sorted(self.min_cohesion)
        _check(lengths == [2, 3, 4], "min_cohesion", "a threshold for each of the lengths 2, 3, 4", lengths)
        thresholds = list(self.min_cohesion.values())
        _check(all(value > 0 for value in thresholds), "min_cohesion", "positive", thresholds)


def make_config(
    method: str = "pmi",
    *,
    min_count: int = 0,
    min_proba: float = 1e-6,
    min_pmi: float = 0.5,
    min_cohesion: Mapping[int | str, float] | None = None,
    max_len: int = 12,
    back_check: bool = True,
) -> PmiConfig | CohesionConfig:
    """A method's config from the plain parameters of a notebook or command line.

    Parameters
    ----------
    method : ``"pmi"`` or ``"cohesion"``; the other method's parameters are not used
    min_count : occurrences; 0 takes the method's default (pmi 2, cohesion 25)
    min_proba, min_pmi : of ``PmiConfig``
    min_cohesion, back_check : of ``CohesionConfig``; lengths may be strings, as JSON has them
    max_len : characters

    Raises
    ------
    InputError : no such method, or a value out of its range

    >>> make_config("cohesion").min_count
    25
    """
    _check(min_count >= 0, "min_count", "1 or more, or 0 for the method's default", min_count)
    _check(method in ("pmi", "cohesion"), "method", "pmi or cohesion", method)
    thresholds = {}
    if min_cohesion:
        lengths = list(map(str, min_cohesion))
        _check(all(map(str.isdecimal, lengths)), "min_cohesion", "a table of lengths in characters", lengths)
        thresholds["min_cohesion"] = {int(length): ratio for length, ratio in min_cohesion.items()}
    chosen = {"max_len": max_len} | ({"min_count": min_count} if min_count else {})
    configs = {  # both, so that a wrong value is noticed whichever method is on
        "pmi": PmiConfig(min_proba=min_proba, min_pmi=min_pmi, **chosen),
        "cohesion": CohesionConfig(back_check=back_check, **thresholds, **chosen),
    }
    return configs[method]


def discover(lines: Iterable[str], config: PmiConfig | CohesionConfig | None = None) -> pd.DataFrame:
    """Find the words of a corpus; the config's class says by which method (default: the PMI chain).

    Returns
    -------
    words frame : ``term, count``, most frequent first, single characters included
    """
    config = PmiConfig() if config is None else config
    if isinstance(config, CohesionConfig):
        return _words_frame(_cohesion_words(_encode_cohesion(lines, config), config))
    return _words_frame(_pmi_words(ngrams.encode(lines), config))


def _words_frame(counts: Mapping[str, int]) -> pd.DataFrame:
    frame = pd.DataFrame({"term": list(counts), "count": list(counts.values())})
    frame = frame.astype({"term": object, "count": "int64"})
    return frame.sort_values(["count", "term"], ascending=[False, True], ignore_index=True)


def cohesion(term: str, counts: Mapping[str, int], total: int) -> float:
    """Cohesion (凝固度) of ``term`` at its weakest split, a ratio: 1 says that the halves meet by chance.

    min over i of N c(t) / (c(t[:i]) c(t[i:])),  N = ``total`` characters. ``counts`` must hold every prefix
    and suffix of ``term``. Rare terms score too high: use with ``min_count``. Source: kexue.fm/archives/4256.

    >>> cohesion("ab", {"a": 4, "b": 2, "ab": 2}, total=8)            # 8·2 / (4·2)
    2.0
    """
    if len(term) < 2:
        raise InputError(f"cohesion needs a term of 2 characters or more, got {term!r}")
    splits = [counts[term[:i]] * counts[term[i:]] for i in range(1, len(term))]
    return total * counts[term] / max(splits)


def pmi(term: str, counts: Mapping[str, int], total: int) -> float:
    """Pointwise mutual information (互信息) of ``term`` at its weakest split, in nats: ln of ``cohesion``.

    Source: Church & Hanks (1990).

    >>> round(pmi("ab", {"a": 4, "b": 2, "ab": 2}, total=8), 3)       # ln 2
    0.693
    """
    return math.log(cohesion(term, counts, total))


# --- the PMI chain ---------------------------------------------------------------------------------------


def _score_pairs(
    text: ngrams.EncodedText, config: PmiConfig
) -> tuple[ngrams.SpanCounts, np.ndarray, np.ndarray, np.ndarray]:
    """Distinct neighbouring pairs, their PMI in nats, which are strong, and where each pair stands."""
    inside = np.flatnonzero(text.ids)
    characters = np.bincount(text.ids[inside], minlength=1)
    starts = ngrams.window_starts(text, 2)
    pairs = ngrams.count_spans(text, starts, 2)
    with np.errstate(divide="ignore"):
        log_p = np.log(pairs.counts) - np.log(max(starts.size, 1))
        log_c = np.log(characters) - np.log(max(inside.size, 1))
    bond = log_p - log_c[text.ids[pairs.starts]] - log_c[text.ids[pairs.starts + 1]]
    strong = (log_p > math.log(config.min_proba)) & (bond > config.min_pmi) & (pairs.counts >= config.min_count)
    return pairs, bond, strong, starts


def score_pairs(lines: Iterable[str], config: PmiConfig | None = None) -> pd.DataFrame:
    """Every neighbouring pair of characters as the PMI chain sees it.

    Returns
    -------
    frame : ``term, count, pmi`` (nats), ``is_strong``; in order of first occurrence
    """
    text = ngrams.encode(lines)
    pairs, bond, strong, _ = _score_pairs(text, config or PmiConfig())
    terms = text.spans(pairs.starts, pairs.lengths)
    return pd.DataFrame({"term": terms, "count": pairs.counts, "pmi": bond, "is_strong": strong})


def _pmi_words(text: ngrams.EncodedText, config: PmiConfig) -> dict[str, int]:
    pairs, _, strong, starts = _score_pairs(text, config)
    glued = np.zeros(text.ids.size, dtype=bool)  # glued[i]: no cut between i and i + 1
    glued[starts] = strong[pairs.which]
    pieces = ngrams.count_spans(text, *_pieces(text.ids > 0, glued))
    kept = np.log(pieces.counts) - np.log(max(pieces.counts.sum(), 1)) > math.log(config.min_proba)
    terms = text.spans(pieces.starts[kept], pieces.lengths[kept])
    words = _dissolve(dict(zip(terms, pieces.counts[kept].tolist(), strict=True)), config.max_len)
    longest = config.max_len or max(map(len, words), default=0)
    return {word: number for word, number in words.items() if number >= config.min_count and len(word) <= longest}


def _pieces(inside: np.ndarray, glued: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths of the maximal pieces whose neighbours are glued."""
    begins = inside.copy()
    begins[1:] &= ~glued[:-1]
    starts = np.flatnonzero(begins)
    before = np.concatenate([[0], np.cumsum(inside)])  # units before each position
    return starts, np.diff(np.append(before[starts], before[-1]))


def _dissolve(words: dict[str, int], max_len: int) -> dict[str, int]:
    """Take apart the words that are no more than their parts (the chain's de-redundancy), longest first."""
    counts = dict(words)
    weight = dict(words)  # what the segmentation sees while the words are taken out one by one
    total = sum(weight.values())
    log_total = math.log(total) if total else 0.0
    longest = max(map(len, words), default=0)
    for word in sorted(words, key=len, reverse=True):  # stable: ties stay in order of first occurrence
        if len(word) < 2:
            continue
        number = weight.pop(word)
        total -= number
        parts = _split(word, weight, log_total, longest)
        gain = math.log(number) - log_total
        for part in parts:
            gain -= (math.log(weight[part]) if part in weight else LOG_ZERO) - log_total
        too_long = max_len and len(word) > max_len and all(part in weight for part in parts)
        if gain < len(word) - 1 or too_long:
            for part in parts:
                weight[part] = weight.get(part, 0) + number
                counts[part] = counts.get(part, 0) + number
            total += number * len(parts)
            del counts[word]
        else:
            weight[word] = number
            total += number
        log_total = math.log(total)
    return counts


def _split(word: str, weight: Mapping[str, int], log_total: float, longest: int) -> list[str]:
    """The most probable segmentation of one word (ALGORITHMS §3, combine on); ``weight`` changes from call to call."""
    size = len(word)
    best, back = [0.0] + [-math.inf] * size, [0] * (size + 1)
    for end in range(1, size + 1):
        for start in range(max(0, end - longest), end):
            number = weight.get(word[start:end])
            if number:
                score = best[start] + (math.log(number) - log_total)  # as Segmenter adds it: ties are exact alike
                if score > best[end]:
                    best[end], back[end] = score, start
        if best[end] == -math.inf:
            best[end], back[end] = best[end - 1] + LOG_ZERO, end - 1
    tokens = []
    while size:
        tokens.append(word[back[size] : size])
        size = back[size]
    return _combine(tokens[::-1])


def _combine(tokens: list[str]) -> list[str]:
    """Join runs of letters, digits and stops that begin with an alphanumeric token: 5 G 网络 → 5G 网络."""
    joined: list[str] = []
    open_run = False
    for token in tokens:
        if open_run and _ALNUM_OR_DOT.fullmatch(token):
            joined[-1] += token
        else:
            joined.append(token)
            open_run = _ALNUM.fullmatch(token) is not None
    return joined


# --- cohesion --------------------------------------------------------------------------------------------


def _encode_cohesion(lines: Iterable[str], config: CohesionConfig) -> ngrams.EncodedText:
    if not config.classic:
        return ngrams.encode(lines, units="han")
    first, second = (re.compile(pattern) for pattern in _DELETED)
    return ngrams.encode((second.sub("", first.sub("", line.strip())) for line in lines), units="any")


def _score_ngrams(
    text: ngrams.EncodedText, config: CohesionConfig
) -> dict[int, tuple[ngrams.SpanCounts, np.ndarray, np.ndarray]]:
    """For n = 1..4: the distinct n-grams, their cohesion, and where each window stands."""
    where = {n: ngrams.window_starts(text, n) for n in range(1, 5)}
    tables = {n: ngrams.count_spans(text, where[n], n) for n in where}
    at = {}  # row of the n-gram that begins at a position
    for n in where:
        at[n] = np.zeros(text.ids.size, dtype=np.int32)
        at[n][where[n]] = tables[n].which
    total = tables[1].counts[tables[1].counts >= config.min_count].sum()
    scored = {1: (tables[1], np.zeros(tables[1].counts.size), where[1])}
    for n in (2, 3, 4):
        table, starts = tables[n], tables[n].starts
        ratio = np.full(starts.size, np.inf)
        for k in range(1, n):
            left, right = tables[k].counts[at[k][starts]], tables[n - k].counts[at[n - k][starts + k]]
            ratio = np.minimum(ratio, total * table.counts / (left * right))
        scored[n] = table, ratio, where[n]
    return scored


def score_ngrams(lines: Iterable[str], config: CohesionConfig | None = None) -> pd.DataFrame:
    """Every n-gram of 2..4 characters that occurs ``min_count`` times, as cohesion discovery sees it.

    Returns
    -------
    frame : ``term, count, cohesion`` (ratio), ``is_strong``; short ones first, in order of first occurrence
    """
    config = config or CohesionConfig()
    text = _encode_cohesion(lines, config)
    frames = []
    for n, (table, ratio, _) in _score_ngrams(text, config).items():
        kept = table.counts >= (config.min_count if n > 1 else np.inf)
        frame = pd.DataFrame({"count": table.counts[kept], "cohesion": ratio[kept]})
        frame.insert(0, "term", text.spans(table.starts[kept], table.lengths[kept]))
        frames.append(frame.assign(is_strong=ratio[kept] > config.min_cohesion.get(n, np.inf)))
    return pd.concat(frames[1:], ignore_index=True)


def _cohesion_words(text: ngrams.EncodedText, config: CohesionConfig) -> dict[str, int]:
    size = text.ids.size
    glued = np.zeros(size, dtype=bool)  # glued[i]: no cut between i and i + 1
    weak = {n: np.ones(size, dtype=bool) for n in (3, 4)}  # no strong n-gram begins here
    for n, (table, ratio, where) in _score_ngrams(text, config).items():
        if n == 1:
            continue
        strong = (table.counts >= config.min_count) & (ratio > config.min_cohesion[n])
        begins = where[strong[table.which]]
        for k in range(n - 1):
            glued[begins + k] = True
        if n in weak:
            weak[n][begins] = False
    starts, lengths = _pieces(text.ids > 0, glued)
    if config.classic:  # the original skips lines of one or two characters
        long_line = np.diff(np.append(text.line_starts, size + 1)) > 3
        kept = long_line[np.searchsorted(text.line_starts, starts, side="right") - 1]
        starts, lengths = starts[kept], lengths[kept]
    words = ngrams.count_spans(text, starts, lengths)
    kept = words.counts >= config.min_count
    if config.max_len:
        kept &= words.lengths <= config.max_len
    if config.back_check:
        kept &= _passes_back_check(words, weak)
    terms = text.spans(words.starts[kept], words.lengths[kept])
    return dict(zip(terms, words.counts[kept].tolist(), strict=True))


def _passes_back_check(words: ngrams.SpanCounts, weak: Mapping[int, np.ndarray]) -> np.ndarray:
    """A word of 3 characters or more stays only if each window of 3, and of 4 where one fits, is strong."""
    passes = np.ones(words.counts.size, dtype=bool)
    for n, mask in weak.items():
        before = np.concatenate([[0], np.cumsum(mask)])  # weak windows before each position
        ends = np.maximum(words.starts + words.lengths - n + 1, words.starts)
        passes &= before[ends] == before[words.starts]
    return passes

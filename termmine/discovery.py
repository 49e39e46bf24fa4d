"""Which strings are words?

Three methods, all unsupervised: the PMI chain (kexue.fm/archives/5597), cohesion with gluing
(zhuanlan.zhihu.com/p/39461254) and penalised unigram EM (Liang & Klein 2009). A words frame has the columns
``term, count``: how often the text was cut into that word, most frequent first, ties by ``term``; with EM also
``log_p, penalty``, which the segmentation needs.
"""

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from termmine import lattice, neighbours, ngrams, unigram
from termmine.errors import InputError, shown

LOG_ZERO = -100.0  # nats; what the original takes for log 0, and a character outside the vocabulary costs
_LONGEST_PART = (
    64  # characters of a part that is looked for, unless words may have any length; else long lines take forever
)
_LARGEST = sys.float_info.max  # an integer may be larger, and is below infinity
_ALNUM = re.compile(r"[0-9A-Za-z]+")
_ALNUM_OR_DOT = re.compile(r"[0-9A-Za-z.]+")
_MIXED = re.compile(r"([0-9A-Za-z]+|[^0-9A-Za-z]+)([0-9A-Za-z]+|[^0-9A-Za-z]+)")
# What the original program of the cohesion post deletes from a line, in two passes.
_DELETED = (r"[\s+\.\!\/_,$%^*(+\"')]+", r"[+——()?【】“”！，。？、~@#￥%……&*（）0-9a-zA-Z]+")


def _check(holds: bool, name: str, must: str, value: object) -> None:
    if not holds:
        raise InputError(f"{name} must be {must}, got {shown(value)}")


def _check_shared(config: "Config") -> None:
    """What all methods have."""
    count, longest, entropy = config.min_count, config.max_len, config.min_entropy
    _check(count is None or count >= 1, "min_count", "1 or more", count)
    _check(count is None or count < 1 << 63, "min_count", "less than 2^63", count)
    _check(longest is None or 2 <= longest <= 12, "max_len", "in 2..12", longest)
    _check(0 <= entropy <= _LARGEST, "min_entropy", "0 or more", entropy)


@dataclass(frozen=True, slots=True, kw_only=True)
class PmiConfig:
    """Thresholds of the PMI chain; the source post uses ``min_proba=1e-6, min_pmi=.5`` and no other."""

    min_count: int | None = None  # occurrences of a strong pair, and of a word in the end; None: by corpus size
    min_proba: float = 1e-6  # share of all pairs, and of all pieces
    min_pmi: float = 0.5  # nats
    max_len: int | None = 12  # characters; longer pieces are taken apart into words, or dropped; None sets no limit
    min_entropy: float = 0.0  # nats; boundary entropy that a word needs on either side; 0 keeps all

    def __post_init__(self) -> None:
        _check_shared(self)
        _check(0 < self.min_proba < 1, "min_proba", "between 0 and 1", self.min_proba)
        _check(-_LARGEST <= self.min_pmi <= _LARGEST, "min_pmi", "a finite number", self.min_pmi)


@dataclass(frozen=True, slots=True, kw_only=True)
class CohesionConfig:
    """Thresholds of cohesion discovery.

    With ``classic``, all is as in the source post's program, whose thresholds are a count of 25 and ratios of 5, 25 and
    125: it deletes punctuation, digits and Latin letters instead of splitting there, skips lines of two characters, and
    knows no ``deviations``, no ``min_gain``, no runs of letters and digits.
    """

    min_count: int | None = None  # occurrences of an n-gram, and of a word; None: by corpus size
    min_cohesion: Mapping[int, float] | None = None  # ratio by length; None: 3, 25, 125, with classic 5, 25, 125
    deviations: float = 1.0  # standard errors that a count is lowered by before it is compared to chance
    min_gain: float = 3.6  # nats, times the root of gaps: what a word must be above its parts; 0 keeps all
    max_len: int | None = 12  # characters; longer words are dropped; None sets no limit
    min_entropy: float = 0.0  # nats; boundary entropy that a word needs on either side; 0 keeps all
    back_check: bool = True
    classic: bool = False  # as the original program does

    def __post_init__(self) -> None:
        _check_shared(self)
        if self.min_cohesion is None:
            object.__setattr__(self, "min_cohesion", {2: 5.0 if self.classic else 3.0, 3: 25.0, 4: 125.0})
        lengths = sorted(self.min_cohesion)
        _check(lengths == [2, 3, 4], "min_cohesion", "a threshold for each of the lengths 2, 3, 4", lengths)
        thresholds = list(self.min_cohesion.values())
        _check(all(0 < value <= _LARGEST for value in thresholds), "min_cohesion", "positive", thresholds)
        _check(0 <= self.deviations <= _LARGEST, "deviations", "0 or more", self.deviations)
        _check(0 <= self.min_gain <= _LARGEST, "min_gain", "0 or more", self.min_gain)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmConfig:
    """Settings of penalised unigram EM. A number or a Latin run is one unit, as a Han character is."""

    min_count: int | None = None  # occurrences of a candidate of two units or more; None: 2
    penalty: float | None = None  # β, nats; None: chosen by the branching entropies; 2.25 on small texts
    max_len: int | None = 12  # units; no word has more than 5
    min_entropy: float = 0.0  # nats; boundary entropy that a word needs on either side; 0 keeps all

    def __post_init__(self) -> None:
        _check_shared(self)
        _check(self.penalty is None or 0 < self.penalty <= 100, "penalty", "above 0, and 100 at most", self.penalty)


Config = PmiConfig | CohesionConfig | EmConfig

# The parameters of a notebook and of the command line; "auto" is chosen by the corpus.
DEFAULTS = {
    "method": "pmi",
    "min_count": "auto",
    "min_proba": 1e-6,
    "min_pmi": 0.5,
    "min_cohesion": {2: 3.0, 3: 25.0, 4: 125.0},
    "min_gain": 3.6,
    "penalty": "auto",
    "max_len": 12,
    "min_entropy": 0.0,
    "back_check": True,
}
_SHARED = ("min_count", "max_len", "min_entropy")
# What each method takes of them.
PARAMETERS = {
    "pmi": (*_SHARED, "min_proba", "min_pmi"),
    "cohesion": (*_SHARED, "min_cohesion", "min_gain", "back_check"),
    "em": (*_SHARED, "penalty"),
}
_CONFIGS = {"pmi": PmiConfig, "cohesion": CohesionConfig, "em": EmConfig}
# Floors on 1.6 million characters (5 MB); below 2, the floor is 2 at every size.
_FLOOR_AT = {"pmi": 0, "cohesion": 25, "em": 0}
_STRETCH = 1 << 15  # characters of a stretch that EM learns from
_AT_ONCE = 1 << 20  # characters that are cut at a time
LEARNED = 5_000_000  # characters that EM learns from at most; of a longer text, stretches that are spread evenly


def make_config(**parameters: object) -> Config:
    """A method's config from the plain parameters of a notebook or command line, ``DEFAULTS`` where they say nothing.

    The other methods' parameters are checked and not used. Lengths in ``min_cohesion`` may be strings, as in JSON.

    Raises
    ------
    InputError : no such method, or a value out of its range
    TypeError : no such parameter, or a value of the wrong type

    >>> make_config(method="cohesion", min_count=10).min_count
    10
    """
    if unknown := set(parameters) - set(DEFAULTS):
        raise TypeError(f"there is no parameter {min(unknown)}; there are: {', '.join(DEFAULTS)}")
    values = DEFAULTS | parameters
    _check(values["method"] in _FLOOR_AT, "method", " or ".join(_FLOOR_AT), values["method"])
    lengths = list(map(str, values["min_cohesion"]))
    _check(all(map(str.isdecimal, lengths)), "min_cohesion", "a table of lengths in characters", lengths)
    values["min_cohesion"] = {int(length): ratio for length, ratio in values["min_cohesion"].items()}
    values |= {name: None for name, value in values.items() if value == "auto"}
    configs = {  # all, so that a wrong value is noticed whichever method is on
        method: _CONFIGS[method](**{name: values[name] for name in names}) for method, names in PARAMETERS.items()
    }
    return configs[values["method"]]


def method_of(config: Config) -> str:
    """``"pmi"``, ``"cohesion"`` or ``"em"``."""
    return next(method for method, kind in _CONFIGS.items() if isinstance(config, kind))


def floor_for(method: str, characters: int) -> int:
    """The default ``min_count`` for a corpus: it grows with the root of its size, as the error of a count does.

    For the PMI chain and EM the floor is always 2: the one has a floor by corpus size in ``min_proba``, the other
    weighs rare words itself.

    Parameters
    ----------
    method : ``"pmi"``, ``"cohesion"`` or ``"em"``
    characters : Han characters of the corpus

    >>> [floor_for("cohesion", n) for n in (7_000, 1_600_000, 33_000_000)]
    [2, 25, 114]
    """
    return max(2, round(_FLOOR_AT[method] * math.sqrt(characters / 1.6e6)))


def fitted(config: Config, text: ngrams.Text) -> Config:
    """The config with the floor that fits the text, where it names none."""
    if config.min_count is not None:
        return config
    return replace(config, min_count=floor_for(method_of(config), text.count_han()))


def encode(lines: Iterable[str], config: Config) -> ngrams.EncodedText:
    """The text as the config's method reads it; ``discover`` takes it in place of the lines."""
    units = units_of(config)
    if units != "classic":
        return ngrams.encode(lines, units=units)
    first, second = (re.compile(pattern) for pattern in _DELETED)
    text = ngrams.encode((second.sub("", first.sub("", line.strip())) for line in lines), units="any")
    text.units = units
    return text


def units_of(config: Config) -> str:
    """What the method takes for units: ``"word"`` or ``"any"``, as ``ngrams.encode``, or ``"classic"``."""
    if isinstance(config, EmConfig):
        return "any"
    return "classic" if isinstance(config, CohesionConfig) and config.classic else "word"


def _as_text(lines: Iterable[str] | ngrams.Text, config: Config) -> ngrams.Text:
    """The lines encoded; of what is encoded, whether it was for such a method."""
    if not isinstance(lines, ngrams.Text):
        return encode(lines, config)
    units = units_of(config)
    if lines.units not in ({"word", "han"} if units == "word" else {units}):
        reader = "classic" if units == "classic" else f"method {method_of(config)}"
        raise InputError(f"{reader} reads text in its own way; give it the lines, or encode them with its config")
    return lines


def discover(lines: Iterable[str] | ngrams.Text, config: Config | None = None) -> pd.DataFrame:
    """Find the words of a corpus; the config's class says by which method (default: the PMI chain).

    Parameters
    ----------
    lines : documents, read once, or what ``encode`` made of them; full-width letters and digits count as half-width
        ones in files, which ``corpus.read_lines`` opens, while other documents are taken as they are (``corpus.fold``)
    config : thresholds

    Returns
    -------
    words frame : ``term, count``, most frequent first, single characters included; EM adds ``log_p, penalty``, a
        ``min_entropy`` above 0 ``left_entropy, right_entropy``

    Raises
    ------
    InputError : from the corpus; or the text was encoded for another method
    """
    config = PmiConfig() if config is None else config
    text = _as_text(lines, config)
    config = fitted(config, text)
    if isinstance(config, EmConfig):
        words = _em_frame(text, config)
    else:
        find = _cohesion_words if isinstance(config, CohesionConfig) else _pmi_words
        words = _words_frame(find(text, config))
    return _free_words(words, text, config.min_entropy) if config.min_entropy else words


def with_entropy(words: pd.DataFrame, text: ngrams.Text) -> pd.DataFrame:
    """A words frame with the boundary entropies, ``left_entropy, right_entropy`` (nats), of ``neighbours``.

    >>> text = ngrams.encode(["电力", "电力网", "电力网"])
    >>> with_entropy(pd.DataFrame({"term": ["电力"], "count": [3]}), text).round(2).values.tolist()
    [['电力', 3, 1.1, 0.64]]
    """
    return words.assign(**neighbours.boundary_entropy(words["term"].tolist(), text))


def _free_words(words: pd.DataFrame, text: ngrams.Text, min_entropy: float) -> pd.DataFrame:
    """Without the words whose neighbours are too certain on one side; single characters stay."""
    words = with_entropy(words, text)
    free = (words["left_entropy"] >= min_entropy) & (words["right_entropy"] >= min_entropy)
    return words[free | (words["term"].str.len() == 1)].reset_index(drop=True)


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


def _score_pairs(text: ngrams.Text, config: PmiConfig, floor: int = 1) -> tuple[ngrams.Ngrams, np.ndarray, np.ndarray]:
    """Neighbouring pairs of at least ``floor`` occurrences, their PMI in nats, and which are strong."""
    total = max(text.count_windows(2), 1)
    floor = max(floor, _least_above(config.min_proba, total)) if floor > 1 else 1
    pairs = text.count_ngrams(2, floor=floor)
    characters = text.unit_counts()
    with np.errstate(divide="ignore"):
        log_p = np.log(pairs.counts) - np.log(total)
        log_c = np.log(characters) - np.log(max(characters.sum(), 1))
    bond = log_p - log_c[pairs.part(0, 1)] - log_c[pairs.part(1, 2)]
    strong = (log_p > math.log(config.min_proba)) & (bond > config.min_pmi) & (pairs.counts >= config.min_count)
    return pairs, bond, strong


def score_pairs(lines: Iterable[str] | ngrams.Text, config: PmiConfig | None = None) -> pd.DataFrame:
    """Every neighbouring pair of characters as the PMI chain sees it.

    Returns
    -------
    frame : ``term, count, pmi`` (nats), ``is_strong``; by code points
    """
    config = config or PmiConfig()
    text = _as_text(lines, config)
    pairs, bond, strong = _score_pairs(text, fitted(config, text))
    return pd.DataFrame({"term": pairs.strings(), "count": pairs.counts, "pmi": bond, "is_strong": strong})


def _pmi_words(text: ngrams.Text, config: PmiConfig) -> dict[str, int]:
    pairs, _, strong = _score_pairs(text, config, config.min_count)
    cut = ngrams.Cut(pairs.where(strong))
    pieces = text.count_pieces(cut, lambda total: _least_above(config.min_proba, total))
    words = _dissolve(pieces.in_order(), config.max_len)
    longest = config.max_len or max(map(len, words), default=0)
    return {word: number for word, number in words.items() if number >= config.min_count and len(word) <= longest}


def _least_above(share: float, total: int) -> int:
    """The least count with ln count - ln total > ln share, as floating point has it."""
    number = max(int(share * total) - 1, 1)
    while np.log(number) - np.log(max(total, 1)) <= math.log(share):
        number += 1
    return number


def _dissolve(words: dict[str, int], max_len: int | None) -> dict[str, int]:
    """Take apart the words that are no more than their parts (the chain's de-redundancy), longest first."""
    counts = dict(words)
    weight = dict(words)  # what the segmentation sees while the words are taken out one by one
    total = sum(weight.values())
    log_total = math.log(total) if total else 0.0
    most = _LONGEST_PART if max_len else math.inf
    known = set(map(len, words))
    lengths = _descending(known, most)
    for word in sorted(words, key=len, reverse=True):  # stable: ties stay in order of first occurrence
        if len(word) < 2:
            continue
        number = weight.pop(word)
        total -= number
        parts = _split(word, weight, log_total, lengths)
        gain = math.log(number) - log_total
        for part in parts:
            gain -= (math.log(weight[part]) if part in weight else LOG_ZERO) - log_total
        too_long = max_len and len(word) > max_len and all(part in weight for part in parts)
        if gain < len(word) - 1 or too_long:
            for part in parts:
                weight[part] = weight.get(part, 0) + number
                counts[part] = counts.get(part, 0) + number
            if not known.issuperset(map(len, parts)):
                known.update(map(len, parts))
                lengths = _descending(known, most)
            total += number * len(parts)
            del counts[word]
        else:
            weight[word] = number
            total += number
        log_total = math.log(total)
    return counts


def _descending(lengths: Iterable[int], most: float = math.inf) -> list[int]:
    return sorted((length for length in lengths if length <= most), reverse=True)


def _split(word: str, weight: Mapping[str, int], log_total: float, lengths: Sequence[int]) -> list[str]:
    """The most probable segmentation of one word (ALGORITHMS §3, combine on); ``weight`` changes from call to call.

    ``lengths``, descending, are those that words of ``weight`` have: no other is looked up, however long the word is.
    """
    size = len(word)
    if size == 2 and not (word in weight or word.isascii()):  # three words of four, and nothing to choose or join
        return [word[0], word[1]]
    best, back = [0.0] + [-math.inf] * size, [0] * (size + 1)
    for end in range(1, size + 1):
        for length in lengths:
            start = end - length
            number = weight.get(word[start:end]) if start >= 0 else None
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
    runs: list[list[str]] = []
    open_run = False
    for token in tokens:
        if open_run and _ALNUM_OR_DOT.fullmatch(token):
            runs[-1].append(token)
        else:
            runs.append([token])
            open_run = _ALNUM.fullmatch(token) is not None
    return list(map("".join, runs))


# --- cohesion --------------------------------------------------------------------------------------------


def _score_ngrams(text: ngrams.Text, config: CohesionConfig) -> dict[int, tuple[ngrams.Ngrams, np.ndarray]]:
    """For n = 2..4: the n-grams that occur ``min_count`` times, and their cohesion."""
    units = text.unit_counts()
    frequent = np.flatnonzero(units >= config.min_count)
    tables = {1: ngrams.Ngrams(1, frequent.astype(np.uint64), units[frequent])}
    total = tables[1].counts.sum()
    scored = {}
    for n in (2, 3, 4):
        table = text.count_ngrams(n, floor=config.min_count, shorter=tables[n - 1])
        tables[n] = table
        seen = _lowered(table.counts, config)
        ratio = np.full(table.keys.size, np.inf)
        for k in range(1, n):
            left, right = tables[k].count_of(table.part(0, k)), tables[n - k].count_of(table.part(k, n))
            ratio = np.minimum(ratio, total * seen / (left * right))
        scored[n] = table, ratio
    return scored


def _lowered(counts: np.ndarray, config: CohesionConfig) -> np.ndarray:
    """Counts less their standard error, that of a Poisson count: a ratio that rests on few occurrences is uncertain."""
    return counts if config.classic else counts - config.deviations * np.sqrt(counts)


def score_ngrams(lines: Iterable[str] | ngrams.Text, config: CohesionConfig | None = None) -> pd.DataFrame:
    """Every n-gram of 2..4 characters that occurs ``min_count`` times, as cohesion discovery sees it.

    Returns
    -------
    frame : ``term, count, cohesion`` (ratio), ``is_strong``; short ones first, by code points
    """
    config = config or CohesionConfig()
    text = _as_text(lines, config)
    config = fitted(config, text)
    frames = []
    for n, (table, ratio) in _score_ngrams(_ngram_text(text, config), config).items():
        frame = pd.DataFrame({"term": table.strings(), "count": table.counts, "cohesion": ratio})
        frames.append(frame.assign(is_strong=ratio > config.min_cohesion[n]))
    return pd.concat(frames, ignore_index=True)


def _ngram_text(text: ngrams.Text, config: CohesionConfig) -> ngrams.Text:
    return text if config.classic else text.only_han()


def _cohesion_words(text: ngrams.Text, config: CohesionConfig) -> dict[str, int]:
    scored = _score_ngrams(_ngram_text(text, config), config)
    strong = ngrams.merged(table.where(ratio > config.min_cohesion[n]) for n, (table, ratio) in scored.items())
    if config.classic:  # the original skips lines of one or two characters
        pieces = text.count_pieces(ngrams.Cut(strong, min_run=3), lambda _: config.min_count).in_order()
        return _sound(pieces, strong, config)
    pieces = text.count_pieces(ngrams.Cut(strong, whole_runs=True), lambda _: _piece_floor(config))
    counts = pieces.in_order()
    mixed = _mixed_words(text, strong, counts, pieces.total, config)
    for term, number in mixed.items():
        for part in _MIXED.fullmatch(term).groups():
            counts[part] -= number
    runs = {term: number for term, number in counts.items() if _ALNUM.fullmatch(term)}
    words = _checked_words({term: number for term, number in counts.items() if term not in runs}, strong, config)
    words |= {term: number for term, number in (runs | mixed).items() if not term.isdecimal()}
    longest = config.max_len or max(map(len, words), default=0)
    return {term: number for term, number in words.items() if number >= config.min_count and len(term) <= longest}


def _piece_floor(config: CohesionConfig) -> int:
    """Pieces that are too rare for a word still say where their parts stand."""
    return max(1, config.min_count // 4) if config.min_gain else config.min_count


def _sound(pieces: Mapping[str, int], strong: ngrams.Ngrams, config: CohesionConfig) -> dict[str, int]:
    """The pieces that are short enough and pass the back-check: all windows of 3 characters, and of 4, are strong."""
    longest = config.max_len or max(map(len, pieces), default=0)
    windows = set(strong.strings()) if config.back_check else set()

    def passes(piece: str) -> bool:
        return all(piece[i : i + n] in windows for n in (3, 4) for i in range(len(piece) - n + 1))

    return {
        piece: number
        for piece, number in pieces.items()
        if len(piece) <= longest and (not config.back_check or passes(piece))
    }


def _checked_words(pieces: Mapping[str, int], strong: ngrams.Ngrams, config: CohesionConfig) -> dict[str, int]:
    """The sound pieces that are more than their parts; the others give their counts to the words that they hold."""
    words = _sound(pieces, strong, config)
    if not config.min_gain:
        return words
    rare = {piece for piece, number in words.items() if len(piece) > 1 and number < max(1, config.min_count // 3)}
    words = {piece: number for piece, number in words.items() if number > 0 and piece not in rare}
    log_total, lengths = math.log(max(sum(words.values()), 1)), _descending(set(map(len, words)))
    counts = dict(words)
    for piece, number in pieces.items():
        if piece not in words and number > 0:
            for part in _split(piece, words, log_total, lengths):
                counts[part] = counts.get(part, 0) + number
    return _more_than_parts(counts, config.min_gain)


def _more_than_parts(words: Mapping[str, int], min_gain: float) -> dict[str, int]:
    """Take apart the words that are not ``min_gain`` · √gaps nats more probable than their best parts, longest first.

    Cohesion again, in words where that of n-grams is in characters: ln p(word) - Σ ln p(part), the parts as they stand
    without the word, with one occurrence added to each.
    """
    counts = dict(words)
    total = sum(counts.values())
    for word in sorted(filter(_is_long, words), key=lambda word: (-len(word), words[word], word)):
        number = counts.pop(word)
        total -= number
        gain, parts = _best_parts(word, counts, math.log(total + 2))
        gain += math.log(number) - math.log(total + 2)
        if gain >= min_gain * math.sqrt(len(word) - 1):
            counts[word] = number
            total += number
        else:
            for part in parts:
                counts[part] = counts.get(part, 0) + number
            total += number * len(parts)
    return counts


def _is_long(word: str) -> bool:
    return len(word) > 1


def _best_parts(word: str, counts: Mapping[str, int], log_total: float) -> tuple[float, list[str]]:
    """The most probable way to make a word of two parts or more; minus its log-probability, and the parts."""
    size = len(word)
    best, back = [0.0] + [-math.inf] * size, [0] * (size + 1)
    for end in range(1, size + 1):
        for start in range(end):
            number = counts.get(word[start:end], 0)
            if (number or end - start == 1) and end - start < size:
                score = best[start] + math.log(number + 1) - log_total
                if score > best[end]:
                    best[end], back[end] = score, start
    parts = []
    while size:
        parts.append(word[back[size] : size])
        size = back[size]
    return -best[-1], parts


def _mixed_words(
    text: ngrams.Text, strong: ngrams.Ngrams, counts: Mapping[str, int], total: int, config: CohesionConfig
) -> dict[str, int]:
    """Runs of letters and digits that cohere with the piece beside them: SF6断路器, 维生素C.

    What a run forms with the piece after it comes first, so that no piece is counted in two words.
    """
    found: dict[str, int] = {}
    for side in ("after", "before"):
        cut = ngrams.Cut(strong, whole_runs=True, mixed=side, taken=ngrams.piece_keys(found))
        pairs = _sound_mixed(text.count_pieces(cut, lambda _: config.min_count).in_order(), strong, config)
        for term, number in pairs.items():
            first, second = _MIXED.fullmatch(term).groups()
            seen = number - config.deviations * math.sqrt(number)
            if total * seen / (counts[first] * counts[second]) > config.min_cohesion[2]:
                found[term] = number
    return found


def _sound_mixed(pairs: Mapping[str, int], strong: ngrams.Ngrams, config: CohesionConfig) -> dict[str, int]:
    """Pairs of a run with a letter in it and a sound piece that are not too long."""
    longest = config.max_len or math.inf
    han = {term: "".join(filter(None, re.split("[0-9A-Za-z]+", term))) for term in pairs}
    sound = _sound(dict.fromkeys(han.values(), 1), strong, config)
    has_letter = re.compile("[A-Za-z]").search
    return {t: number for t, number in pairs.items() if han[t] in sound and has_letter(t) and len(t) <= longest}


# --- penalised unigram EM --------------------------------------------------------------------------------


def _em_frame(text: ngrams.Text, config: EmConfig) -> pd.DataFrame:
    longest = min(config.max_len or unigram.LONGEST, unigram.LONGEST)
    words, log_p, penalty = unigram.learn(
        _spread(text, LEARNED), min_count=config.min_count, longest=longest, penalty=config.penalty
    )
    if not words:
        return _words_frame({}).assign(log_p=0.0, penalty=0.0)
    cutter = lattice.AtomCutter(words, log_p - penalty)

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ngrams.in_parallel(cutter.cut, _stretches(text, _AT_ONCE), text.threads)

    pieces = ngrams.count_cut(blocks, lambda _: 1, threads=1)  # each thread would cut the text anew
    frame = _words_frame(pieces.in_order())
    scores = pd.DataFrame({"log_p": log_p, "penalty": penalty}, index=words)
    scores = scores.reindex(lattice.class_words_of(frame["term"].tolist()))
    frame["log_p"], frame["penalty"] = scores["log_p"].to_numpy(), scores["penalty"].to_numpy()
    return frame.dropna(ignore_index=True)  # characters that EM has not seen


def _stretches(text: ngrams.EncodedText, size: int) -> Iterator[np.ndarray]:
    """The text as code points, a border as a line end, some ``size`` characters at a time.

    It is cut where a clause ends, or anywhere if that is too far away.
    """
    for block in text.blocks():
        ends = np.flatnonzero((block == 0) | (block == ord("，")) | (block == ord("。"))) + 1
        wanted = np.arange(size, block.size, size)
        found = np.append(ends, block.size)[np.searchsorted(ends, wanted)]
        edges = np.unique(np.concatenate([[0], np.where(found - wanted < size, found, wanted), [block.size]]))
        codes = np.where(block == 0, ord("\n"), block).astype(np.uint32)
        yield from (codes[begin:end] for begin, end in pairwise(edges.tolist()))


def _spread(text: ngrams.EncodedText, limit: int) -> Iterator[np.ndarray]:
    """Stretches that are spread evenly over the text; all of it if it has no more than ``limit`` characters."""
    share, due = min(limit / max(text.size, 1), 1.0), 0.0
    for codes in _stretches(text, _STRETCH):
        due += share * codes.size
        if due >= codes.size:
            due -= codes.size
            yield codes

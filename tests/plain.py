"""The two discovery methods as plain programs, as slow as they are short, to compare with."""

import math
import re
from collections import Counter

BORDER = re.compile("[^\u4e00-\u9fa50-9a-zA-Z]+")
ALNUM, ALNUM_OR_DOT = re.compile("[0-9A-Za-z]+"), re.compile("[0-9A-Za-z.]+")


def tokens(text, weight, log_total):
    """Most probable segmentation; ties take the longest word; alphanumeric runs are joined."""
    best, cut = [0.0], [0]
    for end in range(1, len(text) + 1):
        ways = [
            (best[start] + (math.log(weight[text[start:end]]) - log_total), start)
            for start in range(end)
            if weight.get(text[start:end])
        ]
        score, start = max(ways, key=lambda way: (way[0], -way[1]), default=(best[end - 1] - 100, end - 1))
        best.append(score)
        cut.append(start)
    found, end = [], len(text)
    while end:
        found.insert(0, text[cut[end] : end])
        end = cut[end]
    joined, in_run = [], False
    for token in found:
        if in_run and ALNUM_OR_DOT.fullmatch(token):
            joined[-1] += token
        else:
            joined.append(token)
            in_run = bool(ALNUM.fullmatch(token))
    return joined


def pmi_chain(lines, min_proba, min_pmi):
    """kexue.fm/archives/5597, with its de-redundancy."""
    pieces = [piece for line in lines for piece in BORDER.split(line) if piece]
    ch = Counter(c for piece in pieces for c in piece)
    pair = Counter(piece[i : i + 2] for piece in pieces for i in range(len(piece) - 1))
    log_c, log_p = math.log(sum(ch.values())), math.log(max(sum(pair.values()), 1))
    strong = {
        ab
        for ab, n in pair.items()
        if math.log(n) - log_p > math.log(min_proba)
        and (math.log(n) - log_p) - (math.log(ch[ab[0]]) - log_c) - (math.log(ch[ab[1]]) - log_c) > min_pmi
    }
    words = Counter()
    for piece in pieces:
        begin = 0
        for i in range(1, len(piece) + 1):
            if i == len(piece) or piece[i - 1 : i + 1] not in strong:
                words[piece[begin:i]] += 1
                begin = i
    log_w = math.log(sum(words.values()))
    words = {word: n for word, n in words.items() if math.log(n) - log_w > math.log(min_proba)}
    weight = dict(words)
    total = sum(weight.values())
    log_total = math.log(total)
    for word in sorted(words, key=len, reverse=True):
        if len(word) == 1:
            continue
        number = weight.pop(word)
        total -= number
        parts = tokens(word, weight, log_total)
        gain = math.log(number) - log_total
        for part in parts:
            gain -= (math.log(weight[part]) if part in weight else -100) - log_total
        if gain < len(word) - 1:
            for part in parts:
                weight[part] = weight.get(part, 0) + number
                words[part] = words.get(part, 0) + number
                total += number
            del words[word]
        else:
            weight[word] = number
            total += number
        log_total = math.log(total)
    return words


DELETED = (r"[\s+\.\!\/_,$%^*(+\"']+", r"[+——()?【】“”！，。？、~@#￥%……&*（）0-9a-zA-Z]+")


def cohesion_words(lines, min_count, thresholds, classic, back_check, deviations=0.0):
    """zhuanlan.zhihu.com/p/39461254: as published, or split at everything but Han characters."""
    if classic:
        lines = [re.sub(DELETED[1], "", re.sub(DELETED[0], "", line.strip())) for line in lines]
    else:
        lines = [piece for line in lines for piece in re.split("[^\u4e00-\u9fa5]+", line)]
    counts = Counter(line[i : i + n] for line in lines for n in (1, 2, 3, 4) for i in range(len(line) - n + 1))
    counts = {gram: n for gram, n in counts.items() if n >= min_count}
    total = sum(n for gram, n in counts.items() if len(gram) == 1)
    strong = {
        g
        for g, n in counts.items()
        if len(g) > 1
        and min(total * (n - deviations * math.sqrt(n)) / (counts[g[:i]] * counts[g[i:]]) for i in range(1, len(g)))
        > thresholds[len(g)]
    }
    words = Counter()
    for line in lines:
        if classic and len(line) <= 2:
            continue
        mask = [0] * len(line)
        for n in (2, 3, 4):
            for i in range(len(line) - n + 1):
                if line[i : i + n] in strong:
                    for k in range(i, i + n - 1):
                        mask[k] += 1
        begin = 0
        for i in range(1, len(line) + 1):
            if i == len(line) or not mask[i - 1]:
                words[line[begin:i]] += 1
                begin = i
    words = {word: n for word, n in words.items() if n >= min_count}

    def passes(word):
        return len(word) < 3 or all(word[i : i + n] in strong for n in (3, 4) for i in range(len(word) - n + 1))

    return {word: n for word, n in words.items() if not back_check or passes(word)}

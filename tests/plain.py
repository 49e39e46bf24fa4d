"""Discovery and candidates as plain programs, as slow as they are short, to compare with."""

import math
import re
import unicodedata
from collections import Counter
from itertools import pairwise

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


# --- candidates.from_phrases ------------------------------------------------------------------------------

WIDE = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F) if chr(code).isalnum()} | {"．": ".", "\u3000": " "}


def folded(line):
    return "".join(WIDE.get(c, c) for c in line)


def spans(line, begins, is_border):
    """Where the words of a folded line begin and end: borders are no words, but a hyphen may be inside one."""
    inner, hyphens = set(), set()  # positions where no word begins, and hyphens that are letters of a word
    for i in range(1, len(line) - 1):
        a, b = line[i - 1], line[i + 1]
        if line[i] == "-" and (a + b).isascii() and (a + b).isalnum() and not (a + b).isdigit():
            hyphens.add(i)
            inner |= {i, i + 1}
    found, begin = [], None
    for i in range(len(line) + 1):
        border = i == len(line) or (is_border[i] and i not in hyphens)
        if begin is not None and (border or (begins[i] and i not in inner)):
            found.append((begin, i))
            begin = None
        if begin is None and not border:
            begin = i
    return found


def runs_of_words(documents, max_words, max_len):
    """string -> its occurrences in order: line, where each of its words begins and ends, and the words beside it."""
    found = {}
    for line, words in documents:
        for i in range(len(words)):
            for n in range(1, max_words + 1):
                run = words[i : i + n]
                glued = all(a[1] == b[0] for a, b in pairwise(run))
                if len(run) == n and glued and run[-1][1] - run[0][0] <= max_len:
                    before = i > 0 and words[i - 1][1] == run[0][0]
                    behind = i + n < len(words) and words[i + n][0] == run[-1][1]
                    found.setdefault(line[run[0][0] : run[-1][1]], []).append((line, run, before, behind))
    return found


def entropy(counts):
    total = sum(counts.values())
    return -sum(n / total * math.log(n / total) for n in counts.values())


def lone_share(words, character):
    """Share of a character's occurrences in words as a word alone, with 5 more at the average share."""
    total = sum(len(word) * n for word, n in words.items())
    average = sum(n for word, n in words.items() if len(word) == 1) / total
    return (words.get(character, 0) + 5 * average) / (sum(word.count(character) * n for word, n in words.items()) + 5)


def spelling(term):
    han = [unicodedata.name(c, "").startswith("CJK") or c in "〇○" for c in term]
    digits = re.sub("[A-Za-z]{1,4}$", "", term)
    if digits and not set(digits) - set("0123456789.,:/%‰-·：∶／％"):
        return "number"
    return "han" if all(han) else "mixed" if any(han) else "latin"


def phrases(documents, background, words, background_words, weights, *, max_words, max_len, min_len, floor):
    """Candidates of one to four words, a dictionary each; documents are folded lines with the spans of their words."""
    runs = {t: places for t, places in runs_of_words(documents, max_words, max_len).items() if len(places) >= floor}
    f = {term: len(places) for term, places in runs.items()}
    cut = {term: [places[0][0][a:b] for a, b in places[0][1]] for term, places in runs.items()}
    parts = {
        term: {"".join(w[i:j]) for i in range(len(w)) for j in range(i + 1, len(w) + 1) if j - i < len(w)}
        for term, w in cut.items()
    }
    n_tokens, spans_of = sum(len(words) for _, words in documents), dict(documents)

    def occurrences(term, lines):
        return [sum(line.startswith(term, i) for i in range(len(line))) for line in lines]

    def cohesion(term):
        w = cut[term]
        splits = [("".join(w[:k]), "".join(w[k:])) for k in range(1, len(w))]
        scores = [math.log(n_tokens * f[term] / (f[a] * f[b])) if a in f and b in f else 0.0 for a, b in splits]
        return min(scores, default=math.nan)

    def is_free(place):
        line, run, before, behind = place
        wider = [[*run, word] for word in spans_of[line] if behind and word[0] == run[-1][1]]
        wider += [[word, *run] for word in spans_of[line] if before and word[1] == run[0][0]]
        fitting = [r for r in wider if len(r) <= max_words and r[-1][1] - r[0][0] <= max_len]
        return not any(line[r[0][0] : r[-1][1]] in f for r in fitting)

    rows = []
    for term in sorted(f):
        if len(term) < min_len or spelling(term) == "number":
            continue
        places, longer = runs[term], [t for t in f if term in parts[t]]
        beside = [
            (line[run[0][0] - 1 : run[0][0]] or "\n", line[run[-1][1] :][:1] or "\n", before, behind)
            for line, run, before, behind in places
        ]
        here = occurrences(term, [line for line, _ in documents])
        row = {
            "term": term,
            "count": sum(here),
            "doc_freq": sum(n > 0 for n in here),
            "background_count": sum(occurrences(term, background)),
            "word_count": f[term],
            "n_words": sum(len(run) for _, run, _, _ in places) / f[term],
            "left_entropy": entropy(Counter(a if inside else "" for a, _, inside, _ in beside)),
            "right_entropy": entropy(Counter(b if inside else "" for _, b, _, inside in beside)),
            "left_border": sum(not inside for _, _, inside, _ in beside) / f[term],
            "right_border": sum(not inside for _, _, _, inside in beside) / f[term],
            "cohesion": cohesion(term),
            "c_value": math.log2(len(term)) * (f[term] - sum(f[t] for t in longer) / max(len(longer), 1)),
            "free_share": sum(map(is_free, places)) / f[term],
            "extension_share": sum(f[t] for t in f if len(cut[t]) > 1 and "".join(cut[t][:-1]) == term) / f[term],
            "nominal": sum(weights[0].get(a, 0) + weights[1].get(b, 0) for a, b, _, _ in beside) / f[term],
        }
        for side, at in (("first", 0), ("last", -1)):
            word = cut[term][at] if cut[term][at] in f else term
            row[f"{side}_word_count"] = f[word]
            row[f"{side}_word_background"] = sum(occurrences(word, background))
            row[f"{side}_alone"] = lone_share(background_words, term[at])
            row[f"domain_{side}_alone"] = lone_share(words, term[at])
        rows.append({**row, "spelling": spelling(term)})
    return rows

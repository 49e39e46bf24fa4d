"""How is the same character always written the same way?

A term that is written in two ways is counted as two rarer ones: ﬁ or fi, ﾃﾞｰﾀ or データ, a ⼒ from a PDF's table of
radicals, a word with a zero-width blank inside. What parts words stays as it is, since the methods split at it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from operator import ne
from typing import NamedTuple

from termmine.corpus import FOLD, fold
from termmine.errors import InputError

# Format characters (category Cf), without the signs above numbers that some scripts have; and variation selectors.
_ZERO_WIDTH = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"
    "\U000e0001\U000e0020-\U000e007f\U000e0100-\U000e01ef]+"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_NO_SURROGATE = re.compile("[^\ud800-\udfff]+")
# Where characters stand that Unicode decomposes, but for the Hangul syllables, which are composed already.
_DECOMPOSED = (
    (0xA0, 0x3400),
    (0xA640, 0xAC00),
    (0xD7B0, 0xD800),
    (0xF900, 0xFFF0),
    (0x10000, 0x20000),
    (0x2F800, 0x2FA20),
)
_JAMO = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))  # vowels and finals: with what is before them one syllable
_PAST = "\U00010000-\U0010ffff"  # all are suspect: one range is found five times as fast as those that are in use
_KEPT_FORMS = ("<super>", "<circle>")  # 10² is not 102; and ① parts words as a comma does


class Normalizer:
    """Texts with the same characters written the same way; what was changed is counted.

    One after the other, by kind:

    - ``zero-width``: characters without width (zero-width blank and joiners, soft hyphen, byte-order mark, marks of
      direction, variation selectors, tags) are removed.
    - ``control``: C0 and C1 but tab, line feed and carriage return become a blank, since they part what is beside them,
      as the ends of a table's cells do.
    - ``full-width``: letters, digits, stop and blank, as ``corpus.fold``.
    - ``compatibility``: NFKC of what becomes letters, digits or a blank: Kangxi radicals, compatibility ideographs,
      ligatures, half-width katakana, Roman numerals, lowered digits, units (㎡ m2, ㎏ kg), no-break and other blanks.
      Characters with combining marks are composed (NFC); such a sequence counts whole.
    - ``simplified``: traditional characters become simplified ones; only with ``simplify``.

    Left as they are: punctuation and symbols of any width (，；（）…—℃), enumerators (① ⑴ ⒈ ㊀), raised digits and
    letters, fractions; U+FFFD, private use and lone surrogates. All of them part words; many an NFKC form does not.

    In a line with more simplified than traditional characters only those are converted that no simplified text has: not
    破坏土壤 to 破坯土壤, nor 萧乾 to 萧干, as the phrases for traditional text would. A name of which OpenCC keeps a
    traditional character (畢昇, 毕昇) loses it if the result is simplified again; else a second pass changes nothing.

    Parameters
    ----------
    simplify : by OpenCC's ``t2s``

    Attributes
    ----------
    changed : kind → characters changed so far

    Raises
    ------
    InputError : OpenCC is needed and not installed

    Sources: Unicode Standard Annex 15 (NFC, NFKC); OpenCC.

    >>> normalizer = Normalizer()
    >>> normalizer("１０㎡，①ﾊﾞﾁ")
    '10m2，①バチ'
    >>> dict(normalizer.changed)
    {'full-width': 2, 'compatibility': 4}
    """

    def __init__(self, *, simplify: bool = False) -> None:
        self.changed: Counter[str] = Counter()
        self._steps: list[tuple[str, _Step]] = [
            ("zero-width", _without_zero_width),
            ("control", _without_controls),
            ("full-width", _folded),
            ("compatibility", _composed),
        ]
        suspects = _tables().suspects
        if simplify:
            self._steps.append(("simplified", _script().simplified))
            suspects = suspects | _script().forms.keys()
        self._find = re.compile(f"[{_characters(suspects)}{_PAST}]").search
        self._find_any = re.compile(f"[{_characters(suspects | FOLD.keys())}{_PAST}]").search

    def __call__(self, text: str) -> str:
        """The text; itself if nothing is to be changed."""
        if not self._find_any(text):
            return text
        result, changed = self._normalized(text)
        self.changed.update(changed)
        return result if changed else text

    def needs(self, text: str) -> bool:
        """Whether anything but ``full-width`` would change.

        >>> [Normalizer().needs(text) for text in ("蜂蜡１２，①", "蜂\\u200b蜡")]
        [False, True]
        """
        return bool(self._find(text) and self._normalized(text)[1].keys() - {"full-width"})

    def _normalized(self, text: str) -> tuple[str, Counter[str]]:
        changed: Counter[str] = Counter()
        for kind, step in self._steps:
            text, number = step(text)
            if number:
                changed[kind] = number
        return text, changed


# Text → the text with one kind changed, and how many of the characters given were.
_Step = Callable[[str], tuple[str, int]]


def _without_zero_width(text: str) -> tuple[str, int]:
    result = _ZERO_WIDTH.sub("", text)
    return result, len(text) - len(result)


def _without_controls(text: str) -> tuple[str, int]:
    number = _length(_CONTROL.findall(text))
    return (_CONTROL.sub(lambda run: " " * len(run[0]), text) if number else text), number


def _folded(text: str) -> tuple[str, int]:
    return fold(text), _length(_tables().wide.findall(text))


def _composed(text: str) -> tuple[str, int]:
    """Each character with its marks by itself, since none composes with what is before it.

    >>> _composed("ﬁe\u0301")                # one, and two
    ('fié', 3)
    """
    tables = _tables()
    parts, end, changed = [], 0, 0
    for run in tables.runs.finditer(text):
        begin = max(run.start() - 1, end)  # the character before may bear the marks
        parts.append(text[end:begin])
        for piece in tables.pieces.findall(text, begin, run.end()):
            parts.append(unicodedata.normalize("NFC", piece.translate(tables.forms)))
            changed += len(piece) if parts[-1] != piece else 0
        end = run.end()
    return "".join([*parts, text[end:]]) if changed else text, changed


def _length(runs: Iterable[str]) -> int:
    return sum(map(len, runs))


class _Tables(NamedTuple):
    """What there is to be looked for.

    Attributes
    ----------
    forms : code point → what it becomes
    runs : characters with such a form, and marks
    pieces : a character with its marks
    wide : what ``corpus.fold`` changes
    suspects : code points up to U+FFFF that anything else may change
    """

    forms: dict[int, str]
    runs: re.Pattern[str]
    pieces: re.Pattern[str]
    wide: re.Pattern[str]
    suspects: frozenset[int]


@cache
def _tables() -> _Tables:
    codes = [code for begin, end in _DECOMPOSED for code in range(begin, end)]
    forms = dict(zip(codes, unicodedata.normalize("NFKC", "\n".join(map(chr, codes))).split("\n"), strict=True))
    seconds = {*_JAMO, *filter(None, map(_second, codes))}
    marks = {code for code in codes if _is_mark(forms[code], seconds)}
    taken = {code: form for code, form in forms.items() if code not in FOLD and _is_taken(chr(code), form)}
    runs, mark = _characters({*taken, *marks}), _characters(marks)
    low = {*filter(re.compile(f"{_ZERO_WIDTH.pattern}|{_CONTROL.pattern}").match, map(chr, range(1 << 16)))}
    return _Tables(
        taken,
        re.compile(f"[{runs}]+"),
        re.compile(f"[^{mark}][{mark}]*|[{mark}]+"),
        re.compile(f"[{_characters(set(FOLD))}]+"),
        frozenset({*map(ord, low), *(code for code in (*taken, *marks) if code < 1 << 16)}),
    )


def _second(code: int) -> int:
    """The second part of a character that NFC puts together from two, 0 of any other.

    >>> hex(_second(ord("é")))
    '0x301'
    """
    parts = unicodedata.decomposition(chr(code)).split()
    is_composed = len(parts) == 2 and parts[0][0] != "<" and unicodedata.is_normalized("NFC", chr(code))
    return int(parts[1], 16) if is_composed else 0


def _is_mark(form: str, seconds: set[int]) -> bool:
    """Whether it may compose with what is before it, or change places with it."""
    return unicodedata.combining(form[0]) > 0 or ord(form[0]) in seconds


def _is_taken(char: str, form: str) -> bool:
    """Whether NFKC's form is to be written."""
    if form == char or not unicodedata.is_normalized("NFC", char):  # NFC is the same character in any use
        return form != char
    if unicodedata.decomposition(char).startswith(_KEPT_FORMS):
        return False
    return form == " " or all(unicodedata.category(part)[0] in "LMN" for part in form)


def _characters(codes: Iterable[int]) -> str:
    """Code points as the inside of a regular expression's brackets.

    >>> _characters([99, 97, 98, 120])
    'a-cx'
    """
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(a)}-{chr(b)}" if a < b else chr(a) for a, b in ranges)


class _Script(NamedTuple):
    """Chinese characters that only one of the two ways of writing has.

    Attributes
    ----------
    convert : OpenCC's conversion
    forms : traditional character → simplified, where no simplified text has the traditional one
    traditional, only_simplified : the characters of either
    """

    convert: Callable[[str], str]
    forms: dict[int, str]
    traditional: re.Pattern[str]
    only_simplified: re.Pattern[str]

    def simplified(self, text: str) -> tuple[str, int]:
        """The text in simplified characters; each line by its own way of writing."""
        if not self.traditional.search(text):
            return text, 0
        result = "\n".join(map(self._line, text.split("\n")))
        return result, sum(map(ne, text, result)) + abs(len(text) - len(result))

    def _line(self, line: str) -> str:
        traditional = len(self.traditional.findall(line))
        if traditional and traditional >= len(self.only_simplified.findall(line)):
            return _NO_SURROGATE.sub(lambda part: self.convert(part[0]), line)  # OpenCC takes none
        return line.translate(self.forms) if traditional else line


@cache
def _script() -> _Script:
    """Told by the two standards that came first: what GB 2312 lacks, and what Big5 lacks."""
    try:
        from opencc import OpenCC
    except ImportError:
        raise InputError("simplifying needs opencc; pip install termmine[opencc]") from None
    convert = OpenCC("t2s").convert
    han = "".join(map(chr, range(0x3400, 0xA000)))
    pairs = list(zip(han, convert("\n".join(han)).split("\n"), strict=True))
    simplified, traditional = (set(han.encode(name, "ignore").decode(name)) for name in ("gb2312", "big5"))
    # Past U+FFFF there are simplified forms that few fonts have and no method takes for a character of a word.
    forms = {ord(a): b for a, b in pairs if a != b and a not in simplified and ord(b) < 1 << 16}
    same = {ord(a) for a, b in pairs if a == b and a in simplified and a not in traditional}
    return _Script(convert, forms, re.compile(f"[{_characters(forms)}]"), re.compile(f"[{_characters(same)}]"))

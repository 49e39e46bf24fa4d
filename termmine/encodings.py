"""In which encoding is a text?

A byte-order mark tells it, or that the bytes are valid UTF-8; else the share of frequent Chinese characters does, and
how sure that is.
"""

import codecs
import math
import re

from termmine.errors import InputError

LEAST_CONFIDENCE = 0.99  # a guessed encoding needs as much: none of 20 characters or more was wrong, measured
_MOST_CHAOS = 0.5  # charset-normalizer's measure; its 0.2 refuses many a text with tables and formulas

# UTF-32 stands before UTF-16, whose mark begins its own.
MARKS = {
    b"\xff\xfe\x00\x00": "utf-32-le", b"\x00\x00\xfe\xff": "utf-32-be", b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\x84\x31\x95\x33": "gb18030",
}  # fmt: skip
# Codecs that read all of what the named one reads, and the order of bytes where no mark tells it.
SUPERSETS = {
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950", "utf-8-sig": "utf-8", "ascii": "utf-8",
    "utf-16": "utf-16-le", "utf-32": "utf-32-le",
}  # fmt: skip
LABELS = {
    "utf-8": "UTF-8", "gb18030": "GB18030", "cp950": "Big5", "big5hkscs": "Big5-HKSCS",
    "utf-16-le": "UTF-16-LE", "utf-16-be": "UTF-16-BE", "euc_jp": "EUC-JP",
    "shift_jis": "Shift_JIS", "euc_kr": "EUC-KR", "utf-32-le": "UTF-32-LE", "utf-32-be": "UTF-32-BE",
}  # fmt: skip
# A line feed is never part of another character in these.
LINEWISE = {"utf-8", "gb18030", "cp950", "big5hkscs", "euc_jp", "euc_kr", "shift_jis", "cp932", "cp1252", "iso8859-1"}
_GUESSED = (("gb18030",), ("cp950", "big5hkscs"), ("utf-16-le",), ("utf-16-be",))  # the first of each that decodes
RIVALS = (("euc_jp",), ("shift_jis",), ("euc_kr",))  # weighed, lest they be taken for Chinese, and never guessed

# The most frequent Han characters, simplified ones and then the traditional forms that differ.
_FREQUENT = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去"
    "法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正"
    "业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东"
    "声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山"
    "金指克许统区保至队形社便空决治展"
    "這個們來爲為國說時會對於過發後裏裡種經麼學現當沒動還進樣開從實軍無與長機關點業將兩間問並應戰頭體見產話內給門兒東聲員論處義幾認條氣"
    "題爾別變總電數報結務場計資許統區隊決著"
)
_FREQUENT_HANGUL = "이다는의가을를에고하지은로한서도기사시나니어자대아리인라일해스수전그들으"
_IS_FREQUENT = re.compile(f"[{_FREQUENT}{_FREQUENT_HANGUL}\u3041-\u3093\u30a1-\u30f6]")
# Letters, not marks: punctuation and full-width forms stand at the same bytes in Chinese, Japanese and Korean sets.
_IS_LETTER = re.compile("[^\\x00-\\x7f\u00b7\u2010-\u2027\u3000-\u303f\uff00-\uff65]")
_FREQUENT_SHARE = 0.4  # of the letters of a Chinese text
_CHANCE_SHARE = 0.04  # of the letters of bytes read wrong


def check_name(encoding: str) -> str:
    """Python's own name of an encoding, "" of none.

    Raises
    ------
    InputError : there is no such encoding

    >>> check_name("GBK")
    'gbk'
    """
    if not encoding:
        return ""
    try:
        return codecs.lookup(encoding).name if "x".encode(encoding) else ""
    except (LookupError, ValueError, TypeError):  # also of codecs from bytes to bytes
        known = "utf-8, gb18030, big5, utf-16"
        raise InputError(f"there is no encoding {encoding!r}; give Python's name of one, as {known}") from None


def is_utf8(sample: bytes, *, is_cut: bool) -> bool:
    """Whether bytes are UTF-8, one letter in ten damaged, and if ``is_cut`` the last one incomplete.

    With zero bytes, as UTF-16 has them, only if none is damaged and they are fewer than the letters.

    >>> [is_utf8(text, is_cut=False) for text in ("蜂王\\0产卵".encode(), "ab".encode("utf-16-le"))]
    [True, False]
    """
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample, final=not is_cut)
    if b"\0" in sample and ("\ufffd" in text or text.count("\0") >= len(_IS_LETTER.findall(text))):
        return False
    return text.count("\ufffd") <= len(_IS_LETTER.findall(text)) / 10


def confidences_of(sample: bytes) -> dict[str, float]:
    """How sure it is that bytes are Chinese text in GB18030, Big5 or UTF-16.

    ``w / (1 + sum w)``: the weight w of a codec is the likelihood ratio of the frequent characters among the letters,
    40 % in Chinese, 4 % in what is read wrong; the 1 stands for any other encoding. A decoded text that
    charset-normalizer takes for a mess has no weight.

    Parameters
    ----------
    sample : the beginning of a file; its last character may be cut

    Returns
    -------
    codec : confidence, 0..1, of the codecs that can decode the sample

    Of ten letters, all frequent, w = 10 ** 10.

    >>> round(confidences_of("我们在家里种花生，有水有地".encode("gb18030"))["gb18030"], 3)
    1.0
    """
    weights: dict[str, float] = {}
    for family in _GUESSED + RIVALS:
        codec, text = next(((codec, text) for codec in family if (text := _decodable(sample, codec))), ("", ""))
        if codec and not _is_mess(text, codec):
            weights[codec] = _weight(text)
    total = 1 + sum(weights.values())
    return {codec: weight / total for codec, weight in weights.items()}


def nearly(sample: bytes) -> str:
    """The Chinese codec that can decode all but one character in a hundred, "" if none or a second one can, too.

    >>> nearly("我们在家里种花生，有水有地".encode("gb18030") * 9 + bytes([255]))
    'gb18030'
    """
    near = []
    for codec in ("gb18030", "cp950"):
        text = sample.decode(codec, "replace")
        if 0 < text.count("\ufffd") <= len(text) / 100 and _weight(text) > LEAST_CONFIDENCE / (1 - LEAST_CONFIDENCE):
            near.append(codec)
    return near[0] if len(near) == 1 else ""


def _decodable(sample: bytes, codec: str) -> str:
    try:
        return codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return ""


def _is_mess(text: str, codec: str) -> bool:
    from charset_normalizer import from_bytes

    options = {"cp_isolation": [codec], "preemptive_behaviour": False, "enable_fallback": False}
    return not from_bytes(text.encode(codec, "ignore"), threshold=_MOST_CHAOS, **options)


def _weight(text: str) -> float:
    n_letters, n_frequent = len(_IS_LETTER.findall(text)), len(_IS_FREQUENT.findall(text))
    evidence = n_frequent * math.log(_FREQUENT_SHARE / _CHANCE_SHARE)
    evidence += (n_letters - n_frequent) * math.log((1 - _FREQUENT_SHARE) / (1 - _CHANCE_SHARE))
    return math.exp(min(evidence, 500))

import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from termmine import corpus, normalizing
from termmine.errors import InputError
from termmine.normalizing import Normalizer

ODD = (
    "\u200b\ufeff\u00ad\ufe0f\U000e0101\x00\x07\x7f\x85\u00a0\u2002\u3000\n\r\tＡ１．，；（﹐﹑①⑴⒈½²ª₂ⅡﬁΩÅ㎡㋀ﾊﾞﾊﾟｱ⼒\uf900"
    "\u0301\u0323\u093c\u1161\u11a8ㄱㅏㄳ\ud800𠮷𝐀"
)
texts = st.text(st.one_of(st.sampled_from(ODD), st.sampled_from("蜂王浆e가a "), st.characters()), max_size=30)


def normalized(text, **settings):
    normalizer = Normalizer(**settings)
    return normalizer(text), dict(normalizer.changed)


@pytest.mark.parametrize(
    ("text", "expected", "changed"),
    [
        ("蜂\u200b王\u200d浆\u2060", "蜂王浆", {"zero-width": 3}),
        ("\ufeff\u202a蜂\u00ad蜡\u202c", "蜂蜡", {"zero-width": 4}),
        ("葛\U000e0100城︎", "葛城", {"zero-width": 2}),
        ("群势\x07子脾\x00\x0c储蜜", "群势 子脾  储蜜", {"control": 3}),
        ("蜂箱\x85巢框", "蜂箱 巢框", {"control": 1}),
        ("\u2f12\u2e9f\u2ef3\uf900", "力母龟豈", {"compatibility": 4}),  # radicals, a compatibility ideograph
        ("ﬁlter ﾌﾟﾛﾎﾟﾘｽ", "filter プロポリス", {"compatibility": 8}),
        ("㎡ ㎏ ㏄ Ⅱ型 SF₆ 𝐊 µm", "m2 kg cc II型 SF6 K μm", {"compatibility": 7}),
        ("㋀ ㏠ ㍘", "1月 1日 0点", {"compatibility": 3}),
        ("cafe\u0301 蜂", "café 蜂", {"compatibility": 2}),
        ("\u1100\u1161\u11a8", "각", {"compatibility": 3}),
        ("箱\u00a0群\u2002脾", "箱 群 脾", {"compatibility": 2}),
        ("ＳＦ６　３．５", "SF6 3.5", {"full-width": 7}),
        ("Ａ\u0301", "Á", {"full-width": 1, "compatibility": 2}),
        ("e\u200b\u0301", "é", {"zero-width": 1, "compatibility": 2}),
    ],
)
def test_characters_by_kind(text, expected, changed):
    assert normalized(text) == (expected, changed)


@pytest.mark.parametrize(
    "text",
    [
        "，；：？！（）、。…—～《》「」“”％＋－＝＜＞／",
        "﹐﹑﹔︰｡｢｣､",
        "①⑴⒈㊀Ⓐ⓪ 10² x³ 1½ ª º ™ ℃ ℉ ‰ ㈱",
        "\ufffd\ue000\uf06c\U000f0000",
        "\ud800蜂\udfff",
        "𠮷野 😀",
        "蜂王浆\r\n蜂蜡\t蜂胶\n",
        "ก้ หนี้",  # marks that compose with nothing
    ],
)
def test_what_parts_words_stays(text):
    normalizer = Normalizer()
    assert normalizer(text) is text
    assert not normalizer.changed
    assert not normalizer.needs(text)


def test_an_enumerator_stays_no_part_of_the_word():
    assert normalized("①蜂箱②巢框")[0] == "①蜂箱②巢框"
    assert unicodedata.normalize("NFKC", "①蜂箱") == "1蜂箱"  # what is avoided


def test_counts_add_up_over_texts():
    normalizer = Normalizer()
    for text in ("ﬁ", "Ａ", "没有", "ﬁ\u200b"):
        normalizer(text)
    assert normalizer.changed == {"compatibility": 2, "full-width": 1, "zero-width": 1}


def test_needing_counts_nothing_and_leaves_out_what_reading_does_anyway():
    normalizer = Normalizer()
    needs = [normalizer.needs(text) for text in ("蜂蜡", "ＳＦ６　", "ＳＦ６\u00ad", "㎡", "e\u0301", "x\u0301")]
    assert needs == [False, False, True, True, True, False]
    assert not normalizer.changed


@given(texts)
@example("가ㄳ")
@example("ﾊ\u200bﾞ")
@example("\u0344")
@example("Ａ\u0323\u0301")
def test_laws(text):
    normalizer = Normalizer()
    result = normalizer(text)
    again = Normalizer()
    assert again(result) is result and not again.changed
    assert corpus.fold(result) == result == Normalizer()(corpus.fold(text))
    assert re.sub(r"[^\n\r\t]", "", result) == re.sub(r"[^\n\r\t]", "", text)
    assert (result is text) == (not normalizer.changed) == (result == text)
    assert Normalizer().needs(text) == bool(normalizer.changed.keys() - {"full-width"})
    assert sum(normalizer.changed.values()) <= 2 * len(text)  # full-width letters may bear marks


def plain_form(char):
    """One character, by its Unicode properties."""
    category, nfkc = unicodedata.category(char), unicodedata.normalize("NFKC", char)
    is_sign = 0x600 <= ord(char) <= 0x605 or ord(char) in (0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)
    if category == "Cf" and not is_sign and not 0x13430 <= ord(char) <= 0x1D17A:  # hieroglyphs, notes, shorthand
        return ""
    if 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF:
        return ""
    if category == "Cc":
        return char if char in "\n\r\t" else " "
    if corpus.fold(char) != char:
        return corpus.fold(char)
    if unicodedata.normalize("NFC", char) != char:
        return nfkc
    raised = unicodedata.decomposition(char).startswith(("<super>", "<circle>"))
    return nfkc if not raised and (nfkc == " " or all(unicodedata.category(c)[0] in "LMN" for c in nfkc)) else char


def test_every_character_agrees_with_its_properties():
    normalizer = Normalizer()
    wrong = [hex(code) for code in range(0x110000) if normalizer(chr(code)) != plain_form(chr(code))]
    assert not wrong


def test_every_composition_agrees_with_nfc():
    """A character may compose with what is before it only if it is known to."""
    composed = [char for char in map(chr, range(0x110000)) if unicodedata.decomposition(char)[:1] not in ("", "<")]
    composed += map(chr, range(0xAC00, 0xD7A4, 99))
    pairs = [unicodedata.normalize("NFD", char) for char in composed]
    found = [Normalizer()(pair) for pair in pairs]
    assert all(unicodedata.is_normalized("NFC", text) for text in found)
    assert found == [Normalizer()(unicodedata.normalize("NFC", pair)) for pair in pairs]


class TestSimplifying:
    @pytest.fixture(autouse=True)
    def opencc(self):
        pytest.importorskip("opencc", reason="OpenCC is not installed")

    @pytest.mark.parametrize(
        ("text", "expected", "number"),
        [
            ("養蜂場裡的蜂箱", "养蜂场里的蜂箱", 3),
            ("藉此瞭解蜂羣的發展", "借此了解蜂群的发展", 4),  # by phrases: 藉此, 瞭解
            ("打坏蜂箱，破坏土壤。", "打坏蜂箱，破坏土壤。", 0),  # phrases of traditional text would say 打坯, 坯土
            ("萧乾养蜂多年", "萧乾养蜂多年", 0),
            ("这里的蜜蜂與蜂農", "这里的蜜蜂与蜂农", 2),  # single ones among simplified ones
            ("養蜂\n打坏蜂箱\n蜂農", "养蜂\n打坏蜂箱\n蜂农", 2),
            ("養\ud800蜂", "养\ud800蜂", 1),
            ("鱀", "鱀", 0),  # its simplified form is past U+FFFF
        ],
    )
    def test_by_the_way_of_writing_of_each_line(self, text, expected, number):
        assert normalized(text, simplify=True) == (expected, {"simplified": number} if number else {})
        assert Normalizer(simplify=True).needs(text) == bool(number)
        assert normalized(text) == (text, {})

    def test_compatibility_ideographs_come_first(self):
        assert normalized("\uf902", simplify=True) == ("车", {"compatibility": 1, "simplified": 1})

    @given(st.text(st.sampled_from("養蜂農裡发展与這這個群羣体體蜜，\n①Ａ\u200b"), max_size=20))
    def test_laws(self, text):
        normalizer = Normalizer(simplify=True)
        result = normalizer(text)
        assert Normalizer(simplify=True)(result) is result
        assert (result is text) == (not normalizer.changed)
        assert result.count("\n") == text.count("\n")


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opencc", None)
    normalizing._script.cache_clear()
    with pytest.raises(InputError, match=r"simplifying needs opencc; pip install termmine\[opencc\]"):
        Normalizer(simplify=True)
    Normalizer()

import math
import random

import pytest

from termmine import duplicates
from termmine.duplicates import Duplicates
from termmine.errors import InputError
from termmine.ngrams import as_codes

NOTICE = (
    "春季管理须知：蜂农应当在气温稳定回升之后开箱检查，清除箱底的蜡屑和死蜂，查明蜂王是否健在、饲料是否充足。"
    "饲料不足的蜂群应当及时补喂糖浆，并缩小巢门、加强保温。发现病群的，应当立即隔离并报告当地养蜂站。"
    "检查完毕后填写记录，注明群势、子脾数量和储蜜情况，保存至下一年度。"
)


def signature(text):
    return duplicates._signature(as_codes(text), duplicates._letters(), duplicates._functions())


def counted(text):
    return "".join(map(chr, duplicates._counted(as_codes(text), duplicates._letters())))


def jaccard(first, second):
    sets = [{text[i : i + 5] for i in range(max(len(text) - 4, 1))} for text in map(counted, (first, second))]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def pair(rng, shared):
    """Two texts of 100 5-grams each, the first ``shared`` of them the same; characters hardly ever meet again."""
    first, second = ("".join(chr(rng.randrange(0x4E00, 0x9FA6)) for _ in range(104)) for _ in range(2))
    return first, first[: shared + 4] + second[shared + 4 :]


def verdicts(texts, **settings):
    found = Duplicates(**settings)
    return [found.is_repeated(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        NOTICE,
        NOTICE.replace("，", ", ").replace("。", "。\n"),  # other marks and blanks
        "第12号" + NOTICE,
        NOTICE + "本须知自发布之日起施行。",  # a sentence more
        NOTICE.replace("养蜂站", "畜牧站"),
    ],
)
def test_a_near_copy_is_repeated(text):
    assert verdicts([NOTICE, text]) == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        "春季管理须知：" + "蜜蜂采集油菜花粉时最忙，巢脾上的蜜房逐日封盖，摇蜜要等到封盖过半，否则水分偏高，难以久存。",
        NOTICE[: len(NOTICE) // 2],  # half of it: J = .5, about
        NOTICE[::-1],  # the same characters
        "",
    ],
)
def test_what_only_shares_something_is_not_repeated(text):
    assert verdicts([NOTICE, text]) == [False, False]


def test_numbers_letter_case_and_width_do_not_matter():
    texts = ["2021年3月1日第8号蜂箱ABC检查", "１９９８年12月31日第15号蜂箱ａｂｃ检查", "2021年3月1日第8号蜂箱ABD检查"]
    assert [counted(text) for text in texts] == [
        "0年0月0日第0号蜂箱abc检查",
        "0年0月0日第0号蜂箱abc检查",
        "0年0月0日第0号蜂箱abd检查",
    ]
    assert verdicts(texts) == [False, True, False]
    assert counted("产蜜 3.5 kg，〇·1,200") == "产蜜0kg〇0"
    assert verdicts(["第三号蜂箱检查", "第八号蜂箱检查"]) == [False, False]  # Chinese numerals are characters


def test_characters_past_the_basic_plane_count():
    assert counted("𠮷蜂𠮶") == "𠮷蜂𠮶"
    assert verdicts(["𠮷𠮷𠮷𠮷𠮷", "𠮶𠮶𠮶𠮶𠮶", "𠮷𠮷𠮷𠮷𠮷"]) == [False, False, True]


def test_short_texts_are_repeated_if_they_are_equal():
    assert verdicts(["蜂王", "蜂 王。", "蜂后", "蜂", "蜂王浆", "蜂王"]) == [False, True, False, False, False, True]


def test_texts_without_letters_are_one_document():
    assert verdicts(["", "。。。", "——", "0", "  "]) == [False, True, True, False, True]


def test_many_short_texts_do_not_collide():
    rng = random.Random(3)
    texts = ["".join(rng.choices("蜂王浆蜡胶巢脾箱群蜜花粉", k=rng.randint(1, 7))) for _ in range(30_000)]
    texts = list(dict.fromkeys(texts))
    assert len(texts) > 5_000  # more than the tables hold at first
    assert not any(verdicts(texts))


def test_the_first_of_a_group_stays_and_only_kept_ones_are_remembered():
    rng = random.Random(1)
    text, chain = list(NOTICE), [NOTICE]
    for i in range(len(text) // 5):  # each a character further from the first one
        text[5 * i] = chr(rng.randrange(0x5000, 0x9000))
        chain.append("".join(text))
    found = verdicts(chain)
    kept = [text for text, repeated in zip(chain, found, strict=True) if not repeated]
    assert found[0] is False and found[1] is True
    assert len(kept) > 1
    for text, repeated in zip(chain, found, strict=True):
        nearest = max(jaccard(text, other) for other in kept if other != text)
        assert nearest > 0.7 if repeated else nearest < 0.9


def test_the_count_is_that_of_the_repeated_ones():
    found = Duplicates()
    for text in ("蜂王浆的产量", "蜂王浆的产量", "蜂蜡", "蜂王浆的产量！"):
        found.is_repeated(text)
    assert found.count == 2


def test_hashes_are_the_same_in_every_process():
    assert signature("蜂王浆的产量")[:4].tolist() == [17300, 25354, 64990, 36797]
    assert signature("").tolist() == signature("！").tolist() != signature("蜂").tolist()


def test_growing_forgets_nothing(monkeypatch):
    rng = random.Random(2)
    texts = ["".join(chr(rng.randrange(0x4E00, 0x9FA6)) for _ in range(20)) for _ in range(300)]
    wide = verdicts(texts * 2)
    monkeypatch.setattr(duplicates, "_FIRST", 2)
    assert verdicts(texts * 2) == wide == [False] * 300 + [True] * 300


def test_jaccard_by_hand():
    # 5-grams: 蜂王浆的产, 王浆的产量 and 蜂王浆的产, 王浆的产地: one of three
    assert jaccard("蜂王浆的产量", "蜂王浆的产地") == pytest.approx(1 / 3)
    assert verdicts(["蜂王浆的产量", "蜂王浆的产地"], threshold=0.2) == [False, True]
    assert verdicts(["蜂王浆的产量", "蜂王浆的产地"], threshold=0.5) == [False, False]


@pytest.mark.parametrize("size", [6, 30, 300])
def test_agreement_estimates_the_similarity(size):
    """A mean of J and a variance of J (1 - J) / 256, of short texts too: the functions do not depend on each other."""
    rng = random.Random(size)
    errors = []
    for _ in range(400):
        text = "".join(chr(rng.randrange(0x4E00, 0x9FA6)) for _ in range(size))
        other = text[: size - 1] + "改" if size == 6 else text[: size // 2] + "改" + text[size // 2 :]
        s = jaccard(text, other)
        errors.append(((signature(text) == signature(other)).mean() - s) / math.sqrt(s * (1 - s) / duplicates.SIZE))
    assert abs(sum(errors) / 400) < 4 / math.sqrt(400)
    assert 0.75 < sum(error**2 for error in errors) / 400 < 1.35  # 1, with a deviation of √(2/400) = .07


@pytest.mark.parametrize("shared", [75, 86, 88, 89, 91, 95])
def test_pairs_are_found_as_often_as_stated(shared):
    rng, s, n = random.Random(shared), shared / (200 - shared), 400
    stated = Duplicates().found(s)
    share = sum(verdicts(pair(rng, shared))[1] for _ in range(n)) / n
    assert share == pytest.approx(stated, abs=4 * math.sqrt(stated * (1 - stated) / n) + 0.01)


@pytest.mark.parametrize("shared", [60, 70, 89])
def test_pairs_share_a_band_as_often_as_stated(shared):
    rng, s, n = random.Random(shared), shared / (200 - shared), 400
    stated = 1 - (1 - s**8) ** 32
    found = 0
    for _ in range(n):
        bands = [signature(text).reshape(32, 8) for text in pair(rng, shared)]
        found += (bands[0] == bands[1]).all(1).any()
    assert found / n == pytest.approx(stated, abs=4 * math.sqrt(stated * (1 - stated) / n) + 0.01)


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.8, 0.95, 1.0])
def test_what_passes_a_threshold_is_compared(threshold):
    rows = duplicates._rows(threshold)
    assert 1 - (1 - threshold**rows) ** (duplicates.SIZE // rows) >= 0.99
    assert Duplicates(threshold=threshold).found(1.0) == 1.0
    assert verdicts([NOTICE, NOTICE, "蜂王"], threshold=threshold) == [False, True, False]


def test_a_threshold_of_one_takes_only_copies():
    assert verdicts([NOTICE, NOTICE.replace("养蜂站", "畜牧站"), NOTICE + "！"], threshold=1) == [False, False, True]


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01, math.nan, math.inf, "0.8", None, True])
def test_thresholds_that_cannot_be(threshold):
    with pytest.raises(InputError, match="threshold must be above 0 and up to 1, got"):
        Duplicates(threshold=threshold)

"""What does a text define by itself?

Texts say what their words mean: 所谓X就是…, X是指…, X又称Y. A small reference list for any field, without labels.
The patterns are data; a set of them is chosen by name.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from termmine import corpus
from termmine.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A form in which texts define terms."""

    name: str  # the form, X or Y the term
    form: re.Pattern  # the group that matches is the term; without groups, the term ends before the match
    reason: str  # who writes so


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternSet:
    """Patterns, and what is done to the candidates that they find."""

    patterns: tuple[Pattern, ...]
    cut: re.Pattern  # taken off a candidate
    refused: re.Pattern  # no term then


_HAN = "\u4e00-\u9fa5"
_NUMERAL = "一二三四五六七八九十0-9"
_OPEN, _CLOSE = '“"‘「『', '”"’」』'
_STOP = "\\s，,。；;：:！!？?"
_IN_TERM = f"[{_HAN}A-Za-z0-9Ωμ·./+-]"
_NO_OF = f"(?:(?!的){_IN_TERM})"
_IN_BRACKETS = "[（(][^（()）]{1,40}[)）]"
# Where a term before the match may begin: behind a stop, 的, a quotation mark or the number of a list item.
_BEGIN = (
    f"(?:(?<![^{_STOP}的{_OPEN}])|(?<=[①-⑳])|(?<=[{_NUMERAL}]、)"
    f"|(?<=[（(][{_NUMERAL}][)）])|(?<=[（(][{_NUMERAL}]{{2}}[)）]))"
)
_BEFORE = re.compile(f"{_BEGIN}({_NO_OF}{{2,30}})[{_CLOSE}]?(?:{_IN_BRACKETS})?[，,（(]?\\Z")
_REACH = 80  # characters before a match that the longest X, its brackets and marks can take
# All repeats are bounded, and what follows a fixed beginning, so the time is linear in the text.
_END = f"(?=[、（()）{_STOP}{_CLOSE}]|\\Z)"
_Y = f"({_NO_OF}{{2,30}}){_END}"
_QUOTED_Y = f"[{_OPEN}]?+{_Y}"
_BEFORE_Y = f"(?=[{_OPEN}]?+{_NO_OF}{{2,30}}{_END})"
_ALSO = "(?:[又也亦俗]称(?:之?为|作|之)?+|[又也]叫[做作]?+)"
_NO_NOUN = "(?![挥导示标数定针令着向])"  # 是指 is not the beginning of 是指标

# Left out, for most of what they find is no term: X，指; X，即Y; X称为 (a clause, with its verb); X（以下简称 and
# X（ABC） (nothing tells where X begins); 称为“Y” (a metaphor).
GENERAL = PatternSet(
    patterns=tuple(
        Pattern(name=name, form=re.compile(form), reason=reason)
        for name, form, reason in (
            (
                "X是指",
                f"[是系]指(?:(?<=[，,]..)(?![导挥])|{_NO_NOUN})",
                "the plainest definition, in all kinds of text",
            ),
            ("X指的是", "指的?是", "the same, spoken"),
            ("X：指", f"[:：]\\s?(?:[是系])?指{_NO_NOUN}", "entries of a word list"),
            (
                "所谓X就是",
                f"所谓的?[{_OPEN}]?+({_NO_OF}{{2,30}}?)[{_CLOSE}]?(?:{_IN_BRACKETS})?[，,]?(?:就是|即|指|[又也]称)",
                "textbooks; without the second half, 所谓 mocks",
            ),
            ("X的定义是", "的定义(?:[是为:：]|如下)", "textbooks"),
            ("X又称", f"{_ALSO}{_BEFORE_Y}", "encyclopaedias: the headword before its synonym"),
            ("又称Y", f"{_ALSO}{_QUOTED_Y}", "encyclopaedias: the synonym"),
            ("统称Y", f"[统通总合]称(?:之?为|作|之)?+{_QUOTED_Y}", "statutes (以下统称Y) and classifications"),
            ("X简称", f"(?<!以下)简称[为作]?+{_BEFORE_Y}", "encyclopaedias: the long form"),
            ("简称Y", f"(?<!以下)简称[为作]?+{_QUOTED_Y}", "encyclopaedias: the short form"),
            ("以下简称Y", f"以下(?:简称为?+|称(?!为)){_QUOTED_Y}", "statutes, contracts, standards, reports"),
            ("称为Y", f"(?<![名职改尊又也亦俗统通总合])称之?为{_Y}", "textbooks; in quotes it is mostly a metaphor"),
            ("叫做Y", f"(?<![又也])叫[做作]{_Y}", "the same, spoken"),
            (
                "n X term",
                f"^[0-9]+(?:\\.[0-9]+){{1,5}}\\s{{0,3}}([{_HAN}]{{2,16}})\\s{{1,3}}[a-z][a-z -]{{3}}",
                "entries of a standard: number, term, term in English",
            ),
        )
    ),
    cut=re.compile(
        # all up to another form, numbers, words that lead to a definition; at the end adverbs
        "^(?:.*(?:所称|所谓|是一种|称之?为|[又也亦俗统通总简]称|叫[做作]?))?"
        f"(?:[-./+·]|(?:[0-9]+\\.)+[0-9]*(?=[{_HAN}])|第[{_NUMERAL}]+[条章节款]|本法|本条例|前款|通常|一般(?!纳税)"
        "|其中|其实|而|但是?|即(?![时热])|因此|所以|例如|比如|如(?!果)|另外|此外|这里|这种|这个|这类|该|此|其(?!他)|首先"
        "|其次|目前|实际上|我们|人们|再者|同时|由于|具体|狭义|广义|故名|故(?![障事意]))*"
        "|(?:[-./+·]|多数|通常|一般|主要|(?<!成)就|也|(?<![规原准法总细守])则|实际上|(?<!首)都|(?<!平)均|又"
        "|(?<![正异日反])常|有时|一词|这|本身|亦|分别|可以|(?<![平高同相优初中])等)+\\Z"
    ),
    refused=re.compile(
        # too short or long, no Chinese
        f"^.?\\Z|^.{{17,}}\\Z|^[^{_HAN}]+\\Z"
        # a clause: pronouns, conjunctions, particles, unless they are part of a word (行为, 普及, 饱和, 并联)
        "|[了这那是也你他它们而但或其此]|什么|(?<!自)我|(?<!成)就(?![业医诊地])|(?<!首)都(?!市)"
        "|(?<![规原准法总细守])则|(?<![行人])为|(?<!参)与|(?<![普涉危])及(?![时格])|并(?![联网列购行])"
        "|(?<![饱中调总共缓温])和(?![平谐解声弦约])|所[称说指谓述示属需用见以]|所在(?!地)|本法|本条|前款"
        "|.被|^被(?!.*[人者方]\\Z)"
        # it begins with a preposition or verb, unless that is part of a word (在线, 对地, 从动, 以太网, 按钮, 把手)
        "|^在(?!线)|^对(?![地称流角焊偶外数])|^从(?![动业])|^当(?![事量])|^因(?!数)|^以(?!太)|^按(?![揭钮键])"
        "|^把(?!手)|^使(?![用馆])|^用[于来在以]|^经[过常由]|^采[用取]|^应(?![税力急变激收付])|^即(?![时热])"
        "|^[由若于将据且要称]|^根据|^可?分为|^具有|^表示|^分别|^可以|^能够|^如果|^有关|^其他|^各"
        # it is about words
        "|前者|后者|大部分|方面|含义|概念|缩写|英文|显然|[不还仅只]\\Z|(?<![关体])系\\Z|无论|不光|不单|光是"
    ),
)
# One pattern, for the two forms take each other's text: data/law/reference.txt is what they find together.
STATUTES = PatternSet(
    patterns=(
        Pattern(
            name="所称X，是指",
            form=re.compile(
                f"所称的?([{_HAN}]{{2,15}}?)，?是指"
                f"|(?:^|[ 。]|（[一二三四五六七八九十]+）)(?!.?[法条款]?所)([{_HAN}]{{2,15}})，是?指"
            ),
            reason="a statute defines in a sentence, or at the head of a paragraph or list item",
        ),
    ),
    cut=re.compile("(?!)"),
    refused=re.compile("的|所称|所指|本法|本条|前款|属于|^在|^有关|^其他|^各级"),
)
SETS = {"general": GENERAL, "statutes": STATUTES}


def defined_terms(lines: Iterable[str], patterns: str = "general") -> pd.DataFrame:
    """The terms that a text defines.

    A term is cut at the left where its clause begins, or behind 的; introductory words (通常, 其中, 所谓) are taken
    off; what still looks like a clause is refused. Precision goes before recall.

    Parameters
    ----------
    lines : documents, read once
    patterns : ``general``, or ``statutes`` (所称X，是指… and （一）X，是指… alone, as the reference of ``law``)

    Returns
    -------
    frame : ``term, count, pattern``; count: definitions found; pattern: the names of the forms, in the set's order,
        joined by 、. Most often defined first, then by term.

    Raises
    ------
    InputError : no such set
    TypeError : ``lines`` is a bare string, which would be read as one document per character

    Notes
    -----
    Texts define more than terms of their field: generic words (规定, 设备) are defined for the length of a document. Of
    100 terms drawn at random and judged by eye, about 97 were terms in statutes, 94 in an encyclopaedia and rules of
    electric power, 70 in news, which define little.

    Examples
    --------
    >>> lines = ["所谓分蜂，就是蜂群分成两群。", "（一）巢脾（又称蜂脾）是指蜂房的板。", "分蜂指的是自然分群。"]
    >>> defined_terms(lines).values.tolist()
    [['分蜂', 2, 'X指的是、所谓X就是'], ['巢脾', 2, 'X是指、X又称'], ['蜂脾', 1, '又称Y']]
    """
    if isinstance(lines, str):
        raise TypeError("lines must be an iterable of documents, got one str; put it in a list: [text]")
    if patterns not in SETS:
        raise InputError(f"there are no patterns {patterns!r}; there are: {', '.join(SETS)}")
    chosen = SETS[patterns]
    found = [pair for line in lines for pair in _definitions(corpus.fold(line), chosen)]
    frame = pd.DataFrame(found, columns=["term", "form"], dtype=object)
    names = [pattern.name for pattern in chosen.patterns]
    terms = frame.groupby("term", as_index=False)["form"].agg(
        ["size", lambda forms: "、".join(names[form] for form in sorted(set(forms)))]
    )
    terms.columns = ["term", "count", "pattern"]
    return terms.sort_values(["count", "term"], ascending=[False, True], ignore_index=True)


def _definitions(line: str, chosen: PatternSet) -> Iterator[tuple[str, int]]:
    """Each term with the number of its pattern."""
    for number, pattern in enumerate(chosen.patterns):
        for candidate in _candidates(line, pattern.form):
            term = chosen.cut.sub("", candidate)
            if not chosen.refused.search(term):
                yield term, number


def _candidates(line: str, form: re.Pattern) -> Iterator[str]:
    for match in form.finditer(line):
        if form.groups:
            yield match[match.lastindex]
        elif before := _BEFORE.search(line, max(0, match.start() - _REACH), match.start()):
            yield before[1]

"""Bring transcripts and listed phrases to one spelling, and to the way they sound.

Both sides of every comparison pass through `normalize`; what it returns is the only text a scorer
accepts. `sound_alike` goes one step further: it writes each word the way Russian pronounces it,
roughly, so that what recognisers mix up (unstressed vowels, endings, voiced and voiceless
consonants, ч/ш/щ) weighs little.

Conventions
-----------
Normalised text is lower-case words of one script each, digits written out as words, joined by
single spaces. `normalize` is idempotent. `sound_alike` keeps the number of words.

Not handled: word order, inflection, other languages' numerals (English text keeps its letters and
gets Russian number words), misheard words. Those are the matcher's work.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from recognizer.model import NormalizedText

__all__ = ["hesitations", "normalize", "normalize_words", "sound_alike", "sound_alike_word"]


# Remembered, because loading the lists asks for the same thousand texts several times.
@lru_cache(maxsize=4096)
def normalize(text: str) -> NormalizedText:
    """Return `text` in the spelling all comparisons use.

    Lower case, ё as е, no punctuation or stress marks, digits as Russian words, Latin letters that
    only look Russian replaced, hesitations and doubled words dropped, the usual wrongly glued or
    split words mended. No word that decides an outcome («не», «ваш», «временно») is ever dropped.

    Examples
    --------
    >>> normalize("Э-э… Набранный Вами номер, номер не доступен!")
    'набранный вами номер недоступен'
    """
    return NormalizedText(" ".join(word for word, _ in normalize_words([text])))


def normalize_words(words: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Return the normalised words of a word list, each with the index of the word it came from.

    ``normalize(" ".join(words))`` has the same words; the index is what ties a match to the times
    of a transcript. One word may give none («э»), one, or several («22»); words mended into one
    («не» «доступен») carry the index of the first.

    Examples
    --------
    >>> normalize_words(["Номер", "не", "доступен."])
    (('номер', 0), ('недоступен', 1))
    """
    kept: list[tuple[str, int]] = []
    for index, text in enumerate(words):
        for word in _tokens(text):
            _push(kept, word, index)
    return tuple(kept)


def hesitations(words: Sequence[str], kept: Collection[int]) -> Iterator[int]:
    """Yield the indexes of the words that `normalize_words` leaves out for saying nothing.

    Parameters
    ----------
    words : sequence of str
    kept : collection of int
        Indexes that `normalize_words` returned.

    Examples
    --------
    >>> list(hesitations(["номер", "ну", "номер"], {0}))
    [1]
    """
    for index, text in enumerate(words):
        said = [_words_of(token) for token in _TOKEN.findall(text.casefold())]
        if not all(said) or (index not in kept and _FILLER_WORDS & {w for ws in said for w in ws}):
            yield index


# ---- single words ----------------------------------------------------------------------------

_STRESS_MARKS = ("\u0300", "\u0301")
_TOKEN = re.compile(r"[0-9]+|[a-z]*[\u0400-\u04ff][a-z\u0400-\u04ff]*|[a-z]+")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
# A letter drawn out («алло-о-о», «даааа»): no Russian word has a letter three times running but
# the odd «длинношеее».
_DRAWN_OUT = re.compile(r"([^\W\d_])(?:-?\1){2,}")
# «за-заблокирован», «аб-абонент»: a hyphen between a syllable and the word it begins.
_HYPHEN_STUTTER = re.compile(r"\b([^\W\d_]{1,4})-(?=\1[^\W\d_])")
_HESITATION = re.compile(r"э+м*|м+|[хг]м+|ээ+|а{2,}|ну|вот")
LOOK_ALIKE = str.maketrans("abcehkmoptxy", "авсенкмортху")
"""Small Latin letters as the Russian ones that look the same."""


def _tokens(text: str) -> Iterable[str]:
    """Yield lower-case words of letters only; what is neither Latin, Cyrillic nor a digit parts."""
    text = text.replace("№", " номер ")
    for mark in _STRESS_MARKS:
        text = text.replace(mark, "")
    text = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    text = _DRAWN_OUT.sub(r"\1", text)
    if "-" in text:
        text = _HYPHEN_STUTTER.sub("", text)
    for token in _TOKEN.findall(text):
        yield from _words_of(token)


# Remembered, because a thousand wordings are made of a few hundred words.
@lru_cache(maxsize=8192)
def _words_of(token: str) -> tuple[str, ...]:
    """Return what one token stands for: a number in words, a word, nothing for a hesitation."""
    if token.isdecimal():
        return tuple(_number_words(token))
    word = token
    if _CYRILLIC.search(token):  # «xxх» is three different letters until all are Russian
        word = _DRAWN_OUT.sub(r"\1", token.translate(LOOK_ALIKE))
    if _HESITATION.fullmatch(word):
        return ()
    return _SPLIT.get(word, (word,))


_UNITS = (
    "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать "
    "тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать"
).split()
_TENS = "- - двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто".split()
_HUNDREDS = "- сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот".split()


def _number_words(digits: str) -> list[str]:
    """Return a number up to 999 as people read it, anything longer or with a leading 0 by digits.

    A number never decides an outcome; it only has to come out the same whether the recogniser
    wrote «нажмите 1» or «нажмите один».
    """
    if len(digits) > 3 or (digits.startswith("0") and len(digits) > 1):
        return [_UNITS[int(digit)] for digit in digits]
    number, words = int(digits), []
    if number >= 100:
        words.append(_HUNDREDS[number // 100])
        number %= 100
    if number >= 20:
        words.append(_TENS[number // 10])
        number %= 10
    if number or not words:
        words.append(_UNITS[number])
    return words


# ---- neighbours ------------------------------------------------------------------------------

# Short forms that recognisers split after a prefix. Spelling them in one word is also how «не
# доступен» and «недоступен» become the same text. Verbs are absent on purpose: «не обслуживается»
# stays two words (see _SPLIT), so that «не» can be weighed.
_WHOLE = frozenset(
    stem + ending
    for stems, endings in (
        (
            "заблокирован отключен подключен выключен приостановлен зарегистрирован переадресован",
            ("", "а", "о", "ы"),
        ),
        ("недоступ недействител", ("ен", "на", "но", "ны")),
        ("неправиль невер некоррект", ("но", "ный", "ного", "ная", "ное")),
        ("невозмож", ("но", "ен", "на")),
        ("занят", ("", "а", "о", "ы")),
    )
    for stem in stems.split()
    for ending in endings
)
# What recognisers glue; the parts are what the lists say.
_SPLIT = {
    **{
        f"не{verb}": ("не", verb)
        for verb in (
            "обслуживается",
            "обслуживаются",
            "существует",
            "используется",
            "зарегистрирован",
            "зарегистрирована",
            "отвечает",
            "может",
            "подключен",
            "определен",
        )
    },
    "внезоны": ("вне", "зоны"),
    "всети": ("в", "сети"),
    "налинии": ("на", "линии"),
}
# «На доступен», «ни обслуживается» are no Russian: «не» misheard.
_MISHEARD_NOT = frozenset({"на", "ни"})
_AFTER_NOT = frozenset(
    "доступен доступна доступно доступны обслуживается обслуживаются существует используется "
    "отвечает зарегистрирован зарегистрирована".split()
)
# Parentheticals of two words. None of them tells an outcome from another.
_FILLER_PHRASES = frozenset({("как", "бы"), ("так", "сказать"), ("это", "самое")})
_FILLER_WORDS = frozenset(word for phrase in _FILLER_PHRASES for word in phrase)
# Real short words that begin longer ones («вы выключили», «для длинных»): never taken for a
# stammered syllable.
_NEVER_A_STAMMER = frozenset(
    "без ваш вам вас все вся для его еще или как мне мой моя над наш нам нас нет под при про раз "
    "так там тот три это".split()
)


def _is_broken_off(fragment: str, word: str) -> bool:
    """Tell whether a beginning of `word` is it, broken off («забло заблокирован»)."""
    return (
        3 <= len(fragment) <= 6
        and len(word) >= len(fragment) + 3
        and fragment not in _NEVER_A_STAMMER
    )


def _push(kept: list[tuple[str, int]], word: str, index: int) -> None:
    """Append `word`, first settling it with its left neighbour; so any two neighbours are settled.

    That every pair in `kept` has been looked at is what makes `normalize` idempotent.
    """
    while kept:
        left, left_index = kept[-1]
        if left in _MISHEARD_NOT and word in _AFTER_NOT:
            kept[-1] = ("не", left_index)
        elif left + word in _WHOLE:
            kept.pop()
            word, index = left + word, left_index
        elif left == word:
            return
        elif (left, word) in _FILLER_PHRASES:
            kept.pop()
            return
        elif word.startswith(left) and _is_broken_off(left, word):
            kept.pop()
        else:
            break
    kept.append((word, index))


# ---- sound -----------------------------------------------------------------------------------


def sound_alike(text: NormalizedText) -> str:
    """Return `text` with every word as it sounds; the number of words stays.

    Examples
    --------
    >>> sound_alike(NormalizedText("абонент заблокирован"))
    'абанинт заблакираван'
    """
    return " ".join(sound_alike_word(word) for word in text.split(" ")) if text else ""


# Words read otherwise than written (Avanesov, sections on чн, чт and -ого/-его).
_READ_OTHERWISE = (
    ("что", re.compile(r"^(ни)?что"), r"\1што"),
    ("конечно", re.compile(r"^конечно$"), "конешно"),
    ("сегодня", re.compile(r"^сегодня"), "сиводня"),
    ("го", re.compile(r"(?<!^мн)(?<!^немн)(?<!^стр)(?<!^дор)([ое])го(ся)?$"), r"\1во\2"),
)
# Consonants that fall silent.
_SILENT = (
    ("вств", "ств"),
    ("стн", "сн"),
    ("здн", "зн"),
    ("стл", "сл"),
    ("лнц", "нц"),
    ("рдц", "рц"),
)
# Two letters, one sound.
_ONE_SOUND = re.compile(
    r"(?P<нск>[нс][тд]ск)|(?P<ца>ть?ся$)|(?P<ц>[тд][сц])|(?P<ш>[сзжтд]?ч|[сзж]?щ)"
)
# Vowels as they are without stress; where the stress lies we do not know, so everywhere.
_UNSTRESSED = str.maketrans("оеэяыю", "аииииу", "ъь")
_LOST_IOT = re.compile(r"[ое]й(?=[оеуюа])")
_VOICED_OF = dict(zip("пфктшс", "бвгджз", strict=True))
_VOICELESS_OF = dict(zip("бвгджз", "пфктшс", strict=True))
_MAKES_VOICELESS = frozenset("пфктшсхц")
_MAKES_VOICED = frozenset("бгджз")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=8192)
def sound_alike_word(word: str) -> str:
    """Return one normalised word as Russian roughly pronounces it.

    Vowels as without stress (о = а, е = и = я = э = ы, ю = у), consonants voiceless at the end and
    before voiceless ones and voiced before voiced ones, -тся/-ться as -ца, -ого/-его as -ово/-ево,
    clusters with a silent letter shortened, ч, щ and ш as one, soft and hard signs dropped, doubled
    letters single. One-letter words, Latin words and numbers stay as they are.

    Source: R. I. Avanesov, «Русское литературное произношение» (1984) for the pronunciation;
    P. Kankowski, «Как ваша фамилия, или Русский MetaPhone» («Программист», 8/2002) for merging
    vowels regardless of stress and for the order of steps. Merging ч, щ and ш is our own: narrow
    telephone bands carry little of what tells them apart.

    Examples
    --------
    >>> sound_alike_word("обслуживается"), sound_alike_word("счёте".replace("ё", "е"))
    ('апслуживаица', 'шити')
    """
    if len(word) < 2 or not _CYRILLIC.search(word):
        return word
    sound = word
    for sign, pattern, replacement in _READ_OTHERWISE:
        if sign in sound:
            sound = pattern.sub(replacement, sound)
    for letters, heard in _SILENT:
        sound = sound.replace(letters, heard)
    sound = _ONE_SOUND.sub(lambda found: found.lastgroup or "", sound)
    sound = _LOST_IOT.sub("и", sound).translate(_UNSTRESSED).replace("ий", "и")
    return _DOUBLED.sub(r"\1", _assimilate(sound)) or word


def _assimilate(sound: str) -> str:
    """Return `sound` with consonants voiced or voiceless as the next one, or the end, makes them.

    В does not voice its left neighbour («свет»), so it is not among those that do.
    """
    letters = list(sound)
    following = "#"
    for place in range(len(letters) - 1, -1, -1):
        letter = letters[place]
        if following == "#" or following in _MAKES_VOICELESS:
            letter = _VOICELESS_OF.get(letter, letter)
        elif following in _MAKES_VOICED:
            letter = _VOICED_OF.get(letter, letter)
        letters[place] = following = letter
    return "".join(letters)

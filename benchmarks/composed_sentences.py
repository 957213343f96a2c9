"""Sentences that must not mark, composed from who is spoken of, what is said, and what limits it.

    python -m benchmarks.composed_sentences [--count 2000] [--seed 1]

Every sentence has the words of an announcement that marks a contact, and says something else: of
another thing or number, of the call or our own line, for a time, a place or a service, denied,
asked, supposed, or told by a person. A fifth is misrecognized as recognisers do it. The words are
those of composed_sentences.toml, half of them in no list of ours. Prints every sentence that would
mark, and how many came out with which outcome; the exit code is 1 if any marks.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from recognizer.base.data_files import convert_toml, read_toml
from recognizer.base.settings import Settings
from recognizer.phrases.loading import load_phrases
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.precedence import is_mark
from recognizer.recognition.utterance_classifier import UtteranceClassifier


class _Words(msgspec.Struct, forbid_unknown_fields=True):
    """The words that sentences are composed of."""

    things: list[str]
    with_number: list[str]
    dialled: list[str]
    said_of_number: list[str]
    limited: list[str]
    limits: list[str]
    denied: list[str]
    supposed: list[str]
    told: list[str]
    another: list[str]
    call: list[str]
    active: list[str]
    objects: list[str]
    before: list[str]
    after: list[str]
    said: dict[str, list[str]]


_WORDS = convert_toml(read_toml(Path(__file__).with_suffix(".toml")), _Words)


def main() -> int:
    """Run the benchmark; the exit code is 1 if anything would be marked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    classifier = UtteranceClassifier(Matcher(load_phrases(Settings().phrases)), load_calibration())
    found: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    for kind, text in composed(options.count, options.seed):
        verdict = classifier.judge_text(text)
        found[verdict.outcome.value] += 1
        if is_mark(verdict.outcome):
            marked[kind] += 1
            print(f"marked ({kind}): {text!r} {verdict.reason} ({verdict.confidence:.2f})")
    for outcome, count in sorted(found.items()):
        print(f"{count:6} {outcome}")
    print(f"wrong marks: {marked.total()} of {found.total()}")
    return 1 if marked else 0


def composed(count: int, seed: int) -> list[tuple[str, str]]:
    """Return so many different sentences, each with its kind."""
    lot = random.Random(seed)
    sentences: dict[str, str] = {}
    while len(sentences) < count:
        kind = lot.choice(list(_KINDS))
        text = lot.choice(_WORDS.before) + _KINDS[kind](lot) + lot.choice(_WORDS.after)
        if lot.random() < 0.2:
            kind, text = f"{kind}, misrecognized", misrecognized(text, lot)
        sentences.setdefault(text, kind)
    return [(kind, text) for text, kind in sentences.items()]


def _of_a_thing(lot: random.Random) -> str:
    name, genitive, gender = lot.choice(_WORDS.things).split()
    if lot.random() < 0.5:
        return f"{name} {lot.choice(_WORDS.with_number)} {lot.choice(_WORDS.said[gender])}"
    whose = lot.choice(("", "вашей " if gender == "f" else "вашего "))
    return f"номер {whose}{genitive} {lot.choice(_WORDS.said['m'])}"


def _limited(lot: random.Random) -> str:
    said = f"{lot.choice(_WORDS.dialled)} {lot.choice(_WORDS.limited)}"
    limit = lot.choice(_WORDS.limits)
    return f"{said} {limit}" if lot.random() < 0.6 else f"{limit} {said}"


def _put_into(lot: random.Random, forms: list[str], *choices: list[str]) -> str:
    return lot.choice(forms).format(*(lot.choice(words) for words in choices))


_KINDS: dict[str, Callable[[random.Random], str]] = {
    "thing": _of_a_thing,
    "limited": _limited,
    "denied": lambda lot: _put_into(lot, _WORDS.denied, _WORDS.dialled),
    "supposed": lambda lot: _put_into(lot, _WORDS.supposed, _WORDS.dialled, _WORDS.said_of_number),
    "told": lambda lot: _put_into(lot, _WORDS.told, _WORDS.dialled[:3], _WORDS.said_of_number),
    "another": lambda lot: _put_into(lot, _WORDS.another, _WORDS.said_of_number),
    "call": lambda lot: _put_into(lot, _WORDS.call, _WORDS.limited),
    "active": lambda lot: _put_into(lot, _WORDS.active, _WORDS.objects),
}

# What recognisers do to a word: other vowels, voiced for voiceless, letters lost, words split.
_LETTERS = {
    "о": "а",
    "е": "и",
    "и": "е",
    "я": "е",
    "б": "п",
    "в": "ф",
    "д": "т",
    "ж": "ш",
    "з": "с",
}


def misrecognized(text: str, lot: random.Random) -> str:
    """Return the text with one to three of its longer words misspelt, never those of the limit."""
    words = re.split(r"(\W+)", text)
    long = [n for n, word in enumerate(words) if len(word) > 5]
    for n in lot.sample(long, min(len(long), lot.randint(1, 3))):
        word = words[n]
        place = lot.randrange(1, len(word) - 1)
        kind = lot.random()
        if kind < 0.5:
            word = word[:place] + _LETTERS.get(word[place], word[place]) + word[place + 1 :]
        elif kind < 0.75:
            word = word[:place] + word[place + 1 :]
        else:
            word = word[: len(word) // 2] + " " + word[len(word) // 2 :]
        words[n] = word
    return "".join(words)


if __name__ == "__main__":
    sys.exit(main())

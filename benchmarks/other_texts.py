"""What the text side makes of Russian sentences that are no announcements.

    python -m benchmarks.other_texts [PATH ...] [--at-most 6000]

Takes sentences with at least one word that announcements use (of words.toml: the words that decide
and those of machines) and judges each as `recognizer match` does. Programs say much that resembles
an announcement («служба не зарегистрирована», «учётная запись заблокирована»), jokes and quotations
what people say. Prints how many came out with which outcome, and every sentence that would mark a
contact: there should be none.

`PATH` is a text file, its paragraphs separated by ``%`` lines or empty ones (UTF-8, or KOI8-R as
old ones are), a gettext catalogue (``.mo``) or a folder of such. Without any, the texts of Debian's
`fortunes-ru` and the Russian catalogues of the programs installed here are taken.
"""

from __future__ import annotations

import argparse
import gettext
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from recognizer.base.settings import Settings
from recognizer.model import PhraseListName, phrase_list_of
from recognizer.phrases.book import WordLists
from recognizer.phrases.loading import load_phrases
from recognizer.phrases.normalization import normalize
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.utterance_classifier import UtteranceClassifier

_DEFAULT = (Path("/usr/share/games/fortunes/ru"), Path("/usr/share/locale/ru/LC_MESSAGES"))
_NO_TEXT = {".dat", ".u8"}  # of fortunes: an index, and the same text under another name
_MIN_CHARACTERS, _MAX_CHARACTERS = 5, 220
_RUSSIAN = re.compile(r"[а-яё]{3}", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n\s*[-—]\s*")
_PARAGRAPH_END = re.compile(r"\n%\n|\n\s*\n")
_SEED = 1


def main() -> int:
    """Run the benchmark; the exit code is 1 if anything would be marked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("paths", type=Path, nargs="*", help="files or folders", metavar="PATH")
    parser.add_argument("--at-most", type=int, default=6000, help="sentences judged, drawn by lot")
    options = parser.parse_args()
    book = load_phrases(Settings().phrases)
    classifier = UtteranceClassifier(Matcher(book), load_calibration())
    texts = sorted({t for t in _sentences(options.paths or _DEFAULT) if _resembles(t, book.words)})
    if not texts:
        sys.exit("no Russian sentences there: give files, or install Debian's fortunes-ru")
    random.Random(_SEED).shuffle(texts)
    found: Counter[tuple[str, str]] = Counter()
    n_marks = 0
    for text in texts[: options.at_most]:
        verdict = classifier.judge_text(text)
        name = phrase_list_of(verdict.outcome)
        found[name.value if name else "none", verdict.outcome.value] += 1
        if name is PhraseListName.INVALID_NUMBER:
            n_marks += 1
            print(f"marked: {text!r} {verdict.reason} ({verdict.confidence:.2f})")
    print(f"{found.total()} sentences of {len(texts)} with a word of announcements")
    for (name_, outcome), count in sorted(found.items()):
        print(f"{count:6} {name_:24} {outcome}")
    print(f"wrong marks: {n_marks}")
    return 1 if n_marks else 0


def _resembles(text: str, words: WordLists) -> bool:
    """Return whether a sentence has a word that announcements use."""
    return any(
        word in words.announcement or words.weight(word) > 1.0 for word in normalize(text).split()
    )


def _sentences(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            for paragraph in _paragraphs(file):
                for sentence in _SENTENCE_END.split(paragraph):
                    text = " ".join(sentence.split())
                    is_short = _MIN_CHARACTERS <= len(text) <= _MAX_CHARACTERS
                    if is_short and _RUSSIAN.search(text):
                        yield text


def _paragraphs(file: Path) -> Iterable[str]:
    if file.suffix == ".mo":
        with file.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)
        # The catalogue has no public way to list what it holds.
        return [text for text in vars(catalogue)["_catalog"].values() if isinstance(text, str)]
    if file.suffix in _NO_TEXT or not file.is_file():
        return []
    content = file.read_bytes()
    try:
        return _PARAGRAPH_END.split(content.decode())
    except UnicodeDecodeError:
        return _PARAGRAPH_END.split(content.decode("koi8-r"))


if __name__ == "__main__":
    sys.exit(main())

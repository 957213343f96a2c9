"""Other values of the decision's limits: ``python -m benchmarks.limits``.

Every limit of data/decision_limits.toml that bare text can tell is moved over some values, the
others kept, over the `fit` half of the written sentences (benchmarks/texts, odd numbers) and over
composed sentences that must not mark. Printed: sentences that came out right, wrong marks; a star
where the file stands. The even numbers are for judging what was chosen (``--judge``). Then how
often what only the grammar reads is right, beside the confidence it is given.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import msgspec

from benchmarks.composed_sentences import composed
from benchmarks.sentences import FOLDER, Sentence, is_right, read_sentences
from recognizer.base.settings import Settings
from recognizer.phrases.loading import load_phrases
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.limits import DecisionLimits, load_limits
from recognizer.recognition.matching import Matcher
from recognizer.recognition.precedence import is_mark
from recognizer.recognition.utterance_classifier import UtteranceClassifier

VALUES: dict[str, Sequence[float]] = {
    "max_unknown_words": (0, 1, 2, 3, 4),
    "min_words_of_mark": (2, 3, 4),
    "as_listed_score": (80.0, 85.0, 90.0, 95.0),
    "min_person_words": (1, 2, 3),
}
_NO_MARK = "!invalid_number"


def main() -> None:
    """Measure, and print one line a value."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--composed", type=int, default=500, help="composed sentences")
    parser.add_argument("--judge", action="store_true", help="the other half, as the file stands")
    options = parser.parse_args()
    is_half = int(not options.judge)
    sentences = [
        sentence
        for path in sorted(FOLDER.glob("written_*.tsv"))
        if int(path.stem.partition("_")[2]) % 2 == is_half
        for sentence in read_sentences(path)
    ]
    seed = 101 + is_half
    sentences += [
        Sentence(text, frozenset({_NO_MARK}), kind)
        for kind, text in composed(options.composed, seed)
    ]
    matcher, limits = Matcher(load_phrases(Settings().phrases)), load_limits()
    print(f"{len(sentences)} sentences")
    print(f"{'as the file stands':>30} {_counted(matcher, limits, sentences)}")
    for name, values in {} if options.judge else VALUES.items():
        for value in values:
            star = "*" if value == getattr(limits, name) else " "
            moved = msgspec.structs.replace(limits, **{name: value})
            print(f"{name:>22} {value:>5g} {star} {_counted(matcher, moved, sentences)}")
    _print_readings(matcher, limits, sentences)


def _counted(matcher: Matcher, limits: DecisionLimits, sentences: Sequence[Sentence]) -> str:
    classifier = UtteranceClassifier(matcher, load_calibration(), limits)
    n_right = n_marks = 0
    for sentence in sentences:
        outcome = classifier.judge_text(sentence.text).outcome
        right, would_be_wrong = is_right(outcome.value, sentence.accepted)
        n_right += right
        n_marks += would_be_wrong and is_mark(outcome)
    return f"right {n_right:5}  wrong marks {n_marks:3}"


def _print_readings(
    matcher: Matcher, limits: DecisionLimits, sentences: Sequence[Sentence]
) -> None:
    classifier = UtteranceClassifier(matcher, load_calibration(), limits)
    counts = {True: [0, 0], False: [0, 0]}
    for sentence in sentences:
        verdict = classifier.judge_text(sentence.text)
        is_read = verdict.match is not None and verdict.match.phrase.id.startswith("grammar-")
        if is_read and _NO_MARK not in sentence.accepted:
            tally = counts[is_mark(verdict.outcome)]
            tally[0] += is_right(verdict.outcome.value, sentence.accepted)[0]
            tally[1] += 1
    for marks, given in ((True, limits.read_mark), (False, limits.read_retry)):
        right, n = counts[marks]
        kind = "mark" if marks else "other"
        print(f"read by the grammar, {kind}: right {right} of {n}, given {given}")


if __name__ == "__main__":
    main()

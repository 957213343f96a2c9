"""What a CTC engine leads to in a whole call: the mark only where text and sound are clear.

A stand-in of T-one spells the sentences, doubtful where the test says so, over real speech.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import ScriptedEngine, ScriptedSpeech
from onnx_stand_ins import T_ONE_TOKENS, Doubts, spelled, write_t_one
from phrase_lists import shipped_book, shipped_matcher

from recognizer.engines.ctc import Alphabet, normalized
from recognizer.engines.ctc_utterance import CtcModel, CtcUtterance
from recognizer.engines.t_one import TOneEngine
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.pipeline import Recognizer
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.sound_search import MAY_BE_THERE_NATS, SoundSearch
from recognizer.regulation.loading import load_regulation
from recognizer.signals.tone_plans import load_tone_plan

pytestmark = pytest.mark.slow

SPEECH = Path(__file__).parents[1] / "data/engines/ru-number-does-not-exist.wav"
TEMPORARILY = "абонент временно заблокирован"
Hear = Callable[..., tuple[CallOutcome, tuple[str, ...]]]


@pytest.fixture(scope="module")
def hear() -> Hear:
    recognizer = Recognizer(
        engine=ScriptedEngine(default=ScriptedSpeech("")),
        phrases=shipped_book(),
        regulation=load_regulation(),
        tone_plan=load_tone_plan(),
        calibration=load_calibration(),
    )

    def heard(sentence: str, doubts: Doubts | None = None) -> tuple[CallOutcome, tuple[str, ...]]:
        with tempfile.TemporaryDirectory() as folder:
            write_t_one(Path(folder), sentence, n_chunks=30, doubts=doubts)
            recognizer.engine = TOneEngine(Path(folder))
        report = recognizer.recognize(SPEECH)
        assert report.outcome is not None
        assert report.evidence is not None
        return report.outcome.kind, tuple(veto.id for veto in report.evidence.vetoes)

    return heard


@pytest.mark.parametrize("doubt", [-9.0, -6.0, -3.0])
def test_what_may_be_in_the_sound_is_what_all_wordings_looked_for_one_by_one_would_tell(
    doubt: float,
) -> None:
    said = "извините абонент временно заблокирован проверьте номер"
    frames = spelled(said, T_ONE_TOKENS, n_frames=180, first_frame=5, step=3, doubt=doubt)
    alphabet = Alphabet(tuple(T_ONE_TOKENS), blank=34, space=33)
    utterance = CtcUtterance(
        CtcModel("t-one", "t-one", "ru", alphabet, 0.03),
        normalized(frames, "made up"),
        start_s=0.0,
        duration_s=5.4,
    )
    matcher = shipped_matcher()
    search = SoundSearch(
        matcher, {CallOutcome.BLOCKED: [CallOutcome.TEMPORARILY_BLOCKED], CallOutcome.FAX: []}
    )
    found = search.search(utterance)
    assert found is not None
    listed = [p for p in matcher.phrases if p.outcome is not CallOutcome.LIVE_PERSON]
    logarithms = utterance.find([p.text for p in listed])
    there = {p for p, n in zip(listed, logarithms, strict=True) if n >= MAY_BE_THERE_NATS}
    assert {p.outcome for p in found.phrases} == {p.outcome for p in there}
    assert set(found.phrases) <= there
    rival, logarithm = found.rival
    of_rivals = dict(zip(search.rivals, utterance.find(search.rivals), strict=True))
    if max(of_rivals.values()) >= MAY_BE_THERE_NATS:
        assert (logarithm, rival) == max((n, text) for text, n in of_rivals.items())
    else:
        assert logarithm < MAY_BE_THERE_NATS
    assert bool(there) is (doubt == -9.0)  # letters that are doubtful each leave no wording


def marks(outcome: CallOutcome) -> bool:
    return phrase_list_of(outcome) is PhraseListName.INVALID_NUMBER


@pytest.mark.parametrize(
    ("sentence", "outcome"),
    [
        ("набранный вами номер не существует", CallOutcome.DOES_NOT_EXIST),
        ("абонент заблокирован", CallOutcome.BLOCKED),
        (TEMPORARILY, CallOutcome.TEMPORARILY_BLOCKED),
        ("аппарат абонента выключен", CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE),
        ("алло слушаю вас", CallOutcome.LIVE_PERSON),
    ],
)
def test_what_is_spelt_clearly_is_understood(
    hear: Hear, sentence: str, outcome: CallOutcome
) -> None:
    assert hear(sentence)[0] is outcome


@pytest.mark.parametrize("share", [0.3, 0.45, 0.55, 0.7, 0.9])
def test_a_word_that_decides_is_not_lost_with_its_letters(hear: Hear, share: float) -> None:
    start = TEMPORARILY.index("временно")
    lost = {start + n: ("_", share) for n in range(len("временно "))}
    assert not marks(hear(TEMPORARILY, lost)[0])


@pytest.mark.parametrize("place", range(len("временно")))
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_misrecognized_letter_of_the_word_that_decides_marks_nothing(
    hear: Hear, place: int, share: float
) -> None:
    doubts = {TEMPORARILY.index("временно") + place: ("щ", share)}
    assert not marks(hear(TEMPORARILY, doubts)[0])


@pytest.mark.parametrize(
    "said",
    [
        "абонент разблокирован",
        "абонент не заблокирован",
        "абонент заблокирован на время",
        "абонент заблокировал входящие звонки",
        "номер существует",
        "это не номер не существует",
        "алло номер не существует",
        "номер не обслуживается в выходные дни",
        "номер не обслуживается в",  # more was to come
        "абонент заблокирован или",
        "с ейч ас номер не обслуживается",
        "извинитемой номер не обслуживается",
        "извинитпока номер набран неправильно",
    ],
)
def test_what_says_something_else_marks_nothing(hear: Hear, said: str) -> None:
    assert not marks(hear(said)[0])


@pytest.mark.parametrize("place", range(len("заблокирован")))
def test_a_doubtful_wording_of_the_mark_is_no_mark(hear: Hear, place: int) -> None:
    sentence = "абонент заблокирован"
    doubts = {sentence.index("заблокирован") + place: ("_", 0.55)}
    assert not marks(hear(sentence, doubts)[0])


MISSPELT = (
    ("вызываемый нонер не обслуживается", "вызываемый номер не обслуживается"),
    ("номдр заблокирован", "номер заблокирован"),
    ("неправильно набран нонер", "неправильно набран номер"),
    ("нонер не существует", "номер не существует"),
)


def _as_listed(spelt: str, listed: str, share: float) -> Doubts:
    """Make each letter in which two spellings differ the listed one with this probability."""
    pairs = enumerate(zip(spelt, listed, strict=True))
    return {place: (letter, share) for place, (said, letter) in pairs if said != letter}


@pytest.mark.parametrize(("spelt", "listed"), MISSPELT)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.45])
def test_a_listed_word_that_is_improbable_marks_nothing_however_like_it_what_was_heard(
    hear: Hear, spelt: str, listed: str, share: float
) -> None:
    outcome, vetoes = hear(spelt, _as_listed(spelt, listed, share))
    assert not marks(outcome)
    assert "not-clear-unfitted" in vetoes


@pytest.mark.parametrize(("spelt", "listed"), MISSPELT)
def test_a_listed_word_that_is_probable_marks_though_another_letter_may_have_been_said(
    hear: Hear, spelt: str, listed: str
) -> None:
    assert marks(hear(spelt, _as_listed(spelt, listed, 0.9))[0])


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("номер заблокирован на время", 0.6),
        ("номер заблокирован до утра", 0.6),
        ("номер заблокирована", 0.45),
    ],
)
def test_what_may_follow_the_last_word_of_a_wording_takes_the_mark_away(
    hear: Hear, said: str, share: float
) -> None:
    # Each letter after «заблокирован» may be silence; that all of them are is improbable.
    start = len("номер заблокирован")
    lost = {start + n: ("_", share) for n in range(len(said) - start)}
    assert not marks(hear(said, lost)[0])


@pytest.mark.parametrize(("word", "is_read"), [("неправильный", True), ("неправюльный", False)])
def test_what_only_the_grammar_reads_is_read_as_it_was_spelt(
    hear: Hear, word: str, is_read: bool
) -> None:
    assert marks(hear(f"номер {word} наберите еще раз")[0]) is is_read


def test_a_denial_that_may_be_in_the_sound_takes_the_mark_away(hear: Hear) -> None:
    # «Не» is as likely as not, letter by letter.
    sentence = "абонент не заблокирован"
    start = sentence.index("не заб")
    assert not marks(hear(sentence, {start + n: ("_", 0.5) for n in range(3)})[0])

"""New wordings: what the check says, what saving and undoing do to the lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_calls import page_app, recording

from recognizer.evaluation.labelled_clips import read_manifest
from recognizer.model import CallOutcome
from recognizer.phrases.loading import OfficePhrases, load_phrases
from recognizer.web.pages.page import Page, page_of
from recognizer.web.pages.proposals import ProposalError

pytestmark = pytest.mark.page

NEW = "аппарат изъят из обращения"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    app = page_app(tmp_path)
    yield page_of(app)
    app.state.journal.close()


def listed(page: Page, text: str) -> list[CallOutcome]:
    return [phrase.outcome for phrase in page.proposals.book().phrases if phrase.text == text]


def propose(page: Page, text: str, outcome: CallOutcome) -> int:
    return page.proposals.propose(text, outcome, made_by="Анна", attempt_id=None).id


def test_a_proposal_alone_changes_no_list(page: Page) -> None:
    version = page.proposals.book().version
    propose(page, NEW, CallOutcome.NOT_IN_SERVICE)
    assert page.proposals.book().version == version


def test_saving_lists_the_phrase_and_undoing_restores_the_very_lists(page: Page) -> None:
    before = page.proposals.book().version
    first = propose(page, NEW, CallOutcome.NOT_IN_SERVICE)
    saved = page.proposals.save(first, by="Борис")
    assert listed(page, NEW) == [CallOutcome.NOT_IN_SERVICE]
    assert saved.version == page.proposals.book().version != before
    page.proposals.undo(first, by="Борис")
    assert page.proposals.book().version == before


def test_undoing_one_change_keeps_a_later_one(page: Page) -> None:
    other = "этот аппарат снят с учёта"
    ids = [propose(page, text, CallOutcome.NOT_IN_SERVICE) for text in (NEW, other)]
    for proposal in ids:
        page.proposals.save(proposal, by="Борис")
    page.proposals.undo(ids[0], by="Борис")
    assert listed(page, NEW) == []
    assert listed(page, other) == [CallOutcome.NOT_IN_SERVICE]
    assert [p.state for p in page.proposals.all()] == ["saved", "undone"]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        # Section G of the regulation: the marked and the unmarked of one pair.
        ("номер временно заблокирован", CallOutcome.BLOCKED),
        ("номер заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("обслуживание номера временно приостановлено", CallOutcome.NOT_IN_SERVICE),
        ("ваш номер заблокирован", CallOutcome.BLOCKED),
    ],
)
def test_what_the_regulation_keeps_apart_cannot_be_saved(
    page: Page, text: str, outcome: CallOutcome
) -> None:
    assert not page.proposals.effect(text, outcome).may_be_saved
    proposal = propose(page, text, outcome)
    with pytest.raises(ProposalError):
        page.proposals.save(proposal, by="Борис")
    assert outcome not in listed(page, text)


@pytest.mark.parametrize(
    ("text", "outcome", "why"),
    [
        ("заблокирован", CallOutcome.BLOCKED, "два слова"),
        ("number is blocked", CallOutcome.BLOCKED, "латинские"),
        ("длинные гудки", CallOutcome.RINGBACK_ONLY, "не бывает фразы"),
        ("номер снят " * 60, CallOutcome.NOT_IN_SERVICE, "длинно"),
    ],
)
def test_what_is_no_phrase_is_refused_at_once(
    page: Page, text: str, outcome: CallOutcome, why: str
) -> None:
    (check,) = page.proposals.effect(text, outcome).checks
    assert why in check.title
    with pytest.raises(ProposalError, match=why):
        propose(page, text, outcome)


def test_a_known_phrase_is_not_listed_twice(page: Page) -> None:
    effect = page.proposals.effect("Номер заблокирован!", CallOutcome.BLOCKED)
    assert not effect.may_be_saved
    assert "уже есть" in effect.checks[0].title


def test_the_effect_on_labelled_clips_says_what_gets_right_and_what_gets_wrong(
    page: Page, tmp_path: Path
) -> None:
    sound = tmp_path / "sound.wav"
    sound.write_bytes(recording())
    heard = f"внимание {NEW}"
    page.clips.add(sound, "a" * 64, CallOutcome.NOT_IN_SERVICE, heard)
    page.clips.add(sound, "b" * 64, CallOutcome.LIVE_PERSON, "алло кто это")
    right = page.proposals.effect(NEW, CallOutcome.NOT_IN_SERVICE)
    assert [change.is_better for change in right.changes] == [True]
    wrong = page.proposals.effect(NEW, CallOutcome.BLOCKED)
    assert [change.is_better for change in wrong.changes] == [False]
    assert right.n_clips == 2


def test_a_decided_proposal_cannot_be_decided_again(page: Page) -> None:
    proposal = propose(page, NEW, CallOutcome.NOT_IN_SERVICE)
    page.proposals.reject(proposal, by="Борис")
    for act in (page.proposals.save, page.proposals.undo, page.proposals.reject):
        with pytest.raises(ProposalError, match="уже решили"):
            act(proposal, by="Борис")


def test_running_programs_notice_a_saved_phrase_and_its_undoing(page: Page) -> None:
    settings = page.settings.phrases
    office = OfficePhrases(settings)
    assert office.changed() is None
    proposal = propose(page, NEW, CallOutcome.NOT_IN_SERVICE)
    page.proposals.save(proposal, by="Борис")
    changed = office.changed()
    assert changed is not None
    assert changed.version == load_phrases(settings).version
    assert office.changed() is None
    page.proposals.undo(proposal, by="Борис")
    assert office.changed() is not None


def test_lists_with_a_mistake_are_not_taken_over(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    settings = page.settings.phrases
    office = OfficePhrases(settings)
    settings.office_folder.mkdir()
    (settings.office_folder / "broken.toml").write_text("outcome = 1", "utf-8")
    assert office.changed() is None
    assert "broken.toml" in caplog.text


def test_evaluate_reads_the_labelled_clips(page: Page, tmp_path: Path) -> None:
    sound = tmp_path / "sound.gsm"
    sound.write_bytes(b"\0" * 33)
    page.clips.add(sound, "c" * 64, CallOutcome.BLOCKED, "номер\tзаблокирован\nда")
    page.clips.add(sound, "c" * 64, CallOutcome.VOICEMAIL, "оставьте сообщение")
    (clip,) = read_manifest(page.clips.manifest)
    assert clip.path.read_bytes() == sound.read_bytes()
    assert clip.path.suffix == ".gsm"
    assert clip.expected == (CallOutcome.VOICEMAIL,)

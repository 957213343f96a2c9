"""The vetoes of data/vetoes.toml: what they take away, and that file and code agree."""

import re
from pathlib import Path

import pytest

import recognizer
from recognizer.base.errors import DataFileError
from recognizer.model import CallOutcome, VetoEffect
from recognizer.recognition.grammar import Reading
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.vetoes import applies, load_vetoes, may_be_misheard, raised

VETO = """
[[veto]]
id = "some-reason"
applies_to = "mark"
effect = "no_mark"
reason = "because of {words}"
reason_ru = "из-за {words}"
evidence = "somebody saw it"
"""


def verdict(outcome: CallOutcome) -> SpokenVerdict:
    return SpokenVerdict(outcome, 0.95, None, None, reason="heard")


def test_every_veto_of_the_file_is_raised_in_code_and_no_other() -> None:
    package = Path(recognizer.__file__).parent
    code = "\n".join(p.read_text(encoding="utf-8") for p in package.rglob("*.py"))
    asked = set(re.findall(r'raised\(\s*"([a-z-]+)"', code))
    x = ("x",)
    nothing = Reading(frozenset(), (), True, x, x, x, x, x, x, x, 1)
    asked |= set(nothing.refusals) | {"own-line", "said-of-the-call", "something-else-said"}
    asked |= {"wrong-form"}
    assert asked == set(load_vetoes())


def test_a_veto_of_the_mark_leaves_a_retry_alone() -> None:
    veto = raised("conditional", words="в роуминге")
    assert verdict(CallOutcome.BLOCKED).vetoed([veto]).outcome is CallOutcome.UNDETERMINED
    assert verdict(CallOutcome.LINE_BUSY).vetoed([veto]) == verdict(CallOutcome.LINE_BUSY)


def test_every_veto_that_holds_is_reported_once() -> None:
    vetoes = [raised("own-line"), raised("negated"), raised("own-line")]
    found = verdict(CallOutcome.BLOCKED).vetoed(vetoes).vetoed([raised("letters-unlike")])
    assert [v.id for v in found.vetoes] == ["own-line", "negated", "letters-unlike"]
    assert found.alternatives == ((CallOutcome.BLOCKED, 0.95),)
    assert found.claimed is CallOutcome.BLOCKED


def test_words_of_a_person_make_a_person_of_an_announcement() -> None:
    veto = raised("person-words", words="я мне")
    assert veto.effect is VetoEffect.PERSON
    assert verdict(CallOutcome.LINE_BUSY).vetoed([veto]).outcome is CallOutcome.LIVE_PERSON
    assert not applies(veto, CallOutcome.VOICEMAIL)


def test_only_what_may_be_misheard_is_heard_again() -> None:
    unheard = verdict(CallOutcome.BLOCKED).vetoed([raised("word-not-heard", words="номер")])
    meant = unheard.vetoed([raised("foreign-subject", words="карта")])
    assert may_be_misheard(unheard.vetoes[0])
    assert not unheard.is_settled
    assert meant.is_settled


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "some-reason"', 'id = "some-reason"\nwhy = 1', "why"),
        ("because of {words}", "", "line 2: expected a text in 'reason'"),
        ("{words}", "{everything}", "line 2: expected details of .*, found everything"),
        ('"mark"', '"all"', "all"),
        ("[[veto]]", VETO + "[[veto]]", "line 10: veto 'some-reason' is already defined"),
    ],
)
def test_an_error_names_file_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "vetoes.toml"
    path.write_text(VETO.replace(old, new), encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        load_vetoes(path)

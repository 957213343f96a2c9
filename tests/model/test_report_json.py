"""docs/classification.schema.json is what the declaration of a classification says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from recognizer.model import CallOutcome, CallReport, Evidence, Outcome
from recognizer.model.classification import Classification, json_schema
from recognizer.model.report_json import report_to_dict

DOCUMENT = Path(__file__).parents[2] / "docs" / "classification.schema.json"


# As `jsonschema.validate`, the schema made and checked once.
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def report(kind: CallOutcome) -> CallReport:
    return CallReport("a.wav", Evidence(1.0), Outcome(kind, 0.9), None, 0.1)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_document_is_generated_from_the_declaration() -> None:
    written = json.loads(DOCUMENT.read_text("utf-8"))
    assert written == json_schema(), (
        "type: python -m recognizer.model.report_json > docs/classification.schema.json"
    )


@pytest.mark.parametrize("kind", CallOutcome)
def test_report_with_any_outcome_passes_its_schema(kind: CallOutcome) -> None:
    VALIDATOR.validate(report_to_dict(report(kind)))


def test_list_that_marks_with_an_outcome_of_the_other_list_is_refused() -> None:
    data = report_to_dict(report(CallOutcome.TEMPORARILY_BLOCKED))
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**data, "phrase_list": "invalid_number"})


@pytest.mark.parametrize("name", ["vetoes", "decision", "error", "basis"])
def test_written_object_has_every_field(name: str) -> None:
    data = report_to_dict(report(CallOutcome.SILENCE))
    del data[name]
    with pytest.raises(jsonschema.ValidationError, match=name):
        VALIDATOR.validate(data)


def test_what_an_older_version_wrote_is_read() -> None:
    read = msgspec.convert({"recording": "a.wav", "outcome": "blocked"}, Classification)
    assert read.outcome is CallOutcome.BLOCKED
    assert read.vetoes == ()

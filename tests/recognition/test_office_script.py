from pathlib import Path

import pytest
from phrase_lists import shipped_book

from recognizer.base.errors import DataFileError
from recognizer.model import CallOutcome
from recognizer.recognition.office_script import OfficeScript, load_office_script


@pytest.fixture(scope="module")
def script() -> OfficeScript:
    return load_office_script()


@pytest.mark.parametrize(
    "heard",
    [
        "Номер не существует, поставлю отметку.",
        "номер не обслуживается поставлю атметку",
        "так ставлю недозвон и набираю следующий",
        "здравствуйте вас беспокоит компания",
    ],
)
def test_words_of_an_agent_are_found_however_they_are_spelt(
    script: OfficeScript, heard: str
) -> None:
    assert script.find(heard.split()) is not None


@pytest.mark.parametrize("heard", ["", "номер не существует", "алло да слушаю вас", "отметку"])
def test_what_anybody_says_is_no_script(script: OfficeScript, heard: str) -> None:
    assert script.find(heard.split()) is None


def test_no_listed_announcement_holds_words_of_the_shipped_script(script: OfficeScript) -> None:
    held = [
        phrase.text
        for phrase in shipped_book().phrases
        if phrase.outcome is not CallOutcome.LIVE_PERSON and script.find(phrase.text.split())
    ]
    assert held == []


def test_a_phrase_of_one_word_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text('[agent]\nnotes = ["отметка"]\n', "utf-8")
    with pytest.raises(DataFileError, match=r"script\.toml, line 2: .*two or more.*отметка"):
        load_office_script(path)


def test_a_key_that_does_not_exist_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text('[agent]\nnote = ["поставлю отметку"]\n', "utf-8")
    with pytest.raises(DataFileError, match=r"script\.toml"):
        load_office_script(path)

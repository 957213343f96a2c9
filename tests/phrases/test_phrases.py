"""Phrase lists: what is read, and what every mistake is called, with file and line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phrase_lists import REGULATION, write_lists

from recognizer.base.errors import PhraseListError
from recognizer.base.settings import PhraseSettings
from recognizer.model import CallOutcome
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.loading import load_phrases
from recognizer.recognition.collisions import check_phrases

GOOD = """\
# An office's own list.
outcome = "voicemail"
language = "ru"
score_cutoff = 80

[[phrase]]
id = "our-1"
text = "вы слушаете запись секретаря Марфы"
seen_in = "our calls"

[[phrase]]
id = "our-2"
text = "Марфа записывает"
seen_in = "our calls"
score_cutoff = 95
whole = true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own"
    made.mkdir()
    return made


def write(folder: Path, text: str, name: str = "voicemail.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, *, replace: bool = False) -> PhraseBook:
    nowhere = folder / "nothing-from-the-page"
    return load_phrases(PhraseSettings(folders=(folder,), replace=replace, office_dir=nowhere))


def test_an_own_folder_adds_to_the_shipped_lists(folder: Path) -> None:
    write(folder, GOOD)
    shipped, book = load_phrases(), load(folder)
    assert len(book.phrases) == len(shipped.phrases) + 2
    assert book.by_id["our-1"] in book.by_outcome[CallOutcome.VOICEMAIL]


def test_an_own_folder_can_stand_instead_of_the_shipped_lists(folder: Path) -> None:
    write(folder, GOOD)
    book = load(folder, replace=True)
    assert [phrase.id for phrase in book.phrases] == ["our-1", "our-2"]
    assert book.words.weight("временно") > 1  # our words hold all the same
    assert book.forbidden_pairs


def test_a_folder_of_the_command_line_is_read_too(folder: Path) -> None:
    write(folder, GOOD)
    assert "our-1" in load_phrases(PhraseSettings(office_dir=folder / "none"), folder=folder).by_id


def test_lists_may_lie_at_any_depth(folder: Path) -> None:
    (folder / "ru" / "north").mkdir(parents=True)
    write(folder / "ru" / "north", GOOD)
    assert "our-2" in load(folder).by_id


def test_a_phrase_has_its_own_cutoff_or_its_lists(folder: Path) -> None:
    path = write(folder, GOOD)
    book = load(folder)
    first, second = book.by_id["our-1"], book.by_id["our-2"]
    assert (first.score_cutoff, first.whole) == (80, False)
    assert (second.score_cutoff, second.whole) == (95, True)
    assert first.place == f"{path.resolve()}, line 6"
    assert first.seen_in == "our calls"


def test_the_version_changes_with_the_content_only(folder: Path) -> None:
    write(folder, GOOD)
    before = load(folder).version
    write(folder, "# another comment\n" + GOOD.replace("our calls", "their calls"))
    assert load(folder).version == before
    write(folder, GOOD.replace("Марфы", "Дарьи"))
    assert load(folder).version != before


@pytest.mark.parametrize(
    ("wrong", "line", "message"),
    [
        (GOOD.replace('"voicemail"', '"voicemial"'), 2, "unknown value 'voicemial'; expected one"),
        (GOOD.replace('"voicemail"', '"silence"'), 2, "never spoken"),
        (GOOD.replace("whole", "wohle"), 16, "unknown key `wohle`"),
        (GOOD.replace('text = "Марфа', 'txet = "Марфа'), 13, "`txet`"),
        (GOOD.replace('seen_in = "our calls"\nscore', "score"), 11, "missing key `seen_in`"),
        (GOOD.replace("score_cutoff = 95", 'score_cutoff = "95"'), 15, "a number"),
        (GOOD.replace("score_cutoff = 95", "score_cutoff = 195"), 11, "0 to 100, found 195"),
        (GOOD.replace('language = "ru"\n', ""), 1, "missing key `language`"),
        (GOOD.replace("Марфа записывает", "…"), 11, "expected words"),
        (GOOD.replace("Марфа", "Mарфа"), 11, "Latin letter 'M' at position 1"),
        (GOOD.replace("our-2", "our-1"), 11, "id 'our-1' already used"),
        (GOOD.replace("our-2", "Our 2"), 11, "small Latin letters"),
        (GOOD.replace("Марфа записывает", "Номер заблокирован!"), 11, "listed as 'voicemail', but"),
        (GOOD.replace('text = "Марфа записывает"', "text = 5"), 13, "text in quotes"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    folder: Path, wrong: str, line: int, message: str
) -> None:
    path = write(folder, wrong)
    with pytest.raises(PhraseListError) as caught:
        load(folder)
    text = str(caught.value)
    assert text.startswith(f"{path.resolve()}, line {line}: ")
    assert message in text


def test_a_text_under_two_outcomes_names_both_places(folder: Path) -> None:
    write(folder, GOOD.replace("Марфа записывает", "абонент не отвечает"))
    with pytest.raises(PhraseListError, match=r"no_answer\.toml, line \d+ lists it as 'no_answer'"):
        load(folder)


def test_the_same_text_under_the_same_outcome_is_listed_once(folder: Path) -> None:
    write(folder, GOOD.replace("Марфа записывает", "Оставьте сообщение после сигнала."))
    book = load(folder)
    assert "our-2" not in book.by_id
    assert "leave-message-after-tone" in book.by_id


@pytest.mark.parametrize("word", ["временно", "ваш", "мой", "недоступен"])
def test_a_word_that_decides_otherwise_stops_an_invalid_number_list(
    folder: Path, word: str
) -> None:
    write(
        folder,
        GOOD.replace('"voicemail"', '"blocked"').replace("Марфа", f"{word} заблокирован"),
        "blocked.toml",
    )
    with pytest.raises(PhraseListError, match=rf"blocked\.toml, line 11: .* because of '{word}'"):
        load(folder)


def test_broken_toml_is_an_error_that_names_the_file(folder: Path) -> None:
    path = write(folder, GOOD + "[[phrase\n")
    with pytest.raises(PhraseListError, match="not valid TOML") as caught:
        load(folder)
    assert str(path.resolve()) in str(caught.value)


def test_a_folder_that_is_missing_or_empty_is_an_error(folder: Path) -> None:
    with pytest.raises(PhraseListError, match=r"found none in it"):
        load(folder)
    with pytest.raises(PhraseListError, match=r"expected a folder"):
        load(folder / "absent")


def test_replacing_the_lists_by_nothing_is_an_error(folder: Path) -> None:
    with pytest.raises(PhraseListError, match="no phrase list at all"):
        load_phrases(PhraseSettings(replace=True, office_dir=folder))


def test_a_wrong_word_list_is_named_with_file_and_line(folder: Path) -> None:
    write(folder, GOOD)
    head = 'language = "ru"\n'
    write(
        folder, head + '[[deciding]]\nwords = ["два слова"]\nweight = 2\nwhy = ""\n', "words.toml"
    )
    with pytest.raises(PhraseListError, match=r"words\.toml, line 2: expected single words"):
        load(folder)
    write(folder, head + '[[deciding]]\nwords = ["слово"]\nweight = 0\nwhy = ""\n', "words.toml")
    with pytest.raises(PhraseListError, match=r"words\.toml, line 2: expected a weight of 1 to 10"):
        load(folder)
    write(folder, head + '[invented]\nphrases = ["гул", "..."]\n', "words.toml")
    with pytest.raises(PhraseListError, match=r"words\.toml, line 2: expected words"):
        load(folder)


def test_own_words_add_to_ours(folder: Path) -> None:
    write(folder, GOOD)
    entry = '[[deciding]]\nwords = ["марф*"]\nweight = 4\nwhy = "our secretary"\n'
    more = '[live]\nwords = ["чао"]\n[invented]\nphrases = ["Тихий гул"]\n'
    write(folder, f'language = "ru"\n{entry}{more}', "words.toml")
    words = load(folder).words
    assert words.weight("марфы") == 4
    assert words.weight("временного") > 1
    assert words.weight("стол") == 1
    assert "чао" in words.live
    assert "алло" in words.live
    assert words.is_hallucinated(["тихий", "гул"])
    assert words.is_hallucinated(["музыка"])
    assert not words.is_hallucinated(["музыка", "играет", "громко"])


def test_a_pair_that_forbids_its_own_outcome_is_an_error(folder: Path) -> None:
    write(folder, GOOD)
    pair = 'text = "да"\noutcome = "blocked"\nnever = ["blocked"]\nwhy = ""\n'
    write(folder, f"[[forbidden_pair]]\n{pair}", "forbidden_pairs.toml")
    with pytest.raises(PhraseListError, match=r"forbidden_pairs\.toml, line 1: .*other outcomes"):
        load(folder)


@settings(max_examples=25, deadline=None)  # each reads the shipped words as well
@pytest.mark.property
@given(st.text(max_size=80))
def test_any_text_in_a_list_is_refused_with_its_place(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("lists", numbered=True)
    path = folder / "list.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(PhraseListError) as caught:
        load(folder, replace=True)  # no such text is a list
    assert str(path) in str(caught.value)


# ---- checks ----------------------------------------------------------------------------------


def small_book(folder: Path, lists: dict[str, list[str]]) -> PhraseBook:
    write_lists(folder, lists)
    return load(folder, replace=True)


def test_the_bare_regulation_passes_the_check(folder: Path) -> None:
    assert check_phrases(small_book(folder, REGULATION)).failures == ()


@pytest.mark.parametrize(
    "missing", ["temporarily_blocked", "caller_restricted", "not_registered", "live_person"]
)
def test_a_forbidden_pair_without_its_phrase_fails_the_check(folder: Path, missing: str) -> None:
    lists = {name: texts for name, texts in REGULATION.items() if name != missing}
    failures = check_phrases(small_book(folder, lists)).failures
    assert any(f"is '{missing}'" in failure for failure in failures)


def test_a_phrase_that_could_be_taken_for_a_forbidden_list_fails_the_check(folder: Path) -> None:
    lists = {
        **REGULATION,
        "temporarily_unavailable": ["номер временно недоступен", "номер не существуют"],
    }
    failures = check_phrases(small_book(folder, lists)).failures
    assert any("номер не существуют" in failure for failure in failures)


def test_a_phrase_that_holds_another_lists_phrase_is_reported_and_no_failure(folder: Path) -> None:
    lists = {
        **REGULATION,
        "no_answer": ["абонент не отвечает"],
        "temporarily_unavailable": ["абонент не отвечает или временно недоступен"],
    }
    near = check_phrases(small_book(folder, lists)).near
    assert ("абонент не отвечает или временно недоступен", CallOutcome.NO_ANSWER) in {
        (miss.phrase.text, miss.other.outcome) for miss in near
    }

"""The texts of statements: whole, in both languages, by law and day."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from operator_qos.statements.books import FOLDER, LANGUAGES, get_book, load_books, name_kind, read_law, read_sentences
from operator_qos.statements.rules import GRAVITY, JURISDICTIONS, StatementError

SENTENCES = (FOLDER / "sentences-2020-07-12.yaml").read_text("utf-8")
LAW = (FOLDER / "eu-2024-02-17.yaml").read_text("utf-8")


@pytest.mark.parametrize("law", JURISDICTIONS)
def test_every_law_has_texts_for_every_kind_of_act(law: str) -> None:
    book = get_book(law, date(2026, 6, 1))
    assert set(book.sentences.acts) >= set(GRAVITY)
    for kind in GRAVITY:
        for language in LANGUAGES:
            assert "{" not in name_kind(kind, language)


@pytest.mark.parametrize(("law", "on", "version"), [
    ("eu", date(2024, 2, 16), "eu 2020-07-12, 2020-07-12"), ("eu", date(2024, 2, 17), "eu 2024-02-17, 2020-07-12"),
    ("fr", date(2026, 6, 1), "fr 2024-02-17, 2020-07-12"), ("gb", date(2026, 6, 1), "gb 2020-07-12, 2020-07-12")])
def test_the_texts_in_force_on_the_day_are_used(law: str, on: date, version: str) -> None:
    assert get_book(law, on).version == version


def test_the_database_has_room_for_the_name_of_every_pair_of_texts() -> None:
    sentences, laws = load_books()
    assert all(len(get_book(law.jurisdiction, law.effective_from).version) <= 40 for law in laws)
    assert sentences


def test_the_digital_services_act_is_named_where_it_holds_and_from_when_it_does() -> None:
    def says(law: str, on: date) -> bool:
        book = get_book(law, on).law
        return "2022/2065" in " ".join(text.en for text in (*book.law, *book.bodies))

    assert not says("eu", date(2024, 2, 16))
    assert says("eu", date(2024, 2, 17))
    assert says("fr", date(2026, 1, 1))
    assert not says("gb", date(2026, 1, 1))


def test_before_the_first_texts_nothing_can_be_stated() -> None:
    with pytest.raises(StatementError, match="no texts for statements under the law 'eu' on 2020-07-11"):
        get_book("eu", date(2020, 7, 11))


@pytest.mark.parametrize(("change", "told"), [
    (lambda book: book["sentences"].pop("title"), r"missing \['title'\]"),
    (lambda book: book["sentences"].update(more={"en": "a", "fr": "b"}), r"unknown \['more'\]"),
    (lambda book: book["sentences"]["title"].update(fr="Exposé"), r"title: en has the places \['id'\], fr \[\]"),
    (lambda book: book["sentences"]["title"].update(en="{it}", fr="{it}"), "out of"),
    (lambda book: book["acts"]["fee"].pop("effect"), "acts.fee.effect"),
    (lambda book: book["sections"].pop("law"), r"sections: missing \['law'\]"),
])
def test_a_broken_sentence_is_refused_with_its_place(change: object, told: str) -> None:
    book = yaml.safe_load(SENTENCES)
    change(book)  # type: ignore[operator]  # one of the functions above
    with pytest.raises(StatementError, match=told):
        read_sentences(yaml.safe_dump(book, allow_unicode=True), "a.yaml")


@pytest.mark.parametrize(("before", "after", "told"), [
    ("until {until}", "until {then}", "a.yaml: .*appeal"), ("jurisdiction: eu", "jurisdiction: xx", "jurisdiction"),
    ("courts:", "court:", "court"), ("law:", "law: [", "is no YAML")])
def test_a_broken_law_is_refused_with_its_place(before: str, after: str, told: str) -> None:
    assert before in LAW
    with pytest.raises(StatementError, match=told):
        read_law(LAW.replace(before, after, 1), "a.yaml")

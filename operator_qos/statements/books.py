"""The texts of statements as data: sentences in both languages and each law's own, in force from a day on.

They stand in `texts/`; a statement is made by those in force on the day it is issued. A mistake in them is refused when
they are read, with file and field.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from operator_qos.i18n import set_french_spaces
from operator_qos.statements.rules import JURISDICTIONS, StatementError

FOLDER = Path(__file__).with_name("texts")
STRICT = ConfigDict(extra="forbid")
B = TypeVar("B")
Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, Language] = ("en", "fr")
Said = Annotated[str, StringConstraints(min_length=1)]
SECTIONS = ("changes", "facts", "rule", "how", "redress", "law", "document")
# Every sentence with what is put into it.
SENTENCES: Mapping[str, frozenset[str]] = {name: frozenset(places.split()) for name, places in {
    "title": "id", "subject_one": "shop change", "subject_many": "shop count",
    "intro": "operator seller shop marketplace", "issued": "moment zone",
    "scope_shop": "shop", "scope_part": "shop what", "what_country": "", "what_category": "", "what_listing": "",
    "what_fulfilment": "", "what_channel": "", "what_other": "name", "limit_cap": "cap", "limit_cap_share": "share",
    "limit_share": "share", "note": "note", "territory_all": "marketplace", "territory_country": "marketplace country",
    "starts": "moment", "ends": "moment", "open_rule": "", "open_warning": "days", "open_following": "",
    "open_person": "", "open_termination": "", "period": "first last", "period_open": "last",
    "numbers_share": "bad base failures value", "numbers_other": "value base", "asked": "limit",
    "over": "first last bad base value", "over_open": "last bad base value", "over_all": "", "over_any": "",
    "raw_same": "",
    "raw_other": "bad base", "raw_other_value": "base", "verdict_evidence": "buyers", "verdict_point": "",
    "verdict_watch": "", "verdict_kept": "", "verdict_few": "", "verdict_exempt": "", "since": "since until",
    "since_once": "since",
    "needed": "needed base", "units": "count", "unit_of_order": "unit order", "why": "why",
    "version": "title version effective", "version_published": "title version published effective",
    "version_bare": "title version", "clause_rule": "name asked window", "clause_asked": "name asked",
    "clause_name": "name", "clause_level": "name", "clause_badge": "name", "no_standard": "",
    "detected_auto": "moment", "detected_person": "operator", "decided_auto": "change",
    "decided_person": "change operator", "decided_person_by_two": "change operator", "approved": "change operator",
    "approved_by_two": "change operator", "appeal_link": "change", "standard_link": "title version",
    "rule_link": "name", "kept": "", "texts": "jurisdiction day",
}.items()}
ACT_PLACES = frozenset({"before", "after", "badge", "rule"})


@dataclass(frozen=True, config=STRICT)
class Text:
    """A sentence in both languages."""

    en: Said
    fr: Said

    def say(self, language: Language, /, **values: object) -> str:
        """The sentence in a language, filled in; French gets its no-break spaces, what is put in stays as it is."""
        text = self.fr if language == "fr" else self.en
        return (set_french_spaces(text) if language == "fr" else text).format(**values)

    def check(self, allowed: frozenset[str], name: str) -> None:
        """Refuse places that nothing fills, and languages that differ in theirs. Raises ValueError."""
        found = {language: _list_places(getattr(self, language)) for language in LANGUAGES}
        if found["en"] != found["fr"] or not found["en"] <= allowed:
            raise ValueError(f"{name}: en has the places {sorted(found['en'])}, fr {sorted(found['fr'])}; "
                             f"both take the same, out of {sorted(allowed)}")


def _list_places(text: str) -> frozenset[str]:
    return frozenset(place for _, place, _, _ in Formatter().parse(text) if place is not None)


@dataclass(frozen=True, config=STRICT)
class ActText:
    """What a kind of act is called in lists (`kind`, like `name` where it is not given), one act, and what it does."""

    name: Text
    effect: Text
    kind: Text | None = None


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SentenceBook:
    """How statements say things, whatever the law."""

    effective_from: date
    sections: dict[str, Text]
    sentences: dict[str, Text]
    acts: dict[str, ActText]

    @model_validator(mode="after")
    def _check(self) -> SentenceBook:
        for name, given, wanted in (("sections", self.sections, set(SECTIONS)),
                                    ("sentences", self.sentences, set(SENTENCES))):
            if set(given) != wanted:
                missing, unknown = sorted(wanted - set(given)), sorted(set(given) - wanted)
                raise ValueError(f"{name}: missing {missing}, unknown {unknown}")
        for name, text in self.sentences.items():
            text.check(SENTENCES[name], f"sentences.{name}")
        for kind, act in self.acts.items():
            act.name.check(ACT_PLACES, f"acts.{kind}.name")
            act.effect.check(ACT_PLACES, f"acts.{kind}.effect")
            (act.kind or act.name).check(frozenset(), f"acts.{kind}.kind")
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Grounds:
    """Why an end does not wait, each with its evidence."""

    legal_obligation: Text
    imperative_reason: Text
    repeated_infringement: Text


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LawBook:
    """What one law asks statements to say."""

    jurisdiction: Literal["eu", "fr", "gb"]
    effective_from: date
    name: Text
    law: list[Text]
    termination: Text
    grounds: Grounds
    appeal: Text
    restoration: Text
    mediators: Text
    mediators_open: Text
    bodies: list[Text]
    courts: Text

    @model_validator(mode="after")
    def _check(self) -> LawBook:
        places = {"appeal": "until", "mediators": "operator mediators", "mediators_open": "operator"}
        for name in ("name", "termination", "appeal", "restoration", "mediators", "mediators_open", "courts"):
            getattr(self, name).check(frozenset(places.get(name, "").split()), name)
        for place, text in enumerate((*self.law, *self.bodies)):
            text.check(frozenset(), f"law or bodies, {place}")
        for name, text in vars(self.grounds).items():
            if isinstance(text, Text):
                text.check(frozenset({"evidence"}), f"grounds.{name}")
        return self


@dataclass(frozen=True)
class Book:
    """The texts in force on a day for one law."""

    sentences: SentenceBook
    law: LawBook

    @property
    def version(self) -> str:
        """What the texts are called beside a statement: "fr 2024-02-17, 2020-07-12"."""
        return f"{self.law.jurisdiction} {self.law.effective_from}, {self.sentences.effective_from}"

    def say(self, name: str, language: Language, /, **values: object) -> str:
        """One sentence, filled in."""
        return self.sentences.sentences[name].say(language, **values)


_SENTENCE_BOOK: TypeAdapter[SentenceBook] = TypeAdapter(SentenceBook)
_LAW_BOOK: TypeAdapter[LawBook] = TypeAdapter(LawBook)


def read_sentences(text: str, name: str) -> SentenceBook:
    """A book of sentences from its YAML. Raises StatementError with file and field."""
    return _read(_SENTENCE_BOOK, text, name)


def read_law(text: str, name: str) -> LawBook:
    """A law's texts from their YAML. Raises StatementError with file and field."""
    return _read(_LAW_BOOK, text, name)


def _read(adapter: TypeAdapter[B], text: str, name: str) -> B:
    try:
        return adapter.validate_python(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise StatementError(f"{name}: is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StatementError(f"{name}: {place + ': ' if place else ''}{first['msg']}") from error


@lru_cache(maxsize=1)
def load_books() -> tuple[tuple[SentenceBook, ...], tuple[LawBook, ...]]:
    """Every text that comes with the product, oldest first. Raises StatementError."""
    files = sorted(FOLDER.glob("*.yaml"))
    sentences = [read_sentences(file.read_text("utf-8"), file.name) for file in files
                 if file.name.startswith("sentences")]
    laws = [read_law(file.read_text("utf-8"), file.name) for file in files if file.name.startswith(JURISDICTIONS)]
    return (tuple(sorted(sentences, key=lambda book: book.effective_from)),
            tuple(sorted(laws, key=lambda book: book.effective_from)))


def get_book(jurisdiction: str, on: date) -> Book:
    """The texts in force on a day. Raises StatementError where there are none."""
    sentences, laws = load_books()
    said = [book for book in sentences if book.effective_from <= on]
    law = [book for book in laws if book.jurisdiction == jurisdiction and book.effective_from <= on]
    if not said or not law:
        raise StatementError(f"there are no texts for statements under the law {jurisdiction!r} on {on}; "
                             f"known: {', '.join(JURISDICTIONS)}, from {laws[0].effective_from} on")
    return Book(said[-1], law[-1])


def name_kind(kind: str, language: Language) -> str:
    """What a kind of act is called in lists; one without texts by its id."""
    act = load_books()[0][-1].acts.get(kind)
    return (act.kind or act.name).say(language) if act is not None else kind.replace("_", " ").capitalize()

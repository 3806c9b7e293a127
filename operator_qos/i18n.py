"""Languages: English is written in code and templates, French comes from `translations/fr/*.po`.

There is one file per domain (`accounts.po`, `sellers.po`, …), so that people who add texts at one time do
not meet in one file: add yours to `operator_qos/translations/fr/<your domain>.po`. The files are compiled in
memory when the first text is asked for; nothing compiled is committed. Ordinary spaces before : ; ? ! % » €
and after « become no-break spaces by themselves.

In code: `from operator_qos.i18n import gettext as _` within a request, `lazy_gettext as _` for constants, and
`get_translations(language).gettext` where no request is at hand (mails, downloads made by jobs). They say what
Flask-Babel's own would, in a tenth of the time: a page says a thousand texts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import g
from flask_babel import get_locale
from flask_babel.speaklater import LazyString

LANGUAGES = ("en", "fr")
LANGUAGE_NAMES = {"en": "English", "fr": "Français"}
TRANSLATIONS = Path(__file__).with_name("translations")
NO_BREAK = "\u00a0"

_BEFORE = re.compile(r" (?=[:;?!»€]|%(?!\())")


class CatalogueError(ValueError):
    """Two files translate one text differently; the message names the text and the file."""


def set_french_spaces(text: str) -> str:
    """The text with no-break spaces where French typography wants them."""
    return _BEFORE.sub(NO_BREAK, text).replace("« ", f"«{NO_BREAK}")


def _set_spaces(translated: str | tuple[str, ...] | list[str]) -> str | tuple[str, ...]:
    if isinstance(translated, str):
        return set_french_spaces(translated)
    return tuple(set_french_spaces(part) for part in translated)


def _add_file(catalogue: Catalog, path: Path, *, language: str, is_strict: bool) -> None:
    with path.open("rb") as file:
        part = read_po(file, locale=language)
    for message in part:
        if not message.id or not message.string or message.fuzzy:
            continue
        spoken = _set_spaces(message.string) if language == "fr" else message.string
        known = catalogue.get(message.id, message.context)
        if known is not None and known.string == spoken:
            continue
        if known is not None and not is_strict:
            continue  # the first file wins; the tests refuse such a pair
        if known is not None:
            raise CatalogueError(
                f"{path.name} translates {message.id!r} as {spoken!r}, another as {known.string!r}"
            )
        catalogue.add(message.id, spoken, context=message.context, flags=message.flags)


def read_catalogue(language: str, *, folder: Path = TRANSLATIONS, is_strict: bool = False) -> Catalog:
    """All texts of a language from its files. Strict: raises CatalogueError where two files differ."""
    catalogue = Catalog(locale=language)
    for path in sorted((folder / language).glob("*.po")):
        _add_file(catalogue, path, language=language, is_strict=is_strict)
    return catalogue


@lru_cache(maxsize=len(LANGUAGES))
def get_translations(language: str) -> NullTranslations:
    """The texts of a language, ready to be asked; English answers what it is asked."""
    if language not in LANGUAGES or not (TRANSLATIONS / language).is_dir():
        return NullTranslations()
    from io import BytesIO

    compiled = BytesIO()
    write_mo(compiled, read_catalogue(language))
    compiled.seek(0)
    return Translations(compiled)


def find_language() -> str:
    """The language of the page being made, or of a part of it that speaks another: "en" or "fr"."""
    try:
        # Where Flask-Babel notes what it found, and what a part of the page is forced to: asked some thousand times.
        return str(g._flask_babel.babel_locale.language)
    except (AttributeError, RuntimeError):  # nothing noted yet, or no request at hand
        locale = get_locale()
        return "en" if locale is None else str(locale.language)


def gettext(text: str, /, **values: object) -> str:
    """A text in the language of the page, its values filled in."""
    said: str = get_translations(find_language()).gettext(text)
    return said % values if values else said


def ngettext(singular: str, plural: str, num: int, /, **values: object) -> str:
    """A text for one or for several; `num` may be filled in like any value."""
    said: str = get_translations(find_language()).ngettext(singular, plural, num)
    return said % {"num": num, **values}


def lazy_gettext(text: str, /, **values: object) -> LazyString:
    """A text that becomes one of the page's language each time it is shown."""
    return LazyString(gettext, text, **values)


def other_language(language: str) -> str:
    """The language a switch offers."""
    return "en" if language == "fr" else "fr"

"""Every text people read exists in French, and reads like French."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from itertools import product
from pathlib import Path

import flask_babel
import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from flask import Flask
from flask_babel import Babel
from jinja2.ext import babel_extract

from operator_qos.extensions import _Catalogues
from operator_qos.i18n import (
    CatalogueError,
    find_language,
    get_translations,
    gettext,
    lazy_gettext,
    ngettext,
    read_catalogue,
    set_french_spaces,
)

ROOT = Path(__file__).parents[2]
PLACEHOLDER = re.compile(r"%\((\w+)\)")


@lru_cache(maxsize=1)
def list_texts() -> tuple[tuple[str, int, str | tuple[str, ...]], ...]:
    """File, line and text of everything marked for translation; read once, for it takes seconds."""
    return tuple(read_texts())


def read_texts() -> Iterator[tuple[str, int, str | tuple[str, ...]]]:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for line, _function, text, _comments in babel_extract(
            BytesIO(path.read_bytes()), DEFAULT_KEYWORDS, (), {"encoding": "utf-8", "silent": "false"}
        ):
            yield str(path.relative_to(ROOT)), line, text
    keywords = {**DEFAULT_KEYWORDS, "lazy_gettext": None}
    for path in sorted((ROOT / "operator_qos").rglob("*.py")):
        for line, text, _comments, _context in extract(
            "python", BytesIO(path.read_bytes()), keywords=keywords
        ):
            yield str(path.relative_to(ROOT)), line, text


def get_domain(file: str) -> str:
    """The domain a file belongs to; what stands outside of one is the shell's."""
    parts = Path(file).parts
    return parts[1] if len(parts) > 2 else "shell"


def test_every_text_has_a_french_translation() -> None:
    french = read_catalogue("fr")
    missing = [f"{get_domain(file)}.po: {file}:{line}: {text!r}" for file, line, text in list_texts()
               if french.get(text) is None]
    assert not missing, "add to operator_qos/translations/fr:\n" + "\n".join(missing)


def test_the_texts_of_this_very_check_are_found() -> None:
    assert {"accounts", "shell"} <= {get_domain(file) for file, _line, _text in list_texts()}
    assert "Sign in" in {text for _file, _line, text in list_texts()}


def test_no_two_files_translate_one_text_differently() -> None:
    assert len(read_catalogue("fr", is_strict=True)) > 50


def test_translations_fill_in_the_same_values() -> None:
    for message in read_catalogue("fr"):
        if message.id:
            ids = {message.id} if isinstance(message.id, str) else set(message.id)
            strings = {message.string} if isinstance(message.string, str) else set(message.string)
            allowed = set().union(*(PLACEHOLDER.findall(text) for text in ids)) | {"num"}
            used = set().union(*(PLACEHOLDER.findall(text) for text in strings))
            assert used <= allowed, f"{message.id!r} -> {message.string!r}"


def test_french_spaces_are_set_where_typography_wants_them() -> None:
    assert set_french_spaces("Trop long : « Bon » ? 4 % !") == (
        "Trop long\u00a0: «\u00a0Bon\u00a0»\u00a0? 4\u00a0%\u00a0!"
    )
    assert set_french_spaces("de %(first)s à %(last)s") == "de %(first)s à %(last)s"


def write_po(folder: Path, name: str, text: str) -> None:
    (folder / "fr").mkdir(exist_ok=True)
    (folder / "fr" / name).write_text(f'msgid "Late"\nmsgstr "{text}"\n', encoding="utf-8")


def test_a_contradiction_is_told_in_tests_and_survived_in_service(tmp_path: Path) -> None:
    write_po(tmp_path, "a.po", "En retard")
    write_po(tmp_path, "b.po", "Tard")
    with pytest.raises(CatalogueError, match=r"b\.po translates 'Late' as 'Tard'"):
        read_catalogue("fr", folder=tmp_path, is_strict=True)
    found = read_catalogue("fr", folder=tmp_path).get("Late")
    assert found is not None
    assert found.string == "En retard"


def test_an_unknown_language_answers_in_english() -> None:
    assert get_translations("xx").gettext("Sign in") == "Sign in"
    assert get_translations("fr").gettext("Sign in") == "Se connecter"


def test_a_page_says_what_flask_babel_would_whatever_language_a_part_of_it_is_forced_to() -> None:
    app = Flask("speaking")
    app.config["BABEL_DEFAULT_LOCALE"] = "en"
    babel = Babel(app, locale_selector=lambda: "fr")
    babel.domain_instance = _Catalogues()
    named = lazy_gettext("Sign in")
    assert (find_language(), gettext("Sign in"), str(named)) == ("en", "Sign in", "Sign in")  # no page at hand
    with app.test_request_context():
        for _ in range(2):  # asked for the first time, then noted
            assert (find_language(), gettext("Sign in"), str(named)) == ("fr", "Se connecter", "Se connecter")
        with flask_babel.force_locale("en"):
            assert (find_language(), gettext("Sign in"), str(named)) == ("en", "Sign in", "Sign in")
            with flask_babel.force_locale("fr"):
                assert gettext("Sign in") == flask_babel.gettext("Sign in") == "Se connecter"
            assert find_language() == "en"
        assert find_language() == "fr"


def test_one_and_several_are_said_as_flask_babel_says_them() -> None:
    app = Flask("counting")
    babel = Babel(app, locale_selector=lambda: "fr")
    babel.domain_instance = _Catalogues()
    with app.test_request_context():
        for language, number in product(("en", "fr"), (0, 1, 2, 1_000)):
            with flask_babel.force_locale(language):
                for texts in (("%(shown)s order", "%(shown)s orders"), ("%(num)s day", "%(num)s days")):
                    assert ngettext(*texts, number, shown=f"~{number}") == flask_babel.ngettext(
                        *texts, number, shown=f"~{number}")

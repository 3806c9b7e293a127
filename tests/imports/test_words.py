"""Reasons are told in French, with what differs in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.formats.records import BadRecord
from operator_qos.connectors.mapping.reading import MappingError, parse_mapping
from operator_qos.imports.quarantine.patterns import PATTERNS
from operator_qos.imports.quarantine.words import say_reason
from operator_qos.imports.reading import try_mapping
from tests.imports.test_quarantine import MAPPING, NOW
from tests.web.fixtures import app, clock, engine, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
ODD = "no,shop,at,by\n1,s,soon,\n2,s,,\n3,s,01/01/1999,\n4,s,01/01/2030,\n5,s,01/03/2026,martian\n6,s\n7,,01/03/2026,\n"
WRONG = (
    "mapping: A b\nsource: /x\nevents: []\nodd: 1\n", "x", "a: [", "a: 1\na: 2\n",
    MAPPING.replace("order.placed", "order.plaiced"), MAPPING.replace("{by: ", "{bye: "),
    MAPPING.replace("shop: ", "# "),
    MAPPING.replace('by: "{by}"', "by: martian"), MAPPING.replace('subject: "{no}"', "subject: {column: no, text: a}"))


@pytest.fixture
def french(app: Flask) -> Callable[[str], tuple[str, str]]:
    def say(reason: str) -> tuple[str, str]:
        with app.test_request_context(), force_locale("fr"):
            said = say_reason(reason)
            return said.text, said.language

    return say


def test_what_is_wrong_with_rows_and_mappings_is_all_told_in_french(
    french: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(ODD)
    trial = try_mapping(tmp_path / "t.csv", MAPPING, marketplace="", now=NOW)
    assert len(trial.bad) == 7
    found = [row.reason for row in trial.bad]
    for text in WRONG:
        with pytest.raises(MappingError) as raised:
            parse_mapping(text)
        found += [mistake.reason for mistake in raised.value.mistakes]
    assert len(set(found)) > 12
    assert "; ".join(reason for reason in found if french(reason)[1] != "fr") == ""
    assert french("at is “soon”, no number. Correct it.")[0] == (
        "at vaut «\u00a0soon\u00a0», ce n’est pas un nombre. Corrigez-le.")


def test_a_reason_no_pattern_knows_is_shown_as_it_is(french: Callable[[str], tuple[str, str]]) -> None:
    assert french("something new: %(odd)s 100 %") == ("something new: %(odd)s 100 %", "en")
    assert len(set(PATTERNS)) == len(PATTERNS)


def test_a_value_that_holds_signs_of_patterns_is_shown_word_for_word(french: Callable[[str], tuple[str, str]]) -> None:
    text, language = french("a is “%(x)s \\1 {no}”, no number. Correct it.")
    assert language == "fr"
    assert "%(x)s \\1 {no}" in text


def test_bad_records_of_tables_are_told_in_french_too(
    french: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "t").write_bytes(b'a,b\n1\n"x"y,2\nz,caf\xe9\n' + "é,ü\n".encode() * 3)
    bad = [row for row in open_records(tmp_path / "t").read() if isinstance(row, BadRecord)]
    assert len(bad) == 3
    assert [row.reason for row in bad if french(row.reason)[1] != "fr"] == []

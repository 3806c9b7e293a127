"""Every id the product uses has words, in both languages."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from operator_qos import words
from operator_qos.demo.accounts import DEMO_ACCOUNTS
from operator_qos.disputes.rules import REMEDIES, STATES
from operator_qos.extensions import babel
from operator_qos.i18n import get_translations
from scoring.events import TYPES
from scoring.ladder import IntentKind, ReasonCode
from scoring.metrics import METRICS
from scoring.standards import DEFECT_KINDS, LEVEL_IDS
from scoring.verdicts import VERDICTS

assert DEMO_ACCOUNTS
assert babel
TABLES = {
    "defect": (words.DEFECTS, DEFECT_KINDS),
    "verdict": (words.VERDICTS, VERDICTS),
    "level": (words.LEVELS, LEVEL_IDS),
    "event": (words.EVENTS, TYPES),
    "change": (words.CHANGES, tuple(IntentKind)),
    "reason": (words.REASON_SENTENCES, tuple(ReasonCode)),
    "remedy": (words.REMEDIES, REMEDIES),
    "dispute": (words.DISPUTE_STATES, STATES),
    "metric": (words.METRIC_WORDS, tuple(METRICS)),
}


@pytest.fixture
def speaking() -> Flask:
    app = Flask("words")
    Babel(app)
    return app


@pytest.mark.parametrize("name", TABLES)
def test_every_id_has_words(name: str) -> None:
    table, ids = TABLES[name]
    assert sorted(set(map(str, ids)) - set(table)) == []


def test_every_text_of_the_tables_is_translated(speaking: Flask) -> None:
    french = get_translations("fr")
    same = {"Question", "Questions", "Message", "Verdict"}
    with speaking.test_request_context(), force_locale("en"):
        texts = [
            *(str(text) for metric in words.METRIC_WORDS.values() for text in metric),
            *(str(text) for table, _ in TABLES.values() if table is not words.METRIC_WORDS
              for text in table.values()),
        ]  # fmt: skip
    assert [text for text in texts if french.gettext(text) == text and text not in same] == []


def test_an_unknown_id_is_shown_readable(speaking: Flask) -> None:
    with speaking.test_request_context():
        assert str(words.reason_name("smells_odd")) == "Smells odd"
        assert str(words.metric_name("moon_rate")) == "Moon rate"
        assert str(words.defect_name(None)) == ""
        assert str(words.level_name(None)) == "Not rated yet"


@pytest.mark.parametrize(
    ("metric", "bad", "base", "phrase"),
    [
        ("late_shipment_rate", 7, 412, "7 of 412"),
        ("response_within_rate", 63, 224, "161 of 224"),
        ("response_time", 9_000, 1_200, "from 1,200"),
    ],
)
def test_counts_go_with_the_value_shown(
    speaking: Flask, metric: str, bad: int, base: int, phrase: str
) -> None:
    with speaking.test_request_context():
        assert words.counted_phrase(metric, bad=bad, base=base) == phrase


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [("promise_gap", -1.0, "−1 day"), ("promise_gap", 2.0, "2 days"), ("refusal_streak", 3.0, "3"),
     ("repeat_purchase_rate", 0.25, "25.0%"), ("acceptance_time", 5400.0, "1 h 30")],
)  # fmt: skip
def test_each_kind_of_value_is_written_as_people_read_it(
    speaking: Flask, metric: str, value: float, shown: str
) -> None:
    with speaking.test_request_context():
        assert words.format_metric(metric, value).replace("\u00a0", " ") == shown


def test_a_reason_reads_as_a_sentence_with_its_numbers(speaking: Flask) -> None:
    reason = {
        "code": "still_breached", "metric": "late_shipment_rate", "bad": 12, "base": 94, "value": 12 / 94,
        "limit": "0.04", "since": "2026-06-03", "until": "2026-06-17",
    }  # fmt: skip
    with speaking.test_request_context():
        said = words.reason_sentence(reason).replace("\u00a0", " ")
    assert said == (
        "Late shipments breached since 3 June 2026, last on 17 June 2026: 12.8%, 12 of 94, at most 4% asked."
    )

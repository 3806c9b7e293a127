"""The words of notices, and mails as servers and files receive them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from operator_qos.notices import mail
from operator_qos.settings import Settings

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)
REASON = {
    "code": "still_breached",
    "metric": "on_time_delivery_rate",
    "window_days": 60,
    "limit": "0.9",
    "bad": 1,
    "base": 9,
    "raw_bad": 2,
    "raw_base": 9,
    "higher_is_better": True,
    "verdict": "breached",
    "value": 8 / 9,
    "since": "2026-05-01",
    "until": "2026-06-17",
    "units": ["A-1"],
    "unit_count": 3,
}
DATA = {
    "shop": "Atelier",
    "marketplace": "Halle",
    "on": "2026-06-17",
    "standard_version": 3,
    "standard_titles": {"en": "Our own standard", "fr": "Notre standard"},
    "second_after_days": 30,
    "end_after_days": 30,
}


def standing(kind: str, before: str | None, after: str | None, **reason: object) -> dict[str, object]:
    metric = reason.get("metric")
    return {
        "kind": kind,
        "metric": metric,
        "before": before,
        "after": after,
        "reasons": [reason] if reason else [],
    }


def test_both_languages_know_the_same_topics() -> None:
    assert mail.list_topics("fr") == mail.list_topics("en")
    assert {"standing_changed", "generic", "dispute_escalated", "dispute_decided"} <= set(
        mail.list_topics("en")
    )


def test_a_fallen_level_says_what_it_rests_on_and_what_was_forgiven() -> None:
    change = standing("level_changed", "in_standard", "below", **REASON)
    text = mail.render_notice(
        "standing_changed", {**DATA, "changes": [change]}, language="en", name="Ann", link="/x"
    )
    assert text.subject == "Atelier: Level: In standard → Below standard"
    for part in (
        "Hello Ann,",
        "17 June 2026",
        "1 of 9 orders delivered late, 88.89%.",
        "Before what was forgiven: 2 of 9.",
        "at least 90% over 60 days; verdict: breached",
        "Broken since 1 May 2026, most recently on 17 June 2026",
        "What counted: A-1 and 2 more.",
        "{base_url}/x",
        "version 3",
    ):
        assert part in text.body, part


def test_french_agrees_in_number_and_uses_french_typography() -> None:
    changes = [
        standing("warning_given", "0", "1", **REASON),
        standing("badge_withdrawn", "fast_replies", None),
    ]
    text = mail.render_notice("standing_changed", {**DATA, "changes": changes}, language="fr")
    assert text.subject == "Atelier : 2 changements de votre niveau"
    for part in (
        "1 commande sur 9 livrée en retard, 88,89\u00a0%.",
        "au moins 90\u00a0% sur 60 jours",
        "1er mai 2026",
        "1. Premier avertissement : Livraisons à temps",
        "2. Badge retiré : Réponses rapides",
    ):
        assert part in text.body, part


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        (
            {"code": "too_few_orders", "base": 41, "needed": 50},
            {"en": "9 more are needed", "fr": "il en manque 9"},
        ),
        (
            {"code": "enough_orders", "base": 61, "needed": 50},
            {"en": "60 days: 61", "fr": "derniers jours : 61"},
        ),
        ({"code": "nothing_judged"}, {"en": "not enough data", "fr": "pas assez de données"}),
        ({"code": "level_left"}, {"en": "the level you have left", "fr": "le niveau que vous avez quitté"}),
        (
            {
                "code": "episode_ended",
                "metric": "cancellation_rate",
                "since": "2026-01-02",
                "until": "2026-02-03",
            },
            {"en": "not broken since 3 February 2026", "fr": "tenu depuis le 3 février 2026"},
        ),
    ],
)
def test_every_reason_has_words(language: str, reason: dict[str, object], wanted: dict[str, str]) -> None:
    data = {**DATA, "changes": [standing("level_changed", "top", "in_standard", **reason)]}
    assert wanted[language] in mail.render_notice("standing_changed", data, language=language).body


def test_an_unknown_topic_and_an_unknown_language_still_get_words() -> None:
    text = mail.render_notice("feed_is_late", {"shop": "Atelier"}, language="de", link="/feeds")
    assert text.subject == "Feed is late: Atelier"
    assert "{base_url}/feeds" in text.body


@pytest.mark.parametrize(
    "topic", ["dispute_opened", "dispute_escalated", "dispute_decided", "evidence_asked", "generic"]
)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_texts_with_missing_facts_are_whole_sentences(topic: str, language: str) -> None:
    text = mail.render_notice(topic, {"case": "C-7"}, language=language, link="/seller/disputes/7")
    assert text.subject and "None" not in text.body + text.subject
    assert "Undefined" not in text.body and "{base_url}/seller/disputes/7" in text.body


def test_a_decision_names_fault_remedy_amount_and_whom_to_answer() -> None:
    facts = {
        "case": "C-7",
        "fault": "carrier",
        "remedy": "partial_refund",
        "refund_minor": 123450,
        "currency": "EUR",
        "counts": False,
    }
    english = mail.render_notice("dispute_decided", facts, language="en").body
    french = mail.render_notice("dispute_decided", facts, language="fr").body
    assert "the carrier" in english and "partial refund, EUR\u00a01,234.50" in english
    assert "does not count" in english and "Appeal on that page" in english
    assert "le transporteur" in french and "remboursement partiel, 1\u202f234,50\u00a0EUR" in french


def test_line_breaks_in_data_cannot_add_headers() -> None:
    text = mail.render_notice("generic", {"title": "Hello\r\nBcc: everyone@example.org"}, language="en")
    message = build(text.subject, text.body)
    assert message["Bcc"] is None and message["To"] == "anne@example.org"


def build(subject: str, body: str, key: str = "standing:1:2026-06-17:1") -> mail.EmailMessage:
    settings = Settings(mail_from="Halle <qos@halle.example>", base_url="https://qos.example/")
    return mail.build_message(
        settings, key=key, recipient="anne@example.org", subject=subject, body=body, now=NOW
    )


def test_a_mail_has_its_headers_and_its_address_and_survives_the_wire() -> None:
    message = build("Été à 90\u00a0%", "Ça va ? {base_url}/seller/shops/1\n")
    received = message_from_bytes(message.as_bytes(), policy=default)
    assert received["Subject"] == "Été à 90\u00a0%"
    assert received.get_content().splitlines() == ["Ça va ? https://qos.example/seller/shops/1"]
    assert received["Date"].datetime == NOW
    assert received["Message-ID"].endswith("@halle.example>")
    assert (received["From"], received["Auto-Submitted"]) == ("Halle <qos@halle.example>", "auto-generated")


def test_the_message_id_follows_from_the_key_alone() -> None:
    first, again, other = build("a", "x"), build("b", "y"), build("a", "x", key="standing:2:2026-06-17:1")
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]


def test_a_file_is_written_whole_and_the_same_mail_again_replaces_it(tmp_path: Path) -> None:
    transport = mail.FileTransport(tmp_path / "outbox")
    for text in ("first", "second"):
        transport.send(build("Subject", text), name="00000001-abc")
    (path,) = (tmp_path / "outbox").iterdir()
    assert path.name == "00000001-abc.eml"
    assert message_from_bytes(path.read_bytes(), policy=default).get_content().splitlines() == ["second"]


@pytest.mark.parametrize(
    ("share", "english", "french"),
    [
        ("0.04", "4%", "4\u00a0%"),
        (0.025, "2.5%", "2,5\u00a0%"),
        (1 / 3, "33.33%", "33,33\u00a0%"),
        (0, "0%", "0\u00a0%"),
        (1, "100%", "100\u00a0%"),
    ],
)
def test_percentages_show_the_decimals_they_need(share: float | str, english: str, french: str) -> None:
    assert mail.format_percent(share, language="en") == english
    assert mail.format_percent(share, language="fr") == french


def test_days_and_moments_read_as_people_write_them() -> None:
    assert mail.format_day(date(2026, 8, 1), language="fr") == "1er août 2026"
    moment = datetime(2026, 6, 18, 9, 5, tzinfo=timezone(timedelta(hours=2), "CEST"))
    assert mail.format_moment(moment, language="en") == "18 June 2026, 09:05 CEST"
    assert mail.format_moment(moment, language="fr") == "18 juin 2026, 9\u00a0h\u00a005 CEST"

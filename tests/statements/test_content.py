"""What a statement says, sentence by sentence, in both languages."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos import formats
from operator_qos.statements.books import LANGUAGES, Language, get_book
from operator_qos.statements.composing import Basis, Matter, Version, compose
from operator_qos.statements.content import make_public_id, write_content
from operator_qos.statements.facts import Addressee, Found, StatementAct, Unit
from operator_qos.statements.naming import Names
from operator_qos.statements.rules import GRAVITY
from operator_qos.statements.told import Told, read_told, write_text
from scoring.standards import load_preset
from tests.evaluation.world import end_ms
from tests.statements.world import ISSUER, LATE, LATE_UNITS, NOW, ON, REPLIES, act, plain

OURS = load_preset("ours")
TO = Addressee(1, "s1", "Morvan", 1, "c1", "Atelier Morvan SARL", "fr", "Halle", "FR", "FR", "Europe/Paris", 0)
VERSION = Version("ours", 1, {}, OURS, datetime(2026, 2, 2, 9, tzinfo=NOW.tzinfo))
START = end_ms(ON - timedelta(days=30))
FOUND = {
    "late_shipment_rate": Found(
        "late_shipment_rate", ON, "ours", START, end_ms(ON), 7, 98, 9, 100, 6, 7 / 98, "breached",
        tuple(Unit(unit, unit) for unit in LATE_UNITS)),
    "response_within_rate": Found(
        "response_within_rate", ON, "ours", START, end_ms(ON), 4, 20, 4, 20, 4, 0.8, "breached",
        (Unit("/shop|M-1", "O-9"),)),
}


def matter(*acts: StatementAct, law: str = "fr", version: Version = VERSION) -> Matter:
    bases = [Basis(one, reason, FOUND.get(str(reason.get("metric"))), version)
             for one in acts for reason in one.reasons]
    versions = [version] if any(one.standard_id for one in acts) else []
    return Matter("S-2026-TEST", TO, ISSUER, get_book(law, ON), acts, bases, versions, NOW)


def read(told: Told, section: str) -> list[tuple[str, tuple[str, ...]]]:
    """A section as title and sentences of each item."""
    found = next(part for part in told.sections if part.id == section)
    return [(plain(item.title), tuple(map(plain, item.lines))) for item in found.items]


FACTS = {
    "en": ("Late shipments", (
        "Shipped after the promised time, or not shipped yet.",
        "Counted: 2 May 2026 to 31 May 2026.",
        "Counted against you: 7 of 98 (late shipments). Your result: 7.14%.",
        "Asked: at most 4%.",
        "Before what was forgiven: 9 of 100.",
        "The limit is missed by more than chance explains, and 6 different buyers are behind what counted.",
        "Missed for the first time on 31 May 2026.")),
    "fr": ("Expéditions en retard", (
        "Expédiées après la date promise, ou pas encore expédiées.",
        "Période comptée : du 2 mai 2026 au 31 mai 2026.",
        "Comptés contre vous : 7 sur 98 (expéditions en retard). Votre résultat : 7,14 %.",
        "Demandé : au plus 4 %.",
        "Avant ce qui a été pardonné : 9 sur 100.",
        "La limite est manquée de plus que ne l’explique le hasard, et 6 acheteurs différents sont concernés.",
        "Manquée pour la première fois le 31 mai 2026.")),
}
CHANGES = {
    "en": ("Warning 1: Late shipments", (
        "The warning itself restricts nothing.", "It concerns the whole shop Morvan.",
        "It applies on Halle, in this country: France.", "It takes effect on 1 June 2026, 09:00.",
        "It ends by itself once 30 days have passed without the limit being missed.")),
    "fr": ("Avertissement 1 : Expéditions en retard", (
        "L’avertissement lui-même ne restreint rien.", "Cela concerne toute la boutique Morvan.",
        "Cela vaut sur Halle, dans ce pays : France.", "Cela prend effet le 1er juin 2026, 9 h.",
        "Il prend fin de lui-même après 30 jours sans que la limite soit manquée.")),
}
RULE = {
    "en": ("“Our own standard”, version 1, published on 2 February 2026, in force since 1 January 2015.",
           "Rule “Late shipments”: at most 4%, over the last 30 days."),
    "fr": ("« Notre standard », version 1, publiée le 2 février 2026, en vigueur depuis le 1er janvier 2015.",
           "Règle « Expéditions en retard » : au plus 4 %, sur les 30 derniers jours."),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_warning_says_what_changes_what_it_rests_on_and_by_which_rule(language: Language) -> None:
    told = compose(matter(act()), language)
    assert read(told, "changes") == [CHANGES[language]]
    assert read(told, "facts") == [FACTS[language]]
    assert read(told, "rule") == [("", RULE[language])]


def test_the_orders_that_counted_stand_beside_the_numbers_and_messages_with_their_order() -> None:
    told = compose(matter(act("level", reasons=[LATE, REPLIES])), "en")
    late, replies = next(part for part in told.sections if part.id == "facts").items
    assert (late.units_title, [unit.label for unit in late.units]) == ("What counted against you (7):", LATE_UNITS)
    assert [(unit.label, unit.order) for unit in replies.units] == [("M-1 (order O-9)", "O-9")]
    assert late.links[0].path == "/seller/shops/fr/s1/rules/late_shipment_rate"
    assert "Your result: 80.0%." in plain(replies.lines[2])
    assert plain(replies.lines[-1]) == "Missed for the first time on 1 May 2026, most recently on 31 May 2026."


@pytest.mark.parametrize(("language", "lines"), [
    ("en", ("Found by an automated evaluation of the orders, messages and problems recorded up to 1 June 2026, 00:00. "
            "It was not reported by anybody.",
            "Warning 1: Late shipments: decided by the rule, automatically, without a person.")),
    ("fr", ("Constaté par une évaluation automatique des commandes, messages et réclamations enregistrés jusqu’au "
            "1er juin 2026, 0 h. Personne ne l’a signalé.",
            "Avertissement 1 : Expéditions en retard : décidé par la règle, automatiquement, sans intervention d’une "
            "personne."))])
def test_it_says_that_no_person_decided(language: Language, lines: tuple[str, ...]) -> None:
    assert read(compose(matter(act()), language), "how") == [("", lines)]


def test_a_person_s_decision_says_so_and_gives_the_reason_and_no_rule() -> None:
    by_hand = act("suspension", reasons=(), standard_id=None, standard_version=None, automated=False,
                  decided_by="ines@operator.example", why="Three buyers received counterfeit goods.",
                  until_at=NOW + timedelta(days=14), scope={"what": "category", "part": "garden"})
    told = compose(matter(by_hand), "en")
    assert read(told, "changes") == [("Shop suspended", (
        "The shop cannot sell while this lasts. Orders already placed must still be fulfilled.",
        "It concerns a part of the shop Morvan only: one category (garden).",
        "It applies on Halle, in this country: France.", "It takes effect on 1 June 2026, 09:00.",
        "It ends by itself on 15 June 2026, 09:00."))]
    assert read(told, "facts") == [("Shop suspended", ("The reason given: Three buyers received counterfeit goods.",))]
    assert read(told, "rule") == [("", (
        "No numbered rule was applied; the decision rests on the reason given above.",))]
    assert read(told, "how") == [("", (
        "Found by a person working for Halle, not by an automated evaluation.",
        "Shop suspended: decided by a person working for Halle."))]
    assert "ines@operator.example" not in str(write_content(matter(by_hand)))


@pytest.mark.parametrize(("automated", "approvals", "line"), [
    (True, 1, "Ranked lower: found by the rule, and released by a person working for Halle."),
    (True, 2, "Ranked lower: found by the rule, and released by two people working for Halle."),
    (False, 1, "Ranked lower: decided by a person working for Halle."),
    (False, 2, "Ranked lower: decided by a person working for Halle and approved by a second one.")])
def test_whoever_agreed_before_it_took_effect_is_told(automated: bool, approvals: int, line: str) -> None:
    one = act("ranking", automated=automated, approvals=approvals)
    ((_, lines),) = read(compose(matter(one), "en"), "how")
    assert lines[-1] == line


@pytest.mark.parametrize(("law", "ground", "line"), [
    ("eu", None, "The whole service ends no sooner than 30 days after this statement (Article 4(2))."),
    ("eu", "legal_obligation", "It does not wait 30 days because a legal duty forbids to wait (Article 4(4)(a)). "
                               "Evidence: Court order 12/2026"),
    ("gb", "repeated_infringement", "It does not wait 30 days because the terms were infringed repeatedly "
                                    "(Article 4(4)(c)). Evidence: Court order 12/2026")])
def test_an_end_says_why_it_waits_or_does_not(law: str, ground: str | None, line: str) -> None:
    end = act("termination", legal_ground=ground, why="Court order 12/2026", effective_at=NOW + timedelta(days=30))
    ((name, lines),) = read(compose(matter(end, law=law), "en"), "changes")
    assert (name, line in lines, lines[-1]) == (
        "Shop closed for good", True, "It is meant for good, unless an appeal succeeds.")


def test_what_can_be_done_is_free_open_for_six_months_and_leads_to_mediators_and_courts() -> None:
    told = compose(matter(act(), act("level", act_id=12)), "en")
    (_, first), (_, second) = read(told, "redress")
    assert "free of charge until 1 December 2026" in first[0]
    assert second[0] == ("You may turn to a mediator. Halle is willing to work with: CMAP, Paris; CEDR, London. "
                         "It bears a reasonable share of the cost.")
    assert "court" in second[-1]
    assert "DGCCRF" in second[-1]
    links = next(part for part in told.sections if part.id == "redress").items[0].links
    assert [link.path for link in links] == ["/seller/appeals/new?act=11", "/seller/appeals/new?act=12"]


def test_caps_shares_and_notes_of_an_act_are_said() -> None:
    capped = act("order_cap", scope={"what": "shop", "cap": "20", "note": "A day."})
    lines = read(compose(matter(capped), "fr"), "changes")
    assert lines[0][1][:3] == ("La boutique ne peut prendre qu’un nombre limité de commandes.", "La limite est de 20.",
                               "En détail : A day.")
    fee = read(compose(matter(act("fee", scope={"share": "0.04"})), "fr"), "changes")
    assert fee[0][1][1] == "Cela représente 4 %."


def test_the_document_holds_no_fraction_that_a_reader_could_write_otherwise() -> None:
    def walk(value: Any) -> None:
        assert not isinstance(value, float)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
            walk(inner)

    content = write_content(matter(act("level", reasons=[LATE, REPLIES])))
    walk(content)
    assert content["acts"][0]["reasons"][0]["units"][0] == {"id": "A-1", "order": "A-1"}
    assert (content["appeal_until"], content["rules"]) == ("2026-12-01", ["late_shipment_rate", "response_within_rate"])


def test_the_same_acts_have_the_same_number_in_any_order_and_others_another() -> None:
    one, two = act(), act("level", act_id=12)
    number = make_public_id(1, [one, two], NOW, "Europe/Paris")
    assert make_public_id(1, [two, one], NOW, "Europe/Paris") == number
    assert number.startswith("S-2026-")
    assert len({number, make_public_id(2, [one, two], NOW, "Europe/Paris"),
                make_public_id(1, [one], NOW, "Europe/Paris")}) == 3


ADVERSE = [kind for kind in GRAVITY if kind not in {"notice", "review", "reinstatement"}]
NUMBERS = st.integers(1, 5000).flatmap(lambda base: st.tuples(st.integers(0, base), st.just(base)))


@given(st.sampled_from(ADVERSE), st.sampled_from([rule.id for rule in OURS.rules]), NUMBERS,
       st.sampled_from(("eu", "fr", "gb")), st.sampled_from(LANGUAGES), st.dates(date(2025, 1, 1), date(2030, 12, 31)))
def test_every_adverse_act_names_metric_numbers_version_and_redress(
    kind: str, rule: str, numbers: tuple[int, int], law: str, language: Language, on: date
) -> None:
    bad, base = numbers
    found = Found(rule, on, "ours", end_ms(on - timedelta(days=30)), end_ms(on), bad, base, bad, base, 3,
                  bad / base, "breached", (Unit("A-1", "A-1"),))
    reason = {"code": "breached", "metric": rule, "since": on.isoformat(), "until": on.isoformat()}
    one = act(kind, reasons=[reason], on_date=on, subject=f"warning:{rule}" if kind == "warning" else kind)
    whole = Matter("S-1", TO, ISSUER, get_book(law, on), [one], [Basis(one, reason, found, VERSION)], [VERSION], NOW)
    text = write_text(compose(whole, language), "https://qos.example")
    between = {"en": "of", "fr": "sur"}[language]
    counted = [formats.format_count(number, language) for number in numbers]
    until = formats.format_day(date(2026, 12, 1), language, year=True)
    for wanted in (Names(OURS, language).rule(rule), f"{counted[0]} {between} {counted[1]}", "version 1", "A-1", until,
                   "https://qos.example/seller/appeals/new?act=11", "CEDR, London"):
        assert wanted in text


def test_what_was_archived_reads_back_as_it_was_composed() -> None:
    whole = matter(act("level", reasons=[LATE, REPLIES]), act("badge", act_id=12))
    content = write_content(whole)
    for language in LANGUAGES:
        assert read_told(content, language) == compose(whole, language)

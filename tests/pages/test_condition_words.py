"""What a condition asked and found, as people read it in both languages."""

from __future__ import annotations

from flask import Flask
from flask_babel import force_locale

from operator_qos import words
from tests.web.fixtures import app, clock, engine, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]


TOLD = [
    ({"key": "late_shipment_rate.in_a_row", "asks": "< 3", "found": "3"},
     "Missed: the breaches in a row (Late shipments). < 3 asked, 3 found.",
     "Non atteint : le nombre de manquements de suite (Expéditions en retard). Demandé < 3, constaté 3."),
    ({"key": "late", "asks": "<= 2.5 %", "found": "1/8"}, "Missed: late. <= 2.5% asked, 12.5% found.",
     "Non atteint : late. Demandé <= 2,5 %, constaté 12,5 %."),
    ({"key": "points", "asks": ">= 8", "found": "15/2"}, "Missed: the points. >= 8 asked, 7.50 found.",
     "Non atteint : le nombre de points. Demandé >= 8, constaté 7,50."),
    ({"key": "badge.star_seller", "asks": "yes", "found": "no"},
     "Missed: the badge (star seller). yes asked, no found.",
     "Non atteint : le badge (star seller). Demandé oui, constaté non."),
    ({"key": "country", "asks": "FR, BE", "found": None}, "Missed: the country. FR, BE asked, nothing found.",
     "Non atteint : le pays. Demandé FR, BE, constaté rien."),
]


def test_a_missed_condition_is_told_with_what_it_asks_and_what_was_found(app: Flask) -> None:
    for reason, english, french in TOLD:
        told = {"code": "condition_unmet", **reason}
        with app.test_request_context(), force_locale("en"):
            assert words.reason_sentence(told) == english
        with app.test_request_context(), force_locale("fr"):
            assert words.reason_sentence(told).replace("\u00a0", " ") == french

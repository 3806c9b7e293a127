"""The lab's own calls, without a key: they belong to whoever runs it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Flask, Response

from operator_qos.lab.api import BadCall, read_document, read_moment_arg, to_response
from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.texts import read_moment, stamp
from operator_qos.lab.truths import list_claims

LAST_AT = 4_102_444_800  # the year 2100: what is worked out ahead of the clock must have a date, too


def add_control(app: Flask, lab: Lab) -> None:
    """Serve the clock, the switches, the counts and the truth under /lab."""
    app.add_url_rule("/lab/", view_func=lambda: to_response(_describe(lab)), endpoint="describe")
    app.add_url_rule("/lab/clock", view_func=lambda: _turn_clock(lab), endpoint="clock", methods=["POST"])
    app.add_url_rule("/lab/chaos", view_func=lambda: _switch(lab), endpoint="chaos", methods=["POST"])
    app.add_url_rule("/lab/wait", view_func=lambda: _skip(lab), endpoint="wait", methods=["POST"])
    app.add_url_rule("/lab/truth", view_func=lambda: _tell(lab), endpoint="truth")


def _describe(lab: Lab) -> dict[str, Any]:
    return {
        "now": stamp(lab.clock.now()), "first": stamp(lab.world.first_at), "last": stamp(lab.world.last_at),
        "shops": len(lab.world.shops), "orders": len(lab.world.orders), "seed": lab.plan.seed,
        "chaos": asdict(lab.chaos), "calls_per_minute": dict(lab.gate.calls_per_minute),
        "calls": dict(lab.gate.calls), "refused": dict(lab.gate.refused),
        "hurried": dict(+lab.gate.hurried)}


def _turn_clock(lab: Lab) -> Response:
    """`at` goes to a moment, `advance_seconds` lets that much pass."""
    wish = read_document()
    try:
        at = read_moment(wish["at"]) if "at" in wish else lab.clock.now() + int(wish["advance_seconds"])
        if not 0 <= at < LAST_AT:
            raise ValueError(at)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise BadCall("Give `at` as an ISO 8601 moment or `advance_seconds` as a whole number; the clock goes "
                      "from 1970 to 2099.") from None
    with lab.lock:
        lab.clock.set(at)
    return to_response({"now": stamp(lab.clock.now())})


def _switch(lab: Lab) -> Response:
    """Shares by name; what is not named stays as it is."""
    with lab.lock:
        try:
            lab.chaos = lab.chaos.with_values(read_document())
        except ValueError as error:
            raise BadCall(str(error)) from None
    return to_response({"chaos": asdict(lab.chaos)})


def _skip(lab: Lab) -> Response:
    """Lets `seconds` pass for counted calls and tokens; the marketplace's own time stands."""
    seconds = read_document().get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 86_400:
        raise BadCall("seconds must be a number from 0 to 86400.")
    with lab.lock:
        lab.gate.clock.skip(seconds)
    return to_response({"skipped_seconds": lab.gate.clock.skipped_seconds})


def _tell(lab: Lab) -> Response:
    """What is true by `until`, by now without it."""
    until = read_moment_arg("until")
    claims = list_claims(lab.world, lab.clock.now() if until is None else until)
    return to_response({"claims": [{**asdict(claim), "at": stamp(claim.at)} for claim in claims]})

"""What the pages of requests need: the things to choose from, what a form holds, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import request
from sqlalchemy.orm import Session

from operator_qos.disputes.forms import FILE_ERRORS, make_token, read_files
from operator_qos.exclusions import queries
from operator_qos.exclusions.effects import list_counted_kinds
from operator_qos.exclusions.phrases import proof_text, say_refusal, takes_text, thing_name
from operator_qos.exclusions.queries import Thing
from operator_qos.exclusions.rules import ASK_DAYS, METRIC_KINDS, Cause, list_heard_causes, may_ask, read_thing
from operator_qos.exclusions.service import Plea, RequestRefused
from operator_qos.files import FileError, FileStore
from operator_qos.i18n import gettext as _
from operator_qos.ledger.queries import list_scorecards
from operator_qos.ledger.unit_queries import list_dossiers
from operator_qos.ledger.units import find_units
from operator_qos.metric_words import Words
from operator_qos.sellers.queries import ShopCard
from operator_qos.standards.binding import get_bound
from operator_qos.web import read_number
from operator_qos.words import cause_name, metric_name
from scoring.metrics import GROUP_CODES

SHOWN = 100


@dataclass(frozen=True)
class Choice:
    """One thing to contest: `answer` says why it cannot be, empty where it can."""

    thing: Thing
    name: str
    answer: str
    is_chosen: bool


@dataclass(frozen=True)
class CauseLine:
    """One cause of the catalogue in words."""

    id: str
    name: Words
    proof: str
    takes: str
    needs_file: bool


@dataclass(frozen=True)
class Start:
    """A metric from whose failures something can be contested."""

    metric: str
    name: Words
    count: int


def list_starts(session: Session, shop: ShopCard) -> list[Start]:
    """The metrics in which something counts against the shop."""
    cards = list_scorecards(session, [shop.id])[shop.id]
    return [Start(metric, metric_name(metric), cards[metric].bad) for metric in METRIC_KINDS
            if metric in cards and cards[metric].bad]


def list_cause_lines(session: Session, shop: ShopCard, *, now: datetime) -> list[CauseLine]:
    """What the shop's standard hears."""
    return [build_cause(cause) for cause in list_heard_causes(get_bound(session, shop.id, now=now))]


def build_cause(cause: Cause) -> CauseLine:
    """A cause in words."""
    return CauseLine(cause.id, cause_name(cause.id), proof_text(cause), takes_text(cause), cause.needs_file)


def list_choices(session: Session, shop: ShopCard, *, now: datetime) -> list[Choice]:
    """What the address speaks of: everything on an order, or what counts against the shop in a metric."""
    order, metric = request.args.get("order", ""), request.args.get("metric", "")
    chosen = {*request.args.getlist("unit"), *request.form.getlist("thing")}
    things: Sequence[Thing]
    if order:
        things = queries.list_things(
            session, shop.id, queries.find_dossiers(session, shop.id, [("ship", order)]), now=now)
    else:
        things = _list_of_metric(session, shop, metric, chosen, now=now)
    return [_build_choice(thing, chosen, now) for thing in things]


def _list_of_metric(
    session: Session, shop: ShopCard, metric: str, chosen: Collection[str], *, now: datetime
) -> Sequence[Thing]:
    view = find_units(session, shop.id, metric=metric, show="bad") if metric in METRIC_KINDS else None
    if view is None:
        return ()
    first = [row for row in view.rows if row.unit in chosen]
    rows = (first + [row for row in view.rows if row.unit not in chosen])[:SHOWN]
    dossiers = list_dossiers(session, shop.id, group_code=GROUP_CODES[view.metric.group],
                             anchors_ms=[row.anchor_ms for row in rows])
    return queries.keep_of_metric(
        queries.list_things(session, shop.id, dossiers, now=now), metric, units={row.unit for row in rows},
        kinds=list_counted_kinds(view.standard, metric))


def _build_choice(thing: Thing, chosen: Collection[str], now: datetime) -> Choice:
    code = thing.answer or ("" if may_ask(thing.began_at, now) else "late")
    wanted = bool({thing.text, queries.unit_of(thing.name)} & set(chosen))
    return Choice(thing, thing_name(thing.name), _say_answer(code), wanted and not code)


def _say_answer(code: str) -> str:
    return {"": "", "excluded": str(_("Forgiven")), "asked": str(_("Contested before")),
            "late": str(_("Older than %(days)s days", days=ASK_DAYS))}[code]


def read_plea(store: FileStore) -> Plea:
    """What the form holds; files are checked and kept. Raises FileError, RequestRefused."""
    sent = request.form
    names = [read_thing(text) for text in sent.getlist("thing")]
    if None in names:
        raise RequestRefused("unknown")
    token = sent.get("token", "")[:40] or make_token()
    return Plea([name for name in names if name], sent.get("cause", "")[:40], sent.get("body", ""), token,
                tuple(store.keep_all(read_files())))


def explain(error: RequestRefused | FileError) -> str:
    """What is wrong, in the reader's language."""
    if isinstance(error, FileError):
        return str(FILE_ERRORS[error.code]())
    return say_refusal(error.code)


def read_ids(field: str) -> set[int]:
    """The numbers ticked in a form."""
    return {number for text in request.form.getlist(field) if (number := read_number(text)) is not None}

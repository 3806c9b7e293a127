"""The operator's page of sources: is each there, how late, what is missing; and the addresses webhooks come in by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.acts.phrases import say_light
from operator_qos.acts.queries import list_feed_lights
from operator_qos.clock import from_ms, to_ms
from operator_qos.i18n import gettext as _
from operator_qos.permissions import ADMIN, OPERATOR, current_actor, people
from operator_qos.receiving import service
from operator_qos.receiving.queries import list_receivers
from operator_qos.sellers.queries import list_marketplaces
from operator_qos.sources.queries import SHOWN_DAYS, SourceRow, list_sources
from operator_qos.web import get_language, get_session, get_site, now, writing
from scoring.windows import local_day

blueprint = Blueprint("sources", __name__)
PERMISSIONS = {
    "sources.show_sources": people(*OPERATOR),
    "sources.add_receiver": people(*ADMIN),
    "sources.rotate_receiver": people(*ADMIN),
    "sources.stop_receiver": people(*ADMIN),
}
STRIP_HEIGHT = 24


@dataclass(frozen=True)
class Line:
    """A source on the page: its figures, what is wrong with it, the bars of its days (x, y, height)."""

    row: SourceRow
    lights: Sequence[str]
    bars: Sequence[tuple[int, float, float]]


@dataclass(frozen=True)
class Place:
    """A marketplace with its sources."""

    name: str
    zone: str
    first: date
    lines: Sequence[Line]


@blueprint.get("/operator/sources")
def show_sources() -> str:
    """Every source of every marketplace."""
    return _show_sources()


def _show_sources(problem: str = "") -> str:
    session = get_session()
    places = list_marketplaces(session)
    return render_template(
        "sources/list.html", places=[_to_place(place.id, place.name, place.timezone) for place in places],
        receivers=list_receivers(session), names={place.id: place.name for place in places}, problem=problem,
        is_admin=current_actor().role in ADMIN, given=request.form, from_ms=from_ms, shown_days=SHOWN_DAYS,
        address=get_site().settings.base_url.rstrip("/"))


def _to_place(marketplace_id: str, name: str, zone: str) -> Place:
    session, today = get_session(), local_day(to_ms(now()), zone)
    said: dict[str, list[str]] = {}
    for light in list_feed_lights(session, marketplace_id, now=now()):
        said.setdefault(light.source, []).append(say_light(light, get_language()))
    rows = list_sources(session, marketplace_id, today=today)
    lines = [Line(row, said.get(row.source, ()), _draw(row.days)) for row in rows]
    first = date.fromordinal(today.toordinal() - SHOWN_DAYS + 1)
    return Place(name, zone, first, sorted(lines, key=lambda line: (not line.lights, line.row.source)))


def _draw(days: Sequence[int]) -> list[tuple[int, float, float]]:
    most = max(days) or 1
    heights = [max(1.5, round(STRIP_HEIGHT * count / most, 1)) if count else 0.0 for count in days]
    return [(4 * place, STRIP_HEIGHT - height, height) for place, height in enumerate(heights) if height]


def _say(error: service.ReceiverError) -> str:
    said = {"name": _("Choose another name: up to 60 small letters, digits and hyphens, not used before."),
            "shop": _("A shop’s id has 200 characters at most.")}
    other = _("There is no such marketplace or kind of program. Reload the page and choose again.")
    return str(said.get(error.field, other))


@blueprint.post("/operator/sources/receivers")
def add_receiver() -> tuple[str, int] | BaseResponse:
    """Make an address for webhooks; its secret is shown once."""
    form = request.form
    try:
        with writing() as session:
            secret = service.add_receiver(
                session, name=form.get("name", "").strip(), kind=form.get("kind", ""),
                marketplace_id=form.get("marketplace", ""), shop=form.get("shop", "").strip(),
                actor=current_actor().email, now=now())
    except service.ReceiverError as error:
        return _show_sources(_say(error)), 400
    flash(_("Made. Give the program this secret, shown only now: %(secret)s", secret=secret))
    return redirect(url_for("sources.show_sources"), 303)


@blueprint.post("/operator/sources/receivers/rotate")
def rotate_receiver() -> tuple[str, int] | BaseResponse:
    """Exchange a secret; the old one goes on for a week."""
    try:
        with writing() as session:
            secret = service.rotate_secret(
                session, name=request.form.get("name", ""), actor=current_actor().email, now=now())
    except service.ReceiverError as error:
        return _show_sources(_say(error)), 400
    flash(_("Exchanged. Give the program this secret, shown only now: %(secret)s. The old one goes on for seven days.",
            secret=secret))
    return redirect(url_for("sources.show_sources"), 303)


@blueprint.post("/operator/sources/receivers/stop")
def stop_receiver() -> tuple[str, int] | BaseResponse:
    """Take nothing more from an address."""
    try:
        with writing() as session:
            service.stop_receiver(session, name=request.form.get("name", ""), actor=current_actor().email, now=now())
    except service.ReceiverError as error:
        return _show_sources(_say(error)), 400
    flash(_("Nothing more is taken from this address."))
    return redirect(url_for("sources.show_sources"), 303)

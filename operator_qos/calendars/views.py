"""A shop's opening hours, holidays and times out of office: for its own people, and for the operator in their place."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.calendars import forms, service
from operator_qos.calendars.forms import Typed, TypedAbsence, say_error
from operator_qos.calendars.queries import ShopHours, read_hours_of
from operator_qos.calendars.rules import HoursError, write_frames
from operator_qos.calendars.service import Change, Document, Effect
from operator_qos.i18n import gettext as _
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import OPERATOR, SELLER, current_actor, get_visible_shop, people
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.web import get_session, now, writing
from scoring.opening_hours import WEEKDAYS

blueprint = Blueprint("calendars", __name__)
_SHOP = "get_visible_shop"
PERMISSIONS = {
    "calendars.list_own": people(*SELLER, tenant="shops of one's own company"),
    **{f"calendars.{audience}_{page}": people(*roles, tenant=_SHOP)
       for audience, roles in (("operator", OPERATOR), ("seller", SELLER))
       for page in ("calendar", "hours", "absence", "end")},
}
_AT = "calendar/<marketplace>/<shop>"
_OPERATOR, _SELLER = {"audience": "operator"}, {"audience": "seller"}
MOST_SHOWN = 50
Answer = tuple[str, int] | BaseResponse


@dataclass(frozen=True)
class Place:
    """The shop a page is about, and for whom the page is."""

    audience: str
    card: ShopCard

    def to(self, page: str) -> str:
        """An address of this calendar."""
        return url_for(f"calendars.{self.audience}_{page}", marketplace=self.card.marketplace_id, shop=self.card.code)


@dataclass(frozen=True)
class Filled:
    """What was typed into one of the two forms, what is wrong with it, and what it would change once checked."""

    hours: Typed | None = None
    absence: TypedAbsence | None = None
    error: HoursError | None = None
    effect: Effect | None = None


def _place(audience: str, marketplace: str, shop: str) -> Place:
    """Raises the same NotFound for a foreign shop and a missing one."""
    return Place(audience, get_visible_shop(get_session(), current_actor(), marketplace, shop))


def _render(place: Place, filled: Filled, status: int = 200) -> tuple[str, int]:
    known = read_hours_of(get_session(), place.card.id, now=now())
    typed = filled.hours or forms.start_form(known)
    countries, regions = forms.list_choices(typed)
    error = filled.error
    return show(
        "calendars/calendar.html", place=place, card=place.card, links=ShopLinks(place.audience, place.card),
        known=known, typed=typed, away=filled.absence or forms.start_absence(), countries=countries, regions=regions,
        proposals=forms.list_proposals(typed, known), error_field=error.field if error else "",
        error_text=say_error(error) if error else "", effect=filled.effect, most=MOST_SHOWN,
        checked="hours" if filled.hours and filled.effect else "absence" if filled.effect else "",
        weekdays=list_weekdays(), write_frames=write_frames), status


def list_weekdays() -> list[tuple[str, str]]:
    """Each weekday as fields call it, and in the reader's words."""
    names = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
    return list(zip(WEEKDAYS, names, strict=True))


@blueprint.get("/seller/calendar")
def list_own() -> str | BaseResponse:
    """The shops of the company; with one alone, its calendar at once."""
    seller_id = current_actor().seller_id
    session = get_session()
    cards = list_shop_cards(session, seller_id=seller_id) if seller_id is not None else []
    if len(cards) == 1:
        return redirect(Place("seller", cards[0]).to("calendar"))
    rows = [(Place("seller", card), read_hours_of(session, card.id, now=now())) for card in cards]
    return show("calendars/list.html", rows=rows)


@blueprint.get(f"/operator/{_AT}", endpoint="operator_calendar", defaults=_OPERATOR)
@blueprint.get(f"/seller/{_AT}", endpoint="seller_calendar", defaults=_SELLER)
def show_calendar(audience: str, marketplace: str, shop: str) -> tuple[str, int]:
    """The hours in force, what comes, and the forms to change them."""
    return _render(_place(audience, marketplace, shop), Filled())


def _change(token: str, why: str) -> Change:
    return Change(current_actor(), now(), token, why.strip()[:2000])


def _record(place: Place, document: Document, change: Change) -> bool:
    with writing() as session:
        return service.record(session, place.card, [document], change)


@blueprint.post(f"/operator/{_AT}/hours", endpoint="operator_hours", defaults=_OPERATOR)
@blueprint.post(f"/seller/{_AT}/hours", endpoint="seller_hours", defaults=_SELLER)
def set_hours(audience: str, marketplace: str, shop: str) -> Answer:
    """Propose holidays, say what the hours would change, or set them once that was shown."""
    place, typed = _place(audience, marketplace, shop), forms.drop_foreign_region(forms.read_form())
    if request.form.get("do") == "propose":
        return _render(place, Filled(hours=typed))
    change = _change(typed.token, typed.why)
    try:
        hours = typed.to_hours()
        document = service.write_hours(get_session(), place.card, hours, change)
    except HoursError as error:
        return _render(place, Filled(hours=typed, error=error), 400)
    if request.form.get("do") != "save" or request.form.get("seal") != typed.seal:
        return _render(place, Filled(hours=typed, effect=_find_effect(place, document)))
    was_new = _record(place, document, change)
    flash(_("The hours are set.") if was_new else _("This was done before; nothing was changed."))
    return redirect(place.to("calendar"), 303)


def _find_effect(place: Place, document: Document) -> Effect:
    return service.find_effect(get_session(), place.card, [document], now=now())


@blueprint.post(f"/operator/{_AT}/absence", endpoint="operator_absence", defaults=_OPERATOR)
@blueprint.post(f"/seller/{_AT}/absence", endpoint="seller_absence", defaults=_SELLER)
def close_for_a_time(audience: str, marketplace: str, shop: str) -> Answer:
    """Say what a time out of office would change, or announce it once that was shown."""
    place, typed = _place(audience, marketplace, shop), forms.read_absence()
    change = _change(typed.token, typed.why)
    known: ShopHours = read_hours_of(get_session(), place.card.id, now=now())
    try:
        document = service.write_absence(place.card, typed.to_absence(known.zone), change)
    except HoursError as error:
        return _render(place, Filled(absence=typed, error=error), 400)
    if request.form.get("do") != "save" or request.form.get("seal") != typed.seal:
        return _render(place, Filled(absence=typed, effect=_find_effect(place, document)))
    was_new = _record(place, document, change)
    flash(_("The time out of office is announced.") if was_new else _("This was done before; nothing was changed."))
    return redirect(place.to("calendar"), 303)


@blueprint.post(f"/operator/{_AT}/end", endpoint="operator_end", defaults=_OPERATOR)
@blueprint.post(f"/seller/{_AT}/end", endpoint="seller_end", defaults=_SELLER)
def end_absence(audience: str, marketplace: str, shop: str) -> BaseResponse:
    """Take a time out of office back, or end it now."""
    place = _place(audience, marketplace, shop)
    source, event_id = request.form.get("source", ""), request.form.get("id", "")
    with writing() as session:
        done = service.end_absence(session, place.card, source=source, event_id=event_id,
                                   change=_change(forms.make_token(), ""))
    flash(_("The shop is open again by its hours.") if done else _("This was done before; nothing was changed."))
    return redirect(place.to("calendar"), 303)

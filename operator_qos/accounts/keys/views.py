"""The operator's page of API keys: what each may do, when it was used, making, exchanging and ending one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.accounts import queries, service
from operator_qos.accounts.actors import Quota
from operator_qos.accounts.service import KEY_SCOPES, AccountError, KeyTerms
from operator_qos.i18n import gettext as _
from operator_qos.i18n import lazy_gettext
from operator_qos.permissions import ADMIN, current_actor, people
from operator_qos.sellers.queries import list_marketplaces
from operator_qos.web import get_session, now, writing

blueprint = Blueprint("keys", __name__)
PERMISSIONS = {
    "keys.show_keys": people(*ADMIN),
    "keys.add_key": people(*ADMIN),
    "keys.rotate_key": people(*ADMIN),
    "keys.revoke_key": people(*ADMIN),
}
SCOPE_NAMES: Mapping[str, object] = {
    "ingest": lazy_gettext("send events"),
    "read": lazy_gettext("read figures"),
    "disputes": lazy_gettext("take part in disputes"),
    "acts": lazy_gettext("carry out what was decided"),
    "seller_read": lazy_gettext("read a seller’s own promises"),
    "seller_answer": lazy_gettext("read and answer for a seller"),
}


@blueprint.get("/operator/keys")
def show_keys() -> str:
    """Every key, and the form to make one."""
    return _show_keys()


def _show_keys(problem: str = "") -> str:
    session = get_session()
    rows = queries.list_keys(session)
    live = [row for row in rows if row.revoked_at is None and (row.expires_at is None or row.expires_at > now())]
    return render_template(
        "accounts/keys.html", live=live, over=[row for row in rows if row not in live], problem=problem,
        places={place.id: place.name for place in list_marketplaces(session)}, scopes=KEY_SCOPES,
        scope_names=SCOPE_NAMES, given=request.form)


def _say(error: AccountError) -> str:
    said = {
        ("name", "empty"): _("Name the key after its program, in 1 to 100 characters."),
        ("name", "taken"): _("A key of this name exists or existed; choose another name."),
        ("name", "revoked"): _("This key was ended; make another."),
        ("expires_at", "past"): _("This key would be over already; choose a later day."),
        ("sources", "range"): _("Name up to 50 sources, one a line, by how their names begin."),
    }
    other = _("This cannot be done: check the fields. A quota is a whole number from 1 to 10,000,000.")
    return str(said.get((error.field, error.code), other))


def _read_number(name: str) -> int | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 12:
        raise AccountError(name, "range", f"{text!r} is no whole number")
    return int(text)


def _read_end() -> datetime | None:
    text = request.form.get("expires_on", "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise AccountError("expires_at", "past", f"{text!r} is no day") from None
    return None if day is None else datetime.combine(day, time(), UTC) + timedelta(days=1)


def _read_terms() -> KeyTerms:
    form = request.form
    sources = tuple(line.strip() for line in form.get("sources", "").splitlines() if line.strip())
    quota = Quota(_read_number("events_a_minute"), _read_number("calls_a_minute"))
    return KeyTerms(form.get("scope", ""), form.get("marketplace") or None, sources, quota, _read_end())


@blueprint.post("/operator/keys")
def add_key() -> tuple[str, int] | BaseResponse:
    """Make a key; it is shown once."""
    try:
        with writing() as session:
            key = service.create_key(session, name=request.form.get("name", ""), terms=_read_terms(),
                                     actor=current_actor(), now=now())
    except AccountError as error:
        return _show_keys(_say(error)), 400
    flash(_("Made. Keep the key now, it is shown only once: %(key)s", key=key))
    return redirect(url_for("keys.show_keys"), 303)


@blueprint.post("/operator/keys/rotate")
def rotate_key() -> tuple[str, int] | BaseResponse:
    """Exchange a key for a new one, shown once; the old one goes on for a week."""
    try:
        with writing() as session:
            key = service.rotate_key(session, name=request.form.get("name", ""), actor=current_actor(), now=now())
    except AccountError as error:
        return _show_keys(_say(error)), 400
    flash(_("Exchanged. Keep the new key now, it is shown only once: %(key)s. The old one goes on for seven days.",
            key=key))
    return redirect(url_for("keys.show_keys"), 303)


@blueprint.post("/operator/keys/revoke")
def revoke_key() -> tuple[str, int] | BaseResponse:
    """End a key, and the one before it, at once."""
    try:
        with writing() as session:
            service.revoke_key(session, name=request.form.get("name", ""), actor=current_actor(), now=now())
    except AccountError as error:
        return _show_keys(_say(error)), 400
    flash(_("This key no longer works."))
    return redirect(url_for("keys.show_keys"), 303)

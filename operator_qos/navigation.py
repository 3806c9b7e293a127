"""The menu of each role. An entry shows once its page exists, so that no link is dead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, g, request
from werkzeug.exceptions import HTTPException

from operator_qos.accounts.actors import MEDIATOR_ROLES, OPERATOR_ROLES, SELLER_ROLES, Actor
from operator_qos.i18n import lazy_gettext as _

HOMES = {"operator": "/operator/today", "seller": "/seller/day", "mediator": "/mediator/queue"}


@dataclass(frozen=True)
class Entry:
    """One entry of a menu; `under` lists further addresses that belong to it."""

    path: str
    label: Any
    under: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """An entry as the page shows it; `count` is None when nothing is counted."""

    path: str
    label: str
    is_current: bool
    count: int | None


MENUS: Mapping[frozenset[str], tuple[Entry, ...]] = {
    OPERATOR_ROLES: (
        Entry("/operator/today", _("Today")),
        Entry("/operator/decisions", _("Decisions")),
        Entry("/operator/sellers", _("Sellers"), ("/operator/shops", "/operator/calendar", "/operator/statements")),
        Entry("/operator/disputes", _("Disputes")),
        Entry("/operator/appeals", _("Appeals"), ("/operator/reports/complaints",)),
        Entry("/operator/plans", _("Plans")),
        Entry("/operator/requests", _("Requests"), ("/operator/incidents", "/operator/register")),
        Entry("/operator/standards", _("Standards"), ("/operator/standard", "/operator/trials")),
        Entry("/operator/sources", _("Sources"), ("/operator/keys", "/operator/quarantine", "/operator/imports",
                                                  "/operator/mappings", "/operator/connections")),
        Entry("/operator/audit", _("Audit trail"), ("/operator/reports/overrides", "/operator/hooks", "/operator/mails",
                                                    "/operator/texts", "/operator/badges", "/operator/exports",
                                                    "/operator/people")),
    ),
    SELLER_ROLES: (
        Entry("/seller/day", _("My day"), ("/seller/conversations",)),
        Entry("/seller/scorecard", _("My results"), ("/seller/shops", "/seller/statements")),
        Entry("/seller/disputes", _("Disputes")),
        Entry("/seller/appeals", _("Appeals")),
        Entry("/seller/plans", _("Plans")),
        Entry("/seller/requests", _("Requests"), ("/seller/register",)),
        Entry("/seller/calendar", _("Opening hours")),
        Entry("/seller/notices", _("Notices")),
        Entry("/seller/standard", _("Standard")),
        Entry("/seller/tools", _("My tools"), ("/seller/exports", "/seller/team")),
    ),
    MEDIATOR_ROLES: (
        Entry("/mediator/queue", _("My queue"), ("/mediator/cases",)),
        Entry("/mediator/figures", _("My figures")),
    ),
}


def get_home(actor: Actor) -> str:
    """The first page of a person."""
    if actor.is_operator:
        return HOMES["operator"]
    return HOMES["seller"] if actor.is_seller else HOMES["mediator"]


def find_search_path(actor: Actor | None) -> str | None:
    """Where a person finds a thing by its number; None for who has no such page."""
    if actor is None or actor.is_mediator:
        return None
    path = "/operator/find" if actor.is_operator else "/seller/find"
    return path if _page_exists(path) else None


def _page_exists(path: str) -> bool:
    known: dict[str, bool] = current_app.extensions.setdefault("operator_qos.paths", {})
    if path not in known:
        try:
            current_app.url_map.bind("localhost").match(path, method="GET")
            known[path] = True
        except HTTPException:
            known[path] = False
    return known[path]


def _is_current(entry: Entry) -> bool:
    if g.get("is_error_page"):
        return False  # an error page must not tell which address it stands for
    here = (request.path + "/", request.path)
    return any(here[1] == path or here[0].startswith(path + "/") for path in (entry.path, *entry.under))


def set_count(path: str, count: int) -> None:
    """Show a number beside an entry of the menu on this page."""
    g.setdefault("menu_counts", {})[path] = count


def list_menu(actor: Actor | None) -> list[Shown]:
    """The entries of a person's menu whose pages exist."""
    entries = next((menu for roles, menu in MENUS.items() if actor is not None and actor.role in roles), ())
    counts: dict[str, int] = {} if g.get("is_error_page") else g.get("menu_counts", {})
    return [
        Shown(entry.path, str(entry.label), _is_current(entry), counts.get(entry.path))
        for entry in entries
        if _page_exists(entry.path)
    ]

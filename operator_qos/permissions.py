"""Who may call what: one table, one place that enforces it.

Every endpoint of the site is in the table, else it is refused. A module of pages or API exposes

    blueprint = Blueprint("sellers", __name__)
    PERMISSIONS = {
        "sellers.show_league": people(*OPERATOR),
        "sellers.show_scorecard": people(*SELLER, tenant="get_visible_shop"),
        "events.post_events": machine("ingest", tenant="marketplace of the key"),
    }

and is named in `operator_qos.BLUEPRINTS`. Rules say who gets in; `tenant` says in words how the view makes
sure that the thing asked for belongs to the person, mostly by `get_visible_shop` or `shop_ids_visible`.

- Nobody signed in: pages lead to the sign-in form, `/api/` answers 401.
- Wrong role, foreign thing, missing thing, wrong method on a page: the same 404, byte for byte.
- Machines: `Authorization: Bearer …`; 401 without a valid key, 403 for another scope. They carry no cookies,
  so they need no CSRF token; every form of people does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import Flask, abort, current_app, g, has_request_context, redirect, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.accounts.actors import ROLES, Actor, Machine
from operator_qos.accounts.queries import find_machine
from operator_qos.accounts.quotas import note_use
from operator_qos.sellers.queries import ShopCard, find_shop_card, list_shop_cards

ADMIN: Final = ("admin",)
OPERATOR: Final = ("admin", "analyst")
SELLER: Final = ("seller_owner", "seller_staff")
MEDIATOR: Final = ("mediator",)
EVERYONE: Final = ROLES
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
API_PREFIX: Final = "/api/"
# What a key of one scope may do besides.
INCLUDED_SCOPES: Final[Mapping[str, tuple[str, ...]]] = {"seller_answer": ("seller_read",)}

__all__ = [
    "ADMIN",
    "EVERYONE",
    "MEDIATOR",
    "OPERATOR",
    "SELLER",
    "Actor",
    "Machine",
    "Rule",
    "current_actor",
    "current_machine",
    "find_actor",
    "get_visible_shop",
    "machine",
    "people",
    "public",
    "shop_ids_visible",
    "signed",
]


class PermissionTableError(RuntimeError):
    """An endpoint is missing from the table, or the table names one that does not exist."""


@dataclass(frozen=True)
class Rule:
    """Who may call an endpoint, and how its view checks whose things it shows; `is_signed`: by a call's signature."""

    roles: frozenset[str] = frozenset()
    is_public: bool = False
    scope: str = ""
    tenant: str = ""
    is_signed: bool = False
    max_bytes: int = 0  # of a request's body; 0: as everywhere


def public() -> Rule:
    """Open to the world, without signing in."""
    return Rule(is_public=True)


def people(*roles: str, tenant: str = "", max_bytes: int = 0) -> Rule:
    """For signed-in people of these roles; `tenant` is empty where nothing belongs to one tenant.

    `max_bytes` lets them send more than others, where files are brought.
    """
    return Rule(roles=frozenset(roles), tenant=tenant, max_bytes=max_bytes)


def machine(scope: str, *, tenant: str = "") -> Rule:
    """For programs with an API key of that scope."""
    return Rule(scope=scope, tenant=tenant)


def signed(tenant: str) -> Rule:
    """Open to programs without a key of ours: the view checks the signature of each call, so no form token is asked."""
    return Rule(is_public=True, tenant=tenant, is_signed=True)


def is_api() -> bool:
    """Whether the request is one of a program, to be answered in JSON."""
    return request.path.startswith(API_PREFIX)


def find_actor() -> Actor | None:
    """The person signed in, None for others; asked from the database once per request."""
    if not has_request_context():
        return None
    if "actor" not in g:
        g.actor = None  # what loading the person needs must not ask for the person again
        g.actor = current_user.actor if current_user.is_authenticated else None
    found: Actor | None = g.actor
    return found


def current_actor() -> Actor:
    """The person signed in; only for endpoints of people, where there always is one."""
    actor = find_actor()
    if actor is None:
        raise PermissionTableError(f"{request.endpoint} asks who is signed in, but its rule lets others in")
    return actor


def current_machine() -> Machine:
    """The program that calls; only for endpoints of machines."""
    found: Machine | None = g.get("machine")
    if found is None:
        raise PermissionTableError(
            f"{request.endpoint} asks for a key's holder, but its rule asks for no key"
        )
    return found


def shop_ids_visible(session: Session, actor: Actor) -> frozenset[int] | None:
    """The shops a person may see; None means every shop (the operator). Mediators see cases, no shops."""
    if actor.is_operator:
        return None
    if not actor.is_seller or actor.seller_id is None:
        return frozenset()
    return frozenset(card.id for card in list_shop_cards(session, seller_id=actor.seller_id))


def get_visible_shop(session: Session, actor: Actor, marketplace_id: str, code: str) -> ShopCard:
    """The shop, if the person may see it. Raises the same NotFound for a foreign shop and a missing one."""
    card = find_shop_card(session, marketplace_id, code)
    own = card is not None and actor.is_seller and card.seller_id == actor.seller_id
    if card is None or not (actor.is_operator or own):
        raise NotFound
    return card


def _read_bearer() -> str:
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


def require_key(scope: str) -> BaseResponse | None:
    """Let the holder of a valid key with that scope pass, answer a problem to others."""
    from operator_qos.errors import problem
    from operator_qos.web import get_session, get_site, now

    key = _read_bearer()
    found = find_machine(get_session(), key, now=now()) if key else None
    if found is None:
        text = "Send a valid key as 'Authorization: Bearer …'; 'operator-qos key create' makes one."
        answer = problem(401, "No valid API key", text)
        answer.headers["WWW-Authenticate"] = 'Bearer realm="operator-qos"'
        return answer
    if scope not in {found.scope, *INCLUDED_SCOPES.get(found.scope, ())}:
        return problem(
            403, "Wrong scope", f"This key has the scope '{found.scope}', this call needs '{scope}'."
        )
    g.machine = found
    note_use(get_site().engine, found, now=now())
    return None


def _turn_away() -> BaseResponse:
    from operator_qos.errors import problem

    if is_api():
        return problem(401, "Not signed in", "Sign in, or send an API key to an endpoint for programs.")
    wanted = request.full_path.rstrip("?") if request.method in SAFE_METHODS else None
    target = wanted if wanted and wanted != "/" else None
    return redirect(url_for("accounts.show_sign_in", next=target))


def _check_form() -> None:
    from operator_qos.extensions import csrf

    if request.method not in SAFE_METHODS:
        csrf.protect()


def get_rules() -> dict[str, Rule]:
    """The table of the running application, by endpoint."""
    rules: dict[str, Rule] = current_app.extensions["operator_qos.permissions"]
    return rules


def enforce() -> BaseResponse | None:
    """Refuse what the table does not allow; None lets the request pass. Runs before every request."""
    endpoint = request.endpoint
    if endpoint is None:
        return None  # an unknown address: Flask answers 404 by itself
    rule = get_rules().get(endpoint)
    if rule is None:
        raise PermissionTableError(f"{endpoint} is not in the permission table of its module")
    if rule.scope:
        return require_key(rule.scope)
    if not rule.is_public:
        actor = find_actor()
        if actor is None:
            return _turn_away()
        if actor.role not in rule.roles:
            abort(404)
        if rule.max_bytes:
            request.max_content_length = rule.max_bytes
    if not rule.is_signed:
        _check_form()
    return None


def init_permissions(app: Flask, rules: Mapping[str, Rule]) -> None:
    """Enforce the table. Raises PermissionTableError when it names an endpoint that does not exist."""
    unknown = sorted(set(rules) - set(app.view_functions))
    if unknown:
        raise PermissionTableError(
            f"the permission table names endpoints that do not exist: {', '.join(unknown)}"
        )
    app.extensions["operator_qos.permissions"] = dict(rules)
    app.before_request(enforce)

"""The badge in public: its document, its picture, the page that checks one; and who shows it, who takes it back."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote, unquote, urlsplit

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos import formats
from operator_qos.badges import queries, service
from operator_qos.badges.keys import read_keys, show_public_keys
from operator_qos.badges.rules import BadgeState, Claims, Status, describe, judge, read_signed, sign
from operator_qos.i18n import gettext as _
from operator_qos.permissions import OPERATOR, SELLER, current_actor, get_visible_shop, people, public
from operator_qos.sellers.queries import find_shop_card
from operator_qos.web import get_language, get_session, get_site, now, writing

blueprint = Blueprint("badges", __name__)
_OWN = "get_visible_shop: one's own shops"
PERMISSIONS = {
    "badges.show_document": public(),
    "badges.show_picture": public(),
    "badges.show_keys": public(),
    "badges.verify": public(),
    "badges.show_own": people(*SELLER, tenant="the shops of one's own company"),
    "badges.switch": people(*SELLER, tenant=_OWN),
    "badges.show_all": people(*OPERATOR),
    "badges.revoke": people(*OPERATOR),
    "badges.restore": people(*OPERATOR),
}
MAX_QUESTION = 8_000


def _base_url() -> str:
    return get_site().settings.base_url.rstrip("/")


def _get_state(marketplace: str, shop: str) -> BadgeState:
    return queries.find_public(get_session(), marketplace, shop) or _refuse()


def _refuse() -> BadgeState:
    raise NotFound


def _publish(body: str, mimetype: str, *, same: str) -> BaseResponse:
    """For any site and every cache, which asks each time whether it is still so: a badge taken back is seen at once."""
    answer = Response(body, mimetype=mimetype)
    answer.headers["Cache-Control"] = "public, no-cache"
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.set_etag(hashlib.sha256(same.encode()).hexdigest()[:32])
    return answer.make_conditional(request)


@blueprint.get("/badges/<marketplace>/<shop>.json")
def show_document(marketplace: str, shop: str) -> BaseResponse:
    """What is true of a shop's badge now, and, while it holds one, the same signed for a day."""
    document = describe(_get_state(marketplace, shop), base_url=_base_url())
    keys = read_keys(get_site().settings, now=now())
    told = dict(document)
    if document["status"] == Status.VALID:
        told["jws"] = sign(document, keys, base_url=_base_url(), now=now())
    # A signature lasts a day, so what is kept is asked for anew every hour.
    same = json.dumps([document, keys.keys[0].kid, f"{now():%Y%m%d%H}"], sort_keys=True)
    return _publish(json.dumps(told, ensure_ascii=False, indent=2), "application/json", same=same)


@blueprint.get("/badges/<marketplace>/<shop>.svg")
def show_picture(marketplace: str, shop: str) -> BaseResponse:
    """The badge as a picture that needs nothing else."""
    state = _get_state(marketplace, shop)
    language = "fr" if request.args.get("lang", get_language()) == "fr" else "en"
    names = [badge.names.get(language) or badge.id for badge in state.badges]
    picture = render_template("badges/badge.svg", state=state, names=names, picture_language=language,
                              counted=formats.format_count(state.base, language),
                              day=lambda on: formats.format_day(on, language, True),
                              is_valid=state.status is Status.VALID)
    return _publish(picture, "image/svg+xml", same=picture)


@blueprint.get("/.well-known/jwks.json")
def show_keys() -> BaseResponse:
    """The keys that badges are checked with."""
    text = json.dumps(show_public_keys(read_keys(get_site().settings, now=now())), indent=2)
    return _publish(text, "application/json", same=text)


@blueprint.get("/badges/verify")
def verify() -> str:
    """Whether a badge is genuine and still true: its signed text, its link, or its shop."""
    asked = request.args.get("q", "").strip()[:MAX_QUESTION]
    claims, state = _find_claimed(asked) if asked else (None, None)
    status = None
    if asked:
        status = judge(claims, state, now=now()) if claims else state.status if state else Status.INVALID
    return render_template("badges/verify.html", asked=asked, status=status, claims=claims, state=state)


def _find_claimed(asked: str) -> tuple[Claims | None, BadgeState | None]:
    """What a signed badge says, and what is true of its shop now; no other site is asked anything."""
    claims = read_signed(asked, read_keys(get_site().settings, now=now()))
    place = (claims.marketplace_id, claims.shop_code) if claims else _read_place(asked)
    return claims, queries.find_public(get_session(), *place) if place else None


def _read_place(asked: str) -> tuple[str, str] | None:
    """Marketplace and shop of a link to a badge of this site."""
    path = urlsplit(asked).path if "://" in asked else asked
    parts = [unquote(part) for part in path.split("/") if part]
    if len(parts) >= 3 and parts[-3] == "badges" and parts[-1].endswith((".json", ".svg")):
        return parts[-2], parts[-1].rpartition(".")[0]
    return None


# Sellers


@blueprint.get("/seller/badge")
def show_own() -> str:
    """The company's shops: what each may show, and how."""
    seller_id = current_actor().seller_id or 0
    choices = queries.list_choices(get_session(), seller_id=seller_id)
    return render_template("badges/seller.html", choices=choices, snippet=_write_snippet)


def _write_snippet(choice: queries.Choice, language: str) -> str:
    """The HTML that shows the badge on another site."""
    picture = _link(choice, ".svg") + f"?lang={language}"
    check = f"{_base_url()}{url_for('badges.verify')}?q={quote(_link(choice, '.json'), safe='')}"
    said = _("Seller badge of %(shop)s: check it", shop=choice.card.name)
    return render_template("badges/snippet.html", picture=picture, check=check, said=said).strip()


def _link(choice: queries.Choice, ending: str) -> str:
    marketplace, shop = (quote(part, safe="") for part in (choice.card.marketplace_id, choice.card.code))
    return f"{_base_url()}/badges/{marketplace}/{shop}{ending}"


@blueprint.post("/seller/badge/<marketplace>/<shop>")
def switch(marketplace: str, shop: str) -> BaseResponse:
    """Show the badge to the world, or no more."""
    is_on = request.form.get("show") == "yes"
    try:
        with writing() as session:
            card = get_visible_shop(session, current_actor(), marketplace, shop)
            service.switch_badge(session, card, is_on=is_on, actor=current_actor().email, now=now())
        flash(_("Your badge can be seen from now on.") if is_on else _("Nobody sees your badge any more."))
    except service.BadgeError:
        flash(_("This shop has no badge in force. It can be shown once one is awarded."))
    return redirect(url_for("badges.show_own"), 303)


# The operator


@blueprint.get("/operator/badges")
def show_all() -> str:
    """Every badge that is shown, and taking one back."""
    return render_template("badges/operator.html", choices=queries.list_shown(get_session()))


@blueprint.post("/operator/badges/<marketplace>/<shop>/revoke")
def revoke(marketplace: str, shop: str) -> BaseResponse:
    """Take a public badge back, with a reason."""
    return _decide(marketplace, shop, is_revoked=True)


@blueprint.post("/operator/badges/<marketplace>/<shop>/restore")
def restore(marketplace: str, shop: str) -> BaseResponse:
    """Give it back, with a reason."""
    return _decide(marketplace, shop, is_revoked=False)


def _decide(marketplace: str, shop: str, *, is_revoked: bool) -> BaseResponse:
    card = find_shop_card(get_session(), marketplace, shop)
    if card is None:
        raise NotFound
    change = service.revoke_badge if is_revoked else service.restore_badge
    try:
        with writing() as session:
            change(session, card, why=request.form.get("why", ""), actor=current_actor().email, now=now())
        flash(_("Revoked: whoever asks is told so from now on.") if is_revoked else _("Given back."))
    except service.BadgeError as error:
        flash(_("Say why: the reason stands in the report.") if error.code == "why"
              else _("Nothing was changed: somebody else was quicker."))
    return redirect(url_for("badges.show_all"), 303)

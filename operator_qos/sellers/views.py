"""The operator's pages: today, the league table, one shop."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from operator_qos import words
from operator_qos.accounts.actors import SELLER_ROLES
from operator_qos.accounts.queries import list_active_users
from operator_qos.acts.queries import count_held
from operator_qos.i18n import LANGUAGE_NAMES
from operator_qos.notebook.queries import list_notes, list_views
from operator_qos.pages import ShopLinks, find_case_url, find_menu_url, show
from operator_qos.permissions import OPERATOR, current_actor, get_visible_shop, people
from operator_qos.reports.forms import send_sheet
from operator_qos.sellers.league import (
    LeagueLine,
    build_heads,
    build_lines,
    build_sheet,
    list_brief,
    list_choices,
    list_judged_rules,
    list_kept,
    list_levels,
    list_live_metrics,
    list_shown,
    read_view,
    to_query,
)
from operator_qos.sellers.league_queries import (
    COLUMNS,
    LeagueView,
    count_league,
    list_league_ids,
)
from operator_qos.sellers.league_totals import build_total
from operator_qos.sellers.queries import list_marketplaces
from operator_qos.sellers.service import count_shops
from operator_qos.sellers.shop import build_shop
from operator_qos.sellers.today import build_today
from operator_qos.sheets import MOST_XLSX_ROWS
from operator_qos.standards.binding import list_in_use
from operator_qos.web import get_session, now, read_page
from scoring.standards import MetricRule, Standard

blueprint = Blueprint("operator", __name__, url_prefix="/operator")
PERMISSIONS = {
    "operator.show_today": people(*OPERATOR),
    "operator.list_sellers": people(*OPERATOR),
    "operator.download_sellers": people(*OPERATOR),
    "operator.show_shop": people(*OPERATOR, tenant="get_visible_shop"),
}
FILE_SHOPS = 50_000


def _home_zone() -> str:
    """The zone in which pages over all marketplaces tell their own moment: that of the first one."""
    places = list_marketplaces(get_session())
    return places[0].timezone if places else "UTC"


@blueprint.get("/today")
def show_today() -> str:
    """What needs a person now."""
    session = get_session()
    page = build_today(session, now=now(), zone=_home_zone(), shop_count=count_shops(session))
    cases = {line.id: find_case_url(line.id) for line in page.disputes}
    return show(
        "operator/today.html", page=page, cases=cases, disputes_url=find_menu_url("/operator/disputes"),
        held=count_held(session)
    )


def _is_by_score(view: LeagueView) -> bool:
    return view.column in {"raw", "official"} or view.column not in COLUMNS


def _read_view(standards: Sequence[Standard]) -> LeagueView:
    judged = list(list_judged_rules(standards))
    return read_view(request.args.to_dict(flat=False), judged, list_levels(standards), list_live_metrics(standards))


@blueprint.get("/sellers")
def list_sellers() -> str:
    """The league table."""
    session = get_session()
    standards = list_in_use(session, now=now())
    rules, view = list_judged_rules(standards), _read_view(standards)
    page = read_page(count_league(session, view))
    ids = list_league_ids(session, view, offset=page.offset, limit=page.size)
    shown = list_shown(session, ids, view=view, now=now())
    lines = build_lines(shown, view)
    rule = rules[view.metric]
    return show(
        "operator/sellers.html",
        view=view,
        page=page,
        lines=lines,
        query=to_query(view),
        heads=build_heads(view),
        rules=list(rules.values()),
        brief_rules=[_brief(rules[metric]) for metric in list_brief(view)],
        choices=list_choices(view),
        kept_filters=list(list_kept(view, "cols", "col")),
        kept_columns=[field for field in list_kept(view) if field[0] in {"cols", "col"}],
        total=build_total(session, view, shown=[one.row for one in shown], count=page.total, now=now()),
        full_limit=words.limit_phrase(float(rule.limit), rule.higher_is_better),
        axis=_find_axis(lines),
        by_score=_is_by_score(view),
        min_base=standards[0].evidence.min_base,
        levels=list_levels(standards).items(),
        marketplaces=list_marketplaces(session),
        views=list_views(session, current_actor().user_id),
        address=urlencode(to_query(view), doseq=True),
    )


def _brief(rule: MetricRule) -> dict[str, str]:
    return {"metric": rule.metric, "limit": words.limit_phrase(float(rule.limit), rule.higher_is_better)}


def _find_axis(lines: list[LeagueLine]) -> object | None:
    return next((line.full for line in lines if line.full is not None), None)


@blueprint.get("/sellers.csv", defaults={"form": "csv"})
@blueprint.get("/sellers.xlsx", defaults={"form": "xlsx"})
def download_sellers(form: str) -> Response:
    """The league table as a file, in the order shown."""
    session = get_session()
    view = _read_view(list_in_use(session, now=now()))
    most = MOST_XLSX_ROWS // len(view.judged) if form == "xlsx" else FILE_SHOPS
    ids = list_league_ids(session, view, limit=min(FILE_SHOPS, most))
    return send_sheet(build_sheet(session, ids, judged=view.judged, now=now()), form, f"sellers.{form}")


@blueprint.get("/sellers/<marketplace>/<shop>")
def show_shop(marketplace: str, shop: str) -> str:
    """One shop in full."""
    session = get_session()
    card = get_visible_shop(session, current_actor(), marketplace, shop)
    page = build_shop(session, card, now=now())
    cases = {dispute.id: find_case_url(dispute.id) for dispute in page.disputes}
    return show("operator/shop.html", page=page, card=card, cases=cases, links=ShopLinks("operator", card),
                notes=list_notes(session, card.id), languages=LANGUAGE_NAMES,
                people=list_active_users(session, roles=SELLER_ROLES, seller_id=card.seller_id))

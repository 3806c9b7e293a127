"""Verdicts and levels of a standard that is not plain, as of now, on the pages of operators and sellers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select

from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.live import refresh_live
from operator_qos.models import LiveRule, Shop, ShopStanding
from operator_qos.sellers.league import build_lines, list_judged_rules, list_live_metrics, list_shown, read_view
from operator_qos.standards.binding import list_in_use
from tests.evaluation.test_binding import publish
from tests.pages import operator_world
from tests.pages import seller_world as sw
from tests.standing.test_live import WEEKDAYS
from tests.web.fixtures import NOW

# On how long answers take nobody can tell ahead.
SLOW = """  - {id: pace, title: {en: Pace of answers, fr: Rythme des réponses}, metric: response_time,
     window: {days: 7}, measure: mean, kept_when: "<= 9 h"}
"""


@pytest.fixture
def shown(world: Engine) -> Engine:
    """morvan-fr: 5 of 30 late; a star since Monday, which it would lose; an order and a question still open."""
    operator_world.fill_world(world)
    sw.fill(world)
    publish(world, WEEKDAYS.replace("tiers:", SLOW + "tiers:").replace("{days: 7}", "{days: 30}"),
            standard="weekdays", version=1, on=date(2026, 1, 1))
    with unit_of_work(world) as session:
        for shop in (1, 2):
            session.merge(ShopStanding(
                shop_id=shop, level="star", badges=[], episodes=[], warning=0, since_on=date(2026, 6, 15),
                decided_on=date(2026, 6, 15), standard_id="weekdays", standard_version=1))
    assert refresh_live(world, now=NOW)
    return world


def read(client: FlaskClient, path: str, language: str = "en") -> str:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return " ".join(answer.text.replace("\u00a0", " ").split())


def test_the_pages_show_what_would_be_judged_now(shown: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    client = login_as("analyst")
    shop = read(client, "/operator/sellers/halle-fr/morvan-fr")
    assert "If it were judged now: Ordinary." in shop
    assert "As judged on 18 June, 09:40; the official dates decide." in shop
    assert "What cannot be told ahead: Pace of answers." in shop
    today = read(client, "/operator/today")
    assert "Star" in today and "Ordinary" in today
    assert re.search(r"Late parcels</a> <b>15\.6%</b> .*Breached.*<small>5 of 32, the result is at most 4%<", today)
    why = read(client, "/operator/shops/halle-fr/morvan-fr/rules/late")
    assert "If it were judged on 18 June, 09:40:" in why


def test_the_seller_sees_it_too_in_both_languages(shown: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    client = login_as("seller_owner")
    card = read(client, sw_card := "/seller/scorecard?shop=halle-fr/morvan-fr")
    assert "If judged now" in card and "Late parcels" in card
    assert "Late parcels now:" in read(client, "/seller/day")
    sw.speak_french(shown)
    french = read(client, sw_card)
    assert "Si c’était jugé maintenant" in french and "Ce qu’on ne peut pas prévoir : Rythme des réponses." in french



def list_rows(client: FlaskClient, query: str = "") -> list[tuple[str, str]]:
    """Name and verdict of each shop of the league table, in its order."""
    table = read(client, f"/operator/sellers?metric=late_shipment_rate{query}").partition("<tbody>")[2]
    rows = re.findall(r'<tr> <th scope="row"><a[^>]*>([^<]+)</a>.*?<td class="vd">(.*?)</td>',
                      table.partition("</tbody>")[0])
    return [(name, re.sub(r"<[^>]+>", " ", said).strip()) for name, said in rows]


def test_the_league_table_judges_shops_by_rules_of_every_kind_sorted_and_filtered_alike(
    shown: Engine, login_as: Callable[[str], FlaskClient],
) -> None:
    """Late parcels are judged by a rule that is not plain: 5 of 32 here, 1 of 25 and 0 of 2 there."""
    client = login_as("analyst")
    told = list_rows(client)
    verdicts = dict(told)
    assert sorted(verdicts.values()) == ["Breached", "Kept", "Watch"], told
    assert [said for _, said in list_rows(client, "&sort=verdict")] == ["Breached", "Watch", "Kept"]
    assert [said for _, said in list_rows(client, "&sort=verdict&order=best")] == ["Kept", "Watch", "Breached"]
    assert [said for _, said in list_rows(client, "&verdict=breached")] == ["Breached"]
    for verdict in ("breached", "watch", "kept", "exempt"):  # of any rule, the pace of answers too
        with reading(shown) as session:
            names = session.scalars(select(Shop.name).where(Shop.id.in_(
                select(LiveRule.shop_id).where(LiveRule.verdict == verdict)))).all()
        assert sorted(name for name, _ in list_rows(client, f"&verdict={verdict}")) == sorted(names), verdict
    sheet = client.get("/operator/sellers.csv").text
    assert len(re.findall(r",late_shipment_rate,.*,breached,", sheet)) == 1


def test_what_rules_say_of_shops_is_read_at_once(shown: Engine) -> None:
    """As many statements for one shop as for three."""
    def count(shops: list[int]) -> int:
        said: list[str] = []

        def listen(_c: object, _u: object, statement: str, *_rest: object) -> None:
            said.append(statement)

        with reading(shown) as session:
            standards = list_in_use(session, now=NOW)
            view = read_view({}, list(list_judged_rules(standards)), live=list_live_metrics(standards))
            event.listen(shown, "before_cursor_execute", listen)
            try:
                assert len(build_lines(list_shown(session, shops, view=view, now=NOW), view)) == len(shops)
            finally:
                event.remove(shown, "before_cursor_execute", listen)
        return len(said)

    assert count([1]) == count([1, 2, 3]) > 0

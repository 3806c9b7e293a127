"""The fake Mirakl's calls: pages, filters, keys, limits, writes."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from operator_qos.lab.chaos import Chaos
from operator_qos.lab.gate import TOKEN_SECONDS
from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE, create_mirakl
from operator_qos.lab.mirakl.texts import stamp
from operator_qos.lab.server import serve_beside
from tests.lab.conftest import KEY, Get


def read_all(get: Get, path: str, rows: str, key: str, **query: Any) -> list[str]:
    """Ids by offset, as a client reads them that trusts the pages."""
    found: list[str] = []
    while page := get(path, max=20, offset=len(found), **query)[rows]:
        found += [str(row[key]) for row in page]
    return found


def test_without_a_key_nothing_is_shown(client: FlaskClient) -> None:
    assert client.get("/api/orders").status_code == 401
    assert client.get("/api/orders", headers={"Authorization": "Bearer lab-key"}).status_code == 401
    assert client.get("/api/orders", headers=KEY).status_code == 200


def test_a_token_opens_for_an_hour(client: FlaskClient, lab: Lab) -> None:
    form = {"grant_type": "client_credentials", "client_id": "lab", "client_secret": "lab-secret"}
    assert client.post("/oauth/token", data={**form, "client_secret": "x"}).status_code == 401
    assert client.post("/oauth/token", data={**form, "grant_type": "password"}).status_code == 400
    token = client.post("/oauth/token", data=form).get_json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/reasons", headers=header).status_code == 200
    lab.gate.clock.skip(TOKEN_SECONDS + 1)
    assert client.get("/api/reasons", headers=header).status_code == 401


def test_a_page_holds_ten_orders_and_names_the_next(client: FlaskClient, lab: Lab) -> None:
    answer = client.get("/api/orders", headers=KEY)
    body = answer.get_json()
    assert len(body["orders"]) == 10
    assert body["total_count"] == sum(
        max(order.steps[0].at, order.shown_from) <= lab.clock.now() for order in lab.world.orders.values())
    assert answer.headers["Link"] == '<http://localhost/api/orders?max=10&offset=10>; rel="next"'


def test_pages_hold_every_order_once_by_creation(get: Get, lab: Lab) -> None:
    names = read_all(get, "/api/orders", "orders", "order_id")
    assert len(names) == len(set(names)) == get("/api/orders")["total_count"]
    created = [lab.world.orders[name].steps[0].at for name in names]
    assert created == sorted(created)


def test_a_late_debited_order_is_missed_by_creation_and_found_by_update(get: Get, lab: Lab) -> None:
    late = next(order for order in lab.world.orders.values() if order.shown_from)
    lab.clock.set(late.shown_from - 1)
    assert late.id not in read_all(get, "/api/orders", "orders", "order_id")
    seen_until = stamp(lab.clock.now())
    lab.clock.set(late.shown_from + 60)
    assert late.id not in read_all(get, "/api/orders", "orders", "order_id", start_date=seen_until)
    assert late.id in read_all(get, "/api/orders", "orders", "order_id", start_update_date=seen_until)


@pytest.mark.parametrize(("path", "query", "field"), [
    ("/api/orders", {"order_ids": ",".join(map(str, range(101)))}, "order_ids"),
    ("/api/orders", {"max": "101"}, "max"),
    ("/api/orders", {"offset": "-1"}, "offset"),
    ("/api/orders", {"start_date": "yesterday"}, "start_date"),
    ("/api/shipments", {"page_token": "zz"}, "page_token"),
    ("/api/shipments", {"order_id": [str(n) for n in range(101)]}, "order_id"),
    ("/api/shops/statistics", {"periods": "LAST_WEEK"}, "periods"),
    ("/api/orders", {"max": "9" * 5000}, "max"),
    ("/api/shipments", {"page_token": "9" * 5000 + ".aa"}, "page_token"),
])
def test_a_wrong_call_is_told_what_is_wrong(get: Get, path: str, query: dict[str, Any], field: str) -> None:
    assert field in get(path, 400, **query)["message"]


def test_seek_pages_carry_the_first_question_in_their_token(get: Get, lab: Lab) -> None:
    since = stamp(lab.world.last_at - 10 * 86_400)
    page = get("/api/shipments", limit=7, last_updated_from=since)
    whole = get("/api/shipments", limit=100, last_updated_from=since)["data"]
    found = list(page["data"])
    while page["next_page_token"]:
        page = get("/api/shipments", page_token=page["next_page_token"])
        assert len(page["data"]) <= 7
        found += page["data"]
    assert found == whole
    assert 7 < len(whole) < len(lab.world.parcels)


def test_a_listed_thread_shows_a_hundred_messages_and_itself_all(get: Get) -> None:
    listed = get("/api/inbox/threads", limit=100, with_messages="true")["data"]
    long = max(listed, key=lambda thread: thread["metadata"]["total_count"])
    whole = get(f"/api/inbox/threads/{long['id']}")
    assert (len(long["messages"]), len(whole["messages"])) == (100, 130)
    assert whole["messages"][-100:] == long["messages"]
    assert all(not thread["messages"] for thread in get("/api/inbox/threads", limit=100)["data"])


def test_milestones_are_split_in_date_time_and_offset_across_the_change_of_clocks(get: Get, lab: Lab) -> None:
    changed = {"first": "2026-03-02T00:00:00Z", "after": "2026-04-01T00:00:00Z"}
    for offset, since in (("+01:00", changed["first"]), ("+02:00", changed["after"])):
        page = get("/api/shipments", limit=20, last_updated_from=since)["data"]
        dates = [milestone["occurrence_date"] for parcel in page for milestone in parcel["tracking"]["milestones"][-1:]]
        assert {date["offset"] for date in dates} == {offset}
        assert {tuple(map(len, (date["date"], date["time"]))) for date in dates} == {(10, 8)}


def test_too_many_calls_are_sent_away_with_the_time_to_wait(client: FlaskClient, lab: Lab) -> None:
    for _ in range(CALLS_PER_MINUTE["RE01"]):
        assert client.get("/api/reasons", headers=KEY).status_code == 200
    answer = client.get("/api/reasons", headers=KEY)
    assert (answer.status_code, lab.gate.refused["RE01"]) == (429, 1)
    lab.gate.clock.skip(float(answer.headers["Retry-After"]))
    assert client.get("/api/reasons", headers=KEY).status_code == 200
    assert not +lab.gate.hurried


def test_coming_before_the_time_to_wait_is_noticed(client: FlaskClient, lab: Lab) -> None:
    lab.chaos = Chaos(rate_limited=1.0)
    waits = [client.get("/api/reasons", headers=KEY).headers.get("Retry-After") for _ in range(2)]
    assert "2" in waits  # every other time the platform does not say how long
    assert lab.gate.hurried["RE01"] == 1


def put(client: FlaskClient, path: str, body: object) -> list[dict[str, Any]]:
    answer = client.put(path, json=body, headers=KEY)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.get_json()["shop_returns"]
    return rows


def test_writes_have_effect_and_are_read_back(client: FlaskClient, get: Get, lab: Lab) -> None:
    lab.clock.set(lab.world.last_at - 10 * 86_400)
    before = get("/api/shops", shop_ids="2001")["shops"][0]
    actions = [{"id": 2001, "state_change_action": "SUSPEND"}, {"id": 9999, "state_change_action": "SUSPEND"},
               {"id": 2001, "state_change_action": "PAUSE"}]
    rows = put(client, "/api/shops/states", {"shop_state_change_actions": actions})
    assert [row["status"] for row in rows] == ["UPDATED", "ERROR", "ERROR"]
    assert [row["errors"][0]["code"] for row in rows[1:]] == ["SHOP_NOT_FOUND", "VALIDATION_ERROR"]
    put(client, "/api/shops", {"shops": [{"shop_id": 2001, "premium_state": "PREMIUM"}]})
    after = get("/api/shops", shop_ids="2001")["shops"][0]
    assert (before["shop_state"], after["shop_state"], after["premium"]) == ("OPEN", "SUSPENDED", True)
    assert after["last_updated_date"] == stamp(lab.clock.now()) > before["last_updated_date"]
    count = get("/api/orders", shop_ids="2001")["total_count"]
    lab.clock.set(lab.world.last_at)
    assert get("/api/orders", shop_ids="2001")["total_count"] == count  # who is suspended is given no orders


def test_what_the_platform_refuses_changes_nothing(client: FlaskClient, get: Get, lab: Lab) -> None:
    past = stamp(lab.clock.now() - 1)
    rows = put(client, "/api/shops", {"shops": [{"shop_id": 2001, "immunity_date": past}]})
    locked = put(client, "/api/shops/states",
                 {"shop_state_change_actions": [{"id": 2003, "state_change_action": "SUSPEND"}]})
    assert [rows[0]["errors"][0]["field"], locked[0]["errors"][0]["code"]] == ["immunity_date", "SHOP_STATE_LOCKED"]
    shops = {shop["shop_id"]: shop for shop in get("/api/shops", max=100)["shops"]}
    assert (shops[2001]["immunity_date"], shops[2003]["shop_state"]) == (None, "OPEN")
    assert client.put("/api/shops", json=[1], headers=KEY).status_code == 400


def test_an_export_is_asked_for_looked_after_and_fetched_in_two_parts(client: FlaskClient, get: Get) -> None:
    wish = {"start_date": "2026-03-02T00:00:00Z", "end_date": "2026-03-20T00:00:00Z"}
    name = client.post("/api/orders/async-export", json=wish, headers=KEY).get_json()["tracking_id"]
    assert get(f"/api/orders/async-export/status/{name}") == {"status": "PENDING"}
    done = get(f"/api/orders/async-export/status/{name}")
    parts = [get(url.removeprefix("http://localhost")) for url in done["urls"]]
    ids = [order["order_id"] for part in parts for order in part]
    listed = read_all(get, "/api/orders", "orders", "order_id", **wish)
    assert len(parts) == 2 and sorted(ids) == sorted(listed) != []
    too_long = {"start_date": "2020-01-01T00:00:00Z"}
    assert client.post("/api/orders/async-export", json=too_long, headers=KEY).status_code == 400
    get("/api/orders/async-export/status/export-99", 404)


def test_statistics_follow_the_platforms_own_definitions(get: Get, lab: Lab) -> None:
    shown = get("/api/shops/statistics", shop_ids="2001", periods="ALL_SINCE_BEGINNING")["shops"][0]
    orders = [lab.world.orders[name] for name in lab.world.list_orders_of("2001")]
    midnight = next(at for at in range(lab.clock.now(), 0, -1) if stamp(at).endswith("T22:00:00Z"))
    placed = [order for order in orders if order.steps[0].at < midnight]
    late = sum(any(step.kind == "order.shipped" and stamp(step.at) > order.steps[0].data["ship_by"]
                   for step in order.until(midnight)) for order in placed)
    assert shown["orders_count"] == [{"period": "ALL_SINCE_BEGINNING", "value": len(placed)}]
    assert shown["late_shipment_rate"][0]["value"] == pytest.approx(late / len(placed), abs=1e-6)
    assert get("/api/account/statistics", shop_id="2001", periods="ALL_SINCE_BEGINNING") == shown


def test_stale_statistics_stand_still(get: Get, lab: Lab) -> None:
    lab.chaos = Chaos(stale=1.0)
    shown = get("/api/shops/statistics", shop_ids="2001")["shops"][0]
    assert {row["value"] for row in shown["orders_count"]} == {0}


def test_the_clock_the_switches_and_the_counts_are_turned_over_http(client: FlaskClient, lab: Lab) -> None:
    assert client.post("/lab/clock", json={"at": "2026-03-10T00:00:00Z"}).get_json() == {"now": "2026-03-10T00:00:00Z"}
    assert client.post("/lab/clock", json={"advance_seconds": 60}).get_json() == {"now": "2026-03-10T00:01:00Z"}
    for wrong_at in ({"at": 3}, {"at": "9999-12-31T00:00:00Z"}, {"advance_seconds": 1e300}, {"advance_seconds": []}):
        assert client.post("/lab/clock", json=wrong_at).status_code == 400
    assert client.post("/lab/chaos", json={"errors": 1.0}).get_json()["chaos"]["errors"] == 1.0
    assert client.get("/api/reasons", headers=KEY).status_code == 500
    wrong = client.post("/lab/chaos", json={"ghosts": 1})
    assert (wrong.status_code, "ghosts" in wrong.get_json()["message"]) == (400, True)
    assert client.post("/lab/wait", json={"seconds": -1}).status_code == 400
    assert client.post("/lab/wait", json={"seconds": 5}).status_code == 200
    described = client.get("/lab/").get_json()
    assert described["calls"] == {"RE01": 1} and described["now"] == "2026-03-10T00:01:00Z"
    claims = client.get("/lab/truth", query_string={"until": "2026-03-04T00:00:00Z"}).get_json()["claims"]
    assert {claim["name"] for claim in claims} >= {"shop.opened", "order.placed"}


def test_a_broken_answer_ends_early_over_real_http(lab: Lab) -> None:
    with serve_beside(create_mirakl(lab)) as address:
        whole = fetch(address)
        lab.chaos = Chaos(broken=1.0)
        ends = []
        for _ in range(2):
            try:
                json.loads(fetch(address))
                ends.append("whole")
            except http.client.IncompleteRead as broken:
                ends.append(f"{len(broken.partial)} bytes")
            except ValueError:
                ends.append("half")
        assert sorted(ends) == sorted([f"{len(whole) // 2} bytes", "half"])
        assert fetch(address) == whole  # the third time it is answered


def fetch(address: str) -> bytes:
    host = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    host.request("GET", "/api/reasons", headers=KEY)
    return host.getresponse().read()

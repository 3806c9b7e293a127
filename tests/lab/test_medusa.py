"""The fake Medusa: its admin API, and a subscriber whose signed webhooks our mappings understand."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from standardwebhooks.webhooks import Webhook

from operator_qos.connectors.medusa import Place, map_hook
from operator_qos.lab.chaos import Chaos
from operator_qos.lab.lab import Lab
from operator_qos.lab.medusa.api import create_medusa
from operator_qos.lab.medusa.sending import Subscriber, disturb, list_messages
from operator_qos.lab.medusa.shapes import name
from operator_qos.lab.server import serve_beside
from scoring.events import read_event
from tests.lab.conftest import KEY

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


@pytest.fixture
def admin(lab: Lab) -> FlaskClient:
    return create_medusa(lab).test_client()


class Receiver:
    """Takes webhooks whose signature is right; is busy for the first calls of all."""

    def __init__(self, busy_for: int = 1) -> None:
        self.busy_for = busy_for
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.calls = 0

    def receive(self) -> Response:
        self.calls += 1
        if self.calls <= self.busy_for:
            return Response(status=503)
        payload = Webhook(SECRET).verify(request.get_data(), dict(request.headers.items(lower=True)))
        self.taken.append((request.headers["webhook-id"], payload))
        return Response(status=200)


@contextmanager
def listening(receiver: Receiver) -> Iterator[str]:
    app = Flask("receiver")
    app.add_url_rule("/hooks", view_func=receiver.receive, methods=["POST"])
    with serve_beside(app) as address:
        yield f"{address}/hooks"


def test_lists_answer_in_pages_by_limit_and_offset(admin: FlaskClient, lab: Lab) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(b"lab-key:").decode()}
    assert admin.get("/admin/orders").status_code == 401
    for kind in ("orders", "returns", "claims", "sellers"):
        page = admin.get(f"/admin/{kind}?limit=2&offset=1", headers=basic).get_json()
        assert (page["limit"], page["offset"], len(page[kind])) == (2, 1, min(2, page["count"] - 1))
    assert admin.get("/admin/orders?updated_at[$gte]=2099-01-01T00:00:00Z", headers=KEY).get_json()["count"] == 0


def test_one_order_shows_its_parcels_payment_and_seller(admin: FlaskClient, lab: Lab) -> None:
    listed = admin.get("/admin/orders?limit=20", headers=KEY).get_json()["orders"]
    order = next(order for order in listed if order["fulfillments"])
    assert admin.get(f"/admin/orders/{order['id']}", headers=KEY).get_json() == {"order": order}
    payment = admin.get(f"/admin/payments/{order['id'].replace('order', 'pay')}", headers=KEY).get_json()
    assert payment["order_id"] == order["id"] and payment["payment"]["captured_at"] is not None
    assert order["seller"]["handle"] in lab.world.shops
    for path in ("/admin/orders/order_x", "/admin/payments/pay_x"):
        assert admin.get(path, headers=KEY).status_code == 404


def test_a_seller_is_suspended_with_a_reason_and_shows_it(admin: FlaskClient, lab: Lab) -> None:
    lab.clock.set(lab.world.last_at - 5 * 86_400)
    assert admin.post("/admin/sellers/sel_2001/suspend", json={"x": 1}, headers=KEY).status_code == 400
    done = admin.post("/admin/sellers/sel_2001/suspend", json={"reason": "late"}, headers=KEY)
    assert done.get_json()["seller"]["store_status"] == "suspended"
    shown = admin.get("/admin/sellers?handle=2001", headers=KEY).get_json()["sellers"]
    assert [seller["store_status"] for seller in shown] == ["suspended"]
    assert admin.post("/admin/sellers/sel_2003/suspend", json={"reason": "late"}, headers=KEY).status_code == 409
    assert admin.post("/admin/sellers/sel_2001/dance", headers=KEY).status_code == 404


def test_everything_that_happened_is_sent_signed_and_once(lab: Lab) -> None:
    receiver, day = Receiver(), lab.world.first_at + 86_400
    with listening(receiver) as address:
        subscriber = Subscriber(lab, address, SECRET, lab.world.first_at - 1)
        client = create_medusa(lab, subscriber).test_client()
        lab.clock.set(day)
        first = client.post("/lab/send").get_json()
        assert first["answers"] == {"503": 1, "200": first["sent"]}
        assert client.post("/lab/send").get_json()["sent"] == 0
        lab.clock.set(day + 86_400)
        second = client.post("/lab/send").get_json()["sent"]
    ids = [message_id for message_id, _ in receiver.taken]
    assert len(ids) == len(set(ids)) == first["sent"] + second
    kinds = {payload["type"] for _, payload in receiver.taken}
    assert kinds >= {"seller.created", "order.placed", "payment.captured", "shipment.created"}


def test_what_nobody_takes_waits_in_its_order(lab: Lab) -> None:
    receiver = Receiver(busy_for=5)
    lab.clock.set(lab.world.first_at + 86_400)
    with listening(receiver) as address:
        subscriber = Subscriber(lab, address, SECRET, lab.world.first_at - 1, back_off_seconds=0.001)
        assert subscriber.send_due() == 0  # four attempts at the first, then none at the others
        waiting = [message.id for message in subscriber.waiting]
        assert subscriber.send_due() == len(waiting) > 6
    assert [message_id for message_id, _ in receiver.taken] == waiting
    assert (subscriber.answers, subscriber.waiting) == ({"503": 5, "200": len(waiting)}, [])


def test_what_is_refused_for_good_is_left(lab: Lab) -> None:
    lab.clock.set(lab.world.first_at + 86_400)
    with serve_beside(Flask("deaf")) as address:
        subscriber = Subscriber(lab, f"{address}/hooks", SECRET, lab.world.first_at - 1)
        assert subscriber.send_due() == 0
    assert set(subscriber.answers) == {"404"} and not subscriber.waiting


def test_webhooks_arrive_twice_and_mixed_where_the_switches_say_so(lab: Lab) -> None:
    due = list(list_messages(lab, lab.world.first_at, lab.world.first_at + 10 * 86_400))
    assert disturb(lab, due) == due
    lab.chaos = Chaos(repeated=0.5, shuffled=1.0)
    found = disturb(lab, due)
    assert {message.id for message in found} == {message.id for message in due}
    assert len(due) < len(found) < 2 * len(due)
    assert [message.at for message in found] != sorted(message.at for message in found)


def test_every_kind_of_happening_has_its_webhook(lab: Lab) -> None:
    found = list(list_messages(lab, lab.world.first_at - 1, lab.world.last_at))
    assert len({message.id for message in found}) == len(found)
    assert [message.at for message in found] == sorted(message.at for message in found)
    assert {message.body["type"] for message in found} == {
        "seller.created", "order.placed", "order.canceled", "shipment.created", "delivery.created",
        "order.claim_created", "payment.captured", "payment.refunded", "order.return_requested",
        "order.return_received"}
    json.dumps([message.body for message in found])


def test_our_mapping_understands_every_webhook(lab: Lab) -> None:
    world, told = lab.world, {}
    names = {name("order", order): order for order in world.orders}
    for message in list_messages(lab, world.first_at - 1, world.last_at):
        for document in map_hook(message.body, Place("/hooks/lab", "lab")):
            typed = read_event(document, now_ms=world.last_at * 1000)
            assert told.setdefault(typed.id, document) == document
    events = [read_event(document, now_ms=world.last_at * 1000) for document in told.values()]
    for kind, step_kinds in {"order.placed": {"order.placed"}, "order.paid": {"order.paid"},
                             "case.opened": {"case.opened"}, "order.refunded": {"order.refunded"},
                             "order.shipped": {"order.shipped"}}.items():
        found = sorted((names[str(event.order)], event.at_ms // 1000) for event in events if event.type == kind)
        assert found == sorted((order.id, step.at) for order in world.orders.values()
                               for step in order.until(world.last_at) if step.kind in step_kinds)

"""The subscriber: what happened since the last time is sent as signed webhooks, the thing read anew first."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

from operator_qos.lab.dice import draw
from operator_qos.lab.lab import Lab
from operator_qos.lab.medusa.shapes import name, parcel_name, show_order, show_payment, show_seller
from operator_qos.lab.mirakl.texts import stamp
from operator_qos.lab.truth import Step, Thing

ATTEMPTS = 4
UNANSWERED = 0
TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A webhook that is due: `at` is when it happened [epoch s], `id` the same for every attempt."""

    at: int
    id: str
    body: dict[str, Any]


@dataclass
class Subscriber:
    """Sends to one address; `sent_until` [epoch s] is how far the marketplace's life was told.

    Where nobody answers, what is due waits for the next time, in its order.
    """

    lab: Lab
    address: str
    secret: str
    sent_until: int
    back_off_seconds: float = 0.2
    answers: dict[str, int] = field(default_factory=dict)
    waiting: list[Message] = field(default_factory=list)
    sending: Lock = field(default_factory=Lock)  # one round at a time keeps the order

    def send_due(self) -> int:
        """Send everything that happened since the last time; gives how many calls were answered with 2xx."""
        with self.sending:
            self._note_due()
            return self._send_waiting()

    def _note_due(self) -> None:
        with self.lab.lock:
            now = self.lab.clock.now()
            self.waiting += disturb(self.lab, list(list_messages(self.lab, self.sent_until, now)))
            self.sent_until = max(now, self.sent_until)

    def _send_waiting(self) -> int:
        taken = 0
        while self.waiting:
            status = self._send(self.waiting[0])
            if status == UNANSWERED:
                break
            taken += 200 <= status < 300
            self.waiting.pop(0)
        return taken

    def _send(self, message: Message) -> int:
        """The status of the answer; UNANSWERED when there is none, or none that is final, after every attempt."""
        body = json.dumps(message.body)
        for attempt in range(ATTEMPTS):
            status = self._post(message.id, body)
            self.answers[str(status)] = self.answers.get(str(status), 0) + 1
            if status not in {UNANSWERED, 429} and status < 500:
                return status
            time.sleep(min(self.back_off_seconds * 2**attempt, 2.0))
        return UNANSWERED

    def _post(self, message_id: str, body: str) -> int:
        """The status of the answer, UNANSWERED without one."""
        # The signature is of the sender's own present: a receiver refuses what was signed long ago.
        signed_at, parts = datetime.now(UTC), urlsplit(self.address)
        headers = {"Content-Type": "application/json", "webhook-id": message_id,
                   "webhook-timestamp": str(int(signed_at.timestamp())),
                   "webhook-signature": Webhook(self.secret).sign(message_id, signed_at, body)}
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        host = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
        try:
            host.request("POST", parts.path or "/", body.encode(), headers)
            return host.getresponse().status
        except (OSError, http.client.HTTPException):
            return UNANSWERED
        finally:
            host.close()


def keep_sending(subscriber: Subscriber, *, every_seconds: float = 1.0) -> None:
    """Send what is due in a thread of its own, as long as the program runs."""
    def run() -> None:
        while True:
            subscriber.send_due()
            time.sleep(every_seconds)

    Thread(target=run, name="lab-subscriber", daemon=True).start()


def disturb(lab: Lab, due: list[Message]) -> list[Message]:
    """The webhooks as they arrive: some twice, and in a mixed order, where the switches say so."""
    found = [message for message in due
             for _ in range(1 + (draw(lab.plan.seed, "twice", message.id) < lab.chaos.repeated))]
    if lab.chaos.shuffled:
        found.sort(key=lambda message: draw(lab.plan.seed, "mixed", message.id))
    return found


def list_messages(lab: Lab, after: int, until: int) -> Iterator[Message]:
    """What happened in (after, until], by time."""
    found = [message for source in (_of_shops, _of_orders, _of_returns) for message in source(lab, after, until)]
    yield from sorted(found, key=lambda message: (message.at, message.id))


def _message(step: Step, kind: str, of: str, data: dict[str, Any]) -> Message:
    body = {"type": kind, "timestamp": stamp(step.at), "data": data}
    return Message(step.at, name("evt", f"{of}{kind}{step.at}"), body)


def _of_shops(lab: Lab, after: int, until: int) -> Iterator[Message]:
    for shop in lab.world.shops.values():
        if after < shop.steps[0].at <= until:
            seller = show_seller(lab, shop, until)
            yield _message(shop.steps[0], "seller.created", shop.id, {"id": seller["id"], "seller": seller})


def _of_orders(lab: Lab, after: int, until: int) -> Iterator[Message]:
    for order in lab.world.orders.values():
        due = [step for step in order.steps if after < step.at <= until]
        if not due or lab.is_lost(order.id):
            continue
        shown = show_order(lab.world, order, until)
        for step in due:
            yield from _of_step(order, step, shown, until)
        yield from _of_deliveries(order, shown, (after, until))


def _of_step(order: Thing, step: Step, shown: dict[str, Any], until: int) -> Iterator[Message]:
    whole = {"id": shown["id"], "order": shown}
    if step.kind == "order.placed":
        yield _message(step, "order.placed", order.id, whole)
    elif step.kind == "order.refused" or (step.kind == "order.cancelled" and not step.data.get("lines")):
        yield _message(step, "order.canceled", order.id, whole)
    elif step.kind == "order.shipped":
        number = [other for other in order.steps if other.kind == "order.shipped"].index(step)
        parcel = parcel_name(order, number)
        yield _message(step, "shipment.created", parcel, {"id": parcel, "order": shown})
    elif step.kind == "case.opened":
        claim = name("claim", f"{order.id}{step.at}")
        yield _message(step, "order.claim_created", claim, {"order_id": shown["id"], "claim_id": claim, "order": shown})
    elif step.kind in {"order.paid", "order.refunded"}:
        kind = "payment.captured" if step.kind == "order.paid" else "payment.refunded"
        payment = show_payment(order, until)
        yield _message(step, kind, order.id, {"id": payment["id"], "payment": payment, "order": shown})


def _of_deliveries(order: Thing, shown: dict[str, Any], span: tuple[int, int]) -> Iterator[Message]:
    """A parcel is delivered when its last line is."""
    after, until = (stamp(at) for at in span)
    for parcel in shown["fulfillments"]:
        at = parcel["delivered_at"]
        if at is not None and after < at <= until:
            moment = int(datetime.fromisoformat(at).timestamp())
            yield _message(Step(moment, "", {}), "delivery.created", parcel["id"], {"id": parcel["id"], "order": shown})


def _of_returns(lab: Lab, after: int, until: int) -> Iterator[Message]:
    kinds = {"return.requested": "order.return_requested", "return.received": "order.return_received"}
    for back in lab.world.returns.values():
        for step in back.steps:
            if after < step.at <= until and step.kind in kinds and not lab.is_lost(back.parent):
                shown = show_order(lab.world, lab.world.orders[back.parent], until)
                told = {"order_id": shown["id"], "return_id": name("return", back.id), "order": shown}
                yield _message(step, kinds[step.kind], back.id, told)

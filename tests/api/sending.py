"""Events as a feed writes them, and the calls that send them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.accounts.service import create_key
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import Event, Quarantined
from tests.web.fixtures import NOW

PATH = "/api/v1/events"
BATCH = "application/cloudevents-batch+json"
Document = dict[str, Any]


def event(number: int = 1, kind: str = "qos.order.placed", **fields: Any) -> Document:
    """An order placed, unless told otherwise."""
    return {
        "specversion": "1.0",
        "type": kind,
        "source": "/shops/morvan",
        "id": f"e{number}",
        "time": "2026-06-17T10:00:00+02:00",
        "subject": f"order-{number}",
        "marketplace": "halle-fr",
        "shop": "morvan",
        **fields,
    }


def opening(shop: str, marketplace: str = "halle-fr") -> Document:
    """The opening of a shop."""
    names = {"shop": shop, "subject": shop, "marketplace": marketplace}
    return event(kind="qos.shop.opened", source="/platform", id=f"{marketplace}:{shop}"[:200]) | names


def make_key(engine: Engine, name: str, scope: str = "ingest", marketplace: str | None = None) -> str:
    """A new key."""
    with unit_of_work(engine) as session:
        return create_key(
            session, name=name, scope=scope, marketplace_id=marketplace, actor=COMMAND_LINE, now=NOW
        )


@dataclass(frozen=True)
class Sender:
    """A feed with its key."""

    client: FlaskClient
    key: str

    def post(self, body: bytes, media_type: str = "application/json", **headers: str) -> TestResponse:
        """Send bytes; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        allowed = {"Authorization": f"Bearer {self.key}", **named}
        return self.client.post(PATH, data=body, content_type=media_type, headers=allowed)

    def send(self, *documents: object) -> Document:
        """Send a batch, which the API must take."""
        answer = self.post(json.dumps(documents).encode(), BATCH)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def open_shop(self, shop: str) -> Document:
        """Open a shop."""
        return self.send(opening(shop))


def statuses(answer: Document) -> list[str]:
    """The status of each event, in order."""
    return [found["status"] for found in answer["events"]]


def list_quarantined(engine: Engine) -> list[Quarantined]:
    """What is kept in quarantine, oldest first."""
    with reading(engine) as session:
        found = list(session.scalars(select(Quarantined).order_by(Quarantined.id)))
        session.expunge_all()
        return found


def list_logged(engine: Engine) -> list[str]:
    """Ids of the events in the log, in the order of sequence."""
    with reading(engine) as session:
        return list(session.scalars(select(Event.event_id).order_by(Event.seq)))

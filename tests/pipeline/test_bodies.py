"""Facts are derivable without the bodies: texts may be deleted, nothing else changes."""

from __future__ import annotations

import random

from sqlalchemy import Engine, delete

from operator_qos.db import unit_of_work
from operator_qos.events.models import EventBody
from operator_qos.ledger.rebuild import rebuild
from tests.histories import ZONES, history_of
from tests.pipeline.loading import NOW, add_places, feed, snapshot


def test_a_rebuild_without_any_body_gives_the_same_rows(engine: Engine) -> None:
    """On several crowded histories at once."""
    add_places(engine, ZONES)
    for seed in range(6):
        feed(engine, [{**event, "source": f"{event['source']}/{seed}", "shop": f"{event['shop']}-{seed}",
                       "data": {**event.get("data", {})}} for event in history_of(random.Random(seed).randrange)])
    expected = snapshot(engine)
    assert len(expected["OrderFact"]) > 6
    with unit_of_work(engine) as session:
        session.execute(delete(EventBody))
    rebuild(engine, now=NOW)
    assert snapshot(engine) == expected

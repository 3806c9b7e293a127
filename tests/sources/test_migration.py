"""What was taken in before sources were counted is counted by the migration, day by day as the lights judged it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, text

from operator_qos import migrate
from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.sources.queries import list_event_counts


def test_the_last_weeks_are_counted_and_older_days_are_not(empty_engine: Engine) -> None:
    migrate.upgrade(empty_engine, "0021")
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    moments = [noon - timedelta(days=back) for back in (1, 1, 2, 50)]
    with unit_of_work(empty_engine) as session:
        session.execute(text("INSERT INTO marketplaces (id, name, timezone, buyer_key, country, currency, language) "
                             "VALUES ('hf', 'Halle', 'Europe/Paris', '00', 'FR', 'EUR', 'fr')"))
        session.execute(text("INSERT INTO sellers (id, code, name, country, language) "
                             "VALUES (1, 's', 'S', '', 'en')"))
        session.execute(text("INSERT INTO shops (id, marketplace_id, code, seller_id, name, country, timezone, "
                             "opened_ms, cells_ms, last_event_ms) VALUES (1, 'hf', 'a', 1, 'A', '', '', 0, 0, 0)"))
        for seq, at in enumerate(moments):
            session.execute(text(
                "INSERT INTO events (seq, shop_id, type_rank, at_ms, source, event_id, subject, data, received_ms) "
                "VALUES (:seq, 1, :rank, :at, '/s', :id, 'o', '{}', :at)"),
                {"seq": seq, "id": str(seq), "rank": 6 if seq == 2 else 0, "at": to_ms(at)})
    migrate.upgrade(empty_engine)
    with reading(empty_engine) as session:
        rows = list(list_event_counts(session, "hf", since=date(2000, 1, 1), until=noon.date()))
    assert [(row.what, row.on, row.count, row.last_ms) for row in rows] == [
        ("order.placed", moments[0].date(), 2, to_ms(moments[0])),
        ("order.shipped", moments[2].date(), 1, to_ms(moments[2]))]
    migrate.downgrade(empty_engine, "0021")
    assert migrate.find_revision(empty_engine) == "0021"

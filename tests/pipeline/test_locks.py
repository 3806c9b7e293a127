"""Writers on the same shops wait for each other, whether they want one shop or very many."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from operator_qos.db import MANY_SHOPS, create_session, lock_shops

POSTGRESQL = pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
MANY = range(1, MANY_SHOPS + 3)


@POSTGRESQL
@pytest.mark.parametrize(("first", "second", "waits"), [
    ([7], [7], True), ([7], [8], False), ([7, 9], [9, 11], True), (MANY, [7], True), ([7], MANY, True),
    (MANY, [MANY_SHOPS + 100], True), (MANY, MANY, True), ([], [7], False), ([7], [], False)])
def test_who_wants_a_shop_waits_for_who_holds_it(
    engine: Engine, first: list[int], second: list[int], waits: bool
) -> None:
    holder, other = create_session(engine), create_session(engine)
    try:
        lock_shops(holder, first)
        other.execute(text("SET LOCAL lock_timeout = '200ms'"))
        if waits:
            with pytest.raises(OperationalError, match="lock timeout"):
                lock_shops(other, second)
        else:
            lock_shops(other, second)
        other.rollback()
        holder.rollback()
        lock_shops(other, second)  # free as soon as the holder's transaction ended
    finally:
        for session in (holder, other):
            session.rollback()
            session.close()

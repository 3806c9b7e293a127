"""The feed: told in the reader's language, done when the reader says so, closed to other companies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from operator_qos.db import reading, unit_of_work
from operator_qos.models import Notice, NoticeRead, Seller
from operator_qos.notices.service import announce
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW, post


def tell(engine: Engine, seller: str, key: str) -> int:
    """A notice that a case was opened; returns its number."""
    with unit_of_work(engine) as session:
        seller_id = session.scalars(select(Seller.id).where(Seller.code == seller)).one()
        data = {"case": key, "order": "O-9", "shop": "Morvan-Fr", "due": "2026-06-20T09:00:00+00:00"}
        announce(
            session,
            key=key,
            seller_id=seller_id,
            shop_id=None,
            topic="dispute_opened",
            data=data,
            link="/seller/disputes",
            now=NOW,
        )
        return session.scalars(select(Notice.id).where(Notice.key == key)).one()


@pytest.fixture
def seller(world: Engine, login_as: Callable[[str], FlaskClient]) -> FlaskClient:
    return login_as("seller_owner")


def count_reads(engine: Engine) -> int:
    with reading(engine) as session:
        return len(session.execute(select(NoticeRead.notice_id)).all())


def test_opening_the_feed_marks_nothing_and_marking_is_per_notice(seller: FlaskClient, world: Engine) -> None:
    first, _second, foreign = (
        tell(world, "morvan", "C-1"),
        tell(world, "morvan", "C-2"),
        tell(world, "norte", "C-3"),
    )
    page = seller.get("/seller/notices").text
    assert "C-1" in page
    assert "C-2" in page
    assert "C-3" not in page
    assert count_reads(world) == 0
    assert post(seller, f"/seller/notices/{first}/done").status_code == 303
    left = seller.get("/seller/notices?show=open").text
    assert "C-2" in left
    assert "C-1" not in left
    assert post(seller, f"/seller/notices/{foreign}/done").status_code == 404
    assert count_reads(world) == 1


def test_all_at_once_and_then_the_feed_says_so(seller: FlaskClient, world: Engine) -> None:
    assert "There is no notice yet." in seller.get("/seller/notices").text
    tell(world, "morvan", "C-1")
    tell(world, "morvan", "C-2")
    assert post(seller, "/seller/notices/done").status_code == 303
    assert "Every notice is done." in seller.get("/seller/notices?show=open").text


def test_notices_speak_the_readers_language(seller: FlaskClient, world: Engine) -> None:
    tell(world, "morvan", "C-1")
    assert "{base_url}" not in seller.get("/seller/notices").text
    sw.speak_french(world)
    page = seller.get("/seller/notices").text
    assert "Avis reçus" in page
    assert "L’acheteur attend votre réponse" in page

"""From an invitation on the operator's page to a first password, by the mailed link."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from operator_qos.db import reading
from operator_qos.models import OutboxMail
from tests.e2e.visits import PHONE, Visitor

pytestmark = pytest.mark.browser
EMAIL, PASSWORD = "invited@people.example", "three unrelated words"


def test_somebody_invited_chooses_a_password_and_signs_in(
    visit: Callable[[str, str], Visitor], stranger: Visitor, site: tuple[Engine, Path]
) -> None:
    tab = visit("operator", "en")
    tab.open("/operator/people")
    for name, value in (("email", EMAIL), ("name", "Ada Byron")):
        tab.page.fill(f"[name={name}]", value)
    tab.click("form:has([name=email]) button[type=submit]")
    assert "link until" in tab.page.inner_text("tr:has-text('Ada Byron')")
    with reading(site[0]) as session:
        body = session.scalars(select(OutboxMail.body).where(OutboxMail.recipient == EMAIL)).one()
    found = re.search(r"/join/\S+", body)
    assert found
    stranger.page.set_viewport_size(PHONE)
    stranger.open(found.group(0))
    assert stranger.page.url.endswith("/join")
    assert stranger.list_violations() == []
    assert stranger.overflow() <= 0
    for name in ("password", "repeated"):
        stranger.page.fill(f"[name={name}]", PASSWORD)
    stranger.click("button[type=submit]")
    for name, value in (("email", EMAIL), ("password", PASSWORD)):
        stranger.page.fill(f"[name={name}]", value)
    stranger.click("button[type=submit]")
    assert "/operator/today" in stranger.page.url

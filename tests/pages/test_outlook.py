"""The section on what can still change, on the seller's scorecard and on the operator's page of a shop."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.pages import operator_world
from tests.pages import seller_world as sw

SELLER, OPERATOR = "/seller/scorecard?shop=halle-fr/morvan-fr", "/operator/sellers/halle-fr/morvan-fr"


@pytest.fixture
def filled(world: Engine) -> Engine:
    operator_world.fill_world(world)
    sw.fill(world)
    return world


@pytest.mark.parametrize(("role", "path", "audience"), [("seller_owner", SELLER, "seller"),
                                                        ("analyst", OPERATOR, "operator")])
def test_the_promise_that_decides_is_shown_with_its_deadline_and_a_link(
    filled: Engine, login_as: Callable[[str], FlaskClient], role: str, path: str, audience: str
) -> None:
    html = " ".join(login_as(role).get(path).text.split()).replace("\u00a0", " ")
    section = html[html.index('aria-labelledby="h-outlook"'):]
    section = section[:section.index("</section>")]
    assert "The official result of today, 18 June, is still open." in section
    assert f'<a href="/{audience}/shops/halle-fr/morvan-fr/orders/O-2">Ship the order, O-2</a>' in section
    assert "18 June, 18:00" in section  # 16:00 UTC in Paris
    assert "The level is the same either way: In standard." in section


def test_without_anything_open_the_section_says_so(filled: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    html = login_as("analyst").get("/operator/sellers/lonja-es/morvan-es").text
    assert "Nothing due up to 24\u00a0June can change a verdict." in html


def test_the_section_speaks_french(filled: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    sw.speak_french(filled)
    html = login_as("seller_owner").get(SELLER).text.replace("\u00a0", " ")
    assert "Ce qui peut encore changer" in html
    assert "Niveau identique dans les deux cas : Conforme au standard." in html

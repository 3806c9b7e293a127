"""Codes of a platform's reasons: which of them nobody has announced."""

from __future__ import annotations

import pytest

from operator_qos.connectors.mirakl.reasons import Reasons, read_reasons

LISTED = read_reasons([{"code": "12", "type": "REFUND"}, {"code": 31, "type": "INCIDENT_CLOSE"}], {})


@pytest.mark.parametrize(("code", "kinds", "is_strange"), [
    ("12", ("REFUND",), False),
    ("31", ("REFUND",), True),  # listed, but for something else
    ("31", (), False),
    ("99", (), True),
    ("99", ("CANCELATION",), False),  # the platform lists none of this type at all
    ("", ("REFUND",), False),
])
def test_a_code_is_strange_when_its_type_is_listed_without_it(
    code: str, kinds: tuple[str, ...], is_strange: bool
) -> None:
    assert LISTED.is_strange(code, *kinds) is is_strange
    assert not Reasons().is_strange(code, *kinds)

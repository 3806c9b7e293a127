"""The API of acts and of sources' own totals in writing."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from operator_qos.acts.api import ConfirmBody, TotalBody, TotalsBody
from operator_qos.openapi import Part, Schema, write_operation


class AskedActView(BaseModel):
    """An act that the marketplace is to carry out or to end."""

    id: int
    kind: str
    subject: str
    scope: dict[str, object]
    state: str
    shop: str
    marketplace: str
    effective_at: datetime
    until_at: datetime | None


class ActsView(BaseModel):
    """The oldest first, 200 at most."""

    acts: list[AskedActView]


class ConfirmView(BaseModel):
    """The act as it stands now."""

    id: int
    state: str


class KeptView(BaseModel):
    """How many totals were kept."""

    kept: int


_ID: Schema = {"name": "act_id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
_NAMED = {"404": "There is no such act for this key", "409": "The act does not wait for this",
          "422": "A field cannot be used"}


def describe() -> Part:
    """What marketplaces' programs read and say of acts, and what sources say of their days."""
    acts = write_operation("list_asked_acts", "Acts that wait for the marketplace", answer=ActsView, scope="acts",
                           errors=("401", "403"))
    confirm = write_operation(
        "confirm_act", "Say that an act, or its end, is in force, or could not be carried out", answer=ConfirmView,
        scope="acts", body=ConfirmBody, parameters=(_ID,), errors=("401", "403"), said=_NAMED)
    totals = write_operation(
        "post_totals", "Say how many events your days had, to hold our count against", answer=KeptView, scope="ingest",
        body=TotalsBody, errors=("401", "403", "422"))
    return Part({
        "/api/v1/acts": {"get": acts},
        "/api/v1/acts/{act_id}/confirm": {"post": confirm},
        "/api/v1/source-totals": {"post": totals},
    }, (AskedActView, ActsView, ConfirmBody, ConfirmView, TotalBody, TotalsBody, KeptView))

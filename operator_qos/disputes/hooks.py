"""Webhooks: every step is told to the addresses of its marketplace, signed as Standard Webhooks are."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.disputes.models import Dispute, DisputeHook, DisputeHookCall, DisputeStep
from operator_qos.disputes.queries import Place
from operator_qos.sellers.models import Marketplace

SECRET_PREFIX = "whsec_"  # noqa: S105  # the mark of Standard Webhooks, no secret


class HookError(ValueError):
    """An address that cannot be told anything; the text says why."""


def add_hook(session: Session, *, marketplace_id: str, url: str) -> DisputeHook:
    """Tell an address of every step from now on; its secret is made here. Raises HookError. Does not commit."""
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or len(url) > 500:
        raise HookError(f"{url!r} is no address; write it like https://example.org/hooks")
    if session.get(Marketplace, marketplace_id) is None:
        raise HookError(f"there is no marketplace {marketplace_id!r}")
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    row = DisputeHook(marketplace_id=marketplace_id, url=url, secret=secret, is_active=True)
    session.add(row)
    session.flush()
    return row


def stop_hook(session: Session, *, hook_id: int) -> bool:
    """Tell an address nothing more; False: there is none. Does not commit."""
    row = session.get(DisputeHook, hook_id)
    if row is None:
        return False
    row.is_active = False
    return True


def plan_calls(session: Session, *, step: DisputeStep, dispute: Dispute, place: Place, now: datetime) -> int:
    """Put a call per address of the marketplace in the queue; returns how many. Does not commit."""
    query = select(DisputeHook.id).where(
        DisputeHook.marketplace_id == place.marketplace_id, DisputeHook.is_active.is_(True))
    hooks = list(session.scalars(query))
    body = json.dumps(_describe(step, dispute, place), ensure_ascii=False, sort_keys=True) if hooks else ""
    for hook_id in hooks:
        session.add(DisputeHookCall(
            step_id=step.id, hook_id=hook_id, state="waiting", attempts=0, next_attempt_at=now, body=body, error=""))
    return len(hooks)


def _describe(step: DisputeStep, dispute: Dispute, place: Place) -> dict[str, object]:
    """What a receiver needs to ask for the rest; no text of anybody, no person's name."""
    return {
        "type": f"dispute.{step.kind}", "timestamp": step.at.isoformat(),
        "data": {
            "dispute": dispute.id, "step": step.id, "case": dispute.case_ref, "order": dispute.order_ref,
            "marketplace": place.marketplace_id, "shop": place.shop_code, "state": dispute.state,
            "holder": dispute.holder,
        },
    }


def sign(secret: str, *, message_id: str, timestamp: int, body: str) -> str:
    """The signature header of a call: HMAC-SHA256 over id, timestamp and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = hmac.new(key, f"{message_id}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()

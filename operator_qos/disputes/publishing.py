"""What staff and companies set up around disputes: policy versions, texts to start from, mediators' conflicts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.disputes.acting import MAX_TEXT, Actor, DisputeInputError
from operator_qos.disputes.models import DisputePolicy, DisputeTemplate, MediatorConflict
from operator_qos.disputes.policies import NOTICE_DAYS, KindPolicy, Policy, PolicyError, read_policy, read_yaml
from operator_qos.notices.service import announce
from operator_qos.sellers.models import Shop

MAX_TEMPLATES = 100


@dataclass(frozen=True)
class Change:
    """One limit that differs between two versions, as text; None: there was, or is, no such limit."""

    kind: str
    field: str
    before: str | None
    after: str | None


def list_changes(before: Policy, after: Policy) -> list[Change]:
    """What a new version changes, kind by kind."""
    found = []
    for problem, kind in after.kinds.items():
        old = before.of(problem)
        for item in fields(KindPolicy):
            was, now = getattr(old, item.name), getattr(kind, item.name)
            if was != now:
                found.append(Change(problem, item.name, _say(was), _say(now)))
    return found


def _say(value: Any) -> str | None:
    if value is None:
        return None
    return ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def publish_policy(  # where, what, by whom
    session: Session, *, marketplace_id: str, zone: str, text: str, actor: Actor, now: datetime, is_first: bool = False,
) -> DisputePolicy:
    """Publish a version: its first day lies at least 15 days ahead, its number is the next. Does not commit.

    A marketplace without any version of its own and without a dispute (`is_first`) may begin on any day. Raises
    PolicyError naming the place.
    """
    document = read_yaml(text)
    policy = read_policy(document)
    earliest = (now.astimezone(ZoneInfo(zone)) + timedelta(days=NOTICE_DAYS)).date()
    if policy.effective_from < earliest and not is_first:
        reason = f"is too early: parties are told {NOTICE_DAYS} days before; the earliest day is {earliest.isoformat()}"
        raise PolicyError("effective_from", reason)
    latest = session.scalar(select(func.max(DisputePolicy.version)).where(
        DisputePolicy.marketplace_id == marketplace_id, DisputePolicy.policy_id == policy.id))
    if policy.version != (latest or 0) + 1:
        raise PolicyError("version", f"must be {(latest or 0) + 1}, the next of {policy.id!r}")
    row = DisputePolicy(
        marketplace_id=marketplace_id, policy_id=policy.id, version=policy.version, published_at=now,
        published_by=actor.name, effective_from=policy.effective_from, document=_to_json(document),
    )
    session.add(row)
    session.flush()
    append_audit(
        session, actor=actor.name, now=now, action="dispute_policy.published", subject=f"marketplace:{marketplace_id}",
        before=None, after={"policy": policy.name, "effective_from": policy.effective_from.isoformat()}, why="")
    _tell_sellers(session, marketplace_id, policy, now)
    return row


def _tell_sellers(session: Session, marketplace_id: str, policy: Policy, now: datetime) -> None:
    """A notice and mails to every company with a shop there: the record that they were told in time."""
    data = {
        "policy": policy.name, "first_day": policy.effective_from.isoformat(), "marketplace": marketplace_id,
    }
    sellers = select(Shop.seller_id).where(Shop.marketplace_id == marketplace_id).distinct().order_by(Shop.seller_id)
    for seller_id in list(session.scalars(sellers)):
        announce(
            session, key=f"dispute-policy:{marketplace_id}:{policy.name}:{seller_id}", seller_id=seller_id,
            shop_id=None, topic="dispute_policy", data=data, link="/disputes/policy", now=now,
        )


def _to_json(value: Any) -> Any:
    """YAML's days as texts."""
    if isinstance(value, dict):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def save_text(session: Session, *, seller_id: int | None, name: str, body: str) -> DisputeTemplate:
    """Keep a text to start from; one of the same name is replaced. Raises DisputeInputError. Does not commit."""
    kept, text = name.strip(), body.strip()
    if not kept or not text:
        raise DisputeInputError("text", "empty", "needs a name and a text")
    if len(kept) > 80 or len(text) > MAX_TEXT:
        raise DisputeInputError("text", "long", f"a name has at most 80 signs, a text {MAX_TEXT}")
    mine = DisputeTemplate.seller_id == seller_id if seller_id is not None else DisputeTemplate.seller_id.is_(None)
    row = session.scalars(select(DisputeTemplate).where(mine, DisputeTemplate.name == kept)).one_or_none()
    if row is None:
        number = session.scalar(select(func.count(DisputeTemplate.id)).where(mine)) or 0
        if number >= MAX_TEMPLATES:
            raise DisputeInputError("text", "many", f"at most {MAX_TEMPLATES} texts are kept; delete one first")
        row = DisputeTemplate(seller_id=seller_id, name=kept, body=text)
        session.add(row)
    row.body = text
    session.flush()
    return row


def delete_text(session: Session, *, seller_id: int | None, text_id: int) -> bool:
    """Forget a text; False: it is none of theirs. Does not commit."""
    mine = DisputeTemplate.seller_id == seller_id if seller_id is not None else DisputeTemplate.seller_id.is_(None)
    gone = session.execute(
        delete(DisputeTemplate).where(DisputeTemplate.id == text_id, mine).returning(DisputeTemplate.id))
    return gone.scalar() is not None


def bar_mediator(session: Session, *, user_id: int, seller_id: int, why: str) -> None:
    """Keep a mediator from every case of a company. Does not commit."""
    if session.get(MediatorConflict, (user_id, seller_id)) is None:
        session.add(MediatorConflict(user_id=user_id, seller_id=seller_id, why=why[:300]))
        session.flush()



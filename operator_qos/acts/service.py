"""What people do with acts: release or refuse what is held, decide by hand, take back. All of it is audited."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.acts import carrying
from operator_qos.acts.adapters import ADAPTERS, Answer
from operator_qos.acts.following import TWO_PEOPLE, Followed, RunFacts, follow_changes, release_changes, to_moved
from operator_qos.acts.models import Act, ActAdapter, SourceTotal
from operator_qos.acts.queries import UnknownActError
from operator_qos.audit.service import append_audit
from operator_qos.clock import to_ms
from operator_qos.notices.service import announce
from operator_qos.sellers.queries import list_marketplaces, list_shop_cards
from operator_qos.standing.queries import list_days_of, list_held_changes
from operator_qos.standing.service import forget_days, mark_changes
from operator_qos.statements.rules import StatementError, earliest_effect
from scoring.acts import BY_HAND, GRAVE, KIND_BESIDE, LIVE, MIRRORS, ActState
from scoring.event_types import RANKS
from scoring.windows import local_day

__all__ = ["ActError", "Followed", "Intended", "RunFacts", "Told", "choose_adapter", "confirm_act", "follow_changes",
           "propose_act", "record_totals", "refuse_acts", "release_acts", "retry_act", "undo_acts"]
MIN_WHY, MOST_DAYS, MOST_CAP = 10, 3650, 10**9


class ActError(ValueError):
    """Something that cannot be done with an act; the text says why and what to do.

    ``code`` names what is wrong for pages to say in the reader's words: why, second, over, parent, or nothing.
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Intended:
    """An act decided by hand: `days` how long, None until taken back; `cap` of orders or listings."""

    kind: str
    why: str
    scope: str = "shop"
    days: int | None = None
    cap: int | None = None
    legal_ground: str | None = None


@dataclass(frozen=True)
class Told:
    """What a source says of itself: how many events of a type a local day had."""

    source: str
    type: str
    on: date
    count: int


def propose_act(session: Session, intended: Intended, *, shop_id: int, actor: str, now: datetime) -> int:
    """Decide an act by hand; suspension and termination wait for a second person. Does not commit.

    Raises ActError for a kind nobody decides by hand, a missing reason or a legal ground without evidence.
    """
    _require_intended(intended, now)
    card = list_shop_cards(session, shop_ids=[shop_id])[0]
    is_grave = intended.kind in GRAVE
    subject = intended.kind if intended.scope == "shop" else f"{intended.kind}:{intended.scope}"
    act = Act(
        shop_id=shop_id, kind=intended.kind, subject=subject, scope=_write_scope(intended),
        is_adverse=intended.kind not in KIND_BESIDE, needs_two=is_grave, state=ActState.HELD,
        holds=[dict(TWO_PEOPLE)] if is_grave else [], automated=False, decided_by=actor, why=intended.why,
        on_date=local_day(to_ms(now), card.timezone), made_at=now, effective_at=now,
        until_at=now + timedelta(days=intended.days) if intended.days else None, legal_ground=intended.legal_ground,
        approved_by=actor, origin="by_hand")
    session.add(act)
    session.flush()
    if not is_grave:
        carrying.go_ahead(session, [act], now=now)
    _audit(session, "act.propose", act, actor=actor, why=intended.why, now=now)
    return act.id


def release_acts(session: Session, *, act_ids: Collection[int], why: str, actor: str, now: datetime) -> list[int]:
    """Let held acts go ahead, with what came with them; returns those that did. Does not commit.

    A grave act goes ahead with the second of two different people, and waits for its parent. Raises ActError.
    """
    _require_why(why)
    acts = _load_held(session, act_ids)
    going = [act for act in acts if _approve(session, act, acts, actor)]
    for act in acts:
        _audit(session, "act.release" if act in going else "act.approve", act, actor=actor, why=why, now=now)
    mirrors = [act for act in going if act.kind in MIRRORS]
    for act in mirrors:
        release_changes(session, act.shop_id, act.subject)
    carrying.settle_mirrors(session, mirrors, now=now)
    carrying.go_ahead(session, going, now=now)
    return [act.id for act in going]


def refuse_acts(session: Session, *, act_ids: Collection[int], why: str, actor: str, now: datetime) -> list[int]:
    """Say no to held acts and what came with them: the standing stays as it was. Does not commit. Raises ActError."""
    _require_why(why)
    acts = _load_held(session, act_ids)
    for act in acts:
        act.state, act.ended_at = ActState.REFUSED, now
        if act.kind in MIRRORS:
            held = [row.id for row in list_held_changes(session, act.shop_id) if to_moved(row).subject == act.subject]
            mark_changes(session, held, state="dropped")
            _forget(session, act)
        _audit(session, "act.refuse", act, actor=actor, why=why, now=now)
    session.flush()
    return [act.id for act in acts]


def undo_acts(session: Session, *, act_ids: Collection[int], why: str, actor: str, now: datetime) -> list[int]:
    """Take acts back with what came with them, as if they had not been: reinstatement. Does not commit.

    What an act changed of the standing is in force again as it was, until the rules decide that subject anew. Raises
    ActError for acts that have no effect (any more).
    """
    _require_why(why)
    acts = carrying.list_family(session, act_ids)
    over = [act for act in acts if act.id in set(act_ids) and act.state not in LIVE]
    if over or not acts:
        raise ActError(_say_over(over, act_ids), "over")
    live = [act for act in acts if act.state in LIVE or act.state == ActState.HELD]
    carrying.end_acts(session, live, now=now, state=ActState.UNDONE)
    for act in live:
        if act.kind in MIRRORS:
            carrying.show_in_force(session, act.shop_id, subject=act.subject, before=act.before)
            _forget(session, act)
        _audit(session, "act.undo", act, actor=actor, why=why, now=now)
    _tell_undone(session, [act for act in live if act.is_adverse and act.statement_id is not None], why=why, now=now)
    return [act.id for act in live]


def retry_act(session: Session, *, act_id: int, actor: str, now: datetime) -> str:
    """Ask the marketplace again for an act, or its end, that failed; returns its state. Does not commit.

    Raises UnknownActError, and ActError for one that did not fail.
    """
    act = session.get(Act, act_id, with_for_update=True)
    if act is None:
        raise UnknownActError(f"there is no act {act_id}")
    if act.state != ActState.FAILED:
        raise ActError(f"act {act_id} is {act.state}; only one that failed is asked for again", "over")
    carrying.Desk.open(session, [act], now=now).ask(act)
    _audit(session, "act.retry", act, actor=actor, why="", now=now)
    return act.state


def confirm_act(
    session: Session, *, act_id: int, marketplace_id: str | None, answer: Answer, actor: str, now: datetime
) -> str:
    """Write down what a marketplace says of an act it was asked for; returns its state. Does not commit.

    Raises UnknownActError, also for another marketplace's, and ActError for one nobody was asked for.
    """
    act = session.get(Act, act_id, with_for_update=True)
    places = {card.marketplace_id for card in list_shop_cards(session, shop_ids=[act.shop_id])} if act else set()
    if act is None or (marketplace_id is not None and marketplace_id not in places):
        raise UnknownActError(f"there is no act {act_id}")
    if act.state not in {ActState.ASKED, ActState.ENDING, ActState.FAILED}:
        raise ActError(f"act {act_id} is {act.state}; nobody waits for an answer")
    carrying.confirm(act, Answer(answer.state, act.call_id, answer.error), now=now)
    _audit(session, "act.confirm", act, actor=actor, why=answer.error, now=now)
    return act.state


def choose_adapter(session: Session, *, marketplace_id: str, adapter: str, actor: str, now: datetime) -> None:
    """Say how acts reach a marketplace from now on. Does not commit. Raises ActError for an unknown way."""
    if adapter not in ADAPTERS:
        raise ActError(f"{adapter!r} is no way to a marketplace; choose one of {', '.join(sorted(ADAPTERS))}")
    _require_place(session, marketplace_id)
    row = session.get(ActAdapter, marketplace_id)
    before = row.adapter if row is not None else "record"
    session.merge(ActAdapter(marketplace_id=marketplace_id, adapter=adapter))
    append_audit(session, actor=actor, now=now, action="act.adapter", subject=marketplace_id,
                 before={"adapter": before}, after={"adapter": adapter})


def record_totals(session: Session, told: Sequence[Told], *, marketplace_id: str, now: datetime) -> int:
    """Keep what a source says of its days, the last word counts; returns how many. Does not commit. Raises ActError."""
    _require_place(session, marketplace_id)
    odd = next((total for total in told if total.type not in RANKS or total.count < 0), None)
    if odd is not None:
        raise ActError(f"{odd.type!r} with {odd.count} is no total; name a type of event and a count from 0")
    build = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for total in told:
        row = {"marketplace_id": marketplace_id, "source": total.source, "type": total.type, "on_date": total.on,
               "count": total.count, "told_at": now}
        keep = build(SourceTotal).values(**row)
        session.execute(keep.on_conflict_do_update(
            index_elements=["marketplace_id", "source", "type", "on_date"],
            set_={"count": total.count, "told_at": now}))
    return len(told)


def _forget(session: Session, act: Act) -> None:
    """Strikes and points that do not hold are not remembered: the next step is not reached by them."""
    days = [act.on_date] if act.kind == "step" else []
    if act.kind == "strikes" and act.change_id is not None:
        earlier = session.scalar(select(func.max(Act.change_id)).where(
            Act.shop_id == act.shop_id, Act.subject == act.subject, Act.id < act.id, Act.state != ActState.DROPPED))
        metric = act.subject.partition("|")[0]
        days = list_days_of(session, act.shop_id, metric=metric, after_id=earlier or 0, until_id=act.change_id)
    if days:
        forget_days(session, act.shop_id, act.subject, days)


def _require_place(session: Session, marketplace_id: str) -> None:
    names = [place.id for place in list_marketplaces(session)]
    if marketplace_id not in names:
        raise ActError(f"there is no marketplace {marketplace_id!r}; there are: {', '.join(names) or 'none'}", "place")


def _require_intended(intended: Intended, now: datetime) -> None:
    if intended.kind not in BY_HAND:
        raise ActError(f"{intended.kind!r} is nothing people decide by hand; choose one of {', '.join(BY_HAND)}")
    _require_why(intended.why)
    if intended.days is not None and not 1 <= intended.days <= MOST_DAYS:
        raise ActError(f"give days from 1 on up to {MOST_DAYS}, or none for an act without an end", "days")
    if intended.cap is not None and not 0 <= intended.cap <= MOST_CAP:
        raise ActError(f"give a limit from 0 to {MOST_CAP}", "cap")
    try:
        earliest_effect(intended.kind, now, intended.legal_ground, evidence=intended.why)
    except StatementError as error:
        raise ActError(str(error)) from error


def _require_why(why: str) -> None:
    if len(why.strip()) < MIN_WHY:
        raise ActError(f"say why, in {MIN_WHY} letters or more; it stands in the audit trail", "why")


def _write_scope(intended: Intended) -> dict[str, Any]:
    scope: dict[str, Any] = {"scope": intended.scope}
    return scope | ({"cap": intended.cap} if intended.cap is not None else {})


def _load_held(session: Session, act_ids: Collection[int]) -> list[Act]:
    """Held acts with what came with them and is held, locked. Raises ActError for one that waits for nothing."""
    wanted = set(act_ids)
    family = [act.id for act in carrying.list_family(session, wanted)]
    locked = select(Act).where(Act.id.in_(family)).order_by(Act.id).with_for_update()
    acts = list(session.scalars(locked.execution_options(populate_existing=True)))
    over = [act for act in acts if act.id in wanted and act.state != ActState.HELD]
    if over or not wanted <= {act.id for act in acts}:
        raise ActError(_say_over(over, act_ids), "over")
    return [act for act in acts if act.state == ActState.HELD]


def _say_over(over: Sequence[Act], act_ids: Collection[int]) -> str:
    if not over:
        return f"there is no act among {sorted(act_ids)}; reload the page"
    return "; ".join(f"act {act.id} is {act.state} already" for act in over) + "; reload the page"


def _approve(session: Session, act: Act, acts: Sequence[Act], actor: str) -> bool:
    """Note the approval; whether the act can go ahead now."""
    if not act.needs_two:
        act.approved_by = actor
        return True
    parent = session.get(Act, act.parent_id) if act.parent_id is not None else None
    waits = parent is not None and parent.state == ActState.HELD and parent not in acts
    if act.approved_by is None:
        act.approved_by = actor
        return False
    if act.approved_by == actor:
        raise ActError(f"act {act.id} was approved by you; a second, different person must approve it", "second")
    if waits:
        raise ActError(f"act {act.id} follows from act {act.parent_id}, which is held; release that first",
                       "parent")
    act.second_by = actor
    return True


def _tell_undone(session: Session, acts: Sequence[Act], *, why: str, now: datetime) -> None:
    """Tell the sellers that what was stated to them was taken back: once per shop."""
    for shop_id, first in {act.shop_id: act for act in reversed(acts)}.items():
        card = list_shop_cards(session, shop_ids=[shop_id])[0]
        place = f"{quote(card.marketplace_id, safe='')}/{quote(card.code, safe='')}"
        announce(
            session, key=f"undone:{first.id}", seller_id=card.seller_id, shop_id=shop_id, topic="act_undone",
            data={"shop": card.name, "on": first.on_date.isoformat(), "why": why},
            link=f"/seller/shops/{place}/acts", now=now)


def _audit(session: Session, action: str, act: Act, *, actor: str, why: str, now: datetime) -> None:
    fields: Mapping[str, Any] = {"act": act.id, "kind": act.kind, "subject": act.subject, "state": str(act.state)}
    append_audit(session, actor=actor, now=now, action=action, subject=f"shop:{act.shop_id}", after=fields, why=why)

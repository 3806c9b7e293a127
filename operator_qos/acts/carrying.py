"""Carrying acts out: statement first, then the marketplace is asked; and ending them again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from operator_qos.acts.adapters import ADAPTERS, Answer, Request
from operator_qos.acts.models import Act
from operator_qos.acts.queries import ActRow, find_adapter
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standards.queries import UnknownVersionError, get_version
from operator_qos.standing import service as standing
from operator_qos.standing.queries import list_changes_by_id, list_standings
from operator_qos.standing.rules import HeldBack
from operator_qos.statements.facts import StatementAct
from operator_qos.statements.rules import earliest_effect
from operator_qos.statements.service import issue_statement
from scoring.acts import LIVE, MIRRORS, ActState

OVER = {ActState.ENDED, ActState.UNDONE, ActState.REFUSED, ActState.DROPPED}


def to_row(act: Act) -> ActRow:
    """An act as it is read by everybody else."""
    return ActRow(**{name: getattr(act, name) for name in ActRow.__dataclass_fields__})


def go_ahead(session: Session, acts: Sequence[Act], *, now: datetime) -> None:
    """Carry out acts that wait for nothing any more: adverse ones are stated first, one statement per shop.

    The acts must be flushed. Does not commit.
    """
    by_shop: dict[int, list[Act]] = {}
    for act in acts:
        _set_moment(act, now)
        if act.is_adverse and act.statement_id is None:
            by_shop.setdefault(act.shop_id, []).append(act)
    for shop_id, stated in by_shop.items():
        statement_id = issue_statement(
            session, shop_id=shop_id, acts=_list_facts(session, stated), now=now)
        for act in stated:
            act.statement_id = statement_id
    for act in acts:
        act.state, act.holds = ActState.PLANNED, []
        if act.kind in MIRRORS:
            act.state, act.in_force_at = ActState.IN_FORCE, now  # our own books: a change binds from its date on
        elif act.effective_at <= now:
            ask(session, act, now=now)
    session.flush()


def ask(session: Session, act: Act, *, now: datetime, ends: bool = False) -> None:
    """Ask the marketplace to begin or end an act, and write down how far that got. Does not commit."""
    act.adapter, act.asked_at = find_adapter(session, act.shop_id), now
    request = _request(session, act, ends=ends)
    _settle(act, ADAPTERS[act.adapter].ask(session, request, now=now), now=now, ends=ends)


def read_back(session: Session, act: Act, *, now: datetime) -> None:
    """Look how far an act has got that the marketplace was asked for. Does not commit."""
    ends = act.state == ActState.ENDING
    request = _request(session, act, ends=ends)
    _settle(act, ADAPTERS[act.adapter].read_back(session, request, now=now), now=now, ends=ends)


def confirm(act: Act, answer: Answer, *, now: datetime) -> None:
    """Write down what the marketplace says of an act it was asked for. Does not commit."""
    _settle(act, answer, now=now, ends=act.state == ActState.ENDING)


def end_acts(session: Session, acts: Iterable[Act], *, now: datetime, state: str = ActState.ENDED) -> None:
    """End acts: what never came into force is dropped, what has is taken back where it stands. Does not commit.

    ``state`` says how they end once they are over: by themselves or taken back by people.
    """
    for act in acts:
        if act.state not in LIVE and act.state != ActState.HELD:
            continue
        reached = act.state in {ActState.IN_FORCE, ActState.ASKED}
        act.scope = {**act.scope, "ends_as": str(state)}
        if act.kind in MIRRORS or not reached:
            act.state = state if reached else ActState.DROPPED
            act.ended_at = now
        else:
            act.state = ActState.ENDING
            ask(session, act, now=now, ends=True)
    session.flush()


def list_lasting(session: Session, shop_id: int, origin: str) -> list[Act]:
    """The acts of a shop that last with an origin."""
    states = (*LIVE, ActState.HELD)
    return list(session.scalars(select(Act).where(
        Act.shop_id == shop_id, Act.origin == origin, Act.state.in_(states), Act.kind.not_in(MIRRORS))))


def list_family(session: Session, act_ids: Collection[int]) -> list[Act]:
    """Acts with those that came with them, parents first."""
    wanted = or_(Act.id.in_(act_ids), Act.parent_id.in_(act_ids))
    return list(session.scalars(select(Act).where(wanted).order_by(Act.id)))


def show_in_force(session: Session, shop_id: int, *, subject: str, before: str | None) -> None:
    """Keep a subject of a shop's standing as it was. Does not commit."""
    row = list_standings(session, [shop_id]).get(shop_id)
    held = [back for back in row.list_held() if back.subject != subject] if row is not None else []
    since_on = row.since_on if row is not None and subject == "level" and row.level == before else None
    standing.hold_back(session, shop_id, [*held, HeldBack(subject, before, since_on)])


def let_go(session: Session, shop_id: int, subjects: Collection[str]) -> None:
    """Hold these subjects of a shop back no longer. Does not commit."""
    row = list_standings(session, [shop_id]).get(shop_id)
    held = row.list_held() if row is not None else []
    left = [back for back in held if back.subject not in subjects]
    if len(left) < len(held):
        standing.hold_back(session, shop_id, left)


def _set_moment(act: Act, now: datetime) -> None:
    """An act that takes something away begins no sooner than it is stated, and the law may ask for longer."""
    if act.kind in MIRRORS or not act.is_adverse:
        return
    earliest = earliest_effect(act.kind, now, act.legal_ground, evidence=act.why)
    late = earliest - act.effective_at
    if late > timedelta(0):
        act.effective_at = earliest
        act.until_at = act.until_at + late if act.until_at is not None else None


def _request(session: Session, act: Act, *, ends: bool) -> Request:
    return Request(to_row(act), _get_place(session, act.shop_id), ends)


def _get_place(session: Session, shop_id: int) -> ShopCard:
    return list_shop_cards(session, shop_ids=[shop_id])[0]


def _settle(act: Act, answer: Answer, *, now: datetime, ends: bool) -> None:
    act.call_id, act.error = answer.call_id, answer.error[:500]
    if answer.state == "in_force" and ends:
        act.state, act.ended_at = str(act.scope.get("ends_as", ActState.ENDED)), now
    elif answer.state == "in_force":
        act.state, act.in_force_at = ActState.IN_FORCE, now
    elif answer.state == "failed":
        act.state = ActState.FAILED
    else:
        act.state = ActState.ENDING if ends else ActState.ASKED


def _list_facts(session: Session, acts: Sequence[Act]) -> list[StatementAct]:
    """The acts as their statement needs them, with the reasons of the changes they follow from."""
    changes = list_changes_by_id(session, {act.change_id for act in acts if act.change_id is not None})
    titles = _Titles(session)
    facts = [
        StatementAct(
            act_id=act.id, change_id=act.change_id, kind=act.kind, subject=act.subject, before=act.before,
            after=act.after, standard_id=act.standard_id, standard_version=act.standard_version,
            standard_title=titles.find(act.standard_id, act.standard_version), on_date=act.on_date,
            effective_at=act.effective_at, until_at=act.until_at, scope=act.scope, automated=act.automated,
            decided_by=act.decided_by, why=act.why, legal_ground=act.legal_ground, evidence=act.why)
        for act in acts
    ]
    return [replace(fact, reasons=changes[fact.change_id].reasons) if fact.change_id in changes else fact
            for fact in facts]


class _Titles:
    """The titles of standards by language, each asked for once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[str, int], Mapping[str, str]] = {}

    def find(self, standard_id: str | None, version: int | None) -> Mapping[str, str]:
        """The title of a version; empty for none, or one that is not kept."""
        if standard_id is None or version is None:
            return {}
        key = (standard_id, version)
        if key not in self._known:
            try:
                self._known[key] = dict(get_version(self._session, *key).standard.title)
            except UnknownVersionError:
                self._known[key] = {}
        return self._known[key]

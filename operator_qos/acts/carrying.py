"""Carrying acts out: statement first, then the marketplace is asked; and ending them again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from operator_qos.acts.adapters import ADAPTERS, Answer, Request
from operator_qos.acts.models import Act
from operator_qos.acts.queries import ActRow, list_adapters
from operator_qos.db import MANY_SHOPS, chunks
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standards.queries import UnknownVersionError, get_version
from operator_qos.standing import service as standing
from operator_qos.standing.queries import list_changes_by_id, list_standings
from operator_qos.standing.rules import HeldBack
from operator_qos.statements.facts import StatementAct
from operator_qos.statements.rules import earliest_effect
from operator_qos.statements.service import issue_statement
from scoring.acts import LIVE, MIRRORS, ActState


def to_row(act: Act) -> ActRow:
    """An act as it is read by everybody else."""
    return ActRow(**{name: getattr(act, name) for name in ActRow.__dataclass_fields__})


@dataclass(frozen=True)
class Desk:
    """Where acts are carried out: the shops concerned and how their marketplaces are reached, asked for once."""

    session: Session
    now: datetime
    cards: Mapping[int, ShopCard]
    adapters: Mapping[str, str]

    @classmethod
    def open(cls, session: Session, acts: Iterable[Act], *, now: datetime) -> Desk:
        """Ready for these acts."""
        shop_ids = sorted({act.shop_id for act in acts})
        cards = {card.id: card for part in chunks(shop_ids, MANY_SHOPS)
                 for card in list_shop_cards(session, shop_ids=part)}
        return cls(session, now, cards, list_adapters(session))

    def ask(self, act: Act) -> None:
        """Ask the marketplace to begin an act, or to end one that is to end, and note how far that got."""
        act.asked_at = self.now
        act.adapter = self.adapters.get(self.cards[act.shop_id].marketplace_id, "record")
        self._settle(act, ADAPTERS[act.adapter].ask(self.session, self._request(act), now=self.now))

    def read_back(self, act: Act) -> None:
        """Look how far an act has got that the marketplace was asked for."""
        self._settle(act, ADAPTERS[act.adapter].read_back(self.session, self._request(act), now=self.now))

    def end(self, act: Act, *, state: str = ActState.ENDED) -> None:
        """End an act: one that never came into force is dropped, any other taken back where it stands.

        ``state`` says how it is over then: by itself or taken back by people.
        """
        reached = act.state in {ActState.IN_FORCE, ActState.ASKED} or is_ending(act)
        if act.kind in MIRRORS or not reached:
            act.state, act.ended_at = str(state if reached else ActState.DROPPED), self.now
            return
        act.ends_as, act.state = str(state), ActState.ENDING
        self.ask(act)

    def _request(self, act: Act) -> Request:
        return Request(to_row(act), self.cards[act.shop_id], is_ending(act))

    def _settle(self, act: Act, answer: Answer) -> None:
        confirm(act, answer, now=self.now)


def is_ending(act: Act) -> bool:
    """Whether the marketplace was asked to end an act, and has not."""
    return act.ends_as is not None and act.ended_at is None


def confirm(act: Act, answer: Answer, *, now: datetime) -> None:
    """Write down how far an act, or its end, has got with the marketplace."""
    act.call_id, act.error = answer.call_id, answer.error[:500]
    if answer.state == "failed":
        act.state = ActState.FAILED
    elif answer.state != "in_force":
        act.state = ActState.ENDING if is_ending(act) else ActState.ASKED
    elif is_ending(act):
        act.state, act.ended_at = str(act.ends_as), now
    else:
        act.state, act.in_force_at = ActState.IN_FORCE, now


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
    desk = Desk.open(session, [act for act in acts if act.kind not in MIRRORS], now=now)
    for act in acts:
        act.state, act.holds = ActState.PLANNED, []
        if act.kind in MIRRORS:
            act.state, act.in_force_at = ActState.IN_FORCE, now  # our own books: a change binds from its date on
        elif act.effective_at <= now:
            desk.ask(act)
    session.flush()


def end_acts(session: Session, acts: Iterable[Act], *, now: datetime, state: str = ActState.ENDED) -> None:
    """End those acts that have, or are about to have, an effect. Does not commit."""
    ending = [act for act in acts if act.state in LIVE or act.state == ActState.HELD]
    desk = Desk.open(session, ending, now=now)
    for act in ending:
        desk.end(act, state=state)
    session.flush()


def settle_mirrors(session: Session, mirrors: Sequence[Act], *, now: datetime) -> None:
    """Let changes hold: the acts that mirrored how things were, and those that lasted with it, are over."""
    newest = {(act.shop_id, act.subject): act for act in mirrors}
    ends = {(act.shop_id, act.ends) for act in mirrors if act.ends and act.ends != act.origin}
    over: list[Act] = []
    for part in chunks(sorted({act.shop_id for act in mirrors}), MANY_SHOPS):
        for act in session.scalars(select(Act).where(Act.shop_id.in_(part), Act.state.in_((*LIVE, ActState.HELD)))):
            if act.kind not in MIRRORS:
                over += [act] if (act.shop_id, act.origin) in ends else []
            elif act.state == ActState.IN_FORCE and newest.get((act.shop_id, act.subject), act) is not act:
                over.append(act)
    end_acts(session, over, now=now)


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

"""Appeals as pages and decisions need them: what is contested, who may judge, what was said and done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import OPERATOR_ROLES
from operator_qos.accounts.models import User
from operator_qos.acts import queries as acts
from operator_qos.recourse.models import Appeal, AppealFile, AppealStep, RestatedResult, Restatement
from operator_qos.recourse.rules import OPEN_STATES, OUTCOMES, REMIND_BEFORE, is_against, may_judge
from operator_qos.sellers.models import Shop
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standards.binding import list_bindings
from operator_qos.standing.models import EvaluationResult, EvaluationRun, StandingChange
from operator_qos.standing.queries import UNSEEN
from scoring.acts import Moved
from scoring.standards import Standard


class AppealMissing(LookupError):
    """There is no such appeal."""


@dataclass(frozen=True)
class ChangeFacts:
    """A standing change as appeals need it."""

    id: int
    shop_id: int
    on_date: date
    kind: str
    metric: str | None
    before: str | None
    after: str | None
    reasons: Sequence[Mapping[str, Any]]
    standard_id: str
    standard_version: int
    automated: bool
    effective_at: datetime
    state: str


@dataclass(frozen=True)
class Contested:
    """What an appeal is about: a change, or an act; `original_by` decided or released it, None: a machine alone."""

    change_id: int | None
    act_id: int | None
    subject: str
    on: date
    standard_id: str | None
    standard_version: int | None
    original_by: str | None
    change: ChangeFacts | None = None
    act: acts.ActRow | None = None

    @property
    def took_effect(self) -> bool:
        """Whether it ever had an effect: what waits for people or was dropped is nothing the shop was told of."""
        seen = self.change is None or self.change.state not in UNSEEN
        return seen and (self.act is None or self.act.state not in acts.UNSEEN)


@dataclass(frozen=True)
class AppealRow:
    """An appeal with its shop."""

    id: int
    shop: ShopCard
    change_id: int | None
    act_id: int | None
    subject: str
    contested_on: date
    standard_id: str | None
    standard_version: int | None
    original_by: str | None
    state: str
    grounds: str
    filed_by: str
    filed_at: datetime
    assigned_to: str | None
    admissible_due_at: datetime
    decision_due_at: datetime
    due_at: datetime | None
    admitted_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None

    @property
    def is_open(self) -> bool:
        """Whether the operator still owes something."""
        return self.state in OPEN_STATES


@dataclass(frozen=True)
class StepRow:
    """One step of an appeal."""

    id: int
    at: datetime
    actor: str
    side: str
    action: str
    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class FileRow:
    """A file of an appeal."""

    id: int
    step_id: int
    name: str
    media_type: str
    size: int
    stored_as: str


@dataclass(frozen=True)
class Person:
    """Somebody of the operator."""

    email: str
    name: str


@dataclass(frozen=True)
class RestatedDay:
    """One date judged again: level, badges and warning then, beside those after the appeal."""

    id: int
    on: date
    standard_id: str
    standard_version: int
    level: str
    badges: Sequence[str]
    warning: int
    known_at_ms: int


@dataclass(frozen=True)
class RestatedNumber:
    """One metric of a date as judged then and again."""

    metric: str
    then_bad: int | None
    then_base: int | None
    then_verdict: str | None
    bad: int
    base: int
    verdict: str


_OWN = tuple(name for name in AppealRow.__dataclass_fields__ if name != "shop")
_CHANGE = tuple(getattr(StandingChange, name) for name in ChangeFacts.__dataclass_fields__)


def get_shop(session: Session, shop_id: int) -> ShopCard:
    """The shop of an appeal. Raises KeyError for one that is not there."""
    return list_cards(session, [shop_id])[shop_id]


def list_cards(session: Session, shop_ids: Collection[int]) -> dict[int, ShopCard]:
    """Shops by id."""
    return {card.id: card for card in list_shop_cards(session, shop_ids=sorted(set(shop_ids)))} if shop_ids else {}


def list_appeals(
    session: Session, *, shop_ids: Collection[int] | None = None, states: Collection[str] | None = None,
    limit: int = 200,
) -> list[AppealRow]:
    """Appeals: what is owed first by its due time, then what ended, the latest first."""
    query = select(*(getattr(Appeal, name) for name in _OWN)).where(
        _among(Appeal.shop_id, shop_ids), _among(Appeal.state, states)).add_columns(Appeal.shop_id)
    rows = session.execute(query.order_by(Appeal.due_at.is_(None), Appeal.due_at, Appeal.id.desc()).limit(limit)).all()
    cards = list_cards(session, {row.shop_id for row in rows})
    return [AppealRow(shop=cards[row.shop_id], **{name: getattr(row, name) for name in _OWN}) for row in rows]


def get_appeal(session: Session, appeal_id: int) -> AppealRow:
    """One appeal. Raises AppealMissing."""
    row = session.get(Appeal, appeal_id)
    if row is None:
        raise AppealMissing(f"there is no appeal {appeal_id}")
    return AppealRow(shop=get_shop(session, row.shop_id), **{name: getattr(row, name) for name in _OWN})


def count_owed(session: Session) -> int:
    """How many appeals wait for the operator."""
    return session.scalar(select(func.count(Appeal.id)).where(Appeal.due_at.is_not(None))) or 0


def find_appeal_of(session: Session, *, change_id: int | None, act_id: int | None) -> AppealRow | None:
    """The last appeal on a change or an act that is open or was decided; None without any."""
    mine = Appeal.change_id == change_id if change_id is not None else Appeal.act_id == act_id
    found = session.scalar(select(Appeal.id).where(mine, Appeal.state.in_([*OPEN_STATES, *OUTCOMES])).order_by(
        Appeal.id.desc()).limit(1))
    return None if found is None else get_appeal(session, found)


def list_steps(session: Session, appeal_id: int) -> list[StepRow]:
    """What was said and done, in order."""
    columns = [getattr(AppealStep, name) for name in StepRow.__dataclass_fields__]
    rows = session.execute(select(*columns).where(AppealStep.appeal_id == appeal_id).order_by(AppealStep.id))
    return [StepRow(*row) for row in rows]


def list_files(session: Session, appeal_id: int) -> list[FileRow]:
    """The files of an appeal."""
    columns = [getattr(AppealFile, name) for name in FileRow.__dataclass_fields__]
    rows = session.execute(select(*columns).where(AppealFile.appeal_id == appeal_id).order_by(AppealFile.id))
    return [FileRow(*row) for row in rows]


# What is contested


def find_contested(
    session: Session, shop_id: int, *, change_id: int | None, act_id: int | None
) -> Contested | None:
    """The change or act of a shop; an act that mirrors a change stands for it. None for another shop's, or none."""
    act = None
    if act_id is not None:
        try:
            act = acts.get_act(session, act_id)
        except acts.UnknownActError:
            return None
        if act.shop_id != shop_id:
            return None
        change_id = act.change_id if act.kind in {"level", "badge", "warning"} else None
    if change_id is None:
        return None if act is None else _of_act(act)
    change = find_change(session, shop_id, change_id)
    return None if change is None else _of_change(session, change)


def find_change(session: Session, shop_id: int, change_id: int) -> ChangeFacts | None:
    """One change of a shop."""
    row = session.execute(select(*_CHANGE).where(
        StandingChange.id == change_id, StandingChange.shop_id == shop_id)).one_or_none()
    return None if row is None else ChangeFacts(*row)


def list_change_facts(session: Session, shop_id: int, change_ids: Collection[int]) -> list[ChangeFacts]:
    """Some changes of a shop."""
    wanted = select(*_CHANGE).where(StandingChange.id.in_(change_ids), StandingChange.shop_id == shop_id)
    return [ChangeFacts(*row) for row in session.execute(wanted.order_by(StandingChange.id))]


def _of_act(act: acts.ActRow) -> Contested:
    return Contested(None, act.id, act.kind, act.on_date, act.standard_id, act.standard_version,
                     _name_deciders([act]), act=act)


def _of_change(session: Session, change: ChangeFacts) -> Contested:
    released = acts.list_acts(session, change_ids=[change.id])
    return Contested(
        change.id, None, Moved(change.kind, change.metric, change.before, change.after).subject, change.on_date,
        change.standard_id, change.standard_version, _name_deciders(released), change=change)


def _name_deciders(found: Sequence[acts.ActRow]) -> str | None:
    """Who decided or approved acts; None where no person did."""
    names = [act.decided_by for act in found if not act.automated]
    names += [name for act in found for name in (act.approved_by, act.second_by) if name]
    return ", ".join(dict.fromkeys(names))[:510] or None


def list_contestable(
    session: Session, shop_ids: Collection[int], *, since: date, limit: int = 100
) -> list[ChangeFacts]:
    """What went against shops on a date or later and took effect, the latest first."""
    if not shop_ids:
        return []
    rows = session.execute(select(*_CHANGE).where(
        StandingChange.shop_id.in_(shop_ids), StandingChange.on_date >= since, StandingChange.automated,
        StandingChange.state.not_in(UNSEEN),
    ).order_by(StandingChange.on_date.desc(), StandingChange.id.desc()).limit(limit))
    found = [ChangeFacts(*row) for row in rows]
    bindings = list_bindings(session, sorted({change.shop_id for change in found}))
    return [change for change in found if is_against(
        change.kind, change.before, change.after,
        [tier.id for tier in bindings[change.shop_id].on(change.on_date).tiers])]


def get_standard(session: Session, shop_id: int, on: date) -> Standard:
    """The standard that binds a shop on a date."""
    return list_bindings(session, [shop_id])[shop_id].on(on)


def get_effective_at(session: Session, row: Appeal) -> datetime:
    """Since when what is contested was in force."""
    if row.change_id is not None:
        return session.scalars(select(StandingChange.effective_at).where(StandingChange.id == row.change_id)).one()
    return acts.get_act(session, row.act_id).effective_at if row.act_id is not None else row.filed_at


def find_run_id(session: Session, shop_id: int, on: date) -> int | None:
    """The last run that judged a shop on a date."""
    judged = select(EvaluationResult.run_id).where(EvaluationResult.shop_id == shop_id)
    return session.scalar(select(EvaluationRun.id).where(
        EvaluationRun.on_date == on, EvaluationRun.id.in_(judged)).order_by(EvaluationRun.id.desc()).limit(1))


# Who judges


def list_judges(session: Session, appeal_id: int) -> list[Person]:
    """The operator's active people who may judge an appeal: never who decided or released what it is about."""
    row = get_appeal(session, appeal_id)
    people = session.execute(select(User.email, User.name).where(
        User.role.in_(sorted(OPERATOR_ROLES)), User.active).order_by(User.name))
    return [Person(email, name) for email, name in people
            if may_judge(email, original_by=row.original_by, filed_by=row.filed_by)]


# What was judged again


def count_restated(session: Session, appeal_id: int) -> int:
    """How many dates were judged again after an appeal."""
    return session.scalar(select(func.count(Restatement.id)).where(Restatement.appeal_id == appeal_id)) or 0


def list_restated(session: Session, appeal_id: int) -> list[RestatedDay]:
    """The dates judged again after an appeal, in order."""
    columns = (Restatement.id, Restatement.on_date, Restatement.standard_id, Restatement.standard_version,
               Restatement.level, Restatement.badges, Restatement.warning, Restatement.known_at_ms)
    rows = session.execute(select(*columns).where(Restatement.appeal_id == appeal_id).order_by(
        Restatement.on_date, Restatement.id))
    return [RestatedDay(*row) for row in rows]


def list_restated_numbers(session: Session, day: RestatedDay, shop_id: int) -> list[RestatedNumber]:
    """The numbers of one date, then and again, by metric."""
    run = select(EvaluationRun.id).join(Shop, Shop.marketplace_id == EvaluationRun.marketplace_id).where(
        Shop.id == shop_id, EvaluationRun.on_date == day.on, EvaluationRun.standard_id == day.standard_id)
    then = {row.metric: row for row in session.execute(select(
        EvaluationResult.metric, EvaluationResult.bad, EvaluationResult.base, EvaluationResult.verdict,
    ).where(EvaluationResult.shop_id == shop_id, EvaluationResult.run_id.in_(run)))}
    again = session.scalars(select(RestatedResult).where(RestatedResult.restatement_id == day.id).order_by(
        RestatedResult.metric))
    return [
        RestatedNumber(row.metric, was.bad if was else None, was.base if was else None, was.verdict if was else None,
                       row.bad, row.base, row.verdict)
        for row in again for was in (then.get(row.metric),)
    ]


def _among(column: Any, wanted: Collection[Any] | None) -> ColumnElement[bool]:
    return true() if wanted is None else column.in_(list(wanted))


def list_to_remind(session: Session, *, now: datetime) -> list[tuple[int, datetime]]:
    """Appeals due within a day, or overdue, of whose deadline nobody was reminded yet."""
    query = select(Appeal.id, Appeal.due_at).where(
        Appeal.due_at <= now + REMIND_BEFORE, (Appeal.reminded_at.is_(None)) | (Appeal.reminded_at != Appeal.due_at))
    return [(appeal_id, due_at) for appeal_id, due_at in session.execute(query.order_by(Appeal.due_at)) if due_at]

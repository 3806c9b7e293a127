"""Issuing statements of reasons: composed, archived with a fingerprint and sent, in the transaction of the acts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import end_of_day_ms
from operator_qos.hooks.service import queue_hook
from operator_qos.notices.mail import BASE_URL
from operator_qos.notices.service import announce
from operator_qos.settings import read_settings
from operator_qos.statements import queries
from operator_qos.statements.books import LANGUAGES, get_book
from operator_qos.statements.composing import Basis, Matter, Version
from operator_qos.statements.content import make_public_id, name_kind, write_content
from operator_qos.statements.facts import Addressee, Found, Issuer, StatementAct
from operator_qos.statements.models import Statement
from operator_qos.statements.naming import find_rule
from operator_qos.statements.queries import StatementRow
from operator_qos.statements.rules import StatementError, earliest_effect, find_jurisdiction, hash_content
from operator_qos.statements.told import read_told, write_text
from operator_qos.statements.windows import is_judged_over_several, list_further_windows

TOPIC = "statement"


def read_issuer() -> Issuer:
    """Who issues statements, by the settings. Raises SettingsError."""
    settings = read_settings()
    named = tuple(name.strip() for name in settings.mediators.split(";") if name.strip())
    return Issuer(settings.operator_name.strip(), named, settings.jurisdiction)


def issue_statement(
    session: Session, *, shop_id: int, acts: Sequence[StatementAct], now: datetime, issuer: Issuer | None = None
) -> int:
    """Archive and send the statement of reasons for acts decided together about a shop; its number. Does not commit.

    The same acts are stated once: a second call answers the first number. Raises StatementError for no acts, for an
    end that comes too soon, and on a day for which there are no texts.
    """
    _require_acts(acts, now)
    to, chosen = queries.get_addressee(session, shop_id), issuer or read_issuer()
    public_id = make_public_id(shop_id, acts, now, to.zone)
    known = queries.find_id(session, public_id)
    if known is not None:
        return known
    matter = _gather(session, to, chosen, acts=acts, public_id=public_id, now=now)
    content = write_content(matter)
    row = Statement(
        public_id=public_id, shop_id=shop_id, kind=name_kind(acts), jurisdiction=matter.book.law.jurisdiction,
        texts_version=matter.book.version, issued_at=now, content=content, content_hash=hash_content(content),
        effective_at=min(matter.starts_at(act) for act in acts), sent_at=now)
    session.add(row)
    session.flush()
    _send(session, row, to, now=now)
    append_audit(session, actor="system", now=now, action="statement.issue", subject=public_id,
                 after={"shop": shop_id, "kind": row.kind, "acts": [act.act_id for act in acts],
                        "sha256": row.content_hash})
    return row.id


def _require_acts(acts: Sequence[StatementAct], now: datetime) -> None:
    if not acts:
        raise StatementError("a statement of reasons needs at least one act")
    for act in acts:
        earliest = earliest_effect(act.kind, now, act.legal_ground, evidence=act.evidence or act.why)
        if act.kind == "termination" and act.effective_at < earliest:
            raise StatementError(
                f"act {act.act_id}: the end of the whole service on {act.effective_at:%Y-%m-%d %H:%M} is too soon; "
                f"30 days after its statement is {earliest:%Y-%m-%d %H:%M} UTC: set it then, or give a legal ground")


def _gather(  # who, what and when
    session: Session, to: Addressee, issuer: Issuer, *, acts: Sequence[StatementAct], public_id: str, now: datetime
) -> Matter:
    """Everything the statement says, read once."""
    book = get_book(find_jurisdiction(to.country, issuer.jurisdiction), now.astimezone(ZoneInfo(to.zone)).date())
    approvals = queries.count_approvals(session, [act.act_id for act in acts])
    acts = [replace(act, approvals=approvals.get(act.act_id, act.approvals)) for act in acts]
    versions = {key: _read_version(session, act) for act in acts if (key := _key(act)) is not None}
    looks = _Looks(session, to)
    bases = [basis for act in acts for basis in _list_bases(looks, act, _find(versions, act))]
    return Matter(public_id, to, issuer, book, tuple(acts), tuple(bases), tuple(versions.values()), now)


def _key(act: StatementAct) -> tuple[str, int] | None:
    return None if act.standard_id is None else (act.standard_id, act.standard_version or 0)


def _find(versions: Mapping[tuple[str, int], Version], act: StatementAct) -> Version | None:
    key = _key(act)
    return None if key is None else versions.get(key)


def _read_version(session: Session, act: StatementAct) -> Version:
    found = queries.find_version(session, str(act.standard_id), act.standard_version or 0)
    plain = Version(str(act.standard_id), act.standard_version or 0, act.standard_title)
    return plain if found is None else replace(plain, standard=found.standard, published_at=found.published_at)


@dataclass
class _Looks:
    """What was found of a shop, each official run read once."""

    session: Session
    to: Addressee
    _found: dict[tuple[date, str], Mapping[str, Found]] = field(default_factory=dict)

    def read(self, on: date, version: Version | None) -> Mapping[str, Found]:
        """The results of a date by rule; none without a standard."""
        if version is None or version.standard is None:
            return {}
        key = (on, version.id)
        if key not in self._found:
            self._found[key] = queries.list_found(self.session, self.to.shop_id, on, version.standard)
        return self._found[key]


def _list_bases(looks: _Looks, act: StatementAct, version: Version | None) -> Iterator[Basis]:
    """Each reason with what was found of its rule; of what only went with a level, the level's."""
    session, to, reasons = looks.session, looks.to, list(act.reasons)
    if version is not None and not any(_name_rule(reason) for reason in reasons) and not act.why:
        reasons += queries.list_level_reasons(session, to.shop_id, act.on_date, version.id)
    known = looks.read(act.on_date, version) if reasons else {}
    for reason in reasons:
        name = _name_rule(reason)
        found = known.get(name) or _from_reason(session, to, reason, name=name, on=act.on_date, version=version)
        yield Basis(act, reason, _add_windows(session, to, found, version), version)


def _add_windows(session: Session, to: Addressee, found: Found | None, version: Version | None) -> Found | None:
    """What its rule is judged over beside its first window."""
    standard = version.standard if version is not None else None
    rule = find_rule(found.rule, standard) if found is not None else None
    if found is None or standard is None or rule is None or "|" in found.rule or not is_judged_over_several(rule):
        return found
    return replace(found, further=list_further_windows(session, to, standard, rule.id, on=found.on))


def _name_rule(reason: Mapping[str, Any]) -> str:
    """Under which name results of its rule are kept; empty for a reason without one."""
    rule = str(reason.get("metric") or str(reason.get("key") or "").rpartition(".")[0])
    return f"{rule}|{reason['part']}" if rule and reason.get("part") else rule


def _from_reason(  # which reason, of which rule
    session: Session, to: Addressee, reason: Mapping[str, Any], *, name: str, on: date, version: Version | None
) -> Found | None:
    """What a reason itself tells of its rule, where no official result is kept."""
    if not name or reason.get("base") is None:
        return None
    bad, base, value = int(reason.get("bad") or 0), int(reason["base"]), reason.get("value")
    start_ms = int(reason.get("window_start_ms") or 0)
    units = [str(unit) for unit in reason.get("units", ())]
    return Found(
        name, on, "", start_ms, end_of_day_ms(on, to.zone), bad, base,
        int(reason.get("raw_bad", bad)), int(reason.get("raw_base", base)), int(reason.get("buyers") or 0),
        None if value is None else float(value), str(reason.get("verdict") or reason.get("code")),
        queries.name_units(session, to.shop_id, name, start_ms, units=units,
                           standard=version.standard if version is not None else None))


def _send(session: Session, row: Statement, to: Addressee, *, now: datetime) -> None:
    """A notice to the seller's people, with the whole text in their mails."""
    told = {language: read_told(row.content, language) for language in LANGUAGES}
    announce(
        session, key=f"statement:{row.public_id}", seller_id=to.seller_id, shop_id=to.shop_id, topic=TOPIC, now=now,
        link=f"/seller/statements/{row.public_id}",
        data={"statement": row.public_id, "subjects": {language: one.subject for language, one in told.items()},
              "texts": {language: write_text(one, BASE_URL) for language, one in told.items()}})
    queue_hook(session, marketplace_id=to.marketplace_id, topic="statement.issued", key=f"statement:{row.public_id}",
               data={"statement": row.public_id, "marketplace": to.marketplace_id, "shop": to.shop_code,
                     "fingerprint": row.content_hash}, now=now, shop_id=to.shop_id)


@dataclass(frozen=True)
class Checked:
    """How many statements were looked at, and those that are not what was issued."""

    count: int
    broken: tuple[StatementRow, ...]


def check_statements(session: Session) -> Checked:
    """Compute every fingerprint again."""
    count, broken = 0, []
    for row in queries.iterate_statements(session):
        count += 1
        if not verify_statement(row):
            broken.append(row)
    return Checked(count, tuple(broken))


def verify_statement(row: StatementRow | Statement) -> bool:
    """Whether a statement still is what was issued: its fingerprint, and the columns beside its document."""
    beside = {"id": row.public_id, "jurisdiction": row.jurisdiction, "texts": row.texts_version}
    if any(row.content.get(name) != value for name, value in beside.items()):
        return False
    moments = ((row.content.get(name), getattr(row, name)) for name in ("issued_at", "effective_at"))
    same = all(str(written) == f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for written, at in moments)
    return same and hash_content(row.content) == row.content_hash

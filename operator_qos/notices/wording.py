"""The operator's own words for mails: checked before they are kept, tried on a real notice, ours in one step back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import meta, nodes
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.notices.mail import (
    LANGUAGES,
    NoticeText,
    fill_own_words,
    list_topics,
    parse_own_words,
    read_our_words,
)
from operator_qos.notices.models import MailText, Notice

MAX_TEXT = 20_000
# At hand in every text.
COMMON = frozenset({"name", "url", "topic"})


class WordingError(ValueError):
    """A text that cannot be kept; `line` says where, `code` what, the text both in words."""

    def __init__(self, code: str, text: str, *, line: int | None = None, known: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.code, self.line, self.known = code, line, known


@dataclass(frozen=True)
class WordingRow:
    """A topic in a language: whose words are said, and since when; version 0 is ours."""

    topic: str
    language: str
    version: int
    is_own: bool
    saved_at: datetime | None
    saved_by: str


@dataclass(frozen=True)
class WordingVersion:
    """One text as it was kept; an empty one gave ours back."""

    version: int
    text: str
    saved_at: datetime
    saved_by: str


def list_wordings(session: Session) -> list[WordingRow]:
    """Every topic in every language."""
    latest = {(row.topic, row.language): row
              for row in session.scalars(select(MailText).order_by(MailText.version))}
    return [_to_row(topic, language, latest.get((topic, language)))
            for topic in list_topics("en") for language in LANGUAGES]


def _to_row(topic: str, language: str, row: MailText | None) -> WordingRow:
    if row is None:
        return WordingRow(topic, language, 0, False, None, "")
    return WordingRow(topic, language, row.version, bool(row.text), row.saved_at, row.saved_by)


def list_wording_versions(session: Session, topic: str, language: str) -> list[WordingVersion]:
    """What was kept for a topic, the latest first."""
    query = select(MailText.version, MailText.text, MailText.saved_at, MailText.saved_by).where(
        MailText.topic == topic, MailText.language == language)
    return [WordingVersion(*row) for row in session.execute(query.order_by(MailText.version.desc()))]


def list_placeholders(topic: str) -> tuple[str, ...]:
    """What a topic's text may name: whatever ours names in any language, and what is at hand in every text."""
    found = set(COMMON)
    for language in LANGUAGES:
        found |= meta.find_undeclared_variables(parse_own_words(read_our_words(topic, language), language))
    return tuple(sorted(found))


def check_wording(topic: str, language: str, text: str, *, example: Mapping[str, Any]) -> NoticeText:
    """The text filled in with an example. Raises WordingError with the line where it cannot be kept."""
    if len(text) > MAX_TEXT:
        raise WordingError("long", f"the text has {len(text)} characters; at most {MAX_TEXT} are kept")
    known = list_placeholders(topic)
    try:
        tree = parse_own_words(text, language)
    except jinja2.TemplateSyntaxError as error:
        raise WordingError("syntax", f"line {error.lineno}: {error.message}", line=error.lineno) from error
    _check_names(tree, known)
    try:
        said = fill_own_words(text, example, language=language)
    except Exception as error:  # whatever goes wrong here would go wrong in a mail
        raise WordingError("fill", f"it cannot be filled in: {error}") from error
    if not said.subject or not said.body.strip():
        raise WordingError("empty", "the first line is the subject, the text follows after an empty line")
    return said


def _check_names(tree: nodes.Template, known: tuple[str, ...]) -> None:
    unknown = meta.find_undeclared_variables(tree) - set(known)
    if unknown:
        name = min(unknown)
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), None)
        raise WordingError("placeholder", f"line {line}: {name} is nothing this notice knows", line=line, known=known)
    for node in tree.find_all((nodes.Include, nodes.Extends)):
        raise WordingError("syntax", f"line {node.lineno}: other files cannot be taken in", line=node.lineno)


def find_example(session: Session, topic: str) -> tuple[Mapping[str, Any], str] | None:
    """Data and link of the latest real notice of a topic."""
    row = session.execute(select(Notice.data, Notice.link).where(Notice.topic == topic)
                          .order_by(Notice.id.desc()).limit(1)).one_or_none()
    return None if row is None else (row.data, row.link)


def preview(session: Session, topic: str, language: str, text: str, *, name: str) -> NoticeText:
    """The text as a reader of the latest real notice would get it. Raises WordingError."""
    data, link = find_example(session, topic) or ({}, "/")
    return check_wording(topic, language, text, example={**data, "topic": topic, "name": name, "url": link})


def save_wording(
    session: Session, *, topic: str, language: str, text: str, actor: str, now: datetime, name: str = ""
) -> int:
    """Say a topic in these words from now on; returns the version. Raises WordingError. Does not commit."""
    if topic not in list_topics("en") or language not in LANGUAGES:
        raise WordingError("topic", f"there is no text {topic!r} in {language!r}")
    kept = text.replace("\r\n", "\n").strip()
    preview(session, topic, language, kept, name=name)
    return _append(session, topic, language, kept, actor=actor, now=now)


def give_ours_back(session: Session, *, topic: str, language: str, actor: str, now: datetime) -> int:
    """Say a topic in our words again; the own ones are kept. Does not commit."""
    return _append(session, topic, language, "", actor=actor, now=now)


def _append(session: Session, topic: str, language: str, text: str, *, actor: str, now: datetime) -> int:
    mine = (MailText.topic == topic, MailText.language == language)
    version = (session.scalar(select(func.max(MailText.version)).where(*mine)) or 0) + 1
    session.add(MailText(topic=topic, language=language, version=version, text=text, saved_at=now, saved_by=actor))
    session.flush()
    append_audit(session, actor=actor, now=now, action="mail_text.saved" if text else "mail_text.reset",
                 subject=f"mail_text:{topic}:{language}", after={"version": version, "characters": len(text)})
    return version

"""The words of notices in French and English, and the two ways a mail leaves: SMTP or a file."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import jinja2
import structlog
from jinja2.sandbox import ImmutableSandboxedEnvironment

from operator_qos.settings import Settings

LANGUAGES = ("en", "fr")
# Stands for the site's address in stored mails: only whoever delivers knows the setting.
BASE_URL = "{base_url}"
# Begins and ends the line above which people write their answer; what comes after it is ours.
REPLY_MARK = "##"
TIMEOUT_SECONDS = 30
SUBJECT_LENGTH = 300
_PACKAGE = Path(__file__).resolve().parent.parent
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
log = structlog.get_logger(__name__)
_NARROW, _NO_BREAK = "\u202f", "\u00a0"


class Transport(Protocol):
    """A way out for mails."""

    def send(self, message: EmailMessage, *, name: str) -> None:
        """Hand over one mail; raises OSError (smtplib's errors are such) when that fails."""

    def close(self) -> None:
        """End what was opened."""


@dataclass(frozen=True)
class DigestLine:
    """One notice in a daily mail."""

    title: str
    link: str
    at: datetime


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class NoticeText:
    """A notice in words: `subject` also serves as its title in the feed."""

    subject: str
    body: str


def render_notice(  # what is told, to whom, in whose words
    topic: str, data: Mapping[str, Any], *, language: str, name: str = "", link: str = "", own_words: str = ""
) -> NoticeText:
    """The text of a notice, in English where the language is unknown; an unknown topic gets plain words.

    `own_words`: the operator's text for it. Where that cannot be filled in, ours is said.
    """
    chosen = language if language in LANGUAGES else "en"
    url = f"{BASE_URL}{link}" if link.startswith("/") else link
    values = {**data, "topic": topic, "name": name, "url": url}
    if own_words:
        try:
            return fill_own_words(own_words, values, language=chosen)
        except Exception as error:  # people must hear of it in any words
            log.warning("own_words_not_said", topic=topic, language=chosen, error=str(error))
    template = _environment(chosen).select_template([f"{chosen}/{topic}.txt", f"{chosen}/generic.txt"])
    return split_text(template.render(**values))


def fill_own_words(text: str, values: Mapping[str, Any], *, language: str) -> NoticeText:
    """An own text filled in. Raises what the template raises."""
    return split_text(_sandbox(language).from_string(text).render(**values))


def split_text(text: str) -> NoticeText:
    """Subject and body of a filled-in text: its first line is the subject."""
    subject, _, body = text.strip().partition("\n")
    return NoticeText(" ".join(subject.split())[:SUBJECT_LENGTH], _tidy(body))


def render_digest(lines: Sequence[DigestLine], *, language: str, name: str) -> NoticeText:
    """The one mail of a day about several notices."""
    chosen = language if language in LANGUAGES else "en"
    template = _environment(chosen).get_template(f"{chosen}/_digest.txt")
    return split_text(template.render(lines=lines, name=name, base_url=BASE_URL))


def render_report(values: Mapping[str, Any], *, language: str) -> NoticeText:
    """The mail with a report, or with the link to it."""
    chosen = language if language in LANGUAGES else "en"
    return split_text(_environment(chosen).get_template(f"{chosen}/_report.txt").render(**values))


def render_join(values: Mapping[str, Any], *, language: str) -> NoticeText:
    """The mail with the link by which a password is set."""
    chosen = language if language in LANGUAGES else "en"
    return split_text(_environment(chosen).get_template(f"{chosen}/_join.txt").render(**values))


def read_our_words(topic: str, language: str) -> str:
    """The text of a topic as it is shipped, with its placeholders. Raises KeyError where there is none."""
    environment = _environment(language)
    if topic not in list_topics(language):
        raise KeyError(topic)
    assert environment.loader is not None  # noqa: S101  # _environment gave it one
    return environment.loader.get_source(environment, f"{language}/{topic}.txt")[0]


def render_reply_line(action: str, recipients: Sequence[str], *, language: str) -> str:
    """The line above which an answer is written: it says who reads the answer."""
    chosen = language if language in LANGUAGES else "en"
    template = _environment(chosen).get_template(f"{chosen}/_reply.txt")
    said = " ".join(template.render(action=action, recipients=list(recipients)).split())
    return f"{REPLY_MARK} {said} {REPLY_MARK}"


def list_topics(language: str) -> list[str]:
    """The topics that have words of their own in a language."""
    names = _environment(language).list_templates(filter_func=lambda name: name.startswith(f"{language}/"))
    return sorted(Path(name).stem for name in names if not Path(name).stem.startswith("_"))


def build_message(  # noqa: PLR0913  # the parts of a mail
    settings: Settings, *, key: str, recipient: str, subject: str, body: str, now: datetime, reply_to: str = "",
    reply_line: str = "", attachment: Attachment | None = None,
) -> EmailMessage:
    """A plain UTF-8 mail; its Message-ID follows from the key, so a repeated delivery can be recognised.

    With `reply_to` it can be answered: `reply_line` then stands first.
    """
    message = EmailMessage(policy=SMTP)
    domain = parseaddr(settings.mail_from)[1].rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{digest_key(key)}@{domain}>"
    message["Date"] = format_datetime(now)
    message["From"] = settings.mail_from
    message["To"] = recipient
    message["Subject"] = subject.replace(BASE_URL, settings.base_url)
    message["Auto-Submitted"] = "auto-generated"
    if reply_to:
        message["Reply-To"] = reply_to
        body = f"{reply_line}\n\n{body}"
    message.set_content(
        body.replace(BASE_URL, settings.base_url.rstrip("/")), charset="utf-8", cte="quoted-printable"
    )
    if attachment is not None:
        main, _, part = attachment.media_type.partition("/")
        message.add_attachment(attachment.content, maintype=main, subtype=part, filename=attachment.name)
    return message


def digest_key(key: str) -> str:
    """A short name of a key, the same for ever."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def open_transport(settings: Settings) -> Transport:
    """SMTP where a host is set, else files in the outbox folder."""
    return SmtpTransport(settings) if settings.smtp_host else FileTransport(settings.outbox_dir)


class FileTransport:
    """Writes each mail as an .eml file; the same mail again replaces its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage, *, name: str) -> None:
        """Write the mail; complete or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{name}.part"
        draft.write_bytes(message.as_bytes())
        draft.replace(self._folder / f"{name}.eml")

    def close(self) -> None:
        """Nothing is open."""


class SmtpTransport:
    """One SMTP session for several mails, opened with the first and again after an error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: smtplib.SMTP | None = None

    def send(self, message: EmailMessage, *, name: str) -> None:
        """Hand the mail to the server, which then answers for it."""
        try:
            self._open().send_message(message)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Say goodbye; a server already gone does not matter."""
        session, self._session = self._session, None
        if session is not None:
            try:
                session.quit()
            except OSError:
                session.close()

    def _open(self) -> smtplib.SMTP:
        if self._session is None:
            settings = self._settings
            session = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_SECONDS)
            self._session = session
            if settings.smtp_tls:
                session.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                session.login(settings.smtp_user, settings.smtp_password)
        return self._session


@cache
def _environment(language: str) -> jinja2.Environment:
    return _prepare(jinja2.Environment, language)


@cache
def _sandbox(language: str) -> jinja2.Environment:
    """For texts written on a page: nothing but placeholders, conditions and repetitions; no function at hand."""
    environment = _prepare(ImmutableSandboxedEnvironment, language)
    environment.globals.clear()
    return environment


def parse_own_words(text: str, language: str) -> jinja2.nodes.Template:
    """The text taken apart. Raises jinja2.TemplateSyntaxError with its line."""
    return _sandbox(language).parse(text)


def _prepare(kind: type[jinja2.Environment], language: str) -> jinja2.Environment:
    folders = [_PACKAGE / "templates" / "mails", _PACKAGE.parent / "templates" / "mails"]
    environment = kind(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=jinja2.select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,
    )
    environment.filters |= {
        "percent": lambda value: format_percent(value, language=language),
        "day": lambda value: format_day(value, language=language),
        "moment": lambda value: format_moment(value, language=language),
        "money": lambda value, currency: format_money(value, currency, language=language),
    }
    return environment


def format_percent(share: float | str, *, language: str) -> str:
    """A share in words: 1.7% or 1,7 %, with as many decimals as needed, two at most."""
    text = f"{float(share) * 100:.2f}".rstrip("0").rstrip(".")
    return f"{text.replace('.', ',')}{_NO_BREAK}%" if language == "fr" else f"{text}%"


def format_day(day: str | date, *, language: str) -> str:
    """A local date in words: 18 June 2026 or 18 juin 2026, 1er for the first in French."""
    on = date.fromisoformat(day) if isinstance(day, str) else day
    number = "1er" if language == "fr" and on.day == 1 else str(on.day)
    return f"{number} {_MONTHS[language].split()[on.month - 1]} {on.year}"


def format_moment(moment: str | datetime, *, language: str) -> str:
    """A moment in words, in the zone it carries: 18 June 2026, 09:40 or 18 juin 2026, 9 h 40."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    zone = at.tzname() or ""
    clock = (
        f"{at.hour}{_NO_BREAK}h{_NO_BREAK}{at.minute:02}"
        if language == "fr"
        else f"{at.hour:02}:{at.minute:02}"
    )
    return f"{format_day(at.date(), language=language)}, {clock} {zone}".rstrip()


def format_money(amount_minor: int, currency: str, *, language: str) -> str:
    """An amount in words: EUR 196.90 or 196,90 EUR."""
    text = f"{amount_minor / 100:,.2f}"
    if language == "fr":
        return f"{text.replace(',', _NARROW).replace('.', ',')}{_NO_BREAK}{currency}"
    return f"{currency}{_NO_BREAK}{text}"


def _tidy(body: str) -> str:
    lines: list[str] = []
    for line in body.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"

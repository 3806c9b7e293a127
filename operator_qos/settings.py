"""Every setting of the product, read from `OPERATOR_QOS_*` variables in this one place."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

PREFIX = "OPERATOR_QOS_"
# What a setting that is one of few words takes.
CHOICES = {"jurisdiction": ("eu", "fr", "gb"), "log_level": ("debug", "info", "warning", "error"),
           "log_format": ("auto", "text", "json")}


@dataclass(frozen=True)
class Pool:
    """How a process reaches PostgreSQL: connections kept, how many more, wait for one [s], prepared statements."""

    size: int = 5
    overflow: int = 15
    timeout_seconds: int = 30
    prepares: bool = True


@dataclass(frozen=True)
class Settings:
    """What an installation may choose; `describe` lists the fields with their meaning."""

    data_dir: Path = Path("var")
    database_url: str = ""
    direct_database_url: str = ""
    secret_key: str = ""
    base_url: str = "http://127.0.0.1:8000"
    mail_from: str = "operator-qos@localhost"
    reply_address: str = ""
    smtp_host: str = ""
    smtp_port: int = 25
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_tls: bool = False
    secure_cookies: bool = False
    trust_proxy: bool = False
    body_retention_days: int = 540
    note_retention_days: int = 1_095
    backlog_limit: int = 200_000
    login_attempts: str = "10 per 15 minutes"
    operator_name: str = ""
    mediators: str = ""
    jurisdiction: str = "eu"
    trusted_hook_hosts: str = ""
    metrics_token: str = ""
    log_level: str = "info"
    log_format: str = "auto"
    migrate_lock_seconds: int = 5
    pool_size: int = 5
    pool_overflow: int = 15
    pool_timeout_seconds: int = 30
    page_timeout_seconds: int = 60
    prepared_statements: bool = True

    @property
    def url(self) -> str:
        """The database URL, SQLite in the data directory unless another is chosen."""
        return self.database_url or f"sqlite:///{self.data_dir / 'operator-qos.db'}"

    @property
    def direct_url(self) -> str:
        """The URL of the database itself, past a pooler that stands in front of it."""
        return self.direct_database_url or self.url

    @property
    def pool(self) -> Pool:
        """The connections of each process to PostgreSQL."""
        return Pool(max(1, self.pool_size), self.pool_overflow, self.pool_timeout_seconds, self.prepared_statements)

    @property
    def trusted_hosts(self) -> tuple[str, ...]:
        """The hosts that sellers' webhooks may call wherever they are."""
        return tuple(host.strip() for host in self.trusted_hook_hosts.split(",") if host.strip())

    @property
    def outbox_dir(self) -> Path:
        """Where mails go as files while no SMTP host is set."""
        return self.data_dir / "outbox"

    @property
    def imports_dir(self) -> Path:
        """Where files wait that people brought for import."""
        return self.data_dir / "imports"


MEANINGS: Mapping[str, str] = {
    "data_dir": "folder of the SQLite database, mail files and the generated secret",
    "database_url": "SQLAlchemy URL; empty: SQLite in the data folder; postgresql+psycopg://… selects PostgreSQL",
    "direct_database_url": "the same past PgBouncer, for migrate, backup and restore; empty: as database_url",
    "secret_key": "signs sessions and links; empty: generated once and kept in the data folder",
    "base_url": "address under which people reach the site; used in mails",
    "mail_from": "sender of mails",
    "reply_address": "address that takes answers to mails, like reply@example.org, a token after its plus; empty: none",
    "smtp_host": "mail server; empty: mails are written to outbox/ in the data folder",
    "smtp_port": "port of the mail server",
    "smtp_user": "account on the mail server; empty: none",
    "smtp_password": "its password",
    "smtp_tls": "1: STARTTLS before anything is sent",
    "secure_cookies": "1: cookies travel over HTTPS only; set it wherever HTTPS is used",
    "trust_proxy": "1: believe X-Forwarded-* of one proxy in front",
    "body_retention_days": "days after which message texts and original events are deleted; facts stay",
    "note_retention_days": "days after which what colleagues noted about a shop is taken away; 0: never",
    "backlog_limit": "orders and cases waiting to be worked out beyond which events over HTTP are answered 429",
    "login_attempts": "sign-in attempts allowed per address and per account",
    "operator_name": "who issues statements of reasons; empty: the marketplace's name",
    "mediators": "mediators named in statements of reasons, at least two, with ; between them; empty: none is named",
    "migrate_lock_seconds": "seconds a migration waits for a table of PostgreSQL before it lets others go first",
    "pool_size": "connections to PostgreSQL that each process keeps",
    "pool_overflow": "connections it may open beyond them while many ask at once",
    "pool_timeout_seconds": "seconds a request waits for a free connection before it fails",
    "page_timeout_seconds": "seconds a query of a page may take on PostgreSQL; 0: as long as it takes",
    "prepared_statements": "0: prepare nothing, as PgBouncer wants it between transactions; else 1",
    "metrics_token": "who sends it as Bearer may read /metrics; empty: only programs on this machine",
    "log_level": "what is logged on standard error: debug, info, warning or error, and what is worse",
    "log_format": "text or json, one event a line; auto: text at a terminal, else json",
    "trusted_hook_hosts": "hosts of your own network that sellers' webhooks may call, with , between; empty: none",
    "jurisdiction": "law of statements to sellers of whose country no texts are known: eu, fr or gb",
}


class SettingsError(ValueError):
    """A variable holds something that cannot be used; the text names it and what it takes."""


def _convert(name: str, text: str, like: object) -> object:
    variable = PREFIX + name.upper()
    if isinstance(like, bool):
        if text.lower() not in {"0", "1", "true", "false", "yes", "no", ""}:
            raise SettingsError(f"{variable} is {text!r}: set it to 1 or 0")
        return text.lower() in {"1", "true", "yes"}
    if name in CHOICES and text not in CHOICES[name]:
        raise SettingsError(f"{variable} is {text!r}: set it to one of {', '.join(CHOICES[name])}")
    if isinstance(like, int):
        if not text.strip().isdigit():
            raise SettingsError(f"{variable} is {text!r}: set it to a whole number")
        return int(text)
    return Path(text) if isinstance(like, Path) else text


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises SettingsError for a value of the wrong kind."""
    source = os.environ if environment is None else environment
    defaults = Settings()
    given = {
        field.name: _convert(field.name, source[PREFIX + field.name.upper()], getattr(defaults, field.name))
        for field in fields(Settings)
        if PREFIX + field.name.upper() in source
    }
    return Settings(**given)  # type: ignore[arg-type]  # _convert keeps each field's own type


def find_variable(name: str) -> str:
    """What an environment variable that somebody named holds, such as the key of a platform; empty for nothing."""
    return os.environ.get(name, "")


def read_secret(settings: Settings) -> str:
    """The signing secret: the setting, else one generated once and kept in the data folder."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.data_dir / "secret"
    if not path.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_urlsafe(48))
        path.chmod(0o600)
    return path.read_text().strip()

"""Failed sign-ins, counted in the database: however many web processes there are, together they allow what is set."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from limits.storage import MovingWindowSupport, Storage
from sqlalchemy import Engine, delete, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from operator_qos.accounts.models import FailedAttempt
from operator_qos.db import reading, unit_of_work

FindEngine = Callable[[], Engine]


def _now_ms() -> int:
    return int(time.time() * 1000)


def _hash(key: str) -> str:
    """Neither addresses nor accounts are kept as they are."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class AttemptStorage(Storage, MovingWindowSupport):
    """What the limiter counts with, in the database that `find_engine` names at each request."""

    STORAGE_SCHEME = ["database"]  # noqa: RUF012  # as the library declares it

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, find_engine: FindEngine) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._find_engine = find_engine

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the database raises."""
        return SQLAlchemyError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Note attempts unless that would be more than the limit within `expiry` [s]; commits."""
        name, now_ms = _hash(key), _now_ms()
        with unit_of_work(self._find_engine()) as session:
            self._lock(session, name)
            session.execute(delete(FailedAttempt).where(FailedAttempt.expires_ms <= now_ms))
            if _count(session, name, now_ms - expiry * 1000)[1] + amount > limit:
                return False
            session.add_all(FailedAttempt(name_hash=name, at_ms=now_ms, expires_ms=now_ms + expiry * 1000)
                            for _ in range(amount))
        return True

    @staticmethod
    def _lock(session: Session, name: str) -> None:
        # One at a time per address or account; SQLite has one writer anyway.
        if session.connection().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(7303, :name)"), {"name": int(name[:8], 16) - 2**31})

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the first attempt that still counts was made [s since 1970], and how many count."""
        now_ms = _now_ms()
        with reading(self._find_engine()) as session:
            first, count = _count(session, _hash(key), now_ms - expiry * 1000)
        return (now_ms if first is None else first) / 1000, count

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Note attempts without a limit; answers how many count."""
        self.acquire_entry(key, 2**31, expiry, amount)
        return self.get(key)

    def get(self, key: str) -> int:
        """How many attempts count now."""
        with reading(self._find_engine()) as session:
            return session.scalar(select(func.count()).where(
                FailedAttempt.name_hash == _hash(key), FailedAttempt.expires_ms > _now_ms())) or 0

    def get_expiry(self, key: str) -> float:
        """When the last attempt stops counting [s since 1970]."""
        with reading(self._find_engine()) as session:
            until = session.scalar(select(func.max(FailedAttempt.expires_ms)).where(
                FailedAttempt.name_hash == _hash(key)))
        return (_now_ms() if until is None else until) / 1000

    def check(self) -> bool:
        """Whether the database answers."""
        try:
            with reading(self._find_engine()) as session:
                return session.scalar(select(func.count()).select_from(FailedAttempt)) is not None
        except SQLAlchemyError:
            return False

    def reset(self) -> int:
        """Forget every attempt; commits."""
        with unit_of_work(self._find_engine()) as session:
            return len(session.execute(delete(FailedAttempt).returning(FailedAttempt.id)).all())

    def clear(self, key: str) -> None:
        """Forget the attempts of one address or account; commits."""
        with unit_of_work(self._find_engine()) as session:
            session.execute(delete(FailedAttempt).where(FailedAttempt.name_hash == _hash(key)))


def _count(session: Session, name: str, since_ms: int) -> tuple[int | None, int]:
    first, count = session.execute(select(func.min(FailedAttempt.at_ms), func.count()).where(
        FailedAttempt.name_hash == name, FailedAttempt.at_ms > since_ms)).one()
    return first, count

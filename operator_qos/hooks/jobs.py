"""Making the calls of webhooks: any number of workers, each call claimed by one, tried again when it fails."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from operator_qos.db import reading, unit_of_work
from operator_qos.hooks.models import Hook, HookCall
from operator_qos.hooks.queries import list_due_call_ids
from operator_qos.hooks.reach import Reach, cut
from operator_qos.hooks.rules import sign

RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 720))
# Longer than any call takes; a worker that died in the middle leaves its call to the next one after this.
CLAIM = timedelta(minutes=10)
# One that takes longer is called once a round, so that the others are told, too.
SLOW_SECONDS = 2.0
LONGEST_SECONDS = 30.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ClaimedCall:
    """A call this worker alone may make now; `attempts` includes this one."""

    id: int
    hook_id: int
    attempts: int
    message_id: str
    body: str
    url: str
    secret: str
    is_sellers: bool


def call_hooks(
    engine: Engine, *, now: datetime, limit: int = 200, trusted_hosts: Collection[str] = ()
) -> Mapping[str, int]:
    """Make the calls that are due; commits call by call. A receiver that fails or is slow is left for this round.

    Sellers' addresses must be public, save `trusted_hosts`.
    """
    with reading(engine) as session:
        due = list_due_call_ids(session, now=now, limit=limit)
    counts: Counter[str] = Counter()
    left: set[int] = set()
    for call_id in due:
        with unit_of_work(engine) as session:
            call = _claim(session, call_id, left, now=now)
        if call is None:
            continue
        started = time.monotonic()
        error = _post(call, Reach(call.is_sellers, trusted_hosts), now=now)
        if error or time.monotonic() - started > SLOW_SECONDS:
            left.add(call.hook_id)
        with unit_of_work(engine) as session:
            counts[_settle(session, call, error, now=now)] += 1
    return counts


def _claim(session: Session, call_id: int, left: set[int], *, now: datetime) -> ClaimedCall | None:
    """Take a due call by conditional update; None when another worker has it, or its receiver just failed."""
    columns = (HookCall.id, HookCall.hook_id, HookCall.attempts, HookCall.message_id, HookCall.body)
    free = (HookCall.id == call_id, HookCall.state == "waiting", HookCall.next_attempt_at <= now,
            HookCall.hook_id.not_in(left))
    claimed = session.execute(
        update(HookCall).where(*free)
        .values(attempts=HookCall.attempts + 1, next_attempt_at=now + CLAIM).returning(*columns)).one_or_none()
    if claimed is None:
        return None
    hook = session.get_one(Hook, claimed.hook_id)
    return ClaimedCall(*claimed, hook.url, hook.secret, hook.seller_id is not None)


def _post(call: ClaimedCall, reach: Reach, *, now: datetime) -> str:
    """Make the call; what went wrong, empty when it was taken. Redirections are not followed."""
    headers = {
        "Content-Type": "application/json", "User-Agent": "operator-qos", "webhook-id": call.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": sign(call.secret, message_id=call.message_id, at=now, body=call.body),
    }
    parts = urlsplit(call.url)
    try:
        connection = reach.connect(parts.scheme, parts.hostname or "", parts.port)
        # The time limit of a socket begins anew with every byte; this one does not.
        end = threading.Timer(LONGEST_SECONDS, cut, (connection,))
        end.start()
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, call.body.encode(), headers)
            status = connection.getresponse().status
        finally:
            end.cancel()
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"[:500]
    return "" if 200 <= status < 300 else f"answered {status}"


def _settle(session: Session, call: ClaimedCall, error: str, *, now: datetime) -> str:
    """Write down how the attempt ended, unless somebody took the call over since."""
    state = "sent" if not error else "dead" if call.attempts > len(RETRY_AFTER) else "waiting"
    values: dict[str, object] = {"state": state, "error": error}
    if state == "sent":
        values["sent_at"] = now
    if state == "waiting":
        values["next_attempt_at"] = now + RETRY_AFTER[call.attempts - 1]
    if error:
        log.warning("webhook_not_taken", call=call.id, attempt=call.attempts, error=error)
    mine = update(HookCall).where(HookCall.id == call.id, HookCall.attempts == call.attempts)
    if error:  # an address that was stopped meanwhile is not tried again
        mine = mine.where(HookCall.state == "waiting")
    session.execute(mine.values(**values))
    return state

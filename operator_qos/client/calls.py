"""The calls: packed, tried again when the server is busy or away, and their answers as plain data."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from operator_qos.client.documents import MAX_BYTES, MAX_EVENTS, Document, Event, write_batches

AGAIN = frozenset({429, 502, 503, 504})
LONGEST_WAIT_SECONDS = 120.0
BATCH = "application/cloudevents-batch+json"


class ApiError(Exception):
    """The server refused a call for good: `status`, `title`, and `detail`, which says what to do."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail = status, title, detail


class Unreachable(Exception):
    """The server was busy or away for as long as it was tried. Sending the same again is safe."""


@dataclass(frozen=True)
class Receipt:
    """What became of an event: accepted, duplicate, conflict or quarantined; `field` and `reason` say why not."""

    source: str
    id: str
    status: str
    field: str
    reason: str


@dataclass(frozen=True)
class SendResult:
    """What became of the events sent: how many of each status, and the receipts of those not taken in."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    quarantined: int = 0
    refused: Sequence[Receipt] = field(default_factory=tuple)

    def plus(self, answer: Mapping[str, Any]) -> SendResult:
        """These and those of another call."""
        rows = [row for row in answer["events"] if row["status"] in {"conflict", "quarantined"}]
        refused = [Receipt(**_pick(Receipt, row)) for row in rows]
        return SendResult(
            self.accepted + answer["accepted"], self.duplicate + answer["duplicate"],
            self.conflict + answer["conflict"], self.quarantined + answer["quarantined"], (*self.refused, *refused))


@dataclass(frozen=True)
class Act:
    """What the marketplace is asked to do to a shop, or to end."""

    id: int
    kind: str
    subject: str
    scope: Mapping[str, Any]
    state: str
    shop: str
    marketplace: str
    effective_at: datetime
    until_at: datetime | None


@dataclass(frozen=True)
class Total:
    """How many events of a type a source had on a local day."""

    source: str
    type: str
    on: date
    count: int


@dataclass(frozen=True)
class Client:
    """Calls of one key. `tries` in all; between them it waits as the server asks, else longer each time.

    Safe to use from several threads: it keeps nothing between calls.
    """

    address: str
    key: str
    tries: int = 6
    timeout_seconds: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def send_events(self, events: Iterable[Event | Document], *, batch: int = MAX_EVENTS) -> SendResult:
        """Send any number of events, batch by batch. Raises ApiError or Unreachable; then send all of them again."""
        result = SendResult()
        for body in write_batches(events, most_events=batch, most_bytes=MAX_BYTES):
            result = result.plus(self._call("POST", "/api/v1/events", body, BATCH))
        return result

    def list_asked_acts(self) -> list[Act]:
        """Acts that wait for the marketplace, the oldest first."""
        return [_to_act(row) for row in self._call("GET", "/api/v1/acts")["acts"]]

    def confirm_act(self, act_id: int, *, state: str = "in_force", error: str = "") -> str:
        """Say that an act, or its end, is in force, or "failed" and why; answers its state."""
        body = json.dumps({"state": state, "error": error}).encode()
        return str(self._call("POST", f"/api/v1/acts/{act_id}/confirm", body)["state"])

    def post_totals(self, totals: Iterable[Total], *, marketplace: str = "") -> int:
        """Say how many events days had, to be held against what came; answers how many were kept."""
        rows = [{**asdict(total), "on": total.on.isoformat()} for total in totals]
        body = json.dumps({"marketplace": marketplace, "totals": rows}).encode()
        return int(self._call("POST", "/api/v1/source-totals", body)["kept"])

    def _call(self, method: str, path: str, body: bytes = b"", media_type: str = "application/json") -> Any:
        trouble = ""
        for number in range(self.tries):
            if number:
                self.sleep(_wait_seconds(number, trouble))
            try:
                status, headers, content = self._exchange(method, path, body, media_type)
            except (OSError, http.client.HTTPException) as error:
                last, trouble = f"{type(error).__name__}: {error}", ""
                continue
            if status not in AGAIN:
                return _read(status, content)
            last, trouble = f"the server answered {status}", headers.get("Retry-After", "")
        raise Unreachable(f"{method} {path} was tried {self.tries} times: {last}")

    def _exchange(
        self, method: str, path: str, body: bytes, media_type: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {"Authorization": f"Bearer {self.key}", "User-Agent": "operator-qos-client"}
        if method == "POST":
            headers["Content-Type"] = media_type
        if media_type == BATCH:
            body, headers["Content-Encoding"] = gzip.compress(body, compresslevel=5, mtime=0), "gzip"
        parts = urlsplit(self.address)
        connection = _connect(parts.scheme, parts.hostname or "", parts.port, self.timeout_seconds)
        try:
            connection.request(method, parts.path.rstrip("/") + path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


def _connect(scheme: str, host: str, port: int | None, timeout_seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout_seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=timeout_seconds)


def _wait_seconds(number: int, asked: str) -> float:
    """As long as the server asks; else one second, two, four … and up to half as much, so that senders part."""
    if asked.isdecimal():
        return min(float(asked), LONGEST_WAIT_SECONDS)
    return float(min(2.0 ** (number - 1), LONGEST_WAIT_SECONDS) * (1 + random.random() / 2))  # noqa: S311  # no secret


def _read(status: int, content: bytes) -> Any:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = {}
    if 200 <= status < 300 and answer != {}:
        return answer
    found = answer if isinstance(answer, dict) else {}
    raise ApiError(status, str(found.get("title", "No answer of this API")), str(found.get("detail", content[:200])))


def _to_act(row: Mapping[str, Any]) -> Act:
    until = row["until_at"]
    moments = {"effective_at": datetime.fromisoformat(row["effective_at"]),
               "until_at": datetime.fromisoformat(until) if until else None}
    return Act(**{**_pick(Act, row), **moments})


def _pick(kind: type[Act | Receipt], row: Mapping[str, Any]) -> dict[str, Any]:
    """What this client knows of an answer: a newer server may say more."""
    return {name: row[name] for name in kind.__dataclass_fields__}

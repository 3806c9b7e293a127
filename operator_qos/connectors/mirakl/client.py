"""Calls to a Mirakl platform: let in by key or token, no faster than allowed, tried again, answered in JSON."""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import orjson

from operator_qos.connectors.contract import Access, Pause, SourceRefused, SourceUnavailable
from operator_qos.hooks.rules import is_address

ATTEMPTS = 6
TIMEOUT_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 120.0
MOST_BYTES = 64 * 1024 * 1024
RENEW_SECONDS = 60.0  # a token about to end is renewed before it is used
# Our calls a minute, below what platforms allow; operations that are not named have the usual number.
CALLS_PER_MINUTE: Mapping[str, int] = {
    "M10": 100, "S03": 100, "S51": 100, "S07": 25, "S09": 25, "S21": 25, "RE01": 25, "PC01": 25}
USUAL_CALLS_PER_MINUTE = 50
Params = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, headers in lower case, the JSON document (None for none)."""

    status: int
    headers: Mapping[str, str]
    document: Any


class _Trouble(Exception):
    """A call that may go better later."""

    def __init__(self, what: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:  # a key must not follow to another address
        return None


@dataclass
class Pace:
    """Waits before a call that would be one too many within a minute."""

    pause: Pause
    per_minute: Mapping[str, int]
    monotonic: Callable[[], float] = time.monotonic
    _skipped: float = 0.0
    _recent: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def now(self) -> float:
        """Seconds since some moment, with what `pause` only pretended to wait."""
        return self.monotonic() + self._skipped

    def wait(self, seconds: float) -> None:
        """Wait that long."""
        before = self.monotonic()
        self.pause(seconds)
        self._skipped += max(0.0, seconds - (self.monotonic() - before))

    def take_turn(self, operation: str) -> None:
        """Return when the operation may be called."""
        recent, most = self._recent[operation], self.per_minute.get(operation, USUAL_CALLS_PER_MINUTE)
        if len(recent) >= most and (left := recent[0] + 61.0 - self.now()) > 0:
            self.wait(left)
        while len(recent) >= most:
            recent.popleft()
        recent.append(self.now())


class Client:
    """A platform that is called. Not for several threads at once."""

    def __init__(
        self, access: Access, *, pause: Pause, per_minute: Mapping[str, int] = CALLS_PER_MINUTE,
        timeout_seconds: float = TIMEOUT_SECONDS, attempts: int = ATTEMPTS,
    ) -> None:
        """Nothing is called yet. Raises SourceRefused for an address or key that is none."""
        for address in (access.address, access.token_address or access.address):
            if not is_address(address):
                raise SourceRefused(f"{address!r} is no address.", "Write it like https://instance.mirakl.net.")
        if not (access.api_key.isascii() and access.api_key.isprintable()):  # a header's error would quote the key
            raise SourceRefused("The key holds characters that no key has.", "Set it again, without line breaks.")
        self._access = access
        self._address = access.address.rstrip("/")
        self._timeout, self._attempts = timeout_seconds, attempts
        self._pace = Pace(pause, per_minute)
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._token, self._token_until = "", 0.0

    def get(self, operation: str, path: str, params: Params = ()) -> Any:
        """The document at a path. Raises SourceUnavailable and SourceRefused."""
        return self.call(operation, "GET", path, params).document

    def call(self, operation: str, method: str, path: str, params: Params = (), body: object = None) -> Reply:
        """Call until it is answered, a few times; a call that writes must be safe to repeat. Raises SourceError."""
        url = self._address + path + (f"?{urllib.parse.urlencode(params)}" if params else "")
        trouble = _Trouble("was not called")
        for attempt in range(self._attempts):
            self._pace.take_turn(operation)
            try:
                reply = self._send(method, url, body)
                if reply.status != 401 or not self._renews:
                    return _accepted(operation, reply)
                self._token = ""
                trouble = _Trouble("answered 401 to a fresh token")
            except _Trouble as found:
                trouble = found
                if attempt < self._attempts - 1:
                    self._pace.wait(min(LONGEST_PAUSE_SECONDS, found.retry_after_seconds or 2.0**attempt))
        raise SourceUnavailable(
            f"{operation}: the platform {trouble}.", "It is tried again by itself; ask the platform if this lasts.",
            retry_after_seconds=trouble.retry_after_seconds)

    @property
    def _renews(self) -> bool:
        return bool(self._access.token_address)

    def _send(self, method: str, url: str, body: object) -> Reply:
        content = orjson.dumps(body) if body is not None else None
        headers = {"Authorization": self._authorization(), "Accept": "application/json", "Accept-Encoding": "gzip",
                   "User-Agent": "operator-qos"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return self._exchange(urllib.request.Request(url, content, headers, method=method))  # noqa: S310  # http(s) only

    def _authorization(self) -> str:
        if not self._renews:
            return self._access.api_key
        if not self._token or self._pace.now() > self._token_until:
            self._fetch_token()
        return f"Bearer {self._token}"

    def _fetch_token(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": self._access.client_id,
                "client_secret": self._access.client_secret}
        request = urllib.request.Request(  # noqa: S310  # an address of the connection's settings
            self._access.token_address, urllib.parse.urlencode(form).encode(), {"Accept": "application/json"})
        reply = self._exchange(request)
        found = reply.document if isinstance(reply.document, Mapping) else {}
        if reply.status >= 400 or not isinstance(found.get("access_token"), str):
            raise SourceRefused(f"The token's address answered {reply.status} without a token.",
                                "Check the client's id and secret.")
        lasts = found.get("expires_in")
        self._token = found["access_token"]
        self._token_until = self._pace.now() + (lasts if isinstance(lasts, int) else 300) - RENEW_SECONDS

    def _exchange(self, request: urllib.request.Request) -> Reply:
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return _read(answer.status, answer.headers, answer.read(MOST_BYTES + 1))
        except urllib.error.HTTPError as error:
            with error:
                return _read(error.code, error.headers, error.read(MOST_BYTES))
        except (OSError, HTTPException, UnicodeError) as error:  # the last of a name that no address can have
            raise _Trouble(f"did not answer ({type(error).__name__})") from error


def _read(status: int, headers: Any, content: bytes) -> Reply:
    """The reply of an answer. Raises _Trouble for what another attempt may mend."""
    named = {name.lower(): value for name, value in headers.items()}
    if status == 429 or status >= 500:
        raise _Trouble(f"answered {status}", _read_seconds(named.get("retry-after", "")))
    if len(content) > MOST_BYTES:
        raise _Trouble(f"sent more than {MOST_BYTES} bytes")
    if named.get("content-length", "").isdigit() and len(content) < int(named["content-length"]):
        raise _Trouble("sent an answer that breaks off")
    try:
        if named.get("content-encoding") == "gzip":
            content = zlib.decompressobj(31).decompress(content, MOST_BYTES)
        document = orjson.loads(content) if content.strip() else None
    except (zlib.error, orjson.JSONDecodeError) as error:
        if status >= 400:
            return Reply(status, named, None)
        raise _Trouble("sent an answer that breaks off or is no JSON") from error
    return Reply(status, named, document)


def _read_seconds(text: str) -> float | None:
    try:
        return max(0.0, float(text))
    except ValueError:
        return None


def _accepted(operation: str, reply: Reply) -> Reply:
    if reply.status in {401, 403}:
        raise SourceRefused(f"{operation}: the platform answered {reply.status}.",
                            "Check that the key is right, not expired, and may call this operation.")
    if reply.status >= 300:
        said = f" It says: {str(reply.document)[:300]}" if reply.document is not None else ""
        raise SourceRefused(f"{operation}: the platform answered {reply.status}.{said}",
                            "Check the address and what the platform allows.")
    return reply

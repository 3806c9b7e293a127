"""Who is let in and how often: tokens that expire, calls a minute for each operation, a clock that can be skipped."""

from __future__ import annotations

import base64
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

TOKEN_SECONDS = 3_599
MINUTE_SECONDS = 60.0


@dataclass
class GateClock:
    """Seconds that run by themselves and can be skipped, so that a test need not wait for a minute to pass."""

    skipped_seconds: float = 0.0

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic() + self.skipped_seconds

    def skip(self, seconds: float) -> None:
        """Let seconds pass at once."""
        self.skipped_seconds += seconds


@dataclass
class Gate:
    """Keys, tokens and counted calls. `calls` counts what came, `refused` what came too often, `hurried`
    what came before the time of a Retry-After."""

    api_key: str
    client_id: str
    client_secret: str
    calls_per_minute: Mapping[str, int]
    clock: GateClock = field(default_factory=GateClock)
    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    hurried: Counter[str] = field(default_factory=Counter)
    held: dict[str, float] = field(default_factory=dict)  # operation to the moment before which it was told not to come
    _tokens: dict[str, float] = field(default_factory=dict)
    _recent: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def give_token(self) -> str:
        """A new token, good for an hour."""
        token = f"lab-token-{len(self._tokens) + 1}"
        self._tokens[token] = self.clock.now() + TOKEN_SECONDS
        return token

    def expire_tokens(self) -> None:
        """No token given so far opens any more."""
        self._tokens = dict.fromkeys(self._tokens, 0.0)

    def admits(self, authorization: str) -> bool:
        """Whether that header opens: a Bearer token that is still good, or the API key, bare or as Basic's name."""
        scheme, _, token = authorization.partition(" ")
        if scheme == "Basic":
            return token == base64.b64encode(f"{self.api_key}:".encode()).decode()
        if scheme == "Bearer":
            return self._tokens.get(token, 0.0) > self.clock.now()
        return authorization == self.api_key

    def hold(self, operation: str, seconds: int) -> int:
        """Tell callers of an operation to wait; gives the seconds back."""
        self.held[operation] = self.clock.now() + seconds
        return seconds

    def forget(self) -> None:
        """Count anew, after an hour in which nobody called."""
        for counted in (self.calls, self.refused, self.hurried):
            counted.clear()
        self.held.clear()
        self.clock.skip(TOKEN_SECONDS + 1)

    def count_call(self, operation: str) -> int:
        """Count a call; seconds to wait when it came too soon (it is then refused), else 0."""
        self.calls[operation] += 1
        now, recent = self.clock.now(), self._recent[operation]
        self.hurried[operation] += now < self.held.pop(operation, 0.0)
        while recent and recent[0] <= now - MINUTE_SECONDS:
            recent.popleft()
        if len(recent) >= self.calls_per_minute.get(operation, 60):
            self.refused[operation] += 1
            return self.hold(operation, int(recent[0] + MINUTE_SECONDS - now) + 1)
        recent.append(now)
        return 0

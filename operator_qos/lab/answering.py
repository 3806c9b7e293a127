"""What stands before every call of a fake server: the key, the count of calls, and whatever goes wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from operator_qos.lab.lab import Lab


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of the one that was asked for."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


def find_refusal(lab: Lab, operation: str, authorization: str) -> Refusal | None:
    """Why this call is not answered, if it is not; counts it."""
    mishap = lab.misfortune.next_mishap(lab.chaos)
    if mishap == "expired" and authorization.startswith("Bearer "):
        lab.gate.expire_tokens()
    if not lab.gate.admits(authorization):
        lab.gate.calls["unauthorized"] += 1
        return Refusal(401, "UNAUTHORIZED", "The key or token does not open, or no more.")
    wait_seconds = lab.gate.count_call(operation)
    if wait_seconds:
        headers = {"Retry-After": str(wait_seconds)}
        return Refusal(429, "TOO_MANY_REQUESTS", f"{operation} is called too often.", headers)
    if mishap == "rate_limited":
        headers = {"Retry-After": str(lab.gate.hold(operation, 2))} if lab.gate.calls[operation] % 2 else {}
        return Refusal(429, "TOO_MANY_REQUESTS", "The platform is busy.", headers)
    return Refusal(500, "INTERNAL_ERROR", "Something broke.") if mishap == "errors" else _broken(mishap)


def _broken(mishap: str) -> Refusal | None:
    return Refusal(0, "BROKEN", "") if mishap == "broken" else None


def wait_where_slow(lab: Lab) -> None:
    """Let the caller wait, where calls are slow."""
    if lab.misfortune.is_slow(lab.chaos):
        time.sleep(lab.chaos.slow_seconds)

"""Whether a webhook was signed with a secret of ours, and lately enough. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from standardwebhooks.webhooks import Webhook

WINDOW = timedelta(minutes=5)  # how far a sender's clock may be off; an older call was taken from the line
LONGEST_ID = 200


@dataclass(frozen=True)
class Signed:
    """The headers of Standard Webhooks, and the body they sign."""

    message_id: str
    timestamp: str
    signature: str
    body: str


def find_flaw(signed: Signed, *, secrets: Iterable[str], now: datetime) -> tuple[str, str] | None:
    """What is wrong with a call: the header and a sentence; None when it is signed with one of the secrets."""
    if not 1 <= len(signed.message_id) <= LONGEST_ID or not signed.message_id.isprintable():
        return "webhook-id", f"is missing or longer than {LONGEST_ID} characters"
    if not signed.timestamp.isascii() or not signed.timestamp.isdigit() or len(signed.timestamp) > 11:
        return "webhook-timestamp", "is missing or no number of seconds since 1970"
    at = datetime.fromtimestamp(int(signed.timestamp), UTC)
    if abs(now - at) > WINDOW:
        return "webhook-timestamp", "lies more than five minutes from now; sign each call when it is sent"
    given = [part for part in signed.signature.split(" ")[:10] if part.startswith("v1,")]
    wanted = [Webhook(secret).sign(signed.message_id, at, signed.body) for secret in secrets]
    # Every pair is compared, so that the time taken tells nothing.
    matches = [hmac.compare_digest(mine.encode(), theirs.encode()) for mine in wanted for theirs in given]
    return None if any(matches) else ("webhook-signature", "fits neither the secret nor the body")

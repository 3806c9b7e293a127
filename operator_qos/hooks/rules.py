"""What a webhook says and how it is signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

# What an address may be told of. A topic like "dispute.answer" belongs to the group before its dot.
TOPICS = ("dispute", "standing", "act", "statement")
# What a seller's own address may be told of, about its own shops. A test is told to whoever asks for one.
SELLER_TOPICS = ("obligation", "dispute", "standing", "statement")
TEST_TOPIC = "test.asked"
SECRET_PREFIX = "whsec_"  # noqa: S105  # the mark of Standard Webhooks, no secret
KEY_LENGTH = 200


def wants(topics: Collection[str], topic: str) -> bool:
    """Whether an address that chose these groups is told of the topic; none chosen means everything."""
    return not topics or topic.partition(".")[0] in topics


def is_address(url: str) -> bool:
    """Whether it can be called at all."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0 and len(url) <= 500
    except ValueError:
        return False


def write_body(topic: str, data: Mapping[str, Any], *, at: datetime) -> str:
    """The JSON text of a call as Standard Webhooks wants it: type, moment, data."""
    return json.dumps({"type": topic, "timestamp": at.astimezone(UTC).isoformat(), "data": dict(data)},
                      ensure_ascii=False, sort_keys=True)


def shorten_key(key: str) -> str:
    """The key itself, or, where it is longer than the column, its beginning with a digest of the whole."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return key if len(key) <= KEY_LENGTH else f"{key[: KEY_LENGTH - 33]}~{digest}"


def name_message(hook_id: int, key: str) -> str:
    """The id of a message: nobody else's, and the same whenever it is told again."""
    return f"msg_{hashlib.sha256(f'{hook_id}|{key}'.encode()).hexdigest()[:32]}"


def sign(secret: str, *, message_id: str, at: datetime, body: str) -> str:
    """The signature header of a call: HMAC-SHA256 over id, second and body."""
    return Webhook(secret).sign(message_id, at.astimezone(UTC), body)

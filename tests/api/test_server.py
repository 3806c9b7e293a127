"""The same calls over a real connection to a real server."""

from __future__ import annotations

import gzip
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.api.sending import BATCH, PATH, Sender, event, list_logged, statuses

Address = tuple[str, int]


def call(address: Address, key: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    """Post over a connection of its own."""
    connection = HTTPConnection(*address, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    allowed = {"Authorization": f"Bearer {key}", "Content-Type": BATCH, **named}
    connection.request("POST", PATH, body=body, headers=allowed, encode_chunked=not isinstance(body, bytes))
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_a_batch_over_http_is_stored_before_it_is_answered(
    sender: Sender, address: Address, engine: Engine
) -> None:
    body = gzip.compress(json.dumps([event(1), event(1), event(2, shop="")]).encode())
    status, answer = call(address, sender.key, body, Content_Encoding="gzip")
    assert status == 200
    assert statuses(answer) == ["accepted", "duplicate", "quarantined"]
    assert list_logged(engine) == ["halle-fr:morvan", "e1"]


def test_a_body_in_chunks_is_taken(sender: Sender, address: Address) -> None:
    text = json.dumps([event(n) for n in range(40)]).encode()
    pieces = iter([text[:7], text[7:500], text[500:]])
    status, answer = call(address, sender.key, pieces, Transfer_Encoding="chunked")
    assert (status, answer["accepted"]) == (200, 40)


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"", 400), (b"[" * 100_000, 400), (b" " * (17 * 1024 * 1024), 413)]
)
def test_refusals_over_http_are_problems_in_json(
    sender: Sender, address: Address, body: bytes, status: int
) -> None:
    found, answer = call(address, sender.key, body)
    assert (found, answer["status"]) == (status, status)
    assert answer["detail"]


def test_a_wrong_key_over_http_opens_nothing(sender: Sender, address: Address) -> None:
    status, answer = call(address, "qos_wrong", b"[]")
    assert (status, answer["title"]) == (401, "No valid API key")


def test_a_sender_that_hangs_up_stores_nothing_and_the_next_is_served(
    sender: Sender, address: Address, engine: Engine
) -> None:
    body = json.dumps([event(1)]).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sender.key}\r\nContent-Type: {BATCH}\r\n"
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: {len(body) + 10}\r\n\r\n".encode() + body)
    assert call(address, sender.key, json.dumps([event(2)]).encode())[1]["accepted"] == 1
    assert list_logged(engine) == ["halle-fr:morvan", "e2"]


def test_senders_at_once_get_every_event_in_exactly_once(
    sender: Sender, address: Address, engine: Engine
) -> None:
    batches = [json.dumps([event(n) for n in range(start, start + 30)]).encode() for start in (0, 10, 20, 30)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: call(address, sender.key, body), batches * 2))
    assert {status for status, _ in answers} == {200}
    assert sum(answer["accepted"] for _, answer in answers) == 60
    assert sum(answer["duplicate"] for _, answer in answers) == 8 * 30 - 60
    assert sorted(list_logged(engine)) == sorted(["halle-fr:morvan", *(f"e{n}" for n in range(60))])

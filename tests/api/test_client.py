"""The client against the real site, and against a server that is busy, away or odd."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from operator_qos.client import ApiError, Client, Event, SendResult, Total, Unreachable
from operator_qos.client.documents import write_batches
from tests.api.sending import Sender, event, list_logged, make_key

AT = datetime(2026, 6, 17, 10, tzinfo=UTC)


def _order(number: int, **more: object) -> Event:
    return Event("qos.order.placed", "/shops/morvan", f"c{number}", AT, f"o-{number}", "halle-fr", "morvan",
                 {"currency": "EUR"}, more)


def test_events_arrive_in_batches_once_and_what_is_refused_is_told(
    sender: Sender, address: tuple[str, int], engine: Engine
) -> None:
    client = Client(f"http://{address[0]}:{address[1]}/", sender.key)
    sent = [_order(1), _order(2, comexample="é"), event(3, time="yesterday"), _order(1)]
    result = client.send_events(sent, batch=3)
    assert (result.accepted, result.duplicate, result.conflict, result.quarantined) == (2, 1, 0, 1)
    assert [(row.id, row.status, row.field) for row in result.refused] == [("e3", "quarantined", "time")]
    assert client.send_events(iter(sent)).duplicate == 3
    assert list_logged(engine) == ["halle-fr:morvan", "c1", "c2"]
    totals = [Total("/shops/morvan", "order.placed", date(2026, 6, 17), 2)]
    assert client.post_totals(totals, marketplace="halle-fr") == 1
    acts = Client(client.address, make_key(engine, "acts", "acts"))
    assert acts.list_asked_acts() == []
    with pytest.raises(ApiError, match="404 Not found"):
        acts.confirm_act(7)
    with pytest.raises(ApiError, match="403 Wrong scope"):
        client.list_asked_acts()


def test_a_time_without_zone_is_no_time() -> None:
    with pytest.raises(ValueError, match="needs its zone"):
        Event("qos.order.paid", "/s", "1", datetime(2026, 6, 17), "o", "m", "s").to_document()  # noqa: DTZ001


@given(st.lists(st.text(max_size=30), max_size=20), st.integers(1, 6), st.integers(40, 200))
def test_batches_hold_every_event_in_order_within_both_bounds(texts: list[str], most: int, size: int) -> None:
    batches = list(write_batches([{"id": text} for text in texts], most_events=most, most_bytes=size))
    assert [row["id"] for body in batches for row in json.loads(body)] == texts
    for body in batches:
        assert len(json.loads(body)) <= most
        assert len(body) <= size or len(json.loads(body)) == 1


def test_receipts_of_a_newer_server_are_read_as_well() -> None:
    row = {"source": "/s", "id": "1", "status": "conflict", "field": "", "reason": "r", "newer": 1}
    counts = dict.fromkeys(("accepted", "duplicate", "conflict", "quarantined"), 0)
    assert SendResult().plus({**counts, "events": [row]}).refused[0].reason == "r"


@dataclass
class Odd:
    """A server that answers what it is told to, and counts."""

    answers: list[tuple[int, dict[str, str], bytes]]
    slept: list[float] = field(default_factory=list)
    asked: int = 0
    address: str = ""

    def client(self) -> Client:
        return Client(self.address, "qos_x", tries=4, sleep=self.slept.append)


TAKEN = (200, {}, b'{"acts": []}')


@pytest.fixture
def odd() -> Iterator[Odd]:
    found = Odd([])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked += 1
            status, headers, body = found.answers.pop(0)
            if not status:  # hangs up
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.address = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()


def test_it_waits_as_long_as_it_is_asked_to_and_longer_each_time_else(odd: Odd) -> None:
    odd.answers = [(429, {"Retry-After": "7"}, b""), (0, {}, b""), (503, {}, b""), TAKEN]
    assert odd.client().list_asked_acts() == []
    assert odd.slept[0] == 7
    assert 2 <= odd.slept[1] <= 3
    assert 4 <= odd.slept[2] <= 6


def test_it_gives_up_in_the_end_and_says_why(odd: Odd) -> None:
    odd.answers = [(503, {"Retry-After": "900"}, b"")] * 4
    with pytest.raises(Unreachable, match="tried 4 times: the server answered 503"):
        odd.client().list_asked_acts()
    assert (odd.asked, odd.slept) == (4, [120, 120, 120])
    with pytest.raises(Unreachable, match="refused"):
        Client("http://127.0.0.1:9", "qos_x", tries=1).list_asked_acts()


@pytest.mark.parametrize(("answer", "said"), [
    ((400, {}, b'{"title": "No", "detail": "do this"}'), "400 No: do this"),
    ((500, {}, b"<html>"), "500 No answer of this API"), ((200, {}, b"<html>"), "200 No answer of this API"),
    ((404, {}, b"[1]"), "404 No answer"),
])  # fmt: skip
def test_a_refusal_is_not_tried_again(odd: Odd, answer: tuple[int, dict[str, str], bytes], said: str) -> None:
    odd.answers = [answer]
    with pytest.raises(ApiError, match=said):
        odd.client().list_asked_acts()
    assert odd.asked == 1


def test_acts_are_read_with_their_moments_and_what_a_newer_server_adds_is_left(odd: Odd) -> None:
    row = {"id": 3, "kind": "suspension", "subject": "s", "scope": {"shop": 1}, "state": "asked", "shop": "morvan",
           "marketplace": "halle-fr", "effective_at": "2026-06-17T10:00:00+00:00", "until_at": None, "newer": 1}
    odd.answers = [(200, {}, json.dumps({"acts": [row]}).encode())]
    (act,) = odd.client().list_asked_acts()
    assert (act.id, act.effective_at, act.until_at) == (3, AT, None)

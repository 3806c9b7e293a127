"""The client by a server of our own: pace, patience, tokens, packed and broken answers, and where a key may go."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from operator_qos.connectors.contract import Access, SourceRefused, SourceUnavailable
from operator_qos.connectors.mirakl.client import ATTEMPTS, Client, Pace
from operator_qos.connectors.mirakl.pages import list_by_offset, list_by_token

Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (200, {}, b'{"orders": []}')


@dataclass
class Platform:
    """Answers in turn what it was told to; the last answer stays."""

    address: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)  # path, Authorization

    def next_answer(self, path: str, key: str) -> Answer:
        self.asked.append((path, key))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def platform() -> Iterator[Platform]:
    made = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = made.next_answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()


def connect(platform: Platform, waits: list[float], **more: str) -> Client:
    return Client(Access(platform.address, "/s", "fr", api_key="the key", **more), pause=waits.append)


def test_a_key_is_sent_as_it_is_and_a_packed_answer_read(platform: Platform) -> None:
    platform.answers = [(200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"total_count": 3}'))]
    assert connect(platform, []).get("S20", "/api/shops", [("max", "1")]) == {"total_count": 3}
    assert platform.asked == [("/api/shops?max=1", "the key")]


@pytest.mark.parametrize(("trouble", "waits"), [
    ((429, {"Retry-After": "7"}, b""), [7.0]), ((429, {}, b""), [1.0]), ((503, {"Retry-After": "soon"}, b""), [1.0]),
    ((200, {}, b'{"orders": ['), [1.0]), ((200, {"Content-Encoding": "gzip"}, b"no gzip"), [1.0]),
    ((200, {"Content-Length": "99"}, b"{}"), [1.0])])
def test_a_call_that_may_go_better_is_made_again_after_a_while(
    platform: Platform, trouble: Answer, waits: list[float]
) -> None:
    platform.answers, waited = [trouble, OK], list[float]()
    assert connect(platform, waited).get("OR11", "/api/orders") == {"orders": []}
    assert waited == waits


def test_what_never_goes_better_is_given_up_with_how_long_to_wait(platform: Platform) -> None:
    platform.answers, waited = [(429, {"Retry-After": "600"}, b"")], list[float]()
    with pytest.raises(SourceUnavailable, match="answered 429") as given_up:
        connect(platform, waited).get("OR11", "/api/orders")
    assert given_up.value.retry_after_seconds == 600
    assert len(platform.asked) == ATTEMPTS
    assert waited == [120.0] * (ATTEMPTS - 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_no_is_not_asked_for_again(platform: Platform, status: int) -> None:
    platform.answers = [(status, {}, b'{"message": "no"}')]
    with pytest.raises(SourceRefused, match=str(status)):
        connect(platform, []).get("OR11", "/api/orders")
    assert len(platform.asked) == 1


def test_a_key_does_not_follow_to_another_address(platform: Platform) -> None:
    platform.answers = [(302, {"Location": f"{platform.address}/elsewhere"}, b"")]
    with pytest.raises(SourceRefused, match="302"):
        connect(platform, []).get("OR11", "/api/orders")
    assert [path for path, _ in platform.asked] == ["/api/orders"]


def test_a_token_is_fetched_once_and_anew_when_it_opens_no_more(platform: Platform) -> None:
    tokens = [(200, {}, json.dumps({"access_token": f"t{n}", "expires_in": 3599}).encode()) for n in (1, 2)]
    platform.answers = [tokens[0], OK, OK, (401, {}, b""), tokens[1], OK]
    client = connect(platform, [], token_address=f"{platform.address}/oauth/token", client_id="c", client_secret="s")
    for _ in range(3):
        client.get("OR11", "/api/orders")
    assert [key for path, key in platform.asked if path == "/api/orders"] == [
        "Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]


def test_a_tokens_address_that_refuses_is_told(platform: Platform) -> None:
    platform.answers = [(400, {}, b'{"error": "invalid_client"}')]
    client = connect(platform, [], token_address=f"{platform.address}/oauth/token", client_id="c", client_secret="s")
    with pytest.raises(SourceRefused, match="id and secret"):
        client.get("OR11", "/api/orders")


@pytest.mark.parametrize("address", ["ftp://x", "mirakl.net", "", "file:///etc/passwd", "http://[", "http://x:port"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SourceRefused, match="no address"):
        Client(Access(address, "/s", "fr"), pause=lambda _: None)


@pytest.mark.parametrize("key", ["very-secret\n", "very-secret\r\nHost: x", "very-secret’"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_quoted(key: str) -> None:
    with pytest.raises(SourceRefused, match="key holds characters") as refused:
        Client(Access("http://127.0.0.1:9", "/s", "fr", api_key=key), pause=lambda _: None)
    assert "very-secret" not in str(refused.value)


def test_a_name_that_no_machine_can_have_does_not_answer() -> None:
    client = Client(Access(f"http://{'a' * 70}", "/s", "fr", api_key="k"), pause=lambda _: None, attempts=1)
    with pytest.raises(SourceUnavailable, match="did not answer"):
        client.get("S20", "/api/shops")


def test_an_operation_is_called_no_faster_than_allowed() -> None:
    clock, waited = [100.0], list[float]()

    def pause(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += seconds

    pace = Pace(pause, {"OR11": 2}, monotonic=lambda: clock[0])
    moments = []
    for _ in range(5):
        pace.take_turn("OR11")
        moments.append(clock[0])
        clock[0] += 1
    assert waited == [59.0, 59.0]
    assert all(later - earlier >= 60 for earlier, later in zip(moments, moments[2:], strict=False))
    pace.take_turn("RT11")  # another operation has a count of its own
    assert len(waited) == 2


def shops(*ids: int, total: int) -> Answer:
    return 200, {}, json.dumps({"shops": [{"shop_id": n} for n in ids], "total_count": total}).encode()


def test_a_listing_whose_pages_move_is_read_until_nothing_is_missing(platform: Platform) -> None:
    platform.answers = [shops(1, 2, total=4), shops(2, 4, total=4), shops(3, 1, total=4), shops(2, 4, total=4)]
    pages = list(list_by_offset(connect(platform, []), "S20", "/api/shops", [], rows="shops", key="shop_id"))
    assert {row["shop_id"] for page in pages for row in page} == {1, 2, 3, 4}


def test_a_listing_that_shows_things_twice_is_whole_once_nothing_new_comes(platform: Platform) -> None:
    platform.answers = [shops(1, 2, 1, total=3)]
    pages = list(list_by_offset(connect(platform, []), "S20", "/api/shops", [], rows="shops", key="shop_id"))
    assert len(pages) == 3


def test_later_pages_are_asked_for_by_their_token_alone(platform: Platform) -> None:
    platform.answers = [(200, {}, b'{"data": [{"id": 1}, 7], "next_page_token": "n 2"}'), (200, {}, b'{"data": []}')]
    pages = list(list_by_token(connect(platform, []), "M11", "/api/inbox/threads", [("limit", "50")]))
    assert pages == [[{"id": 1}], []]
    assert [path for path, _ in platform.asked] == [
        "/api/inbox/threads?limit=50", "/api/inbox/threads?page_token=n+2"]

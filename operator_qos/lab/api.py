"""How a fake server answers: one call at a time, guarded, now and then broken off, small bodies plain, large zipped."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from flask import Flask, Response, request
from werkzeug.datastructures import MultiDict

from operator_qos.lab.answering import Refusal, find_refusal, wait_where_slow
from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.texts import read_moment, stamp

Handler = Callable[..., Any]
ZIPPED_BYTES = 1_000
MOST_DIGITS = 18


class BadCall(Exception):
    """The call asks for what cannot be answered."""

    def __init__(self, message: str, *, status: int = 400, code: str = "VALIDATION_ERROR") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def create_app(name: str, lab: Lab) -> Flask:
    """An empty application of a fake server."""
    app = Flask(name, static_folder=None)
    app.config["LAB"] = lab
    app.register_error_handler(BadCall, lambda bad: answer_error(bad.status, bad.code, str(bad)))
    app.register_error_handler(404, lambda _: answer_error(404, "NOT_FOUND", "There is nothing at this address."))
    app.after_request(lambda response: _dated(lab, response))
    return app


def guarded(app: Flask, lab: Lab, operation: str, rule: str, *, methods: tuple[str, ...] = ("GET",)) -> Callable[
        [Handler], Handler]:
    """Serve a call at an address: let in, counted, disturbed as the switches say."""
    def serve(handler: Handler) -> Handler:
        @wraps(handler)
        def answer(**names: str) -> Response:
            with lab.lock:
                refusal = find_refusal(lab, operation, request.headers.get("Authorization", ""))
                made = to_response(handler(**names)) if refusal is None or not refusal.status else None
            wait_where_slow(lab)
            if made is None and refusal is not None:
                return _refuse(refusal)
            assert made is not None  # noqa: S101  either there is an answer or a refusal
            return made if refusal is None else _break_off(lab, made)

        app.add_url_rule(rule, endpoint=f"{operation} {rule}", view_func=answer, methods=list(methods))
        return handler
    return serve


def to_response(made: Any) -> Response:
    """A document as JSON, zipped where it is large and the caller can read that."""
    if isinstance(made, Response):
        return made
    body, headers = made if isinstance(made, tuple) else (made, {})
    data = orjson.dumps(body)
    response = Response(data, 200, headers, content_type="application/json")
    if len(data) > ZIPPED_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.set_data(gzip.compress(data, compresslevel=1))
        response.headers["Content-Encoding"] = "gzip"
    return response


def answer_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error in the platform's form."""
    body = orjson.dumps({"status": status, "code": code, "message": message})
    return Response(body, status, headers, content_type="application/json")


def _refuse(refusal: Refusal) -> Response:
    return answer_error(refusal.status, refusal.code, refusal.message, refusal.headers)


def _break_off(lab: Lab, response: Response) -> Response:
    """Half an answer: every other time the length still promises all of it, and the connection ends."""
    whole = response.get_data()
    half = whole[: len(whole) // 2]
    if sum(lab.gate.calls.values()) % 2:
        return Response(half, 200, {"Content-Type": "application/json", **_encoding(response)})
    headers = {"Content-Type": "application/json", "Content-Length": str(len(whole)), **_encoding(response)}
    return Response(iter([half]), 200, headers)


def _encoding(response: Response) -> dict[str, str]:
    name = response.headers.get("Content-Encoding")
    return {"Content-Encoding": name} if name else {}


def _dated(lab: Lab, response: Response) -> Response:
    response.headers["X-Lab-Time"] = stamp(lab.clock.now())
    return response


def query_args() -> MultiDict[str, str]:
    """What the list was asked for: by its first page when this is a later one, whose token carries it."""
    token = request.args.get("page_token")
    if token is None:
        return request.args
    try:
        query = bytes.fromhex(token.split(".", 1)[1]).decode()
    except (ValueError, IndexError):
        raise BadCall("page_token is none that was given.") from None
    return MultiDict(parse_qsl(query))


def read_page_begin() -> int:
    """The place in the list at which this page begins. Raises BadCall."""
    begin = request.args.get("page_token", "0.").partition(".")[0]
    if not begin.isdecimal() or len(begin) > MOST_DIGITS:
        raise BadCall("page_token is none that was given.")
    return int(begin)


def make_page_token(begin: int) -> str:
    """A token for another page of the same list."""
    return f"{begin}.{urlencode(list(query_args().items(multi=True))).encode().hex()}"


def read_number(name: str, default: int, most: int) -> int:
    """A whole number of the query, at most `most`. Raises BadCall."""
    text = query_args().get(name, str(default))
    if not text.isdecimal() or len(text) > MOST_DIGITS or int(text) > most:
        raise BadCall(f"{name} must be a whole number from 0 to {most}.")
    return int(text)


def read_moment_arg(name: str) -> int | None:
    """A moment of the query in epoch seconds. Raises BadCall."""
    text = query_args().get(name)
    if text is None:
        return None
    try:
        return read_moment(text)
    except ValueError:
        raise BadCall(f"{name} must be an ISO 8601 moment.") from None


def read_list(name: str, *, most: int = 10_000) -> list[str]:
    """The parts of a comma-joined value of the query. Raises BadCall."""
    found = [part for part in query_args().get(name, "").split(",") if part]
    if len(found) > most:
        raise BadCall(f"{name} holds {len(found)} values; at most {most} are allowed.")
    return found


def read_repeated(name: str, *, most: int) -> list[str]:
    """The values of a repeated name of the query. Raises BadCall."""
    found = query_args().getlist(name)
    if len(found) > most:
        raise BadCall(f"{name} is given {len(found)} times; at most {most} are allowed.")
    return found


def read_document() -> dict[str, Any]:
    """The JSON object of the body. Raises BadCall."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadCall("The body must be a JSON object.")
    return body

"""What people and programs read when something cannot be answered."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, json, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.i18n import gettext as _
from operator_qos.permissions import is_api

PAGES = {400, 404, 413, 429, 500, 503}


@dataclass(frozen=True)
class ErrorWords:
    """Heading, explanation and what to do, in the reader's language."""

    heading: str
    text: str
    advice: str


def problem(status: int, title: str, detail: str, **extra: Any) -> Response:
    """An answer for programs after RFC 9457."""
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return Response(json.dumps(document, ensure_ascii=False), status, mimetype="application/problem+json")


def _words(code: int) -> ErrorWords:
    if code == 404:
        return ErrorWords(
            _("Page not found"),
            _("There is nothing at this address, or it is not open to you."),
            _("Check the address, or start again from the first page."),
        )
    if code == 413:
        return ErrorWords(
            _("Too large"), _("What you sent is larger than this site takes."), _("Send it in smaller parts.")
        )
    if code == 429:
        return ErrorWords(
            _("Too many attempts"),
            _("This was tried too often, from here or for this account."),
            _("Wait a while, then try again. If you forgot your password, the sign-in page sends you a link."),
        )
    if code >= 500:
        return ErrorWords(
            _("Something went wrong on our side"),
            _("Your last step was not saved."),
            _("Try again in a moment. If it happens again, tell the operator what you were doing and when."),
        )
    return ErrorWords(
        _("This cannot be done"),
        _("The form was open for too long, or what it sent could not be read."),
        _("Go back, reload the page and send it again."),
    )


def render_error(code: int) -> Response:
    """The error page: nothing in it depends on the address, so that a refused page equals a missing one."""
    g.is_error_page = True
    page = render_template("errors/error.html", words=_words(code))
    return Response(page, code, mimetype="text/html")


def _plain_status(code: int) -> int:
    # A page refused for its method or its reader must not tell that it exists.
    return 404 if code in {401, 403, 405, 410} else code


def handle_http(error: HTTPException) -> BaseResponse:
    """Any error answer, as a page or as a problem."""
    code = error.code or 500
    if code < 400:
        return error.get_response()
    if is_api():
        answer = problem(code, HTTPStatus(code).phrase, error.description or "")
        if code == 405:
            answer.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return answer
    shown = _plain_status(code)
    return render_error(shown if shown in PAGES or shown >= 500 else 400)


def handle_crash(error: InternalServerError) -> BaseResponse:
    """A defect, already logged by Flask. The page asks nothing of the database, which may be the cause."""
    g.setdefault("actor", None)
    if is_api():
        return problem(500, "Internal error", "The request was not processed. It is safe to send it again.")
    try:
        return render_error(500)
    except Exception:
        current_app.logger.exception("the error page itself failed for %s", request.path)
        return Response("Something went wrong on our side.", 500, mimetype="text/plain")


def init_errors(app: Flask) -> None:
    """Answer every error in our own words."""
    app.register_error_handler(HTTPException, handle_http)
    app.register_error_handler(InternalServerError, handle_crash)

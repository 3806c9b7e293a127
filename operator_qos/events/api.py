"""`POST /api/v1/events`: CloudEvents in; what became of each is said only once it is stored for good."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from operator_qos.accounts.quotas import take_quota
from operator_qos.errors import problem
from operator_qos.events.bodies import (
    MAX_BYTES,
    MAX_EVENTS,
    MEDIA_TYPES,
    PLAIN,
    BodyRefused,
    Sent,
    check_kind,
    is_binary,
    read_attributes,
    read_documents,
    to_text,
    too_large,
    unpack,
)
from operator_qos.events.quarantine import MAX_KEPT_BYTES, ingest_in_parts, keep_body
from operator_qos.events.service import DATABASE_ERRORS, Counts, Intake, Receipt, is_transient
from operator_qos.ledger.pending import is_backlogged
from operator_qos.permissions import current_machine, machine
from operator_qos.web import get_session, get_site, now
from scoring.events import Problem

blueprint = Blueprint("events_api", __name__, url_prefix="/api/v1")
PERMISSIONS = {"events_api.post_events": machine("ingest", tenant="marketplace of the key")}
RETRY_SECONDS, BACKLOG_SECONDS = 5, 30


@dataclass(frozen=True)
class _Answer:
    """What became of a call: the counts, and each event in the order sent."""

    accepted: int
    duplicate: int
    conflict: int
    quarantined: int
    events: list[Receipt]


@blueprint.post("/events")
def post_events() -> Response:
    """Take one event or up to ten thousand in; 200 with a status for each. Commits."""
    intake = _intake()
    get_session().rollback()  # the key is read; what reads must not be held open while we write
    try:
        sent = _read_request()
        check_kind(sent)
        documents = _read_documents(sent, intake)
    except BodyRefused as refused:
        return _refuse(refused)
    speaks = sent.attributes is not None or sent.media_type != PLAIN
    return hold_back(len(documents)) or _take_in(documents, replace(intake, checks_envelope=speaks))


def _intake() -> Intake:
    caller = current_machine()
    days = get_site().settings.body_retention_days
    return Intake(now(), f"key {caller.name}", marketplace=caller.marketplace_id, retention_days=days,
                  sources=caller.sources)


def hold_back(events: int) -> Response | None:
    """The answer 429 to a key that sends too much, or while too much waits to be worked out; None lets it go on."""
    held = hold_back_all()
    if held is not None:
        return held
    seconds = take_quota(get_site().engine, current_machine(), events=events, now=now())
    return _ask_to_wait(seconds, "This key's quota of the minute is spent.") if seconds else None


def hold_back_all() -> Response | None:
    """The answer 429 to everybody while too much waits to be worked out."""
    site = get_site()
    if not is_backlogged(site.engine, limit=site.settings.backlog_limit):
        return None
    return _ask_to_wait(BACKLOG_SECONDS, "More events wait to be worked out than can be kept up with.")


def _ask_to_wait(seconds: int, why: str) -> Response:
    text = f"{why} Nothing of this call was taken in; send it again in {seconds} seconds."
    answer = problem(429, "Too much at once", text, retry_after_seconds=seconds)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _read_request() -> Sent:
    try:
        content = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise too_large() from None
    except ClientDisconnected:
        detail = "The body breaks off before its announced length. Send it again."
        raise BodyRefused(400, "Broken off", detail, where="body") from None
    sent = Sent(
        content, request.mimetype, request.mimetype_params.get("charset", ""),
        request.headers.get("Content-Encoding", "").strip())
    return replace(sent, attributes=read_attributes(request.headers)) if is_binary(request.mimetype) else sent


def _read_documents(sent: Sent, intake: Intake) -> list[object]:
    content = sent.content
    try:
        content = unpack(sent)
        return read_documents(sent, content)
    except BodyRefused as refused:
        if refused.keep and len(content) <= MAX_KEPT_BYTES:
            reason = Problem(refused.where, f"{refused.title}: {refused.detail}")
            keep_body(get_site().engine, to_text(content), reason, intake=intake)
        else:
            refused.keep = False
        raise


def _take_in(documents: list[object], intake: Intake) -> Response:
    try:
        receipts = ingest_in_parts(get_site().engine, documents, intake=intake)
    except DATABASE_ERRORS as error:
        if not is_transient(error):
            raise
        answer = problem(503, "Busy", "The database is busy. Nothing is lost by sending the same call again.")
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer
    told = _Answer(**vars(Counts().plus(receipts)), events=receipts)
    # Thousands of flat records: to copy them field by field costs more than to write them.
    return jsonify({**vars(told), "events": [receipt._asdict() for receipt in told.events]})


def _refuse(refused: BodyRefused) -> Response:
    answer = problem(
        refused.status, refused.title, refused.detail, where=refused.where, kept_in_quarantine=refused.keep,
        max_events=MAX_EVENTS, max_bytes=MAX_BYTES)
    if refused.status == 415:
        answer.headers["Accept"] = ", ".join(MEDIA_TYPES)
        answer.headers["Accept-Encoding"] = "gzip"
    return answer

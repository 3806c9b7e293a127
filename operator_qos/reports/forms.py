"""What pages and the API of exports share: what was asked for, and files as answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO

from flask import Response, request

from operator_qos.reports.queries import read_sheet
from operator_qos.reports.rules import KNOWN, NAMES, FilterError, Filters
from operator_qos.reports.saved import ExportRow, to_wanted
from operator_qos.sheets import FORMATS, MEDIA_TYPES, Sheet, TooLongError, write_sheet_to
from operator_qos.web import get_session, now

LONGEST_FILTER = 200
IN_MEMORY, _PART = 5_000_000, 1 << 16  # bytes of a file held, and sent at once


def read_filters(sent: Mapping[str, str], sheet: str, shop_ids: tuple[int, ...] | None) -> Filters:
    """What narrows a table. Raises FilterError for what this table cannot be narrowed by."""
    chosen = {name: sent.get(name, "").strip() for name in NAMES}
    for name, value in chosen.items():
        if value and name not in KNOWN.get(sheet, NAMES):
            raise FilterError(name, f"{sheet} cannot be narrowed by {name}")
        if len(value) > LONGEST_FILTER or "\x00" in value:
            raise FilterError(name, f"at most {LONGEST_FILTER} characters")
    return Filters(shop_ids=shop_ids, **chosen)


def send_sheet(sheet: Sheet, form: str, name: str) -> Response:
    """A table as a file, or 304 where the caller has just that. Raises FilterError."""
    if form not in FORMATS:
        raise FilterError("format", f"{form!r} is none of {', '.join(FORMATS)}")
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed with the answer
    try:
        write_sheet_to(file, sheet, form)  # type: ignore[arg-type]  # all of BinaryIO that is asked for
    except TooLongError as error:
        file.close()
        raise FilterError("format", str(error)) from error
    answer = Response(_read_parts(file), content_type=MEDIA_TYPES[form])
    answer.call_on_close(file.close)
    answer.content_length = file.tell()
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.set_etag(_digest(file))
    return _spare(answer)


def _digest(file: IO[bytes]) -> str:
    """The digest of a file, which stands at its beginning then."""
    found = sha256()
    file.seek(0)
    while part := file.read(_PART):
        found.update(part)
    file.seek(0)
    return found.hexdigest()[:40]


def _read_parts(file: IO[bytes]) -> Iterator[bytes]:
    while part := file.read(_PART):
        yield part


def send_export(row: ExportRow) -> Response:
    """A saved export as it stands now."""
    return send_sheet(read_sheet(get_session(), to_wanted(get_session(), row), now=now()), row.form, row.file_name)


def with_etag(answer: Response) -> Response:
    """The answer, or 304 where the caller has just that."""
    answer.add_etag()
    return _spare(answer)


def _spare(answer: Response) -> Response:
    answer.cache_control.private, answer.cache_control.no_cache = True, True
    answer.make_conditional(request)
    return answer

"""Listings in pages, though things move between the pages while they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from operator_qos.connectors.contract import SourceUnavailable
from operator_qos.connectors.mirakl.client import Client, Params

PAGE = 100
OVERLAP = 5  # rows read again with the next page: what moves up by a few places is not skipped
PASSES, QUIET_PASSES = 8, 2
Row = Mapping[str, Any]


def list_by_offset(
    client: Client, operation: str, path: str, params: Params, *, rows: str, key: str
) -> Iterator[list[Row]]:
    """Pages of a listing by offset, read again until as many different things were seen as it says there are.

    A listing that shows things twice says too many: it is whole when reading it twice more brought nothing new. Raises
    SourceUnavailable when it never holds still; what came is good all the same.
    """
    seen: set[str] = set()
    quiet = 0
    for _ in range(PASSES):
        total, before = 0, len(seen)
        for page, total in _one_pass(client, operation, path, params, rows):  # noqa: B007  # the last one counts
            seen |= {str(row.get(key)) for row in page}
            yield page
        quiet = quiet + 1 if len(seen) == before else 0
        if len(seen) >= total or quiet == QUIET_PASSES:
            return
    raise SourceUnavailable(
        f"{operation}: {len(seen)} of {total} things came in {PASSES} readings; its pages move while they are read.",
        "The next run reads them again.")


def _one_pass(
    client: Client, operation: str, path: str, params: Params, rows: str
) -> Iterator[tuple[list[Row], int]]:
    offset = 0
    while True:
        document = client.get(operation, path, [*params, ("max", str(PAGE)), ("offset", str(offset))])
        page = read_rows(operation, document, rows)
        total = document.get("total_count") if isinstance(document, Mapping) else None
        count = total if isinstance(total, int) else offset + len(page)
        yield page, count
        end = offset + len(page)
        if not page or end >= count:
            return
        offset = max(offset + 1, end - OVERLAP)


def list_by_token(client: Client, operation: str, path: str, params: Params) -> Iterator[list[Row]]:
    """Pages of a listing that hands out a token for the next one; later calls carry the token alone."""
    asked: Params = params
    tokens: set[str] = set()
    while True:
        document = client.get(operation, path, asked)
        yield read_rows(operation, document, "data")
        token = document.get("next_page_token") if isinstance(document, Mapping) else None
        if not token or token in tokens:
            return
        tokens.add(str(token))
        asked = [("page_token", str(token))]


def read_rows(operation: str, document: object, name: str) -> list[Row]:
    """The objects of an answer's list. Raises SourceUnavailable without one: nothing may pass for nothing new."""
    found: object = document.get(name) if isinstance(document, Mapping) else document
    if not isinstance(found, list):
        raise SourceUnavailable(f"{operation}: the platform's answer holds no list {name}.",
                                "It is read again by itself; ask the platform if this lasts.")
    return [row for row in found if isinstance(row, Mapping)]

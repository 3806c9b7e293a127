"""Reading a Mirakl platform stream by stream: what changed since the last pull, a page a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from operator_qos.connectors.contract import Access, Batch, Memory, Pause, Remembered, Unreadable
from operator_qos.connectors.mirakl import aftercare, orders, shops, threads
from operator_qos.connectors.mirakl.client import Client, Params
from operator_qos.connectors.mirakl.differences import Difference, Known, Looked, Thing, digest
from operator_qos.connectors.mirakl.fields import Fields
from operator_qos.connectors.mirakl.pages import PAGE, Row, list_by_offset, list_by_token, read_rows
from operator_qos.connectors.mirakl.reasons import Reasons, read_reasons
from operator_qos.connectors.mirakl.writing import Writing
from operator_qos.connectors.rows import utc_text

OVERLAP = timedelta(minutes=10)  # changes dated by a clock that is behind, or shown late, are read the next time
SWEEP = timedelta(days=35)  # once a day every order placed since is read again
LONGEST_WAIT = timedelta(days=3)
LISTED_MESSAGES = 100  # a listing shows no more of a thread; the rest comes with the thread itself
Told = tuple[list[dict[str, Any]], Remembered]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a stream was read: when the last whole pull began, and on which day everything was read again."""

    at: datetime | None = None
    swept_on: date | None = None
    waits_since: datetime | None = None  # something could not be placed yet: what changed since is read again

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """The cursor of a text that `write` made."""
        stored = orjson.loads(text) if text else {}
        at, swept, waits = stored.get("at"), stored.get("swept_on"), stored.get("waits_since")
        return cls(datetime.fromisoformat(at) if at else None, date.fromisoformat(swept) if swept else None,
                   datetime.fromisoformat(waits) if waits else None)

    def write(self) -> str:
        """As it is stored."""
        return orjson.dumps({"at": self.at, "swept_on": self.swept_on, "waits_since": self.waits_since}).decode()

    def since(self, name: str) -> Params:
        """The parameter that asks for changes since the last pull; none before the first."""
        first = self.waits_since or self.at
        return [(name, utc_text(first - OVERLAP))] if first is not None else []

    def moved_to(self, now: datetime, *, waits: bool) -> Cursor:
        """After a whole pull; what could not be placed is waited for a few days."""
        first = self.waits_since or self.at
        return Cursor(now, waits_since=max(first, now - LONGEST_WAIT) if waits and first is not None else None)


@dataclass(slots=True)
class Pull:
    """One pull: what it reads with, and the newest date of change seen of each thing."""

    access: Access
    client: Client
    memory: Memory
    now: datetime
    given_reasons: Mapping[str, str]
    _reasons: Reasons | None = None
    newest: dict[tuple[str, str], str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)  # streams in which something could not be placed
    shops: dict[str, str] = field(default_factory=dict)  # of orders that were looked up

    @property
    def reasons(self) -> Reasons:
        """The platform's reasons, read when the first is needed."""
        if self._reasons is None:
            rows = read_rows("RE01", self.client.get("RE01", "/api/reasons"), "reasons")
            self._reasons = read_reasons(rows, self.given_reasons)
        return self._reasons

    def is_stale(self, stream: str, key: str, row: Row, known: Remembered) -> bool:
        """Whether a newer snapshot of the thing was read already."""
        changed = _changed(row)
        newest = self.newest.get((stream, key), "")
        if changed and changed < max(newest, _minus_overlap(known.get("u", ""))):
            return True
        self.newest[stream, key] = max(newest, changed)
        return False

    def learn_shops(self, page: Sequence[Row]) -> None:
        """Look up whose orders a page is about, where it does not say so."""
        named = {Fields("", "", row).text("order_id") for row in page if not row.get("shop_id")} - {"", *self.shops}
        seen = self.memory.find_seen("orders", sorted(named)) if named else {}
        self.shops |= {order: str(known.get("shop", "")) for order, known in seen.items()}

    def find_shop(self, order: str) -> str:
        """The shop of an order as it was read; empty until that came."""
        if order not in self.shops:
            self.learn_shops([{"order_id": order}])
        return self.shops.get(order, "")

    def thing(self, shop: str, name: str) -> Thing:
        """The envelope of a thing's events."""
        return Thing(self.access.source, self.access.marketplace, shop, name)

    def looked(self, cursor: Cursor, known: Remembered, created: datetime | None) -> Looked:
        """Between which moments lies what has no date: since the last pull, or since a new thing began."""
        return Looked.between(cursor.at if known else created, self.now)


Read = Callable[[Pull, Cursor, Fields, Remembered], Told | None]


@dataclass(frozen=True, slots=True)
class Stream:
    """A kind of thing: the name of its key, and what a snapshot of it tells."""

    name: str
    key: str
    read: Read


class Mirakl(Writing):
    """The connector; `reasons` says what the operator's own codes mean (see reasons.read_reasons)."""

    name = "mirakl"

    def __init__(self, access: Access, *, pause: Pause, reasons: Mapping[str, str] | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(Client(access, pause=pause))
        self._access, self._pause = access, pause
        self._reasons = reasons or {}

    def pull(self, memory: Memory, *, now: datetime) -> Iterator[Batch]:
        """Shops first, then what happens in them; raises SourceError."""
        pull = Pull(self._access, self._client, memory, now, self._reasons)
        for stream in (_pull_shops, _pull_orders, _pull_shipments, _pull_returns, _pull_threads, _pull_reviews):
            yield from stream(pull)

    def check(self) -> str:
        """Whether the platform lets us in, and how many shops it shows; tried briefly. Raises SourceError."""
        client = Client(self._access, pause=self._pause, timeout_seconds=10.0, attempts=3)
        found = client.get("S20", "/api/shops", [("max", "1"), ("offset", "0")])
        count = found.get("total_count") if isinstance(found, Mapping) else None
        return f"{count} shops" if count is not None else "it answers"


def _pull_shops(pull: Pull) -> Iterator[Batch]:
    """Shops that changed, once a day all of them, each with its hours: these move a shop's date of change."""
    cursor, today = _cursor(pull, "shops"), pull.now.date()
    for page in _list_shops(pull, cursor.since("updated_since") if cursor.swept_on == today else []):
        yield from _batches(pull, SHOPS, cursor, [page])
        hours = _list_hours(pull, page, first=cursor.swept_on != today)
        yield from _batches(pull, HOURS, cursor, ([row] for row in hours))
    yield Batch("shops", cursor=Cursor(pull.now, today).write())


def _list_shops(pull: Pull, since: Params) -> Iterator[list[Row]]:
    params = [("paginate", "true"), *since]
    return list_by_offset(pull.client, "S20", "/api/shops", params, rows="shops", key="shop_id")


def _list_hours(pull: Pull, shops_shown: Sequence[Row], *, first: bool) -> Iterator[Row]:
    """The hours of shops that changed since their hours were read; in a day's first pull a seventh of all others."""
    seen = pull.memory.find_seen("hours", [_key(SHOPS, row) for row in shops_shown])
    for row in shops_shown:
        shop = _key(SHOPS, row)
        if shop and (seen.get(shop, {}).get("u") != _changed(row) or (first and _is_its_day(shop, pull.now))):
            hours = pull.client.get("S51", f"/api/shops/{quote(shop)}/business_hours")
            yield {**(hours if isinstance(hours, Mapping) else {}), "shop_id": shop,
                   "date_created": row.get("date_created"), "last_updated_date": _changed(row)}


def _is_its_day(shop: str, now: datetime) -> bool:
    """Whether a shop is looked at whole today: each on one day of the week."""
    return int(digest(shop), 16) % 7 == now.weekday()


def _pull_orders(pull: Pull) -> Iterator[Batch]:
    cursor, today = _cursor(pull, "orders"), pull.now.date()
    yield from _batches(pull, ORDERS, cursor, _list_orders(pull, cursor.since("start_update_date")))
    if cursor.at is not None and cursor.swept_on != today:
        start = [("start_date", utc_text(pull.now - SWEEP))]
        yield from _batches(pull, ORDERS, cursor, _list_orders(pull, start))
    yield Batch("orders", cursor=Cursor(pull.now, today).write())


def _list_orders(pull: Pull, params: Params) -> Iterator[list[Row]]:
    asked = [*params, ("sort", "dateCreated"), ("order", "asc")]
    return list_by_offset(pull.client, "OR11", "/api/orders", asked, rows="orders", key="order_id")


def _pull_shipments(pull: Pull) -> Iterator[Batch]:
    yield from _pull_seek(pull, SHIPMENTS, "ST11", "/api/shipments", "last_updated_from")


def _pull_returns(pull: Pull) -> Iterator[Batch]:
    yield from _pull_seek(pull, RETURNS, "RT11", "/api/returns", "return_last_updated_from")


def _pull_threads(pull: Pull) -> Iterator[Batch]:
    cursor = _cursor(pull, "threads")
    params = [("with_messages", "true"), ("limit", "50"), *cursor.since("updated_since")]
    pages = list_by_token(pull.client, "M11", "/api/inbox/threads", params)
    yield from _batches(pull, THREADS, cursor, ([_whole_thread(pull, row) for row in page] for page in pages))
    yield Batch("threads", cursor=cursor.moved_to(pull.now, waits="threads" in pull.waiting).write())


def _pull_seek(pull: Pull, stream: Stream, operation: str, path: str, since: str) -> Iterator[Batch]:
    cursor = _cursor(pull, stream.name)
    params = [("limit", str(PAGE)), *cursor.since(since)]
    yield from _batches(pull, stream, cursor, list_by_token(pull.client, operation, path, params))
    yield Batch(stream.name, cursor=cursor.moved_to(pull.now, waits=stream.name in pull.waiting).write())


def _whole_thread(pull: Pull, row: Row) -> Row:
    """The thread with every message; a listing leaves out the oldest of a long one."""
    data = row.get("metadata")
    total = data.get("total_count") if isinstance(data, Mapping) else None
    messages = row.get("messages")
    shown = len(messages) if isinstance(messages, list) else 0
    if not isinstance(total, int) or total <= max(shown, LISTED_MESSAGES) or not row.get("id"):
        return row
    whole = pull.client.get("M10", f"/api/inbox/threads/{quote(str(row['id']))}")
    return whole if isinstance(whole, Mapping) else row


def _pull_reviews(pull: Pull) -> Iterator[Batch]:
    """Once a day the reviews of shops whose number or mean of stars moved, and of each shop once a week."""
    cursor, today = _cursor(pull, "reviews"), pull.now.date()
    if cursor.swept_on == today:
        return
    for page in _list_shops(pull, []):
        marks = {_key(SHOPS, row): [row.get("evaluations_count"), row.get("grade")] for row in page}
        seen = pull.memory.find_seen("reviews", [f"shop {shop}" for shop in marks])
        for shop, mark in marks.items():
            if shop and (seen.get(f"shop {shop}", {}).get("mark") != mark or _is_its_day(shop, pull.now)):
                yield from _pull_reviews_of(pull, cursor, shop)
                yield Batch("reviews", seen={f"shop {shop}": {"mark": mark}})
    yield Batch("reviews", cursor=Cursor(pull.now, today).write())


def _pull_reviews_of(pull: Pull, cursor: Cursor, shop: str) -> Iterator[Batch]:
    path = f"/api/shops/{quote(shop)}/evaluations"
    pages = list_by_offset(pull.client, "S03", path, (), rows="evaluations", key="order_id")
    yield from _batches(pull, REVIEWS, cursor, ([{**row, "shop_id": shop} for row in page] for page in pages))


def _cursor(pull: Pull, stream: str) -> Cursor:
    return Cursor.read(pull.memory.find_cursor(stream))


def _batches(pull: Pull, stream: Stream, cursor: Cursor, pages: Iterable[Sequence[Row]]) -> Iterator[Batch]:
    for page in pages:
        batch = _read_page(pull, stream, cursor, page)
        if batch.events or batch.unreadable or batch.seen:
            yield batch


def _read_page(pull: Pull, stream: Stream, cursor: Cursor, page: Sequence[Row]) -> Batch:
    """What a page tells; a thing that is on it twice is read in the order of its changes."""
    known = dict(pull.memory.find_seen(stream.name, sorted({_key(stream, row) for row in page})))
    pull.learn_shops(page)
    events: list[Mapping[str, Any]] = []
    bad: list[Unreadable] = []
    seen: dict[str, Remembered | None] = {}
    for row in sorted(page, key=_changed, reverse=True):
        key = _key(stream, row)
        if not key:
            bad.append(Unreadable(stream.name, "", stream.key, "is missing; nobody can tell what this is", ""))
            continue
        before = known.get(key, {})
        if pull.is_stale(stream.name, key, row, before):
            continue
        fields = Fields(stream.name, key, row)
        told = stream.read(pull, cursor, fields, before)
        bad += fields.bad
        if told is not None and told[1] != before:
            events += told[0]
            known[key] = seen[key] = told[1]
    return Batch(stream.name, tuple(events), tuple(bad), seen)


def _key(stream: Stream, row: Row) -> str:
    return Fields(stream.name, "", row).text(stream.key)[:200]


def _changed(row: Row) -> str:
    """When a thing changed last, in UTC, so that texts compare as moments do; empty for a date that is none."""
    try:
        text = str(row.get("last_updated_date") or row.get("date_updated") or row.get("last_updated") or "")
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment.tzinfo is not None else ""
    except (ValueError, OverflowError):
        return ""


def _minus_overlap(text: str) -> str:
    return (datetime.fromisoformat(text) - OVERLAP).isoformat(timespec="microseconds") if text else ""


def _known(before: Remembered) -> Known:
    claims: Known = before.get("c", {})
    return claims


def _finish(difference: Difference, looked: Looked, fields: Fields, **more: Any) -> Told:
    """The new events, and what to remember: the claims, the date of change, and what else the kind needs."""
    events, claims = difference.finish(looked)
    kept = {"c": {key: list(entry) for key, entry in claims.items()}, "shop": difference.thing.shop}
    changed = _changed(fields.raw)
    return events, kept | ({"u": changed} if changed else {}) | more


def _read_shop(pull: Pull, cursor: Cursor, shop: Fields, before: Remembered) -> Told | None:
    name = shop.text("shop_id")
    difference = Difference(pull.thing(name, f"shop:{name}"), name, _known(before))
    closures: Mapping[str, str] = before.get("closures", {})
    shops.tell_shop(shop, difference, pull.access, closures, pull.now)
    looked = pull.looked(cursor, before, shop.moment("date_created"))
    return _finish(difference, looked, shop, closures=shops.read_closure(shop))


def _read_hours(pull: Pull, cursor: Cursor, hours: Fields, before: Remembered) -> Told | None:
    name = hours.text("shop_id")
    difference = Difference(pull.thing(name, f"hours:{name}"), name, _known(before))
    mark = shops.tell_hours(hours, difference, pull.now, before.get("hours", ""))
    return _finish(difference, pull.looked(cursor, before, hours.moment("date_created")), hours, hours=mark)


def _read_order(pull: Pull, cursor: Cursor, order: Fields, before: Remembered) -> Told | None:
    look = orders.read_order(order, pull.reasons)
    if look is None:
        return None
    difference = Difference(pull.thing(order.text("shop_id"), f"order:{look.id}"), look.id, _known(before))
    promises = orders.tell_order(look, difference, before.get("promises", {}), pull.access.source)
    return _finish(difference, pull.looked(cursor, before, order.moment("created_date")), order, promises=promises)


def _read_shipment(pull: Pull, cursor: Cursor, shipment: Fields, before: Remembered) -> Told | None:
    order, shop = shipment.text("order_id"), _find_shop(pull, shipment)
    if not shop:
        return None
    difference = Difference(pull.thing(shop, f"shipment:{shipment.text('id')}"), order, _known(before))
    aftercare.tell_shipment(shipment, difference, order)
    return _finish(difference, pull.looked(cursor, before, None), shipment)


def _read_return(pull: Pull, cursor: Cursor, given: Fields, before: Remembered) -> Told | None:
    shop, return_id = _find_shop(pull, given), given.text("id")
    if not shop:
        return None
    difference = Difference(pull.thing(shop, f"return:{return_id}"), return_id, _known(before))
    aftercare.tell_return(given, difference, given.text("order_id"))
    return _finish(difference, pull.looked(cursor, before, given.moment("date_created")), given)


def _read_thread(pull: Pull, cursor: Cursor, thread: Fields, before: Remembered) -> Told | None:
    shop, thread_id = threads.find_shop(thread) or _find_shop(pull, thread, threads.find_order(thread)), thread.key
    if not shop:
        return None
    difference = Difference(pull.thing(shop, f"thread:{thread_id}"), thread_id, {
        key: entry for key, entry in _known(before).items() if not key.startswith("message:")})
    seen = before.get("messages", ())
    threads.tell_thread(thread, difference, seen)
    events, kept = _finish(difference, pull.looked(cursor, before, thread.moment("date_created")), thread)
    told = {key: entry for key, entry in kept["c"].items() if not key.startswith("message:")}
    marks = sorted({*seen, *threads.list_told_marks(difference)})
    return events, {**kept, "c": told, "messages": marks}


def _read_review(pull: Pull, cursor: Cursor, review: Fields, before: Remembered) -> Told | None:
    order = review.text("order_id")
    difference = Difference(pull.thing(review.text("shop_id"), f"review:{order}"), order, _known(before))
    stars = aftercare.tell_review(review, difference, before.get("stars"))
    return _finish(difference, pull.looked(cursor, before, review.moment("date")), review, stars=stars)


def _find_shop(pull: Pull, given: Fields, order: str = "") -> str:
    """The shop of what names one, else that of its order as it was read; empty, and waited for, until that came."""
    named, order_id = given.text("shop_id"), order or given.text("order_id")
    if named or not order_id:
        if not named:
            given.refuse("order_id", "is missing, and so is the shop; nobody can tell whose this is", "")
        return named
    shop = pull.find_shop(order_id)
    if not shop:
        pull.waiting.add(given.stream)
    return shop


SHOPS = Stream("shops", "shop_id", _read_shop)
HOURS = Stream("hours", "shop_id", _read_hours)
ORDERS = Stream("orders", "order_id", _read_order)
SHIPMENTS = Stream("shipments", "id", _read_shipment)
RETURNS = Stream("returns", "id", _read_return)
THREADS = Stream("threads", "id", _read_thread)
REVIEWS = Stream("reviews", "order_id", _read_review)

"""Plain orders, counted many at once: what `scoring.spans` finds by folding each, on whole columns.

An order is plain when each of its events came at most once (scans as often as they like), none before it was placed,
none for a part of its lines, and nothing else belongs to it: no talk, case, return, refund, moved promise, correction,
retraction or exclusion. How it counts then changes at a few moments that are all known beforehand, so that it is
enough to look at it right after each of them. The fold stays the definition; the two are held against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.aftercare import LOW_RATING, NEGATIVE, RATING, REPLY
from scoring.metrics import GROUP_CODES
from scoring.obligations import SILENT_DELIVERY_MS
from scoring.outcomes import (
    ACCEPT_TIME,
    ACCEPTANCE,
    ACCEPTED,
    ALWAYS_PLACED,
    ARRIVED,
    AUTO_REFUSAL,
    CANCELLED,
    GAP,
    INVOICE,
    ODR,
    OUT_OF_STOCK,
    PERFECT,
    PERFECT_GROUP,
    PLACED,
    REPEAT,
    RETURN,
    STREAK,
    TRACK_MS,
    TRACKING,
)
from scoring.spans import FOREVER_MS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
# The defects a plain order can have, in the order in which they are named; bit by bit in a mask of kinds.
DEFECTS = ("low_rating", "cancelled_by_seller", "not_shipped", "late_delivery")
LOW, BY_SELLER, NOT_SHIPPED, LATE = (1 << place for place in range(len(DEFECTS)))
PROMISES = ("accept", "ship", "track", "deliver")
ENDS = ("", "cancelled", "delivered", "refused", "unknown")  # kept first, then the reasons of a void one as they sort
SHIP, DELIVER, SHIPPED, REVIEW = (GROUP_CODES[name] for name in ("ship", "deliver", "shipped", "review"))


def _flag(where: Bools, flag: int) -> Ints:
    """A flag where something holds, 0 elsewhere."""
    return np.where(where, np.int64(flag), np.int64(0))


@dataclass(frozen=True)
class PlainOrders:
    """One row per order in columns of one length.

    Moments are `int64` [epoch ms], `FOREVER_MS` where something did not happen or was not promised, else before it:
    `shipped_at`, `arrived_at` only where that came before a cancellation, `known_at` the first delivery somebody knows
    of, `ship_limit` and `settled_from` 14 days after what was promised, `invoice_due` only of business orders.
    `gap_days` [days] is by how much it came after its promised day; `rating` [stars] 0 without a review; `counted` the
    mask of the `DEFECTS` that make it defective by its standard. The others are flags (`bool`).
    """

    ordered_at: Ints
    accepted_at: Ints
    refused_at: Ints
    paid_at: Ints
    invoiced_at: Ints
    cancelled_at: Ints
    shipped_at: Ints
    scanned_at: Ints
    known_at: Ints
    arrived_at: Ints
    reviewed_at: Ints
    replied_at: Ints
    reply_due: Ints
    accept_due: Ints
    ship_due: Ints
    ship_limit: Ints
    deliver_due: Ints
    settled_from: Ints
    invoice_due: Ints
    gap_days: Ints
    rating: Ints
    counted: Ints
    is_own: Bools
    is_trackable: Bools
    is_refused_by_timer: Bools
    is_cancelled_by_seller: Bools
    is_out_of_stock: Bools
    is_given_up: Bools  # cancelled by the buyer, or at the buyer's wish
    has_buyer: Bools

    def __len__(self) -> int:
        return len(self.ordered_at)

    @cached_property
    def track_due(self) -> Ints:
        """Until when the first scan of a shipped parcel is due [epoch ms]; beyond `FOREVER_MS` for no parcel."""
        return self.shipped_at + TRACK_MS

    @cached_property
    def is_shipping_owed(self) -> Bools:
        """Neither refused nor cancelled when its hand-over was due."""
        return self._is_owed(self.ship_due)

    @cached_property
    def late_shipping_from(self) -> Ints:
        """From when on an order is one not shipped in time [epoch ms]."""
        return np.where(self.is_shipping_owed & (self.shipped_at > self.ship_due), self.ship_due, FOREVER_MS)

    @cached_property
    def not_shipped_from(self) -> Ints:
        """From when on an order is one not shipped at all [epoch ms]."""
        ended = np.minimum(np.minimum(self.shipped_at, self.refused_at), self.cancelled_at) <= self.ship_limit
        return np.where(ended | ~self.is_own, FOREVER_MS, self.ship_limit)

    @cached_property
    def knowledge_at(self) -> Ints:
        """When somebody first heard of the parcel [epoch ms]."""
        return np.minimum(self.scanned_at, self.known_at)

    @cached_property
    def is_delivery_owed(self) -> Bools:
        """Neither refused nor cancelled when its delivery was due."""
        return self._is_owed(self.deliver_due)

    @cached_property
    def cancel_flags(self) -> Ints:
        """The bad of a cancellation by the seller before anything was shipped."""
        flags = np.where(self.is_out_of_stock, CANCELLED | OUT_OF_STOCK, CANCELLED)
        return np.where(self.is_cancelled_by_seller & (self.shipped_at >= self.cancelled_at), flags, 0)

    @cached_property
    def waited_seconds(self) -> Ints:
        """How long an order waited for its acceptance, from when it was placed or paid before that [s]."""
        paid = np.where(self.paid_at <= self.accepted_at, self.paid_at, self.ordered_at)
        return (self.accepted_at - np.maximum(self.ordered_at, paid)) // 1000

    def _is_owed(self, due: Ints) -> Bools:
        return self.is_own & (due < FOREVER_MS) & (self.refused_at > due) & (self.cancelled_at > due)

    @cached_property
    def is_late(self) -> Bools:
        """Not there when its delivery was due."""
        return self.arrived_at > self.deliver_due

    @cached_property
    def low_from(self) -> Ints:
        """From when on an order has a low rating [epoch ms]."""
        return np.where(self.rating <= LOW_RATING, self.reviewed_at, FOREVER_MS)

    @cached_property
    def by_seller_from(self) -> Ints:
        """From when on an order is one that the seller cancelled [epoch ms]."""
        return np.where(self.is_cancelled_by_seller, self.cancelled_at, FOREVER_MS)

    @cached_property
    def untraceable_from(self) -> Ints:
        """From when on a parcel is under way that nobody can follow [epoch ms]."""
        return np.where(self.is_trackable, FOREVER_MS, self.shipped_at)

    @cached_property
    def late_from(self) -> Ints:
        """From when on a delivery that is owed is late, where somebody can know of it [epoch ms]."""
        return np.where(self.is_late & self.is_delivery_owed, self.deliver_due, FOREVER_MS)

    def is_known(self, order: Ints, at: Ints) -> Bools:
        """Whether somebody can know right after moments [epoch ms] where parcels are."""
        known: Bools = (self.untraceable_from[order] > at) | (self.knowledge_at[order] <= at)
        return known

    def is_delivery_judged(self, order: Ints, at: Ints) -> Bools:
        """Whether deliveries count right after moments [epoch ms]: not while nobody can know of them."""
        return self.is_delivery_owed[order] & (self.deliver_due[order] <= at) & self.is_known(order, at)

    def find_kinds(self, order: Ints, at: Ints) -> Ints:
        """The masks of the defects that stand on orders right after moments [epoch ms], `FOREVER_MS` not being one."""
        kinds = np.zeros(len(order), np.int8)
        began = (LOW, self.low_from), (BY_SELLER, self.by_seller_from), (NOT_SHIPPED, self.not_shipped_from)
        for kind, since in began:
            kinds |= (since[order] <= at) * np.int8(kind)
        kinds |= ((self.late_from[order] <= at) & self.is_known(order, at)) * np.int8(LATE)
        return kinds.astype(np.int64)


class PlainSpans(NamedTuple):
    """Spans of outcomes in columns: `order` is the place of the order, the others as in `Outcome` and `OutcomeSpan`.

    Officially they count as they do; `kinds` is a mask of `DEFECTS`; `settled_ms` is `FOREVER_MS` for none.
    """

    order: Ints
    group: Ints
    anchor_ms: Ints
    from_ms: Ints
    until_ms: Ints
    base: Ints
    bad: Ints
    amount: Ints
    kinds: Ints
    settled_ms: Ints


class _Looks(NamedTuple):
    """Orders right after moments: by order, then by time."""

    order: Ints
    at: Ints


class _State(NamedTuple):
    """How each look counts in one group, where `exists`; what has no column is 0."""

    exists: Bools
    base: Ints | int
    bad: Ints | int
    amount: Ints | int = 0
    kinds: Ints | int = 0
    settled_ms: Ints | int = FOREVER_MS


def _look(start: Ints, *moments: Ints) -> _Looks:
    """Look at every order from `start` on, right after each different moment; nowhere where `start` never comes."""
    here = np.flatnonzero(start < FOREVER_MS)
    start = start[here]
    at = np.stack([start, *(np.maximum(moment[here], start) for moment in moments)], axis=1)
    at.sort(axis=1)
    fresh = at < FOREVER_MS
    fresh[:, 1:] &= at[:, 1:] != at[:, :-1]
    return _Looks(np.repeat(here, fresh.sum(axis=1)), at[fresh])


def _join(group: int, anchor_ms: Ints, looks: _Looks, state: _State) -> PlainSpans:
    """One span per run of looks that count the same."""
    differs = np.ones(len(looks.order), dtype=np.bool_)
    differs[1:] = looks.order[1:] != looks.order[:-1]
    for column in state:
        if not isinstance(column, int):
            differs[1:] |= column[1:] != column[:-1]
    first = np.flatnonzero(differs)
    order, from_ms = looks.order[first], looks.at[first]
    until = np.full(len(first), FOREVER_MS, dtype=np.int64)
    until[:-1] = np.where(order[1:] == order[:-1], from_ms[1:], FOREVER_MS)
    exists = state.exists[first]
    found = [np.full(len(first), each) if isinstance(each, int) else each[first] for each in state[1:]]
    spans = PlainSpans(order, np.full(len(first), group), anchor_ms[order], from_ms, until, *found)
    return spans if exists.all() else PlainSpans(*(column[exists] for column in spans))


def _span_placed(o: PlainOrders) -> PlainSpans:
    looks = _look(o.ordered_at, o.accepted_at, o.refused_at, o.by_seller_from, o.not_shipped_from, o.deliver_due,
                  o.shipped_at, o.knowledge_at, o.reviewed_at)
    order, at = looks
    kinds, refused = o.find_kinds(order, at), o.refused_at[order] <= at
    accepted = ~refused & (o.accepted_at[order] <= at)
    base = (ALWAYS_PLACED | _flag(o.has_buyer, REPEAT)[order]
            | np.where(refused, ACCEPTED, _flag(accepted, ACCEPTED | ACCEPT_TIME)))
    refusal = np.where(o.is_refused_by_timer, ACCEPTANCE | STREAK | AUTO_REFUSAL, ACCEPTANCE | STREAK)
    bad = (np.where(kinds & BY_SELLER > 0, o.cancel_flags[order], 0) | np.where(refused, refusal[order], 0)
           | _flag(kinds & o.counted[order] > 0, ODR))
    settled = np.where(refused, o.refused_at[order], np.where(accepted, o.accepted_at[order], FOREVER_MS))
    waited = np.where(accepted, o.waited_seconds[order], 0)
    return _join(PLACED, o.ordered_at, looks, _State(np.ones_like(accepted), base, bad, waited, kinds, settled))


def _span_perfect(o: PlainOrders) -> PlainSpans:
    start = np.where(o.deliver_due < FOREVER_MS, np.maximum(o.ordered_at, o.settled_from), FOREVER_MS)
    looks = _look(start, o.cancelled_at, o.not_shipped_from, o.shipped_at, o.knowledge_at, o.reviewed_at,
                  o.late_shipping_from, o.track_due, o.scanned_at)
    order, at = looks
    untracked = (o.is_own & o.is_trackable)[order] & (o.track_due[order] <= at) & (o.scanned_at[order] > at)
    flawed = (o.find_kinds(order, at) > 0) | (o.late_shipping_from[order] <= at) | untracked
    exists = ~(o.is_given_up[order] & (o.cancelled_at[order] <= at))
    return _join(PERFECT_GROUP, o.ordered_at, looks, _State(exists, PERFECT, _flag(flawed, PERFECT)))


def _span_ship(o: PlainOrders) -> PlainSpans:
    looks = _look(np.where(o.is_shipping_owed, np.maximum(o.ordered_at, o.ship_due), FOREVER_MS))
    late = (o.shipped_at > o.ship_due)[looks.order]
    return _join(SHIP, o.ship_due, looks, _State(np.ones_like(late), 1, _flag(late, 1)))


def _span_deliver(o: PlainOrders) -> PlainSpans:
    looks = _look(np.where(o.is_delivery_owed, np.maximum(o.ordered_at, o.deliver_due), FOREVER_MS), o.shipped_at,
                  o.knowledge_at)
    late = _flag(o.is_late, 1)[looks.order]
    return _join(DELIVER, o.deliver_due, looks, _State(o.is_delivery_judged(*looks), 1, late))


def _span_arrived(o: PlainOrders) -> PlainSpans:
    looks = _look(np.where(o.is_own & (o.deliver_due < FOREVER_MS), o.arrived_at, FOREVER_MS))
    return _join(ARRIVED, o.arrived_at, looks, _State(looks.at < FOREVER_MS, GAP, 0, o.gap_days[looks.order]))


def _span_shipped(o: PlainOrders) -> PlainSpans:
    looks = _look(o.shipped_at, o.track_due, o.scanned_at, o.invoice_due)
    order, at = looks
    tracked, billed = (o.is_own & o.is_trackable)[order] & (o.track_due[order] <= at), o.invoice_due[order] <= at
    base = RETURN | _flag(tracked, TRACKING) | _flag(billed, INVOICE)
    unbilled = (o.invoiced_at > o.invoice_due)[order]
    bad = _flag(tracked & (o.scanned_at[order] > at), TRACKING) | _flag(billed & unbilled, INVOICE)
    return _join(SHIPPED, o.shipped_at, looks, _State(np.ones_like(tracked), base, bad))


def _span_review(o: PlainOrders) -> PlainSpans:
    looks = _look(o.reviewed_at, o.reply_due)
    order, at = looks
    asked = o.reply_due[order] <= at
    base, silent = NEGATIVE | RATING | _flag(asked, REPLY), (o.replied_at > o.reply_due)[order]
    bad = _flag(o.rating <= LOW_RATING, NEGATIVE)[order] | _flag(asked & silent, REPLY)
    return _join(REVIEW, o.reviewed_at, looks, _State(np.ones_like(asked), base, bad, o.rating[order]))


def span_plain_orders(orders: PlainOrders) -> PlainSpans:
    """From when until when each order counts how, for K = T: the spans of `scoring.spans.trace`, group by group."""
    found = [span(orders) for span in (
        _span_placed, _span_perfect, _span_ship, _span_deliver, _span_arrived, _span_shipped, _span_review)]
    return PlainSpans(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


class PlainDefects(NamedTuple):
    """Defects in columns: the place of the order, the place of the kind in `DEFECTS`, from when until when it stood."""

    order: Ints
    kind: Ints
    from_ms: Ints
    until_ms: Ints


def list_plain_defects(spans: PlainSpans) -> PlainDefects:
    """The defects of orders from their spans, as `scoring.spans.list_defect_spans`; `FOREVER_MS`: standing still."""
    placed = PlainSpans(*(column[(spans.group == PLACED) & (spans.kinds > 0)] for column in spans))
    found = [_run_of(placed, kind) for kind in range(len(DEFECTS))]
    return PlainDefects(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _run_of(placed: PlainSpans, kind: int) -> PlainDefects:
    """One defect, its spans that follow each other without a gap joined; they come by order and time."""
    has = placed.kinds & (1 << kind) > 0
    order, from_ms, until_ms = placed.order[has], placed.from_ms[has], placed.until_ms[has]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (order[1:] != order[:-1]) | (from_ms[1:] != until_ms[:-1])
    last = np.r_[first[1:], np.ones(min(1, len(order)), dtype=np.bool_)]
    return PlainDefects(order[first], np.full(int(first.sum()), kind), from_ms[first], until_ms[last])


class PlainPromises(NamedTuple):
    """Promises in columns: the place of the order, the places of the kind in `PROMISES` and of the end in `ENDS`.

    Moments [epoch ms]; `ended_ms` is `FOREVER_MS` for an open promise, whatever `end` says.
    """

    order: Ints
    kind: Ints
    since_ms: Ints
    due_ms: Ints
    ended_ms: Ints
    end: Ints


def list_plain_promises(orders: PlainOrders) -> PlainPromises:
    """Who owed what until when, and how it ended: as `scoring.obligations.list_obligations`."""
    o = orders
    every, silence = np.ones(len(o), np.bool_), np.where(o.deliver_due < FOREVER_MS, o.deliver_due + SILENT_DELIVERY_MS,
                                                         FOREVER_MS)
    parcel_lost, told = o.track_due + SILENT_DELIVERY_MS, np.where(o.known_at < FOREVER_MS, o.arrived_at, FOREVER_MS)
    return _stack_promises(o, (
        (every, o.ordered_at, o.accept_due, _Ends(np.minimum(o.accepted_at, o.refused_at), o.cancelled_at)),
        (o.is_own, o.ordered_at, o.ship_due, _Ends(o.shipped_at, o.cancelled_at, refused=o.refused_at)),
        (o.is_own & o.is_trackable & (o.shipped_at < FOREVER_MS), o.shipped_at, o.track_due,
         _Ends(o.scanned_at, delivered=told, unknown=parcel_lost)),
        (o.is_own, o.ordered_at, o.deliver_due,
         _Ends(o.arrived_at, o.cancelled_at, refused=o.refused_at, unknown=silence)),
    ))


class _Ends(NamedTuple):
    """What may end a promise; of those at one moment the first counts."""

    kept: Ints
    cancelled: Ints | None = None
    delivered: Ints | None = None
    refused: Ints | None = None
    unknown: Ints | None = None


def _stack_promises(
    orders: PlainOrders, promised: Sequence[tuple[Bools, Ints, Ints, _Ends]],
) -> PlainPromises:
    found = []
    for kind, (owed, since, due, ends) in enumerate(promised):
        here = np.flatnonzero(owed & (due < FOREVER_MS))
        never = np.full(len(here), FOREVER_MS)
        moments = np.stack([never if moment is None else moment[here] for moment in ends])
        end = np.argmin(moments, axis=0)
        found.append((here, np.full(len(here), kind), since[here], due[here], moments.min(axis=0), end))
    return PlainPromises(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def stack_orders(columns: Sequence[Sequence[int]]) -> PlainOrders:
    """Orders from the columns of `PlainOrders` as plain numbers, in their order; flags as 0 and 1."""
    kinds = (np.bool_ if column.type == "Bools" else np.int64 for column in fields(PlainOrders))
    return PlainOrders(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))

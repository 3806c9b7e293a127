"""What follows a delivery: reviews, returns, surveys."""

from collections.abc import Mapping
from typing import Any

from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS
from operator_qos.demo.orders import Order
from operator_qos.demo.texts import PHRASES
from operator_qos.demo.world import Writer

_REVIEWED, _RETURNED, _SURVEYED = 0.12, 0.02, 0.006


class FeedbackWriter(Writer):
    """Writes what buyers say and send back after an order arrived."""

    def write(self, order: Order) -> None:
        """Write the review, the return and the survey of an order, where there is one."""
        at = order.fate.delivered_at
        if at is None:
            return
        if order.unlucky or self.dice.chance(_REVIEWED):
            self._review(order, at)
        if self.dice.chance(_RETURNED):
            self._return(order, at)
        if self.dice.chance(_SURVEYED):
            answer = {"about": "order", "rating": self.dice.pick((5, 5, 4, 4, 3, 2))}
            self._say(at + 2 * DAY_SECONDS, "survey.answered", order, answer)

    def _say(self, at: int, kind: str, order: Order, data: Mapping[str, Any]) -> None:
        self.emit(at, kind, order.id, key=f"{order.id}-{kind.replace('.', '-')}", data=data)

    def _rating(self, order: Order) -> int:
        if order.unlucky or self.dice.chance(order.rates.low_rating):
            return 1 + self.dice.chance(0.4)
        return self.dice.pick((5, 5, 5, 5, 5, 5, 4, 4, 4, 3))

    def _review(self, order: Order, arrived_at: int) -> None:
        at = arrived_at + self.dice.between(6 * HOUR_SECONDS, 10 * DAY_SECONDS)
        rating = self._rating(order)
        self._say(at, "review.posted", order, {"order": order.id, "rating": rating, "verified": True})
        if rating <= 3 and self.dice.chance(0.6):
            replied_at = self.world.clock.add(at, self.dice.between(1, 30) * HOUR_SECONDS)
            self._say(replied_at, "review.replied", order, {"order": order.id})
        if rating <= 3 and not order.unlucky and self.dice.chance(0.1):
            better = {"order": order.id, "rating": 4}
            self._say(at + 4 * DAY_SECONDS, "review.changed", order, better)

    def _return(self, order: Order, arrived_at: int) -> None:
        reason = self.dice.pick(("changed_mind", "changed_mind", "wrong_size", "not_as_described"))
        data = {"order": order.id, "reason": reason}
        asked_at = arrived_at + self.dice.between(6 * HOUR_SECONDS, 9 * DAY_SECONDS)
        self._back(asked_at, "return.requested", order, data)
        if self.dice.chance(0.05):
            self._back(asked_at + DAY_SECONDS, "return.refused", order, data)
            return
        received_at = asked_at + self.dice.between(4, 9) * DAY_SECONDS
        self._back(received_at, "return.received", order, data)
        refunded_at = self.world.clock.add(received_at, self.dice.between(2, 20) * HOUR_SECONDS)
        self._back(refunded_at, "return.refunded", order, data)

    def _back(self, at: int, kind: str, order: Order, data: Mapping[str, Any]) -> None:
        key = f"R-{order.id}"
        self.emit(at, kind, key, key=f"{key}-{kind.rpartition('.')[2]}", data=data)


class ShowcaseWriter(Writer):
    """Writes the rare events once each, on old orders of one shop, so that the demo holds every type."""

    def write(self, orders: list[Order]) -> None:
        """Write on delivered orders that the cases shown have left alone."""
        scripts = (
            self._correct, self._retract, self._change, self._remove, self._restore, self._refuse_return,
            self._take_back, self._forgive_answer, self._forgive_defect, self._survey, self._wave_off, self._scan)
        for script, order in zip(scripts, orders, strict=False):  # a very small demo tells fewer of them
            script(order)

    def _say(self, days: int, kind: str, order: Order, data: Mapping[str, Any], subject: str = "") -> None:
        at = (order.fate.delivered_at or order.placed_at) + days * DAY_SECONDS
        key = f"{order.id}-shown-{kind.replace('.', '-')}"
        self.emit(at, kind, subject or order.id, key=key, data=data)

    def _correct(self, order: Order) -> None:
        reason = "wrong country in the feed"
        self._say(1, "order.corrected", order, {"field": "country", "value": "BE", "reason": reason})

    def _retract(self, order: Order) -> None:
        self._say(1, "review.posted", order, {"order": order.id, "rating": 2, "verified": False})
        named = {"source": self.world.source, "id": f"{order.id}-shown-review-posted"}
        self._say(3, "event.retracted", order, {**named, "reason": "meant for another order"})

    def _change(self, order: Order) -> None:
        self._say(12, "review.posted", order, {"order": order.id, "rating": 2, "verified": True})
        self._say(13, "review.replied", order, {"order": order.id})
        self._say(16, "review.changed", order, {"order": order.id, "rating": 4})

    def _remove(self, order: Order) -> None:
        self._say(12, "review.posted", order, {"order": order.id, "rating": 1, "verified": True})
        self._say(15, "review.removed", order, {"order": order.id})

    def _restore(self, order: Order) -> None:
        promise = {"obligation": {"kind": "ship", "order": order.id}, "by": "jana.vogt"}
        reason = {"scope": "bad", "cause": "mistaken_data", "proof": "ticket-118"}
        self._say(5, "obligation.excluded", order, promise | reason)
        self._say(9, "obligation.restored", order, promise)

    def _refuse_return(self, order: Order) -> None:
        data = {"order": order.id, "reason": "changed_mind"}
        self._say(3, "return.requested", order, data, f"R-{order.id}-b")
        self._say(4, "return.refused", order, data, f"R-{order.id}-b")

    def _take_back(self, order: Order) -> None:
        data = {"order": order.id, "reason": "wrong_size"}
        for days, kind in ((3, "return.requested"), (8, "return.received"), (10, "return.refunded")):
            self._say(days, kind, order, data, f"R-{order.id}-b")

    def _message(self, days: int, order: Order, topic: str) -> str:
        body = PHRASES[self.world.place.language][topic][0].replace("{order}", order.id)
        data = {"author": "buyer", "to": ["seller"], "channel": "mail", "order": order.id, "body": body}
        self._say(days, "message.sent", order, data, f"V-{order.id}-b")
        return f"{order.id}-shown-message-sent"

    def _forgive_answer(self, order: Order) -> None:
        opener = {"kind": "answer", "source": self.world.source, "id": self._message(2, order, "product")}
        data = {
            "obligation": opener,
            "scope": "both",
            "cause": "spam",
            "proof": "ticket-131",
            "by": "ines.caron",
        }
        self._say(9, "obligation.excluded", order, data, f"V-{order.id}-b")

    def _forgive_defect(self, order: Order) -> None:
        self._say(12, "review.posted", order, {"order": order.id, "rating": 1, "verified": True})
        defect = {"kind": "low_rating", "order": order.id}
        proof = {"scope": "bad", "cause": "buyer_fault", "proof": "ticket-140", "by": "ines.caron"}
        self._say(14, "obligation.excluded", order, {"defect": defect, **proof})

    def _survey(self, order: Order) -> None:
        self._say(2, "survey.answered", order, {"about": "order", "rating": 5})

    def _wave_off(self, order: Order) -> None:
        self._message(2, order, "thanks")
        self._say(3, "conversation.no_reply_needed", order, {"by": "seller"}, f"V-{order.id}-b")

    def _scan(self, order: Order) -> None:
        data = {"order": order.id, "tracking": f"CO{order.id.replace('-', '')}", "milestone": "delivered"}
        self._say(0, "tracking.scanned", order, data)
        self._say(0, "order.refunded", order, {"amount_minor": 500, "reason": "goodwill", "fault": "nobody"})

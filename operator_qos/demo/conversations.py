"""Questions of buyers outside any case, and how the shops answer them."""

from typing import Any

from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS
from operator_qos.demo.dice import Dice
from operator_qos.demo.orders import Order
from operator_qos.demo.stories import Rates
from operator_qos.demo.texts import PHRASES
from operator_qos.demo.world import World, Writer

ANSWER_LIMIT_SECONDS = 24 * HOUR_SECONDS


def answer_seconds(dice: Dice, rates: Rates) -> int | None:
    """Draw the working time until an answer; None for one that never comes."""
    if dice.quota(rates.late_answer):
        return None if dice.chance(rates.never_answered) else dice.between(26, 60) * HOUR_SECONDS
    return 600 + int(80_000 * dice.roll() ** 2.6)


class ConversationWriter(Writer):
    """Writes the conversations of one shop."""

    def __init__(self, world: World, purpose: int) -> None:
        """Write in the language of the shop's marketplace."""
        super().__init__(world, purpose)
        self._phrases = PHRASES[world.place.language]
        self._count = 0

    def write(self, order: Order) -> None:
        """Write the conversation of an order, if there is one."""
        if not self.dice.chance(order.rates.conversation):
            return
        self._count = 0
        at, topic = self._question(order)
        for turn in range(3):
            answered_at = self._turn(order, at, topic)
            if answered_at is None or not self.dice.chance(0.22):
                return
            at = answered_at + self.dice.between(1_200, 30 * HOUR_SECONDS)
            if turn == 0 and self.dice.chance(0.2):
                self._thank(order, at)
                return
            topic = "more"

    def _question(self, order: Order) -> tuple[int, str]:
        fate = order.fate
        arrived_at = fate.delivered_at or order.placed_at + 4 * DAY_SECONDS
        if self.dice.chance(0.65):
            at = order.placed_at + int((arrived_at - order.placed_at) * self.dice.roll())
            shipped = fate.shipped_at is not None and at > fate.shipped_at
            return at, "where" if shipped else self.dice.pick(("product", "address", "where"))
        return arrived_at + self.dice.between(1, 6 * DAY_SECONDS), self.dice.pick(("product", "invoice"))

    def _turn(self, order: Order, asked_at: int, topic: str) -> int | None:
        """Write a question and its answer; give the moment of the answer."""
        self._say(order, asked_at, ("buyer", topic))
        if self.world.shop.story == "silent" and self.dice.chance(0.4):
            self._say(order, asked_at + 60, ("seller", "receipt"), automatic=True)
        needed = answer_seconds(self.dice, order.rates)
        answered_at = None if needed is None else self.world.clock.add(asked_at, needed)
        if needed is None or needed > ANSWER_LIMIT_SECONDS:
            self._chase(order, asked_at, answered_at)
        if answered_at is not None:
            self._say(order, answered_at, ("seller", "answer"))
        return answered_at

    def _chase(self, order: Order, asked_at: int, answered_at: int | None) -> None:
        at = asked_at + self.dice.between(18 * HOUR_SECONDS, 40 * HOUR_SECONDS)
        if self.dice.chance(0.4) and (answered_at is None or at < answered_at):
            self._say(order, at, ("buyer", "chaser"))

    def _thank(self, order: Order, at: int) -> None:
        # Half of the thanks are marked by the buyer's side, half waved off by the seller.
        if self.dice.chance(0.5):
            self._say(order, at, ("buyer", "thanks"), no_reply_needed=True)
            return
        self._say(order, at, ("buyer", "thanks"))
        waved_at = self.world.clock.add(at, self.dice.between(HOUR_SECONDS, 12 * HOUR_SECONDS))
        conversation = f"V-{order.id}"
        key = f"{conversation}-no-reply"
        self.emit(waved_at, "conversation.no_reply_needed", conversation, key=key, data={"by": "seller"})

    def _say(self, order: Order, at: int, speech: tuple[str, str], **flags: bool) -> None:
        author, topic = speech
        self._count += 1
        data: dict[str, Any] = {
            "author": author,
            "to": ["seller" if author == "buyer" else "buyer"],
            "channel": "web",
            "order": order.id,
            "body": self.dice.pick(self._phrases[topic]).replace("{order}", order.id),
            **flags,
        }
        conversation = f"V-{order.id}"
        self.emit(at, "message.sent", conversation, key=f"{conversation}-{self._count}", data=data)

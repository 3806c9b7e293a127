"""The events of a case, from its opening to its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operator_qos.demo.cases import RESOLVE_LIMIT_SECONDS, Case
from operator_qos.demo.conversations import answer_seconds
from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS, stamp
from operator_qos.demo.texts import PHRASES
from operator_qos.demo.world import World, Writer


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a mediator finds."""

    fault: str
    remedy: str


class CaseWriter(Writer):
    """Writes the cases of one shop, one at a time."""

    def __init__(self, world: World, purpose: int) -> None:
        """Write in the language of the shop's marketplace."""
        super().__init__(world, purpose)
        self._phrases = PHRASES[world.place.language]
        self._id = ""
        self._count = 0
        self._case: Case | None = None

    def write(self, case: Case, number: int) -> None:
        """Write a whole case under its number."""
        self._id, self._count, self._case = f"D-{number}", 0, case
        self._open()
        getattr(self, f"_go_{case.path}")(case)

    def _step(self, at: int, kind: str, data: Mapping[str, Any]) -> None:
        self._count += 1
        self.emit(at, kind, self._id, key=f"{self._id}-{self._count}", data=data)

    def _say(self, at: int, author: str, topic: str, **flags: bool) -> None:
        case = self._current()
        data: dict[str, Any] = {
            "author": author,
            "to": ["seller" if author == "buyer" else "buyer"],
            "channel": "web",
            "order": case.order.id,
            "case": self._id,
            "body": self.dice.pick(self._phrases[topic]).replace("{order}", case.order.id),
            **flags,
        }
        self._step(at, "message.sent", data)

    def _current(self) -> Case:
        assert self._case is not None  # noqa: S101  write() sets it first
        return self._case

    def _open(self) -> None:
        case = self._current()
        data = {
            "order": case.order.id,
            "kind": case.kind,
            "reason": case.reason,
            "amount_minor": 1_000 + 90 * self.dice.between(5, 120),
            "remedy": "refund" if self.dice.chance(0.7) else "replacement",
        }
        self._step(case.opened_at, "case.opened", data)
        if case.kind != "chargeback" and self.dice.chance(0.6):
            self._say(case.opened_at + self.dice.between(30, 900), "buyer", case.reason)

    def _go_solved(self, case: Case) -> None:
        self._solve(case, self._patience())

    def _go_slow(self, case: Case) -> None:
        self._solve(case, self.dice.between(76, 110) * HOUR_SECONDS)

    def _go_via_carrier(self, case: Case) -> None:
        at, used = self._first_answer(case, awaits_buyer=False)
        self._step(at, "case.ball_passed", {"to": "carrier"})
        back_at = at + self.dice.between(DAY_SECONDS, 5 * DAY_SECONDS)
        self._step(back_at, "case.ball_passed", {"to": "seller"})
        resolved_at = self.world.clock.add(back_at, max(self._patience() - used, HOUR_SECONDS))
        self._resolve(resolved_at, "carrier")
        self._close(resolved_at, "carrier")

    def _go_reopened(self, case: Case) -> None:
        at, _ = self._first_answer(case, awaits_buyer=False)
        resolved_at = self.world.clock.add(at, 2 * HOUR_SECONDS)
        self._step(
            resolved_at, "case.resolved", {"outcome": "promised", "fault": "seller", "remedy": "replacement"}
        )
        again_at = resolved_at + self.dice.between(30 * HOUR_SECONDS, 5 * DAY_SECONDS)
        self._step(again_at, "case.reopened", {"reason": "nothing came"})
        solved_at = self.world.clock.add(again_at, self.dice.between(2, 9) * HOUR_SECONDS)
        self._resolve(solved_at, "seller")
        self._close(solved_at, self._fault(case))

    def _go_withdrawn(self, case: Case) -> None:
        at = case.opened_at + self.dice.between(4 * HOUR_SECONDS, 40 * HOUR_SECONDS)
        self._step(at, "case.withdrawn", {"by": "buyer"})

    def _go_timed_out(self, case: Case) -> None:
        at, _ = self._first_answer(case, awaits_buyer=True)
        self._step(at + 10 * DAY_SECONDS, "case.closed", {"by": "automatic"})

    def _go_asked(self, case: Case) -> None:
        at, _ = self._first_answer(case, awaits_buyer=True)
        asked_at = at + self.dice.between(5 * HOUR_SECONDS, 30 * HOUR_SECONDS)
        self._step(asked_at, "case.escalated", {"by": "buyer"})
        self._mediate(case, asked_at)

    def _go_lapsed(self, case: Case) -> None:
        lapsed_at = self.world.clock.add(case.opened_at, RESOLVE_LIMIT_SECONDS)
        self._step(lapsed_at + 60, "case.escalated", {"by": "automatic"})
        self._mediate(case, lapsed_at + 60)

    def _go_charged_back(self, case: Case) -> None:
        resolved_at = self.world.clock.add(case.opened_at, self._patience())
        fault = "seller" if self.dice.chance(0.3) else "buyer"
        data = {"outcome": "refunded", "fault": fault, "remedy": "refund"}
        self._step(resolved_at, "case.resolved", data)
        self._step(resolved_at + 3 * DAY_SECONDS, "case.closed", {"by": "operator", "fault": fault})

    def _go_due_soon(self, case: Case) -> None:
        at = self.world.clock.add(case.opened_at, 3 * HOUR_SECONDS)
        self._say(at, "seller", "working")

    def _go_before_mediator(self, case: Case) -> None:
        at = self.world.clock.add(case.opened_at, 5 * HOUR_SECONDS)
        self._say(at, "seller", "ask", awaits_buyer=True)
        self._say(at + 5 * HOUR_SECONDS, "buyer", "reply", no_reply_needed=True)
        escalated_at = max(
            at + 6 * HOUR_SECONDS, self.world.cutoff - self.dice.between(20, 70) * HOUR_SECONDS
        )
        self._step(escalated_at, "case.escalated", {"by": "buyer"})
        if self.dice.chance(0.5):
            self._ask_evidence(escalated_at + 4 * HOUR_SECONDS)

    def _patience(self) -> int:
        """Draw the seller's working time for a case that is solved in time."""
        return HOUR_SECONDS + int(62 * HOUR_SECONDS * self.dice.roll() ** 2)

    def _first_answer(self, case: Case, *, awaits_buyer: bool) -> tuple[int, int]:
        """Write the seller's first word; give its moment and the working time it took."""
        needed = answer_seconds(self.dice, case.order.rates) or 38 * HOUR_SECONDS
        needed = min(needed, 38 * HOUR_SECONDS)
        at = max(self.world.clock.add(case.opened_at, needed), case.opened_at + 960)
        flags = {"awaits_buyer": True} if awaits_buyer else {}
        self._say(at, "seller", "ask" if awaits_buyer else "working", **flags)
        return at, needed

    def _solve(self, case: Case, budget: int) -> None:
        """Go from question to question until the seller's working time reaches `budget`."""
        at, used = self._first_answer(case, awaits_buyer=True)
        back_at = at + self.dice.between(2 * HOUR_SECONDS, 45 * HOUR_SECONDS)
        left = max(budget - used, HOUR_SECONDS)
        if self.dice.chance(0.5):
            self._say(back_at, "buyer", "reply", no_reply_needed=True)
            self._step(back_at + 60, "case.ball_passed", {"to": "seller"})
        else:
            self._say(back_at, "buyer", "reply")
            reply_after = min(answer_seconds(self.dice, case.order.rates) or left, left - 300)
            self._say(self.world.clock.add(back_at, reply_after), "seller", "working")
        resolved_at = self.world.clock.add(back_at, left)
        fault = self._fault(case)
        self._resolve(resolved_at, fault)
        self._close(resolved_at, fault)

    def _fault(self, case: Case) -> str:
        if case.kind != "return" and self.dice.chance(case.order.rates.seller_fault):
            return "seller"
        return self.dice.pick(("carrier", "nobody", "buyer"))

    def _resolve(self, at: int, fault: str) -> None:
        refunded = self.dice.chance(0.6)
        outcome = {"outcome": "refunded", "remedy": "refund"}
        if not refunded:
            outcome = {"outcome": "replaced", "remedy": "replacement"}
        self._step(at, "case.resolved", {**outcome, "fault": fault})
        if refunded:
            self._refund(at + 1_800, fault)

    def _refund(self, at: int, fault: str) -> None:
        case = self._current()
        self._count += 1
        data = {"amount_minor": 90 * self.dice.between(10, 90), "reason": case.reason, "fault": fault}
        self.emit(at, "order.refunded", case.order.id, key=f"{self._id}-{self._count}", data=data)

    def _close(self, resolved_at: int, fault: str) -> None:
        at = resolved_at + self.dice.between(20 * HOUR_SECONDS, 3 * DAY_SECONDS)
        by = "buyer" if self.dice.chance(0.6) else "operator"
        self._step(at, "case.closed", {"by": by, "fault": fault})

    def _mediate(self, case: Case, at: int) -> None:
        """Let the mediator ask for proof now and then, decide, and sometimes decide again on appeal."""
        if case.shown or self.dice.chance(0.5):
            at = self._ask_evidence(at + self.dice.between(3, 20) * HOUR_SECONDS)
            at += self.dice.between(8, 40) * HOUR_SECONDS
            self._step(at, "case.evidence_given", {"by": "seller"})
        decided_at = at + self.dice.between(20, 80) * HOUR_SECONDS
        ruling = self._decide(decided_at)
        if case.shown or self.dice.chance(0.1):
            self._step(decided_at + DAY_SECONDS, "case.appealed", {"by": "seller"})
            decided_at += 3 * DAY_SECONDS
            ruling = self._decide(decided_at)
        if ruling.remedy == "refund":
            self._refund(decided_at + HOUR_SECONDS, ruling.fault)
        self._step(decided_at + DAY_SECONDS, "case.closed", {"by": "operator", "fault": ruling.fault})

    def _ask_evidence(self, at: int) -> int:
        due_by = stamp(at + 2 * DAY_SECONDS)
        self._step(at, "case.evidence_asked", {"to": "seller", "due_by": due_by})
        return at

    def _decide(self, at: int) -> Ruling:
        fault = self.dice.pick(("seller", "carrier", "carrier", "buyer", "nobody"))
        remedy = "refund" if fault in {"seller", "carrier"} else "replacement"
        grounds = self.dice.pick(self._phrases["grounds"])
        data = {"fault": fault, "remedy": remedy, "counts": fault == "seller", "grounds": grounds}
        self._step(at, "case.decided", data)
        return Ruling(fault, remedy)

"""Cases, replayed event by event from their opening: who holds them, what resolves, ends or loses them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle.clock import DAY, Clock
from tests.oracle.events import Event

HOLDERS_BY_MESSAGE = ("seller", "buyer")


@dataclass(frozen=True)
class Word:
    """What a decision or a fault-stating closing says."""

    fault: str | None
    counts: bool

    @property
    def clears(self) -> bool:
        """Whether it takes the case off the seller."""
        return not self.counts or self.fault not in (None, "seller")

    @property
    def condemns(self) -> bool:
        """Whether it loses the case for the seller."""
        return self.counts and self.fault == "seller"


@dataclass
class Case:
    """A case while it is replayed, and as it stands afterwards."""

    id: str
    kind: str | None
    order: str | None
    opened: int
    holder: str = "seller"
    mediated: bool = False
    closed: bool = False
    withdrawn: bool = False
    acted: bool = False
    word: Word | None = None
    # The holder at a closing by a timer without fault, as long as that closing stands.
    timed_out_with: str | None = None
    passes: list[tuple[int, str]] = field(default_factory=list)
    resolutions: list[int] = field(default_factory=list)
    undone: list[bool] = field(default_factory=list)

    @property
    def is_defect(self) -> bool:
        """Whether a claim, an incident or a chargeback still counts against the seller."""
        cleared = self.word is not None and self.word.clears
        return not (self.withdrawn or cleared or self.timed_out_with == "buyer")

    @property
    def is_lost(self) -> bool:
        """Whether the case stands lost for the seller."""
        if self.withdrawn:
            return False
        if self.word is not None:
            return self.word.condemns
        return self.timed_out_with not in (None, "buyer", "answered")

    @property
    def resolved(self) -> int | None:
        """The first resolution not reopened within seven days."""
        return next(
            (at for at, undone in zip(self.resolutions, self.undone, strict=True) if not undone), None
        )

    @property
    def is_reopened(self) -> bool:
        """Whether the first resolution was reopened within seven days."""
        return self.undone[:1] == [True]

    def held_by_seller(self, clock: Clock, until: int) -> int:
        """Working milliseconds with the seller up to a moment."""
        own = clock.of_promise(self.opened)
        ends = [at for at, _ in self.passes[1:]] + [until]
        spans = zip(self.passes, ends, strict=True)
        return sum(
            own.worked(at, min(end, until))
            for (at, holder), end in spans
            if holder == "seller" and at < until
        )

    def pass_to(self, holder: str, at: int) -> None:
        """Another one holds the case from a moment on."""
        self.holder = holder
        self.passes.append((at, holder))


def cases_of(events: list[Event]) -> list[Case]:
    """Every opened case of one shop."""
    openings: dict[str, int] = {}
    for place, event in enumerate(events):
        if event.type == "case.opened":
            openings.setdefault(event.subject, place)
    return [replay(events, openings, case) for case in openings]


def case_of_message(message: Event, openings: dict[str, int]) -> str | None:
    """The case a message belongs to: the one it names, else the one with its conversation's id."""
    named = message.names("case")
    return named or (message.subject if message.subject in openings else None)


def replay(events: list[Event], openings: dict[str, int], name: str) -> Case:
    """One case from its opening on."""
    opening = events[openings[name]]
    case = Case(name, opening.names("kind"), opening.names("order"), opening.at)
    case.pass_to("seller", opening.at)
    for event in events[openings[name] + 1 :]:
        if event.type == "message.sent" and case_of_message(event, openings) == name:
            take_message(case, event)
        elif event.type in STEPS and event.subject == name:
            STEPS[event.type](case, event)
    return case


def take_message(case: Case, message: Event) -> None:
    """A message passes the ball between seller and buyer; an automatic one does nothing."""
    if message.data.get("automatic"):
        return
    author = message.data.get("author")
    case.acted = case.acted or author == "seller"
    if case.mediated or case.holder not in HOLDERS_BY_MESSAGE:
        return
    if author == "seller" and message.data.get("awaits_buyer"):
        case.pass_to("buyer", message.at)
    if author == "buyer" and not message.data.get("no_reply_needed"):
        case.pass_to("seller", message.at)


def take_ball_passed(case: Case, event: Event) -> None:
    """Whoever holds it passes it on, unless a mediator or nobody does."""
    to = event.names("to")
    if to and not case.mediated and case.holder != "nobody":
        case.pass_to(to, event.at)


def take_resolved(case: Case, event: Event) -> None:
    """A resolution is an act of the seller's side and rests the case."""
    case.acted = True
    case.resolutions.append(event.at)
    case.undone.append(False)
    release(case, event)


def take_reopened(case: Case, event: Event) -> None:
    """The seller holds it again; resolutions of the last seven days were none."""
    case.undone = [
        undone or event.at <= at + 7 * DAY for at, undone in zip(case.resolutions, case.undone, strict=True)
    ]
    case.closed, case.mediated, case.timed_out_with = False, False, None
    case.pass_to("seller", event.at)


def take_withdrawn(case: Case, event: Event) -> None:
    """The buyer takes the case back, for good."""
    case.withdrawn = case.closed = True
    release(case, event)


def take_closed(case: Case, event: Event) -> None:
    """A closing speaks by its fault, or by who held the case when the timer closed it."""
    fault = event.names("fault")
    if fault:
        case.word = Word(fault, counts=True)
    elif event.data.get("by") == "automatic" and not case.closed:
        unanswered = case.holder == "buyer" or not case.acted
        case.timed_out_with = case.holder if unanswered else "answered"
    case.closed = True
    release(case, event)


def release(case: Case, event: Event) -> None:
    """Nobody holds a case at rest."""
    case.mediated = False
    case.pass_to("nobody", event.at)


def take_escalated(case: Case, event: Event) -> None:
    """The mediator holds it."""
    case.acted = case.acted or event.data.get("by") == "seller"
    case.mediated = True
    case.pass_to("mediator", event.at)


def take_evidence_asked(case: Case, event: Event) -> None:
    """The mediator waits for one party."""
    to = event.names("to")
    if case.mediated and to:
        case.pass_to(to, event.at)


def take_evidence_given(case: Case, event: Event) -> None:
    """The mediator goes on."""
    if case.mediated:
        case.pass_to("mediator", event.at)


def take_decided(case: Case, event: Event) -> None:
    """A decision is the word until the next one; it counts unless it says otherwise."""
    case.word = Word(event.names("fault"), counts=event.data.get("counts") is not False)


def take_appealed(case: Case, event: Event) -> None:
    """An appeal by the seller is an act of his."""
    case.acted = case.acted or event.data.get("by") == "seller"


STEPS = {
    "case.ball_passed": take_ball_passed,
    "case.resolved": take_resolved,
    "case.reopened": take_reopened,
    "case.withdrawn": take_withdrawn,
    "case.closed": take_closed,
    "case.escalated": take_escalated,
    "case.evidence_asked": take_evidence_asked,
    "case.evidence_given": take_evidence_given,
    "case.decided": take_decided,
    "case.appealed": take_appealed,
}

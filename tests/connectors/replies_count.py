"""Reply and resolution metrics counted straight from the help desk log and the Twitter posts.

Written apart from the importers and from the scoring on purpose: an error has to be made twice to pass. Only
the rules are shared: T is the end of the day `as_of` in UTC, the window [T − N days, T), a clock that never
stops, 24 hours to answer, 72 hours with the seller to resolve.
"""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

HOUR = 3600
ANSWER_SECONDS = 24 * HOUR
RESOLVE_SECONDS = 72 * HOUR
REOPEN_SECONDS = 7 * 24 * HOUR


class Share(NamedTuple):
    """Failures over those judged."""

    bad: int
    base: int


class Times(NamedTuple):
    """Seconds, percentiles by nearest rank; `base` were answered (resolved), `unanswered` were not.

    A question waived by its due time is in neither number; one waived later, or not yet due, is unanswered.
    """

    median: int
    p90: int
    mean: float
    base: int
    unanswered: int


Counts = dict[tuple[str, str], Share | Times]

# One happening of a conversation, in the order of events: (second, type rank, author rank, id, what).
Happening = tuple[int, int, int, str, str]
MESSAGE, OPENED, BALL, RESOLVED, REOPENED, CLOSED = range(6)


@dataclass
class Thread:
    """What happened in one conversation of one shop, as read."""

    shop: str
    happenings: list[Happening] = field(default_factory=list)


@dataclass
class Turn:
    """A question and how it ended."""

    asked: int
    first: bool
    answered: int | None = None
    waived: int | None = None


@dataclass
class Case:
    """A case; `held` are the seconds at which the seller got and gave away the ball."""

    opened: int
    held: list[tuple[int, int]]
    resolved: list[int]
    reopened: list[int]

    def used(self, until: int) -> int:
        """Seconds with the seller before a moment."""
        return sum(max(0, min(end, until) - start) for start, end in self.held)


def count_replies(file: Path | str, as_of: date, window_days: int) -> Counts:
    """{(shop, metric): Share or Times} of either file, told apart by its header; without base 0."""
    midnight = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    until = int(midnight.timestamp()) + 24 * HOUR
    return count_threads(read_threads(Path(file)), since=until - window_days * 24 * HOUR, until=until)


def read_threads(file: Path) -> list[Thread]:
    """The conversations of a file, each once; count_threads can then be asked for many windows."""
    raw = file.read_bytes()
    text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    return list((_tickets(rows) if "case_id" in rows[0] else _conversations(rows)).values())


# --- the help desk log ----------------------------------------------------------------------------------


def _tickets(rows: list[dict[str, str]]) -> dict[str, Thread]:
    threads: dict[str, Thread] = {}
    resolved: set[str] = set()
    waiting: set[str] = set()
    for row in sorted(rows, key=lambda row: (_second(row["time:timestamp"]), int(row["event_idx"]))):
        case, name, at = row["case_id"], row["concept:name"], _second(row["time:timestamp"])
        key = f"{case}:{row['event_idx']}"
        if case not in threads:
            threads[case] = Thread(row["org:resource"])
            _note(threads[case], at, OPENED, f"{key}:opened", "opened")
            _note(threads[case], at, MESSAGE, f"{key}:asked", "buyer")
        if case in waiting:
            _note(threads[case], at, BALL, f"{key}:back", "seller has it")
        if case in resolved and name not in ("Resolve ticket", "Closed"):
            resolved.remove(case)
            _note(threads[case], at, REOPENED, f"{key}:reopened", "reopened")
        _note_activity(threads[case], at, key, name)
        (waiting.add if name == "Wait" else waiting.discard)(case)
        if name == "Resolve ticket":
            resolved.add(case)
    return threads


def _note_activity(thread: Thread, at: int, key: str, name: str) -> None:
    if name == "Take in charge ticket":
        _note(thread, at, MESSAGE, f"{key}:taken", "seller")
    elif name == "Wait":
        _note(thread, at, BALL, f"{key}:wait", "buyer has it")
    elif name == "Resolve ticket":
        _note(thread, at, RESOLVED, f"{key}:resolved", "resolved")
    elif name == "Closed":
        _note(thread, at, CLOSED, f"{key}:closed", "closed")


def _note(thread: Thread, at: int, rank: int, key: str, what: str) -> None:
    author = {"buyer": 0, "seller": 1}.get(what, 0)
    thread.happenings.append((at, rank, author, key, what))


# --- the Twitter posts ----------------------------------------------------------------------------------


def _conversations(rows: list[dict[str, str]]) -> dict[str, Thread]:
    parents = {row["tweet_id"]: row["in_response_to_tweet_id"] for row in rows}
    brands: dict[str, set[str]] = {}
    for row in rows:
        if row["inbound"] == "False":
            brands.setdefault(_root(parents, row["tweet_id"]), set()).add(row["author_id"])
    threads: dict[str, Thread] = {}
    for row in rows:
        root, ours = _root(parents, row["tweet_id"]), row["inbound"] == "False"
        for brand in {row["author_id"]} if ours else brands.get(root, set()):
            thread = threads.setdefault(f"{root}:{brand}", Thread(brand))
            what = "seller" if ours else "buyer"
            _note(thread, _second(row["created_at"]), MESSAGE, f"{row['tweet_id']}:{brand}", what)
    return threads


def _root(parents: dict[str, str], post: str) -> str:
    while parents[post] in parents:
        post = parents[post]
    return post


def _second(text: str) -> int:
    iso = text[:4].isdigit()
    at = datetime.fromisoformat(text) if iso else datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y")
    return int(at.timestamp())


# --- counting -------------------------------------------------------------------------------------------


def count_threads(threads: list[Thread], *, since: int, until: int) -> Counts:
    """As count_replies, for the window [since, until) in epoch seconds, judged at `until`."""
    turns: dict[str, list[Turn]] = {}
    cases: dict[str, list[Case]] = {}
    for thread in threads:
        past = sorted(happening for happening in thread.happenings if happening[0] < until)
        turns.setdefault(thread.shop, []).extend(turn for turn in _turns(past) if turn.asked >= since)
        cases.setdefault(thread.shop, []).extend(
            case for case in _cases(past, until=until) if case.opened >= since
        )
    counts: Counts = {}
    for shop, asked in turns.items():
        _count_turns(counts, shop, asked, until=until)
        _count_cases(counts, shop, cases[shop], until=until)
    return {key: count for key, count in counts.items() if count.base}


def _turns(past: list[Happening]) -> list[Turn]:
    turns: list[Turn] = []
    waits = False
    for at, rank, _, _, what in past:
        if what == "buyer" and not waits:
            turns.append(Turn(at, first=not turns))
            waits = True
        elif what == "seller" and waits:
            turns[-1].answered, waits = at, False
        elif rank == CLOSED and waits:
            turns[-1].waived, waits = at, False
    return turns


def _cases(past: list[Happening], *, until: int) -> list[Case]:
    """The case of a ticket, or none. Messages never await the buyer here and so pass no ball."""
    case: Case | None = None
    holder, since = "nobody", 0
    for at, rank, _, _, what in past:
        if rank == OPENED:
            case = Case(at, [], [], [])
        passed = _holder_after(holder, rank, what)
        if case is None or rank == MESSAGE:
            continue
        if rank == RESOLVED:
            case.resolved.append(at)
        elif rank == REOPENED:
            case.reopened.append(at)
        if holder == "seller" and passed != "seller":
            case.held.append((since, at))
        if holder != "seller" and passed == "seller":
            since = at
        holder = passed
    if case is not None and holder == "seller":
        case.held.append((since, until))
    return [case] if case is not None else []


def _holder_after(holder: str, rank: int, what: str) -> str:
    if rank in (OPENED, REOPENED):
        return "seller"
    if rank in (RESOLVED, CLOSED):
        return "nobody"
    if rank == BALL and holder != "nobody":
        return what.removesuffix(" has it")
    return holder


def _count_turns(counts: Counts, shop: str, turns: list[Turn], *, until: int) -> None:
    judged = within = silent = 0
    for turn in turns:
        due = turn.asked + ANSWER_SECONDS
        ended = turn.answered if turn.answered is not None else turn.waived
        if ended is None and due >= until:
            continue
        judged += 1
        within += ended is not None and ended <= due
        silent += turn.answered is None and not _waived_in_time(turn) and due < until
    counts[shop, "response_within_rate"] = Share(judged - within, judged)
    counts[shop, "no_response_rate"] = Share(silent, judged)
    counts[shop, "response_time"] = _times_of_turns(turns)
    counts[shop, "first_response_time"] = _times_of_turns([turn for turn in turns if turn.first])


def _waived_in_time(turn: Turn) -> bool:
    return turn.waived is not None and turn.waived <= turn.asked + ANSWER_SECONDS


def _times_of_turns(turns: list[Turn]) -> Times:
    seconds = [turn.answered - turn.asked for turn in turns if turn.answered is not None]
    unanswered = sum(turn.answered is None and not _waived_in_time(turn) for turn in turns)
    return _times(seconds, unanswered)


def _times(seconds: list[int], others: int) -> Times:
    if not seconds:
        return Times(0, 0, 0.0, 0, others)
    ranked = sorted(seconds)
    count = len(ranked)
    p90 = ranked[-(-count * 9 // 10) - 1]
    return Times(ranked[(count + 1) // 2 - 1], p90, sum(ranked) / count, count, others)


def _count_cases(counts: Counts, shop: str, cases: list[Case], *, until: int) -> None:
    seconds: list[int] = []
    judged = bad = 0
    for case in cases:
        undone = [at for at in case.resolved if any(at <= re <= at + REOPEN_SECONDS for re in case.reopened)]
        standing = next((at for at in case.resolved if at not in undone), None)
        used = case.used(until if standing is None else standing)
        if standing is not None:
            seconds.append(used)
        failed = used > RESOLVE_SECONDS or bool(undone)
        judged += standing is not None or failed
        bad += failed
    counts[shop, "resolution_within_rate"] = Share(bad, judged)
    counts[shop, "resolution_time"] = _times(seconds, len(cases) - len(seconds))

"""Writes made-up files laid out like the help desk log and the Twitter posts; one seed, one outcome."""

from __future__ import annotations

import csv
import gzip
import io
import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

Row = dict[str, str]

_STAFF = ("Value 1", "Value 2", "Value 3", "Value 5")
_BRANDS = ("AcmeHelp", "BoltCare", "CedarSupport")
_SUMMER, _WINTER = timezone(timedelta(hours=3)), timezone(timedelta(hours=2))
_NAMES = {
    "A": "Assign seriousness",
    "I": "Insert ticket",
    "T": "Take in charge ticket",
    "W": "Wait",
    "R": "Resolve ticket",
    "U": "Require upgrade",
    "C": "Closed",
}
_TICKETS = (
    *("ATRC", "ATWTRCC", "ATWWRC", "TRRC", "IATRARC", "ATRCTWR"),
    *("ACT", "ATWC", "ATRWURC", "RC", "WT", "A"),
)


def write_helpdesk_fixture(file: Path, *, tickets: int = 240, seed: int = 7) -> Path:
    """Writes a gzipped log of made-up tickets over four months, rows shuffled.

    Quirks: both offsets, repeated activities at one second, second resolutions, reopenings within seven days,
    exactly seven days after and later, closings before the answer, tickets never answered.
    """
    rng = random.Random(seed)
    rows = [row for number in range(tickets) for row in _ticket(rng, number)]
    rng.shuffle(rows)
    return _write(file, rows)


def _ticket(rng: random.Random, number: int) -> list[Row]:
    at = datetime(2013, 1, 7, tzinfo=UTC) + timedelta(seconds=rng.randrange(120 * 86_400))
    rows: list[Row] = []
    before = ""
    for index, letter in enumerate(_TICKETS[number % len(_TICKETS)]):
        name = _NAMES[letter]
        if index and not (name == before and rng.randrange(2)):
            at += _pause(rng, before)
        rows.append(_activity(rng, f"Case{number}", index, at=at, name=name))
        before = name
    return rows


def _pause(rng: random.Random, before: str) -> timedelta:
    if before == "Resolve ticket" and rng.randrange(3) == 0:
        return timedelta(days=7)
    hours = (0.2, 5, 24, 30, 72, 100, 200)
    return timedelta(seconds=round(rng.choice(hours) * 3600) + rng.choice((-1, 0, 0, 1, 977)))


def _activity(rng: random.Random, case: str, index: int, *, at: datetime, name: str) -> Row:
    local = at.astimezone(_SUMMER if at.month in range(4, 11) else _WINTER)
    who = rng.choice(_STAFF)
    return {
        "case_id": case,
        "event_idx": str(index),
        "time:timestamp": local.isoformat(timespec="milliseconds"),
        "concept:name": name,
        "lifecycle:transition": "complete",
        "org:resource": who,
        "Activity": name,
        "Resource": who,
    }


def write_twitter_fixture(file: Path, *, threads: int = 150, seed: int = 7) -> Path:
    """Writes gzipped posts of made-up threads over four weeks, rows shuffled.

    Quirks: several replies to one post, replies at one second, several brands in a thread, brands that nobody
    asked, threads without a brand, parents that the file lacks, both ways to write a time.
    """
    rng = random.Random(seed)
    rows: list[Row] = []
    for number in range(threads):
        _add_thread(rng, rows, number)
    rng.shuffle(rows)
    return _write(file, rows)


def _add_thread(rng: random.Random, rows: list[Row], number: int) -> None:
    at = datetime(2017, 10, 9, tzinfo=UTC) + timedelta(seconds=rng.randrange(28 * 86_400))
    brands = [] if number % 10 == 0 else rng.sample(_BRANDS, 1 + (number % 7 == 0))
    customer = str(100_000 + number)
    posts: list[str] = [f"missing{number}"] if number % 6 == 1 else []
    for step in range(rng.randrange(1, 9)):
        by_brand = bool(brands) and (step % 2 == 1 or number % 9 == 4 or rng.randrange(5) == 0)
        author = rng.choice(brands) if by_brand else customer
        parent = rng.choice(posts[-2:]) if posts else ""
        post = str(len(rows) + 1)
        rows.append(_post(rng, post, author, at=at, parent=parent))
        posts.append(post)
        at += timedelta(seconds=rng.choice((0, 1, 40, 600, 7_200, 86_399, 86_400, 100_000)))


def _post(rng: random.Random, post: str, author: str, *, at: datetime, parent: str) -> Row:
    form = rng.choice(("%Y-%m-%dT%H:%M:%SZ", "%a %b %d %H:%M:%S +0000 %Y"))
    return {
        "tweet_id": post,
        "author_id": author,
        "inbound": str(author.isdigit()),
        "created_at": at.strftime(form),
        "response_tweet_id": "",
        "in_response_to_tweet_id": parent,
    }


def _write(file: Path, rows: list[Row]) -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    file.write_bytes(gzip.compress(out.getvalue().encode(), mtime=0))
    return file

"""The audit trail is only ever added to: each row sealed once, a changed one named, a change refused."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError

from operator_qos.accounts.models import User
from operator_qos.audit.jobs import run_sealer, tell_anchor
from operator_qos.audit.models import AuditRow, AuditSeal
from operator_qos.audit.queries import (
    Search,
    check_chain,
    count_overrides,
    count_rows,
    find_last_seal,
    list_links,
    list_overrides,
    list_rows,
)
from operator_qos.audit.rules import START, MissingReasonError
from operator_qos.audit.service import append_audit, seal_rows
from operator_qos.cli import main
from operator_qos.cli_support import Context
from operator_qos.db import create_database_engine, create_session, reading, unit_of_work
from operator_qos.notices.models import Notice, OutboxMail
from operator_qos.settings import Settings
from tests.databases import _lift_triggers

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)


def add(engine: Engine, count: int = 1, *, actor: str = "ines@op.example", action: str = "act.release") -> None:
    with unit_of_work(engine) as session:
        for number in range(count):
            append_audit(session, actor=actor, now=NOW + timedelta(seconds=number), action=action, why="Late feed.",
                         subject=f"shop:{number}", before={"level": "top", "n": 1.5}, after={"é": [None, True]})


def seal(engine: Engine, *, limit: int = 1_000) -> int:
    with unit_of_work(engine) as session:
        return seal_rows(session, now=NOW, limit=limit)


@contextmanager
def forcing(engine: Engine) -> Iterator[Connection]:
    """As somebody who owns the database can: past its triggers."""
    with engine.begin() as connection:
        _lift_triggers(connection)
        yield connection


def broken(engine: Engine, anchor: tuple[int, str] | None = None) -> tuple[int, str] | None:
    with reading(engine) as session:
        found = check_chain(session, anchor=anchor).broken
    return None if found is None else (found.position, found.reason)


def test_each_row_is_sealed_once_and_each_hash_follows_from_the_one_before(engine: Engine) -> None:
    add(engine, 5)
    assert [seal(engine, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    with reading(engine) as session:
        links = list(list_links(session))
        found = check_chain(session)
    assert (found.rows, found.unsealed, found.broken, found.hash) == (5, 0, None, links[-1].hash)
    previous = START
    for place, link in enumerate(links, 1):
        assert (link.position, link.previous) == (place, previous)
        assert link.hash == hashlib.sha256((previous + link.row).encode()).hexdigest()
        assert json.loads(link.row)["after"] == {"é": [None, True]}
        previous = link.hash
    assert '"at":"2026-06-18T07:40:00.000000+00:00"' in links[0].row


@pytest.mark.parametrize("statement", [
    "UPDATE audit_rows SET why = 'x'", "DELETE FROM audit_rows", "UPDATE audit_seals SET hash = 'x'",
    "DELETE FROM audit_seals"])
def test_the_database_refuses_to_change_what_was_written(engine: Engine, statement: str) -> None:
    add(engine)
    seal(engine)
    with pytest.raises(DBAPIError, match="only ever added to"), engine.begin() as connection:
        connection.execute(text(statement))
    assert broken(engine) is None


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_it_cannot_be_emptied_at_once_either(engine: Engine) -> None:
    add(engine)
    with pytest.raises(DBAPIError, match="only ever added to"), engine.begin() as connection:
        connection.execute(text("TRUNCATE audit_rows CASCADE"))


@pytest.mark.parametrize(("statement", "place", "reason"), [
    ("UPDATE audit_rows SET why = 'x' WHERE id = 3", 3, "row 3 or its seal was changed"),
    ("UPDATE audit_seals SET hash = 'x' WHERE position = 2", 2, "row 2 or its seal was changed"),
    ("DELETE FROM audit_seals WHERE position = 4", 4, "place 4 is missing"),
])
def test_the_first_row_that_was_changed_is_named(engine: Engine, statement: str, place: int, reason: str) -> None:
    add(engine, 6)
    seal(engine)
    with forcing(engine) as connection:
        connection.execute(text(statement))
    assert broken(engine) == (place, reason)


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_row_that_is_gone_is_named(engine: Engine) -> None:
    add(engine, 3)
    seal(engine)
    raw = engine.raw_connection()
    raw.execute("PRAGMA foreign_keys=OFF")
    for trigger in ("audit_rows_no_delete",):
        raw.execute(f"DROP TRIGGER {trigger}")
    raw.execute("DELETE FROM audit_rows WHERE id = 2")
    raw.close()
    assert broken(engine) == (2, "row 2 is gone")


def test_a_chain_written_anew_or_cut_off_fails_against_the_anchor_kept_outside(engine: Engine) -> None:
    add(engine, 4)
    seal(engine)
    with reading(engine) as session:
        last = find_last_seal(session)
    assert last is not None
    anchor = (last.position, last.hash)
    assert broken(engine, anchor) is None
    with forcing(engine) as connection:
        connection.execute(text("DELETE FROM audit_seals"))
        connection.execute(text("UPDATE audit_rows SET why = 'x' WHERE id = 1"))
    assert broken(engine, anchor) == (1, "the chain ends before place 4, which was kept outside")
    seal(engine)
    assert broken(engine) is None
    found = broken(engine, anchor)
    assert found is not None
    assert found[0] == 4
    assert "written anew" in found[1]


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_a_row_committed_late_is_sealed_after_rows_of_higher_numbers(engine: Engine) -> None:
    slow = create_session(engine)
    append_audit(slow, actor="a", now=NOW, action="x", subject="late")
    slow.flush()
    add(engine, 2)
    assert seal(engine) == 2
    slow.commit()
    slow.close()
    assert seal(engine) == 1
    with reading(engine) as session:
        order = session.scalars(select(AuditSeal.row_id).order_by(AuditSeal.position)).all()
    assert order == [2, 3, 1]
    with unit_of_work(engine) as session:  # so late that only the hourly look finds it
        session.add(AuditRow(id=50_000, at=NOW, actor="a", action="x", subject="far", why="", origin=""))
    assert run_sealer(engine, now=NOW) == 1
    add(engine)  # the sequence goes on far before it
    assert run_sealer(engine, now=NOW) == 0
    assert run_sealer(engine, now=NOW, everything=True) == 1
    assert broken(engine) is None


def test_two_sealers_at_once_seal_each_row_once(engine: Engine, database_url: str) -> None:
    add(engine, 60)
    other = create_database_engine(database_url)

    def work(own: Engine) -> int:
        total = 0
        while done := seal(own, limit=7):
            total += done
        return total

    with ThreadPoolExecutor(4) as pool:
        writing = pool.submit(add, engine, 20)
        totals = list(pool.map(work, (engine, other, engine)))
        writing.result()
    other.dispose()
    assert sum(totals) + run_sealer(engine, now=NOW) == 80
    with reading(engine) as session:
        found = check_chain(session)
    assert (found.rows, found.unsealed, found.broken) == (80, 0, None)


SEALER = """
import sys
from datetime import UTC, datetime
from operator_qos.audit.service import seal_rows
from operator_qos.db import create_database_engine, unit_of_work
engine, done = create_database_engine(sys.argv[1]), 1
print("ready", flush=True)
while done:
    with unit_of_work(engine) as session:
        done = seal_rows(session, now=datetime.now(UTC), limit=3)
"""


@pytest.mark.slow
def test_killed_sealers_leave_a_chain_that_holds(engine: Engine, database_url: str) -> None:
    add(engine, 3_000)
    killed = 0
    for wait in (0.0, 0.05, 0.1, 0.2, 0.3):
        sealers = [subprocess.Popen([sys.executable, "-c", SEALER, database_url], stdout=subprocess.PIPE)
                   for _ in range(2)]
        for sealer in sealers:
            assert sealer.stdout is not None
            sealer.stdout.readline()
        time.sleep(wait)
        for sealer in sealers:
            if sealer.poll() is None:
                os.kill(sealer.pid, signal.SIGKILL)
                killed += 1
            sealer.wait()
    assert killed > 0
    run_sealer(engine, now=NOW)
    with reading(engine) as session:
        found = check_chain(session)
    assert (found.rows, found.unsealed, found.broken) == (3_000, 0, None)


def test_the_trail_is_searched_by_who_what_and_when(engine: Engine) -> None:
    add(engine, 3)
    add(engine, 2, actor="system", action="evaluation.run")
    with reading(engine) as session:
        assert count_rows(session, Search()) == 5
        assert count_rows(session, Search(actor="INES")) == 3
        assert count_rows(session, Search(action="eval", subject="shop:1")) == 1
        assert count_rows(session, Search(actor="%")) == 0
        since = NOW + timedelta(seconds=1)
        assert count_rows(session, Search(since=since)) == 3
        assert count_rows(session, Search(since=since, until=since + timedelta(seconds=1))) == 2
        rows = list_rows(session, Search(), limit=2, offset=1)
    assert [(row.row.subject, row.position) for row in rows] == [("shop:1", None), ("shop:1", None)]


def test_the_report_lists_what_staff_decided_and_not_what_sellers_asked(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        session.add(User(email="ines@op.example", password_hash="x", name="I", role="admin", created_at=NOW))
    add(engine, 2)
    add(engine, actor="claire@seller.example", action="exclusion.asked")
    add(engine, actor="system", action="act.asked")
    add(engine, actor="ines@op.example", action="user.added")
    with unit_of_work(engine) as session:  # said for a day to come: nothing is dated back
        append_audit(session, actor="ines@op.example", now=NOW, action="shop.describe", subject="shop:1")
    with reading(engine) as session:
        assert count_overrides(session, Search()) == {"act.release": 2}
        assert [row.row.why for row in list_overrides(session, Search(), limit=None)] == ["Late feed."] * 2


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_override_without_a_reason_is_refused(engine: Engine) -> None:
    with unit_of_work(engine) as session, pytest.raises(MissingReasonError, match="say why"):
        append_audit(session, actor="ines", now=NOW, action="standard.retire", subject="x", why=" ")
    with unit_of_work(engine) as session:
        append_audit(session, actor="system", now=NOW, action="act.undo", subject="x")


def test_the_end_of_the_chain_is_mailed_to_administrators_once_a_week(engine: Engine) -> None:
    assert not tell_anchor(engine, now=NOW)
    with unit_of_work(engine) as session:
        for role in ("admin", "analyst", "mediator"):
            session.add(User(email=f"{role}@op.example", password_hash="x", name=role, role=role, created_at=NOW))
    add(engine, 2)
    run_sealer(engine, now=NOW)
    week = timedelta(days=7)
    assert [tell_anchor(engine, now=now) for now in (NOW, NOW + timedelta(days=1), NOW + week)] == [True, False, True]
    with reading(engine) as session:
        last = find_last_seal(session)
        mails = session.execute(select(OutboxMail.recipient, OutboxMail.body)).all()
        assert session.scalars(select(Notice.topic)).all() == ["audit_anchor"] * 2
    assert last is not None
    assert [mail.recipient for mail in mails] == ["admin@op.example"] * 2
    assert f"2:{last.hash}" in mails[0].body


def run(engine: Engine, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["audit", *words], obj=Context(Settings(), engine, lambda: NOW))
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_command_checks_and_exports(engine: Engine) -> None:
    add(engine, 3)
    run_sealer(engine, now=NOW)
    assert run(engine, "verify")[:2][0] == 0
    lines = [json.loads(line) for line in run(engine, "export")[1].splitlines()]
    assert [line["position"] for line in lines] == [1, 2, 3]
    previous = START
    for line in lines:  # what docs/consequences.md tells an outsider to do
        assert hashlib.sha256((previous + line["row"]).encode()).hexdigest() == line["hash"]
        previous = line["hash"]
    assert run(engine, "export", "--since", "2026-06-19")[1] == ""
    assert len(run(engine, "export", "--since", "2026-06-18")[1].splitlines()) == 3
    assert run(engine, "verify", "--anchor", f"3:{previous}")[0] == 0
    assert run(engine, "verify", "--anchor", "nonsense")[0] == 1
    with forcing(engine) as connection:
        connection.execute(AuditRow.__table__.update().where(AuditRow.id == 2).values(actor="nobody"))
    code, said, why = run(engine, "verify", "--json")
    assert (code, json.loads(said)["broken"]["row_id"]) == (1, 2)
    assert "Broken at place 2: row 2 or its seal was changed." in why

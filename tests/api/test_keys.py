"""Keys: what each may do and how much, exchanged without a gap, ended at once; and the page where that is done."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine

from operator_qos.accounts.actors import COMMAND_LINE, Quota
from operator_qos.accounts.queries import find_machine, list_keys
from operator_qos.accounts.quotas import NOTE_EVERY, note_use, take_quota
from operator_qos.accounts.service import AccountError, KeyTerms, create_key, revoke_key, rotate_key
from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.ledger.pending import mark_pending
from tests.api.sending import BATCH, Sender, event, opening
from tests.web.fixtures import NOW, Clock, post, sign_in

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def _make(engine: Engine, **terms: object) -> str:
    with unit_of_work(engine) as session:
        made = KeyTerms(**{"scope": "ingest", **terms})  # type: ignore[arg-type]  # each test names what it needs
        return create_key(session, name="feed", terms=made, actor=COMMAND_LINE, now=NOW)


def _holds(engine: Engine, key: str, *, after: timedelta = timedelta()) -> bool:
    with reading(engine) as session:
        return find_machine(session, key, now=NOW + after) is not None


def test_two_keys_hold_for_a_while_after_an_exchange(world: Engine) -> None:
    old = _make(world)
    with unit_of_work(world) as session:
        new = rotate_key(session, name="feed", actor=COMMAND_LINE, now=NOW)
    assert [_holds(world, key) for key in (old, new)] == [True, True]
    assert [_holds(world, key, after=7 * DAY) for key in (old, new)] == [False, True]
    with unit_of_work(world) as session:
        newer = rotate_key(session, name="feed", actor=COMMAND_LINE, now=NOW + DAY)
    assert [_holds(world, key, after=DAY) for key in (old, new, newer)] == [False, True, True]
    with unit_of_work(world) as session:
        revoke_key(session, name="feed", actor=COMMAND_LINE, now=NOW + DAY)
        with pytest.raises(AccountError, match="was revoked"):
            rotate_key(session, name="feed", actor=COMMAND_LINE, now=NOW + DAY)
    assert not any(_holds(world, key, after=DAY) for key in (old, new, newer))


def test_a_key_ends_on_its_day(world: Engine) -> None:
    key = _make(world, expires_at=NOW + DAY)
    assert _holds(world, key, after=DAY - SECOND)
    assert not _holds(world, key, after=DAY)


@pytest.mark.parametrize("terms", [
    {"scope": "all"}, {"marketplace_id": "atlantis"}, {"quota": Quota(events_a_minute=0)},
    {"quota": Quota(calls_a_minute=10**9)}, {"sources": ("",)}, {"sources": ("x" * 201,)}, {"expires_at": NOW},
])  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"])
def test_terms_that_cannot_be_are_refused(world: Engine, terms: dict[str, object]) -> None:
    with pytest.raises(AccountError):
        _make(world, **terms)


def test_a_quota_has_a_minute_in_hand_and_comes_back_second_by_second(world: Engine) -> None:
    _make(world, quota=Quota(events_a_minute=600))
    with reading(world) as session:
        machine = find_machine(session, _make_other(world), now=NOW)
    assert machine is not None
    spend = lambda events, at: take_quota(world, machine, events=events, now=NOW + at * SECOND)  # noqa: E731
    assert spend(600, 0) == 0
    assert spend(1, 0) == 1  # a tenth of a second, told as a whole one
    assert spend(100, 0) == 10
    assert spend(100, 9) == 1
    assert spend(100, 10) == 0
    assert spend(1200, 60) == 10  # more than a minute's worth is taken once nothing is spent
    assert spend(1200, 70) == 0
    assert spend(1, 70) == 61
    assert spend(0, 70) == 0


def _make_other(engine: Engine) -> str:
    with unit_of_work(engine) as session:
        terms = KeyTerms("ingest", quota=Quota(events_a_minute=600))
        return create_key(session, name="other", terms=terms, actor=COMMAND_LINE, now=NOW)


def test_several_processes_share_one_quota(world: Engine, database_url: str) -> None:
    key = _make(world, quota=Quota(calls_a_minute=10))
    with reading(world) as session:
        machine = find_machine(session, key, now=NOW)
    assert machine is not None
    engines = [create_database_engine(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        waits = list(pool.map(lambda n: take_quota(engines[n % 4], machine, events=1, now=NOW), range(24)))
    for engine in engines:
        engine.dispose()
    assert sorted(waits) == [0] * 10 + [6] * 14


def test_the_use_of_a_key_is_noted_now_and_then(world: Engine) -> None:
    key = _make(world)
    for after in (timedelta(), NOTE_EVERY - SECOND, NOTE_EVERY):
        with reading(world) as session:
            machine = find_machine(session, key, now=NOW)
        assert machine is not None
        note_use(world, machine, now=NOW + after)
        with reading(world) as session:
            assert list_keys(session)[0].used_at == (NOW + NOTE_EVERY if after == NOTE_EVERY else NOW)


def test_a_key_that_sends_too_much_is_told_when_to_come_again(app: Flask, world: Engine, clock: Clock) -> None:
    sender = Sender(app.test_client(), _make(world, quota=Quota(events_a_minute=2, calls_a_minute=100)))
    sender.send(opening("morvan"), event(1))
    body = json.dumps([event(2)]).encode()
    held = sender.post(body, BATCH)
    assert (held.status_code, held.mimetype, held.headers["Retry-After"]) == (429, "application/problem+json", "30")
    assert held.get_json(force=True)["retry_after_seconds"] == 30
    clock.now += 30 * SECOND
    assert sender.post(body, BATCH).get_json()["accepted"] == 1


def test_everybody_waits_while_too_much_is_to_be_worked_out(app: Flask, world: Engine) -> None:
    sender = Sender(app.test_client(), _make(world))
    app.extensions["operator_qos"] = _with_limit(app, 2)
    sender.send(opening("morvan"))
    with unit_of_work(world) as session:
        mark_pending(session, {1: 1, 2: 1})
    sender.send(event(1))
    with unit_of_work(world) as session:
        mark_pending(session, {3: 1})
    held = sender.post(json.dumps([event(2)]).encode(), BATCH)
    assert (held.status_code, held.headers["Retry-After"]) == (429, "30")


def _with_limit(app: Flask, limit: int) -> object:
    from dataclasses import replace

    site = app.extensions["operator_qos"]
    return replace(site, settings=replace(site.settings, backlog_limit=limit))


def test_a_key_of_a_source_sends_that_source_alone(app: Flask, world: Engine) -> None:
    sender = Sender(app.test_client(), _make(world, sources=("/shops/", "/platform")))
    answer = sender.send(opening("morvan"), event(1), event(2, source="/elsewhere"), event(3, source="/shop"))
    assert [(row["status"], row["field"]) for row in answer["events"]] == [
        ("accepted", ""), ("accepted", ""), ("quarantined", "source"), ("quarantined", "source")]


@pytest.mark.parametrize("database", ["sqlite"])
def test_keys_are_made_exchanged_and_ended_on_their_page(app: Flask, world: Engine) -> None:
    client, page = sign_in(app, "admin"), "/operator/keys"
    form = {"name": "warehouse", "scope": "ingest", "marketplace": "halle-fr", "sources": "/shops/\n\n/wms ",
            "events_a_minute": "500", "expires_on": "2027-01-31"}
    assert post(client, page, form, page=page).status_code == 303
    shown = client.get(page).text
    key = shown.partition("qos_")[2][:43]
    assert _holds(world, "qos_" + key)
    assert key not in client.get(page).text
    with reading(world) as session:
        (row,) = list_keys(session)
    assert (row.sources, row.events_a_minute, row.calls_a_minute) == (("/shops/", "/wms"), 500, None)
    assert row.expires_at is not None and row.expires_at.isoformat() == "2027-02-01T00:00:00+00:00"
    assert post(client, f"{page}/rotate", {"name": "warehouse"}, page=page).status_code == 303
    assert _holds(world, "qos_" + key)
    assert "the old key until" in client.get(page).text
    assert post(client, f"{page}/revoke", {"name": "warehouse"}, page=page).status_code == 303
    assert not _holds(world, "qos_" + key)
    for wrong in ({"name": "warehouse"}, {"name": ""}, {"events_a_minute": "many"}, {"expires_on": "soon"}):
        refused = post(client, page, {**form, "name": "another", **wrong}, page=page)
        assert refused.status_code == 400
        assert 'role="alert"' in refused.text
    assert post(client, f"{page}/rotate", {"name": "nobody"}, page=page).status_code == 400

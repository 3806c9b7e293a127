"""`operator-qos connections …`: platforms that are read and written."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.connections import jobs, queries, service
from operator_qos.connections.asking import Asks, choose_asks
from operator_qos.connections.jobs import Synced, Tools
from operator_qos.connections.queries import Card, UnknownConnectionError
from operator_qos.connections.rules import Compared
from operator_qos.connections.sealing import SealError
from operator_qos.connections.service import ConnectionRefused, NewConnection
from operator_qos.connectors.contract import SourceError
from operator_qos.db import reading, unit_of_work
from operator_qos.settings import read_secret

WISHES = ("suspended", "open", "premium", "not_premium", "immune")


@click.group("connections")
def connections_group() -> None:
    """Platforms that are read on time, asked for acts, and held against their own figures."""


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (ConnectionRefused, UnknownConnectionError, SourceError, SealError) as error:
        raise Refusal(str(error)) from error


def _find(context: Context, name: str) -> Card:
    require_current(context.engine)
    with _refusing():
        return jobs.find_named(context.engine, name)


def _describe(card: Card) -> dict[str, Any]:
    return {**asdict(card), "state": card.state, "source": card.source}


@connections_group.command("list")
@json_option
@pass_context
def list_command(context: Context) -> None:
    """Every connection and how it is doing."""
    require_current(context.engine)
    with reading(context.engine) as session:
        cards = queries.list_connections(session)
    text = "\n".join(f"{card.name}  {card.kind}  {card.marketplace_id}  {card.state}"
                     + (f"  {card.error} {card.what_to_do}" if card.error else "") for card in cards)
    emit(context, [_describe(card) for card in cards],
         text or "No connection yet. Add one with: operator-qos connections add")


@connections_group.command("add")
@click.argument("name")
@click.option("--kind", default="mirakl", show_default=True)
@click.option("--marketplace", "marketplace_id", metavar="ID", required=True)
@click.option("--address", required=True, help="Of the platform, like https://instance.mirakl.net.")
@click.option("--key-variable", default="", help="Environment variable that holds the key or the client's secret.")
@click.option("--key-stdin", is_flag=True, help="Read the key from the first line of stdin and keep it sealed.")
@click.option("--client-id", default="", help="For platforms that give tokens; the key is then the client's secret.")
@click.option("--token-address", default="", help="Where tokens are given.")
@click.option("--reason", "reasons", multiple=True, metavar="TYPE:CODE=MEANING",
              help="What a code of the platform means, like CANCELATION:12=seller/out_of_stock. Repeatable.")
@click.option("--every", "interval_seconds", default=900, show_default=True, help="Seconds between two readings.")
@json_option
@pass_context
def add_command(context: Context, /, key_stdin: bool, reasons: tuple[str, ...], **given: Any) -> None:
    """Add a connection; it is read from now on."""
    require_current(context.engine)
    meanings = dict(reason.partition("=")[::2] for reason in reasons)
    new = NewConnection(key=sys.stdin.readline().strip() if key_stdin else "", reasons=meanings, **given)
    with _refusing(), unit_of_work(context.engine) as session:
        service.add_connection(
            session, new, secret=read_secret(context.settings), actor=COMMAND_LINE.email, now=context.clock())
    card = _find(context, new.name)
    emit(context, _describe(card), f"{card.name} reads {card.address} from now on, every {card.interval_seconds} s.")


@connections_group.command("test")
@click.argument("name")
@json_option
@pass_context
def test_command(context: Context, name: str) -> None:
    """Ask the platform whether it lets us in; nothing is read."""
    card = _find(context, name)
    with _refusing():
        said = jobs.check_connection(context.engine, card, tools=Tools(context.settings))
    emit(context, {"name": name, "answers": True, "says": said}, f"{card.address} answers: {said}.")


@connections_group.command("sync")
@click.argument("names", nargs=-1)
@json_option
@pass_context
def sync_command(context: Context, names: tuple[str, ...]) -> None:
    """Read these connections now, else those that are due. Exit code 1: one could not be read to its end."""
    require_current(context.engine)
    if names:
        done = [_sync_one(context, _find(context, name)) for name in names]
    else:
        done = jobs.sync_connections(context.engine, context.settings, now=context.clock())
    text = "\n".join(_say_synced(synced) for synced in done) or "Nothing is due."
    emit(context, [asdict(synced) for synced in done], text)
    if any(synced.error for synced in done):
        raise click.exceptions.Exit(1)


def _sync_one(context: Context, card: Card) -> Synced:
    tools = Tools(context.settings, clock=context.clock)
    done = jobs.sync_connection(context.engine, card, tools=tools, now=context.clock(), due_only=False)
    if done is None:
        raise Refusal(f"{card.name} is being read by another worker; wait for it to end")
    return done


def _say_synced(synced: Synced) -> str:
    counts = ", ".join(f"{number} {word}" for word, number in asdict(synced.counts).items())
    return f"{synced.name}: {counts}." + (f" {synced.error} {synced.what_to_do}" if synced.error else "")


@connections_group.command("reconcile")
@click.argument("name")
@json_option
@pass_context
def reconcile_command(context: Context, name: str) -> None:
    """Hold the platform's own figures against ours now. Exit code 1: more differs than known causes explain."""
    card = _find(context, name)
    with _refusing():
        found = jobs.compare_connection(context.engine, card, tools=Tools(context.settings), now=context.clock())
    document, text = _write_compared(found)
    emit(context, document, text)
    if document["unexplained"]:
        raise click.exceptions.Exit(1)


def _write_compared(found: Mapping[str, Compared]) -> tuple[dict[str, Any], str]:
    rows = [{"shop": shop, "figure": row.figure, "period": row.period, "theirs": row.theirs, "ours": row.ours.value,
             "cause": row.cause, "count": row.count} for shop, one in found.items() for row in one.differences]
    compared = sum(one.compared for one in found.values())
    unexplained = sum(row["cause"] == "unexplained" for row in rows)
    lines = [f"{compared} figures compared, {len(rows)} differ, {unexplained} unexplained."]
    lines += ["{shop} {figure} {period}: theirs {theirs}, ours {ours}: {cause}".format(**row) for row in rows]
    document = {"compared": compared, "differ": len(rows), "unexplained": unexplained, "differences": rows}
    return document, "\n".join(lines)


@connections_group.command("pause")
@click.argument("name")
@json_option
@pass_context
def pause_command(context: Context, name: str) -> None:
    """Read and write the platform no more until it is resumed."""
    _set_paused(context, name, paused=True)


@connections_group.command("resume")
@click.argument("name")
@json_option
@pass_context
def resume_command(context: Context, name: str) -> None:
    """Read the platform again, at once."""
    _set_paused(context, name, paused=False)


def _set_paused(context: Context, name: str, *, paused: bool) -> None:
    card = _find(context, name)
    with unit_of_work(context.engine) as session:
        service.pause_connection(
            session, connection_id=card.id, paused=paused, actor=COMMAND_LINE.email, now=context.clock())
    emit(context, {"name": name, "paused": paused}, f"{name} is {'paused' if paused else 'read again'}.")


@connections_group.command("asks")
@click.argument("name")
@click.option("--premium-for", default="", metavar="BADGE", help="The badge or level of ours that is premium there.")
@click.option("--immune-for-plans", is_flag=True, help="Shops with an agreed plan are immune until its review.")
@json_option
@pass_context
def asks_command(context: Context, name: str, premium_for: str, immune_for_plans: bool) -> None:
    """Say what the platform is asked for by itself; without an option nothing is, and what was asked stays."""
    card, asks = _find(context, name), Asks(premium_for, immune_for_plans)
    with _refusing(), unit_of_work(context.engine) as session:
        choose_asks(session, connection_id=card.id, asks=asks, actor=COMMAND_LINE.email, now=context.clock())
    said = [f"premium for {premium_for}"] if premium_for else []
    said += ["immunity for plans"] if immune_for_plans else []
    text = f"{name} asks for {' and '.join(said) or 'nothing'} by itself."
    emit(context, {"name": name, "asks": asks.to_json()}, text)


@connections_group.command("wish")
@click.argument("name")
@click.argument("shop")
@click.argument("wanted", type=click.Choice(WISHES))
@click.option("--until", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]),
              help="Until when a shop is immune; without it immunity ends.")
@json_option
@pass_context
def wish_command(context: Context, name: str, shop: str, wanted: str, until: datetime | None) -> None:
    """Ask the platform for how a shop shall stand; it is asked and read back by the scheduler."""
    card, now = _find(context, name), context.clock()
    if card.is_paused:
        raise Refusal(f"{name} is paused: nothing is asked. Resume it first: operator-qos connections resume {name}")
    key = f"hand:{shop}:{wanted}:{now.isoformat()}"
    with unit_of_work(context.engine) as session:
        service.queue_wish_at(session, card.id, shop=shop, wanted=wanted, key=key, now=now, until_at=until)
    emit(context, {"shop": shop, "wanted": wanted, "state": "waiting"}, f"{shop} shall be {wanted}; it is asked soon.")

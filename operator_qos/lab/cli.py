"""`operator-qos lab`: fake marketplaces to try a connector on, and the suite that checks one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context

if TYPE_CHECKING:
    from operator_qos.lab.lab import Lab

AHEAD_DAYS = 30  # a running lab goes on living for a month


def _size_options(function: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--shops", default=20, show_default=True, type=click.IntRange(1, 1_000)),
        click.option("--days", default=60, show_default=True, type=click.IntRange(2, 800), help="Days of history."),
        click.option("--orders-per-day", default=1.0, show_default=True, type=click.FloatRange(0.01, 100.0),
                     help="Of each shop."),
        click.option("--seed", default=1, show_default=True, type=click.IntRange(0)))
    for option in reversed(options):
        function = option(function)
    return function


def _server_options(function: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--host", default="127.0.0.1", show_default=True),
        click.option("--port", default=8090, show_default=True, type=click.IntRange(1, 65535)),
        click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First day; without it history ends today."),
        click.option("--speed", default=1.0, show_default=True, type=click.FloatRange(0.0, 1_000_000.0),
                     help="Seconds of the marketplace in each second."),
        click.option("--chaos", default="", help="Switches, comma-separated, or all; see docs/lab.md."),
        click.option("--slow-seconds", default=3.0, show_default=True, type=click.FloatRange(0.0, 600.0)))
    for option in reversed(options):
        function = option(function)
    return _size_options(function)


@click.group("lab")
def lab_group() -> None:
    """Fake marketplaces over real HTTP, to try and check connectors without an account."""


@lab_group.command("mirakl")
@_server_options
@pass_context
def mirakl_command(context: Context, /, host: str, port: int, **wish: Any) -> None:
    """Serve a fake Mirakl."""
    from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE, create_mirakl
    from operator_qos.lab.server import serve

    lab = _open(context, wish, CALLS_PER_MINUTE)
    click.echo(_say(lab, f"http://{host}:{port}"), err=True)
    serve(create_mirakl(lab), host=host, port=port)


@lab_group.command("medusa")
@click.option("--send-to", default="", help="Address that webhooks are sent to, as they happen.")
@click.option("--secret", default="", envvar="OPERATOR_QOS_LAB_SECRET", help="Signs the webhooks: whsec_…")
@click.option("--send-days", default=0, show_default=True, type=click.IntRange(0, 800),
              help="Begin with what happened that many days ago.")
@_server_options
@pass_context
def medusa_command(  # one argument per option
    context: Context, /, send_to: str, secret: str, send_days: int, host: str, port: int, **wish: Any,
) -> None:
    """Serve a fake Medusa with Mercur's sellers, and send its webhooks."""
    from operator_qos.lab.medusa.api import CALLS_PER_MINUTE, create_medusa
    from operator_qos.lab.medusa.sending import Subscriber, keep_sending
    from operator_qos.lab.server import serve

    if bool(send_to) != bool(secret):
        raise Refusal("--send-to and --secret belong together; the receiver's page shows the secret once.")
    lab = _open(context, wish, CALLS_PER_MINUTE)
    began_at = lab.clock.now() - send_days * 86_400
    subscriber = Subscriber(lab, send_to, secret, began_at) if send_to else None
    click.echo(_say(lab, f"http://{host}:{port}"), err=True)
    if subscriber is not None:
        keep_sending(subscriber)
    serve(create_medusa(lab, subscriber), host=host, port=port)


def _open(context: Context, wish: dict[str, Any], calls_per_minute: dict[str, int]) -> Lab:
    """A lab as asked for; its clock stands at the end of its history and runs on."""
    from operator_qos.lab.chaos import switch_on
    from operator_qos.lab.lab import open_lab
    from operator_qos.lab.plan import LabPlan

    now = context.clock()
    start = wish["start"].date() if wish["start"] else now.date() - timedelta(days=wish["days"])
    plan = LabPlan(wish["shops"], wish["days"] + AHEAD_DAYS, start, wish["seed"], wish["orders_per_day"])
    lab = open_lab(plan, calls_per_minute=calls_per_minute, speed=wish["speed"])
    lab.clock.set(int((_midnight(start) + timedelta(days=wish["days"]) if wish["start"] else now).timestamp()))
    try:
        names = [name.strip() for name in wish["chaos"].split(",") if name.strip()]
        lab.chaos = switch_on(names, slow_seconds=wish["slow_seconds"])
    except ValueError as error:
        raise Refusal(f"--chaos {error}") from error
    return lab


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _say(lab: Lab, address: str) -> str:
    return (f"{len(lab.world.shops)} shops at {address}; API key {lab.gate.api_key}, or client {lab.gate.client_id} "
            f"with secret {lab.gate.client_secret} at {address}/oauth/token. Clock and switches: {address}/lab/")


@lab_group.command("check")
@click.argument("connector")
@click.option("--step-hours", default=6, show_default=True, type=click.IntRange(1, 168), help="Between two pulls.")
@_size_options
@json_option
@pass_context
def check_command(context: Context, /, connector: str, step_hours: int, **wish: Any) -> None:
    """Run CONNECTOR against the lab: clean, under every switch, broken off and resumed. Exit code 1: one differs."""
    from operator_qos.connectors.contract import CONNECTORS, find_connect
    from operator_qos.lab.conformance import check_connector
    from operator_qos.lab.plan import LabPlan

    connect = find_connect(connector)
    if connect is None:
        raise Refusal(f"There is no connector {connector}; there are {', '.join(CONNECTORS)}.")
    plan = LabPlan(wish["shops"], wish["days"], date(2026, 3, 2), wish["seed"], wish["orders_per_day"])
    checks = check_connector(connect, plan, step_hours=step_hours)
    emit(context, {"checks": [asdict(check) for check in checks]},
         "\n".join(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.told}" for check in checks))
    if not all(check.passed for check in checks):
        raise click.exceptions.Exit(1)

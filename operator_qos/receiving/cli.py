"""`operator-qos receiver …`: addresses for the webhooks of marketplaces' programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context
from operator_qos.db import reading, unit_of_work
from operator_qos.receiving import service
from operator_qos.receiving.queries import list_receivers
from operator_qos.receiving.service import KINDS, ReceiverError


@contextmanager
def _work(context: Context) -> Iterator[Session]:
    try:
        with unit_of_work(context.engine) as session:
            yield session
    except ReceiverError as error:
        raise Refusal(str(error)) from error


@click.group("receiver")
def receiver_group() -> None:
    """Addresses for the webhooks of marketplaces' programs."""


@receiver_group.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="Which program sends.")
@click.option("--marketplace", "marketplace_id", metavar="ID", required=True)
@click.option("--shop", default="", help="Shop of orders that name no seller.")
@json_option
@pass_context
def add_receiver(context: Context, name: str, kind: str, marketplace_id: str, shop: str) -> None:
    """Make an address and print its secret. It cannot be read again later."""
    with _work(context) as session:
        secret = service.add_receiver(session, name=name, kind=kind, marketplace_id=marketplace_id, shop=shop,
                                      actor=COMMAND_LINE.email, now=context.clock())
    emit(context, {"name": name, "secret": secret, "path": f"/api/v1/hooks/{name}"},
         f"{secret}\nGive it to the program that sends to /api/v1/hooks/{name}; it cannot be shown again.")


@receiver_group.command("list")
@json_option
@pass_context
def show_receivers(context: Context) -> None:
    """Every address, without the secrets."""
    with reading(context.engine) as session:
        rows = list_receivers(session)
    lines = [f"{row.name}  {row.kind}  {row.marketplace_id}{'' if row.stopped_at is None else '  (stopped)'}"
             for row in rows]
    emit(context, [asdict(row) for row in rows], "\n".join(lines) or "No program sends webhooks yet.")


@receiver_group.command("rotate")
@click.argument("name")
@json_option
@pass_context
def rotate_secret(context: Context, name: str) -> None:
    """Exchange the secret and print the new one; the old one goes on for seven days."""
    with _work(context) as session:
        secret = service.rotate_secret(session, name=name, actor=COMMAND_LINE.email, now=context.clock())
    emit(context, {"name": name, "secret": secret}, f"{secret}\nThe old secret works for seven more days.")


@receiver_group.command("stop")
@click.argument("name")
@json_option
@pass_context
def stop_receiver(context: Context, name: str) -> None:
    """Take nothing more from an address."""
    with _work(context) as session:
        service.stop_receiver(session, name=name, actor=COMMAND_LINE.email, now=context.clock())
    emit(context, {"name": name, "stopped": True}, f"Nothing more is taken from {name}.")

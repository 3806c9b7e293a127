"""`operator-qos mail receive`: answers by mail, handed over by a mail server."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from sqlalchemy.exc import OperationalError

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current

# What sysexits.h calls "try again later": mail servers then keep the mail and come back.
TRY_AGAIN = 75
SAID = {"taken": "in the thread of dispute {dispute_id}", "ignored": "ignored: {reason}",
        "set_aside": "set aside: {reason}", "repeated": "seen before; nothing was changed"}


@click.group("mail")
def mail_group() -> None:
    """Answers by mail."""


@mail_group.command("receive")
@click.option("--to", "addresses", multiple=True, metavar="ADDRESS",
              help="Address it was delivered to; without, those of its head.")
@json_option
@pass_context
def receive_command(context: Context, addresses: tuple[str, ...]) -> None:
    """Take one mail (RFC 822) from standard input into the thread it answers.

    Ends with 0 whatever became of it, as its sender is told by mail; with 75, so that the mail server tries again, when
    the database cannot be written.
    """
    from operator_qos.disputes.mailing.receiving import receive_mail

    if not context.settings.reply_address:
        raise Refusal("no answers are taken: set OPERATOR_QOS_REPLY_ADDRESS to an address like reply@example.org")
    content = sys.stdin.buffer.read()
    try:
        require_current(context.engine)
        done = receive_mail(context.engine, context.settings, content, to=addresses, now=context.clock())
    except OperationalError as error:
        click.echo(f"Error: the database cannot be written now: {error.orig}", err=True)
        raise SystemExit(TRY_AGAIN) from error
    emit(context, asdict(done), SAID[done.state].format(**asdict(done)))

"""`operator-qos user …` and `operator-qos key …`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy.orm import Session

from operator_qos.accounts import service
from operator_qos.accounts.actors import COMMAND_LINE, ROLES, Quota
from operator_qos.accounts.people import service as people
from operator_qos.accounts.queries import KeyRow, UserRow, list_keys, list_users
from operator_qos.accounts.service import KEY_SCOPES, ROTATION, AccountError, KeyTerms, NewUser
from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context
from operator_qos.db import reading, unit_of_work
from operator_qos.i18n import LANGUAGES


@contextmanager
def _account_work(context: Context) -> Iterator[Session]:
    try:
        with unit_of_work(context.engine) as session:
            yield session
    except AccountError as error:
        raise Refusal(str(error)) from error


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of stdin instead of asking."
)


@click.group("user")
def user_group() -> None:
    """People who sign in."""


@user_group.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--name", required=True, help="How the person is called.")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True)
@click.option("--seller", metavar="CODE", help="The company, for seller_owner and seller_staff.")
@password_option
@json_option
@pass_context
def add_user(context: Context, /, email: str, password_stdin: bool, **given: str) -> None:
    """Add a person."""
    new = NewUser(email=email, password=_read_password(password_stdin), **given)
    with _account_work(context) as session:
        user = service.add_user(session, new, actor=COMMAND_LINE, now=context.clock())
        document = {"id": user.id, "email": user.email, "role": user.role}
    emit(context, document, f"{document['email']} can sign in as {document['role']}.")


@user_group.command("invite")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--name", required=True, help="How the person is called.")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True)
@click.option("--seller", metavar="CODE", help="The company, for seller_owner and seller_staff.")
@json_option
@pass_context
def invite_user(context: Context, /, email: str, **given: str) -> None:
    """Add a person who chooses a password by a mailed link, within seven days."""
    with _account_work(context) as session:
        new = NewUser(email=email, password="", **given)
        user = people.invite_person(session, new, actor=COMMAND_LINE, now=context.clock())
        document = {"id": user.id, "email": user.email, "role": user.role, "invited": True}
    emit(context, document, f"{document['email']} gets a mail with a link; the scheduler sends it.")


def _to_line(row: UserRow) -> str:
    return f"{row.email}  {row.role}  {row.name}{'' if row.active else '  (deactivated)'}"


@user_group.command("list")
@json_option
@pass_context
def show_users(context: Context) -> None:
    """Everybody who has an account."""
    with reading(context.engine) as session:
        rows = list_users(session)
    text = "\n".join(map(_to_line, rows)) or "Nobody has an account yet. Add one with: operator-qos user add"
    emit(context, [asdict(row) for row in rows], text)


@user_group.command("set-password")
@click.argument("email")
@password_option
@json_option
@pass_context
def set_password(context: Context, email: str, password_stdin: bool) -> None:
    """Set a new password; every session of the person ends."""
    password = _read_password(password_stdin)
    with _account_work(context) as session:
        service.set_password(session, email=email, password=password, actor=COMMAND_LINE, now=context.clock())
    emit(
        context,
        {"email": email, "changed": True},
        f"{email} has a new password and is signed out everywhere.",
    )


@user_group.command("deactivate")
@click.argument("email")
@json_option
@pass_context
def deactivate(context: Context, email: str) -> None:
    """Close an account; what the person did stays."""
    with _account_work(context) as session:
        service.deactivate_user(session, email=email, actor=COMMAND_LINE, now=context.clock())
    emit(context, {"email": email, "active": False}, f"{email} can no longer sign in.")


@click.group("key")
def key_group() -> None:
    """API keys of programs."""


@key_group.command("create")
@click.argument("name")
@click.option("--scope", type=click.Choice(KEY_SCOPES), required=True)
@click.option(
    "--marketplace", "marketplace_id", metavar="ID", help="Only for this marketplace; without it for all."
)
@click.option("--source", "sources", multiple=True, metavar="PREFIX",
              help="Only events whose source begins so; may be given again.")
@click.option("--events-a-minute", type=click.IntRange(min=1), help="More is answered 429.")
@click.option("--calls-a-minute", type=click.IntRange(min=1), help="More is answered 429.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the key (UTC).")
@json_option
@pass_context
def create_key(  # noqa: PLR0913, PLR0917  # one argument per option
    context: Context, name: str, scope: str, marketplace_id: str | None, sources: tuple[str, ...],
    events_a_minute: int | None, calls_a_minute: int | None, expires: datetime | None,
) -> None:
    """Create a key and print it. It cannot be read again later."""
    until = None if expires is None else expires.replace(tzinfo=UTC) + timedelta(days=1)
    terms = KeyTerms(scope, marketplace_id, sources, Quota(events_a_minute, calls_a_minute), until)
    with _account_work(context) as session:
        key = service.create_key(session, name=name, terms=terms, actor=COMMAND_LINE, now=context.clock())
    document = {"key": key, "name": name, "scope": scope, "marketplace": marketplace_id}
    emit(context, document, f"{key}\nKeep it now: it is stored as a digest and cannot be shown again.")


@key_group.command("rotate")
@click.argument("name")
@click.option("--keep-days", type=click.IntRange(0, 90), default=ROTATION.days, show_default=True,
              help="How long the old key goes on.")
@json_option
@pass_context
def rotate_key(context: Context, name: str, keep_days: int) -> None:
    """Exchange a key and print the new one; the old one goes on for a while."""
    with _account_work(context) as session:
        key = service.rotate_key(session, name=name, actor=COMMAND_LINE, now=context.clock(),
                                 keep=timedelta(days=keep_days))
    emit(context, {"key": key, "name": name, "old_key_days": keep_days},
         f"{key}\nKeep it now: it cannot be shown again. The old key works for {keep_days} more days.")


def _to_key_line(row: KeyRow) -> str:
    place = row.marketplace_id or ("every marketplace" if row.seller_id is None else "its own shops")
    used = f"  last used {row.used_at:%Y-%m-%d %H:%M}" if row.used_at else "  never used"
    return f"{row.name}  {row.scope}  {place}{used}{'' if row.revoked_at is None else '  (revoked)'}"


@key_group.command("list")
@json_option
@pass_context
def show_keys(context: Context) -> None:
    """Every key, without the keys themselves."""
    with reading(context.engine) as session:
        rows = list_keys(session)
    text = (
        "\n".join(map(_to_key_line, rows)) or "There is no key yet. Create one with: operator-qos key create"
    )
    emit(context, [asdict(row) for row in rows], text)


@key_group.command("revoke")
@click.argument("name")
@json_option
@pass_context
def revoke_key(context: Context, name: str) -> None:
    """End a key for good."""
    with _account_work(context) as session:
        service.revoke_key(session, name=name, actor=COMMAND_LINE, now=context.clock())
    emit(context, {"name": name, "revoked": True}, f"The key {name} no longer works.")

"""What commands share: settings and database, one JSON document on stdout, exit codes.

0: done. 1: refused or something found wrong; the reason is on stderr, with `--json` also on stdout as
`{"error": …}`. 2: the command was written wrongly. Logs and progress go to stderr, so that programs can read
stdout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click
from sqlalchemy import Engine

from operator_qos.clock import utc_now
from operator_qos.db import get_engine
from operator_qos.logs import set_up_logs
from operator_qos.settings import Settings, SettingsError, read_settings
from operator_qos.sheets import Sheet, TooLongError, write_sheet_to

Document = Mapping[str, Any] | Sequence[Any]


@dataclass
class Context:
    """What a command works with; a test passes its own settings, engine and clock."""

    given_settings: Settings | None = None
    given_engine: Engine | None = None
    clock: Callable[[], datetime] = field(default=utc_now)
    as_json: bool = False

    @property
    def settings(self) -> Settings:
        """The installation's settings. Refuses a variable that cannot be used."""
        if self.given_settings is None:
            try:
                self.given_settings = read_settings()
            except SettingsError as error:
                raise Refusal(str(error)) from error
            set_up_logs(level=self.given_settings.log_level, form=self.given_settings.log_format)
        return self.given_settings

    @property
    def engine(self) -> Engine:
        """The installation's database."""
        return self.given_engine or get_engine(self.settings.url, self.settings.pool)

    @property
    def direct_engine(self) -> Engine:
        """The same past a pooler, for what needs one session from beginning to end."""
        return self.given_engine or get_engine(self.settings.direct_url, self.settings.pool)


pass_context = click.make_pass_decorator(Context, ensure=True)


class Refusal(click.ClickException):
    """The command is written well but cannot be done; the text says why and what to do. Exit code 1."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        current = click.get_current_context(silent=True)  # gone by the time the reason is shown
        self.context = current.find_object(Context) if current is not None else None

    def show(self, file: IO[Any] | None = None) -> None:
        """The reason on stderr, and as a document on stdout where one was asked for."""
        if self.context is not None and self.context.as_json:
            click.echo(json.dumps({"error": self.format_message()}, ensure_ascii=False))
        click.echo(f"Error: {self.format_message()}", err=True, file=file)


def _keep_json(current: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    context = current.ensure_object(Context)
    context.as_json = context.as_json or value
    return value


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json` to a command; `emit` follows it."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_keep_json,
        help="Print one JSON document on stdout.",
    )(command)


def emit(context: Context, document: Document, text: str) -> None:
    """Print the document with `--json`, else the text."""
    if context.as_json:
        click.echo(json.dumps(document, ensure_ascii=False, default=str))
    else:
        click.echo(text)


def write_output(context: Context, sheet: Sheet, form: str, output: str | None) -> None:
    """Write a table to a file, or to standard output where it is text. Refuses anything else."""
    if output is None:
        if form in {"xlsx", "parquet"}:
            raise Refusal(f"{form} is no text: name a file with --output")
        write_sheet_to(sys.stdout.buffer, sheet, form)
        sys.stdout.flush()
        return
    try:
        with Path(output).open("wb") as file:
            write_sheet_to(file, sheet, form)
    except OSError as error:
        raise Refusal(f"{output}: {error.strerror}; name a file in a folder that you may write to") from error
    except TooLongError as error:
        raise Refusal(str(error)) from error
    size = Path(output).stat().st_size
    emit(context, {"file": output, "bytes": size}, f"{output}: {size} bytes.")


def require_current(engine: Engine) -> None:
    """Refuse to work on a database that was never migrated."""
    from sqlalchemy import inspect

    if not inspect(engine).has_table("named_events"):
        raise Refusal("the database is empty or old; run: operator-qos migrate")

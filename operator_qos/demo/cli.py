"""`operator-qos demo`: a marketplace to look at, loaded through the same door as anybody's events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

from operator_qos.cli_support import Context, emit, json_option, pass_context
from operator_qos.demo.accounts import DEMO_ACCOUNTS
from operator_qos.progress import show_progress

Show = Callable[..., AbstractContextManager[Callable[[int], None]]]


def _open(path: Path) -> IO[str]:
    return gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8")


def write_events(path: Path, *, now: datetime, scale: float) -> int:
    """Write the demo's events as JSON lines; returns how many."""
    from operator_qos.demo.load import list_past_events

    count = 0
    with _open(path) as file:
        for event in list_past_events(now, scale=scale):
            file.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def _say_accounts(address: str) -> str:
    lines = [f"Open {address} and sign in as one of:"]
    lines += [f"  {a.role:13} {a.email:42} {a.password}   {a.name}" for a in DEMO_ACCOUNTS]
    return "\n".join(lines)


@click.command("demo")
@click.option("--events", "path", type=click.Path(path_type=Path, dir_okay=False),
              help="Only write the events to this file (JSON lines, .gz too).")
@click.option("--serve/--no-serve", default=True, show_default=True, help="Serve the site once it is loaded.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(0.005, 10.0),
              help="A smaller or larger marketplace.")
@json_option
@pass_context
def demo_command(  # one argument per option
    context: Context, path: Path | None, serve: bool, host: str, port: int, scale: float,
) -> None:
    """Load three marketplaces with sixty shops and fourteen months of orders, judge every day, and serve them.

    A second start finds everything loaded and takes seconds.
    """
    if path is not None:
        count = write_events(path, now=context.clock(), scale=scale)
        emit(context, {"events": count, "file": str(path)}, f"{count} events in {path}")
        return
    from operator_qos.demo.load import load_demo

    loaded = load_demo(context.engine, now=context.clock(), scale=scale, show=_shower(context))
    address = f"http://{host}:{port}"
    document: dict[str, Any] = {
        "address": address, "loaded": loaded.loaded, "events": loaded.events, "shops": loaded.shops,
        "dates": loaded.dates, "accounts": [a._asdict() for a in DEMO_ACCOUNTS]}
    emit(context, document, _say_accounts(address))
    if serve:
        from operator_qos.operations.cli import run_server

        run_server(context.settings, context.engine, host=host, port=port, scheduler=True)


def _shower(context: Context) -> Show:
    def show(what: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        return show_progress(what, total=total, quiet=context.as_json)

    return show

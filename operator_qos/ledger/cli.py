"""`operator-qos export`, `scorecard` and `rebuild`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import Any

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current, write_output
from operator_qos.clock import to_ms
from operator_qos.db import reading
from operator_qos.ledger.rebuild import rebuild
from operator_qos.ledger.values import Head, MetricValue, Moments, list_metric_values, list_unit_rows
from operator_qos.progress import show_progress
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.sheets import FORMATS, Sheet
from scoring.events import moment_ms
from scoring.metrics import METRICS

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class MomentType(click.ParamType[str]):
    """A date (2026-03-31: the end of that local day) or an instant (2026-03-31T10:00:00Z)."""

    name = "date|instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, checked."""
        try:
            if _DATE.fullmatch(str(value)):
                date.fromisoformat(value)
            else:
                moment_ms(value)
        except ValueError as error:
            self.fail(f"{value!r} is neither a date like 2026-03-31 nor an instant like 2026-03-31T10:00:00Z: {error}")
        return str(value)


MOMENT = MomentType()


def moments_of(context: Context, as_of: str | None, known_at: str | None) -> Moments:
    """T and K as options give them; T is now when not given."""
    now = context.clock()
    return Moments(as_of or now.strftime("%Y-%m-%dT%H:%M:%SZ"), known_at, to_ms(now))


@click.command("metrics")
@click.option("--as-of", type=MOMENT, help="T: what happened before it counts. Default: now.")
@click.option("--known-at", type=MOMENT, help="K: what was known before it counts. Default: T.")
@click.option("--window", type=click.IntRange(1, 3660), help="Days, instead of every metric's own.")
@click.option("--raw", is_flag=True, help="Without exclusions.")
@click.option("--format", "form", type=click.Choice(["csv", "json", *FORMATS[1:]]), default="csv", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, writable=True), help="File; xlsx and parquet need one.")
@json_option
@pass_context
def export_metrics(  # one argument per option
    context: Context, as_of: str | None, known_at: str | None, window: int | None, raw: bool, form: str,
    output: str | None,
) -> None:
    """A row per shop and metric at (T, K), on standard output or as a file."""
    require_current(context.engine)
    with reading(context.engine) as session:
        rows = list_metric_values(session, moments_of(context, as_of, known_at), days=window, official=not raw)
    context.as_json = context.as_json or form == "json"
    if context.as_json and output is None:
        emit(context, [_without_none(row) for row in rows], "")
    else:
        write_output(context, _to_sheet(rows), "jsonl" if form == "json" else form, output)


def _without_none(row: MetricValue) -> dict[str, Any]:
    extra = {"median", "p90", "mean", "unanswered"}
    return {name: value for name, value in asdict(row).items() if name not in extra or value is not None}


def _to_sheet(rows: Sequence[MetricValue]) -> Sheet:
    names, texts = [field.name for field in fields(MetricValue)], {field.name for field in fields(Head)}
    counts = {"bad", "base", "median", "p90", "unanswered"}
    types: dict[str, type] = {name: str if name in texts else int if name in counts else float for name in names}
    return Sheet("metrics", types | {"official": bool}, [tuple(getattr(row, name) for name in names) for row in rows])


def get_shop(context: Context, name: str) -> ShopCard:
    """The shop called CODE or MARKETPLACE/CODE. Refuses an unknown or ambiguous name."""
    with reading(context.engine) as session:
        cards = list_shop_cards(session)
    found = [c for c in cards if name in {c.code, f"{c.marketplace_id}/{c.code}"}]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{c.marketplace_id}/{c.code}" for c in found)
        raise Refusal(f"{name!r} is open on several marketplaces; name one of {names}")
    raise Refusal(f"no shop is called {name!r}; write its id, or MARKETPLACE/ID")


@click.command("scorecard")
@click.argument("shop")
@click.option("--as-of", type=MOMENT, help="T. Default: now.")
@click.option("--known-at", type=MOMENT, help="K. Default: T.")
@click.option("--window", type=click.IntRange(1, 3660), help="Days, instead of every metric's own.")
@click.option("--rows", "metric", type=click.Choice(list(METRICS)), help="List the units behind this metric.")
@json_option
@pass_context
def scorecard_command(  # one argument per option
    context: Context, shop: str, as_of: str | None, known_at: str | None, window: int | None, metric: str | None,
) -> None:
    """The numbers of SHOP, official beside raw; with --rows the units behind one of them and their events."""
    require_current(context.engine)
    card, moments = get_shop(context, shop), moments_of(context, as_of, known_at)
    with reading(context.engine) as session:
        if metric is not None:
            units = [asdict(u) for u in list_unit_rows(session, card.id, metric=metric, moments=moments, days=window)]
            emit(context, {"shop": card.code, "marketplace": card.marketplace_id, "metric": metric, "rows": units},
                 "\n".join(f"{u['unit']}  {u['status']}" for u in units) or "No unit in the window.")
            return
        official = list_metric_values(session, moments, days=window, shop_ids=[card.id])
        raw = list_metric_values(session, moments, days=window, official=False, shop_ids=[card.id])
    document = {"shop": card.code, "marketplace": card.marketplace_id, "name": card.name,
                "official": [_without_none(r) for r in official], "raw": [_without_none(r) for r in raw]}
    emit(context, document, "\n".join(_line(row) for row in official) or "Nothing in the window yet.")


def _line(row: MetricValue) -> str:
    value = "" if row.value is None else f"{row.value:.4g}"
    return f"{row.metric:26} {value:>10}   {row.bad} of {row.base}"


@click.command("rebuild")
@json_option
@pass_context
def rebuild_command(context: Context) -> None:
    """Derive facts, promises, day cells and scorecards anew from the event log; pages never go blank."""
    require_current(context.engine)
    with show_progress("Rebuilding", quiet=context.as_json) as on_progress:
        report = rebuild(context.engine, now=context.clock(), on_progress=on_progress)
    emit(context, asdict(report), f"{report.events} events since {report.since}, {report.dossiers} dossiers, "
         f"{report.shops} shops.")

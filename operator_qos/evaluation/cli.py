"""`operator-qos evaluate`: judge one date, or every date that is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import click
from sqlalchemy import Engine

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.queries import (
    UnknownMarketplaceError,
    get_marketplace,
    list_marketplaces,
    list_shops,
)
from operator_qos.evaluation.service import EvaluationReport, evaluate_due, evaluate_marketplace
from operator_qos.standing.service import Change
from operator_qos.trials.queries import list_changes_on


@dataclass(frozen=True)
class _Request:
    """What was asked on the command line."""

    on: date | None
    marketplace_id: str | None
    now: datetime


@click.command("evaluate")
@click.option("--as-of", "on", metavar="DATE", help="The date to judge; without it every date that is due.")
@click.option("--marketplace", "marketplace_id", metavar="ID", help="Only this marketplace.")
@json_option
@pass_context
def evaluate_command(context: Context, on: str | None, marketplace_id: str | None) -> None:
    """Judge shops by the official standard, each date once and in order.

    A date that is not settled, was judged before or is out of order is a dry run: it says why and
    changes nothing.
    """
    require_current(context.engine)
    request = _Request(_parse_date(on), marketplace_id, context.clock())
    try:
        reports = run_evaluation(context.engine, request)
    except UnknownMarketplaceError as error:
        raise Refusal(str(error)) from error
    document = to_document(reports, as_of=on, codes=list_codes(context.engine))
    document["phantoms"] = list_phantoms(context.engine, reports)
    emit(context, document, to_text(document))


def run_evaluation(engine: Engine, request: _Request) -> list[EvaluationReport]:
    """Judge what was asked for; commits. Raises UnknownMarketplaceError."""
    if request.on is None:
        return evaluate_due(engine, now=request.now, marketplace_id=request.marketplace_id)
    with reading(engine) as session:
        wanted = request.marketplace_id
        chosen = [get_marketplace(session, wanted)] if wanted else list_marketplaces(session)
    reports = []
    for marketplace in chosen:
        with unit_of_work(engine) as session:
            reports.append(
                evaluate_marketplace(
                    session, marketplace.id, on=request.on, now=request.now, actor="command line"
                )
            )
    return reports


def list_phantoms(engine: Engine, reports: Sequence[EvaluationReport]) -> list[dict[str, Any]]:
    """What standards and rules on trial would have changed on the dates judged; nobody is told of it."""
    found: list[dict[str, Any]] = []
    with reading(engine) as session:
        for marketplace_id in dict.fromkeys(report.marketplace_id for report in reports):
            dates = [report.on for report in reports if report.marketplace_id == marketplace_id and not report.dry_run]
            rows = list_changes_on(session, marketplace_id, dates)
            found += [_to_phantom(asdict(row)) for row in rows]
    return found


def _to_phantom(row: dict[str, Any]) -> dict[str, Any]:
    said = {name: row[name] for name in ("trial_id", "kind", "metric", "before", "after", "reasons", "standard_id",
                                        "standard_version")}
    return {"marketplace": row["marketplace_id"], "shop": row["code"], "on_date": row["on_date"].isoformat(), **said}


def list_codes(engine: Engine) -> dict[int, str]:
    """The code of every shop, by its number."""
    with reading(engine) as session:
        return {
            shop.id: shop.code
            for marketplace in list_marketplaces(session)
            for shop in list_shops(session, marketplace.id)
        }


def to_document(
    reports: Sequence[EvaluationReport], *, as_of: str | None, codes: Mapping[int, str]
) -> dict[str, Any]:
    """All reports as plain values: shops and verdicts of each marketplace's last date, every change."""
    last = list({report.marketplace_id: report for report in reports}.values())
    counts: Counter[str] = Counter()
    for report in last:
        counts.update(report.verdict_counts)
    reasons = [f"{report.marketplace_id}: {report.reason}" for report in last if report.reason]
    return {
        "as_of": as_of or (max(report.on for report in last).isoformat() if last else None),
        "shops": sum(report.shops for report in last),
        "verdicts": dict(counts),
        "changes": [_to_plain(report, change, codes) for report in reports for change in report.changes],
        "dry_run": bool(last) and all(report.dry_run for report in last),
        "reason": "; ".join(reasons) or ("" if last else "no date is due"),
        "dates": [_to_row(report) for report in reports],
    }


def to_text(document: dict[str, Any]) -> str:
    """The document for people."""
    verdicts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in document["verdicts"].items())
    lines = [
        f"{row['date']} {row['marketplace']}: {row['shops']} shops"
        + (f" (dry run: {row['reason']})" if row["dry_run"] else "")
        for row in document["dates"]
    ]
    lines += [
        f"{change['shop']}: {change['kind']} {change['metric'] or ''} {change['before']} → {change['after']}"
        for change in document["changes"]
    ]
    return "\n".join([*lines, f"{document['shops']} shops; {verdicts or document['reason']}"])


def _parse_date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        today = datetime.now(UTC).date().isoformat()
        raise click.BadParameter(
            f"{text!r} is no date; write it like {today}", param_hint="--as-of"
        ) from None


def _to_plain(report: EvaluationReport, change: Change, codes: Mapping[int, str]) -> dict[str, Any]:
    said = {**asdict(change), "on_date": change.on_date.isoformat()}
    return {"marketplace": report.marketplace_id, "shop": codes[change.shop_id], **said}


def _to_row(report: EvaluationReport) -> dict[str, Any]:
    return {
        "marketplace": report.marketplace_id,
        "date": report.on.isoformat(),
        "shops": report.shops,
        "changes": len(report.changes),
        "dry_run": report.dry_run,
        "reason": report.reason,
    }

"""`operator-qos lake`: facts and numbers over events that stay in Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.clock import to_ms
from operator_qos.db import reading
from operator_qos.lake.building import Built, Plan, build_lake, clear_work
from operator_qos.lake.engines import DuckEngine, Engine, LakeError, Progress
from operator_qos.lake.publishing import Published, publish
from operator_qos.lake.rows import list_lake_rows
from operator_qos.ledger.cli import MOMENT, get_shop, moments_of
from operator_qos.progress import show_progress
from scoring.metrics import METRICS

PARTS = 16
ENGINES = ("duckdb", "spark")


@click.group("lake")
def lake_group() -> None:
    """Facts and numbers over events that stay in Parquet files, however many there are (docs/lake.md)."""


@lake_group.command("build")
@click.option("--input", "source", required=True, type=click.Path(path_type=Path),
              help="A Parquet file or a folder of them, partitioned by names in folders or not.")
@click.option("--engine", "engine_name", required=True, type=click.Choice(ENGINES), help="Where it runs.")
@click.option("--output", type=click.Path(path_type=Path), help="A new folder for the results. Default: one by number "
              "in the lake folder of the data folder.")
@click.option("--as-of", type=MOMENT, help="T: numbers count what happened before it. Default: now.")
@click.option("--parts", type=click.IntRange(1, 10_000), default=PARTS, show_default=True,
              help="Into how many parts dossiers are spread; a part of one million events needs about 1 GiB.")
@click.option("--spark-master", help="Such as local[4] or spark://host:7077. Default: as Spark is configured.")
@click.option("--no-publish", is_flag=True, help="Write the files alone; the database keeps its numbers.")
@json_option
@pass_context
def build_command(  # noqa: PLR0913, PLR0917  # one argument per option
    context: Context, source: Path, engine_name: str, output: Path | None, as_of: str | None, parts: int,
    spark_master: str | None, no_publish: bool,
) -> None:
    """Work out facts, promises and numbers where the events are; results and open promises enter the database."""
    require_current(context.engine)
    now = context.clock()
    folder = output or _next_folder(context.settings.data_dir / "lake")
    if folder.exists() and any(folder.iterdir()):
        raise Refusal(f"{folder} holds files already; name a new folder with --output")
    plan = Plan(source, folder, as_of or now.strftime("%Y-%m-%dT%H:%M:%SZ"), now, parts)
    try:
        with _told(context) as told:
            engine = _open_engine(engine_name, plan, told, spark_master)
            built = _build(context, engine, plan)
        published = None if no_publish else publish(context.engine, plan, built, engine=engine_name)
    except LakeError as error:
        raise Refusal(str(error)) from error
    _report(context, plan, built, published)


def _next_folder(lake: Path) -> Path:
    known = [int(path.name.partition("-")[2]) for path in lake.glob("build-*") if path.name[6:].isdigit()]
    return lake / f"build-{max(known, default=0) + 1:04d}"


def _open_engine(name: str, plan: Plan, told: Progress, master: str | None) -> Engine:
    if name == "duckdb":
        return DuckEngine(plan.work, parts=plan.parts, on_progress=told)
    from operator_qos.lake.spark import SparkEngine

    return SparkEngine(plan.work, parts=plan.parts, on_progress=told, master=master)


def _build(context: Context, engine: Engine, plan: Plan) -> Built:
    try:
        return build_lake(context.engine, engine, plan)
    finally:
        engine.close()
        clear_work(plan)


@contextmanager
def _told(context: Context) -> Iterator[Progress]:
    """Each step with its parts, on standard error."""
    done = 0
    with show_progress("Building", quiet=context.as_json) as on_progress:
        def tell(_step: str, _part: int, _of: int) -> None:
            nonlocal done
            done += 1
            on_progress(done)

        yield tell


def _report(context: Context, plan: Plan, built: Built, published: Published | None) -> None:
    counts: dict[str, Any] = {name: value for name, value in asdict(built).items() if name not in {"as_of_ms", "flaws"}}
    counts["stuck"] = len(built.flaws)
    entered = None if published is None else asdict(published)
    document = {"output": str(plan.folder), "as_of": plan.as_of, **counts, "shops": len(built.as_of_ms),
                "published": entered}
    lines = [f"{built.events} events of {built.given} rows, {built.dossiers} dossiers, {len(built.as_of_ms)} shops, in "
             f"{plan.folder}; {built.refused} refused, {built.conflicts} ids with several contents."]
    if published is not None:
        lines.append(f"{published.shops} shops and {published.promises} open promises entered the database.")
        if published.kept:
            lines.append(f"{published.kept} shops have events in the database's log and keep their numbers of there.")
    lines += [f"dossier {dossier}: {why}" for dossier, why in list(built.flaws.items())[:10]]
    emit(context, document, "\n".join(lines))


@lake_group.command("rows")
@click.argument("shop")
@click.argument("metric", type=click.Choice(list(METRICS)))
@click.option("--as-of", type=MOMENT, help="T. Default: that of the build.")
@json_option
@pass_context
def rows_command(context: Context, shop: str, metric: str, as_of: str | None) -> None:
    """The units behind METRIC of a SHOP that lives in the lake, and their events, read there."""
    from operator_qos.lake.membership import find_lake_build

    require_current(context.engine)
    card = get_shop(context, shop)
    with reading(context.engine) as session:
        build = find_lake_build(session, card.id)
        if build is None:
            raise Refusal(f"{shop!r} does not live in the lake; ask: operator-qos scorecard {shop} --rows {metric}")
        moments = moments_of(context, as_of or build.as_of, None)
        try:
            rows = [asdict(row) for row in list_lake_rows(session, card.id, metric, moments) or ()]
        except LakeError as error:
            raise Refusal(str(error)) from error
    document = {"shop": card.code, "marketplace": card.marketplace_id, "metric": metric, "rows": rows}
    emit(context, document, "\n".join(f"{row['unit']}  {row['status']}" for row in rows) or "No unit in the window.")


@click.command("events")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="A new folder of Parquet files.")
@click.option("--marketplace", help="Of this marketplace alone.")
@json_option
@pass_context
def export_events(context: Context, output: Path, marketplace: str | None) -> None:
    """The event log as Parquet, typed and without texts of messages, buyers by their hash: what a lake build reads."""
    from operator_qos.lake.exporting import write_events

    require_current(context.engine)
    if output.exists() and any(output.iterdir()):
        raise Refusal(f"{output} holds files already; name a new folder")
    with show_progress("Exporting", quiet=context.as_json) as on_progress, reading(context.engine) as session:
        written = write_events(session, output, marketplace=marketplace, on_progress=on_progress)
    emit(context, {"output": str(output), "events": written, "at_ms": to_ms(context.clock())},
         f"{written} events in {output}.")

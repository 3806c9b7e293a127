"""`operator-qos export standings`, `scorecards` and `orders`."""

from __future__ import annotations

import click

from operator_qos.cli_support import Context, Refusal, json_option, pass_context, require_current, write_output
from operator_qos.db import reading
from operator_qos.reports.orders import SHOWS
from operator_qos.reports.queries import read_sheet
from operator_qos.reports.rules import FilterError, Filters, Wanted
from operator_qos.sheets import FORMATS

_FORMAT = click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True)
_OUTPUT = click.option("--output", type=click.Path(dir_okay=False, writable=True),
                       help="File; xlsx and parquet need one.")
_PLACE = click.option("--marketplace", metavar="ID", default="", help="Of this marketplace only.")


def _export(context: Context, wanted: Wanted, form: str, output: str | None) -> None:
    require_current(context.engine)
    try:
        with reading(context.engine) as session:
            sheet = read_sheet(session, wanted, now=context.clock())
            write_output(context, sheet, "jsonl" if context.as_json and output is None else form, output)
    except FilterError as error:
        raise Refusal(f"{error.field}: {error}") from error


@click.command("standings")
@_PLACE
@_FORMAT
@_OUTPUT
@json_option
@pass_context
def export_standings(context: Context, marketplace: str, form: str, output: str | None) -> None:
    """Where every shop stands, on standard output or as a file."""
    _export(context, Wanted("standings", Filters(marketplace=marketplace)), form, output)


@click.command("scorecards")
@_PLACE
@click.option("--metric", default="", help="This metric only.")
@_FORMAT
@_OUTPUT
@json_option
@pass_context
def export_scorecards(context: Context, marketplace: str, metric: str, form: str, output: str | None) -> None:
    """The current numbers of every shop and metric, on standard output or as a file."""
    _export(context, Wanted("metrics", Filters(marketplace=marketplace, metric=metric)), form, output)


@click.command("orders")
@click.argument("metric")
@_PLACE
@click.option("--shop", metavar="ID", default="", help="Of this shop only.")
@click.option("--show", type=click.Choice(SHOWS), default="all", show_default=True,
              help="What officially failed, what was forgiven, or every row that counts.")
@_FORMAT
@_OUTPUT
@json_option
@pass_context
def export_orders(  # one argument per option
    context: Context, metric: str, marketplace: str, shop: str, show: str, form: str, output: str | None,
) -> None:
    """The orders behind the current numbers of METRIC, on standard output or as a file."""
    _export(context, Wanted("orders", Filters(marketplace=marketplace, shop=shop, metric=metric, show=show)), form,
            output)

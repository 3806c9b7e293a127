"""`operator-qos marketplace`: add and list marketplaces."""

from __future__ import annotations

from datetime import datetime

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.db import reading, unit_of_work
from operator_qos.sellers.queries import list_marketplaces
from operator_qos.sellers.service import MarketplaceError, add_marketplace, describe_shop, read_traits


@click.group("marketplace")
def marketplace_group() -> None:
    """Marketplaces: sites, countries or brands, each with its zone."""


@marketplace_group.command("add")
@click.argument("marketplace_id", metavar="ID")
@click.option("--timezone", required=True, help="Its zone, like Europe/Paris: days and windows follow it.")
@click.option("--name", default="", help="How people call it.")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--country", default="", help="Two letters.")
@click.option("--language", default="en", show_default=True, help="Two letters.")
@json_option
@pass_context
def add_command(context: Context, /, marketplace_id: str, timezone: str, **given: str) -> None:
    """Add a marketplace; adding it again changes nothing."""
    require_current(context.engine)
    try:
        with unit_of_work(context.engine) as session:
            added = add_marketplace(session, marketplace_id=marketplace_id, timezone=timezone, **given)
            document = {"id": added.id, "name": added.name, "timezone": added.timezone}
    except MarketplaceError as error:
        raise Refusal(str(error)) from error
    emit(context, document, f"Marketplace {document['id']} in zone {document['timezone']}.")


@marketplace_group.command("list")
@json_option
@pass_context
def list_command(context: Context) -> None:
    """List the marketplaces."""
    with reading(context.engine) as session:
        found = [{"id": m.id, "name": m.name, "timezone": m.timezone} for m in list_marketplaces(session)]
    emit(context, found, "\n".join(f"{m['id']}  {m['timezone']}  {m['name']}" for m in found) or "No marketplace yet.")


@click.group("shop")
def shop_group() -> None:
    """Shops: what the operator says of them, by which standards choose whom they bind."""


@shop_group.command("describe")
@click.argument("shop", metavar="MARKETPLACE/SHOP")
@click.option("--from", "from_on", type=click.DateTime(["%Y-%m-%d"]), help="First day it holds; tomorrow without it.")
@click.option("--why", default="", help="The reason; needed for a day that has begun.")
@click.argument("traits", nargs=-1, metavar="[NAME=VALUE]...")
@json_option
@pass_context
def describe_command(
    context: Context, shop: str, from_on: datetime | None, why: str, traits: tuple[str, ...]
) -> None:
    """Say what a shop is from a day on, like `seller_tier=gold category=toys`; without any, forget it from that day.

    What it was before stays as it was: results and promises of earlier days keep their standard.
    """
    require_current(context.engine)
    now = context.clock()
    try:
        with unit_of_work(context.engine) as session:
            on = from_on.date() if from_on else None
            told = describe_shop(session, shop=shop, traits=read_traits(traits), from_on=on, actor="command line",
                                 now=now, why=why)
            since, said = told.from_on.isoformat(), dict(told.traits)
    except MarketplaceError as error:
        raise Refusal(str(error)) from error
    words = ", ".join(f"{name} {value}" for name, value in said.items()) or "nothing said of it"
    emit(context, {"shop": shop, "from": since, "traits": said}, f"{shop} from {since}: {words}.")

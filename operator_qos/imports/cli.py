"""`operator-qos mappings`: from the columns of tables to events."""

from __future__ import annotations

from pathlib import Path

import click

from operator_qos.cli_support import Context, emit, json_option, pass_context, require_current
from operator_qos.imports import commands


@click.group("mappings")
def mappings_group() -> None:
    """Mappings from the columns of tables to events: YAML without code. docs/importing.md says how to write one."""


@mappings_group.command("list")
@json_option
@pass_context
def list_command(context: Context) -> None:
    """Saved mappings, and those that come with the product."""
    require_current(context.engine)
    commands.list_mappings(context)


@mappings_group.command("show")
@click.argument("name")
@json_option
@pass_context
def show_command(context: Context, name: str) -> None:
    """The YAML of a mapping, to begin from."""
    require_current(context.engine)
    text = commands.read_mapping_text(context, name)
    emit(context, {"mapping": text}, text.rstrip())


@mappings_group.command("validate")
@click.argument("name")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A table whose columns it must fit.")
@json_option
@pass_context
def validate_command(context: Context, name: str, file: Path | None) -> None:
    """Everything that is wrong with a mapping, with line and column."""
    require_current(context.engine)
    commands.validate_mapping(context, name, file)


@mappings_group.command("propose")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--marketplace", default="", help="The marketplace of its rows.")
@click.option("--timezone", default="UTC", show_default=True, help="The zone of times without an offset.")
@json_option
@pass_context
def propose_command(context: Context, file: Path, marketplace: str, timezone: str) -> None:
    """A first draft for a table, from its columns' names and values."""
    commands.propose_mapping(context, file, marketplace, timezone)


@mappings_group.command("schema")
@json_option
@pass_context
def schema_command(context: Context) -> None:
    """The JSON Schema of mapping files, for editors."""
    import json

    from operator_qos.connectors.mapping.model import mapping_schema

    emit(context, mapping_schema(), json.dumps(mapping_schema(), indent=2))

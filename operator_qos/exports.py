"""`operator-qos export`: every domain hands in what it has for other programs."""

from __future__ import annotations

from importlib import import_module

import click

# Loaded when they are asked for, so that one export does not pay for the others.
EXPORTS = {
    "metrics": ("operator_qos.ledger.cli:export_metrics", "A row per shop and metric at (T, K)."),
    "standings": ("operator_qos.reports.cli:export_standings", "Where every shop stands."),
    "scorecards": ("operator_qos.reports.cli:export_scorecards", "The current numbers, as the pages show them."),
    "orders": ("operator_qos.reports.cli:export_orders", "The orders behind the current numbers of a metric."),
    "statements": ("operator_qos.statements.cli:export_statements", "Restrictions for the DSA Transparency Database."),
    "events": ("operator_qos.lake.cli:export_events", "The event log as Parquet, for a lake."),
    "complaints": ("operator_qos.recourse.cli:export_complaints", "The yearly report on complaints."),
}


class _Exports(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """What can be exported."""
        return list(EXPORTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None when there is none of that name."""
        if cmd_name not in EXPORTS:
            return None
        module, _, name = EXPORTS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  # a wrong table is our own error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the exports without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in EXPORTS.items()])


@click.group("export", cls=_Exports)
def export_group() -> None:
    """Write numbers and documents for other programs."""

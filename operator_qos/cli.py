"""The command line. Each command's module is loaded only when that command runs."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "demo": ("operator_qos.demo.cli:demo_command", "Load a demo marketplace, evaluate it and serve it."),
    "migrate": ("operator_qos.operations.cli:migrate_command", "Bring the database to the current version."),
    "serve": ("operator_qos.operations.cli:serve_command", "Serve the site and run the scheduler."),
    "scheduler": ("operator_qos.operations.cli:scheduler_command", "Run the scheduler as a process of its own."),
    "user": ("operator_qos.accounts.cli:user_group", "People who sign in."),
    "key": ("operator_qos.accounts.cli:key_group", "Keys of machines that call the API."),
    "receiver": ("operator_qos.receiving.cli:receiver_group", "Addresses for marketplaces' webhooks."),
    "marketplace": ("operator_qos.sellers.cli:marketplace_group", "Marketplaces."),
    "shop": ("operator_qos.sellers.cli:shop_group", "Shops and what the operator says of them."),
    "import": ("operator_qos.connectors.cli:import_group", "Take in events, tables and public data sets from files."),
    "mappings": ("operator_qos.imports.cli:mappings_group", "Mappings from the columns of tables to events."),
    "lab": ("operator_qos.lab.cli:lab_group", "Fake marketplaces to try connectors on."),
    "connections": ("operator_qos.connections.cli:connections_group", "Platforms that are read, asked and compared."),
    "rebuild": ("operator_qos.ledger.cli:rebuild_command", "Derive everything anew from the event log."),
    "lake": ("operator_qos.lake.cli:lake_group", "Facts and numbers over events that stay in Parquet files."),
    "evaluate": ("operator_qos.evaluation.cli:evaluate_command", "Judge a date, or every date that is due."),
    "standards": ("operator_qos.standards.cli:standards_group", "Standards: their versions, what changes, publishing."),
    "backtest": ("operator_qos.standards.cli:backtest_command", "Try a standard on history before publishing it."),
    "trial": ("operator_qos.trials.cli:trial_group", "Judge by a published standard without consequence."),
    "scorecard": ("operator_qos.ledger.cli:scorecard_command", "The numbers of one shop, and the rows behind them."),
    "statements": ("operator_qos.statements.cli:statements_group", "Statements of reasons: are they as issued?"),
    "export": ("operator_qos.exports:export_group", "Write numbers and documents for other programs."),
    "mail": ("operator_qos.disputes.cli:mail_group", "Answers by mail, handed over by a mail server."),
    "badge": ("operator_qos.badges.cli:badge_group", "Public badges: the key that signs them."),
    "audit": ("operator_qos.audit.cli:audit_group", "The audit trail: check its chain, export it."),
    "backup": ("operator_qos.operations.backups.cli:backup_command", "Write the database into a folder."),
    "restore": ("operator_qos.operations.backups.cli:restore_command", "Put a backup back, or check it."),
    "doctor": ("operator_qos.operations.cli:doctor_command", "Check this installation and list its settings."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  # a wrong table is our own error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Keep sellers' service at the promised standard, fairly."""
    from operator_qos.logs import set_up_logs

    set_up_logs()  # a command that reads the settings sets them up as they say


if __name__ == "__main__":
    main()

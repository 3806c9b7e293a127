"""`operator-qos backup` and `restore`."""

from __future__ import annotations

from pathlib import Path

import click

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context
from operator_qos.operations.backups.manifest import BackupError, Manifest, Progress
from operator_qos.progress import show_progress

APART = "The signing secret is not in it: keep OPERATOR_QOS_SECRET_KEY, or the file secret of the data folder, apart."
FOLDER = click.Path(path_type=Path, file_okay=False)


def _make_progress(context: Context) -> Progress:
    return lambda what, total: show_progress(what, total=total, quiet=context.as_json)


def _describe(path: Path, manifest: Manifest) -> dict[str, object]:
    taken = {"database": manifest.database, "revision": manifest.revision, "version": manifest.version}
    return {"path": str(path), **taken, "made_at": manifest.made_at, "tables": len(manifest.tables),
            "rows": manifest.rows, "bytes": manifest.size_bytes}


@click.command("backup")
@click.argument("path", type=FOLDER)
@json_option
@pass_context
def backup_command(context: Context, path: Path) -> None:
    """Write the database into the new folder PATH while it is in use; with a count and a hash of each table.

    SQLite is copied by its backup interface, PostgreSQL by pg_dump. Files brought for import and the signing secret
    of the data folder are not in it.
    """
    from operator_qos.operations.backups.service import make_backup

    try:
        made = make_backup(context.direct_engine, path, now=context.clock(), progress=_make_progress(context))
    except BackupError as error:
        raise Refusal(str(error)) from error
    emit(context, _describe(path, made), f"{path}: {made.rows:,} rows of {len(made.tables)} tables, "
         f"{made.size_bytes:,} bytes, revision {made.revision}. {APART}")


@click.command("restore")
@click.argument("path", type=FOLDER)
@click.option("--replace", is_flag=True, help="Restore over a database that holds data: all of it is deleted.")
@click.option("--check", is_flag=True, help="Only look whether the backup is whole; touch no database.")
@json_option
@pass_context
def restore_command(context: Context, path: Path, replace: bool, check: bool) -> None:
    """Put the backup PATH in place of the database, all of it or nothing, and compare every table's hash.

    Stop serve and scheduler first. Of a backup by an older version, run operator-qos migrate afterwards.
    """
    from operator_qos.migrate import get_head
    from operator_qos.operations.backups.service import check_backup, restore_backup

    progress = _make_progress(context)
    try:
        manifest = check_backup(path, progress=progress) if check else restore_backup(
            context.direct_engine, path, replace=replace, progress=progress)
    except BackupError as error:
        raise Refusal(str(error)) from error
    done = "is whole" if check else "is restored, and every table's hash is the same"
    older = "" if check or manifest.revision == get_head() else " It is of an older version; run: operator-qos migrate"
    emit(context, {**_describe(path, manifest), "restored": not check, "migrate": bool(older)},
         f"{path} {done}: {manifest.rows:,} rows of {len(manifest.tables)} tables, at {manifest.revision}.{older}")

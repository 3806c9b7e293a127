"""`operator-qos migrate`, `serve`, `scheduler` and `doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click
from sqlalchemy import Engine

from operator_qos.cli_support import Context, Refusal, emit, json_option, pass_context, require_current
from operator_qos.settings import Settings


@click.command("migrate")
@json_option
@pass_context
def migrate_command(context: Context) -> None:
    """Bring the database to the current version, creating it if need be."""
    from operator_qos import migrate

    try:
        migrate.upgrade(context.direct_engine, patience=migrate.Patience(
            lock_seconds=context.settings.migrate_lock_seconds, tell=lambda said: click.echo(said, err=True)))
    except migrate.MigrationError as error:
        raise Refusal(str(error)) from error
    revision = migrate.find_revision(context.direct_engine)
    emit(context, {"revision": revision, "database": context.direct_engine.url.render_as_string()},
         f"The database is at version {revision}.")


def run_server(settings: Settings, engine: Engine, *, host: str, port: int, scheduler: bool) -> None:
    """Serve until interrupted, with the scheduler in threads of this process unless told otherwise."""
    from waitress.server import create_server

    from operator_qos import create_app
    from operator_qos.operations.cycles import collect_seldom
    from operator_qos.scheduler import start_scheduler_thread

    server = create_server(create_app(settings, engine=engine), host=host, port=port, threads=8)
    collect_seldom()
    jobs = start_scheduler_thread(settings, engine) if scheduler else None
    click.echo(f"Serving on http://{host}:{port} (Ctrl+C stops it)", err=True)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        if jobs is not None:
            jobs.stop()


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--scheduler/--no-scheduler", default=True, show_default=True, help="Run the jobs in this process too.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64),
              help="Processes that answer; more than one wants PostgreSQL.")
@pass_context
def serve_command(context: Context, host: str, port: int, scheduler: bool, workers: int) -> None:
    """Serve the site."""
    require_current(context.engine)
    try:
        if workers > 1:
            from operator_qos.operations.workers import run_workers  # gunicorn needs a Unix

            run_workers(context.settings, context.engine, host=host, port=port, scheduler=scheduler, workers=workers)
        else:
            run_server(context.settings, context.engine, host=host, port=port, scheduler=scheduler)
    except OSError as error:
        raise Refusal(f"cannot serve on {host}:{port}: {error.strerror or error}; choose another --port") from error


@click.command("scheduler")
@pass_context
def scheduler_command(context: Context) -> None:
    """Run the scheduler as a process of its own; several may run, one leads."""
    from operator_qos.operations.cycles import collect_seldom
    from operator_qos.scheduler import run_scheduler

    require_current(context.engine)
    collect_seldom()
    run_scheduler(context.settings)


@click.command("doctor")
@json_option
@pass_context
def doctor_command(context: Context) -> None:
    """Check this installation and list its settings. Exit code 1 when something needs care."""
    from operator_qos.operations.doctor import examine, list_settings

    checks, settings = examine(context.settings, context.engine, now=context.clock()), list_settings(context.settings)
    document = {"ok": all(c.ok for c in checks), "checks": [asdict(c) for c in checks],
                "settings": [asdict(s) for s in settings]}
    lines = [f"{'ok  ' if c.ok else 'CARE'}  {c.name}: {c.says}" for c in checks]
    lines += ["", "Settings:", *(f"  {s.variable}={s.value}   {s.meaning}" for s in settings)]
    emit(context, document, "\n".join(lines))
    if not document["ok"]:
        raise SystemExit(1)

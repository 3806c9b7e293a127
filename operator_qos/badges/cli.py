"""`operator-qos badge`: the key that signs public badges."""

from __future__ import annotations

import click

from operator_qos.audit.service import append_audit
from operator_qos.badges.keys import rotate_keys
from operator_qos.cli_support import Context, emit, json_option, pass_context, require_current
from operator_qos.db import unit_of_work


@click.group("badge")
def badge_group() -> None:
    """Public badges: what shops show to the world."""


@badge_group.command("rotate-key")
@json_option
@pass_context
def rotate_command(context: Context) -> None:
    """Sign with a new key from now on; badges signed before stay valid for their day."""
    require_current(context.engine)
    now = context.clock()
    with unit_of_work(context.engine) as session:
        kid = rotate_keys(context.settings, now=now)
        append_audit(session, actor="command line", now=now, action="badge.key_made", subject=f"badge_key:{kid}")
    emit(context, {"kid": kid}, f"New badges are signed with key {kid}.")

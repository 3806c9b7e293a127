"""Files of disputes: what hangs on a message."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.disputes.models import DisputeAttachment, DisputeMessage
from operator_qos.files import FileError, Upload

MAX_PER_DISPUTE = 60


def attach(session: Session, message: DisputeMessage, files: Sequence[Upload]) -> None:
    """Hang files on a message. Raises FileError when the dispute has too many. Does not commit."""
    if not files:
        return
    query = select(func.count(DisputeAttachment.id)).where(DisputeAttachment.dispute_id == message.dispute_id)
    if (session.scalar(query) or 0) + len(files) > MAX_PER_DISPUTE:
        raise FileError("many", files[0].name, f"is one too many; a dispute holds at most {MAX_PER_DISPUTE} files")
    session.add_all(
        DisputeAttachment(
            dispute_id=message.dispute_id, message_id=message.id, name=file.name, media_type=file.media_type,
            size=file.size, sha256=file.sha256, stored_as=file.stored_as,
        )
        for file in files
    )
    session.flush()

"""The Mirakl connector: snapshots of a platform read into events, and wishes written to it."""

from __future__ import annotations

from operator_qos.connectors.contract import Access, Connector, Pause
from operator_qos.connectors.mirakl.connector import Mirakl

__all__ = ["Mirakl", "connect"]


def connect(access: Access, *, pause: Pause) -> Connector:
    """A connector to that address; reads nothing yet. Raises SourceRefused for an address or key that is none."""
    return Mirakl(access, pause=pause)

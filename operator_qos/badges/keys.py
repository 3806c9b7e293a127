"""The keys that sign public badges: made once, kept in the data folder, the newest first."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, KeySet

from operator_qos.badges.rules import make_key
from operator_qos.settings import Settings

FILE = "badge-keys.json"
# Badges signed with an older key are good for a day; a few more keys let old ones be told from forged ones.
KEPT_KEYS = 5


def read_keys(settings: Settings, *, now: datetime) -> KeySet:
    """Every key that may have signed a badge; the first is made when there is none."""
    path = settings.data_dir / FILE
    if not path.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        _write(path, [make_key(now=now)], is_first=True)
    return KeySet([ECKey.import_key(key) for key in json.loads(path.read_text())["keys"]])


def rotate_keys(settings: Settings, *, now: datetime) -> str:
    """Sign with a new key from now on; returns its id. Badges signed before stay valid for their day."""
    keys = [make_key(now=now), *read_keys(settings, now=now).keys]
    _write(settings.data_dir / FILE, keys[:KEPT_KEYS])
    return str(keys[0].kid)


def show_public_keys(keys: KeySet) -> dict[str, Any]:
    """The keys as everybody may know them."""
    return {"keys": [key.as_dict(private=False) for key in keys.keys]}


def _write(path: Path, keys: list[Any], *, is_first: bool = False) -> None:
    """Written beside and moved into place, so that nobody reads half of it; of two first ones the first stays."""
    beside = path.with_suffix(f".{os.getpid()}.{id(keys)}")
    beside.touch(mode=0o600, exist_ok=False)
    beside.write_text(json.dumps({"keys": [key.as_dict(private=True) for key in keys]}))
    if not is_first:
        beside.replace(path)
        return
    with suppress(FileExistsError):  # another process was quicker: its key is the one
        os.link(beside, path)
    beside.unlink()

"""Keys of platforms at rest: sealed under the installation's secret, or named by an environment variable."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from operator_qos.settings import find_variable


class SealError(ValueError):
    """A key that cannot be had; the text says what to do."""


def seal_key(key: str, secret: str) -> str:
    """The key as it is stored."""
    return _make_box(secret).encrypt(key.encode()).decode()


def open_key(sealed: str, variable: str, secret: str) -> str:
    """The key itself. Raises SealError."""
    if variable:
        found = find_variable(variable).strip()  # files of secrets end with a line break
        if not found:
            raise SealError(f"the environment variable {variable} is empty; set it to the platform's key, start again")
        return found
    try:
        return _make_box(secret).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealError("the key was sealed under another secret; enter it again, or set OPERATOR_QOS_SECRET_KEY to "
                        "what it was") from None


def _make_box(secret: str) -> Fernet:
    digest = hashlib.sha256(b"operator-qos connections\n" + secret.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))

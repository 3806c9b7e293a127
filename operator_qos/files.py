"""Files that people send: what they are is told by their content; kept outside the site under random names."""

from __future__ import annotations

import hashlib
import io
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

MAX_BYTES = 8 * 1024 * 1024
MAX_PER_MESSAGE = 5
MAX_PIXELS = 60_000_000
PREVIEW_PIXELS = 480
IMAGES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
PREVIEWED = frozenset(IMAGES.values())
_NAME = re.compile(r"[^\w .()-]+", re.UNICODE)


class FileError(ValueError):
    """A file that is not taken; `code` says why, `name` which."""

    def __init__(self, code: str, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.code, self.name = code, name


@dataclass(frozen=True)
class Upload:
    """A file that lies in the store, not yet part of anything."""

    name: str
    media_type: str
    size: int
    sha256: str
    stored_as: str


def tell_type(content: bytes) -> str | None:
    """The media type by content: images, PDF and plain text; None for anything else, whatever its name says."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    try:
        with Image.open(io.BytesIO(content), formats=tuple(IMAGES)) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            found = IMAGES.get(str(image.format))
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "text/plain" if _is_text(content) else None
    return found


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    # Markup would be a page when opened; it may come as an image or a PDF.
    return all(c.isprintable() or c in "\r\n\t" for c in text) and not text.lstrip().startswith("<")


def tidy_name(name: str) -> str:
    """A file's name without folders and signs that mean something to a shell, a header or a screen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return _NAME.sub("_", last).strip(" .")[:120] or "file"


@dataclass(frozen=True)
class FileStore:
    """A folder outside the site's own; files in it are named at random."""

    folder: Path

    def keep(self, name: str, content: bytes) -> Upload:
        """Check a file and write it. Raises FileError."""
        shown = tidy_name(name)
        if not content:
            raise FileError("empty", shown, "is empty")
        if len(content) > MAX_BYTES:
            raise FileError("large", shown, f"is larger than {MAX_BYTES // 1024 // 1024} MB")
        media_type = tell_type(content)
        if media_type is None:
            raise FileError("type", shown, "is no PNG, JPEG, GIF, WebP, PDF or plain text")
        stored_as = secrets.token_hex(16)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / stored_as
        path.write_bytes(content)
        path.chmod(0o600)
        return Upload(shown, media_type, len(content), hashlib.sha256(content).hexdigest(), stored_as)

    def keep_all(self, files: Sequence[tuple[str, bytes]]) -> list[Upload]:
        """Check and write several, all or none. Raises FileError."""
        if len(files) > MAX_PER_MESSAGE:
            raise FileError("many", files[-1][0], f"is one too many; at most {MAX_PER_MESSAGE} go with a message")
        kept: list[Upload] = []
        try:
            for name, content in files:
                kept.append(self.keep(name, content))
        except FileError:
            self.discard(kept)
            raise
        return kept

    def discard(self, uploads: Sequence[Upload]) -> None:
        """Take away what became part of nothing."""
        for upload in uploads:
            (self.folder / upload.stored_as).unlink(missing_ok=True)

    def read(self, stored_as: str) -> bytes:
        """The content. Raises FileNotFoundError."""
        if not re.fullmatch(r"[0-9a-f]{32}", stored_as):
            raise FileNotFoundError(stored_as)
        return (self.folder / stored_as).read_bytes()

    def preview(self, stored_as: str) -> bytes:
        """A small PNG of an image, drawn anew, so that nothing hidden in the file is passed on."""
        with Image.open(io.BytesIO(self.read(stored_as)), formats=tuple(IMAGES)) as image:
            small = image.convert("RGBA")
            small.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
            drawn = io.BytesIO()
            small.save(drawn, "PNG")
        return drawn.getvalue()

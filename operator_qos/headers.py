"""Headers that every answer carries, compressed pages and static files."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, g, request, url_for
from flask_compress import Compress

YEAR_SECONDS = 31_536_000
COMPRESSED = {".css", ".js", ".svg"}
compress = Compress()


def csp_nonce() -> str:
    """The nonce of this answer, made when a template asks for it."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def show_pdf() -> str:
    """Let this page show a PDF of the site; a template that does calls it. Writes nothing into the page."""
    g.shows_pdf = True
    return ""


def _content_policy() -> str:
    nonce = g.get("csp_nonce")
    script = f"'nonce-{nonce}'" if nonce else "'none'"
    style = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    # A page may show a PDF of its own in the browser's viewer; the PDF itself comes with a policy that allows nothing.
    shown = "object-src 'self'; frame-src 'self'; " if g.get("shows_pdf") else ""
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src 'self' data:; font-src 'self'; {shown}"
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


def add_headers(response: Response) -> Response:
    """Set the headers on an answer."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _content_policy())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_SECONDS}; includeSubDomains")
    if request.endpoint == "static":
        return _serve_static(response)
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "private, no-store"
    return _compress_page(response)


def _compress_page(response: Response) -> Response:
    """Pages compressed for whoever asks from here; files, what programs read and what is streamed stay as they are.

    The length of a compressed page can betray a secret in it to whoever makes somebody's browser ask for it again and
    again with guesses (BREACH). Browsers say so when another site makes them ask.
    """
    asked_by = request.headers.get("Sec-Fetch-Site", "none")
    if response.mimetype != "text/html" or response.is_streamed or asked_by not in {"none", "same-origin"}:
        return response
    return compress.after_request(response)


@lru_cache(maxsize=64)
def _compress(path: str, _changed_ns: int) -> bytes:
    return gzip.compress(Path(path).read_bytes(), 9, mtime=0)


def _serve_static(response: Response) -> Response:
    if response.status_code != 200:
        return response
    if request.args.get("v"):
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    path = Path(str(current_app.static_folder)) / (request.view_args or {}).get("filename", "")
    if path.suffix in COMPRESSED:
        response.vary.add("Accept-Encoding")
        if request.accept_encodings["gzip"] and "Range" not in request.headers:
            response.direct_passthrough = False
            response.set_data(_compress(str(path), path.stat().st_mtime_ns))
            response.headers["Content-Encoding"] = "gzip"
            response.headers.pop("ETag", None)
    return response


@lru_cache(maxsize=64)
def _digest(path: str, _changed_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def asset(filename: str) -> str:
    """The address of a static file, which changes with its content."""
    path = Path(str(current_app.static_folder)) / filename
    return url_for("static", filename=filename, v=_digest(str(path), path.stat().st_mtime_ns))


def init_headers(app: Flask) -> None:
    """Give every answer its headers and templates `asset`, `csp_nonce` and `show_pdf`."""
    # zstd first: it takes least time, and every browser that lacks it knows gzip.
    app.config.update(COMPRESS_REGISTER=False, COMPRESS_ALGORITHM=["zstd", "gzip"], COMPRESS_LEVEL=4)
    compress.init_app(app)
    app.after_request(add_headers)
    app.jinja_env.globals.update(asset=asset, csp_nonce=csp_nonce, show_pdf=show_pdf)

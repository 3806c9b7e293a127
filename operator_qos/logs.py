"""What the product says while it runs: one event a line, on standard error, alike from jobs, pages and libraries.

At a terminal it is words, elsewhere JSON, which collectors read. Errors carry the lines they passed, never what stood
in variables there: keys, mails, settings.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


class StandardError(logging.Handler):
    """Writes to what standard error is at that moment: tests and servers replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # as every handler: a log that cannot be written stops nothing
            self.handleError(record)


def set_up_logs(*, level: str = "info", form: str = "auto") -> None:
    """Write the product's lines from a level on, and what libraries warn of; again and again it changes the same."""
    is_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    handler, least, root = StandardError(), getattr(logging, level.upper()), logging.getLogger()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_list_renderers(is_json=is_json)]))
    root.handlers[:] = [kept for kept in root.handlers if not isinstance(kept, StandardError)] + [handler]
    root.setLevel(max(least, logging.WARNING))
    logging.getLogger("operator_qos").setLevel(least)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)


def _list_renderers(*, is_json: bool) -> list[Processor]:
    if is_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]

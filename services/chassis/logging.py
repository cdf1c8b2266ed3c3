"""Logs are events: one line, key=value in a terminal and JSON elsewhere, with ids bound once.

Bind with ``structlog.contextvars.bound_contextvars(run_id=...)``; the ids then stand in every line below.
"""

import logging
import sys
from typing import Any

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from services.chassis.settings import ServiceSettings

_SECRET_NAMES = ("key", "token", "secret", "password", "authorization")
_HARMLESS = ("object_key", "routing_key", "key_label", "key_id")


def _hide_secrets(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Blank every value whose name sounds like a secret: the last fence, should someone log one by mistake."""
    for name in event:
        lower = name.lower()
        if lower not in _HARMLESS and any(part in lower for part in _SECRET_NAMES):
            event[name] = "***"
    return event


def _shorten_bad_requests(record: logging.LogRecord) -> bool:
    """aiohttp logs a traceback for every request that is no HTTP: that is the client's fault, and worth a line."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, (HttpProcessingError, RequestPayloadError)):
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args = "refused what is no HTTP request: %s", (type(error).__name__,)
    return True


def configure_logging(service: str, settings: ServiceSettings) -> None:
    """Set up structlog and route the standard library's log records through it. Call once, at start."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("aiormq", "aio_pika", "pymongo", "urllib3", "aiohttp.access", "PIL", "tornado.access", "bokeh"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # each retry of the object store, otherwise
    logging.getLogger("aiohttp.server").addFilter(_shorten_bad_requests)
    structlog.contextvars.bind_contextvars(service=service)


def log_to_stderr() -> None:
    """Keep log lines of an operator's command off its output, which programs may read."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger

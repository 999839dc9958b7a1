"""Logs: one canonical line per request and per task, written where the work enters the process.

What libraries say comes out in the same form, and all of it without secrets (services/runtime/redaction.py).
"""

import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import orjson
import structlog

from services.runtime.log_writer import LogWriter
from services.runtime.redaction import masked

# Follows one request through log lines, the outbox and the mail that it causes.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

_SECOND = "%Y-%m-%dT%H:%M:%S"
_background: list[LogWriter] = []  # the one of this process, if it has one


def configure_logs(log_format: Literal["json", "text"], *, in_background: bool = False) -> None:
    """Write events to standard output as JSON lines, or as text for people. Call it first thing in a process.

    `in_background` writes lines of JSON in a thread, for a process that must not wait for whoever reads them.
    """
    _background.clear()
    vars(log).pop("bind", None)  # what structlog has cached since it was configured before
    renderer: structlog.typing.Processor
    factory: Callable[..., object]
    if log_format == "json":
        # Without local variables: they hold passwords and tokens.
        tracebacks = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
        renderer = structlog.processors.JSONRenderer(serializer=orjson.dumps)
        factory = _in_background() if in_background else structlog.BytesLoggerFactory()
    else:
        tracebacks = structlog.processors.ExceptionRenderer()
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback)
        factory = structlog.PrintLoggerFactory()
    structlog.configure(
        processors=[tracebacks, _redact, _stamp, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.getLogger().addHandler(_libraries)
    logging.captureWarnings(True)


class Same:
    """What many lines say alike, written once."""

    def __init__(self, event: str, facts: Mapping[str, Any]) -> None:
        self.event = event
        self.facts = facts
        self.json = orjson.dumps({**facts, "event": event, "level": "info"})[:-1] + b","


Say = Callable[[Any], tuple[Same, bytes]]


def log_often(say: Say, what: object) -> None:
    """A line for what happens very often: made later, of what no longer changes.

    `say(what)` is what it shares with others, and what it alone says: the members of a JSON object, without its braces. Nobody looks
    for secrets in these, or adds the id of the request: every fact is an id, a number or one of a few words.
    """
    if _background:
        _background[0].gather(time.time(), say, what)
    else:
        log.info(**facts_said(say, what))


def facts_said(say: Say, what: object) -> dict[str, Any]:
    """What `log_often` writes, as structlog takes it."""
    same, own = say(what)
    return {"event": same.event, **same.facts, **orjson.loads(b"{%b}" % own)}


def lines_dropped() -> int:
    """How many lines of this process nobody read in time. Without a thread that writes them there are none: logging waits."""
    return sum(writer.dropped for writer in _background)


def write_out_logs() -> None:
    """Write what is still on its way. To call before the server ends, which may be by a signal that ends everything."""
    for writer in _background:
        writer.close()


def _in_background() -> Callable[..., LogWriter]:
    writer = LogWriter(sys.stdout.fileno(), _line)
    _background[:] = [writer]

    def factory(*_: object) -> LogWriter:
        return writer

    return factory


def _line(at: float, say: Say, what: object) -> bytes:
    same, own = say(what)
    second = int(at)
    return b'%b%b,"timestamp":"%b.%06dZ"}' % (same.json, own, _second_text(second), (at - second) * 1e6)


@lru_cache(2)
def _second_text(second: int) -> bytes:
    return f"{datetime.fromtimestamp(second, UTC):{_SECOND}}".encode()


def _stamp(_logger: object, level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What every line says."""
    current = request_id.get()
    if current is not None:
        event.setdefault("request_id", current)
    event["level"] = level
    event["timestamp"] = f"{datetime.now(UTC):{_SECOND}.%fZ}"
    return event


def _redact(_logger: object, _level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: masked(value, name) for name, value in event.items()}


class _Libraries(logging.Handler):
    """What libraries log, as lines of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            detail = record.getMessage()
        except (TypeError, ValueError, KeyError):  # what is wrong with a library's words must not stop its work
            detail = str(record.msg)
        level = min(record.levelno // 10 * 10, logging.CRITICAL)  # structlog knows no levels in between
        log.log(level, "library.message", logger=record.name, detail=detail, exc_info=record.exc_info[1] if record.exc_info else None)


_libraries = _Libraries(logging.WARNING)

"""The log as JSON lines on standard error, for collectors that read what containers print."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from typing_extensions import override

_DAGSTERS = "dagster_meta"
"""The attribute of a record in which Dagster says which run and step it is about."""

logger = logging.getLogger("bookmarkai")


class JsonFormatter(logging.Formatter):
    """Makes one JSON object of a record, on one line.

    `timestamp` (UTC), `level`, `logger` and `message` are always there. `exception` is the traceback. Whatever `ids`
    returns, such as `share_id`, and what Dagster says of its run and step, are there where they are known. `redact`
    takes the secrets out of message and traceback.
    """

    def __init__(self, *, redact: Callable[[str], str], ids: Callable[[], Mapping[str, str]]) -> None:
        super().__init__()
        self._redact = redact
        self._ids = ids

    @override
    def format(self, record: logging.LogRecord) -> str:
        said = getattr(record, _DAGSTERS, None)
        of_dagster = {key: said.get(key) for key in ("run_id", "step_key")} if isinstance(said, dict) else {}
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._redact(_message_of(record)),
            **self._ids(),
            **{key: value for key, value in of_dagster.items() if value},
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self._redact(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = self._redact(record.stack_info)
        # In ASCII, whatever the console's encoding is, and without the line breaks that Unicode has.
        return json.dumps(line)


def set_up_json_logs(formatter: logging.Formatter) -> None:
    """Have everything that this process logs printed to standard error by `formatter`, each record once.

    That includes what libraries have set up for themselves or will, warnings, and exceptions that nobody catches.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_is_printed_by_no_other)
    _ConsoleLogger.formatter = formatter
    # Dagster makes a logger of its own for each run, and libraries add handlers when they please.
    logging.setLoggerClass(_ConsoleLogger)
    root = logging.getLogger()
    for one in [root, *logging.root.manager.loggerDict.values()]:
        if isinstance(one, logging.Logger):
            for theirs in [theirs for theirs in one.handlers if _is_console(theirs)]:
                one.removeHandler(theirs)
    root.addHandler(handler)
    logger.setLevel(logging.INFO)
    # For loggers that stand outside the tree and have no handler.
    logging.lastResort = handler
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class _ConsoleLogger(logging.Logger):
    """A logger whose own handlers for the console print as all others do, or not at all if the root's prints it."""

    formatter: logging.Formatter | None = None

    @override
    def addHandler(self, hdlr: logging.Handler) -> None:
        if _is_console(hdlr):
            if self.parent is not None and self.propagate:
                return
            hdlr.setFormatter(self.formatter)
        super().addHandler(hdlr)


def _is_console(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in {sys.stdout, sys.stderr}


def _is_printed_by_no_other(record: logging.LogRecord) -> bool:
    """Whether no run of Dagster's has taken the record over. It prints what it takes."""
    return not hasattr(record, _DAGSTERS)


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a library's mistake, which must not cost the line
        return f"{record.msg} {record.args}"


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logger.critical("ended by an error that nobody expected", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and args.exc_type is not SystemExit:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)

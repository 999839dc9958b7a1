"""What every process does first."""

import os
import sys
from types import TracebackType

from services.runtime.logs import configure_logs, log
from services.runtime.settings import InvalidSettings, Settings, load_settings, unknown_variables


def start_process(*, logs_in_background: bool = False) -> Settings:
    """Read the settings and configure the logs; end the process with a sentence for each setting that is wrong.

    A misspelt variable is worth a warning and no more: the settings of the next release may be there already.
    """
    try:
        settings = load_settings()
    except InvalidSettings as error:
        sys.exit(str(error))
    configure_logs(settings.log_format, in_background=logs_in_background)
    sys.excepthook = _log_last_words
    for sentence in unknown_variables(os.environ):
        log.warning("settings.unknown_variable", detail=sentence)
    return settings


def _log_last_words(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """What ends the process is a line as any other: Python's own words would say whatever secret the error says."""
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    log.critical("process.died", exc_info=error)

"""Shows the library's log messages while a command runs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def shown_log() -> Iterator[None]:
    """Prints the messages of the library's logger, "maskedface": informational ones to standard
    output, warnings and errors to standard error. The logger is restored afterwards."""
    logger, level = logging.getLogger("maskedface"), logging.getLogger("maskedface").level
    # Python's handler of last resort prints the bare text of warnings to standard error.
    handlers = [_Printed(), logging.lastResort or logging.NullHandler()]
    tensorflow = logging.getLogger("tensorflow")
    tensorflow.addFilter(_is_news)
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        tensorflow.removeFilter(_is_news)
        for handler in handlers:
            logger.removeHandler(handler)


def _is_news(record: logging.LogRecord) -> bool:
    """False for TensorFlow's retracing warnings, which concern developers only."""
    return "triggered tf.function retracing" not in str(record.msg)


class _Printed(logging.Handler):
    """Prints messages below the warning level to the current standard output."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.addFilter(lambda record: record.levelno < logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), flush=True)

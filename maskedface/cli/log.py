"""What the library logs, shown while a command runs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def shown_log() -> Iterator[None]:
    """Shows what the library says by its logger, "maskedface": messages on standard output, warnings and
    errors on standard error. Afterwards the logger is as it was."""
    logger, level = logging.getLogger("maskedface"), logging.getLogger("maskedface").level
    # What Python uses where nobody has set up logging: warnings, their text alone, on standard error.
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
    """Not that TensorFlow traces a function for another shape: a note to who writes the code."""
    return "triggered tf.function retracing" not in str(record.msg)


class _Printed(logging.Handler):
    """Prints messages below warnings to what standard output is at the time."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.addFilter(lambda record: record.levelno < logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), flush=True)

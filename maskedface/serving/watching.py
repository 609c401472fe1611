"""Monitoring: Prometheus metrics, and log lines without faces and names."""

from __future__ import annotations

import datetime
import json
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from maskedface.extras import from_extra

with from_extra("serve", "prometheus-client"):
    import prometheus_client as prometheus

CONTENT_TYPE = prometheus.CONTENT_TYPE_LATEST


class Metrics:
    """The metrics of a service.

    Args:
        waiting: callable, returns the number of waiting photographs.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        self.requests = prometheus.Counter(
            "maskedface_requests",
            "Requests answered",
            ["method", "path", "status"],
            registry=self._registry,
        )
        self.seconds = prometheus.Histogram(
            "maskedface_request_seconds",
            "From a request's head to its answer",
            ["path"],
            registry=self._registry,
        )
        self.batches = prometheus.Histogram(
            "maskedface_batch_photographs",
            "Photographs processed together",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self._registry,
        )
        self.faces = prometheus.Counter(
            "maskedface_faces", "Faces found", ["masked"], registry=self._registry
        )
        prometheus.Gauge(
            "maskedface_waiting_photographs", "Photographs in the queue", registry=self._registry
        ).set_function(waiting)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return prometheus.generate_latest(self._registry)


class Log:
    """An event log of JSON lines, one per event.

    Args:
        names: whether lines may contain people's names.
        stream: the output stream; by default standard error.
    """

    def __init__(self, *, names: bool = False, stream: TextIO | None = None) -> None:
        self.names, self._stream, self._lock = names, stream, threading.Lock()

    def __call__(self, event: str, **facts: Any) -> None:
        """Writes a line; a full disk or a closed pipe is ignored."""
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "event": event, **facts})
        try:
            with self._lock:
                stream = self._stream or sys.stderr
                stream.write(line + "\n")
                stream.flush()
        except (OSError, ValueError):
            return

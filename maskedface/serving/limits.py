"""Limits on the size, number and duration of requests."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits beyond which a service rejects requests, before they use resources.

    Args:
        photo_bytes: the size of a photograph.
        photo_pixels: the pixels of a photograph, according to its header: 48 megapixels from a
            phone, which take 150 MB of memory while they are processed.
        photos: the number of photographs per request.
        request_bytes: the size of a request's body.
        held_bytes: the total size of all bodies in memory.
        waiting: the number of photographs in the queue; if it is full, requests get status 503.
        batch: the number of photographs taken from the queue together.
        connections: the number of simultaneous connections.
        read_seconds: the time for the arrival of a request's head, and of its body.
        answer_seconds: the time for an answer, after the body has arrived.
        stop_seconds: the time for requests in progress when the service is stopped.

    Raises:
        ValueError: if a number is below 1.

    >>> from maskedface import serving
    >>> serving.Limits(waiting=8).waiting
    8
    """

    photo_bytes: int = 20 * 2**20
    photo_pixels: int = 50_000_000
    photos: int = 20
    request_bytes: int = 64 * 2**20
    held_bytes: int = 256 * 2**20
    waiting: int = 64
    batch: int = 8
    connections: int = 100
    read_seconds: float = 20.0
    answer_seconds: float = 60.0
    stop_seconds: float = 30.0

    def __post_init__(self) -> None:
        low = {name: value for name, value in dataclasses.asdict(self).items() if not value >= 1}
        if low:
            raise ValueError(f"limits must be at least 1. Received: {low}")

"""How much a service takes at a time, and for how long."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What a service refuses before it costs anything.

    Args:
        photo_bytes: of one photograph.
        photo_pixels: of one photograph, by its header: a telephone's 48 megapixels, which take 150 MB of
            memory while they are looked at.
        photos: of one request.
        request_bytes: of one request's body.
        held_bytes: of all bodies that are held at a time.
        waiting: photographs that wait; a request that finds no room gets status 503.
        batch: photographs that are taken from the queue together.
        connections: at a time.
        read_seconds: for a request's head, and for its body, to come.
        answer_seconds: for an answer, from when the body is there.
        stop_seconds: for requests that are being answered when the service is to stop.

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

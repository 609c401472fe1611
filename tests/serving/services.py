"""`maskedface serve` as a process of its own, and drawn people before a wall."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from tests.faces import draw_face

TOKEN = "5pVKpGxEwnlLFRYGQzQO"
WALL = (120, 140, 160)


def scene(*people: int, photo: int = 0, masked: bool = False, width: int = 640) -> np.ndarray:
    """A photograph of people side by side, whose faces have to be found."""
    image = np.full((480, width, 3), WALL, "uint8")
    for place, person in enumerate(people):
        left = (2 * place + 1) * width // (2 * len(people)) - 100
        image[120:320, left : left + 200] = draw_face(person, photo, masked, size=200)
    return image


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95)
    return file.getvalue()


class Running:
    """A service that listens.

    Attributes:
        url: where.
        client: an `httpx.Client` for it.
        process: the process.
        lines: what it logged so far.
    """

    def __init__(self, process: subprocess.Popen[str], url: str, client: httpx.Client) -> None:
        self.process, self.url, self.client = process, url, client
        self.lines: list[str] = []
        self.port = int(url.rsplit(":", 1)[1])


@contextlib.contextmanager
def running(gallery: str, *words: str, token: str = "", **env: str) -> Iterator[Running]:
    """Runs `maskedface serve` on a free port, and stops it (SIGTERM) at the end."""
    command = [sys.executable, "-m", "maskedface", "serve", "--gallery", gallery, "--port", "0"]
    process = subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )
    assert process.stdout is not None and process.stderr is not None
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)  # type: ignore[arg-type]
    reading.start()
    said = []
    for line in process.stdout:
        said.append(line)
        found = re.search(r"listening on http://\S+:(\d+)", line)
        if found:
            break
    else:
        raise AssertionError(f"no service: {said} {lines}")
    draining = threading.Thread(target=process.stdout.read, daemon=True)
    draining.start()
    url = f"http://127.0.0.1:{found[1]}"
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            service = Running(process, url, client)
            service.lines = lines
            yield service
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(120)
        finally:
            process.kill()
            reading.join(5)
            draining.join(5)
            process.stdout.close()
            process.stderr.close()


def new_gallery(folder: Path, network: Path, *people: int) -> str:
    """A gallery's file with a threshold that drawn people reach by the photograph they were enrolled by."""
    from maskedface.recognition import Recognizer
    from tests.recognition.galleries import thresholds

    recognizer = Recognizer.load(network)
    for person in people:
        recognizer.enroll(f"person {person}", [scene(person)])
    recognizer.gallery.calibration = thresholds(fpir=0.01, identify=0.9, far=0.001, verify=0.9)
    path = folder / "friends.npz"
    recognizer.gallery.save(path)
    return str(path)

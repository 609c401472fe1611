"""One process of those that share a gallery's file: `python gallery_worker.py WORK FOLDER SECONDS`."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from itertools import count

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from maskedface.locks import locked
from maskedface.recognition import Gallery
from tests.reliability.test_galleries import ALWAYS, check, face


def write(path: str, who: str, end: float) -> int:
    """Enrolls a person a time; how many."""
    for number in count():
        name = f"{who}{number}"
        with locked(path, what="enroll", wait=math.inf):
            gallery = Gallery.load(path)
            gallery.enroll([name], face(name)[None])
            gallery.save(path)
        if time.monotonic() > end:
            return number + 1
    raise AssertionError


def remove(path: str, end: float) -> int:
    """Forgets one of those who came; how many, whose names stand in removed.txt."""
    removed = []
    while time.monotonic() < end:
        with locked(path, what="remove", wait=math.inf):
            gallery = Gallery.load(path)
            come = [name for name in gallery.people if not name.startswith("p")]
            if come:
                gallery.remove(come[len(come) // 2])
                gallery.save(path)
                removed.append(come[len(come) // 2])
        time.sleep(0.01)
    with open(os.path.join(os.path.dirname(path), "removed.txt"), "w") as file:
        file.write("\n".join(removed))
    return len(removed)


def read(path: str, end: float) -> int:
    """Loads the file and looks for somebody who is always there; how often."""
    for number in count():
        gallery, name = Gallery.load(path), f"p{number % ALWAYS}"
        assert gallery.search(face(name))[0].person == name and check(gallery, name), name
        if time.monotonic() > end:
            return number + 1
    raise AssertionError


def main(work: str, folder: str, seconds: str) -> None:
    """Works for so many seconds from the line on that it reads."""
    path = os.path.join(folder, "g.npz")
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + float(seconds)
    if work in "ab":
        done = write(path, work, end)
    else:
        done = remove(path, end) if work == "remove" else read(path, end)
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])

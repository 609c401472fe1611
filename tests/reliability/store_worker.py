"""Enrolls into a store in children that are killed: `python store_worker.py ADDRESS ROUNDS`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from itertools import count

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from maskedface.recognition import Gallery, open_store
from maskedface.recognition.remembered import Remembered

TOGETHER = 8  # people of one change: all of them are there, or none
FEATURES = 128


def enroll(address: str, who: int, told: int) -> None:
    """Changes that never end: people come together, those of the change before go."""
    rng = np.random.default_rng(who)
    crop = Remembered("", "", "arcface", bytes(5_000))
    with open_store(address) as store:
        for number in count():
            names = [f"{who}-{number}-{n}" for n in range(TOGETHER)]
            with store.changing() as gallery:
                for name in names:
                    gallery.enroll([name], rng.normal(size=(1, FEATURES)), [crop])
                if number > 1:
                    for n in range(TOGETHER):
                        gallery.remove(f"{who}-{number - 2}-{n}")
            os.write(told, b".")


def check(address: str) -> int:
    """How many changes there are, all of them whole."""
    with open_store(address) as store:
        gallery = store.gallery()
        gallery.to_file()  # refused where rows are lacking
        groups: dict[str, int] = {}
        for name, photos in gallery.photos.items():
            group = name.rsplit("-", 1)[0]
            groups[group] = groups.get(group, 0) + 1
            assert len(photos) == 1, name
        assert {*groups.values()} <= {TOGETHER}, groups
        with store.changing(wait=5):  # nothing is held by who was killed
            pass
        return len(groups)


def main(address: str, rounds: str) -> None:
    with open_store(address) as store, store.changing(new=Gallery("f00d")):
        pass
    random, most = np.random.default_rng(0), 0
    for who in range(int(rounds)):
        done, told = os.pipe()
        child = os.fork()
        if not child:
            enroll(address, who, told)
        os.read(done, 1)  # one change is made: the end comes in one of the next
        time.sleep(random.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(done)
        os.close(told)
        most = max(most, check(address))
    print(json.dumps(most))


if __name__ == "__main__":
    main(*sys.argv[1:])

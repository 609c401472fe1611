"""How many photographs a second a service answers, beside `maskedface identify` on a folder.

  python tools/benchmark_serving.py                       (8 clients for 60 s, drawn people, dlib's network)
  python tools/benchmark_serving.py --seconds 20 --clients 4 --model FILE.keras

Draws people, enrolls some, times `maskedface identify` on a folder of a thousand photographs, and what
it does in a process that has started already, then lets clients ask a service
over HTTP, each as fast as it is answered. Status 503 is asked again after Retry-After. Checks that
nothing else is answered, that each answer is the one of the command (to .001 of a score), and
prints the processor time of the service and of the clients, which share the cores, and the service's
memory after a tenth of the time and at the end.
"""

from __future__ import annotations

import _tool  # isort: skip

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

PEOPLE, SIDE = 20, 480
MANY = 1_000  # photographs of the command's folder


def main() -> int:
    words = _tool.parser(__doc__)
    words.add_argument("--seconds", type=float, default=60.0)
    words.add_argument("--clients", type=int, default=8)
    words.add_argument("--photos", type=int, default=60, help="of the folder")
    words.add_argument("--model", default="dlib")
    words.add_argument("--data", help="a folder of photographs instead of drawn people")
    args = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        photos = draw(work, args.photos) if not args.data else found(args.data, args.photos)
        gallery = str(work / "friends.npz")
        enroll = [photos[0].parent.parent / "known"] if not args.data else photos[:1]
        person = [] if not args.data else ["--person", "somebody"]
        run("enroll", "--gallery", gallery, "--model", args.model, *map(str, enroll), *person)
        rate, expected = folder_rate(gallery, photos)
        command = command_rate(work / "many", gallery, photos)
        print(f"maskedface identify on a folder of {MANY}: {command:.2f} photographs a second")
        print(f"identify_all, started already: {rate:.2f} photographs a second")
        served = serve(gallery, photos, expected, args)
    print(
        f"service: {served:.2f} photographs a second, {served / command:.2f} times as many as the command, "
        f"{served / rate:.2f} times as many as identify_all"
    )
    return 0


def draw(work: Path, count: int) -> list[Path]:
    """Photographs of drawn people before a wall, of whom some are enrolled."""
    from PIL import Image

    from maskedface import synthetic

    (work / "photos").mkdir()
    made = []
    for number in range(count + PEOPLE):
        person, photo = number % PEOPLE, number // PEOPLE
        image = np.full((SIDE, SIDE * 4 // 3, 3), (120, 140, 160), "uint8")
        image[100:340, 200:440] = synthetic.draw_face(person, photo, bool(photo % 2), size=240)
        path = work / "photos" / f"{number:04d}.jpg"
        if not photo:
            path = work / "known" / f"person {person}" / "0.jpg"
            path.parent.mkdir(parents=True)
        Image.fromarray(image).save(path, quality=92)
        made += [path] if photo else []
    return made


def found(folder: str, count: int) -> list[Path]:
    from maskedface.recognition import photo_files

    return [Path(path) for path in photo_files(folder)[:count]]


def run(*words: str) -> float:
    """Seconds of a command."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "maskedface", *words]
    done = subprocess.run(command, cwd=_tool.ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    return time.perf_counter() - began


FOLDER = """
import json, sys, time
from maskedface.recognition import Gallery, Recognizer, identify_all
gallery, *photos = sys.argv[1:]
known = Gallery.load(gallery)
recognizer = Recognizer.load(known.source, gallery=known)
once = list(identify_all(recognizer, photos, progress=False))  # what is made when first needed
began = time.perf_counter()
for _ in range(3):
    list(identify_all(recognizer, photos, progress=False))
rate = 3 * len(photos) / (time.perf_counter() - began)
people = [
    [{each.person: each.score for each in one.candidates} for one in photo.identities] for photo in once
]
print(json.dumps([rate, people]))
"""


Scores = list[dict[str, float]]  # of each face: {the most alike people: score}


def folder_rate(gallery: str, photos: list[Path]) -> tuple[float, dict[str, Scores]]:
    """(photographs a second, {photograph: the scores of each face})."""
    command = [sys.executable, "-c", FOLDER, gallery, *map(str, photos)]
    done = subprocess.run(command, cwd=_tool.ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    rate, people = json.loads(done.stdout.splitlines()[-1])
    return rate, {photo.name: found for photo, found in zip(photos, people, strict=True)}


def command_rate(folder: Path, gallery: str, photos: list[Path]) -> float:
    """Photographs a second of the command, from its start to its end."""
    folder.mkdir()
    for number in range(MANY):
        os.link(photos[number % len(photos)], folder / f"{number}.jpg")
    return MANY / run("identify", "--gallery", gallery, str(folder))


def serve(
    gallery: str, photos: list[Path], expected: dict[str, Scores], args: argparse.Namespace
) -> float:
    """Photographs a second over HTTP."""
    command = [sys.executable, "-m", "maskedface", "serve", "--gallery", gallery, "--port", "0"]
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115
    process = subprocess.Popen(
        command, cwd=_tool.ROOT, stdout=subprocess.PIPE, stderr=log, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            listening = re.search(r"listening on (http://\S+)", line)
            if listening:
                return load(listening[1], process.pid, photos, expected, args)
        log.seek(0)
        raise SystemExit(log.read())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def load(
    url: str,
    process: int,
    photos: list[Path],
    expected: dict[str, Scores],
    args: argparse.Namespace,
) -> float:
    import httpx

    data = [(path.name, path.read_bytes()) for path in photos]
    counts = {"answered": 0, "busy": 0}
    wrong: list[str] = []
    lock = threading.Lock()
    start = threading.Barrier(args.clients + 1)

    def ask(client_number: int) -> None:
        with httpx.Client(base_url=url, timeout=120) as client:
            client.get("/v1/health")
            start.wait()
            end, number = time.monotonic() + args.seconds, client_number
            while time.monotonic() < end:
                name, photo = data[number % len(data)]
                answer = client.post("/v1/identify", files={"photo": photo})
                if answer.status_code == 503:
                    with lock:
                        counts["busy"] += 1
                    time.sleep(float(answer.headers["retry-after"]))
                    continue
                number += args.clients
                said = [
                    {each["person"]: each["score"] for each in face["candidates"]}
                    for face in answer.json().get("faces", [])
                ]
                with lock:
                    counts["answered"] += 1
                    if answer.status_code != 200 or not alike(said, expected[name]):
                        wrong.append(f"{name}: {answer.status_code} {said} {expected[name]}")

    threads = [threading.Thread(target=ask, args=[number]) for number in range(args.clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.monotonic()
    used = processor(process), time.process_time()
    time.sleep(args.seconds / 10)
    early = memory(process)
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    of_service, of_clients = (
        1000 * (now - before) / max(counts["answered"], 1)
        for now, before in zip((processor(process), time.process_time()), used, strict=True)
    )
    print(f"processor, ms a photograph: service {of_service:.1f}, clients {of_clients:.1f}")
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    batches = [
        line.split("photographs_")[1] for line in lines if line.startswith("maskedface_batch")
    ]
    print("batches:", ", ".join(batches[:-1]))
    print(f"{counts}; wrong: {len(wrong)} {wrong[:3]}")
    print(
        f"memory: {early:.0f} MB after {args.seconds / 10:g} s, {memory(process):.0f} MB at the end"
    )
    assert not wrong
    return counts["answered"] / seconds


def alike(said: Scores, expected: Scores) -> bool:
    """Whether the best score is the same to .001 and that person's, of each face: two people's may be
    closer than what a batch of another size rounds differently."""
    return len(said) == len(expected) and all(
        abs(max(one.values()) - other.get(max(one, key=lambda name: one[name]), -2)) < 1e-3
        for one, other in zip(said, expected, strict=True)
    )


def processor(process: int) -> float:
    """Seconds of processor time that a process took so far."""
    times = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    sys.exit(main())

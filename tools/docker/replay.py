"""Replay the Dockerfile's steps in a fresh environment, where no Docker is.

  python tools/docker/replay.py --work /tmp/replay        (some minutes: TensorFlow is downloaded)

The paths of the image are put under --work: what COPY copies, what RUN runs, ENV's values, then ENTRYPOINT
and CMD, by another user where this one is root (whose Python must then be one that others can read), and
HEALTHCHECK's command until it says that all is well. At last a drawn person is enrolled, identified and
forgotten over HTTP with a token.
Exit codes: 0 all went well; 1 something did not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOKEN = "replayed-token-of-a-test"
PATHS = ("/src", "/opt/maskedface", "/data")
# What makes users and folders of the image; a replay has no image.
SKIPPED = ("useradd",)


def steps(text: str) -> list[tuple[str, str]]:
    """The Dockerfile's instructions: (its name, the rest) each, comments out and lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def moved(text: str, work: Path, port: str) -> str:
    """A step's text with the image's paths under the work folder, and another port."""
    for path in PATHS:
        text = re.sub(rf"(?<![\w/]){path}(?=[/\s\"'\[:]|$)", str(work) + path, text)
    return text.replace("8000", port)


def copy_context(target: Path) -> None:
    """What Dockerfile.dockerignore lets in."""
    allowed = [
        line[1:]
        for line in (HERE / "Dockerfile.dockerignore").read_text().split()
        if line[0] == "!"
    ]
    for name in allowed:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        target.mkdir(parents=True, exist_ok=True)
        copy(source, target / name)


def replay(work: Path, port: str) -> None:
    """Runs every step."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env["MASKEDFACE_TOKENS"] = f"replay: {TOKEN}"
    entry: list[str] = []
    health: list[str] = []
    for name, rest in steps((HERE / "Dockerfile").read_text()):
        rest = moved(rest, work, port)
        if name == "COPY" and not rest.startswith("--from"):
            copy_context(work / "src")
        elif name == "RUN":
            for command in rest.split("&&"):
                if command.split()[0] == "install":
                    (work / "data").mkdir(exist_ok=True)
                elif command.split()[0] not in SKIPPED:
                    print("RUN", command.strip(), flush=True)
                    subprocess.run(
                        command.replace("python -m venv", f"{sys.executable} -m venv"),
                        shell=True,
                        env=env,
                        check=True,
                    )
        elif name == "ENV":
            for word in shlex.split(rest):
                key, value = word.split("=", 1)
                env[key] = value.replace("$PATH", env["PATH"])
        elif name == "HEALTHCHECK":
            health = json.loads(rest[rest.index("[") :])
        elif name in ("ENTRYPOINT", "CMD"):
            entry += json.loads(rest)
    serve(entry, health, env, work, port)


def serve(entry: list[str], health: list[str], env: dict[str, str], work: Path, port: str) -> None:
    """Starts the service as another user, and asks it."""
    user = {}
    if os.geteuid() == 0:
        for path in (work / "data", work):
            os.chown(path, 65534, 65534)
        user = {"user": 65534, "group": 65534}
    found = shutil.which(entry[0], path=env["PATH"])
    assert found, entry
    env = {**env, "HOME": str(work / "data")}
    process = subprocess.Popen([found, *entry[1:]], env=env, cwd=work / "data", **user)  # type: ignore[call-overload]
    try:
        for _ in range(120):
            assert process.poll() is None, "the service ended"
            if not subprocess.run(health, env=env, capture_output=True).returncode:
                break
            time.sleep(1)
        else:
            raise AssertionError("the health check never passed")
        print("healthy", flush=True)
        ask(env, port)
    finally:
        process.terminate()
        assert process.wait(60) == 0, "it did not stop"


def ask(env: dict[str, str], port: str) -> None:
    """Enrolls, identifies and forgets a drawn person."""
    code = f"""
import base64, io, json, urllib.request
from PIL import Image
from maskedface import synthetic
file = io.BytesIO(); Image.fromarray(synthetic.draw_face(1, 0, False, size=200)).save(file, "PNG")
photo = base64.b64encode(file.getvalue()).decode()
def ask(method, path, body=None):
    headers = {{"Authorization": "Bearer {TOKEN}", "Content-Type": "application/json"}}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request("http://127.0.0.1:{port}" + path, data, headers, method=method)
    return json.load(urllib.request.urlopen(request, timeout=60))
ask("POST", "/v1/people", {{"person": "Ada", "consent": True, "photos": [photo]}})
(face,) = ask("POST", "/v1/identify", {{"photo": photo, "threshold": 0.9}})["faces"]
assert face["person"] == "Ada", face
assert ask("DELETE", "/v1/people?person=Ada") == {{"forgotten": "Ada"}}
print("enrolled, identified, forgotten")
"""
    subprocess.run([f"{env['PATH'].split(':')[0]}/python", "-c", code], env=env, check=True)


if __name__ == "__main__":
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("--work", required=True, type=Path, help="a folder that is not there yet")
    words.add_argument("--port", default="8765")
    given = words.parse_args()
    given.work.mkdir(parents=True)
    replay(given.work.resolve(), given.port)

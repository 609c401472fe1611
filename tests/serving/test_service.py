"""Does the service say what the commands say, to any client?"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from maskedface.cli.main import main
from maskedface.recognition import Gallery, Recognizer, open_store
from tests.postgres import new_address
from tests.serving.services import TOKEN, Running, jpeg, new_gallery, running, scene

pytestmark = pytest.mark.long  # each test shares a running service


def test_it_says_what_the_command_says(open_service: Running, tmp_path: Path, colors: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(scene(1, 7)))
    gallery = new_gallery(tmp_path, colors, 0, 1, 2, 3)
    out = tmp_path / "who.json"
    main(["identify", "--gallery", gallery, str(photo), "--json", str(out)])
    (wanted,) = json.loads(out.read_text())["photos"]
    answer = open_service.client.post("/v1/identify", files={"photo": photo.read_bytes()})
    assert answer.status_code == 200
    faces = answer.json()["faces"]
    assert [face.pop("words") for face in faces] == [
        "probably person 1",
        f"unknown (nearest: {wanted['faces'][1]['candidates'][0]['person']})",
    ]
    assert rounded(faces) == rounded(wanted["faces"])
    assert [face["person"] for face in faces] == ["person 1", None]


def rounded(value: object) -> object:
    """Numbers to four digits: embeddings of a batch differ in the seventh."""
    return json.loads(json.dumps(value), parse_float=lambda text: round(float(text), 4))


def test_photographs_come_as_files_or_as_base64(open_service: Running) -> None:
    photo, other = jpeg(scene(2)), jpeg(scene(3))
    text = base64.b64encode(photo).decode()
    client = open_service.client
    as_file = client.post("/v1/identify", files={"photo": photo}).json()
    for given in (text, f"data:image/jpeg;base64,{text}"):
        assert client.post("/v1/identify", json={"photo": given}).json() == as_file
    same = client.post("/v1/verify", files={"first": photo, "second": photo}).json()
    assert same["same"] is True and same["score"] == pytest.approx(1, abs=1e-4)
    assert same["words"] == "probably the same person"
    unlike = {"first": text, "second": base64.b64encode(other).decode(), "threshold": 0.99}
    assert client.post("/v1/verify", json=unlike).json()["same"] is False


def test_embeddings_are_the_librarys(open_service: Running, colors: Path) -> None:
    photo = jpeg(scene(1))
    found = open_service.client.post("/v1/embed", files={"photo": photo}).json()
    recognizer = Recognizer.load(colors)
    assert found["fingerprint"] == recognizer.fingerprint
    (face,) = recognizer.embed(photo)
    np.testing.assert_allclose(found["faces"][0]["embedding"], face.embedding, atol=1e-5)


def test_words_say_how_many_and_from_where(open_service: Running) -> None:
    data = {"candidates": "2", "threshold": "0.999999"}
    photo = {"photo": jpeg(scene(1, photo=3))}
    (face,) = open_service.client.post("/v1/identify", files=photo, data=data).json()["faces"]
    assert face["person"] is None and len(face["candidates"]) == 2
    assert face["threshold"] == pytest.approx(0.999999)


def test_a_person_is_enrolled_named_and_forgotten(open_service: Running) -> None:
    client, photo = open_service.client, jpeg(scene(20))
    named = {"person": "Zoë <b>", "consent": "true"}
    photos = [
        ("photos", photo),
        ("photos", jpeg(scene(20, photo=1))),
        ("photos", jpeg(scene(1, 2))),
    ]
    done = client.post("/v1/people", data=named, files=photos)
    assert done.status_code == 201
    errors = [one["error"] for one in done.json()["photos"]]
    assert errors[:2] == ["", ""] and "one face" in errors[2]
    assert client.get("/v1/people").json()["people"]["Zoë <b>"] == 2
    again = client.post("/v1/people", data=named, files={"photos": photo})
    assert again.status_code == 409 and "'replace'" in again.json()["error"]
    replaced = client.post(
        "/v1/people", data={**named, "existing": "replace"}, files={"photos": photo}
    )
    assert replaced.status_code == 201
    assert client.get("/v1/people").json()["people"]["Zoë <b>"] == 1
    (face,) = client.post("/v1/identify", files={"photo": photo}).json()["faces"]
    assert face["person"] == "Zoë <b>"
    gone = client.delete("/v1/people", params={"person": "Zoë <b>"})
    assert gone.status_code == 200 and "Zoë <b>" not in client.get("/v1/people").json()["people"]
    assert client.delete("/v1/people", params={"person": "Zoë <b>"}).status_code == 404


def test_nobody_is_enrolled_without_consent(open_service: Running) -> None:
    for data in ({"person": "Eve"}, {"person": "Eve", "consent": "false"}):
        done = open_service.client.post("/v1/people", data=data, files={"photos": jpeg(scene(9))})
        assert done.status_code == 400 and "needs a person's consent" in done.json()["error"]
    assert "Eve" not in open_service.client.get("/v1/people").json()["people"]


def test_the_list_comes_in_parts(open_service: Running) -> None:
    everybody = open_service.client.get("/v1/people").json()
    assert everybody["count"] == 4 and everybody["calibration"]["fpir"] == 0.01
    later = open_service.client.get("/v1/people", params={"after": "person 1"}).json()
    assert [*later["people"]] == ["person 2", "person 3"]


def test_what_another_process_enrolls_is_known_at_once(network: Path, tmp_path: Path) -> None:
    gallery = new_gallery(tmp_path, network, 0)
    photo = tmp_path / "new.jpg"
    photo.write_bytes(jpeg(scene(5)))
    with running(gallery) as service:
        words = ["--gallery", gallery, "--person", "New", str(photo)]
        assert main(["enroll", *words]) == 0
        found = service.client.post("/v1/identify", files={"photo": photo.read_bytes()})
        assert found.json()["faces"][0]["person"] == "New"
        assert main(["enroll", "--gallery", gallery, "--remove", "New"]) == 0
        found = service.client.post("/v1/identify", files={"photo": photo.read_bytes()})
        assert found.json()["faces"][0]["person"] is None


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_database_is_served_from_nobody_on(kind: str, network: Path, tmp_path: Path) -> None:
    address = new_address() if kind == "postgres" else str(tmp_path / "people.sqlite")
    words = ["--model", str(network)]
    with running(address, *words, MASKEDFACE_TOKENS=f"desk: {TOKEN}", token=TOKEN) as service:
        photo = jpeg(scene(1))
        early = service.client.post("/v1/identify", files={"photo": photo})
        assert early.status_code == 422 and "somebody" in early.json()["error"]
        named = {"person": "Ada", "consent": "true"}
        assert service.client.post("/v1/people", data=named, files={"photos": photo}).is_success
        (face,) = service.client.post(
            "/v1/identify", files={"photo": photo}, data={"threshold": "0.9"}
        ).json()["faces"]
        assert face["person"] == "Ada"
        with open_store(address) as store:
            assert [(one.who, one.what) for one in store.history(1)] == [("desk", "enroll")]
        assert service.client.delete("/v1/people", params={"person": "Ada"}).is_success


def test_curl_identifies_enrolls_and_forgets(open_service: Running, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(scene(30)))

    def curl(*words: str) -> object:
        done = subprocess.run(
            ["curl", "-sS", "--fail-with-body", *words], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    url = open_service.url
    words = ["-F", "person=Curl", "-F", "consent=true", "-F", f"photos=@{photo}"]
    assert curl(*words, f"{url}/v1/people")["person"] == "Curl"  # type: ignore[index]
    found = curl("-F", f"photo=@{photo}", f"{url}/v1/identify")
    assert found["faces"][0]["person"] == "Curl"  # type: ignore[index]
    same = curl("-F", f"first=@{photo}", "-F", f"second=@{photo}", f"{url}/v1/verify")
    assert same["same"] is True  # type: ignore[index]
    query = ["-X", "DELETE", "--get", "--data-urlencode", "person=Curl"]
    assert curl(*query, f"{url}/v1/people") == {"forgotten": "Curl"}


def test_many_clients_lose_nothing(open_service: Running) -> None:
    photos = {person: jpeg(scene(person)) for person in range(4)}
    wrong: list[object] = []

    def ask(person: int) -> None:
        with httpx.Client(base_url=open_service.url, timeout=60) as client:
            for _ in range(5):
                found = client.post("/v1/identify", files={"photo": photos[person]})
                if found.status_code != 200 or (
                    [face["person"] for face in found.json()["faces"]] != [f"person {person}"]
                ):
                    wrong.append((person, found.text))

    threads = [threading.Thread(target=ask, args=[number % 4]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    text = open_service.client.get("/metrics").text
    batches = {
        float(line.split()[-1]) for line in text.splitlines() if "batch_photographs_count" in line
    }
    photographs = [
        float(line.split()[-1]) for line in text.splitlines() if "batch_photographs_sum" in line
    ]
    assert photographs[0] > max(batches), "requests that arrive together are not looked at together"


def test_metrics_and_logs_name_nobody(open_service: Running) -> None:
    open_service.client.post("/v1/identify", files={"photo": jpeg(scene(1))})
    open_service.client.get("/v1/people", params={"after": "person 1"})
    open_service.client.get("/v1/nothing/person 1")
    text = open_service.client.get("/metrics").text
    assert 'maskedface_requests_total{method="POST",path="/v1/identify",status="200"}' in text
    assert "maskedface_waiting_photographs 0.0" in text and "process_resident_memory" in text
    time.sleep(0.3)
    logged = [json.loads(line) for line in open_service.lines if line.startswith("{")]
    assert {"request", "started"} <= {line["event"] for line in logged}
    assert any(line.get("faces") == 1 and line["path"] == "/v1/identify" for line in logged)
    assert "person" not in text and "person 1" not in json.dumps(logged)


def test_names_are_logged_where_asked(network: Path, tmp_path: Path) -> None:
    with running(new_gallery(tmp_path, network, 1), "--log-names") as service:
        service.client.post("/v1/identify", files={"photo": jpeg(scene(1))})
        time.sleep(0.3)
        assert any('"people": ["person 1"]' in line for line in service.lines)


def test_the_document_says_every_path(open_service: Running) -> None:
    document = open_service.client.get("/v1/openapi.json").json()
    paths = {path: {*ways} for path, ways in document["paths"].items()}
    assert paths["/v1/people"] == {"get", "post", "delete"}
    assert {"/v1/identify", "/v1/verify", "/v1/embed", "/v1/health", "/metrics"} <= paths.keys()
    fields = document["paths"]["/v1/identify"]["post"]["requestBody"]["content"]
    assert fields["application/json"]["schema"]["required"] == ["photo"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_what_was_taken_is_answered_when_it_is_told_to_stop(network: Path, tmp_path: Path) -> None:
    with running(new_gallery(tmp_path, network, 0)) as service:
        found: list[int] = []

        def ask() -> None:
            photos = [("photos", jpeg(scene(40, photo=n))) for n in range(12)]
            data = {"person": "Late", "consent": "true"}
            with httpx.Client(base_url=service.url, timeout=60) as client:
                found.append(client.post("/v1/people", data=data, files=photos).status_code)

        thread = threading.Thread(target=ask)
        thread.start()
        while not any(
            line.startswith("maskedface_waiting_photographs") and not line.endswith(" 0.0")
            for line in service.client.get("/metrics").text.splitlines()
        ):
            assert thread.is_alive()
        service.process.send_signal(signal.SIGTERM)
        thread.join()
        assert found == [201]
        assert service.process.wait(120) == 0
    assert Gallery.load(tmp_path / "friends.npz").people["Late"] == 12

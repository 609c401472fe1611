"""Is everything refused that wants to do harm, before it costs anything?"""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from maskedface.cli.main import main
from maskedface.serving import Tokens
from maskedface.serving.guarding import host_name, is_loopback
from tests.serving.services import TOKEN, Running, jpeg, scene

pytestmark = pytest.mark.long  # each test shares a running service

PHOTO = jpeg(scene(0))


def bomb(side: int = 30_000) -> bytes:
    """A PNG of a few kB that says it has 900 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def large(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("photo", "status", "words"),
    [
        (bomb(), 413, "pixels"),
        (large(1001, 1000), 413, "pixels"),
        (PHOTO[: len(PHOTO) // 2], 422, "decode"),
        (PHOTO[:30], 422, "image"),
        (b"", 422, "image"),
        (b"GIF89a", 422, "image"),
        (b"%PDF-1.7 no image", 422, "image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 422, "image"),
        (b"%!PS\n(/etc/passwd) (r) file", 422, "image"),
        (b"\xff\xd8\xff\xe1" + bytes(300), 422, "image"),
        (os.urandom(5000), 422, "image"),
        (bytes(200_001), 413, "bytes"),
    ],
    ids=[
        "bomb",
        "pixels",
        "cut",
        "head",
        "empty",
        "gif",
        "pdf",
        "svg",
        "ps",
        "exif",
        "noise",
        "bytes",
    ],
)
def test_a_hostile_photograph_is_refused(
    strict_service: Running, photo: bytes, status: int, words: str
) -> None:
    client = strict_service.client
    for path, names in (("identify", ["photo"]), ("verify", ["first", "second"])):
        files = {name: (name, photo, "image/jpeg") for name in names}
        answer = client.post(f"/v1/{path}", files=files)
        assert answer.status_code == status and words in answer.json()["error"]
    as_text = client.post("/v1/embed", json={"photo": base64.b64encode(photo).decode()})
    assert as_text.status_code == status and words in as_text.json()["error"]
    assert client.get("/v1/health").json()["status"] == "ok"


def test_a_body_that_is_too_long_is_refused_by_what_it_says(strict_service: Running) -> None:
    head = (
        f"POST /v1/identify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    )
    began = time.monotonic()
    assert said(strict_service, head.encode()).startswith(b"HTTP/1.1 413")
    assert time.monotonic() - began < 2


def test_a_body_that_does_not_say_its_length_is_cut_off(strict_service: Running) -> None:
    def endless() -> Any:
        for _ in range(100):
            yield bytes(2**20)

    words = {"content-type": "application/json"}
    try:
        answer = strict_service.client.post("/v1/identify", content=endless(), headers=words)
        assert answer.status_code == 413
    except httpx.WriteError:
        pass  # it was cut off before it read the answer
    assert strict_service.client.get("/v1/health").is_success


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"photo": 7}', "application/json", 400),
        (b'{"photo": "/etc/passwd"}', "application/json", 400),
        (b'{"photo": "file:///etc/passwd"}', "application/json", 400),
        (b'{"photo": "http://127.0.0.1/photo.jpg"}', "application/json", 400),
        (b'{"photo": "data:"}', "application/json", 400),
        (b'{"photo": null}', "application/json", 400),
        (b"{}", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"photo=7", "application/x-www-form-urlencoded", 415),
        (PHOTO, "image/jpeg", 415),
        (b"", "", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400),
        (b"--x\r\nno part\r\n--x--", "multipart/form-data; boundary=x", 400),
        (PHOTO, "multipart/form-data", 400),
        (b"--x--", "multipart/form-data; boundary=x", 400),
    ],
)
def test_a_body_that_is_none_is_refused(
    strict_service: Running, content: bytes, kind: str, status: int
) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = strict_service.client.post("/v1/identify", content=content, headers=headers)
    assert answer.status_code == status and answer.json()["error"]


@pytest.mark.parametrize(
    "data",
    [
        {"candidates": "0"},
        {"candidates": "21"},
        {"candidates": "1.5"},
        {"candidates": "many"},
        {"threshold": "nan"},
        {"threshold": "inf"},
        {"thresold": "0.5"},
        {"photo": "a text"},
    ],
    ids=str,
)
def test_words_that_are_none_are_refused(open_service: Running, data: dict[str, str]) -> None:
    answer = open_service.client.post("/v1/identify", data=data, files={"photo": PHOTO})
    assert answer.status_code == 400 and "must be" in answer.json()["error"]


def test_too_many_parts_are_refused(strict_service: Running) -> None:
    files = [("photo", PHOTO)] * 30
    assert strict_service.client.post("/v1/identify", files=files).status_code in (400, 413)
    data = {f"word{n}": "x" for n in range(50)}
    answer = strict_service.client.post("/v1/identify", data=data, files={"photo": PHOTO})
    assert answer.status_code == 400
    answer = strict_service.client.post(
        "/v1/people",
        data={"person": "x" * 100_000, "consent": "true"},
        files={"photos": PHOTO},
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["../../../etc/passwd", "C:\\photo.jpg", "a\x00.jpg", "x" * 5000])
def test_a_files_name_is_of_no_use(open_service: Running, name: str) -> None:
    files = {"photo": (name, PHOTO, "text/html")}
    answer = open_service.client.post("/v1/identify", files=files)
    assert answer.status_code in (200, 400)
    if answer.is_success:
        assert "passwd" not in answer.text and "photo.jpg" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2Fetc%2Fpasswd",
        "/static/app.py",
        "/static/",
        "/etc/passwd",
        "/v1/../../etc/passwd",
        "/docs",
        "/redoc",
        "/openapi.json",
    ],
)
def test_no_file_but_the_pages_own_is_given(open_service: Running, path: str) -> None:
    answer = said(open_service, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404"), answer[:200]


NAMES = [
    "Robert'); DROP TABLE people;--",
    "<img src=x onerror=alert(1)>",
    "../../etc/passwd",
    "{{7*7}} %s $(id) `id`",
    "\u202eevil\x1b[31m",
    "NUL \x00 in it",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name_and_nothing_else(open_service: Running, name: str) -> None:
    client = open_service.client
    body = {"person": name, "consent": True, "photos": [base64.b64encode(PHOTO).decode()]}
    answer = client.post("/v1/people", json=body)
    assert answer.status_code == 201 and answer.json()["person"] == name
    assert answer.headers["content-type"] == "application/json"
    assert name in client.get("/v1/people").json()["people"]
    assert client.delete("/v1/people", params={"person": name}).json() == {"forgotten": name}


@pytest.mark.parametrize("name", ["", "  ", "x" * 1001, 7, None, ["Ada"]])
def test_what_is_no_name_is_refused(open_service: Running, name: object) -> None:
    body = {"person": name, "consent": True, "photos": base64.b64encode(PHOTO).decode()}
    assert open_service.client.post("/v1/people", json=body).status_code == 400


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer guess",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
    ],
)
def test_without_the_token_nothing_is_told(strict_service: Running, header: str) -> None:
    with httpx.Client(base_url=strict_service.url) as client:
        headers = {"authorization": header} if header else {}
        for method, path in (
            *[("POST", f"/v1/{path}") for path in ("identify", "verify", "embed", "people")],
            *[("GET", "/v1/people"), ("DELETE", "/v1/people?person=person 0"), ("GET", "/metrics")],
            *[("GET", f"/v1/people?token={TOKEN}"), ("GET", "/nothing")],
        ):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
            assert "person 0" not in answer.text
        for path in ("/", "/v1/health", "/v1/docs", "/static/page.js"):
            assert client.get(path, headers=headers).is_success
    assert "person 0" in strict_service.client.get("/v1/people").json()["people"]


def test_tokens_are_in_no_log(strict_service: Running) -> None:
    strict_service.client.get("/v1/people")
    time.sleep(0.3)
    assert any('"who": "door"' in line for line in strict_service.lines)
    assert not any(TOKEN in line for line in strict_service.lines)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:8000"},
        {"host": ""},
    ],
    ids=str,
)
def test_other_peoples_pages_are_kept_out(open_service: Running, headers: dict[str, str]) -> None:
    client = open_service.client
    body = {"person": "Eve", "consent": "true"}
    wanted = 421 if "host" in headers else 403
    answer = client.post("/v1/people", data=body, files={"photos": PHOTO}, headers=headers)
    assert answer.status_code == wanted
    gone = client.delete("/v1/people", params={"person": "person 0"}, headers=headers)
    assert gone.status_code == wanted
    assert client.get("/v1/people", headers=headers).status_code == wanted
    assert {"person 0"} <= client.get("/v1/people").json()["people"].keys()
    assert "Eve" not in client.get("/v1/people").json()["people"]


def test_no_page_is_given_leave_to_ask_from_elsewhere(open_service: Running) -> None:
    headers = {
        "origin": "https://evil.example",
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "authorization",
    }
    for path in ("/v1/people", "/v1/identify", "/"):
        answer = open_service.client.options(path, headers=headers)
        assert not answer.is_success
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_says_what_a_browser_may_do(open_service: Running) -> None:
    client = open_service.client
    for path in ("/", "/v1/docs", "/static/page.css", "/v1/people", "/nothing", "/metrics"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert (
            headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
        )
        assert "server" not in headers


def test_no_page_names_anything_from_elsewhere(open_service: Running) -> None:
    for path in (
        "/",
        "/v1/docs",
        *(f"/static/{name}" for name in ("page.js", "page.css", "docs.js")),
    ):
        text = open_service.client.get(path).text
        assert "http://" not in text and "https://" not in text and "//cdn" not in text
        assert "innerHTML" not in text and "eval(" not in text and " style=" not in text


def said(service: Running, data: bytes, wait: float = 10) -> bytes:
    """What a service answers to bytes, until it closes or for so many seconds."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=wait) as client:
        client.sendall(data)
        client.settimeout(wait)
        found = b""
        try:
            while b"\r\n\r\n" not in found:
                part = client.recv(65536)
                if not part:
                    break
                found += part
        except TimeoutError:
            return found + b"(still open)"
        return found


NO_WHOLE_HEAD = {
    "silent": b"",
    "one letter": b"G",
    "endless head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "after an answer": b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT",
}


def let_go_after(service: Running, head: bytes) -> float:
    """The seconds after which a service closes a connection that sent this."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=15) as client:
        client.sendall(head)
        began = time.monotonic()
        while client.recv(65536):
            pass
        return time.monotonic() - began


def test_a_client_that_sends_no_whole_head_is_let_go(strict_service: Running) -> None:
    with ThreadPoolExecutor(len(NO_WHOLE_HEAD)) as clients:  # each waits for its time-out
        waiting = {
            what: clients.submit(let_go_after, strict_service, head)
            for what, head in NO_WHOLE_HEAD.items()
        }
        seconds = {what: one.result() for what, one in waiting.items()}
    assert not {what: found for what, found in seconds.items() if not 1 < found < 10}


def test_a_head_that_comes_a_letter_at_a_time_is_let_go(strict_service: Running) -> None:
    with socket.create_connection(("127.0.0.1", strict_service.port), timeout=15) as client:
        began = time.monotonic()
        with pytest.raises(OSError):
            for letter in b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 200:
                client.sendall(bytes([letter]))
                time.sleep(0.1)
        assert time.monotonic() - began < 10


def test_a_body_that_comes_too_slowly_is_refused(strict_service: Running) -> None:
    head = (
        f"POST /v1/identify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    began = time.monotonic()
    assert said(strict_service, head.encode(), 15).startswith(b"HTTP/1.1 408")
    assert 1 < time.monotonic() - began < 10


def test_a_head_without_an_end_is_refused(strict_service: Running) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000
    answer = said(strict_service, head)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


def test_slow_clients_keep_nobody_out(strict_service: Running) -> None:
    slow = [socket.create_connection(("127.0.0.1", strict_service.port)) for _ in range(50)]
    try:
        for client in slow:
            client.sendall(b"POST /v1/identify HTTP/1.1\r\nHost: ")
        assert strict_service.client.post("/v1/identify", files={"photo": PHOTO}).is_success
    finally:
        for client in slow:
            client.close()


def test_past_the_queue_a_client_is_told_when_to_come_again(strict_service: Running) -> None:
    found: list[httpx.Response] = []

    def ask() -> None:
        with httpx.Client(base_url=strict_service.url, timeout=60) as client:
            headers = {"authorization": f"Bearer {TOKEN}"}
            found.append(client.post("/v1/identify", files={"photo": PHOTO}, headers=headers))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = {answer.status_code for answer in found}
    assert statuses == {200, 503}, statuses
    for answer in found:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1 and answer.json()["error"]
    assert strict_service.client.post("/v1/identify", files={"photo": PHOTO}).is_success


@pytest.mark.parametrize(
    ("words", "said_words"),
    [
        (["--host", "0.0.0.0"], "must have tokens"),
        (["--host", "::"], "must have tokens"),
        (["--host", "example.org"], "must have tokens"),
        (["--token-file", "{short}"], "20 characters"),
        (["--token-file", "{empty}"], "must contain a token"),
        (["--token-file", "nowhere"], "must exist"),
        (["--token-file", "{open}"], "only by its owner"),
    ],
)
def test_a_service_that_others_reach_wants_tokens(
    words: list[str], said_words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "friends.npz").touch()
    for name, text, mode in (
        ("short", "door: 12345", 0o600),
        ("empty", "# nobody\n", 0o600),
        ("open", TOKEN, 0o666),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
        words = [word.replace(f"{{{name}}}", str(tmp_path / name)) for word in words]
    assert main(["serve", "--gallery", str(tmp_path / "friends.npz"), *words]) == 2
    error = capsys.readouterr().err
    assert said_words in error and "12345" not in error


def test_a_port_that_is_taken_is_said(
    open_service: Running, tmp_path: Path, colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--gallery", str(tmp_path / "new.npz"), "--model", str(colors)]
    assert main(["serve", *words, "--port", str(open_service.port)]) == 2
    assert "listen on a free address" in capsys.readouterr().err


def test_tokens_are_compared_whole_and_told_apart() -> None:
    tokens = Tokens(
        [f"a: {TOKEN}", "", "# not: this-is-left-out-of-it", "b-second-token-of-20-letters"]
    )
    assert (len(tokens), tokens.holder(TOKEN)) == (2, "a")
    assert tokens.holder("b-second-token-of-20-letters") == "token 2"
    assert tokens.holder("") is None and tokens.holder("é" * 30) is None
    with pytest.raises(ValueError, match="occur once") as caught:
        Tokens([TOKEN, f"again: {TOKEN}"])
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:80", "localhost"),
        ("[::1]:80", "::1"),
        ("::1", "::1"),
        ("LOCALHOST", "localhost"),
        ("", ""),
    ],
)
def test_the_host_is_read_as_browsers_write_it(host: str, name: str) -> None:
    assert host_name(host) == name


def test_which_addresses_are_this_machines() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.1", "localhost.evil.example", "")))


def test_the_schema_is_json(open_service: Running) -> None:
    assert json.loads(open_service.client.get("/v1/openapi.json").text)["openapi"].startswith("3.")

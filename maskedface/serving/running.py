"""Runs the service with uvicorn: binds the port first, and stops after answering all requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from maskedface.extras import from_extra
from maskedface.serving.guarding import is_loopback
from maskedface.serving.limits import Limits
from maskedface.serving.tokens import VARIABLE, Tokens

with from_extra("serve", "FastAPI and uvicorn"):
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from maskedface.recognition import Recognizer
    from maskedface.recognition.stores.store import GalleryStore
    from maskedface.serving.watching import Log

_IDLE = 5.0  # seconds that a connection is kept between requests
_HEAD = 16 * 1024  # bytes of a request's head


def serve(
    recognizer: Recognizer,
    store: GalleryStore,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    tokens: Tokens | None = None,
    hosts: Iterable[str] = (),
    limits: Limits | None = None,
    log: Log | None = None,
) -> None:
    """Runs a service until it is stopped by SIGINT or SIGTERM: it then accepts no more requests,
    answers those in progress and exits. The address is logged ("maskedface").

    Args:
        recognizer, store, tokens, hosts, limits, log: as for `make_app`.
        host, port: the address to listen on; port 0 selects a free one.

    Raises:
        ValueError: if the address is not local and there are no tokens.
        OSError: if it cannot listen on the address.
        ModuleNotFoundError: if FastAPI is not installed; the message has the pip command.

    >>> from maskedface import recognition, serving
    >>> store = recognition.open_store("friends.npz")
    >>> recognizer = recognition.Recognizer.load("dlib", gallery=store.gallery())  # doctest: +SKIP
    >>> serving.serve(recognizer, store)  # doctest: +SKIP
    """
    from maskedface.serving.app import make_app

    limits, tokens = limits or Limits(), tokens or Tokens()
    check_address(host, tokens)
    with contextlib.closing(_bound(host, port)) as bound:
        app = make_app(recognizer, store, limits=limits, tokens=tokens, hosts=hosts, log=log)
        config = uvicorn.Config(
            app,
            http=protocol(limits.read_seconds),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=limits.connections,
            timeout_keep_alive=int(_IDLE),
            timeout_graceful_shutdown=int(limits.stop_seconds),
            h11_max_incomplete_event_size=_HEAD,
        )
        name = f"[{host}]" if ":" in host else host
        address = f"http://{name}:{bound.getsockname()[1]}"
        logging.getLogger("maskedface").info("listening on %s", address)
        with _unraised():
            uvicorn.Server(config).run([bound])


@contextlib.contextmanager
def _unraised() -> Iterator[None]:
    """Ignores the signal that stopped uvicorn, which uvicorn raises again after stopping."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def check_address(host: str, tokens: Tokens) -> None:
    """Checks that an address which is not local has tokens.

    Raises:
        ValueError: if there are none.
    """
    if not len(tokens) and not is_loopback(host):
        raise ValueError(
            "an address that is reachable from other machines must have tokens (--token-file, or "
            f"{VARIABLE} in the environment), and TLS in front of it. "
            f"Received: {host!r} without tokens"
        )


def protocol(seconds: float) -> type[H11Protocol]:
    """uvicorn's HTTP/1.1 protocol with a timeout for the arrival of a request's head."""

    class Patient(H11Protocol):
        """A connection that is closed if no complete head arrives in time."""

        _head: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            """Starts the timer."""
            super().connection_made(transport)
            self._await_head()

        def data_received(self, data: bytes) -> None:
            """Stops or continues the timer."""
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop_waiting()
            else:
                self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            """Stops the timer."""
            self._stop_waiting()
            super().connection_lost(exc)

        def _await_head(self) -> None:
            if self._head is None:
                self._head = self.loop.call_later(seconds, self.transport.close)

        def _stop_waiting(self) -> None:
            if self._head is not None:
                self._head.cancel()
                self._head = None

    return Patient


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise OSError(
            error.errno,
            f"a service must listen on a free address ({error.strerror})",
            f"{host}:{port}",
        ) from error

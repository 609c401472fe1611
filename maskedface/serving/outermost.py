"""Middleware: access control, headers, errors as JSON, metrics and log lines."""

from __future__ import annotations

import logging
import time
from typing import Any

from maskedface.extras import from_extra
from maskedface.locks import LockedError
from maskedface.serving.batching import BusyError, GalleryError, StoppingError
from maskedface.serving.guarding import HEADERS, Guard
from maskedface.serving.service import Service

with from_extra("serve", "FastAPI"):
    from fastapi.exceptions import RequestValidationError
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# These contain nobody's data: a browser requests them before it has a token.
_OPEN = ("/", "/v1/docs", "/v1/openapi.json", "/v1/health")
_RETRY = {"retry-after": "1"}


class Outermost:
    """Checks access and reports all errors as JSON: {"error": message}.

    Args:
        app: the wrapped application.
        guard: the access control.
        service: the service, with metrics and log.
    """

    def __init__(self, app: ASGIApp, guard: Guard, service: Service) -> None:
        self._app, self._guard, self._service = app, guard, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request, as an ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, headers = time.monotonic(), 0, Headers(scope=scope)
        state = scope.setdefault("state", {})
        state.update(facts={}, who="")

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            try:
                self._let_in(scope, headers, state)
                await self._app(scope, receive, answer)
            except Exception as error:
                if status:
                    raise
                await response_of(error)(scope, receive, answer)
        finally:
            self._tell(scope, status, time.monotonic() - began, state)

    def _let_in(self, scope: Scope, headers: Headers, state: dict[str, Any]) -> None:
        path = scope["path"]
        if path in _OPEN or path.startswith("/static/"):
            self._guard.check_page(headers)
        else:
            state["who"] = self._guard.check(headers)

    def _tell(self, scope: Scope, status: int, seconds: float, state: dict[str, Any]) -> None:
        # The route that matched, never the text of the request.
        path = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if path != "other" else "other"
        metrics = self._service.metrics
        metrics.requests.labels(method, path, str(status)).inc()
        metrics.seconds.labels(path).observe(seconds)
        who = {"who": state["who"]} if state["who"] else {}
        told = {"method": method, "path": path, "status": status, "ms": round(seconds * 1000, 1)}
        self._service.log("request", **told, **who, **state["facts"])


def response_of(error: Exception) -> JSONResponse:
    """The response for an exception.

    Args:
        error: the exception.
    """
    if isinstance(error, RequestValidationError):
        return JSONResponse(
            {"error": "a request's parameters must be as described on the API page"}, 400
        )
    if isinstance(error, HTTPException):
        extra = _RETRY if error.status_code == 503 else {}
        return JSONResponse(
            {"error": str(error.detail)}, error.status_code, {**(error.headers or {}), **extra}
        )
    if isinstance(error, BusyError | StoppingError | LockedError):
        return JSONResponse({"error": "the service is busy; try again later"}, 503, _RETRY)
    if isinstance(error, TimeoutError):
        return JSONResponse({"error": "an answer took too long"}, 504)
    if isinstance(error, GalleryError | OSError):
        # The place of the error is only in the log.
        logging.getLogger("maskedface").error("the gallery cannot be used: %s", error)
        words = "the gallery must be readable, writable and made with the service's model"
        return JSONResponse({"error": words}, 503, _RETRY)
    if isinstance(error, ValueError):  # ImageError and FaceError among them
        return JSONResponse({"error": str(error)}, 422)
    logging.getLogger("maskedface").error("a request failed", exc_info=error)
    return JSONResponse({"error": "internal error; see the service's log"}, 500)

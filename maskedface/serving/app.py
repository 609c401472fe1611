"""The service as an ASGI application: versioned endpoints, web page, health and metrics."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import maskedface
from maskedface.extras import from_extra
from maskedface.masking import SEEMS_MASKED
from maskedface.serving import openapi
from maskedface.serving.bodies import Body, Budget, read_body
from maskedface.serving.guarding import Guard
from maskedface.serving.limits import Limits
from maskedface.serving.outermost import Outermost, response_of
from maskedface.serving.service import Existing, Service
from maskedface.serving.tokens import Tokens
from maskedface.serving.watching import CONTENT_TYPE, Log
from maskedface.serving.words import (
    a_count,
    a_number,
    a_person,
    check_words,
    is_yes,
)

with from_extra("serve", "FastAPI"):
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.responses import FileResponse, JSONResponse, Response

if TYPE_CHECKING:
    from maskedface.recognition import Recognizer
    from maskedface.recognition.stores.store import GalleryStore

_HERE = Path(__file__).parent
_FILES = {
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "docs.html": "text/html; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
}
_CANDIDATES = 20  # of a face at most


def make_app(
    recognizer: Recognizer,
    store: GalleryStore,
    *,
    limits: Limits | None = None,
    tokens: Tokens | None = None,
    hosts: Iterable[str] = (),
    log: Log | None = None,
) -> Any:
    """The service as an ASGI application, for any ASGI server; `serve` runs it.

    Args:
        recognizer: a recognizer with the store's gallery.
        store: the gallery's storage (`recognition.open_store`).
        limits: limits of requests; by default `Limits()`.
        tokens: the access tokens; none = open to everyone who can reach it under a name of this
            machine.
        hosts: other allowed host names, if there are no tokens.
        log: the event log; by default standard error, without names.

    Returns:
        A `fastapi.FastAPI`.

    Raises:
        ModuleNotFoundError: if FastAPI is not installed; the message has the pip command.

    >>> import keras
    >>> from maskedface import recognition, serving
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> recognizer.gallery.save("friends.npz")
    >>> app = serving.make_app(recognizer, recognition.open_store("friends.npz"))
    >>> sorted({route.path for route in app.routes})[:3]
    ['/', '/metrics', '/static/{name}']
    """
    limits, log = limits or Limits(), log or Log()
    service = Service(recognizer, store, limits, log)
    guard = Guard(tokens or Tokens(), hosts)

    @contextlib.asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        log("started", version=maskedface.__version__)
        yield
        service.close()
        log("stopped")

    app = FastAPI(
        title="maskedface",
        version=maskedface.__version__,
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=alive,
    )
    app.state.service = service
    app.add_middleware(Outermost, guard=guard, service=service)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _told)
    budget = Budget(limits.held_bytes)
    _add_answers(app, service, budget)
    _add_people(app, service, budget)
    _add_pages(app, service, guard)
    return app


def _add_answers(app: FastAPI, service: Service, budget: Budget) -> None:
    limits = service.limits

    @app.post("/v1/identify", **openapi.photo("candidates", "threshold"))
    async def identify(request: Request) -> Any:
        """Identifies the faces of a photograph, from left to right."""
        with budget.holding() as take:
            body = await read_body(request, limits, take, "photo")
            check_words(body.words, "candidates", "threshold")
            candidates = a_count(body.words, "candidates", 3, _CANDIDATES)
            found = await service.identify(
                body.one("photo"), candidates, a_number(body.words, "threshold")
            )
        _note(request, body, faces=len(found))
        if service.log.names:
            request.state.facts["people"] = [one.person for one in found]
        return {"faces": [{**one.to_dict(), "words": str(one)} for one in found]}

    @app.post("/v1/verify", **openapi.two_photos("threshold"))
    async def verify(request: Request) -> Any:
        """Verifies whether two photographs, of one person each, show the same person."""
        with budget.holding() as take:
            body = await read_body(request, limits, take, "first", "second")
            check_words(body.words, "threshold")
            found = await service.verify(
                body.one("first"), body.one("second"), a_number(body.words, "threshold")
            )
        _note(request, body, faces=2)
        return {**found.to_dict(), "words": str(found)}

    @app.post("/v1/embed", **openapi.photo())
    async def embed(request: Request) -> Any:
        """Returns the embedding of each face of a photograph, which is biometric data."""
        with budget.holding() as take:
            body = await read_body(request, limits, take, "photo")
            check_words(body.words)
            found = await service.embed(body.one("photo"))
        _note(request, body, faces=len(found))
        faces = [{**face.to_dict(), "embedding": face.embedding.tolist()} for face in found]
        return {"fingerprint": service.recognizer.fingerprint, "faces": faces}


def _add_people(app: FastAPI, service: Service, budget: Budget) -> None:
    limits = service.limits

    @app.get("/v1/people", **openapi.after())
    async def people(after: str = "") -> Any:
        """Lists enrolled people after a name and their numbers of faces, a thousand at a time."""
        return await service.people(after)

    @app.post("/v1/people", status_code=201, **openapi.enrollment())
    async def enroll(request: Request) -> Any:
        """Enrolls a person who has given consent, with photographs that show one face each."""
        with budget.holding() as take:
            body = await read_body(request, limits, take, "photos")
            check_words(body.words, "person", "existing", "consent")
            person, existing = a_person(body.words.get("person")), _existing(body)
            if not is_yes(body.words, "consent"):
                raise HTTPException(
                    400,
                    "consent must be true: enrollment needs a person's consent. Received: false",
                )
            photos = body.photos.get("photos", [])
            if not photos:
                raise HTTPException(400, "photos must contain at least one. Received: none")
            rows = await service.enroll(person, photos, existing, request.state.who)
        _note(request, body, faces=sum(row.face is not None for row in rows))
        if service.log.names:
            request.state.facts["people"] = [person]
        return {"person": person, "photos": [row.to_dict() for row in rows]}

    @app.delete("/v1/people", **openapi.person())
    async def forget(request: Request) -> Any:
        """Deletes a person: their embeddings, and the records of their photographs."""
        person = a_person(request.query_params.get("person", ""))
        await service.forget(person, request.state.who)
        if service.log.names:
            request.state.facts["people"] = [person]
        return {"forgotten": person}


def _add_pages(app: FastAPI, service: Service, guard: Guard) -> None:
    @app.get("/v1/health", **openapi.plain("health"))
    async def health() -> Any:
        """Reports whether the service is healthy; needs no token and reveals no personal data."""
        if not await service.is_well():
            return JSONResponse({"status": "the gallery cannot be read"}, 503, {"retry-after": "5"})
        return {
            "status": "ok",
            "version": maskedface.__version__,
            "token": guard.wants_token,
            "photo_bytes": service.limits.photo_bytes,
            "seems_masked": SEEMS_MASKED,
        }

    @app.get("/v1/openapi.json", include_in_schema=False)
    def schema() -> Any:
        return app.openapi()

    @app.get("/metrics", **openapi.plain("Prometheus' text"))
    def metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return _file("page.html")

    @app.get("/v1/docs", include_in_schema=False)
    def docs() -> Response:
        return _file("docs.html")

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        if name not in _FILES:
            raise HTTPException(404, "path must exist. Received: an unknown path")
        return _file(name)


async def _told(_: Request, error: Exception) -> Response:
    return response_of(error)


def _file(name: str) -> Response:
    return FileResponse(_HERE / name, headers={"content-type": _FILES[name]})


def _existing(body: Body) -> Existing:
    existing = body.words.get("existing", "refuse")
    if existing not in get_args(Existing):
        raise HTTPException(
            400, f"existing must be one of {get_args(Existing)}. Received: {str(existing)[:40]!r}"
        )
    found: Existing = existing
    return found


def _note(request: Request, body: Body, **facts: Any) -> None:
    request.state.facts.update(bytes=body.size, **facts)

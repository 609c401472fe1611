"""Reads request bodies, multipart or JSON with base64, within limits."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from maskedface.extras import from_extra
from maskedface.images import ImageError
from maskedface.images.reading import open_image
from maskedface.serving.limits import Limits

with from_extra("serve", "FastAPI and python-multipart"):
    import python_multipart  # noqa: F401
    from starlette.datastructures import Headers, UploadFile
    from starlette.exceptions import HTTPException
    from starlette.formparsers import MultiPartException, MultiPartParser
    from starlette.requests import ClientDisconnect, Request

_WORDS = 20  # of a request, beside photographs
_WORD_BYTES = 16 * 1024


@dataclass
class Body:
    """The contents of a request.

    Attributes:
        photos: {field: its files}.
        words: {field: value} of the other fields; values are JSON values, or text for multipart.
        size: int, the size of the body in bytes.
    """

    photos: dict[str, list[bytes]] = field(default_factory=dict)
    words: dict[str, Any] = field(default_factory=dict)
    size: int = 0

    def one(self, name: str) -> bytes:
        """The single photograph of a field.

        Raises:
            HTTPException: 400 if there is none, or several.
        """
        found = self.photos.get(name, [])
        if len(found) != 1:
            raise HTTPException(400, f"{name} must be one photograph. Received: {len(found)}")
        return found[0]


class Budget:
    """The memory budget for request bodies.

    Args:
        most: int, the maximum number of bytes at a time.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def holding(self) -> Iterator[Any]:
        """A context with a function that reserves bytes, which are released at the end."""
        held = 0

        def take(count: int) -> None:
            nonlocal held
            if count > self._left:
                raise HTTPException(503, "too many photographs are being uploaded at the moment")
            self._left -= count
            held += count

        try:
            yield take
        finally:
            self._left += held


async def read_body(request: Request, limits: Limits, take: Any, *names: str) -> Body:
    """Reads a request's body: multipart/form-data with files, or JSON with base64 or `data:` URLs.

    Args:
        request: the request.
        limits: the service's limits.
        take: the function from `Budget.holding`.
        names: the fields with photographs.

    Returns:
        The `Body`; all its photographs have the header of an image.

    Raises:
        HTTPException: 400 if the body is malformed; 408 if it arrives too slowly; 413 if the body
            or a photograph is too large, or there are too many; 415 if it has another content type;
            422 if a photograph is not an image; 503 if the memory budget is exhausted.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/json"):
        raise HTTPException(
            415, "content-type must be multipart/form-data or application/json. Received: another"
        )
    data = await _read(request, limits, take)
    if kind == "multipart/form-data":
        body = await _multipart(request.headers, data, limits, names)
    else:
        body = await asyncio.to_thread(_json, data, names)
    body.size = len(data)
    await asyncio.to_thread(_check_photos, body, limits)
    return body


async def _read(request: Request, limits: Limits, take: Any) -> bytes:
    declared = request.headers.get("content-length", "0")[:20]
    _check_size(int(declared) if declared.isdecimal() else 0, limits)
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.read_seconds):
            async for part in request.stream():
                size += len(part)
                _check_size(size, limits)
                take(len(part))
                parts.append(part)
    except TimeoutError as error:
        raise HTTPException(
            408, f"a body must arrive within {limits.read_seconds:g} seconds"
        ) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "a body must be complete") from error
    return b"".join(parts)


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.request_bytes:
        raise HTTPException(
            413, f"a body must have at most {limits.request_bytes} bytes. Received: more"
        )


def _json(data: bytes, names: tuple[str, ...]) -> Body:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "a JSON body must be an object. Received: invalid JSON") from error
    if not isinstance(values, dict):
        raise HTTPException(
            400, f"a JSON body must be an object. Received: {type(values).__name__}"
        )
    body = Body()
    for name, value in values.items():
        if name not in names:
            body.words[name] = value
            continue
        given = value if isinstance(value, list) else [value]
        body.photos[name] = [_decoded(name, one) for one in given]
    return body


def _decoded(name: str, value: Any) -> bytes:
    try:
        text = value.split(",", 1)[1] if value.startswith("data:") else value
        return base64.b64decode(text, validate=True)
    except (AttributeError, IndexError, TypeError, ValueError, binascii.Error) as error:
        raise HTTPException(400, f"{name} must be base64. Received: something else") from error


async def _multipart(headers: Headers, data: bytes, limits: Limits, names: tuple[str, ...]) -> Body:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield data
        yield b""

    parser = MultiPartParser(
        headers,
        stream(),
        max_files=limits.photos + 1,
        max_fields=_WORDS,
        max_part_size=_WORD_BYTES,
    )
    parser.spool_max_size = limits.request_bytes + 1  # faces stay in memory, off the disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeError) as error:
        raise HTTPException(400, f"a multipart body must be complete. Received: {error}") from error
    body = Body()
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            body.photos.setdefault(name if name in names else "", []).append(await value.read())
        else:
            body.words[name] = value
    await form.close()
    if "" in body.photos:
        raise HTTPException(
            400, f"a file's field must be {' or '.join(names)}. Received: another name"
        )
    return body


def _check_photos(body: Body, limits: Limits) -> None:
    photos = [photo for of in body.photos.values() for photo in of]
    if len(photos) > limits.photos:
        raise HTTPException(
            413, f"a request must have at most {limits.photos} photographs. Received: {len(photos)}"
        )
    for photo in photos:
        if len(photo) > limits.photo_bytes:
            raise HTTPException(
                413,
                f"a photograph must have at most {limits.photo_bytes} bytes. Received: {len(photo)}",
            )
        try:
            open_image(photo, max_pixels=limits.photo_pixels, name="the photograph")
        except ImageError as error:
            status = 413 if "pixels" in error.reason else 422
            raise HTTPException(status, str(error)) from error

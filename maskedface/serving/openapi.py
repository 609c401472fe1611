"""The OpenAPI descriptions of requests that FastAPI does not parse."""

from __future__ import annotations

from typing import Any

DESCRIPTION = (
    "Recognizes masked faces. Photographs are sent as multipart/form-data or as base64 in JSON. "
    'Errors are {"error": message}; 503 has Retry-After. With tokens, all requests but health need '
    "Authorization: Bearer TOKEN. There is no liveness check; enroll people only with consent."
)
_KINDS: dict[str, dict[str, Any]] = {
    "candidates": {"type": "integer", "minimum": 1, "maximum": 20, "default": 3},
    "threshold": {"type": "number", "description": "by default the gallery's"},
    "person": {"type": "string", "minLength": 1, "maxLength": 1000},
    "existing": {"type": "string", "enum": ["refuse", "add", "replace"], "default": "refuse"},
    "consent": {"type": "boolean", "description": "true: the person has given consent"},
}


def photo(*words: str) -> dict[str, Any]:
    """A request with one photograph."""
    return _request(["photo"], [], words)


def two_photos(*words: str) -> dict[str, Any]:
    """A request with two photographs."""
    return _request(["first", "second"], [], words)


def enrollment() -> dict[str, Any]:
    """An enrollment request."""
    return _request([], ["photos"], ("person", "consent", "existing"), ("person", "consent"))


def plain(answer: str) -> dict[str, Any]:
    """A request without parameters."""
    return {"responses": {200: {"description": answer}}}


def after() -> dict[str, Any]:
    """A request for a list."""
    return plain('{"people": {name: faces}, "count": int, "calibration": thresholds}')


def person() -> dict[str, Any]:
    """A request that deletes a person."""
    parameter = {"name": "person", "in": "query", "required": True, "schema": _KINDS["person"]}
    return {"openapi_extra": {"parameters": [parameter]}}


def _request(
    one: list[str], many: list[str], words: tuple[str, ...], required: tuple[str, ...] = ()
) -> dict[str, Any]:
    content = {}
    for kind, form in (
        ("multipart/form-data", {"type": "string", "format": "binary"}),
        ("application/json", {"type": "string", "contentEncoding": "base64"}),
    ):
        fields: dict[str, Any] = dict.fromkeys(one, form)
        fields |= {name: {"type": "array", "items": form} for name in many}
        fields |= {word: _KINDS[word] for word in words}
        schema = {"type": "object", "properties": fields, "required": [*one, *many, *required]}
        content[kind] = {"schema": schema}
    return {"openapi_extra": {"requestBody": {"required": True, "content": content}}}

"""Access control: tokens, host names, and requests from pages of other sites."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from maskedface.extras import from_extra
from maskedface.serving.tokens import Tokens

with from_extra("serve", "FastAPI"):
    from starlette.datastructures import Headers
    from starlette.exceptions import HTTPException

_LOCAL = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    # Nothing from elsewhere, no frame around it, no form that leads away.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """Decides which requests are allowed.

    Without tokens, a service listens on this machine only, and is protected against web pages in a
    local browser: the requested host must be this machine (against DNS rebinding), and requests
    that a browser marks as coming from a page of another origin are rejected, since any page can
    send a form to any address. With tokens, neither check is needed, because browsers do not send
    tokens automatically.

    Args:
        tokens: the access tokens; none = open to everyone who can reach the service.
        hosts: allowed host names in addition to this machine's.
    """

    def __init__(self, tokens: Tokens, hosts: Iterable[str] = ()) -> None:
        self._tokens, self._hosts = tokens, {*_LOCAL, *(host.lower() for host in hosts)}

    @property
    def wants_token(self) -> bool:
        """Whether requests need a token."""
        return len(self._tokens) > 0

    def check_page(self, headers: Headers) -> None:
        """Checks access to the page itself, which contains no personal data.

        Raises:
            HTTPException: 421 if another host was requested.
        """
        if not self.wants_token and host_name(headers.get("host", "")) not in self._hosts:
            raise HTTPException(
                421,
                "host must be this machine, or be allowed (--allow-host). Received: another",
            )

    def check(self, headers: Headers) -> str:
        """Checks access to the service.

        Returns:
            The name of the token; "" without tokens.

        Raises:
            HTTPException: 401, 403 or 421.
        """
        self.check_page(headers)
        if not self.wants_token:
            self._check_origin(headers)
            return ""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        holder = self._tokens.holder(token.strip()) if scheme.lower() == "bearer" else None
        if holder is None:
            raise HTTPException(
                401,
                "a request must have 'Authorization: Bearer TOKEN'. Received: no valid token",
                {"www-authenticate": "Bearer"},
            )
        return holder

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "none")
        own = origin is None or origin.split("://")[-1].lower() == headers.get("host", "").lower()
        if not own or site not in ("same-origin", "none"):
            raise HTTPException(403, "a request must not come from a page of another site")


def host_name(host: str) -> str:
    """The host name of a Host header, without the port: "[::1]:8000" -> "::1"."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can only be reached from this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name that could resolve to any address

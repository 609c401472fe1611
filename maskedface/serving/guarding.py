"""Who is let in: tokens, the host that was asked for, and pages of other sites."""

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
    """Says who may ask, and for what.

    Without tokens a service listens on this machine alone; what is in the way of other people's pages in a
    browser here is: the host that they asked for must be this machine's (a name of theirs may lead here:
    DNS rebinding), and a browser that says that a page of another origin asks is refused, since it would
    send a form to any address. With tokens neither is needed: no browser sends them by itself.

    Args:
        tokens: who may use it; none = whoever can reach it.
        hosts: names that it is asked for under, beside this machine's.
    """

    def __init__(self, tokens: Tokens, hosts: Iterable[str] = ()) -> None:
        self._tokens, self._hosts = tokens, {*_LOCAL, *(host.lower() for host in hosts)}

    @property
    def wants_token(self) -> bool:
        """Whether nobody is let in without one."""
        return len(self._tokens) > 0

    def check_page(self, headers: Headers) -> None:
        """Lets whoever may see the page itself, which holds nobody's data.

        Raises:
            HTTPException: 421 where another host was asked for.
        """
        if not self.wants_token and host_name(headers.get("host", "")) not in self._hosts:
            raise HTTPException(
                421, "host must be this machine's, or be allowed (--allow-host). Received: another"
            )

    def check(self, headers: Headers) -> str:
        """Lets in whoever may use the service.

        Returns:
            Their token's name; "" without tokens.

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
                "a request must come with 'Authorization: Bearer TOKEN'. Received: none that is known",
                {"www-authenticate": "Bearer"},
            )
        return holder

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "none")
        own = origin is None or origin.split("://")[-1].lower() == headers.get("host", "").lower()
        if not own or site not in ("same-origin", "none"):
            raise HTTPException(
                403, "a request must come from the service's own page, or from no page at all"
            )


def host_name(host: str) -> str:
    """A Host header's name, without the port: "[::1]:8000" -> "::1"."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name that may lead anywhere

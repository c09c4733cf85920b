"""Before every request to the studio: under which name it is asked, from which page, by whom; after it: what the page may do."""

import hmac
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alexlab.web.app import without_port

COOKIE = "alexlab-studio"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
SECURITY = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """Lets through what asks under a known name, from the studio's own pages, with the token where there is one.

    Names keep pages of other sites out that have this machine's address entered for a name of theirs (DNS rebinding); the origin keeps
    out their forms and scripts. A browser that comes with `?token=` gets a cookie for what follows, which other sites cannot use.
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Sequence[str] | None) -> None:
        """Guard `app`; `hosts` are the names it is asked under, None for any."""
        self._app, self._token, self._hosts = app, token, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                security = [(name.encode(), value.encode()) for name, value in SECURITY.items()]
                message["headers"] = [*message["headers"], *security]
            await send(message)

        refused = self._refused(scope)
        await (refused or self._app)(scope, receive, sending)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts is not None and without_port(host) not in self._hosts:
            return _no(403, "asked under another name than this studio has.")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return _no(403, "a page of another site asks; the studio answers its own.")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _no(403, "a page of another site asks; the studio answers its own.")
        return self._without_token(scope, headers) if self._token else None

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["method"] == "GET" and given and self._is_token(given):
            answer = RedirectResponse(scope["path"], 303)
            answer.set_cookie(COOKIE, given, httponly=True, samesite="strict")
            return answer
        brought = headers.get("authorization", "").removeprefix("Bearer ")
        if self._is_token(brought) or self._is_token(_cookie(headers)):
            return None
        return _no(401, "expected the studio's token: open the address that it printed at its start.")

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(
            given.encode(errors="surrogateescape"), (self._token or "").encode(errors="surrogateescape")
        )


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _no(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status)

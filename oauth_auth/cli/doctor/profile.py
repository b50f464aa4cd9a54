"""One profile: its server, the clock, endpoints, client, ports, and its login."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from oauth_auth.cli.base import as_line
from oauth_auth.cli.doctor.check import Check, ok, problem, warning
from oauth_auth.cli.doctor.machine import check_store
from oauth_auth.cli.names import auth_of
from oauth_auth.cli.words import duration, moment
from oauth_auth.lazy_errors import errors
from oauth_auth.server import is_loopback
from oauth_auth.stores.file import FileStore, default_store
from oauth_auth.stores.shared import SharedStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth import AuthorizationServer, OAuthAuth
    from oauth_auth.message import Response

__all__ = ["check_profile"]

_ENDPOINTS: Final = (
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
)
#: Seconds by which clocks may differ; a Date header has no fractions, and takes time.
_SKEW: Final = 10.0
_OK: Final = 200
#: What stands before a server that does not answer says so.
_GATEWAY: Final = (502, 503, 504)
#: More than this makes ID tokens and expiry times wrong.
_BAD_SKEW: Final = 120.0


def check_profile(name: str) -> Iterator[Check]:
    """Check a profile, down to its login."""
    try:
        auth = auth_of(name)
        terms = auth._terms_for(None)
    except errors.OAuthAuthError as error:
        yield _from(error, "profile")
        return
    grant = auth._grant
    yield ok("profile", f"{grant.grant_type.rpartition(':')[2]} at {grant.server.name}")
    if isinstance(auth._store, FileStore) and auth._store != default_store():
        yield from check_store(auth._store)
    if isinstance(auth._store, SharedStore):
        yield _shared(auth._store)
    server, url, response = None, "", None
    try:
        server, url, response = _asked(auth, terms)
    except errors.OAuthAuthError as error:
        yield _from(error, "server")
    if server is not None and response is not None:
        yield _reached(url, response)
        yield from _clock(response)
        yield _endpoints(server)
        yield from _offers(server, grant)
        yield _client(server, grant)
    yield from _ports(grant)
    yield _login(name, auth)


def _shared(store: SharedStore) -> Check:
    try:
        found = store.read("id-key")
    except errors.OAuthAuthError as error:
        return _from(error, "store")
    state = "with logins in it" if found else "new"
    return ok("store", f"{store.name} answers, {state}, and the key opens it")


def _from(error: Any, name: str) -> Check:
    found, semicolon, remedy = as_line(error).rpartition("; ")
    if not semicolon:
        found, remedy = remedy, "see what it says"
    return problem(name, found, remedy)


def _asked(auth: OAuthAuth, terms: Any) -> tuple[AuthorizationServer, str, Response]:
    """Ask the server now, whatever is kept of it.

    Returns:
        The server with its metadata, the URL that was asked, and what it answered.

    Raises:
        OAuthAuthError: It does not answer, or has no metadata where it needs some.
    """
    from oauth_auth.endpoint import _fetched
    from oauth_auth.message import Request

    server = auth._grant.server
    for url in server.metadata_urls() or (server.token_endpoint or "",):
        request = Request("GET", url, {"Accept": "application/json"})
        response = terms.reach.exchange(request)
        if response.status == _OK:
            break
    if server.token_endpoint is None:
        server = server.with_metadata(_fetched(server, terms.reach))
    return server, url, response


def _reached(url: str, response: Response) -> Check:
    if response.status in _GATEWAY:
        return warning(
            "server",
            f"{url} answered {response.status}",
            "the server has trouble; try again later",
        )
    return ok("server", f"{url} can be reached")


def _clock(response: Response) -> Iterator[Check]:
    try:
        there = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return
    skew = time.time() - there
    words = f"{duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the server's"
    remedy = "set this machine's clock (NTP), if it is not the server's that is wrong"
    if abs(skew) > _BAD_SKEW:
        yield problem("clock", words, remedy)
    elif abs(skew) > _SKEW:
        yield warning("clock", words, remedy)
    else:
        yield ok("clock", "agrees with the server's")


def _endpoints(server: AuthorizationServer) -> Check:
    clear = [
        name
        for name in _ENDPOINTS
        if (url := getattr(server, name)) is not None
        and urlsplit(url).scheme != "https"
        and not is_loopback(urlsplit(url).hostname or "")
    ]
    if clear:
        return warning(
            "endpoints",
            f"secrets cross the network in clear to {', '.join(clear)}",
            "use https, and take allow_http out of the profile",
        )
    known = [name for name in _ENDPOINTS if getattr(server, name)]
    return ok("endpoints", f"https or loopback: {', '.join(known)}")


def _offers(server: AuthorizationServer, grant: Any) -> Iterator[Check]:
    """Check that the server has what the profile's login needs."""
    needed = {
        "authorization_code": "authorization_endpoint",
        "device_code": "device_authorization_endpoint",
    }.get(grant.grant_type.rpartition(":")[2])
    if needed and getattr(server, needed) is None:
        yield problem(
            "login",
            f"no {needed} is known",
            f"log in another way (--device, --browser), or name the {needed} in the "
            "profile",
        )
    if server.revocation_endpoint is None:
        yield warning(
            "logout",
            "the server has no revocation endpoint (RFC 7009)",
            "after a logout the token lives on until it expires; nothing can be done",
        )


def _client(server: AuthorizationServer, grant: Any) -> Check:
    from oauth_auth.client_auth import Draft, client_auth_from

    secret = grant.client_secret
    try:
        chosen = client_auth_from(
            grant.client_auth, server=server, has_secret=secret is not None
        )
        method = chosen.method
        # Read, and thrown away.
        if secret is not None and not secret.reveal():
            raise errors.ConfigurationError("the client secret is empty; set it")
        if secret is None and server.token_endpoint is not None:
            # A key that cannot be read or sign, a certificate that cannot be loaded.
            chosen.apply(Draft(server, "token_endpoint", grant.client_id, None, {}))
    except errors.OAuthAuthError as error:
        return _from(error, "client")
    offered = server.token_endpoint_auth_methods
    found = f"{grant.client_id}, authenticates by {method}"
    if offered and method not in offered:
        return warning(
            "client",
            f"{found}, which the server does not name ({', '.join(offered)})",
            "give the client secret, or another --client-auth: oauth-auth login NAME",
        )
    return ok("client", found)


def _ports(grant: Any) -> Iterator[Check]:
    if grant.grant_type != "authorization_code":
        return
    from oauth_auth.login.ports import listen

    try:
        uri, sockets = listen(grant.redirect_uris)
    except errors.OAuthAuthError as error:
        yield _from(error, "redirect")
        return
    for each in sockets:
        each.close()
    fixed = any(urlsplit(each).port for each in grant.redirect_uris)
    parts = urlsplit(uri)
    where = f"{parts.hostname}:{parts.port}" if fixed else f"{parts.hostname}, any port"
    yield ok("redirect", f"the browser can come back to {where}")


def _login(name: str, auth: OAuthAuth) -> Check:
    from oauth_auth.cli.standing import standing_of

    now = time.time()
    try:
        found = standing_of(name, auth, now)
    except errors.OAuthAuthError as error:
        return _from(error, "login")
    remedy = f"run: oauth-auth login {name}"
    if not found.logged_in:
        return warning("login", found.failure or found.state, remedy)
    if found.mark is not None:
        until = moment(found.held_until or now, now)
        return warning(
            "login",
            f"{found.state}, but the last renewal failed: {found.failure}",
            f"it is tried again {until}",
        )
    if not found.renewable:
        return warning("login", f"{found.state}; renewal: {found.renewal}", remedy)
    return ok("login", found.state)

"""A login with the browser of this machine, or by a URL pasted by hand (RFC 8252)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.endpoint import find_metadata
from oauth_auth.lazy_errors import errors
from oauth_auth.login.authorization import answered_code, authorization_url
from oauth_auth.login.browser import open_browser
from oauth_auth.login.keep import redeem
from oauth_auth.login.loopback import Listener
from oauth_auth.login.page import Page
from oauth_auth.login.pending import PendingLogin
from oauth_auth.login.who import id_token_check
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.grants.authorization_code import AuthorizationCode
    from oauth_auth.held import Held
    from oauth_auth.login.waiting import Waiting
    from oauth_auth.protocol import Param
    from oauth_auth.renewal import Terms, TokenSource
    from oauth_auth.server import AuthorizationServer

__all__ = ["finish", "log_in_by_browser", "log_in_by_hand", "server_of", "start"]

#: Where a person is sent whose browser cannot reach this machine.
_ELSEWHERE: Final = "http://127.0.0.1/callback"


def server_of(source: TokenSource, terms: Terms) -> AuthorizationServer:
    """Return the grant's server with its metadata."""
    return find_metadata(
        terms.grant.server, source.store, terms.identifier, terms.reach
    )


def start(
    server: AuthorizationServer,
    grant: AuthorizationCode,
    redirect_uri: str,
    extra: Mapping[str, Param] | None = None,
) -> tuple[Secret, PendingLogin]:
    """Return the URL to send a person to, and what to remember meanwhile."""
    pending = PendingLogin(redirect_uri, server.issuer)
    return authorization_url(server, grant, pending, extra or {}), pending


def finish(
    source: TokenSource, terms: Terms, pending: PendingLogin, response: Secret
) -> Held:
    """Check the answer that the browser brought, redeem its code, keep the token.

    Raises:
        LoginFailed: The answer is an error, or not one to this login.
        OAuthAuthError: The code could not be redeemed, or the token not be kept.
    """
    grant: Any = terms.grant
    server = server_of(source, terms)
    # First, so that the answer is good once more if the keys cannot be had.
    check = id_token_check(server, grant, terms.reach, pending)
    code = answered_code(response, server, pending)
    params = grant.code_request(
        code, redirect_uri=pending.redirect_uri, code_verifier=pending.code_verifier
    )
    return redeem(source, terms, server, params, once=pending.state, check=check)


def log_in_by_browser(
    source: TokenSource,
    terms: Terms,
    *,
    timeout: float,
    show: Callable[[str], object] | None = None,
    waiting: Waiting | None = None,
) -> Held:
    """Open the browser of this machine, and wait for the person.

    Args:
        source: Whose login it is.
        terms: How to reach the server.
        timeout: Seconds for the person.
        show: Called with the URL, since a browser may not open, or in the wrong
            place; by default it is printed to standard error.
        waiting: Ends the login early.

    Raises:
        LoginFailed: No answer in time, or one that refuses.
    """
    grant: Any = terms.grant
    server = server_of(source, terms)
    with Listener(grant.redirect_uris) as listener:
        url, pending = start(server, grant, listener.redirect_uri)
        _show(url, show)
        open_browser(url)
        response = listener.wait(pending, timeout, waiting)
        if response is None:
            raise errors.LoginFailed(
                f"nobody finished the login at {server.name} within {timeout:g} s; log "
                "in again; where no browser can come back to this machine, with "
                "DeviceCode (--device), or by hand (login(ask=...), --no-browser)"
            )
        try:
            held = finish(source, terms, pending, response)
        except errors.AccessDeniedError as error:
            listener.end(Page.DENIED, error.description)
            raise
        except errors.OAuthAuthError as error:
            listener.end(Page.FAILED, error.message)
            raise
        except Exception:
            listener.end(Page.FAILED)
            raise
        listener.end(Page.DONE)
        return held


def log_in_by_hand(
    source: TokenSource, terms: Terms, ask: Callable[[str], str]
) -> Held:
    """Have the person open the URL anywhere, and paste where the browser ended.

    Args:
        source: Whose login it is.
        terms: How to reach the server.
        ask: Called with the URL to open; returns the URL that the browser came back
            to, which it cannot show, but has in its address bar.

    Raises:
        LoginFailed: The answer is an error, or not one to this login.
    """
    grant: Any = terms.grant
    server = server_of(source, terms)
    redirect_uri = (*grant.redirect_uris, _ELSEWHERE)[0]
    url, pending = start(server, grant, redirect_uri)
    return finish(source, terms, pending, Secret(ask(url.reveal()) or ""))


def _show(url: Secret, show: Callable[[str], object] | None) -> None:
    if show is not None:
        show(url.reveal())
        return
    if sys.stderr is not None:  # a program without a console has none
        sys.stderr.write(f"To log in, open this page:\n\n  {url.reveal()}\n\n")
        sys.stderr.flush()

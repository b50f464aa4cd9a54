"""Which URLs a session talks to: https, and loopback.

oauthlib refuses plain http to this very machine, unless its environment switch turns
the check off for every host there is. So it is shown an https URL in its place.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from oauthlib.oauth2 import InsecureTransportError, is_secure_transport

from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.server import is_loopback

__all__ = ["check", "for_oauthlib", "restored", "switched_off"]

_HTTP: Final = "http"


def _is_loopback_http(url: Hidden[str]) -> bool:
    if url.value[:7].lower() != "http://":
        return False
    try:
        return is_loopback(urlsplit(url.value).hostname or "")
    except ValueError:
        return False


def switched_off() -> bool:
    """Whether ``OAUTHLIB_INSECURE_TRANSPORT`` allows plain http to everywhere."""
    return bool(is_secure_transport(f"{_HTTP}://example.com"))


def check(url: Hidden[str]) -> None:
    """Refuse a URL that a token or secret must not be sent to.

    Raises:
        InsecureTransportError: It is neither https nor on loopback.
    """
    if not (is_secure_transport(url.value) or _is_loopback_http(url)):
        raise InsecureTransportError


def for_oauthlib(url: Hidden[str]) -> Hidden[str]:
    """Return a URL that oauthlib accepts in place of one on loopback."""
    if is_secure_transport(url.value) or not _is_loopback_http(url):
        return url
    return Hidden(f"https{url.value[len(_HTTP) :]}")


def restored(made: Hidden[str], url: Hidden[str]) -> Hidden[str]:
    """Return what oauthlib made of `for_oauthlib`'s URL with the scheme of the URL."""
    if for_oauthlib(url) is url:
        return made
    return Hidden(f"{_HTTP}{made.value[len('https') :]}")

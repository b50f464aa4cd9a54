"""Authlib, by its "Auto Update Token" recipe with `update_token`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.candidate import HttpxCandidate, RequestsCandidate
from benchmarks.peers import kept

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from benchmarks.login import Place

__all__ = ["AuthlibHttpx2", "AuthlibRequests"]

_SHARES = (
    "`token_endpoint=` and `update_token=`, which saves to a file; each process reads "
    "it at its start"
)


def _settings(place: Place, update_token: Callable[..., object]) -> dict[str, Any]:
    login = place.login
    return {
        "client_id": login.client_id,
        "token_endpoint": login.token_endpoint,
        "token": kept.kept(place),
        "update_token": update_token,
    }


class AuthlibRequests(RequestsCandidate):
    """Its OAuth2Session for requests."""

    name = "Authlib"
    modules = ("authlib.integrations.requests_client",)
    shares = _SHARES
    public = True

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        kept.save(place)

    def session(self, place: Place) -> Any:
        """Return a session that renews by itself."""
        from authlib.integrations.requests_client import OAuth2Session

        def update_token(token: dict[str, Any], **_: Any) -> None:
            kept.keep(place, token)

        return OAuth2Session(**_settings(place, update_token))

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return the auth object that its session uses."""
        attach: Callable[[requests.PreparedRequest], object]
        attach = self.session(place).token_auth
        return attach


class AuthlibHttpx2(HttpxCandidate):
    """Its clients for httpx2, on which it is built."""

    name = "Authlib"
    library = "httpx2"
    modules = ("authlib.integrations.httpx_client",)
    shares = _SHARES
    public = True

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        kept.save(place)

    def auth(self, place: Place) -> Any:
        """Return the auth object that its clients use; it does not look at the time."""
        from authlib.integrations.httpx_client import OAuth2Auth
        from authlib.oauth2.rfc6749 import OAuth2Token

        return OAuth2Auth(OAuth2Token.from_dict(kept.kept(place)))

    def client(self, place: Place, **settings: Any) -> Any:
        """Return a client that renews by itself."""
        from authlib.integrations.httpx_client import OAuth2Client

        def update_token(token: dict[str, Any], **_: Any) -> None:
            kept.keep(place, token)

        return OAuth2Client(**_settings(place, update_token), **settings)

    def async_client(self, place: Place, **settings: Any) -> Any:
        """Return a client that renews by itself."""
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        async def update_token(token: dict[str, Any], **_: Any) -> None:
            kept.keep(place, token)

        return AsyncOAuth2Client(**_settings(place, update_token), **settings)

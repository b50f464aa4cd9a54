"""requests-oauth2client, with its `TokenSerializer`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from benchmarks.candidate import RequestsCandidate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from benchmarks.login import Place

__all__ = ["RequestsOauth2client"]


class RequestsOauth2client(RequestsCandidate):
    """OAuth2AccessTokenAuth."""

    name = "requests-oauth2client"
    modules = ("requests_oauth2client",)
    public = True
    shares = (
        "`OAuth2AccessTokenAuth(client, token)`; each process reads the serialized "
        "token at its start; a renewal has no hook that could save it"
    )

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        from requests_oauth2client import BearerToken
        from requests_oauth2client.serializers import TokenSerializer

        login = place.login
        token = BearerToken(
            access_token=login.access_token,
            refresh_token=login.refresh_token,
            expires_at=dt.datetime.fromtimestamp(login.expires_at, dt.UTC),
        )
        place.directory.mkdir(parents=True, exist_ok=True)
        self._path(place).write_bytes(TokenSerializer().dumps(token))

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return an auth object."""
        from requests_oauth2client import OAuth2AccessTokenAuth, OAuth2Client
        from requests_oauth2client.serializers import TokenSerializer

        login = place.login
        client = OAuth2Client(
            token_endpoint=login.token_endpoint,
            client_id=login.client_id,
            testing=True,  # lets it speak to http://127.0.0.1
        )
        token = TokenSerializer().loads(self._path(place).read_bytes())
        return OAuth2AccessTokenAuth(client, token)

    def session(self, place: Place) -> Any:
        """Return a session with the auth object."""
        import requests

        session = requests.Session()
        session.auth = self.attach(place)
        return session

    @staticmethod
    def _path(place: Place) -> Path:
        return place.directory / "token"

"""google-auth, with the `token.json` of Google's quickstarts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from benchmarks.candidate import RequestsCandidate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from benchmarks.login import Place

__all__ = ["GoogleAuth"]


class GoogleAuth(RequestsCandidate):
    """Credentials and AuthorizedSession."""

    name = "google-auth"
    modules = ("google.oauth2.credentials", "google.auth.transport.requests")
    shares = (
        '`Credentials.from_authorized_user_file("token.json")` at the start of each '
        "process, and an `AuthorizedSession`, which renews in memory"
    )

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        from google.oauth2.credentials import Credentials

        login = place.login
        expiry = dt.datetime.fromtimestamp(login.expires_at, dt.UTC)
        credentials = Credentials(
            login.access_token,
            refresh_token=login.refresh_token,
            token_uri=login.token_endpoint,
            client_id=login.client_id,
            client_secret=login.client_secret,
            expiry=expiry.replace(tzinfo=None),
        )
        place.directory.mkdir(parents=True, exist_ok=True)
        self._path(place).write_text(credentials.to_json(), "utf-8")

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return what its session does before it sends."""
        from google.auth.transport.requests import Request

        credentials, transport = self._credentials(place), Request()

        def attach(request: requests.PreparedRequest) -> None:
            credentials.before_request(
                transport, request.method, request.url, request.headers
            )

        return attach

    def session(self, place: Place) -> Any:
        """Return a session that renews by itself."""
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self._credentials(place))

    def _credentials(self, place: Place) -> Any:
        from google.oauth2.credentials import Credentials

        credentials = Credentials.from_authorized_user_file(str(self._path(place)))
        # The file always means Google's own server.
        return Credentials(
            credentials.token,
            refresh_token=credentials.refresh_token,
            token_uri=place.login.token_endpoint,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            expiry=credentials.expiry,
        )

    @staticmethod
    def _path(place: Place) -> Path:
        return place.directory / "token.json"

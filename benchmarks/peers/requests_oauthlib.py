"""requests-oauthlib, by its "Refreshing tokens" recipe with a `token_updater`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks.candidate import RequestsCandidate
from benchmarks.peers import kept

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from benchmarks.login import Place

__all__ = ["RequestsOauthlib"]


class RequestsOauthlib(RequestsCandidate):
    """OAuth2Session."""

    name = "requests-oauthlib"
    modules = ("requests_oauthlib",)
    public = True
    shares = (
        "`OAuth2Session(token=..., auto_refresh_url=..., token_updater=...)`; the "
        "updater saves to a file, each process reads it at its start"
    )

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        kept.save(place)

    def session(self, place: Place) -> Any:
        """Return a session that renews by itself."""
        from requests_oauthlib import OAuth2Session

        # What its documentation wants for servers without TLS.
        os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
        login = place.login
        return OAuth2Session(
            login.client_id,
            token=kept.kept(place),
            auto_refresh_url=login.token_endpoint,
            auto_refresh_kwargs={"client_id": login.client_id},
            token_updater=lambda token: kept.keep(place, token),
        )

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return what its session does before it sends."""
        client = self.session(place)._client

        def attach(request: requests.PreparedRequest) -> object:
            return client.add_token(
                request.url,
                http_method=request.method,
                body=request.body,
                headers=request.headers,
            )

        return attach

"""requests-auth, with its `JsonTokenFileCache`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.candidate import RequestsCandidate
from benchmarks.peers import token_files

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from benchmarks.login import Place

__all__ = ["RequestsAuthPeer"]


class RequestsAuthPeer(RequestsCandidate):
    """OAuth2ResourceOwnerPasswordCredentials."""

    name = "requests-auth"
    modules = ("requests_auth",)
    shares = token_files.SHARES
    public = True

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        token_files.seed(place, self._grant(place).state)

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return an auth object."""
        from requests_auth import JsonTokenFileCache, OAuth2

        token_files.share(OAuth2, JsonTokenFileCache, place)
        attach: Callable[[requests.PreparedRequest], object] = self._grant(place)
        return attach

    def session(self, place: Place) -> Any:
        """Return a session with the auth object."""
        import requests

        session = requests.Session()
        session.auth = self.attach(place)
        return session

    @staticmethod
    def _grant(place: Place) -> Any:
        from requests_auth import OAuth2ResourceOwnerPasswordCredentials

        return OAuth2ResourceOwnerPasswordCredentials(**token_files.settings(place))

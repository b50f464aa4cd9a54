"""httpx-auth, with its `JsonTokenFileCache`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.candidate import HttpxCandidate
from benchmarks.peers import token_files

if TYPE_CHECKING:
    from benchmarks.login import Place

__all__ = ["HttpxAuthPeer"]


class HttpxAuthPeer(HttpxCandidate):
    """OAuth2ResourceOwnerPasswordCredentials."""

    name = "httpx-auth"
    library = "httpx"
    modules = ("httpx_auth",)
    shares = token_files.SHARES
    public = True

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        token_files.seed(place, self._grant(place).state)

    def auth(self, place: Place) -> Any:
        """Return an `Auth` object."""
        from httpx_auth import JsonTokenFileCache, OAuth2

        token_files.share(OAuth2, JsonTokenFileCache, place)
        return self._grant(place)

    @staticmethod
    def _grant(place: Place) -> Any:
        from httpx_auth import OAuth2ResourceOwnerPasswordCredentials

        return OAuth2ResourceOwnerPasswordCredentials(**token_files.settings(place))

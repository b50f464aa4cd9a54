"""msal with msal-extensions, by the `token_cache_sample.py` of the latter."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.candidate import RequestsCandidate

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from benchmarks.login import Place

__all__ = ["Msal"]

_SCOPES = ["read", "write"]


class Msal(RequestsCandidate):
    """PublicClientApplication and PersistedTokenCache."""

    name = "msal"
    modules = ("msal", "msal_extensions")
    public = True
    shares = (
        "`PersistedTokenCache(FilePersistence(path))` of msal-extensions; its "
        "encryption for Linux needs a desktop's keyring, so the file is plain"
    )

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        login = place.login
        place.directory.mkdir(parents=True, exist_ok=True)
        account = json.dumps({"uid": "alice", "utid": "users"}).encode()
        client_info = base64.urlsafe_b64encode(account).decode().rstrip("=")
        self._cache(place).add(
            {
                "client_id": login.client_id,
                "scope": _SCOPES,
                "token_endpoint": _secured(login.token_endpoint),
                "environment": urlsplit(login.issuer).hostname,
                "response": {
                    **login.token,
                    "expires_in": int(login.token["expires_in"]),
                    "client_info": client_info,
                },
            }
        )

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return what a program does for each request."""
        token = self._token(place)

        def attach(request: requests.PreparedRequest) -> None:
            request.headers["Authorization"] = f"Bearer {token()}"

        return attach

    def session(self, place: Place) -> Any:
        """Return a session with what a program does for each request."""
        return _Session(self._token(place))

    def _token(self, place: Place) -> Callable[[], str]:
        import msal

        login = place.login
        app = msal.PublicClientApplication(
            login.client_id,
            oidc_authority=_authority(place),
            http_client=_http_client(place),
            token_cache=self._cache(place),
        )
        (account,) = app.get_accounts()

        def token() -> str:
            result = app.acquire_token_silent_with_error(_SCOPES, account=account)
            if not result or "access_token" not in result:
                raise LookupError((result or {}).get("error", "no token"))
            found: str = result["access_token"]
            return found

        return token

    @staticmethod
    def _cache(place: Place) -> Any:
        from msal_extensions import FilePersistence, PersistedTokenCache

        path = place.directory / "token_cache.bin"
        return PersistedTokenCache(FilePersistence(str(path)))


class _Session:
    """What a program with msal has: it knows no session of its own."""

    def __init__(self, token: Callable[[], str]) -> None:
        import requests

        self._token = token
        self.session = requests.Session()

    def get(self, url: str, **settings: Any) -> requests.Response:
        """Send a request with a token."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        return self.session.get(url, headers=headers, **settings)


def _secured(url: str) -> str:
    """Return the URL as msal wants it: it speaks to https alone."""
    return url.replace("http://", "https://", 1)


def _authority(place: Place) -> str:
    """Return the server with a tenant, which msal wants too.

    It files new tokens under the first part of the token endpoint's path, and looks
    for them under the tenant.
    """
    return _secured(place.login.token_endpoint)


def _http_client(place: Place) -> Any:
    """Return its HTTP client, which goes to the testing server without TLS."""
    import requests

    issuer = _secured(place.login.issuer)
    metadata = {
        "issuer": _authority(place),
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
    }

    class Client(requests.Session):
        def get(self, url: str | bytes, **settings: Any) -> requests.Response:
            if "/.well-known/" not in str(url):
                return super().get(url, **settings)
            response = requests.Response()
            response.status_code = 200
            response._content = json.dumps(metadata).encode()
            return response

        def post(self, url: str, **settings: Any) -> requests.Response:
            return super().post(url.replace("https://", "http://", 1), **settings)

    return Client()

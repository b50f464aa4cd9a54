"""A login that a candidate starts from, and the directory where it is kept."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from oauth_auth.testing import TestingServer

__all__ = ["API", "Login", "Place"]

#: The protected resource of those benchmarks that send nothing.
API = "https://api.example.com/reports"
_HOUR = 3600.0
#: msal asks for all of these, whatever it is told.
_SCOPE = "read write openid profile offline_access"
#: Longer than any leeway of a peer.
_LONG_AGO = 7200.0


class Login(NamedTuple):
    """What a person's login brought."""

    issuer: str
    client_id: str
    #: None for a public client.
    client_secret: str | None
    access_token: str
    refresh_token: str
    #: In seconds since the epoch.
    expires_at: float

    @property
    def token_endpoint(self) -> str:
        """Where the token is renewed."""
        return f"{self.issuer}/token"

    @property
    def api_url(self) -> str:
        """Where the token is used."""
        return f"{self.issuer}/api"

    @property
    def expired(self) -> bool:
        """Whether the candidate is to find its token expired."""
        return self.expires_at < time.time()

    @property
    def token(self) -> dict[str, Any]:
        """The token response, as most packages keep it."""
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_at": self.expires_at,
            "expires_in": self.expires_at - time.time(),
            "scope": "read write",
        }

    @classmethod
    def made_up(cls, *, public: bool = False, size: int = 40) -> Login:
        """Return a login at a server that is never asked.

        Args:
            public: For a client without a secret.
            size: How many characters the access token has.
        """
        return cls(
            issuer="https://auth.example.com",
            client_id="reports",
            client_secret=None if public else "made-up secret",
            access_token="a" * size,
            refresh_token="r" * 40,
            expires_at=time.time() + _HOUR,
        )

    @classmethod
    def at(
        cls, server: TestingServer, *, expired: bool = False, public: bool = False
    ) -> Login:
        """Log somebody in at the testing server.

        Args:
            server: Where.
            expired: The candidate is to find its access token expired.
            public: For a client without a secret.
        """
        client = server.public_client_id if public else server.client_id
        secret = None if public else server.client_secret
        answer = server.issue(client=client, scope=_SCOPE)
        life = -_LONG_AGO if expired else float(answer["expires_in"])
        return cls(
            issuer=server.issuer,
            client_id=client,
            client_secret=secret,
            access_token=answer["access_token"],
            refresh_token=answer["refresh_token"],
            expires_at=time.time() + life,
        )


class Place(NamedTuple):
    """A login, and the directory where a candidate keeps what it needs of it."""

    login: Login
    directory: Path

    def note(self) -> None:
        """Write the login down, for worker processes; candidates do not read it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._path(self.directory).write_text(json.dumps(self.login), "utf-8")

    @classmethod
    def find(cls, directory: Path) -> Place:
        """Read what `note` wrote."""
        text = cls._path(directory).read_text("utf-8")
        return cls(Login(*json.loads(text)), directory)

    @staticmethod
    def _path(directory: Path) -> Path:
        return directory / "benchmark-login.json"

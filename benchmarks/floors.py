"""The floors: what a program without any package can do at best."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from benchmarks.candidate import HttpxCandidate, RequestsCandidate
from benchmarks.peers import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import requests

    from benchmarks.login import Place

__all__ = [
    "FLOORS",
    "FilelockByHand",
    "FixedHttpx",
    "FixedRequests",
    "FlockByHand",
    "IdleHttpx",
    "IdleRequests",
]

_SECONDS = 60.0


class _Fixed:
    """Looks at the time and sets the header."""

    def __init__(self, place: Place) -> None:
        self._expires_at = place.login.expires_at
        self._header = f"Bearer {place.login.access_token}"

    def __call__(self, request: Any) -> Any:
        if time.time() < self._expires_at:
            request.headers["Authorization"] = self._header
        return request


class FixedRequests(RequestsCandidate):
    """An object that looks at the time and sets the header."""

    name = "floor: time and header"
    modules = ("requests",)

    def save(self, place: Place) -> None:
        """Leave nothing."""

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return what puts the token into a request."""
        return _Fixed(place)

    def session(self, place: Place) -> Any:
        """Return a session with a fixed header."""
        import requests

        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {place.login.access_token}"
        return session


class FixedHttpx(HttpxCandidate):
    """The same for httpx or httpx2."""

    name = "floor: time and header"

    def __init__(self, library: str) -> None:
        self.library = library
        self.modules = (library,)

    def save(self, place: Place) -> None:
        """Leave nothing."""

    def auth(self, place: Place) -> Any:
        """Return an auth object with two short flows."""
        import importlib

        fixed = _Fixed(place)

        class Auth(importlib.import_module(self.library).Auth):
            def sync_auth_flow(self, request: Any) -> Iterator[Any]:
                yield fixed(request)

            async def async_auth_flow(self, request: Any) -> Any:
                yield fixed(request)

        return Auth()

    def client(self, place: Place, **settings: Any) -> Any:
        """Return a client with a fixed header."""
        import importlib

        headers = {"Authorization": f"Bearer {place.login.access_token}"}
        return importlib.import_module(self.library).Client(headers=headers, **settings)

    def async_client(self, place: Place, **settings: Any) -> Any:
        """Return a client with a fixed header."""
        import importlib

        headers = {"Authorization": f"Bearer {place.login.access_token}"}
        module = importlib.import_module(self.library)
        return module.AsyncClient(headers=headers, **settings)


class IdleRequests(FixedRequests):
    """A fixed header, and an auth object: what the library itself does for one."""

    name = "floor: an auth that does nothing"

    def session(self, place: Place) -> Any:
        """Return a session with a fixed header."""
        session = super().session(place)
        session.auth = lambda request: request
        return session


class IdleHttpx(FixedHttpx):
    """The same for httpx or httpx2."""

    name = IdleRequests.name

    def auth(self, place: Place) -> Any:  # noqa: ARG002  # the base class needs it
        """Return an auth object with the two shortest flows."""
        import importlib

        class Auth(importlib.import_module(self.library).Auth):
            def sync_auth_flow(self, request: Any) -> Iterator[Any]:
                yield request

            async def async_auth_flow(self, request: Any) -> Any:
                yield request

        return Auth()

    def client(self, place: Place, **settings: Any) -> Any:
        """Return a client with a fixed header."""
        return super().client(place, auth=self.auth(place), **settings)

    def async_client(self, place: Place, **settings: Any) -> Any:
        """Return a client with a fixed header."""
        return super().async_client(place, auth=self.auth(place), **settings)


class _ByHand:
    """A token in a plain file, renewed by whoever has the lock."""

    def __init__(
        self, place: Place, lock: Callable[[], AbstractContextManager[Any]]
    ) -> None:
        self._place = place
        self._lock = lock
        self._guard = threading.Lock()
        self._token = kept.kept(place)

    def token(self) -> str:
        """Return a token that is not expired."""
        if time.time() >= self._token["expires_at"]:
            with self._guard, self._lock():
                self._token = kept.kept(self._place)
                if time.time() >= self._token["expires_at"]:
                    self._renew()
        access_token: str = self._token["access_token"]
        return access_token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token()}"
        return request

    def _renew(self) -> None:
        import requests

        login = self._place.login
        answer = requests.post(
            login.token_endpoint,
            data={
                "grant_type": "refresh_token",
                "refresh_token": self._token["refresh_token"],
                "client_id": login.client_id,
            },
            timeout=_SECONDS,
        )
        answer.raise_for_status()
        token = answer.json()
        token["expires_at"] = time.time() + token["expires_in"]
        path = self._place.directory / "token.json"
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(token, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        self._token = token


class _Flock:
    """A lock that the kernel gives to the next waiter at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def __enter__(self) -> None:
        import fcntl

        self._file = self._path.open("a")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


class FlockByHand(RequestsCandidate):
    """A plain file and a blocking flock: no journal, no seal, no crash safety."""

    name = "floor: flock by hand"
    modules = ("requests", "fcntl")
    public = True

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        kept.save(place)

    def by_hand(self, place: Place) -> _ByHand:
        """Return an auth object."""
        return _ByHand(place, lambda: _Flock(place.directory / "lock"))

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return what puts the token into a request."""
        return self.by_hand(place)

    def token(self, place: Place) -> Callable[[], str]:
        """Return what gives a token that is not expired."""
        return self.by_hand(place).token

    def session(self, place: Place) -> Any:
        """Return a session with the auth object."""
        import requests

        session = requests.Session()
        session.auth = self.by_hand(place)
        return session


class FilelockByHand(FlockByHand):
    """The same with filelock as it comes, which polls: what many programs do."""

    name = "filelock by hand"
    modules = ("requests", "filelock")

    def by_hand(self, place: Place) -> _ByHand:
        """Return an auth object."""
        import filelock

        path = place.directory / "filelock"
        return _ByHand(place, lambda: filelock.FileLock(path))


FLOORS = (
    FixedRequests(),
    FixedHttpx("httpx"),
    FixedHttpx("httpx2"),
    FlockByHand(),
    FilelockByHand(),
)

"""A candidate: one package with one HTTP library, used as its documentation says."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from benchmarks.login import Place

__all__ = ["Candidate", "HttpxCandidate", "RequestsCandidate"]


class Candidate(ABC):
    """One package with one HTTP library."""

    #: What tables call it.
    name: ClassVar[str]
    #: The HTTP library.
    library: ClassVar[str]
    #: What a worker has imported before it is needed.
    modules: ClassVar[tuple[str, ...]]
    #: How its documentation has several workers share a token.
    shares: ClassVar[str] = ""
    #: Whether its logins are those of a client without a secret.
    public: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """What worker processes find it by."""
        return f"{self.name}/{self.library}"

    def missing(self) -> str | None:
        """Return the name of what is not installed, or None."""
        try:
            for module in self.modules:
                importlib.import_module(module)
        except ImportError as error:
            return error.name or str(error)
        return None

    @abstractmethod
    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""


class RequestsCandidate(Candidate):
    """A package for requests."""

    library = "requests"

    @abstractmethod
    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return what puts the token into a request."""

    @abstractmethod
    def session(self, place: Place) -> Any:
        """Return what a process has for all of its threads; it has a method `get`."""

    def mounted(self, place: Place, adapter: Any) -> Any:
        """Return a session that sends by an adapter."""
        session = self.session(place)
        getattr(session, "session", session).mount("https://", adapter)
        return session


class HttpxCandidate(Candidate):
    """A package for httpx or httpx2."""

    @abstractmethod
    def auth(self, place: Place) -> Any:
        """Return an `Auth` object."""

    def client(self, place: Place, **settings: Any) -> Any:
        """Return a client for one or more threads."""
        module = importlib.import_module(self.library)
        return module.Client(auth=self.auth(place), **settings)

    def async_client(self, place: Place, **settings: Any) -> Any:
        """Return a client for one loop."""
        module = importlib.import_module(self.library)
        return module.AsyncClient(auth=self.auth(place), **settings)

    def session(self, place: Place) -> Any:
        """Return what a process has for all of its threads; it has a method `get`."""
        return self.client(place, timeout=60.0)

"""What every method of client authentication is, and what it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Protocol, final, runtime_checkable

from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.message import Certificate
    from oauth_auth.protocol import Param
    from oauth_auth.secret import Secret, SecretSource
    from oauth_auth.server import AuthorizationServer

__all__ = ["ClientAuth", "Draft", "Method"]


@final
class Draft:
    """A form for an authorization server, before it says who sends it.

    Args:
        server: The server, with its metadata.
        endpoint: Where it goes: the metadata's name, such as ``"token_endpoint"``.
        client_id: The client's identifier; empty for the few grants that need none.
        client_secret: Its secret, if it has one.
        params: The parameters of the form.

    Attributes:
        params: As given, to be added to.
        headers: The header fields, to be added to.
        url: The endpoint's URL, which a method may change.
        certificate: The certificate for the TLS handshake, None at first.
        one_time: Whether the proof is good for one attempt, so that the form is made
            anew for the next one. False at first.
    """

    __slots__ = (
        "certificate",
        "client_id",
        "client_secret",
        "endpoint",
        "headers",
        "one_time",
        "params",
        "server",
        "url",
    )

    def __init__(
        self,
        server: AuthorizationServer,
        endpoint: str,
        client_id: str,
        client_secret: SecretSource | None,
        params: Mapping[str, Param],
    ) -> None:
        self.server: Final = server
        self.endpoint: Final = endpoint
        self.client_id: Final = client_id
        self.client_secret: Final = client_secret
        self.params: Final[dict[str, Param]] = dict(params)
        self.headers: Final[dict[str, str | Secret]] = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        self.url: str = getattr(server, endpoint) or ""
        self.certificate: Certificate | None = None
        self.one_time = False

    def needed_secret(self, method: str) -> SecretSource:
        """Return the client's secret.

        Raises:
            ConfigurationError: It has none.
        """
        if not self.client_secret:
            raise no_secret(method)
        return self.client_secret


@runtime_checkable
class ClientAuth(Protocol):
    """A way for a client to authenticate. Implementations use no network.

    An object with a ``credential``, a `SecretSource` of what only this client has, has
    that counted where a ``client_secret`` would be: who does not have it does not get
    the token.
    """

    #: The name in RFC 7591's registry.
    method: ClassVar[str]

    def apply(self, draft: Draft) -> None:
        """Add what proves the client to a request.

        Raises:
            ConfigurationError: The client lacks what the method needs.
        """
        ...


class Method:
    """Equal, hashable and picklable by what it was made of."""

    __slots__ = ()

    def _state(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in _slots(type(self)))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._state() == self._state()

    def __hash__(self) -> int:
        return hash((type(self), *self._state()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __reduce__(self) -> tuple[object, ...]:
        return _made, (type(self), self._state())


def _slots(kind: type[Method]) -> list[str]:
    return [name for each in kind.__mro__ for name in getattr(each, "__slots__", ())]


def _made(kind: type[Method], state: tuple[object, ...]) -> Method:
    made = object.__new__(kind)
    for name, value in zip(_slots(kind), state, strict=True):
        object.__setattr__(made, name, value)
    return made


def no_secret(method: str, where: str = "") -> Exception:
    """Return the error for a method that needs a client_secret which is not there."""
    return errors.ConfigurationError(
        f"{method}{where} needs a client_secret, and there is none; if it is read from "
        'the environment, check the variable, or choose client_auth="none" for a '
        "public client"
    )

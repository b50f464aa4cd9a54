"""How a client proves itself at the token endpoint (RFC 6749 section 2.3).

The methods have their names from RFC 7591 section 2.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, final, runtime_checkable
from urllib.parse import quote_plus

from oauth_auth.lazy_errors import errors
from oauth_auth.protocol import settled
from oauth_auth.quoting import quoted
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from oauth_auth.protocol import Param
    from oauth_auth.secret import SecretSource
    from oauth_auth.server import AuthorizationServer

__all__ = [
    "ClientAuth",
    "ClientSecretBasic",
    "ClientSecretPost",
    "NoClientAuth",
    "client_auth_from",
]


@runtime_checkable
class ClientAuth(Protocol):
    """A way for a client to authenticate. Implementations do no I/O."""

    #: The name in RFC 7591's registry.
    method: ClassVar[str]

    def apply(
        self,
        client_id: str,
        client_secret: SecretSource | None,
        params: dict[str, Param],
        headers: dict[str, str | Secret],
    ) -> None:
        """Add what proves the client to a request.

        Args:
            client_id: The client's identifier.
            client_secret: Its secret, if it has one.
            params: The parameters of the form.
            headers: The header fields.

        Raises:
            ConfigurationError: The client lacks what the method needs.
        """
        ...


class _Method:
    """Equal, hashable and picklable by class, as these objects have no more."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@final
class ClientSecretBasic:
    """``client_secret_basic``: id and secret in the Authorization header.

    RFC 6749 section 2.3.1 has both form-encoded first, so that they may hold any
    character.

    Args:
        raw: Leave the form-encoding out, for servers that do not undo it. The two
            differ only where id or secret hold other characters than letters, digits
            and ``-._~``.

    Example:
        >>> ClientSecretBasic(raw=True)
        ClientSecretBasic(raw=True)
    """

    __slots__ = ("raw",)

    method: ClassVar[str] = "client_secret_basic"

    def __init__(self, *, raw: bool = False) -> None:
        self.raw: Final = raw

    def apply(
        self,
        client_id: str,
        client_secret: SecretSource | None,
        params: dict[str, Param],  # noqa: ARG002  # ClientAuth has it
        headers: dict[str, str | Secret],
    ) -> None:
        """Set the Authorization header."""
        name = settled(Secret(client_id), "client_id")
        secret = settled(_needed(client_secret, self.method), "client_secret")
        if not self.raw:
            name = Secret(quote_plus(name.reveal()))
            secret = Secret(quote_plus(secret.reveal()))
        elif ":" in client_id:
            # RFC 7617 section 2: the first colon ends the id.
            raise errors.ConfigurationError(
                f"ClientSecretBasic(raw=True) cannot send the client_id {client_id}, "
                'since it holds a colon; use client_auth="client_secret_post"'
            )
        headers["Authorization"] = Secret(
            "Basic "
            + base64.b64encode(
                f"{name.reveal()}:{secret.reveal()}".encode(),
            ).decode()
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClientSecretBasic) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash((ClientSecretBasic, self.raw))

    def __repr__(self) -> str:
        return f"ClientSecretBasic({'raw=True' if self.raw else ''})"

    def __reduce__(self) -> tuple[object, ...]:
        return _basic, (self.raw,)


def _basic(raw: bool) -> ClientSecretBasic:  # noqa: FBT001  # pickle passes positions
    return ClientSecretBasic(raw=raw)


@final
class ClientSecretPost(_Method):
    """``client_secret_post``: id and secret in the form."""

    __slots__ = ()

    method: ClassVar[str] = "client_secret_post"

    def apply(
        self,
        client_id: str,
        client_secret: SecretSource | None,
        params: dict[str, Param],
        headers: dict[str, str | Secret],  # noqa: ARG002  # ClientAuth has it
    ) -> None:
        """Set the two parameters of RFC 6749 section 2.3.1."""
        params["client_secret"] = _needed(client_secret, self.method)
        params["client_id"] = client_id


@final
class NoClientAuth(_Method):
    """``none``: a public client, which only names itself (RFC 6749 section 3.2.1)."""

    __slots__ = ()

    method: ClassVar[str] = "none"

    def apply(
        self,
        client_id: str,
        client_secret: SecretSource | None,  # noqa: ARG002  # ClientAuth has it
        params: dict[str, Param],
        headers: dict[str, str | Secret],  # noqa: ARG002  # ClientAuth has it
    ) -> None:
        """Set ``client_id``."""
        params["client_id"] = client_id


_BY_NAME: Final[dict[str, ClientAuth]] = {
    known.method: known
    for known in (ClientSecretBasic(), ClientSecretPost(), NoClientAuth())
}
#: Those of the registry that nobody has built yet.
_UNBUILT: Final = frozenset(
    {
        "client_secret_jwt",
        "private_key_jwt",
        "self_signed_tls_client_auth",
        "tls_client_auth",
    }
)


def client_auth_from(
    chosen: str | ClientAuth | None, *, server: AuthorizationServer, has_secret: bool
) -> ClientAuth:
    """Return how the client authenticates.

    Args:
        chosen: A method's name, or an object; None to choose by the metadata.
        server: The authorization server, with its metadata if that is known.
        has_secret: Whether there is a client secret.

    Raises:
        ConfigurationError: The method is unknown, needs a secret that is not there,
            or the server offers none that works with a secret.

    Example:
        >>> from oauth_auth.server import AuthorizationServer
        >>> server = AuthorizationServer("https://auth.example.com")
        >>> client_auth_from(None, server=server, has_secret=True)
        ClientSecretBasic()
    """
    if chosen is None:
        return _by_metadata(server) if has_secret else _BY_NAME["none"]
    if isinstance(chosen, str):
        chosen = _by_name(chosen)
    if isinstance(chosen, type) or not isinstance(chosen, ClientAuth):
        raise errors.ConfigurationError(
            f"client_auth, a {type(chosen).__name__}, is neither a method's name nor "
            'an object with "method" and "apply", such as ClientSecretBasic()'
        )
    if isinstance(chosen, ClientSecretBasic | ClientSecretPost) and not has_secret:
        raise _no_secret(chosen.method, f" at {server.name}")
    return chosen


def _by_name(name: str) -> ClientAuth:
    if name in _BY_NAME:
        return _BY_NAME[name]
    known = ", ".join(_BY_NAME)
    why = "not supported yet" if name in _UNBUILT else "not known"
    raise errors.ConfigurationError(f"client_auth={name!r} is {why}; known are {known}")


def _by_metadata(server: AuthorizationServer) -> ClientAuth:
    offered = server.token_endpoint_auth_methods
    # RFC 8414 section 2: where the metadata is silent, it is basic.
    if not offered or "client_secret_basic" in offered:
        return _BY_NAME["client_secret_basic"]
    if "client_secret_post" in offered:
        return _BY_NAME["client_secret_post"]
    raise errors.ConfigurationError(
        f"the metadata of {server.name} names "
        f"{quoted(Secret(', '.join(offered)), ())} for client authentication, "
        "and none of them uses the client_secret given; leave it out "
        'for a public client, or insist with client_auth="client_secret_basic"'
    )


def _needed(client_secret: SecretSource | None, method: str) -> SecretSource:
    if not client_secret:
        raise _no_secret(method)
    return client_secret


def _no_secret(method: str, where: str = "") -> Exception:
    return errors.ConfigurationError(
        f"{method}{where} needs a client_secret, and there is none; if it is read from "
        'the environment, check the variable, or choose client_auth="none" for a '
        "public client"
    )

"""Which method a client authenticates by: the caller's word, else the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oauth_auth.client_auth.base import ClientAuth, no_secret
from oauth_auth.client_auth.secrets import (
    ClientSecretBasic,
    ClientSecretPost,
    NoClientAuth,
)
from oauth_auth.lazy_errors import errors
from oauth_auth.quoting import quoted
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from oauth_auth.server import AuthorizationServer

__all__ = ["CLIENT_AUTH_NAMES", "client_auth_from", "client_key_of"]

#: By name, and without an import where most programs end.
_SENT: Final[dict[str, ClientAuth]] = {
    known.method: known
    for known in (ClientSecretBasic(), ClientSecretPost(), NoClientAuth())
}
_SIGNING: Final = "client_secret_jwt"
#: Those that need more than a name, and the object that has it.
_OBJECTS: Final = {
    "private_key_jwt": "PrivateKeyJWT(key)",
    "self_signed_tls_client_auth": "SelfSignedTLSClientAuth(certificate, key)",
    "tls_client_auth": "TLSClientAuth(certificate, key)",
}
#: All names of RFC 7591 and RFC 8705, those first that need no object.
CLIENT_AUTH_NAMES: Final = (*_SENT, _SIGNING, *_OBJECTS)
_WITH_SECRET: Final = ("client_secret_basic", "client_secret_post", _SIGNING)


def client_auth_from(
    chosen: str | ClientAuth | None, *, server: AuthorizationServer, has_secret: bool
) -> ClientAuth:
    """Return how the client authenticates.

    Args:
        chosen: A method's name, or an object; None to choose by the metadata.
        server: The authorization server, with its metadata if that is known.
        has_secret: Whether there is a client secret.

    Raises:
        ConfigurationError: The method is unknown, needs a secret that is not there or
            has no use for one that is, or the server offers none that works with a
            secret.

    Example:
        >>> from oauth_auth.server import AuthorizationServer
        >>> server = AuthorizationServer("https://auth.example.com")
        >>> client_auth_from(None, server=server, has_secret=True)
        ClientSecretBasic()
    """
    if chosen is None:
        return _by_metadata(server) if has_secret else _SENT["none"]
    if isinstance(chosen, str):
        chosen = _by_name(chosen)
    if isinstance(chosen, type) or not isinstance(chosen, ClientAuth):
        raise errors.ConfigurationError(
            f"client_auth, a {type(chosen).__name__}, is neither a method's name nor "
            'an object with "method" and "apply", such as ClientSecretBasic()'
        )
    if chosen.method in _WITH_SECRET and _is_ours(chosen) and not has_secret:
        raise no_secret(chosen.method, f" at {server.name}")
    if chosen.method in _OBJECTS and _is_ours(chosen) and has_secret:
        # RFC 6749 section 2.3: one method. Which of the two is meant, nobody can tell.
        raise errors.ConfigurationError(
            f"both a client_secret and {chosen!r} are given for {server.name}, and a "
            "client authenticates in one way at a time; leave one of them out"
        )
    return chosen


def client_key_of(client_auth: str | ClientAuth | None, account: str | None) -> Any:
    """Return what a client proves itself with other than its secret, for record ids.

    Args:
        client_auth: As the caller gave it.
        account: Tells apart what nothing else does.

    Returns:
        A `SecretSource`, plain data that say where it is, or None.

    Raises:
        ConfigurationError: Nothing tells whose it is, and there is no account.
    """
    identity: Any = getattr(client_auth, "identity", None)
    if identity is not None:
        return identity(account)
    return getattr(client_auth, "credential", None)


def _is_ours(chosen: ClientAuth) -> bool:
    return type(chosen).__module__.startswith(__package__ or "")


def _by_name(name: str) -> ClientAuth:
    if name in _SENT:
        return _SENT[name]
    if name == _SIGNING:
        from oauth_auth.client_auth.assertions import ClientSecretJWT

        return ClientSecretJWT()
    if name in _OBJECTS:
        raise errors.ConfigurationError(
            f"client_auth={name!r} alone does not say which key; pass client_auth="
            f"{_OBJECTS[name]}, from oauth_auth.client_auth"
        )
    known = ", ".join(CLIENT_AUTH_NAMES)
    raise errors.ConfigurationError(
        f"client_auth={name!r} is not known; known are {known}"
    )


def _by_metadata(server: AuthorizationServer) -> ClientAuth:
    offered = server.token_endpoint_auth_methods
    # RFC 8414 section 2: where the metadata is silent, it is basic.
    found = next((name for name in _WITH_SECRET if name in offered), None)
    if not offered or found is not None:
        return _by_name(found or _WITH_SECRET[0])
    raise errors.ConfigurationError(
        f"the metadata of {server.name} names "
        f"{quoted(Secret(', '.join(offered)), ())} for client authentication, "
        "and none of them uses the client_secret given; leave it out "
        'for a public client, or insist with client_auth="client_secret_basic"'
    )

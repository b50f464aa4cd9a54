"""What all grants share: who asks, where, for what, and which record that is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self
from urllib.parse import urlsplit

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import SecretSource, as_source, takes_time
from oauth_auth.server import AuthorizationServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Required, TypedDict

    from oauth_auth.client_auth import ClientAuth
    from oauth_auth.token import Token

    # No program needs them, and each class takes as long to make as a module to load.
    class SharedOptions(TypedDict, total=False):
        """The keyword arguments of grants that may do without a client."""

        client_secret: str | SecretSource | None
        client_auth: str | ClientAuth | None
        scope: str | Iterable[str] | None
        audience: str | Iterable[str] | None
        resource: str | Iterable[str] | None
        extra: Mapping[str, str] | None
        refresh_scope: str | None
        token_endpoint: str | None
        allow_http: bool

    class ClientOptions(SharedOptions, total=False):
        """The keyword arguments of every grant; `Grant` describes them."""

        client_id: Required[str]


__all__ = ["Grant"]

#: The parameters by which a client proves itself.
_PROOFS: Final = ("client_secret", "client_assertion", "client_assertion_type")


class Grant:
    """How a token is had. Immutable; see the subclasses.

    Args:
        server: The issuer URL of the authorization server, or an
            `AuthorizationServer`.
        client_id: The client's identifier (RFC 6749 section 2.2). Some grants do
            without, where the server does.
        client_secret: Its secret: the text, or `FromEnv` or `FromFile`.
        client_auth: How the client authenticates, by its RFC 7591 name or as an
            object of `oauth_auth.client_auth`; by default what the server's metadata
            names, else ``"client_secret_basic"``, or ``"none"`` without a secret.
        scope: The scope to ask for: space-separated text, or a list.
        audience: The audience to ask for, or several, on servers that know this
            parameter.
        resource: The resource indicator, or several (RFC 8707).
        extra: Further parameters of the token request.
        refresh_scope: The scope to send with a refresh. By default none, which means
            what was granted (RFC 6749 section 6); a few servers want one.
        token_endpoint: The token endpoint's URL, in place of `server`.
        allow_http: Accept an authorization server on plain http that is not loopback.

    Raises:
        ConfigurationError: Something is missing, or cannot be sent.
    """

    #: The ``grant_type`` of RFC 6749.
    grant_type: ClassVar[str]
    #: Whether only a person can get the first token, so that losing it matters.
    needs_person: ClassVar[bool]
    #: Whether no request goes without a client_id.
    needs_client: ClassVar[bool] = True
    #: The profile whose grant this is, where a person logs in: each has its own login.
    _profile: str | None = None
    #: What to run for a new login, where the command line makes it.
    _command: str | None = None

    def __init__(
        self,
        server: str | AuthorizationServer | None = None,
        *,
        client_id: str,
        client_secret: str | SecretSource | None = None,
        client_auth: str | ClientAuth | None = None,
        scope: str | Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        resource: str | Iterable[str] | None = None,
        extra: Mapping[str, str] | None = None,
        refresh_scope: str | None = None,
        token_endpoint: str | None = None,
        allow_http: bool = False,
    ) -> None:
        # First of all: errors raised from here pass this frame.
        client_secret = as_source(client_secret)
        if not isinstance(server, AuthorizationServer):
            server = AuthorizationServer(
                server, token_endpoint=token_endpoint, allow_http=allow_http
            )
        elif token_endpoint is not None or allow_http:
            raise errors.ConfigurationError(
                "token_endpoint= and allow_http= belong into the AuthorizationServer "
                "that was passed"
            )
        proves_itself = client_secret is not None or client_auth not in (None, "none")
        if not client_id and (self.needs_client or proves_itself):
            raise errors.ConfigurationError(
                f"no client_id given for {server.name}; it is what the server calls "
                "this application (RFC 6749 section 2.2)"
            )
        if client_secret is not None and not client_secret:
            raise errors.ConfigurationError(
                f"the client_secret of {client_id} at {server.name} is empty; leave "
                "it out for a public client, or check where it is read from"
            )
        for name in _PROOFS if extra else ():
            if name in (extra or {}):
                # RFC 6749 section 2.3: no two in one request.
                raise errors.ConfigurationError(
                    f"extra holds {name}, which proves the client; use client_secret= "
                    "or client_auth= for that"
                )
        self.server: Final = server
        self.client_id: Final = client_id
        self.client_secret: Final = client_secret
        self.client_auth: Final = client_auth
        self.scope: Final = _joined(scope)
        self.audience: Final = (
            audience if audience is None or isinstance(audience, str) else [*audience]
        )
        self.resource: Final = [] if resource is None else _checked(_listed(resource))
        self.extra: Final = dict(extra) if extra else {}
        self.refresh_scope: Final = refresh_scope
        self.check()

    def check(self) -> None:
        """Refuse a configuration that this grant cannot work with.

        Raises:
            ConfigurationError: Something is missing.
        """

    def token_request(self, server: AuthorizationServer) -> dict[str, Any] | None:
        """Return the parameters of the grant's own token request.

        Args:
            server: The grant's server, with its metadata.

        Returns:
            None if it has none, and only a refresh token can get the next token: if
            it needs a person.

        Raises:
            ConfigurationError: What it presents is missing, or cannot be read.
        """
        raise NotImplementedError

    def refresh_request(self, refresh_token: SecretSource) -> dict[str, Any]:
        """Return the parameters of a refresh (RFC 6749 section 6)."""
        standard: dict[str, Any] = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "scope": self.refresh_scope,
            "resource": self.resource,
        }
        return self.with_extra(standard)

    def with_extra(self, standard: dict[str, Any]) -> dict[str, Any]:
        """Return a request's parameters with those that the caller added.

        Raises:
            ConfigurationError: One of them is there already.
        """
        # Here, since a program that finds its token in the store sends no request.
        from oauth_auth.protocol import merge_params

        return merge_params(standard, self.extra)

    def refresh_token_of(self, token: Token | None) -> SecretSource | None:
        """Return the refresh token that the next renewal spends, if any."""
        return token._refresh_token if token else None

    def inputs(self, account: str | None) -> dict[str, Any]:
        """Return everything that can change which token is issued.

        Who does not know the client's secret, or have its key, does not get a token
        that nobody had to log in for, so it counts there; where a person logged in, a
        replaced one must not lose the login.

        Raises:
            ConfigurationError: Nothing tells whose token it would be, and there is no
                account; or a secret cannot be read.
        """
        return {
            "server": self.server.name,
            "client_id": self.client_id,
            "grant_type": self.grant_type,
            "account": account,
            "scope": sorted(set((self.scope or "").split())),
            "audience": self.audience
            if self.audience is None or isinstance(self.audience, str)
            else sorted(self.audience),
            "resource": sorted(self.resource),
            "extra": self.extra,
            "client_secret": None if self.needs_person else self.client_secret,
            # Who has two profiles with the same settings has two logins, perhaps of
            # two people.
            "profile": self._profile,
            "client_key": None if self.needs_person else self._client_key(account),
        }

    def _client_key(self, account: str | None) -> Any:
        if self.client_auth is None or isinstance(self.client_auth, str):
            return None
        from oauth_auth.client_auth import client_key_of  # where that object is from

        return client_key_of(self.client_auth, account)

    @property
    def takes_time(self) -> bool:
        """Whether `inputs` may ask more than memory and a file, so not on a loop."""
        return (
            self.needs_person
            or takes_time(self.client_secret)
            or takes_time(getattr(self.client_auth, "credential", None))
        )

    def about(self, account: str | None) -> dict[str, str]:
        """Return what a person wants to see of a record."""
        known = {
            "server": self.server.name,
            "client_id": self.client_id,
            "grant_type": self.grant_type,
            "account": account,
            "scope": self.scope,
        }
        return {name: value for name, value in known.items() if value}

    @property
    def remedy(self) -> str:
        """What to do when the login has ended."""
        if self._command is not None:
            return f"run: {self._command}"
        return self._remedy

    def of_profile(self, name: str | None) -> Self:
        """Return the same grant as a profile's; None for no profile's."""
        other = copy.copy(self)
        other._profile = name
        other._command = f"oauth-auth login {name}" if name else None
        return other

    def without_command(self) -> Self:
        """Return the same grant, for logins that the command line does not make."""
        if self._command is None:
            return self
        other = copy.copy(self)
        other._command = None
        return other

    @property
    def _remedy(self) -> str:
        return "renew() asks the server again"

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.server.name!r}, client_id={self.client_id!r})"
        )


def _joined(scope: str | Iterable[str] | None) -> str | None:
    if scope is None or isinstance(scope, str):
        return scope or None
    return " ".join(scope) or None


def _listed(resource: str | Iterable[str]) -> list[str]:
    return [resource] if isinstance(resource, str) else list(resource)


def _checked(resources: list[str]) -> list[str]:
    for resource in resources:
        if not urlsplit(resource).scheme or "#" in resource:
            raise errors.ConfigurationError(
                f"resource={resource!r} must be an absolute URI without a fragment "
                "(RFC 8707 section 2)"
            )
    return resources

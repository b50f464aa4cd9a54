"""One token for another (RFC 8693): workload identity, delegation, narrower tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Unpack, final

from oauth_auth.grants.base import Grant
from oauth_auth.lazy_errors import errors
from oauth_auth.presented import PresentedToken
from oauth_auth.protocol import merge_params
from oauth_auth.secret import Secret, SecretSource, as_source, takes_time

if TYPE_CHECKING:
    from oauth_auth.grants.base import SharedOptions
    from oauth_auth.presented import GivenToken
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.token import Token

__all__ = ["TokenExchange"]

_PREFIX: Final = "urn:ietf:params:oauth:token-type:"
#: RFC 8693 section 3.
_TYPES: Final = ("access_token", "id_token", "jwt", "refresh_token", "saml1", "saml2")


@final
class TokenExchange(Grant):
    """A token in exchange for another one.

    The tokens that are given are read for each exchange: Kubernetes and CI systems
    replace theirs while programs run.

    Args:
        server: See `Grant`, as for all other arguments.
        subject_token: The token of the party for whom the new one is: `FromFile` or a
            path, `FromEnv`, a function that returns it, an `OAuthAuth` whose access
            token it is, or text. A function says nothing about whose token it
            returns, so `OAuthAuth` needs ``account=`` then.
        subject_token_type: What kind of token that is: ``"access_token"``,
            ``"id_token"``, ``"jwt"``, ``"refresh_token"``, ``"saml1"``, ``"saml2"``,
            or a URI (section 3).
        actor_token: The token of the party that acts for the subject, if another one.
        actor_token_type: What kind of token that is.
        requested_token_type: What kind of token is wanted; by default the server's
            choice.
        client_id: See `Grant`. Some servers want none here.
        options: See `Grant`; `audience` and `resource` say for whom the token is.

    Raises:
        ConfigurationError: A token is given as something else, or a type is unknown.

    Example:
        >>> from oauth_auth import FromFile
        >>> TokenExchange(
        ...     "https://sts.example.com",
        ...     subject_token=FromFile("/var/run/secrets/tokens/sts"),
        ...     subject_token_type="jwt",
        ...     audience="reports",
        ... )
        TokenExchange('https://sts.example.com', \
subject_token=FromFile('/var/run/secrets/tokens/sts'))
    """

    grant_type = "urn:ietf:params:oauth:grant-type:token-exchange"
    needs_person = False
    needs_client = False

    def __init__(
        self,
        server: str | AuthorizationServer | None = None,
        *,
        subject_token: GivenToken,
        subject_token_type: str = "access_token",  # noqa: S107  # a type
        actor_token: GivenToken | None = None,
        actor_token_type: str | None = None,
        requested_token_type: str | None = None,
        client_id: str = "",
        **options: Unpack[SharedOptions],
    ) -> None:
        # First of all: errors raised from here pass this frame.
        options["client_secret"] = as_source(options.get("client_secret"))
        subject_token = PresentedToken(subject_token, "subject token")
        if actor_token is not None:
            actor_token = PresentedToken(actor_token, "actor token")
            # Section 2.1: required with the token, and forbidden without.
            actor_token_type = actor_token_type or "access_token"
        elif actor_token_type is not None:
            raise errors.ConfigurationError(
                "TokenExchange has an actor_token_type and no actor_token"
            )
        self._subject: Final = subject_token
        self._subject_type: Final = _uri(subject_token_type, "subject_token_type")
        self._actor: Final = actor_token
        self._actor_type: Final = _uri(actor_token_type, "actor_token_type")
        self._requested: Final = _uri(requested_token_type, "requested_token_type")
        super().__init__(server, client_id=client_id, **options)

    def token_request(self, server: AuthorizationServer) -> dict[str, Any]:  # noqa: ARG002  # the base class needs it
        """Return the parameters of section 2.1.

        Raises:
            ConfigurationError: A token is missing, cannot be read, or has expired.
            OAuthAuthError: It is another login's, and not to be had.
        """
        actor = self._actor
        standard: dict[str, Any] = {
            "grant_type": self.grant_type,
            "resource": self.resource,
            "audience": self.audience,
            "scope": self.scope,
            "requested_token_type": self._requested,
            "subject_token": Secret(self._subject.reveal()),
            "subject_token_type": self._subject_type,
            "actor_token": None if actor is None else Secret(actor.reveal()),
            "actor_token_type": self._actor_type,
        }
        return merge_params(standard, self.extra)

    def refresh_token_of(self, token: Token | None) -> SecretSource | None:  # noqa: ARG002  # the base class needs it
        """Return None: the subject's token tells whether there is to be another one."""
        return None

    def inputs(self, account: str | None) -> dict[str, Any]:
        """Return everything that can change which token is issued."""
        actor = self._actor
        whose = {
            "subject_token": self._subject.identity(account),
            "subject_token_type": self._subject_type,
            "actor_token": None if actor is None else actor.identity(account),
            "actor_token_type": self._actor_type,
            "requested_token_type": self._requested,
        }
        return {**super().inputs(account), **whose}

    @property
    def takes_time(self) -> bool:
        """Whether `inputs` may ask more than memory and a file, so not on a loop."""
        return (
            super().takes_time or takes_time(self._subject) or takes_time(self._actor)
        )

    def __repr__(self) -> str:
        actor = "" if self._actor is None else f", actor_token={self._actor!r}"
        return (
            f"TokenExchange({self.server.name!r}, subject_token={self._subject!r}"
            f"{actor})"
        )


def _uri(token_type: str | None, name: str) -> str | None:
    if token_type is None or ":" in token_type:
        return token_type
    if token_type not in _TYPES:
        raise errors.ConfigurationError(
            f"{name}={token_type!r} is neither a URI nor one of: {', '.join(_TYPES)}"
        )
    return _PREFIX + token_type

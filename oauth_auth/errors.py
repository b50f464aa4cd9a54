"""What can go wrong, sorted by whose turn it is.

    OAuthAuthError                    also oauthlib's OAuth2Error
    +-- LoginRequired                 a person: log in (again)
    +-- LoginFailed                   a login came to nothing: log in again
    |   +-- AccessDeniedError         the person, or the server, said no
    |   +-- MismatchingStateError     an answer to another login
    +-- TokenEndpointError            the authorization server said no
    |   +-- InvalidGrantError, InvalidClientError, ...   RFC 6749 section 5.2
    |   +-- ServerError, TemporarilyUnavailableError     try again later
    |   +-- UnsupportedTokenTypeError                    RFC 6749 section 7.1
    +-- EndpointUnreachable           the network: no usable answer came
    +-- TokenStoreError               our own cache
    |   +-- StoreLocked               also a TimeoutError
    |   +-- StoreNotWritable
    |   |   +-- StoreUnreachable      its server is down or cut off: try again later
    |   +-- StoreCorrupt
    |   +-- StoreConflict
    |   +-- KeyMismatch
    +-- ConfigurationError            the caller: also a ValueError

Every error inherits oauthlib's class of the same name where there is one, so that
``except OAuth2Error``, ``except TokenExpiredError`` and ``except InvalidGrantError``
in existing programs go on working. Every error pickles, and none holds a secret. A
401 that stays a 401 after a renewal is a response, not an error.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from oauthlib.oauth2.rfc6749 import errors as oauthlib_errors

__all__ = [
    "AccessDeniedError",
    "ConfigurationError",
    "EndpointUnreachable",
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidScopeError",
    "KeyMismatch",
    "LoginFailed",
    "LoginRequired",
    "MismatchingStateError",
    "OAuthAuthError",
    "ServerError",
    "StoreConflict",
    "StoreCorrupt",
    "StoreLocked",
    "StoreNotWritable",
    "StoreUnreachable",
    "TemporarilyUnavailableError",
    "TokenEndpointError",
    "TokenStoreError",
    "UnauthorizedClientError",
    "UnsupportedGrantTypeError",
    "UnsupportedTokenTypeError",
]

#: An error as plain data, so that it can lie in a store and be raised elsewhere.
Facts: TypeAlias = dict[str, Any]


def _restore(kind: type[OAuthAuthError], message: str, facts: Facts) -> OAuthAuthError:
    error: OAuthAuthError = kind.__new__(kind)
    OAuthAuthError.__init__(error, message, **facts)
    return error


class OAuthAuthError(oauthlib_errors.OAuth2Error):
    """The base of everything that this package raises.

    Args:
        message: What happened, to which thing, and what to do next.
        facts: Further attributes; plain data only, since errors cross processes.
    """

    #: The error code of RFC 6749 section 5.2, or a name in its style.
    error: str | None = "oauth_auth_error"
    #: Whether the same call may succeed later without anybody doing anything.
    retryable: bool = False
    #: The server's text, or the message where no server spoke.
    description: str
    #: The server's ``error_uri``.
    uri: str | None
    #: The HTTP status of the answer; None where no answer came.
    status_code: int | None

    def __init__(self, message: str, **facts: Any) -> None:
        # oauthlib's constructor would put "(code) " before the text once more with
        # every round through pickle, so only its attributes are taken over.
        Exception.__init__(self, message)
        self.message = message
        self.description = message
        self.uri = self.state = self.redirect_uri = self.client_id = None
        self.scopes = self.response_type = self.response_mode = self.grant_type = None
        self.status_code = None
        self._facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message, self._facts)


class LoginRequired(OAuthAuthError, oauthlib_errors.TokenExpiredError):
    """A person has to log in: there is no token, or the server ended the login.

    Also oauthlib's `TokenExpiredError`. The message ends with what to run or call.
    """

    error = "login_required"


class LoginFailed(OAuthAuthError):
    """A login was not finished: refused, not answered in time, or answered wrongly.

    ``.error`` is the server's code (RFC 6749 section 4.1.2.1, RFC 8628 section 3.5)
    where it sent one.
    """

    error = "login_failed"


class AccessDeniedError(LoginFailed, oauthlib_errors.AccessDeniedError):
    """The person, or a rule of the server, refused the login."""

    error = "access_denied"


class MismatchingStateError(LoginFailed, oauthlib_errors.MismatchingStateError):
    """An authorization response that does not belong to this login."""

    error = "mismatching_state"


class TokenEndpointError(OAuthAuthError):
    """The authorization server answered, and the answer is not a token.

    RFC 6749 section 5.2. ``.error`` is its code or None where it sent none,
    ``.description`` and ``.uri`` its texts, ``.status_code`` the HTTP status.
    """

    error: str | None = None


class InvalidRequestError(TokenEndpointError, oauthlib_errors.InvalidRequestError):
    """The server found the request malformed."""

    error = "invalid_request"


class InvalidClientError(TokenEndpointError, oauthlib_errors.InvalidClientError):
    """The client's credentials were refused; the message names the method tried."""

    error = "invalid_client"


class InvalidGrantError(TokenEndpointError, oauthlib_errors.InvalidGrantError):
    """The refresh token, code or assertion is not valid (any more)."""

    error = "invalid_grant"


class UnauthorizedClientError(
    TokenEndpointError, oauthlib_errors.UnauthorizedClientError
):
    """This client may not use this grant type."""

    error = "unauthorized_client"


class UnsupportedGrantTypeError(
    TokenEndpointError, oauthlib_errors.UnsupportedGrantTypeError
):
    """The server does not know this grant type."""

    error = "unsupported_grant_type"


class InvalidScopeError(TokenEndpointError, oauthlib_errors.InvalidScopeError):
    """The scope asked for is unknown, malformed or more than was granted."""

    error = "invalid_scope"


class ServerError(TokenEndpointError, oauthlib_errors.ServerError):
    """The server failed (5xx) or answered with something that is no OAuth answer."""

    error = "server_error"
    retryable = True


class TemporarilyUnavailableError(
    TokenEndpointError, oauthlib_errors.TemporarilyUnavailableError
):
    """The server asks to come back later (408, 429, 503)."""

    error = "temporarily_unavailable"
    retryable = True


class UnsupportedTokenTypeError(
    TokenEndpointError, oauthlib_errors.UnsupportedTokenTypeError
):
    """The token has a type that this package cannot present (RFC 6749 section 7.1)."""

    error = "unsupported_token_type"


class EndpointUnreachable(OAuthAuthError):
    """No usable answer came: refused, unresolved, timed out, cut off, or TLS failed.

    In a requests call it is also a `requests.ConnectionError`, in an httpx or httpx2
    call that library's `ConnectError`, so that existing retry code works.
    """

    error = "endpoint_unreachable"
    retryable = True
    #: True when the request may have been processed although no answer came.
    outcome_unknown: bool = False


class TokenStoreError(OAuthAuthError):
    """The token store failed."""

    error = "token_store_error"


class StoreLocked(TokenStoreError, TimeoutError):
    """Another worker held the record's lock for too long."""

    error = "store_locked"
    retryable = True


class StoreNotWritable(TokenStoreError):
    """The store cannot be written, so no refresh token was spent."""

    error = "store_not_writable"


class StoreUnreachable(StoreNotWritable):
    """The store's server did not answer, or is not ready: no refresh token was spent.

    Tokens in memory are used as long as they live; the next renewal tries again.
    """

    error = "store_unreachable"
    retryable = True


class StoreConflict(TokenStoreError):
    """The store already holds this generation of the record, or a newer one."""

    error = "store_conflict"


class StoreCorrupt(TokenStoreError):
    """A record is damaged."""

    error = "store_corrupt"


class KeyMismatch(TokenStoreError):
    """A record was sealed with a key that is not among ours."""

    error = "key_mismatch"


class ConfigurationError(OAuthAuthError, ValueError):
    """The caller's configuration cannot work."""

    error = "configuration_error"


#: RFC 6749 section 5.2 codes and their classes.
BY_CODE: dict[str, type[TokenEndpointError]] = {
    kind.error: kind
    for kind in (
        InvalidRequestError,
        InvalidClientError,
        InvalidGrantError,
        UnauthorizedClientError,
        UnsupportedGrantTypeError,
        InvalidScopeError,
        ServerError,
        TemporarilyUnavailableError,
    )
    if kind.error
}


_BY_NAME: dict[str, type[OAuthAuthError]] = {name: globals()[name] for name in __all__}


def to_facts(error: OAuthAuthError) -> Facts:
    """Return an error as plain data, for `from_facts`."""
    kind = next(k for k in type(error).__mro__ if k.__name__ in _BY_NAME)
    return {"kind": kind.__name__, "message": error.message, "facts": error._facts}


def from_facts(data: Facts) -> OAuthAuthError:
    """Make a new error from `to_facts`, as each waiter gets one of its own."""
    kind = _BY_NAME.get(data["kind"], OAuthAuthError)
    return _restore(kind, data["message"], dict(data["facts"]))

"""Errors of a session: ours, and oauthlib's or requests' where scripts catch those.

requests-oauthlib raises what oauthlib's parser and requests raise. Each error here is
the package's own, with its text that tells no secret, and an instance of that class
too, so that the ``except`` clauses of existing scripts go on working.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import requests
from oauthlib.oauth2.rfc6749 import errors as oauthlib_errors

from oauth_auth.lazy_errors import errors
from oauth_auth.transport.failures import reason, scrubbed

if TYPE_CHECKING:
    from oauth_auth.errors import OAuthAuthError

__all__ = ["also", "as_scripts_expect", "kind_for", "unreachable"]

#: Attributes of the errors of requests, which its constructor would set.
_EMPTY: Final = {"request": None, "response": None}
#: Exceptions of requests after which the request certainly was not sent.
_NEVER_SENT: Final = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidProxyURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)
#: What urllib3 and ssl call a connection that did not come about.
_NO_CONNECTION: Final = (
    "ConnectTimeoutError",
    "ConnectionRefusedError",
    "NameResolutionError",
    "NewConnectionError",
    "SSLCertVerificationError",
    "gaierror",
)
_LONGEST_CHAIN: Final = 10
_made: dict[tuple[type[Any], type[Any]], type[Any]] = {}


class _TimeoutToo(requests.exceptions.ConnectionError, requests.exceptions.Timeout):
    """What waited too long, for those who catch either."""


def also(error: OAuthAuthError, kind: type[Exception]) -> OAuthAuthError:
    """Return an error that says the same and is an instance of another class too."""
    if isinstance(error, kind):
        return error
    made: OAuthAuthError = _restore(type(error), kind, error.message, error._facts)
    return made


def _restore(
    ours: type[Any], kind: type[Any], message: str, facts: dict[str, Any]
) -> Any:
    both = _made.get((ours, kind))
    if both is None:
        both = type(
            ours.__name__,
            (ours, kind),
            {
                "__module__": __name__,
                "__doc__": ours.__doc__,
                "__reduce__": _reduce,
                "_parts": (ours, kind),
                **_EMPTY,
            },
        )
        # Threads that fail together must raise one class.
        both = _made.setdefault((ours, kind), both)
    error: Any = both.__new__(both)  # type: ignore[call-overload]
    errors.OAuthAuthError.__init__(error, message, **facts)
    return error


def _reduce(error: Any) -> tuple[Any, ...]:
    return _restore, (*error._parts, error.message, error._facts)


def kind_for(code: str | None) -> type[Exception]:
    """Return the class that oauthlib raises for an error code; none means no token."""
    if code is None:
        return oauthlib_errors.MissingTokenError  # type: ignore[no-any-return]
    kinds = (
        kind
        for kind in vars(oauthlib_errors).values()
        if isinstance(kind, type) and getattr(kind, "error", None) == code
    )
    return next(kinds, oauthlib_errors.CustomOAuth2Error)


def as_scripts_expect(error: OAuthAuthError) -> OAuthAuthError:
    """Return a renewal's error as what requests-oauthlib would have raised, too."""
    if isinstance(error, errors.LoginRequired):
        if error.status_code is not None:
            error._facts["error"] = "invalid_grant"
        return also(error, oauthlib_errors.InvalidGrantError)
    if isinstance(error, errors.EndpointUnreachable):
        late = getattr(error, "timed_out", False)
        return also(error, _TimeoutToo if late else requests.exceptions.ConnectionError)
    if isinstance(error, errors.TokenEndpointError):
        return also(error, kind_for(error._facts.get("error")))
    return error


def unreachable(error: Exception, where: str, *, sent: bool) -> OAuthAuthError:
    """Return what to raise where posting to a token endpoint has failed.

    Args:
        error: What was raised.
        where: The endpoint.
        sent: Whether the request may have been sent, as far as is known from outside.
    """
    unknown = sent and not (isinstance(error, _NEVER_SENT) or _unconnected(error))
    what = "no usable answer came from" if unknown else "cannot reach"
    made = errors.EndpointUnreachable(
        f"{what} {where}: {reason(error)}; check the network, and the session's "
        "proxies, verify and cert",
        outcome_unknown=unknown,
        timed_out=isinstance(error, requests.exceptions.Timeout),
    )
    made.__cause__ = scrubbed(error)
    return made


def _unconnected(error: BaseException) -> bool:
    links: list[Any] = [error]
    seen = 0
    while links and seen < _LONGEST_CHAIN:
        link = links.pop()
        seen += 1
        if type(link).__name__ in _NO_CONNECTION:
            return True
        links += [
            inner
            # urllib3 puts the reason into an attribute, requests into the arguments.
            for inner in (
                *getattr(link, "args", ()),
                getattr(link, "reason", None),
                link.__cause__,
                link.__context__,
            )
            if isinstance(inner, BaseException)
        ]
    return False

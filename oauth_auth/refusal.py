"""An answer that is not what was asked for: what it means, and how to say so.

RFC 6749 section 5.2, and what servers and the proxies before them send instead.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import urljoin, urlsplit

from oauth_auth.lazy_errors import errors
from oauth_auth.quoting import describe_body, place, quoted
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oauth_auth.answer import Members
    from oauth_auth.errors import TokenEndpointError
    from oauth_auth.message import Response

__all__ = ["LATER", "Outcome", "Refusal", "is_redirect", "is_success", "redirect_host"]

#: Codes that say that this refresh token (or code, or assertion) is dead: RFC 6749
#: section 5.2, then GitHub and Slack, both with status 200. "invalid_request" and
#: "invalid_token" also mean this at some servers, but at most they mean a faulty
#: request, and taking a fault for the end of a login logs people out.
_GRANT_ENDED: Final = frozenset(
    {"invalid_grant", "bad_refresh_token", "invalid_refresh_token"}
)
#: Slack, when the request was a refresh; elsewhere it speaks of an authorization code.
_GRANT_ENDED_REFRESHING: Final = _GRANT_ENDED | {"invalid_code"}

#: Statuses that say that the request was not processed (RFC 9110, RFC 6585).
LATER: Final = frozenset({408, 429, 503})

_CLIENT_REMEDIES: Final = {
    "client_secret_jwt": "check client_id, client_secret and this machine's clock, or "
    'try ClientSecretJWT(audience="issuer")',
    "private_key_jwt": "check client_id, that the server has the key's public part "
    'under its key_id, and this machine\'s clock, or try audience="issuer"',
    "self_signed_tls_client_auth": "check client_id, and that the server has this "
    "certificate on record",
    "tls_client_auth": "check client_id, and that the server knows the certificate's "
    "subject and its CA",
}
_NEXT_STEPS: Final = {
    "invalid_request": "check the parameters that this client sends",
    "invalid_scope": "ask for a scope that this client may have",
    "unauthorized_client": "allow this grant type for the client at the server",
    "unsupported_grant_type": "use a grant that this server offers",
}


class Outcome(enum.Enum):
    """What became of a token request, as far as its answer tells."""

    #: A token was issued.
    GRANTED = "granted"
    #: The refresh token, code or assertion is dead.
    GRANT_ENDED = "grant ended"
    #: The server may have processed the request, and what it issued is lost.
    UNKNOWN = "unknown"
    #: The request was not processed; it may be sent again later.
    LATER = "later"
    #: The request was understood and refused; the refresh token is as good as before.
    REFUSED = "refused"


def is_success(response: Response) -> bool:
    """Whether the status is one of RFC 9110 section 15.3."""
    return 200 <= response.status < 300  # noqa: PLR2004


def is_redirect(response: Response) -> bool:
    """Whether the status is one of RFC 9110 section 15.4."""
    return 300 <= response.status < 400  # noqa: PLR2004


def redirect_host(response: Response, hidden: Sequence[Secret] = ()) -> str:
    """Return the host that a redirect leads to, fit for an error message."""
    try:
        location = urljoin("//this host/", response.headers["location"])
        host = urlsplit(location).hostname
    except (KeyError, ValueError):
        host = None
    # The rest of the URL may hold a code or a token.
    return quoted(Secret(host or "nowhere"), hidden)


@final
class Refusal:
    """The judgement of an answer that is no success. Nothing here raises.

    Args:
        response: The answer.
        members: What was found in its body.
        hidden: The secrets that must not be repeated, from `spellings`.
        refreshing: Whether the request was a refresh.
    """

    __slots__ = ("_ended", "_hidden", "_members", "_response", "code", "outcome")

    def __init__(
        self,
        response: Response,
        members: Members | None,
        hidden: Sequence[Secret],
        *,
        refreshing: bool,
    ) -> None:
        self._response: Final = response
        self._members: Final = members
        self._hidden: Final = hidden
        self._ended: Final = _GRANT_ENDED_REFRESHING if refreshing else _GRANT_ENDED
        #: The error code, if one was sent.
        self.code: Final = self._code()
        self.outcome: Final = self._outcome()

    def _code(self) -> str | None:
        text = self._members.text("error") if self._members else None
        # Who redirects is not the token endpoint, and cannot know a refresh token.
        if text is None or is_redirect(self._response):
            return None
        # A known code is no secret, even if a made-up secret looks like one.
        for code in (*self._ended, *errors.BY_CODE):
            if text.reveal() == code:
                return code
        return quoted(text, self._hidden) or None

    def _outcome(self) -> Outcome:
        status = self._response.status
        # A status that tells of trouble outweighs the code: a login must not end
        # because of an answer that a proxy or a failing server made.
        if status in LATER:
            return Outcome.LATER
        if not 200 <= status < 500:  # noqa: PLR2004  # RFC 9110 section 15
            return Outcome.UNKNOWN
        if self.code in self._ended:
            return Outcome.GRANT_ENDED
        if self.code == "temporarily_unavailable":
            return Outcome.LATER
        # RFC 6749 section 4.1.2.1: "server_error" is what status 500 says elsewhere.
        if self.code == "server_error" or self._is_broken_success():
            return Outcome.UNKNOWN
        return Outcome.REFUSED

    def _is_broken_success(self) -> bool:
        rejects = self._members is not None and self._members.rejects
        return is_success(self._response) and not rejects

    def error(
        self,
        url: str,
        endpoint: str,
        *,
        auth_method: str = "",
        retry_after: float | None = None,
    ) -> TokenEndpointError:
        """Return what to raise: what happened, where, and what to do next.

        Args:
            url: The endpoint that answered.
            endpoint: The metadata's name for it (RFC 8414 section 2).
            auth_method: How the client authenticated (RFC 7591 name).
            retry_after: Seconds to wait, if the server said so.
        """
        text = self._text("error_description")
        known: dict[str, Any] = {
            "status_code": self._response.status,
            "error": self.code,
            "description": text,
            "uri": self._text("error_uri"),
        }
        step = self._next_step(endpoint, auth_method, retry_after)
        return self._kind()(
            f"{place(url)} answered {self._happened(text)}; {step}",
            **{name: value for name, value in known.items() if value},
        )

    def _kind(self) -> type[TokenEndpointError]:
        kinds = {
            Outcome.GRANT_ENDED: errors.InvalidGrantError,
            Outcome.UNKNOWN: errors.ServerError,
            Outcome.LATER: errors.TemporarilyUnavailableError,
        }
        by_code = errors.BY_CODE.get(self.code or "", errors.TokenEndpointError)
        return kinds.get(self.outcome, by_code)

    def _text(self, name: str) -> str:
        text = self._members.text(name) if self._members else None
        return quoted(text, self._hidden) if text else ""

    def _happened(self, text: str) -> str:
        status = self._response.status
        if is_redirect(self._response):
            return (
                f"{status}, a redirect to {redirect_host(self._response, self._hidden)}"
            )
        if self.code or text:
            words = ": ".join(filter(None, (self.code, text.rstrip(". "))))
            return f"{status} {words}"
        if self._members is not None and is_success(self._response):
            what = (
                "no usable access_token" if self._is_broken_success() else "a refusal"
            )
            return f"{status} with {what} ({len(self._response.body)} bytes)"
        return f"{status}, {describe_body(self._response, self._hidden)}"

    def _next_step(
        self, endpoint: str, auth_method: str, retry_after: float | None
    ) -> str:
        step = f"check that this is the server's {endpoint}, and the client's settings"
        if is_redirect(self._response):
            step = (
                "secrets are not sent to where a redirect leads; if that is the right "
                f"place, write its URL as {endpoint}"
            )
        elif self.outcome is Outcome.GRANT_ENDED:
            step = "this grant is used up, expired or revoked: log in or ask anew"
        elif self.outcome is Outcome.LATER:
            step = f"try again {f'in {retry_after:g} s' if retry_after else 'later'}"
        elif self.outcome is Outcome.UNKNOWN and not self._is_broken_success():
            step = "the server failed: try again later"
        elif self.code == "invalid_client":
            step = _client_remedy(auth_method)
        elif self.code in _NEXT_STEPS:
            step = _NEXT_STEPS[self.code]
        return step


def _client_remedy(auth_method: str) -> str:
    if auth_method == "none":
        return "no client secret was sent; pass client_secret if the client has one"
    tried = f"{auth_method} was tried: " if auth_method else ""
    if auth_method in _CLIENT_REMEDIES:
        return f"{tried}{_CLIENT_REMEDIES[auth_method]}"
    other = "basic" if auth_method == "client_secret_post" else "post"
    return (
        f"{tried}check client_id and client_secret, or try "
        f'client_auth="client_secret_{other}"'
    )

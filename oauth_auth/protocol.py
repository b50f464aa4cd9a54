"""Building requests and judging responses: pure functions, the RFC beside each check.

Whatever a server sends, judging it returns. A refresh token may have been spent for
the answer, so an exception here would lose the token that replaces it.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import urlencode

from oauth_auth import answer
from oauth_auth.lazy_errors import errors
from oauth_auth.quoting import spellings
from oauth_auth.refusal import Outcome, Refusal, is_success
from oauth_auth.secret import Secret, SecretSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_auth.challenge import Challenge
    from oauth_auth.errors import TokenEndpointError
    from oauth_auth.message import Response
    from oauth_auth.token import Token

__all__ = [
    "Outcome",
    "Param",
    "TokenAnswer",
    "Verdict",
    "encode_form",
    "judge_401",
    "judge_revocation_response",
    "judge_token_response",
    "merge_params",
    "revocation_params",
    "settled",
]

#: One parameter of a request; None and empty ones are not sent.
Param: TypeAlias = "str | Sequence[str] | SecretSource | None"

#: RFC 8707 section 2 and RFC 8693 section 2.1 allow these several times; RFC 6749
#: section 3.2 forbids it for all others.
_REPEATABLE: Final = frozenset({"resource", "audience"})

#: Longer waits than these seconds are not believed.
_LONGEST_WAIT: Final = 3600.0


class TokenAnswer(NamedTuple):
    """The judgement of a token response."""

    outcome: Outcome
    #: What to save: with GRANTED the token; with UNKNOWN perhaps one that consists of
    #: a new refresh token, which the server wants to see next; else None.
    token: Token | None
    #: What to raise, unless the outcome is GRANTED.
    error: TokenEndpointError | None
    #: Seconds to wait, if the server said so; at most an hour.
    retry_after: float | None


class Verdict(enum.Enum):
    """What to do about a 401."""

    #: Give it to the caller, untouched.
    RETURN = "return"
    #: Retry once with the different token that is held; ask nobody for one.
    ADOPT = "adopt"
    #: Renew, then retry once.
    RENEW = "renew"
    #: Renew or adopt for the requests to come; this one cannot be sent again.
    RENEW_ONLY = "renew only"

    @property
    def helps(self) -> bool:
        """Whether another token is worth having."""
        return self is not Verdict.RETURN

    @property
    def repeats(self) -> bool:
        """Whether this request is sent once more."""
        return self in (Verdict.ADOPT, Verdict.RENEW)


def settled(source: SecretSource, name: str) -> Secret:
    """Read a secret once, and make sure that it can be sent.

    Raises:
        ConfigurationError: It cannot be read, or is no text that UTF-8 can hold.
    """
    secret = Secret(source.reveal())
    if not _is_utf8(secret):
        raise errors.ConfigurationError(
            f"{name} holds bytes that are not UTF-8; check where it is read from"
        )
    return secret


def _is_utf8(secret: Secret) -> bool:
    try:
        return secret.reveal().encode() is not None
    except UnicodeEncodeError:
        # It holds the secret, so it must not become another error's context.
        return False


def encode_form(params: Mapping[str, Param]) -> Secret:
    """Return the body of a request: a form in UTF-8 (RFC 6749 appendix B).

    Args:
        params: Parameters without a value are left out, which is what a server takes
            them for (RFC 6749 section 3.2). Several values are for those that may be
            sent more than once: ``resource`` and ``audience``.

    Raises:
        ConfigurationError: A value is neither text nor a secret, or is a list where
            one value is allowed.

    Example:
        >>> encode_form({"grant_type": "client_credentials", "scope": None}).reveal()
        'grant_type=client_credentials'
    """
    return Secret(
        urlencode(
            [
                (name, value.reveal())
                for name, param in params.items()
                for value in _values(name, param)
                if value
            ]
        )
    )


def _values(name: str, param: Param) -> list[Secret]:
    if param is None:
        return []
    if isinstance(param, SecretSource):
        return [settled(param, name)]
    if isinstance(param, str):
        return [settled(Secret(param), name)]
    if not isinstance(param, list | tuple):
        raise errors.ConfigurationError(
            f"the parameter {name} must be text, not {type(param).__name__}"
        )
    if name not in _REPEATABLE:
        raise errors.ConfigurationError(
            f"the parameter {name} has several values, but must not be sent twice "
            "(RFC 6749 section 3.2); join them as its definition says"
        )
    return [value for item in param for value in _values(name, item)]


def merge_params(
    standard: Mapping[str, Param], extra: Mapping[str, Param]
) -> dict[str, Param]:
    """Add the user's own parameters to those of a grant.

    Raises:
        ConfigurationError: One of them is already there (RFC 6749 section 3.2).
    """
    for name, value in extra.items():
        if value and standard.get(name):
            raise errors.ConfigurationError(
                f"extra holds the parameter {name}, which is sent anyway and must not "
                "be sent twice (RFC 6749 section 3.2); take it out of extra, or set "
                "the argument of that name"
            )
    return {**standard, **{name: value for name, value in extra.items() if value}}


def judge_token_response(
    response: Response,
    *,
    url: str,
    now: float,
    sent: Sequence[SecretSource] = (),
    previous: Token | None = None,
    auth_method: str = "",
    refreshing: bool = False,
) -> TokenAnswer:
    """Judge the answer of a token endpoint (RFC 6749 sections 5.1, 5.2 and 6).

    It never raises, whatever the answer is.

    Args:
        response: The answer.
        url: The token endpoint, for messages.
        now: When the answer came, in seconds since the epoch.
        sent: The secrets of the request, to be hidden where the server repeats them.
        previous: The token whose refresh token was sent; what the answer does not
            renew of it goes on.
        auth_method: How the client authenticated, for messages (RFC 7591 name).
        refreshing: Whether the request was a refresh.

    Returns:
        The outcome, and with it the token to save or the error to raise.
    """
    members = answer.parse(response)
    token = None
    # RFC 6749 section 5.1: only a success grants, whatever else a body may hold.
    if is_success(response) and members is not None and not members.rejects:
        token = answer.read_token(
            members, now=now, previous=previous, refreshing=refreshing
        )
        if token is not None and token._access_token:
            return TokenAnswer(Outcome.GRANTED, token, None, None)
    hidden = spellings(
        (
            *sent,
            *(_secrets_of(previous) if previous else ()),
            *(members.secrets() if members else ()),
        )
    )
    retry_after = _retry_after(response, now)
    refusal = Refusal(response, members, hidden, refreshing=refreshing)
    error = refusal.error(
        url, "token_endpoint", auth_method=auth_method, retry_after=retry_after
    )
    return TokenAnswer(refusal.outcome, token, error, retry_after)


def revocation_params(
    token: SecretSource,
    token_type_hint: str = "refresh_token",  # noqa: S107  # a type, not a password
) -> dict[str, Param]:
    """Return the parameters of RFC 7009 section 2.1.

    Args:
        token: The token to revoke.
        token_type_hint: Its kind, which only helps the server to find it.
    """
    return {"token": token, "token_type_hint": token_type_hint}


def judge_revocation_response(
    response: Response,
    url: str,
    *,
    sent: Sequence[SecretSource] = (),
    auth_method: str = "",
) -> TokenEndpointError | None:
    """Judge the answer of a revocation endpoint (RFC 7009 section 2.2).

    Args:
        response: The answer.
        url: The revocation endpoint, for messages.
        sent: The secrets of the request, to be hidden where the server repeats them.
        auth_method: How the client authenticated, for messages (RFC 7591 name).

    Returns:
        What went wrong; None if the token is revoked. A token that the server does
        not know counts as revoked, and the body of a success means nothing.
    """
    if is_success(response):
        return None
    refusal = Refusal(
        response, answer.parse(response), spellings(sent), refreshing=False
    )
    return refusal.error(url, "revocation_endpoint", auth_method=auth_method)


def _secrets_of(token: Token) -> tuple[Secret | None, ...]:
    return token._access_token, token._refresh_token, token._id_token


def _retry_after(response: Response, now: float) -> float | None:
    """Read RFC 9110 section 10.2.3: seconds, or a date."""
    text = response.headers.get("retry-after", "")
    delay = answer.seconds(text)
    if delay is None and text:
        end = _date(text)
        # By the server's own clock where it says that, since this one may be wrong.
        sent_at = _date(response.headers.get("date", ""))
        delay = None if end is None else end - (now if sent_at is None else sent_at)
    return min(delay, _LONGEST_WAIT) if delay is not None and delay >= 0 else None


def _date(text: str) -> float | None:
    """Read a date of RFC 9110 section 5.6.7, in seconds since the epoch."""
    from email.utils import mktime_tz, parsedate_tz

    try:
        date = parsedate_tz(text)
        return float(mktime_tz(date)) if date else None
    except (ValueError, OverflowError):
        return None


def judge_401(
    *,
    status: int,
    challenges: tuple[Challenge, ...],
    carries_our_token: bool,
    same_origin: bool,
    replayable: bool,
    other_token_held: bool,
    accepted_here: bool,
    made_after_rejection_here: bool,
    renewed_enough_for_it: bool,
) -> Verdict:
    """Decide what a 401 of an API is answered with (RFC 6750 section 3.1).

    Args:
        status: The response's status code.
        challenges: Its challenges, from `parse_challenges`.
        carries_our_token: Whether its request carried exactly the token we attached.
        same_origin: Whether it came from the origin that the caller asked.
        replayable: Whether the request's body can be sent again.
        other_token_held: Whether memory or store holds a different token of the same
            or a newer generation.
        accepted_here: Whether this origin has accepted this token before.
        made_after_rejection_here: Whether the token was made after, and less than a
            minute after, this origin rejected one.
        renewed_enough_for_it: Whether this origin's rejections have led to several
            renewals within the last minute.
    """
    # A redirect's target must not make us renew, nor see what is renewed.
    if status != 401 or not (carries_our_token and same_origin):  # noqa: PLR2004
        return Verdict.RETURN
    said = {
        challenge.params.get("error")
        for challenge in challenges
        if challenge.scheme in ("bearer", "dpop")
    }
    # RFC 6750 section 3.1: a new token of the same scope would fare no better. RFC
    # 9449 section 9: a nonce is wanted and the token is good; until proofs can be made
    # anew, the caller gets the 401.
    if not said.isdisjoint(("insufficient_scope", "use_dpop_nonce")):
        return Verdict.RETURN
    if other_token_held:
        return Verdict.ADOPT if replayable else Verdict.RENEW_ONLY
    if renewed_enough_for_it or (made_after_rejection_here and not accepted_here):
        # Renewing has not helped. An API that accepts nothing, or nothing at one of
        # its paths, must cause no storm.
        return Verdict.RETURN
    return Verdict.RENEW if replayable else Verdict.RENEW_ONLY

"""A token endpoint's answer: oauthlib parses it, and a token in it is never lost.

oauthlib's parser raises where a scope has changed, where a lifetime is no integer,
where the answer begins with a byte order mark, and takes a token from an answer of any
status. By then the code or refresh token has been spent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauthlib.oauth2 import OAuth2Token
from oauthlib.oauth2.rfc6749.errors import (
    MissingTokenError,
    MissingTokenTypeError,
    OAuth2Error,
)
from oauthlib.oauth2.rfc6749.parameters import validate_token_parameters

from oauth_auth.lazy_errors import errors
from oauth_auth.message import Response
from oauth_auth.oauth2_session.failures import also, kind_for
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.protocol import judge_token_response
from oauth_auth.quoting import place
from oauth_auth.refusal import is_success

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oauth_auth.secret import SecretSource
    from oauth_auth.token import Token

__all__ = ["Parsed", "as_dict", "as_response", "changed_scope", "hooked", "parse"]

_OK: Final = 200
#: What a token needs to be one in oauthlib's eyes.
_ANY: Final = {"access_token": "any", "token_type": "Bearer"}
_log = logging.getLogger("oauth_auth")


class Parsed(NamedTuple):
    """A token as requests-oauthlib has it."""

    token: Hidden[OAuth2Token]
    #: What there is to say about its scope, if that is not the one asked for.
    warning: str | None


def as_response(answer: Any) -> Response:
    """Return what requests received, or a test put in its place, as plain values."""
    status, headers = answer.status_code, answer.headers
    return Response(
        # A double of a test may have a text and nothing else.
        status if isinstance(status, int) else _OK,
        {str(name).lower(): str(value) for name, value in headers.items()}
        if isinstance(headers, Mapping)
        else {},
        answer.content if isinstance(answer.content, bytes) else answer.text.encode(),
    )


def hooked(answer: Any, hooks: Iterable[Any]) -> tuple[Any, Exception | None]:
    """Run the hooks that mend an answer, none of which may lose it.

    Returns:
        The answer as far as it was mended, and what a hook raised.
    """
    for hook in hooks:
        try:
            answer = hook(answer)
        except Exception as error:  # noqa: BLE001  # the caller's code may raise anything
            return answer, error
    return answer, None


def parse(
    client: Any,
    answer: Any,
    *,
    scope: Any,
    url: str,
    sent: Sequence[SecretSource],
    raised: Exception | None = None,
) -> Parsed:
    """Return the token in an answer, as oauthlib makes it.

    Args:
        client: oauthlib's client, whose attributes stay as they were on failure.
        answer: What requests received, after the hooks.
        scope: The scope asked for.
        url: The token endpoint, for messages.
        sent: The secrets of the request, to be hidden where the server repeats them.
        raised: What a hook raised; it is logged if there is a token, else raised.

    Raises:
        TokenEndpointError: There is none; also oauthlib's error for the answer.
    """
    response = as_response(answer)
    judged = judge_token_response(response, url=url, now=time.time(), sent=sent)
    kind: type[Exception] = kind_for(
        judged.error._facts.get("error") if judged.error else None
    )
    token: Hidden[Any] = Hidden(None)
    warning = None
    if is_success(response):
        before = Hidden(dict(vars(client)))
        try:
            token = Hidden(client.parse_request_body_response(answer.text, scope=scope))
        except Warning as changed:
            # oauthlib raises it after the code or refresh token has been spent.
            token, warning = Hidden(getattr(changed, "token", None)), str(changed)
        except OAuth2Error as error:
            kind = type(error)
        except Exception:  # noqa: BLE001  # of any kind, for lifetimes and lists
            kind = MissingTokenError
        if not _usable(token):
            vars(client).clear()
            vars(client).update(before.value)
            token = Hidden(None)
            if judged.token and judged.error is None and kind != MissingTokenTypeError:
                token = Hidden(as_dict(judged.token))
    if token.value is not None:
        if raised is not None:
            _log.error(
                "a hook for answers of %s raised %s; the token is kept all the same",
                place(url),
                type(raised).__name__,
            )
        return Parsed(token, warning)
    if raised is not None:
        raise raised
    raise also(
        judged.error
        or errors.ServerError(
            f"{place(url)} answered {response.status} with a token of no type, which "
            "OAUTHLIB_STRICT_TOKEN_TYPE forbids",
            status_code=response.status,
        ),
        kind,
    )


def changed_scope(scope: Any, *, asked: Any) -> str | None:
    """Return what oauthlib says where a scope is not the one asked for.

    Args:
        scope: The scope of a token, as a list or text.
        asked: The scope asked for; None if any will do.
    """
    token = OAuth2Token({**_ANY, "scope": scope}, old_scope=asked)
    try:
        validate_token_parameters(token)
    except Warning as changed:
        return str(changed)
    return None


def _usable(token: Hidden[Any]) -> bool:
    """Whether it can be put into a header: no line break may get there."""
    return (
        isinstance(token.value, dict)
        and isinstance(token.value.get("access_token"), str)
        and bool(token.value["access_token"].strip())
        and token.value["access_token"].isprintable()
    )


def as_dict(token: Token) -> OAuth2Token:
    """Return a token as oauthlib makes it of an answer.

    The scope is a list, ``expires_in`` whole seconds.
    """
    times: dict[str, float] = {}
    if token.expires_at is not None:
        # Some versions of oauthlib round it, others do not.
        times["expires_at"] = token.expires_at
        times["expires_in"] = round(token.lifetime or 0.0)
    known = Hidden(
        {
            "access_token": token.access_token,
            "token_type": token.token_type,
            "refresh_token": token.refresh_token,
            "scope": token.scope.split() if token.scope else None,
            "id_token": token.id_token,
        }
    )
    return OAuth2Token(
        {
            **token.extra,
            **{n: known.value[n] for n in known.value if known.value[n] is not None},
            **times,
        }
    )

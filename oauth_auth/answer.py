"""Reading a token answer: from bytes to members to a `Token` (RFC 6749 section 5.1).

Nothing here raises, whatever comes: the refresh token has been spent by now, and what
the answer holds of a new one must reach the store.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn, final
from urllib.parse import parse_qsl

from oauth_auth.quoting import FORM
from oauth_auth.secret import Secret
from oauth_auth.token import LONGEST_LIFE, Token

if TYPE_CHECKING:
    from oauth_auth.message import Response

__all__ = ["Members", "parse", "read_token", "seconds"]

#: Token answers are a few kilobytes; more than this many bytes is something else.
_LARGEST_BODY: Final = 1 << 20
#: Unknown members nested deeper are dropped: a parser may get through where, with a
#: few more calls on the stack, the writer that saves the token does not.
_DEEPEST: Final = 16
#: Longer numbers say nothing about time, and cost time to read.
_LONGEST_NUMBER: Final = 40
#: RFC 6749 appendix A.12, without the space: it goes into a header. Facebook's tokens
#: hold "|", so RFC 6750's narrower b64token would refuse working tokens.
_ACCESS_TOKEN: Final = re.compile(r"[\x21-\x7e]+")

#: The names `Token.to_dict` uses. A server's own ``expires_at`` among the unknown
#: members would come back from a store as the token's expiry.
_KNOWN: Final = frozenset(
    {
        "access_token",
        "expires_at",
        "expires_in",
        "id_token",
        "obtained_at",
        "refresh_at",
        "refresh_in",
        "refresh_token",
        "scope",
        "token_type",
    }
)


@final
class Members:
    """The members of an answer. They may be secrets, so its ``repr`` shows none.

    Args:
        members: The parsed object.
    """

    __slots__ = ("_members",)

    def __init__(self, members: dict[str, Any]) -> None:
        self._members: Final = members

    def get(self, name: str) -> Any:
        """Return a member, None if it is missing."""
        return self._members.get(name)

    def text(self, name: str) -> Secret | None:
        """Return a member that is text and not blank."""
        if not isinstance(self.get(name), str) or not self.get(name).strip():
            return None
        return Secret(self.get(name))

    def secret(self, name: str) -> Secret | None:
        """Return a member that is printable text, as it came."""
        found = self.text(name)
        # Control characters and half surrogates break forms, headers and stores.
        return found if found and found.reveal().isprintable() else None

    def secrets(self) -> tuple[Secret | None, ...]:
        """Return the tokens among them."""
        return tuple(map(self.text, ("access_token", "refresh_token", "id_token")))

    def unknown(self) -> dict[str, Any]:
        """Return the members that are kept for those who know them (section 5.1)."""
        return {
            # The members that are known are tokens, which no frame shall hold.
            _clean_text(name): _clean(self._members[name], _DEEPEST)
            for name in self._members
            if name not in _KNOWN
        }

    @property
    def rejects(self) -> bool:
        """Whether they say no, as GitHub and Slack do with status 200."""
        # ``"error": null`` and ``"error": ""`` accompany successes.
        return bool(self.get("error")) or self.get("ok") is False

    def __repr__(self) -> str:
        return f"Members({len(self._members)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "the members of an answer do not pickle, since tokens may be among them, "
            "and a pickle is readable by anyone"
        )


def parse(response: Response) -> Members | None:
    """Return the members of a body, or None if it has none.

    JSON whatever the content type says, else a form, which servers older than RFC
    6749 send.
    """
    if len(response.body) > _LARGEST_BODY:
        return None
    return _parse_json(response) or _parse_form(response)


def _parse_json(response: Response) -> Members | None:
    try:
        # Of a name sent twice the last one counts (RFC 8259 section 4 leaves it open).
        return _members(
            json.loads(
                # Bytes that are not UTF-8 must not lose the tokens around them.
                response.body.decode("utf-8-sig", "surrogateescape"),
                parse_int=_integer,
            )
        )
    except Exception:  # noqa: BLE001  # of any kind, a MemoryError too
        # JSONDecodeError holds the whole body, and so do the frames that any other one
        # passes: it ends here.
        return None


def _members(value: object) -> Members | None:
    return Members(value) if isinstance(value, dict) else None


def _parse_form(response: Response) -> Members | None:
    text = Secret(response.body.decode("utf-8", "surrogateescape").strip())
    if not FORM.fullmatch(text.reveal()):
        return None
    return Members(dict(parse_qsl(text.reveal(), errors="surrogateescape")))


def _integer(digits: str) -> float:
    # Python refuses to read integers of thousands of digits, and that would lose the
    # rest of the answer.
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float(digits)


def read_token(
    members: Members, *, now: float, previous: Token | None, refreshing: bool
) -> Token | None:
    """Make a token of a successful answer.

    Args:
        members: The answer.
        now: When it came, in seconds since the epoch.
        previous: The token whose refresh token was sent, to keep what was not renewed.
        refreshing: Whether it answers a refresh.

    Returns:
        A token without an access token if only the refresh token is usable; None if
        neither is.
    """
    access_token = members.secret("access_token")
    if access_token and not _ACCESS_TOKEN.fullmatch(access_token.reveal()):
        access_token = None
    refresh_token = members.secret("refresh_token")
    if access_token is None and refresh_token is None:
        return None
    scope = _scope(members.get("scope"))
    id_token = members.secret("id_token")
    if previous is not None:
        # RFC 6749 section 6: no new one was issued, so the old one goes on.
        refresh_token = refresh_token or previous._refresh_token
        if refreshing:
            # The same section: an omitted scope is the one granted before.
            scope = scope or previous.scope
            id_token = id_token or previous._id_token
    token_type = members.secret("token_type")
    refresh_in = seconds(members.get("refresh_in"))
    return Token(
        access_token,
        token_type=token_type.reveal().strip() if token_type else "Bearer",
        expires_at=_expiry(members, now),
        obtained_at=now,
        refresh_token=refresh_token,
        scope=scope,
        id_token=id_token,
        # Microsoft's hint. One that is due at once would have every request renew.
        refresh_at=now + min(refresh_in, LONGEST_LIFE)
        if refresh_in and refresh_in > 0
        else None,
        extra=members.unknown(),
    )


def _expiry(members: Members, now: float) -> float | None:
    lifetime = seconds(members.get("expires_in"))
    if lifetime is None:
        # A server's own date is worth something only where nothing else is known, and
        # only as seconds in the future: others send milliseconds, or 1.
        claimed = seconds(members.get("expires_at"))
        lifetime = claimed - now if claimed is not None else None
        if lifetime is None or not 0 < lifetime <= LONGEST_LIFE:
            return None
    return now + min(max(lifetime, 0.0), LONGEST_LIFE)


def _scope(value: object) -> str | None:
    if isinstance(value, list):
        value = " ".join(item for item in value if isinstance(item, str))
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())
    return text if text.isprintable() and text else None


def seconds(value: object) -> float | None:
    """Read a number of seconds, which some servers send as text.

    Returns:
        Infinity for one that is too large; None for what is no number.
    """
    if isinstance(value, str):
        text = value.strip()
        # float() also knows "nan", "infinity" and "1_0".
        if not re.fullmatch(r"[+-]?[0-9.]+", text) or len(text) > _LONGEST_NUMBER:
            return None
        try:
            return float(text)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return None if math.isnan(value) else float(value)


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return None
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    return {_clean_text(name): _clean(item, depth - 1) for name, item in value.items()}


def _clean_text(value: str) -> str:
    # Half surrogates can be read from JSON, and not be written as UTF-8.
    return value.encode("utf-8", "replace").decode()

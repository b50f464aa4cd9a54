"""How a token is presented to an API: one seam, so that DPoP can join Bearer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from oauth_auth.token import Token

__all__ = ["BEARER", "Proof"]


class Proof(Protocol):
    """A way to present tokens of one type."""

    @property
    def bound(self) -> bool:
        """Whether the proof is bound to a key, which then counts for the record id."""
        ...

    def authorization(self, token: Token) -> Secret:
        """Return the value of the Authorization header.

        Raises:
            UnsupportedTokenTypeError: The token is of another type.
        """
        ...


@final
class _Bearer:
    """RFC 6750 section 2.1."""

    bound = False
    #: Spellings seen in the wild for a token that is meant to be presented as Bearer.
    _types: Final = frozenset({"bearer", "access_token"})

    def authorization(self, token: Token) -> Secret:
        if token.token_type.lower() not in self._types:
            # RFC 6749 section 7.1: a client must not use a type it does not know.
            raise errors.UnsupportedTokenTypeError(
                f"the authorization server issued a token of type "
                f"{token.token_type!r}, and only Bearer can be presented; ask for "
                "Bearer tokens in the client's registration"
            )
        # Always "Bearer": some APIs refuse the "bearer" that servers write.
        return Secret(f"Bearer {token.access_token}")


BEARER: Final[Proof] = _Bearer()

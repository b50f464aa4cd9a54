"""The methods that send a shared secret, and the one that has none."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, ClassVar, Final, final
from urllib.parse import quote_plus

from oauth_auth.client_auth.base import Method
from oauth_auth.lazy_errors import errors
from oauth_auth.protocol import settled
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from oauth_auth.client_auth.base import Draft

__all__ = ["ClientSecretBasic", "ClientSecretPost", "NoClientAuth"]


@final
class ClientSecretBasic(Method):
    """``client_secret_basic``: id and secret in the Authorization header.

    RFC 6749 section 2.3.1 has both form-encoded first, so that they may hold any
    character.

    Args:
        raw: Leave the form-encoding out, for servers that do not undo it. The two
            differ only where id or secret hold other characters than letters, digits
            and ``-._~``.

    Example:
        >>> ClientSecretBasic(raw=True)
        ClientSecretBasic(raw=True)
    """

    __slots__ = ("raw",)

    method: ClassVar[str] = "client_secret_basic"

    def __init__(self, *, raw: bool = False) -> None:
        self.raw: Final = raw

    def apply(self, draft: Draft) -> None:
        """Set the Authorization header."""
        name = settled(Secret(draft.client_id), "client_id")
        secret = settled(draft.needed_secret(self.method), "client_secret")
        if not self.raw:
            name = Secret(quote_plus(name.reveal()))
            secret = Secret(quote_plus(secret.reveal()))
        elif ":" in draft.client_id:
            # RFC 7617 section 2: the first colon ends the id.
            raise errors.ConfigurationError(
                "ClientSecretBasic(raw=True) cannot send the client_id "
                f"{draft.client_id}, since it holds a colon; use "
                'client_auth="client_secret_post"'
            )
        draft.headers["Authorization"] = Secret(
            "Basic "
            + base64.b64encode(
                f"{name.reveal()}:{secret.reveal()}".encode(),
            ).decode()
        )

    def __repr__(self) -> str:
        return f"ClientSecretBasic({'raw=True' if self.raw else ''})"


@final
class ClientSecretPost(Method):
    """``client_secret_post``: id and secret in the form."""

    __slots__ = ()

    method: ClassVar[str] = "client_secret_post"

    def apply(self, draft: Draft) -> None:
        """Set the two parameters of RFC 6749 section 2.3.1."""
        draft.params["client_secret"] = draft.needed_secret(self.method)
        draft.params["client_id"] = draft.client_id


@final
class NoClientAuth(Method):
    """``none``: a public client, which only names itself (RFC 6749 section 3.2.1)."""

    __slots__ = ()

    method: ClassVar[str] = "none"

    def apply(self, draft: Draft) -> None:
        """Set ``client_id``."""
        draft.params["client_id"] = draft.client_id

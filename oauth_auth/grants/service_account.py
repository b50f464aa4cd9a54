"""Google's service account files, as arguments of `JWTBearer`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, Self, final

from oauth_auth.answer import Members
from oauth_auth.lazy_errors import errors
from oauth_auth.secret import FromFile, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oauth_auth.secret import SecretSource

__all__ = ["ServiceAccount"]


@final
class ServiceAccount:
    """What such a file says, and where its key is.

    Args:
        source: Hands out the JSON, from which the key is read for each signature.

    Raises:
        ConfigurationError: It is not that of a service account.
    """

    __slots__ = ("_email", "_endpoint", "_source")

    def __init__(self, source: SecretSource) -> None:
        info = _parsed(source)
        email, endpoint = (
            None if info is None else info.text(name)
            for name in ("client_email", "token_uri")
        )
        if info is None or email is None or endpoint is None:
            raise errors.ConfigurationError(
                f"{source!r} is not the key file of a service account, which is JSON "
                "with client_email, private_key and token_uri; for a key alone use "
                "JWTBearer(..., key=..., issuer=...)"
            )
        self._source: Final = source
        self._email: Final = email.reveal()
        self._endpoint: Final = endpoint.reveal()

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> Self:
        """Return the account of a file."""
        return cls(FromFile(os.fspath(path)))

    @classmethod
    def of_info(cls, info: Mapping[str, Any]) -> Self:
        """Return the account of a file's parsed JSON."""
        return cls(Secret(json.dumps(dict(info))))

    def arguments(
        self, scope: str | Iterable[str] | None, subject: str | None
    ) -> dict[str, Any]:
        """Return the arguments of `JWTBearer`.

        Args:
            scope: The scope to ask for.
            subject: The user to act for; None for the account itself.
        """
        asked = scope if scope is None or isinstance(scope, str) else " ".join(scope)
        return {
            "token_endpoint": self._endpoint,
            "key": self._source,
            "issuer": self._email,
            # Google takes a sub for the user to act for, even the account's own.
            "claims": {"sub": subject, "scope": asked or None},
        }


def _parsed(source: SecretSource) -> Members | None:
    text = Secret(source.reveal())
    try:
        found = Members(dict(json.loads(text.reveal())))
    except (ValueError, TypeError, RecursionError):
        return None
    return found if found.text("private_key") else None

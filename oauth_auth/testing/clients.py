"""Who sends a token request, and whether that is true (RFC 6749 section 2.3)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CLIENTS",
    "CONFIDENTIAL",
    "PUBLIC",
    "Client",
    "Presented",
    "Refusal",
    "unproven",
]


class Client(NamedTuple):
    """A registered client; one without a secret is public."""

    client_id: str
    client_secret: str | None


#: The secret has a character for each mistake that can be made with one: sent without
#: form-encoding, split at the last colon, or percent-decoded twice.
CONFIDENTIAL: Final = Client("client", "p+s/w:r=d %41&~")
PUBLIC: Final = Client("public", None)
CLIENTS: Final = {client.client_id: client for client in (CONFIDENTIAL, PUBLIC)}

BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401


class Refusal(Exception):  # noqa: N818  # "Error" would add nothing
    """An error response (RFC 6749 section 5.2)."""

    def __init__(
        self,
        error: str,
        description: str,
        *,
        status: int = BAD_REQUEST,
        challenge: str | None = None,
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        #: The WWW-Authenticate header.
        self.challenge = challenge


class Presented(NamedTuple):
    """The credentials in a request, unchecked."""

    #: As in `TokenRequest.client_auth`.
    method: str
    client_id: str | None
    client_secret: str | None
    #: A signed statement (RFC 7523 section 2.2).
    assertion: str | None = None

    @classmethod
    def read(cls, authorization: str | None, form: Mapping[str, str]) -> Presented:
        """Find the credentials in the Authorization header and the form."""
        in_form = form.get("client_id")
        assertion = form.get("client_assertion")
        if assertion is not None:
            if authorization is not None or "client_secret" in form:
                return cls("several", in_form, None)
            return cls("private_key_jwt", in_form, None, assertion)
        if authorization is None:
            secret = form.get("client_secret")
            return cls("client_secret_post" if secret else "none", in_form, secret)
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "basic":
            return cls("unknown", None, None)
        client_id, secret = _decoded(credentials)
        if "client_secret" in form or (in_form is not None and in_form != client_id):
            return cls("several", in_form, None)
        return cls("client_secret_basic", client_id, secret)

    def verify(self) -> Client:
        """Return the client that this is.

        Raises:
            Refusal: It is none, or not proven.
        """
        if self.method == "several":
            raise Refusal(
                "invalid_request", "more than one client authentication method"
            )
        client = CLIENTS.get(self.client_id or "")
        if client is None or client.client_secret != self.client_secret:
            raise unproven(self.method)
        return client

    def known(self) -> Client:
        """Return the client that this is, proven otherwise.

        Raises:
            Refusal: There is none.
        """
        client = CLIENTS.get(self.client_id or "")
        if client is None or client.client_secret is None:
            raise unproven()
        return client


def unproven(method: str = "") -> Refusal:
    """Return the refusal of a client that has not proven itself.

    Args:
        method: How it tried.
    """
    tried = method in ("client_secret_basic", "unknown")
    return Refusal(
        "invalid_client",
        "unknown client, or its credentials are wrong",
        status=UNAUTHORIZED,
        challenge='Basic realm="token"' if tried else None,
    )


def _decoded(credentials: str) -> tuple[str | None, str | None]:
    """Undo RFC 6749 section 2.3.1: base64, then form-encoding of either side."""
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret) or None

"""How a client proves itself to an authorization server (RFC 6749 section 2.3).

The methods have their names from RFC 7591 section 2 and RFC 8705. One of them is chosen
for a request, by the caller or by the server's metadata, never two at once.

    ClientSecretBasic, ClientSecretPost   a shared secret, sent
    ClientSecretJWT                       a shared secret that signs
    PrivateKeyJWT                         a key of the client's own that signs
    ClientAssertion                       a JWT that somebody else has signed
    TLSClientAuth, SelfSignedTLSClientAuth   a certificate in the TLS handshake
    NoClientAuth                          a public client
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from oauth_auth.client_auth.base import ClientAuth, Draft
from oauth_auth.client_auth.choice import client_auth_from, client_key_of
from oauth_auth.client_auth.secrets import (
    ClientSecretBasic,
    ClientSecretPost,
    NoClientAuth,
)

if TYPE_CHECKING:
    from oauth_auth.client_auth.assertions import (
        ClientAssertion,
        ClientSecretJWT,
        PrivateKeyJWT,
    )
    from oauth_auth.client_auth.certificates import (
        SelfSignedTLSClientAuth,
        TLSClientAuth,
    )

__all__ = [
    "ClientAssertion",
    "ClientAuth",
    "ClientSecretBasic",
    "ClientSecretJWT",
    "ClientSecretPost",
    "Draft",
    "NoClientAuth",
    "PrivateKeyJWT",
    "SelfSignedTLSClientAuth",
    "TLSClientAuth",
    "client_auth_from",
    "client_key_of",
]

#: What most programs do not need is loaded when it is asked for.
_HOMES = {
    "ClientAssertion": "assertions",
    "ClientSecretJWT": "assertions",
    "PrivateKeyJWT": "assertions",
    "SelfSignedTLSClientAuth": "certificates",
    "TLSClientAuth": "certificates",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""What each setting of a profile may be: text, seconds, a list; never a secret."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.lazy_errors import errors
from oauth_auth.profiles.references import KINDS, SecretReference

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["READERS", "SECRETS", "check_kinds", "plaintext"]

#: The settings that are references to secrets.
SECRETS: Final = (
    "actor_token",
    "assertion",
    "client_secret",
    "password",
    "private_key",
    "refresh_token",
    "subject_token",
)
#: Names under which a secret might be written down, as a setting or a parameter.
_SECRET_NAMES: Final = frozenset(
    {
        *SECRETS,
        "access_token",
        "client_assertion",
        "code_verifier",
        "device_code",
        "id_token",
        "id_token_hint",
        "secret",
        "token",
    }
)


def plaintext(key: str) -> Exception:
    """Return the error for a secret that is written into a profile."""
    remedy = (
        f"write where it is: {', '.join(KINDS.values())}"
        if _spelt(key) in SECRETS
        else "have the program pass it, to the grant or to authorization_url()"
    )
    return errors.ConfigurationError(
        f"{key} is written out, and a profile holds no secret; {remedy}", key=key
    )


def is_secret(key: str, value: object) -> bool:
    """Whether a setting is a secret that is written out."""
    return _spelt(key) in _SECRET_NAMES and isinstance(value, str)


def _spelt(key: str) -> str:
    return key.lower().replace("-", "_")


def _wrong(key: str, wanted: str) -> Exception:
    return errors.ConfigurationError(f"{key} must be {wanted}", key=key)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise _wrong(key, "a text of printable characters, and not empty")
    return value


def _texts(value: Any, key: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_text(value, key),)
    if not isinstance(value, list | tuple):
        raise _wrong(key, "a text, or a list of texts")
    return tuple(_text(each, key) for each in value)


def _scope(value: Any, key: str) -> str | tuple[str, ...]:
    return _text(value, key) if isinstance(value, str) else _texts(value, key)


def _flag(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, "true or false")
    return value


def _seconds(value: Any, key: str) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
    ):
        raise _wrong(key, "a number of seconds")
    return value


def _parameters(value: Any, key: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise _wrong(key, 'a table of texts, such as { prompt = "consent" }')
    for name in value:
        if is_secret(str(name), value[name]):
            raise plaintext(f"{key}.{name}")
    return {
        _text(name, key): _text(each, f"{key}.{name}") for name, each in value.items()
    }


def _reference(value: Any, key: str) -> SecretReference:
    if isinstance(value, SecretReference):
        value = value.to_dict()
    if not isinstance(value, Mapping):
        raise plaintext(key)
    return SecretReference.from_dict(value, key)


#: By setting: reads what TOML holds, or raises ConfigurationError.
READERS: Final[dict[str, Callable[[Any, str], Any]]] = {
    **dict.fromkeys(
        (
            "account",
            "actor_token_type",
            "assertion_audience",
            "assertion_issuer",
            "audience",
            "authorization_endpoint",
            "certificate",
            "certificate_key",
            "client_auth",
            "client_id",
            "device_authorization_endpoint",
            "domain",
            "grant",
            "host",
            "introspection_endpoint",
            "issuer",
            "jwks_uri",
            "key_id",
            "preset",
            "realm",
            "refresh_scope",
            "requested_token_type",
            "revocation_endpoint",
            "signing_algorithm",
            "store",
            "subject",
            "subject_token_type",
            "tenant",
            "token_endpoint",
            "username",
        ),
        _text,
    ),
    **dict.fromkeys(("allowed_origins", "redirect_uris", "resource"), _texts),
    **dict.fromkeys(("allow_http", "background"), _flag),
    **dict.fromkeys(("leeway", "timeout"), _seconds),
    **dict.fromkeys(("authorization_extra", "claims", "extra"), _parameters),
    **dict.fromkeys(SECRETS, _reference),
    "scope": _scope,
}


def check_kinds(profile: Any) -> None:
    """Refuse seconds that `OAuthAuth` would refuse."""
    if profile.timeout is not None and profile.timeout <= 0:
        raise _wrong("timeout", "more than 0 seconds")
    if profile.leeway is not None and profile.leeway < 0:
        raise _wrong("leeway", "0 seconds or more")

"""`OAuthAuth.from_env`: a configuration in environment variables, as in containers.

The variables are a profile's settings in upper case, after a prefix; secrets are read
from their variables each time they are needed, never copied.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.client_auth.choice import CLIENT_AUTH_NAMES
from oauth_auth.lazy_errors import errors
from oauth_auth.presets import PRESETS
from oauth_auth.profiles.file import Profiles
from oauth_auth.profiles.profile import GRANTS, Profile
from oauth_auth.profiles.references import SecretReference, own_path
from oauth_auth.profiles.spelling import closest
from oauth_auth.secret import FromEnv
from oauth_auth.stores.places import is_url, store_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["VARIABLES", "from_environment"]

#: By variable, without the prefix: what kind of text it holds.
_KINDS: Final = {
    "PROFILE": "text",
    "GRANT": "text",
    "PRESET": "text",
    "TENANT": "text",
    "HOST": "text",
    "DOMAIN": "text",
    "REALM": "text",
    "ISSUER": "text",
    "TOKEN_ENDPOINT": "text",
    "AUTHORIZATION_ENDPOINT": "text",
    "DEVICE_AUTHORIZATION_ENDPOINT": "text",
    "REVOCATION_ENDPOINT": "text",
    "INTROSPECTION_ENDPOINT": "text",
    "JWKS_URI": "text",
    "CLIENT_ID": "text",
    "CLIENT_SECRET": "secret",
    "CLIENT_SECRET_FILE": "file",
    "CLIENT_AUTH": "text",
    "PRIVATE_KEY": "secret",
    "PRIVATE_KEY_FILE": "file",
    "KEY_ID": "text",
    "SIGNING_ALGORITHM": "text",
    "CERTIFICATE": "text",
    "CERTIFICATE_KEY": "text",
    "SCOPE": "text",
    "AUDIENCE": "text",
    "RESOURCE": "list",
    "REDIRECT_URIS": "list",
    "REFRESH_TOKEN": "secret",
    "REFRESH_TOKEN_FILE": "file",
    "ASSERTION": "secret",
    "ASSERTION_FILE": "file",
    "ASSERTION_ISSUER": "text",
    "ASSERTION_AUDIENCE": "text",
    "SUBJECT": "text",
    "SUBJECT_TOKEN": "secret",
    "SUBJECT_TOKEN_FILE": "file",
    "SUBJECT_TOKEN_TYPE": "text",
    "ACTOR_TOKEN": "secret",
    "ACTOR_TOKEN_FILE": "file",
    "ACTOR_TOKEN_TYPE": "text",
    "REQUESTED_TOKEN_TYPE": "text",
    "USERNAME": "text",
    "PASSWORD": "secret",
    "PASSWORD_FILE": "file",
    "ALLOWED_ORIGINS": "list",
    "ACCOUNT": "text",
    "STORE": "text",
    "LEEWAY": "seconds",
    "BACKGROUND": "flag",
    "TIMEOUT": "seconds",
}
VARIABLES: Final = tuple(_KINDS)
#: Those that go with PROFILE: what a call may say beside a profile's name.
_BESIDE_PROFILE: Final = frozenset(
    {"ALLOWED_ORIGINS", "ACCOUNT", "STORE", "LEEWAY", "BACKGROUND", "TIMEOUT"}
)
#: Characters that an error may have in common with a value: words are that short.
_QUOTABLE: Final = 6
_CHOICES: Final = {
    "grant": GRANTS,
    "preset": tuple(PRESETS),
    "client_auth": CLIENT_AUTH_NAMES,
}
#: Settings that only one grant has use for.
_TELLING: Final = {
    "refresh_token": "refresh_token",
    "subject_token": "token_exchange",
    "assertion": "jwt_bearer",
    "password": "password",
}
_FLAGS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def from_environment(prefix: str) -> tuple[Profile | str, dict[str, Any]]:
    """Read a configuration.

    Args:
        prefix: What the variables' names begin with.

    Returns:
        A profile, or the name of one in the file; and the settings beside it.

    Raises:
        ConfigurationError: A variable is missing, misspelt, or contradicts another.
            The message names the variable, never its value.
    """
    found = _found(prefix)
    if "PROFILE" in found:
        return _named(found, prefix)
    if not found:
        raise errors.ConfigurationError(
            f"no environment variable says what to do: set {prefix}PROFILE, or "
            f"{prefix}ISSUER, {prefix}CLIENT_ID and what else the grant needs"
        )
    for name in (name for name, kind in _KINDS.items() if kind == "secret"):
        if name in found and f"{name}_FILE" in found:
            raise errors.ConfigurationError(
                f"{prefix}{name} and {prefix}{name}_FILE are both set; unset one"
            )
    beside = _store_beside(found, prefix)
    table = {
        name.removesuffix("_FILE").lower(): _value(name, value, prefix)
        for name, value in found.items()
    }
    table.setdefault("grant", _guessed(table))
    for name, known in _CHOICES.items():
        if table.get(name, known[0]) not in known:
            raise errors.ConfigurationError(
                f"{prefix}{name.upper()} is none of: {', '.join(known)}"
            )
    try:
        # It has no name of its own; this one is not shown.
        return Profile.from_dict("environment", table), beside
    except errors.ConfigurationError as error:
        message, key = error.message, str(getattr(error, "key", ""))
    # A secret may stand in the wrong variable, so no value is repeated.
    values = [text for name, text in found.items() if name.lower() not in _CHOICES]
    key = key.partition(".")[0].upper()
    where = (
        f"environment variable {prefix}{key}"
        if key in found
        else f"environment variables {prefix}*"
    )
    raise errors.ConfigurationError(f"{where}: {_without(values, message)}")


def _without(values: Iterable[str], message: str) -> str:
    """Return a message with all that it has in common with some values hidden."""
    size = _QUOTABLE
    pieces = {
        value[start : start + size]
        for value in values
        for start in range(len(value) - size + 1)
    }
    hidden = bytearray(len(message))
    for start in range(len(message) - size + 1):
        if message[start : start + size] in pieces:
            hidden[start : start + size] = b"\1" * size
    marked = "".join(
        "\0" if is_hidden else char
        for char, is_hidden in zip(message, hidden, strict=True)
    )
    return re.sub("\0+", "[hidden]", marked)


def _found(prefix: str) -> dict[str, str]:
    """Return the variables that count: secrets only by name.

    An empty one counts as unset, since many tools can only set it so.
    """
    found = {}
    for variable in os.environ:
        if not variable.startswith(prefix):
            continue
        name = variable.removeprefix(prefix)
        kind = _KINDS.get(name)
        if kind is not None:
            text = variable if kind == "secret" else os.environ[variable].strip()
            if text and os.environ[variable]:
                found[name] = text
            continue
        # The package's other variables, such as OAUTH_AUTH_HOME, are like none of them.
        meant = closest(name, VARIABLES)
        if meant is not None:
            raise errors.ConfigurationError(
                f"environment variable {variable} is not known; did you mean "
                f"{prefix}{meant}?"
            )
    return {name: found[name] for name in VARIABLES if name in found}


def _named(found: dict[str, str], prefix: str) -> tuple[str, dict[str, Any]]:
    extra = [name for name in found if name not in _BESIDE_PROFILE | {"PROFILE"}]
    if extra:
        raise errors.ConfigurationError(
            f"{prefix}PROFILE names a profile, and {prefix}{extra[0]} is set too, "
            "which the profile says; unset one of them"
        )
    beside = _store_beside(found, prefix)
    profiles = Profiles()
    if found["PROFILE"] not in profiles.names():
        raise errors.ConfigurationError(
            f"{prefix}PROFILE names no profile of {profiles.path}, which has: "
            f"{', '.join(profiles.names()) or 'none'}"
        )
    settings = {
        name.lower(): _value(name, value, prefix)
        for name, value in found.items()
        if name != "PROFILE"
    }
    if "store" in settings:
        try:
            path = own_path(settings["store"], "store")
        except errors.ConfigurationError:
            path = None
        if path is None:
            raise errors.ConfigurationError(
                f'{prefix}STORE must be an absolute path, or begin with "~/", or be a '
                "URL that begins with redis://, rediss:// or postgresql://"
            )
        settings["store"] = store_at(str(path))
    return found["PROFILE"], {**settings, **beside}


def _store_beside(found: dict[str, str], prefix: str) -> dict[str, Any]:
    """Take a store's URL out of the variables, for it may hold a password."""
    if not is_url(found.get("STORE", "")):
        return {}
    del found["STORE"]
    return {"store": store_at(FromEnv(f"{prefix}STORE"))}


def _value(name: str, text: str, prefix: str) -> Any:
    kind = _KINDS[name]
    if kind == "secret":
        return SecretReference("env", text)
    if kind == "file":
        return SecretReference("file", text)
    if kind == "list":
        return text.replace(",", " ").split()
    if kind == "flag":
        if text.lower() not in _FLAGS:
            raise errors.ConfigurationError(f"{prefix}{name} must be 1 or 0")
        return _FLAGS[text.lower()]
    if kind == "seconds":
        try:
            return float(text)
        except ValueError:
            pass
        raise errors.ConfigurationError(f"{prefix}{name} must be a number of seconds")
    return text


def _guessed(table: Mapping[str, Any]) -> str:
    for name, grant in _TELLING.items():
        if name in table:
            return grant
    # In a place without a person, a client with a secret or key acts as itself.
    proofs = {"client_secret", "private_key", "certificate"}
    return "authorization_code" if proofs.isdisjoint(table) else "client_credentials"

"""Where a token may go: https, loopback, and what the caller listed."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urlsplit

from oauth_auth.lazy_errors import errors
from oauth_auth.server import is_loopback, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Origins", "origin_of", "origins_of"]

_PORTS: Final = {"https": 443, "http": 80}
#: URL prefixes whose decision is remembered; more are decided anew each time.
_REMEMBERED: Final = 256
#: An origin up to the second label of its host. A URL's own asterisk is no label. Most
#: programs have no wildcards, and need not wait until this is compiled.
_FIRST_LABEL: Final = r"https://[a-z0-9_-]+\."
_WILDCARD: Final = r"(?i:https)://\*\.([^@*\\]+)"
_log = logging.getLogger("oauth_auth")
#: What was said once; objects come and go with every call.
_said: set[tuple[frozenset[str], str]] = set()


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL (RFC 6454), without its default port.

    A host name in letters of any alphabet comes out as it is looked up, which is how
    the HTTP clients write it in the requests that they send.

    Returns:
        An empty text for what has no origin, so that it equals no other.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts.hostname or "")
    except ValueError:
        return ""
    if not host or not parts.scheme:
        return ""
    if port is None or port == _PORTS.get(parts.scheme):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


def _host(name: str) -> str:
    """Return a host name in ASCII (RFC 5891), an IPv6 address in brackets.

    Raises:
        ValueError: It is none.
    """
    if not name.isascii():
        import idna  # both HTTP libraries need it, and do just this

        # UnicodeError, which idna's own errors are, is a ValueError.
        return idna.encode(name).decode("ascii")
    return f"[{name}]" if ":" in name else name


@final
class Origins:
    """Decides which requests carry the token.

    Args:
        allowed: URLs whose origins may get it. ``https://*.example.com`` means every
            host with one label before ``example.com``, as in a certificate: neither
            ``example.com`` itself nor ``a.b.example.com``. None means every origin
            that the caller itself names, over https or on loopback.

    Raises:
        ConfigurationError: A text is not a URL, or has an asterisk where that is
            none of the allowed ones.

    Example:
        >>> origins = Origins(["https://*.googleapis.com"])
        >>> origins.decide("https://gmail.googleapis.com/gmail/v1/users/me/profile")
        'https://gmail.googleapis.com'
    """

    __slots__ = ("_allowed", "_decided")

    def __init__(self, allowed: Iterable[str] | None) -> None:
        if isinstance(allowed, str):
            allowed = [allowed]
        self._allowed: Final = None if allowed is None else _checked(tuple(allowed))
        self._decided: dict[str, str | None] = {}

    def decide(self, url: str) -> str | None:
        """Return the URL's origin if the token may go there, else None.

        Raises:
            ConfigurationError: The token would cross the network in clear.
        """
        # Up to the slash after the authority of an https or http URL: what follows
        # does not matter.
        end = url.find("/", 8)
        prefix = url[:end] if end > 0 else url
        try:
            return self._decided[prefix]
        except KeyError:
            pass
        origin = self._decide(url)
        if len(self._decided) < _REMEMBERED and _ends_with_authority(prefix):
            self._decided[prefix] = origin
        return origin

    def lists(self, url: str) -> bool:
        """Whether a URL's origin is among those that were given."""
        origin = origin_of(url)
        # An asterisk in the URL itself is no wildcard.
        return (
            self._allowed is not None
            and "*" not in origin
            and not self._allowed.isdisjoint((origin, _wildcard_of(origin)))
        )

    def _decide(self, url: str) -> str | None:
        origin = origin_of(url)
        if self._allowed is not None:
            if self.lists(url):
                return origin
            _say_once(self._allowed, origin)
            return None
        if origin.startswith("https:"):
            return origin
        host = urlsplit(origin).hostname
        if host is not None and origin.startswith("http:") and is_loopback(host):
            return origin
        raise errors.ConfigurationError(
            f"the token would go to {origin or 'an unreadable URL'} in clear; use "
            f"https, or list the origin: allowed_origins=[{origin!r}]"
        )


@lru_cache(maxsize=_REMEMBERED)
def origins_of(allowed: tuple[str, ...] | None) -> Origins:
    """Return the `Origins` for such a list, with what was decided for it before.

    An object may be made for every request, and would have to decide anew each time.
    """
    return Origins(allowed)


def _ends_with_authority(prefix: str) -> bool:
    """Whether it is a scheme of known length and an authority, and tells no secret.

    Of other schemes a shorter part might have been cut out, which their hosts share. A
    query without a path, as in ``https://api.example.com?key=...``, may be a secret,
    and what stands before an "@" is a password: neither is to be kept.
    """
    return prefix.startswith(("https://", "http://")) and not any(
        mark in prefix for mark in "@?#"
    )


def _say_once(allowed: frozenset[str], origin: str) -> None:
    if (allowed, origin) in _said:
        return
    if len(_said) >= _REMEMBERED:
        _said.clear()
    _said.add((allowed, origin))
    _log.warning(
        "a request to %s goes without a token: it is not among allowed_origins (%s)",
        origin or "an unreadable URL",
        ", ".join(sorted(allowed)),
    )


def _wildcard_of(origin: str) -> str | None:
    """Return the wildcard that an origin falls under, with its first label replaced."""
    found = re.match(_FIRST_LABEL, origin)
    return f"https://*.{origin[found.end() :]}" if found else None


def _wildcard(url: str) -> str:
    """Return a wildcard as `_wildcard_of` makes it, or an empty text if it is none."""
    found = re.fullmatch(_WILDCARD, url)
    # Through `origin_of`, for letters of any alphabet and the default port.
    origin = origin_of(f"https://{found[1]}") if found else ""
    host = origin.removeprefix("https://").partition(":")[0]
    # Hosts under one label have many owners; and an address has none under it.
    if "." not in host.strip(".") or host.rpartition(".")[2].isdecimal():
        return ""
    return f"https://*.{origin.removeprefix('https://')}"


@lru_cache(maxsize=_REMEMBERED)
def _checked(allowed: tuple[str, ...]) -> frozenset[str]:
    # Kept, since an object may be made for every request.
    origins = []
    for url in allowed:
        if "*" in url and "://" in url:
            origin = _wildcard(url)
            if not origin:
                raise errors.ConfigurationError(
                    f"allowed_origins has {shown(url)}; an asterisk can only stand for "
                    "the first label of an https host with two more, such as "
                    "https://*.example.com"
                )
            origins.append(origin)
            continue
        origin = origin_of(url)
        if not origin:
            raise errors.ConfigurationError(
                f"allowed_origins has {shown(url)}, which is no URL such as "
                "https://api.example.com"
            )
        origins.append(origin)
    return frozenset(origins)

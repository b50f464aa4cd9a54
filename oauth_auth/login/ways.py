"""Which way a person logs in: by this machine's browser, by hand, by another device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.grants.authorization_code import AuthorizationCode
from oauth_auth.grants.device_code import DeviceCode
from oauth_auth.lazy_errors import errors
from oauth_auth.login.pending import LIFE

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.held import Held
    from oauth_auth.login.waiting import Waiting
    from oauth_auth.renewal import Terms, TokenSource

__all__ = ["PERSON_SECONDS", "Way", "Wishes", "way_to_log_in"]

#: Seconds that a person has for a login.
PERSON_SECONDS: Final = 180.0
#: Seconds that a login needs beside those of the person.
_MORE: Final = 30.0
#: Seconds for a login on another device, or pasted by hand, in another worker: such
#: codes live for minutes, and no longer than this.
_LONGEST: Final = 3600.0


class Wishes(NamedTuple):
    """What the caller of `login` wants; explained there."""

    timeout: float = PERSON_SECONDS
    show: Callable[[Any], object] | None = None
    ask: Callable[[str], str] | None = None


class Way(NamedTuple):
    """A way to log in."""

    #: Has a person log in, and keeps what comes of it.
    log_in: Callable[[], Held]
    #: Seconds that another worker may take for the same.
    patience: float


def way_to_log_in(
    source: TokenSource, terms: Terms, wishes: Wishes, waiting: Waiting
) -> Way:
    """Return how a person logs in for a grant.

    Args:
        source: Whose login it is.
        terms: How to reach the server, and the grant.
        wishes: The caller's.
        waiting: Ends the login early.

    Raises:
        ConfigurationError: No person can log in for this grant.
    """
    # Each imported here, since only one of them is needed.
    if isinstance(terms.grant, DeviceCode):
        from oauth_auth.login.device import log_in_by_device

        show = wishes.show
        return Way(
            lambda: log_in_by_device(source, terms, show=show, sleep=waiting.sleep),
            _LONGEST,
        )
    if not isinstance(terms.grant, AuthorizationCode):
        raise errors.ConfigurationError(
            f"{terms.grant!r} cannot log in: {terms.grant.remedy}"
        )
    from oauth_auth.login.browser_login import log_in_by_browser, log_in_by_hand

    _check_timeout(wishes.timeout)
    ask = wishes.ask
    if ask is not None:
        return Way(lambda: log_in_by_hand(source, terms, ask), _LONGEST)
    return Way(
        lambda: log_in_by_browser(
            source,
            terms,
            timeout=wishes.timeout,
            show=wishes.show,
            waiting=waiting,
        ),
        wishes.timeout + _MORE,
    )


def _check_timeout(timeout: float) -> None:
    if not 0 < timeout <= LIFE:
        raise errors.ConfigurationError(
            f"timeout must be more than 0 and at most {LIFE:g} s, not {timeout!r}: "
            "after that no answer to a login is taken"
        )

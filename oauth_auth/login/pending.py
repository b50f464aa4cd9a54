"""PendingLogin: what must be remembered from sending a person away to their return."""

from __future__ import annotations

import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LIFE", "PendingLogin"]

#: A login that takes longer, in seconds, has been forgotten, or is somebody else's.
LIFE: Final = 600.0
#: The clocks of the machines that serve one web application differ by so much.
_SKEW: Final = 60.0
#: How many finished logins one process remembers before it drops those that are too
#: old to be finished again anyway.
_FINISHED_KEPT: Final = 4096
#: When each was finished, by state. In a list of its own, so that of two threads that
#: finish the same login the dictionary can tell which one came first.
_finished: dict[Secret, list[float]] = {}


@final
class PendingLogin:
    """One login under way, to be kept in the person's server-side session.

    It ties the answer to the person who asked (RFC 6749 section 10.12), to the code's
    verifier (RFC 7636) and to the authorization server (RFC 9207). It is good for one
    answer and for ten minutes.

    Args:
        redirect_uri: Where the server sends the browser.
        issuer: Whose answer is expected; None if the server has no issuer URL.
        state: Of chance by default, as the other arguments.
        nonce: For OpenID Connect.
        code_verifier: 43 to 128 characters of RFC 7636 section 4.1.
        started_at: Seconds since the epoch.
    """

    __slots__ = (
        "code_verifier",
        "issuer",
        "nonce",
        "redirect_uri",
        "started_at",
        "state",
    )

    def __init__(
        self,
        redirect_uri: str,
        issuer: str | None = None,
        *,
        state: Secret | None = None,
        nonce: Secret | None = None,
        code_verifier: Secret | None = None,
        started_at: float | None = None,
    ) -> None:
        self.redirect_uri: Final = redirect_uri
        self.issuer: Final = issuer
        self.state: Final = state or _random()
        self.nonce: Final = nonce or _random()
        self.code_verifier: Final = code_verifier or _random()
        self.started_at: Final = time.time() if started_at is None else started_at

    def is_answered_by(self, state: Secret | None) -> bool:
        """Whether a state is that of this login; takes as long for any other."""
        # Nobody may find it out one character after another.
        return state is not None and hmac.compare_digest(
            state.reveal().encode("utf-8", "surrogatepass"),
            self.state.reveal().encode("utf-8", "surrogatepass"),
        )

    def use_up(self, state: Secret | None) -> None:
        """Take an answer's state, once (RFC 6749 section 10.12).

        Raises:
            MismatchingStateError: It is missing, another login's, used already, or
                ten minutes old.
        """
        if not self.is_answered_by(state):
            raise errors.MismatchingStateError(
                "the answer's state is not that of this login; it may have been "
                "forged, or belong to another browser tab: log in again"
            )
        if not -_SKEW <= time.time() - self.started_at < LIFE:
            raise errors.MismatchingStateError(
                f"this login was started more than {LIFE / 60:.0f} minutes ago; log "
                "in again"
            )
        if not _is_first(self.state):
            raise used_already()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for the session; it holds secrets of this login."""
        return {
            "state": self.state.reveal(),
            "nonce": self.nonce.reveal(),
            "code_verifier": self.code_verifier.reveal(),
            "redirect_uri": self.redirect_uri,
            "issuer": self.issuer,
            "started_at": self.started_at,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PendingLogin:
        """Read what `to_dict` wrote.

        Raises:
            ConfigurationError: It is something else.
        """
        found, data = parsed(data), {}
        if found is None:
            raise not_pending()
        return found

    def __repr__(self) -> str:
        return f"PendingLogin({self.redirect_uri!r}, {self.issuer!r})"


def parsed(data: object) -> PendingLogin | None:
    """Return what `PendingLogin.to_dict` wrote as an object; None if it is no such.

    Nothing is raised, since the data would be a local of every frame that the error
    passes.
    """
    if isinstance(data, PendingLogin):
        return data
    try:
        secrets_in = {
            name: _secret(data[name])  # type: ignore[index] # else TypeError
            for name in ("state", "nonce", "code_verifier")
        }
        issuer, uri = data["issuer"], data["redirect_uri"]  # type: ignore[index]
        started_at = float(data["started_at"])  # type: ignore[index]
        if not isinstance(uri, str) or not isinstance(issuer, str | None):
            return None
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    return PendingLogin(uri, issuer, started_at=started_at, **secrets_in)


def _secret(value: object) -> Secret:
    # An empty one would be replaced by one of chance, and never match.
    if not isinstance(value, str) or not value:
        raise TypeError
    return Secret(value)


def not_pending() -> Exception:
    """Return the error for what is no pending login."""
    return errors.ConfigurationError(
        "this is no pending login; pass what PendingLogin.to_dict() returned, as it "
        "was kept in the session"
    )


def used_already() -> Exception:
    """Return the error for a login that is finished a second time."""
    return errors.MismatchingStateError(
        "this login has been finished already; log in again"
    )


def _is_first(state: Secret) -> bool:
    """Whether nobody in this process has finished this login yet."""
    now = time.monotonic()
    if len(_finished) >= _FINISHED_KEPT:
        for old, at in list(_finished.items()):
            if now - at[0] > LIFE + _SKEW:
                _finished.pop(old, None)
    mine = [now]
    return _finished.setdefault(state, mine) is mine


def _random() -> Secret:
    # 43 characters, the least that RFC 7636 section 4.1 allows for a verifier, and
    # the 256 bits that its section 7.1 asks for.
    return Secret(secrets.token_urlsafe(32))

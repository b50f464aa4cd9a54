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

__all__ = ["PendingLogin"]

#: A login that takes longer, in seconds, has been forgotten, or is somebody else's.
_LIFE: Final = 600.0
#: The names of what `to_dict` returns, all of them text.
_TEXTS: Final = ("state", "nonce", "code_verifier", "redirect_uri", "issuer")
#: How many finished logins one process remembers.
_FINISHED_KEPT: Final = 4096
_finished: dict[Secret, None] = {}


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

    def check_state(self, state: Secret | None) -> None:
        """Take an answer's state, once (RFC 6749 section 10.12).

        Raises:
            MismatchingStateError: It is missing, another login's, used already, or
                ten minutes old.
        """
        # In constant time, so that nobody can guess it one character after another.
        if state is None or not hmac.compare_digest(
            state.reveal().encode("utf-8", "surrogatepass"),
            self.state.reveal().encode("utf-8", "surrogatepass"),
        ):
            raise errors.MismatchingStateError(
                "the answer's state is not that of this login; it may have been "
                "forged, or belong to another browser tab: log in again"
            )
        if self.state in _finished:
            raise errors.MismatchingStateError(
                "this login has been finished already; log in again"
            )
        if not 0 <= time.time() - self.started_at < _LIFE:
            raise errors.MismatchingStateError(
                f"this login was started more than {_LIFE / 60:.0f} minutes ago; log "
                "in again"
            )
        if len(_finished) >= _FINISHED_KEPT:
            del _finished[next(iter(_finished))]
        _finished[self.state] = None

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
        try:
            return cls(
                data["redirect_uri"],
                data["issuer"],
                state=Secret(data["state"]),
                nonce=Secret(data["nonce"]),
                code_verifier=Secret(data["code_verifier"]),
                started_at=float(data["started_at"]),
            )
        except (KeyError, TypeError, ValueError):
            # Outside the clause: the error's frames would hold the data.
            known = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise errors.ConfigurationError(
            f"this is no pending login ({known}); pass what "
            "PendingLogin.to_dict() returned"
        )

    def __repr__(self) -> str:
        return f"PendingLogin({self.redirect_uri!r}, {self.issuer!r})"


def _random() -> Secret:
    # 43 characters, the least that RFC 7636 section 4.1 allows for a verifier, and
    # the 256 bits that its section 7.1 asks for.
    return Secret(secrets.token_urlsafe(32))

"""RequestAuth: what all HTTP libraries share about attaching, and judging a 401."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from oauth_auth import forking
from oauth_auth.lazy_errors import errors
from oauth_auth.login_auth import LoginAuth
from oauth_auth.proof import BEARER
from oauth_auth.token_auth import in_thread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oauth_auth.held import Held
    from oauth_auth.protocol import Verdict

__all__ = ["UNAUTHORIZED", "RequestAuth"]

UNAUTHORIZED: Final = 401


class RequestAuth(LoginAuth):
    """A `LoginAuth` for requests; the libraries' modules carry out what it decides."""

    def _attachable(self, library: str) -> Held:
        """Return a token whose Authorization header is made.

        Raises:
            OAuthAuthError: No token is to be had.
        """
        held = self._held(None, library)
        if held.authorization is None:
            try:
                self._authorization(held)
            except Exception as error:  # noqa: BLE001  # sorted by the next line
                _raise_unless_expired(error)
                held = self._held(held, library)
                self._authorization(held)
        return held

    async def _aattachable(self, library: str) -> Held:
        """Return what `_attachable` does, without blocking the event loop."""
        held = await self._aheld(None, library)
        if held.authorization is None:
            try:
                self._authorization(held)
            except Exception as error:  # noqa: BLE001  # sorted by the next line
                _raise_unless_expired(error)
                held = await self._aheld(held, library)
                self._authorization(held)
        return held

    def _authorization(self, held: Held) -> str:
        """Return the Authorization header for a token.

        Raises:
            UnsupportedTokenTypeError: It cannot be presented.
        """
        if held.authorization is None:
            held.authorization = BEARER.authorization(held.token).reveal()
        return held.authorization

    def _verdict(
        self, held: Held, origin: str, *, carries_our_token: bool, **facts: Any
    ) -> Verdict:
        """Decide what to do about a 401; see `protocol.judge_401`."""
        if carries_our_token:
            self._resolved().look()
        return self._judge(held, origin, carries_our_token=carries_our_token, **facts)

    async def _averdict(
        self, held: Held, origin: str, *, carries_our_token: bool, **facts: Any
    ) -> Verdict:
        """Return what `_verdict` does, without blocking the event loop."""
        if carries_our_token:
            await in_thread(self._resolved().look)
        return self._judge(held, origin, carries_our_token=carries_our_token, **facts)

    def _judge(
        self,
        held: Held,
        origin: str,
        *,
        challenges: Iterable[str],
        carries_our_token: bool,
        same_origin: bool,
        replayable: bool,
    ) -> Verdict:
        # Most programs never see a 401, or see one long after they have started.
        with forking.importing("oauth_auth.challenge"):
            from oauth_auth import protocol
            from oauth_auth.challenge import parse_challenges

        source = self._resolved()
        now = time.time()
        verdict = protocol.judge_401(
            status=UNAUTHORIZED,
            challenges=parse_challenges(challenges),
            carries_our_token=carries_our_token,
            same_origin=same_origin,
            replayable=replayable,
            other_token_held=source.held is not None and source.held is not held,
            accepted_here=origin in held.accepted,
            made_after_rejection_here=source.rejections.explain(held, origin, now),
            renewed_enough_for_it=source.rejections.exhaust(held, origin, now),
        )
        if verdict.helps:
            held.rejected = True
            source.rejections.note(held, origin, now)
        return verdict


def _raise_unless_expired(error: Exception) -> None:
    """Let oauthlib's TokenExpiredError pass: a proof asks for a newer token by it."""
    from oauthlib.oauth2 import TokenExpiredError

    if not isinstance(error, TokenExpiredError) or isinstance(
        error, errors.OAuthAuthError
    ):
        raise error

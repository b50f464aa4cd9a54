"""TokenUpdated: how a session without ``token_updater`` tells of a new token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TokenUpdated"]


class TokenUpdated(Warning):  # scripts catch it by this name
    """A session has a new token, and no ``token_updater`` to give it to.

    It is raised in place of sending the request, as requests-oauthlib does: save
    ``.token`` and send the request again.

    Args:
        token: The new token, as a dictionary.
    """

    token: Mapping[str, Any]

    def __init__(self, token: Mapping[str, Any]) -> None:
        # Not among the arguments, which every traceback prints.
        super().__init__()
        self.token = token

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.token,)

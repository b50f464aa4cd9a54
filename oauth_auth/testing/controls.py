"""What the handle can ask the testing server to do, by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.testing.clients import CLIENTS
from oauth_auth.testing.faults import Fault, FaultQueue
from oauth_auth.testing.http_message import json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.testing.endpoints import Site
    from oauth_auth.testing.http_message import HttpRequest, HttpResponse

__all__ = ["Controls"]


class Controls:
    """Carries out the calls of the handles.

    Args:
        site: What they are about.
    """

    def __init__(self, site: Site) -> None:
        self._site: Final = site
        self._calls: Final[dict[str, Callable[..., Any]]] = {
            "about": site.about,
            "add_fault": self._add_fault,
            "api_log": lambda: list(site.recorder.api_log),
            "clear_faults": self._clear_faults,
            "configure": self._configure,
            "counts": lambda: site.recorder.snapshot().to_json(),
            "decide_device": self._decide_device,
            "issue": self._issue,
            "reset": site.reset,
            "reset_counts": site.reset_counts,
            "revoke_access_tokens": self._revoke_access_tokens,
            "revoke_family": self._revoke_family,
            "rotate_keys": site.id_tokens.rotate,
            "token_log": lambda: list(site.recorder.token_log),
        }

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one call: its name and arguments as JSON."""
        try:
            name, arguments = json.loads(request.body)
            return json_response(200, self._calls[name](**arguments))
        except (KeyError, TypeError, ValueError) as error:
            return json_response(400, str(error))

    def _configure(self, **changes: Any) -> None:
        authority = self._site.authority
        authority.settings = authority.settings.changed(**changes)

    def _issue(self, account: str, client: str, scope: str | None) -> dict[str, Any]:
        if client not in CLIENTS:
            raise ValueError(f"there is no client {client!r}, only {[*CLIENTS]}")
        authority = self._site.authority
        return authority.describe(*authority.login(account, client, scope))

    def _decide_device(
        self, user_code: str, account: str | None, error: str | None
    ) -> None:
        if not self._site.devices.decide(user_code, account, error):
            raise ValueError("there is no such user code (any more)")

    def _add_fault(
        self, endpoint: str, fault: dict[str, Any], times: int | None
    ) -> None:
        self._site.faults[endpoint].add(Fault.from_json(fault), times)

    def _clear_faults(self, endpoint: str) -> None:
        self._site.faults[endpoint] = FaultQueue()

    def _revoke_access_tokens(self) -> None:
        self._site.authority.revoke_access_tokens()

    def _revoke_family(self, token: str) -> None:
        if not self._site.authority.revoke_family(token):
            raise ValueError("this server has not issued such a token")

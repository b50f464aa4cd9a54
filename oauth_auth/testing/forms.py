"""How requests to the testing server must look (RFC 6749 section 3.2)."""

from __future__ import annotations

from http import HTTPMethod
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from oauth_auth.testing.clients import Presented, Refusal
from oauth_auth.testing.http_message import json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.testing.assertions import Assertions
    from oauth_auth.testing.clients import Client
    from oauth_auth.testing.http_message import HttpRequest, HttpResponse

__all__ = ["check_form", "form_of", "from_client", "parameters", "refusable"]

#: RFC 8707 section 2 and RFC 8693 section 2.1 allow these several times.
_REPEATABLE: Final = ("resource", "audience")


def parameters(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the parameters of a form as they came."""
    return parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)


def form_of(sent: list[tuple[str, str]]) -> dict[str, str]:
    """Return a form's parameters; those without a value count as left out.

    What may be sent several times is joined by spaces, which its values never hold.
    """
    form = {name: value for name, value in sent if value}
    for name in _REPEATABLE:
        if name in form:
            form[name] = " ".join(value for other, value in sent if other == name)
    return form


def check_form(request: HttpRequest, sent: list[tuple[str, str]]) -> None:
    """Refuse what is no form sent by POST.

    Raises:
        Refusal: It is not.
    """
    if request.method != HTTPMethod.POST:
        raise Refusal("invalid_request", "the method must be POST")
    content_type = request.headers.get("content-type", "").partition(";")[0]
    if content_type.strip().lower() != "application/x-www-form-urlencoded":
        raise Refusal("invalid_request", "the body must be form-encoded")
    once = [name for name, _ in sent if name not in _REPEATABLE]
    if len(set(once)) < len(once):
        raise Refusal("invalid_request", "a parameter occurs more than once")


def from_client(
    request: HttpRequest, assertions: Assertions
) -> tuple[Client, dict[str, str]]:
    """Return who sends a form, proven, and what is in it.

    Raises:
        Refusal: It is no form, or from nobody known.
    """
    sent = parameters(request)
    check_form(request, sent)
    form = form_of(sent)
    presented = Presented.read(request.headers.get("authorization"), form)
    return assertions.client_of(presented), form


def refusable(process: Callable[[], HttpResponse]) -> Callable[[], HttpResponse]:
    """Turn a `Refusal` into its error response (RFC 6749 section 5.2)."""

    def processed() -> HttpResponse:
        try:
            return process()
        except Refusal as refusal:
            challenge = refusal.challenge
            return json_response(
                refusal.status,
                {"error": refusal.error, "error_description": refusal.description},
                *([("WWW-Authenticate", challenge)] if challenge else []),
            )

    return processed

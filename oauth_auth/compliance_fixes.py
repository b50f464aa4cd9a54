"""What some authorization servers do otherwise than RFC 6749, mended by hooks.

They have the names of requests-oauthlib's, take an `OAuth2Session`, register hooks with
it and return it:

    session = fitbit_compliance_fix(OAuth2Session("my-client"))

Where a server has changed since, the fix does nothing to its answers any more, and
scripts that apply it go on working.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from oauthlib.common import add_params_to_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from oauth_auth.oauth2_session import OAuth2Session

    Members = dict[str, Any]
    Session = TypeVar("Session", bound=OAuth2Session)

__all__ = [
    "douban_compliance_fix",
    "ebay_compliance_fix",
    "facebook_compliance_fix",
    "fitbit_compliance_fix",
    "instagram_compliance_fix",
    "mailchimp_compliance_fix",
    "plentymarkets_compliance_fix",
    "slack_compliance_fix",
    "weibo_compliance_fix",
]

_FETCH: Final = ("access_token_response",)
_BOTH: Final = ("access_token_response", "refresh_token_response")
_OK: Final = 200
#: Seconds that Mailchimp's tokens count as valid for.
_MAILCHIMP_LIFE: Final = 3600


def _mend(
    session: Session, types: tuple[str, ...], change: Callable[[Members], Members]
) -> Session:
    """Have a function change the members of JSON answers; others stay as they are."""

    def hook(answer: requests.Response) -> requests.Response:
        try:
            members = json.loads(answer.text)
        except ValueError:
            # A page of HTML, say: whoever parses the answer will say so.
            return answer
        if isinstance(members, dict):
            answer._content = json.dumps(change(members)).encode()
        return answer

    for each in types:
        session.register_compliance_hook(each, hook)
    return session


def _bearer(members: Members) -> Members:
    return {**members, "token_type": "Bearer"}


def douban_compliance_fix(session: Session) -> Session:
    """Douban: answers without ``token_type``."""
    return _mend(session, _FETCH, lambda members: {"token_type": "Bearer", **members})


def ebay_compliance_fix(session: Session) -> Session:
    """Ebay: ``token_type`` is "User Access Token" or "Application Access Token".

    As its documentation of the authorization code and client credentials grants shows.
    """

    def change(members: Members) -> Members:
        known = ("User Access Token", "Application Access Token")
        return _bearer(members) if members.get("token_type") in known else members

    return _mend(session, _BOTH, change)


def facebook_compliance_fix(session: Session) -> Session:
    """Facebook, before version 2.3 of its Graph API: a form, with ``expires``.

    Since then it answers in JSON, which stays as it is.
    """

    def hook(answer: requests.Response) -> requests.Response:
        kind = answer.headers.get("content-type", "")
        if "text/plain" not in kind or answer.status_code != _OK:
            return answer
        members: Members = dict(parse_qsl(answer.text, keep_blank_values=True))
        if "expires" in members:
            members["expires_in"] = members["expires"]
        answer._content = json.dumps(_bearer(members)).encode()
        return answer

    session.register_compliance_hook("access_token_response", hook)
    return session


def fitbit_compliance_fix(session: Session) -> Session:
    """Fitbit: refusals are a list, ``errors``, of objects with an ``errorType``."""

    def change(members: Members) -> Members:
        match members:
            case {"errors": [{"errorType": code, **rest}, *_]}:
                text = {"error_description": rest.get("message", "")}
                return {**text, **members, "error": code}
        return members

    return _mend(session, _BOTH, change)


def instagram_compliance_fix(session: Session) -> Session:
    """Instagram: the API wants the token as ``access_token`` in the query."""

    def hook(url: str, headers: Any, data: Any) -> tuple[str, Any, Any]:
        if dict(parse_qsl(urlsplit(url).query)).get("access_token"):
            return url, headers, data  # the caller wants another one
        added = [("access_token", session.access_token)]
        return add_params_to_uri(url, added), headers, data

    session.register_compliance_hook("protected_request", hook)
    return session


def mailchimp_compliance_fix(session: Session) -> Session:
    """Mailchimp: ``scope`` is null, and ``expires_in`` 0 for a token without an end."""

    def change(members: Members) -> Members:
        if members.get("scope", "") is None:
            del members["scope"]
        if members.get("expires_in") == 0:
            members["expires_in"] = _MAILCHIMP_LIFE
        return members

    return _mend(session, _FETCH, change)


def plentymarkets_compliance_fix(session: Session) -> Session:
    """Plentymarkets: the members of answers are in camelCase."""

    def change(members: Members) -> Members:
        return {
            re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower(): value
            for name, value in members.items()
        }

    return _mend(session, _BOTH, change)


def slack_compliance_fix(session: Session) -> Session:
    """Slack: the Web API takes the token as ``token`` among the form's fields."""

    def hook(url: str, headers: Any, data: Any) -> tuple[str, Any, Any]:
        if dict(parse_qsl(urlsplit(url).query)).get("token"):
            return url, headers, data  # the caller wants another one
        if not data or isinstance(data, dict):
            own = (data or {}).get("token")
            return url, headers, {**(data or {}), "token": own or session.access_token}
        # A stream or file cannot be added to.
        added = [("token", session.access_token)]
        return add_params_to_uri(url, added), headers, data

    session.register_compliance_hook("protected_request", hook)
    return session


def weibo_compliance_fix(session: Session) -> Session:
    """Weibo: answers without ``token_type``, and APIs with the token in the query."""
    session._client.default_token_placement = "query"  # noqa: S105  # a place
    return _mend(session, _FETCH, _bearer)

"""How a protected request carries the session's token."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_netrc_auth

from oauth_auth.oauth2_session import secure
from oauth_auth.oauth2_session.asking import run_hooks
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.held import Held
    from oauth_auth.oauth2_session.asking import Sent
    from oauth_auth.oauth2_session.session import OAuth2Session
    from oauth_auth.oauth2_session.shared import SharedLogin

    Remake = Callable[[requests.PreparedRequest], None]

__all__ = ["Bearer", "leave_alone", "placed"]


def leave_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Do nothing; as a session's ``auth`` it keeps netrc's password out of requests."""
    return request


@final
class Bearer(AuthBase):
    """Puts a token into the Authorization header of one request.

    Not by ``headers=``, where it would lie open in the frames of requests.

    Args:
        token: The access token.
        theirs: The caller's own ``auth``, which has the last word, as it has in
            requests.
        trust_env: Whether netrc counts where `theirs` is None.
        login: Whoever answers a 401, if anybody.
        held: The token as the login has it.
        remake: Makes the request anew for a second try.
    """

    def __init__(
        self,
        token: Secret,
        theirs: Any,
        *,
        trust_env: bool,
        login: SharedLogin | None,
        held: Held | None,
        remake: Remake,
    ) -> None:
        self._token: Final = token
        self._theirs: Final = Hidden(theirs)
        self._trust_env: Final = trust_env
        self._login: Final = login
        self._held: Final = held
        self._remake: Final = remake

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Attach the token; requests calls this while it prepares a request."""
        if self._login is None or self._held is None:
            r.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        else:
            self._login.attach(self._held, r, self._remake)
        theirs = self._theirs
        if theirs.value is None and self._trust_env:
            theirs = Hidden(get_netrc_auth(r.url or ""))
        if theirs.value is None:
            return r
        if isinstance(theirs.value, tuple):
            theirs = Hidden(HTTPBasicAuth(*theirs.value))
        made: requests.PreparedRequest = theirs.value(r)
        return made


def placed(
    session: OAuth2Session,
    method: str,
    given: Sent,
    files: Any,
    options: Hidden[dict[str, Any]],
    login: SharedLogin | None,
    held: Held | None,
) -> tuple[Sent, Hidden[Any]]:
    """Return a request with the session's token, and the ``auth`` for it.

    The session's hooks have it first, and then oauthlib's client, which says where the
    token goes.

    Args:
        session: The session.
        method: The request's method.
        given: Its URL, headers and body, as the caller gave them.
        files: Its files.
        options: The caller's other arguments.
        login: The shared login, if there is one.
        held: Its token.

    Raises:
        TokenExpiredError: The token has expired.
        ValueError: There is no access token, or it cannot be placed so.
    """
    client: Any = session._client
    theirs = Hidden(options.value.get("auth"))
    sent = _hooked(session, given)
    url = secure.for_oauthlib(Hidden(sent.value[0]))
    if held is not None:
        # Whether it has expired is for the login to say: it goes by the answer's
        # arrival, and by what APIs say.
        client._expires_at = None
    made = Hidden(
        client.add_token(
            url.value,
            http_method=method,
            body=sent.value[2],
            # oauthlib writes into what it is given, which is the caller's own.
            headers=copy.copy(sent.value[1]),
        )
    )
    token = Secret(client.access_token or "")
    if not _is_plain_bearer(made, url, sent, token):
        return Hidden(
            (
                secure.restored(Hidden(made.value[0]), Hidden(sent.value[0])).value,
                *made.value[1:],
            )
        ), theirs
    attached = Bearer(
        token,
        session.auth if theirs.value is None else theirs.value,
        trust_env=session.trust_env,
        login=login,
        held=held,
        remake=partial(_remake, session, given, files, options),
    )
    return sent, Hidden(attached)


def _hooked(session: OAuth2Session, given: Sent) -> Sent:
    return run_hooks(session.compliance_hook["protected_request"], given)


def _remake(
    session: OAuth2Session,
    given: Sent,
    files: Any,
    options: Hidden[dict[str, Any]],
    request: requests.PreparedRequest,
) -> None:
    """Have the hooks make a request anew, with the token of its second try.

    Its Authorization and cookies stay as they are.
    """
    if not session.compliance_hook["protected_request"]:
        return
    # What was read from a file goes along as it was.
    if files or not isinstance(request.body, str | bytes | None):
        return
    sent = _hooked(session, given)
    anew = session.prepare_request(
        requests.Request(
            request.method,
            sent.value[0],
            headers=sent.value[1],
            data=sent.value[2] or {},
            params=options.value.get("params") or {},
            json=options.value.get("json"),
            auth=leave_alone,
        )
    )
    for name in ("Authorization", "Cookie"):
        anew.headers.pop(name, None)
    request.url, request.body = anew.url, anew.body
    request.headers.update(anew.headers)


def _is_plain_bearer(
    made: Hidden[Any], url: Hidden[str], sent: Sent, token: Secret
) -> bool:
    """Whether all that oauthlib did is to add RFC 6750's header."""
    before = Hidden(
        {**(sent.value[1] or {}), "Authorization": f"Bearer {token.reveal()}"}
    )
    return (
        made.value[0] == url.value
        and made.value[2] is sent.value[2]
        and dict(made.value[1] or {}) == before.value
    )

"""How a protected request carries the session's token."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final, final

from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_netrc_auth

from oauth_auth.oauth2_session import secure
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    import requests

    from oauth_auth.held import Held
    from oauth_auth.oauth2_session.asking import Sent
    from oauth_auth.oauth2_session.session import OAuth2Session
    from oauth_auth.oauth2_session.shared import SharedLogin

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
    """

    def __init__(
        self,
        token: Secret,
        theirs: Any,
        *,
        trust_env: bool,
        login: SharedLogin | None,
        held: Held | None,
    ) -> None:
        self._token: Final = token
        self._theirs: Final = Hidden(theirs)
        self._trust_env: Final = trust_env
        self._login: Final = login
        self._held: Final = held

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Attach the token; requests calls this while it prepares a request."""
        if self._login is None or self._held is None:
            r.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        else:
            self._login.attach(self._held, r)
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
    sent: Sent,
    *,
    theirs: Hidden[Any],
    login: SharedLogin | None,
    held: Held | None,
) -> tuple[Sent, Hidden[Any]]:
    """Return a request with the session's token, where oauthlib's client puts it.

    Args:
        session: The session.
        method: The request's method.
        sent: Its URL, headers and body.
        theirs: The caller's own ``auth`` for it.
        login: The shared login, if there is one.
        held: Its token.

    Raises:
        TokenExpiredError: The token has expired.
        ValueError: There is no access token, or it cannot be placed so.
    """
    client: Any = session._client
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
    )
    return sent, Hidden(attached)


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

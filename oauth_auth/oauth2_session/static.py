"""OAuth2: a token that never changes, as ``auth=`` of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from oauthlib.oauth2 import WebApplicationClient
from requests.auth import AuthBase

from oauth_auth.oauth2_session import secure
from oauth_auth.oauth2_session.hidden import Hidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

__all__ = ["OAuth2"]


class OAuth2(AuthBase):
    """Adds one token to requests, as requests-oauthlib's class of that name does.

    It renews nothing; `OAuthAuth` does.

    Args:
        client_id: The client's identifier, unless `client` has it.
        client: One of oauthlib's clients; by default a `WebApplicationClient`. Its
            ``default_token_placement`` says where the token goes.
        token: The token, as a dictionary.
    """

    def __init__(
        self,
        client_id: str | None = None,
        client: Any = None,
        token: Mapping[str, Any] | None = None,
    ) -> None:
        given = Hidden(token)
        del token
        self._client = client or WebApplicationClient(client_id, token=given.value)
        for name in given.value or {}:
            setattr(self._client, name, (given.value or {})[name])

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an OAuth2 does not pickle, since its token would be readable by anyone in "
            "the pickle; build it anew where it is needed"
        )

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token; requests calls this while it prepares a request.

        Raises:
            InsecureTransportError: The URL is neither https nor on loopback.
            TokenExpiredError: The token has expired.
            ValueError: There is no access token.
        """
        url = Hidden(r.url or "")
        secure.check(url)
        made = Hidden(
            self._client.add_token(
                secure.for_oauthlib(url).value,
                http_method=r.method,
                body=r.body,
                headers=r.headers,
            )
        )
        r.url = secure.restored(Hidden(made.value[0]), url).value
        r.headers, r.body = made.value[1], made.value[2]
        return r

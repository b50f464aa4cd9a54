"""Where a token goes when a server sends the client elsewhere."""

import socket

import pytest

from tests.http_clients.api import redirect, unauthorized


def _all_names_are_here(monkeypatch):
    """Let every name mean this machine, as in a hosts file."""
    lookup = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _host, *args, **kw: lookup("127.0.0.1", *args, **kw),
    )


class RedirectTests:
    """Every client keeps the token within the origin that the caller named."""

    @pytest.mark.parametrize(
        ("way", "status"),
        [
            ("port", 302),
            ("port", 307),
            ("host", 302),
            ("subdomain", 302),
            ("relative", 308),
            ("userinfo", 307),
        ],
    )
    def test_nobody_else_gets_the_token(
        self, driver, server, login, api, serve, monkeypatch, way, status
    ):
        """A redirect's target sees no token, and its 401 renews nothing. M58, M59."""
        other = api if way in ("host", "subdomain") else serve()
        _all_names_are_here(monkeypatch)
        target = {
            "port": f"{other.origin}/there",
            "host": f"http://localhost:{other.port}/there",
            "subdomain": f"http://sub.localhost:{other.port}/there",
            "relative": f"//127.0.0.1:{other.port}/there",
            "userinfo": f"http://127.0.0.1:{api.port}@127.0.0.1:{other.port}/there",
        }[way]
        auth = login()
        old = auth.access_token()
        api.script = [redirect(target, status)]
        other.answer = unauthorized()
        url = api.url
        if way == "subdomain":
            url = url.replace("127.0.0.1", "localhost")
        response = driver.post(auth, url, content=b"x", follow=True)
        assert response.status_code == 401
        assert api.authorizations[0] == f"Bearer {old}"
        there = [request for request in other.seen if request.path == "/there"]
        assert len(there) == 1
        assert old not in str(there)
        assert server.counts().token_requests == 0
        assert auth.access_token() == old

    def test_nobody_on_plain_http_gets_the_token(
        self, driver, server, login, api, serve, certificate
    ):
        """A redirect from https to http takes no token along. M58."""
        secure = serve(tls=certificate.server_context())
        secure.answer = redirect(api.url)
        api.answer = unauthorized()
        auth = login()
        response = driver.get(auth, secure.url, follow=True, ca=certificate.path)
        assert response.status_code == 401
        assert secure.authorizations == [f"Bearer {auth.access_token()}"]
        assert api.authorizations == [None]
        assert server.counts().token_requests == 0

    def test_a_401_after_there_and_back_is_left_alone(
        self, driver, server, login, api, serve
    ):
        """What comes back from elsewhere has lost the token, and is not ours. M59."""
        other = serve()
        other.answer = redirect(f"{api.origin}/back")
        api.script = [redirect(other.url), unauthorized()]
        response = driver.get(login(), api.url, follow=True)
        assert response.status_code == 401
        assert [request.path for request in api.seen] == ["/things", "/back"]
        assert api.authorizations[1] is None
        assert other.authorizations == [None]
        assert server.counts().token_requests == 0

    def test_a_401_at_the_end_of_the_own_origins_redirects_is_retried(
        self, driver, server, login, api
    ):
        """The last request is repeated, not the whole chain."""
        api.script = [redirect("/b"), redirect("/c"), unauthorized()]
        assert driver.get(login(), api.url, follow=True).status_code == 200
        paths = [request.path for request in api.seen]
        assert paths == ["/things", "/b", "/c", "/c"]
        assert len(set(api.authorizations[:3])) == 1
        assert api.authorizations[3] != api.authorizations[2]
        assert server.counts().token_requests == 1

    def test_a_post_that_was_redirected_by_303_is_not_repeated(
        self, driver, server, login, api
    ):
        """What the POST has done is not done twice."""
        api.script = [redirect("/done", 303), unauthorized()]
        response = driver.post(login(), api.url, content=b"pay", follow=True)
        assert response.status_code == 200
        assert [(request.method, request.path) for request in api.seen] == [
            ("POST", "/things"),
            ("GET", "/done"),
            ("GET", "/done"),
        ]
        assert server.counts().token_requests == 1

    def test_a_body_goes_along_with_a_307_and_its_retry(self, driver, login, api):
        """The redirected request is repeated with its whole body."""
        api.script = [redirect("/b", 307), unauthorized()]
        response = driver.post(login(), api.url, content=b"body", follow=True)
        assert response.status_code == 200
        assert [(request.path, request.body) for request in api.seen] == [
            ("/things", b"body"),
            ("/b", b"body"),
            ("/b", b"body"),
        ]

    def test_a_redirect_after_the_retry_carries_the_new_token(
        self, driver, server, login, api
    ):
        """The hop that follows a retry does not fall back to the old token."""
        api.script = [unauthorized(), redirect("/b")]
        auth = login()
        old = auth.access_token()
        assert driver.get(auth, api.url, follow=True).status_code == 200
        new = auth.access_token()
        assert api.authorizations == [f"Bearer {t}" for t in (old, new, new)]
        assert server.counts().token_requests == 1

    def test_a_redirect_of_the_retry_takes_no_token_elsewhere(
        self, driver, server, login, api, serve
    ):
        """A retry that is answered with a redirect keeps the token to its origin.

        M58.
        """
        other = serve()
        api.script = [unauthorized(), redirect(other.url)]
        assert driver.get(login(), api.url, follow=True).status_code == 200
        assert other.authorizations == [None]

    def test_redirects_of_a_real_server(self, driver, server, login):
        """The testing server's own redirect keeps the token within its origin."""
        api_url = f"{server.redirect_url}?protected=1&to={server.api_url}"
        response = driver.get(login(), api_url, follow=True)
        assert response.status_code == 200
        assert [r.status_code for r in response.history] == [302]
        assert server.counts().api_ok == 2

"""OAuthAuth is one object for all HTTP clients, and loads no more than it needs."""

import subprocess
import sys
import textwrap
import threading

import httpx
import httpx2
import pytest
import requests

from oauth_auth import ClientCredentials, FileStore, MemoryStore, OAuthAuth
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from tests.http_clients import drivers
from tests.http_clients.drivers import FOREVER

ALL = [
    drivers.RequestsCall,
    drivers.RequestsSession,
    drivers.HttpxClient,
    drivers.HttpxAsyncio,
    drivers.HttpxTrio,
    drivers.Httpx2Client,
    drivers.Httpx2Asyncio,
    drivers.Httpx2Trio,
]


def machine(server, kind=OAuthAuth, **settings):
    grant = ClientCredentials(
        token_endpoint=server.token_endpoint,
        client_id=server.client_id,
        client_secret=server.client_secret,
    )
    return kind(grant, **settings)


def run(code, *args):
    """Run code in an interpreter of its own, and return the lines it prints."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=FOREVER,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


class TestKind:
    def test_it_is_what_each_library_looks_for(self):
        """httpx and httpx2 check the class; a callable would see no response."""
        auth = OAuthAuth(
            ClientCredentials("https://a.example", client_id="c", client_secret="s"),
            store=MemoryStore(),
        )
        assert isinstance(auth, requests.auth.AuthBase)
        assert isinstance(auth, httpx.Auth)
        assert isinstance(auth, httpx2.Auth)

    @pytest.mark.parametrize("kind", [OAuthAuth, RequestsAuth, HttpxAuth, Httpx2Auth])
    def test_it_is_never_falsy(self, kind):
        """requests ignores a falsy auth, and netrc would win. M61."""
        assert bool(kind.__new__(kind))
        assert not hasattr(kind, "__len__")
        assert not hasattr(kind, "__bool__")

    @pytest.mark.parametrize("name", ["sync_auth_flow", "async_auth_flow"])
    @pytest.mark.parametrize("kind", [OAuthAuth, HttpxAuth, Httpx2Auth])
    def test_both_flows_are_ours(self, kind, name):
        """The libraries' own flows would send requests without a token."""
        owner = next(base for base in kind.__mro__ if name in vars(base))
        assert owner.__module__.startswith("oauth_auth.")

    def test_a_class_for_one_library_is_none_for_the_others(self):
        """The small classes are for their own library alone."""
        assert not issubclass(RequestsAuth, httpx.Auth | httpx2.Auth)
        assert not issubclass(HttpxAuth, requests.auth.AuthBase | httpx2.Auth)
        assert not issubclass(Httpx2Auth, requests.auth.AuthBase | httpx.Auth)


class TestTogether:
    def test_all_clients_use_it_at_the_same_time(self, server):
        """Eight kinds of clients at once, over two renewals, in their own threads."""
        auth = machine(server, store=MemoryStore())
        results = []
        barrier = threading.Barrier(len(ALL), action=server.revoke_access_tokens)

        def work(driver):
            for _ in range(2):
                barrier.wait(FOREVER)
                results.extend(driver.crowd(auth, server.api_url, 5))

        threads = [threading.Thread(target=work, args=(kind(),)) for kind in ALL]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(FOREVER)
        assert results == [200] * (2 * 5 * len(ALL))
        assert server.counts().token_requests == 2

    def test_the_small_classes_share_the_token(self, server, tmp_path):
        """Objects of all classes with the same settings make one token request."""
        for driver, kind in (
            (drivers.RequestsCall(), RequestsAuth),
            (drivers.HttpxClient(), HttpxAuth),
            (drivers.Httpx2Asyncio(), Httpx2Auth),
            (drivers.RequestsCall(), OAuthAuth),
        ):
            auth = machine(server, kind, store=FileStore(tmp_path))
            assert driver.get(auth, server.api_url).status_code == 200
        assert server.counts().token_requests == 1

    def test_it_can_be_used_in_its_own_callback(self, server):
        """on_token may ask for the token, or send a request with it. M71."""
        seen = []

        def on_token(token):
            seen.append(auth.access_token())
            seen.append(requests.get(server.api_url, auth=auth, timeout=FOREVER))

        auth = machine(server, store=MemoryStore(), on_token=on_token)
        assert auth.access_token() == seen[0]
        assert seen[1].status_code == 200
        assert server.counts().token_requests == 1

    def test_accounts_have_tokens_of_their_own(self, server):
        """for_account gives an object with the same settings for another person."""
        auth = machine(server, store=MemoryStore(), leeway=7.0)
        other = auth.for_account("42")
        assert type(other) is OAuthAuth
        assert other._settings() == {**auth._settings(), "account": "42"}
        assert other.access_token() != auth.access_token()
        assert server.counts().token_requests == 2


class TestAlias:
    def test_httpx2_in_the_place_of_httpx(self, server):
        """With httpx2.alias_httpx() both names mean one library, and all works."""
        code = """
            import sys
            import httpx2
            httpx2.alias_httpx()
            from oauth_auth import ClientCredentials, MemoryStore, OAuthAuth
            import httpx, requests
            assert httpx is httpx2
            url, token_endpoint, name, secret = sys.argv[1:]
            auth = OAuthAuth(
                ClientCredentials(
                    token_endpoint=token_endpoint, client_id=name, client_secret=secret
                ),
                store=MemoryStore(),
            )
            for get in (httpx.get, httpx2.get, requests.get):
                print(get(url, auth=auth).status_code)
            async def main():
                async with httpx.AsyncClient(auth=auth) as client:
                    print((await client.get(url)).status_code)
            import asyncio
            asyncio.run(main())
            """
        args = server.api_url, server.token_endpoint, server.client_id
        assert run(code, *args, server.client_secret) == ["200"] * 4
        assert server.counts().token_requests == 1


class TestImports:
    """What is imported when, in interpreters of their own."""

    SLOW = (
        "anyio",
        "asyncio",
        "cryptography",
        "filelock",
        "httpx",
        "httpx2",
        "oauthlib",
        "requests",
    )

    def loaded(self, code, *args):
        code = textwrap.dedent(code)
        code += f"\nimport sys; print(*[m for m in {self.SLOW} if m in sys.modules])"
        return run(code, *args)

    def test_the_package_loads_no_http_client(self):
        """`import oauth_auth` loads nothing slow, nor does looking around in it."""
        assert self.loaded("import oauth_auth; dir(oauth_auth)") == []

    @pytest.mark.parametrize(
        ("library", "kind"),
        [
            ("requests", "RequestsAuth"),
            ("httpx", "HttpxAuth"),
            ("httpx2", "Httpx2Auth"),
        ],
    )
    def test_a_small_class_loads_its_library_alone(self, library, kind):
        """Beside the library itself, and what that loads, nothing slow is loaded."""
        alone = self.loaded(f"import {library}")
        ours = self.loaded(f"from oauth_auth.http_clients.{library} import {kind}")
        assert ours == alone
        assert library in ours

    def test_a_warm_request_loads_neither_lock_nor_loop(self, server, tmp_path):
        """With a token in the FileStore only the cipher is loaded on top."""
        auth = machine(server, store=FileStore(tmp_path))
        auth.token()
        code = """
            import sys
            import requests
            from oauth_auth import ClientCredentials, FileStore
            from oauth_auth.http_clients.requests import RequestsAuth
            path, url, token_endpoint, name, secret = sys.argv[1:]
            auth = RequestsAuth(
                ClientCredentials(
                    token_endpoint=token_endpoint, client_id=name, client_secret=secret
                ),
                store=FileStore(path),
            )
            assert requests.get(url, auth=auth).status_code == 200
            """
        args = tmp_path, server.api_url, server.token_endpoint, server.client_id
        loaded = self.loaded(code, *args, server.client_secret)
        assert loaded == ["cryptography", "requests"]
        counts = server.counts()
        assert (counts.token_requests, counts.api_ok) == (1, 1)

    def test_it_works_without_httpx2(self, server):
        """Where httpx2 is not installed, requests and httpx are served."""
        code = """
            import sys
            sys.modules["httpx2"] = None  # as if it were not there
            import httpx, requests
            from oauth_auth import ClientCredentials, MemoryStore, OAuthAuth
            url, token_endpoint, name, secret = sys.argv[1:]
            auth = OAuthAuth(
                ClientCredentials(
                    token_endpoint=token_endpoint, client_id=name, client_secret=secret
                ),
                store=MemoryStore(),
            )
            for get in (httpx.get, requests.get):
                print(get(url, auth=auth).status_code)
            """
        args = server.api_url, server.token_endpoint, server.client_id
        assert run(code, *args, server.client_secret) == ["200"] * 2

    def test_an_unknown_name_is_an_attribute_error(self):
        """As in any module, here and in those of the HTTP clients."""
        import oauth_auth
        from oauth_auth.http_clients import httpx, httpx2, requests

        for module in (oauth_auth, httpx, httpx2, requests):
            with pytest.raises(AttributeError, match="NoSuchThing"):
                _ = module.NoSuchThing

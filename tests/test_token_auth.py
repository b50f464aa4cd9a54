"""TokenAuth: settings, tokens in async programs, login and logout, odd stores."""

import time

import anyio
import httpx
import pytest

from oauth_auth import (
    AuthorizationServer,
    ClientCredentials,
    FileStore,
    MemoryStore,
    OAuthAuth,
    RefreshToken,
    Token,
    errors,
)
from oauth_auth.held import Held
from oauth_auth.stores.base import Record
from tests.fake_server import ISSUER, TOKEN_ENDPOINT, FakeServer


@pytest.fixture
def server():
    return FakeServer()


def machine(server, store, **settings):
    grant = ClientCredentials(
        token_endpoint=TOKEN_ENDPOINT, client_id="machine", client_secret="s3cr3t-value"
    )
    return OAuthAuth(grant, store=store, http=server.http, **settings)


def person(server, store, **settings):
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )
    return OAuthAuth(grant, store=store, http=server.http, **settings)


def unwritable(*args, **kwargs):
    raise errors.StoreNotWritable("the store cannot be written")


class TestAsync:
    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_each_method_has_a_twin(self, server, tmp_path, backend):
        """The awaitable methods do what the others do."""
        auth = person(server, FileStore(tmp_path))

        async def main():
            token = await auth.atoken()
            assert await auth.aaccess_token() == token.access_token
            newer = await auth.arenew()
            assert newer.refresh_token != token.refresh_token
            await auth.alogout()
            with pytest.raises(errors.LoginRequired):
                await auth.atoken()

        anyio.run(main, backend=backend)
        assert server.families_revoked == 0

    def test_a_machine_logs_in(self, server):
        """alogin starts anew for who needs no person."""
        auth = machine(server, MemoryStore())
        old = auth.access_token()
        assert anyio.run(auth.alogin).access_token != old

    def test_errors_reach_the_task(self, server):
        """A failed renewal raises in the task that waits for it."""
        auth = machine(server, MemoryStore())
        server.script.append(httpx.Response(400, json={"error": "invalid_scope"}))
        with pytest.raises(errors.InvalidScopeError):
            anyio.run(auth.atoken)

    def test_a_token_in_its_last_seconds_is_used(self, server):
        """In async programs too, a failed renewal falls back to a valid token."""
        auth = machine(server, MemoryStore(), leeway=200.0)
        auth.token()
        now = time.time()
        token = Token("last", expires_at=now + 50, obtained_at=now - 950)
        auth._resolved().held = Held(token, Record(generation=1))
        server.script.append(httpx.ConnectError("down"))
        assert anyio.run(auth.atoken) is token
        assert server.token_requests == 2

    def test_the_first_use_of_a_seed_is_not_on_the_loop(self, server, tmp_path):
        """Planting a seed touches the disk, so a thread does it."""
        auth = person(server, FileStore(tmp_path))
        assert anyio.run(auth.aaccess_token)


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [({"timeout": 0}, "timeout"), ({"leeway": -1.0}, "leeway")],
    )
    def test_nonsense_is_refused(self, server, settings, said):
        """Numbers that cannot work are refused at once."""
        with pytest.raises(errors.ConfigurationError, match=said):
            machine(server, MemoryStore(), **settings)

    def test_a_grant_is_needed(self):
        """The error names what was given instead."""
        with pytest.raises(errors.ConfigurationError, match="not None"):
            OAuthAuth(None)

    def test_accounts_are_kept_apart(self, server):
        """for_account gives the same settings and a record of its own."""
        auth = machine(server, MemoryStore(), leeway=7.0)
        other = auth.for_account("42")
        assert other.access_token() != auth.access_token()
        assert other._leeway == 7.0
        assert "42" in repr(other)

    def test_the_default_store_follows_the_environment(self, monkeypatch, tmp_path):
        """OAUTH_AUTH_HOME decides where the cache is."""
        monkeypatch.setenv("OAUTH_AUTH_HOME", str(tmp_path / "home"))
        grant = ClientCredentials(ISSUER, client_id="m", client_secret="s")
        assert OAuthAuth(grant)._store == FileStore(tmp_path / "home")


class TestLogin:
    def test_a_seed_cannot_log_in_again(self, server):
        """Who needs a person is told what to do instead."""
        with pytest.raises(errors.ConfigurationError, match="new refresh token"):
            person(server, MemoryStore()).login()

    def test_logout_without_a_server_deletes_here(self, server):
        """Where not even the metadata can be had, the token is deleted all the same.

        M40.
        """
        grant = RefreshToken(ISSUER, client_id="app", refresh_token=server.seed())
        auth = OAuthAuth(grant, store=MemoryStore(), http=server.http)
        auth._resolved()
        server._other = lambda request: httpx.Response(404)
        with pytest.raises(errors.ConfigurationError, match="no metadata"):
            auth.logout()
        assert auth._resolved().store.read(auth._resolved().record_id).token is None

    def test_logout_before_any_token_is_nothing(self, server):
        """There is nothing to revoke, and nobody is asked."""
        machine(server, MemoryStore()).logout()
        assert server.requests == server.revoked == []


class TestOddStores:
    def test_a_machine_works_without_any_store(self, server, monkeypatch, tmp_path):
        """Where not even the id key can be kept, tokens live in memory."""
        store = FileStore(tmp_path / "store")
        monkeypatch.setattr("oauth_auth.stores.disk.make_private_directory", unwritable)
        auth = machine(server, store)
        assert auth.access_token() == auth.access_token()
        assert server.token_requests == 1

    def test_without_any_store_failures_are_held_too(
        self, server, monkeypatch, tmp_path
    ):
        """A server that is down is not asked for each request."""
        store = FileStore(tmp_path / "store")
        monkeypatch.setattr("oauth_auth.stores.disk.make_private_directory", unwritable)
        auth = machine(server, store)
        server.script += [httpx.Response(503)] * 9
        for _ in range(5):
            with pytest.raises(errors.TemporarilyUnavailableError):
                auth.token()
        assert server.token_requests == 1

    def test_a_login_needs_a_store(self, server, monkeypatch, tmp_path):
        """Where a person would have to log in again, nothing is spent."""
        store = FileStore(tmp_path / "store")
        monkeypatch.setattr("oauth_auth.stores.disk.make_private_directory", unwritable)
        with pytest.raises(errors.StoreNotWritable):
            person(server, store).token()
        assert server.requests == []

    def test_a_holder_that_never_ends_is_named(self, server, tmp_path, monkeypatch):
        """Waiting for another worker ends, and nothing is sent beside it. M21."""
        auth = person(server, FileStore(tmp_path), timeout=0.1)
        source = auth._resolved()
        monkeypatch.setattr("oauth_auth.renewal.SAVE_SECONDS", 0.05)
        with (
            FileStore(tmp_path).lock(source.record_id, timeout=1),
            pytest.raises(errors.StoreLocked),
        ):
            auth.token()
        assert server.requests == []
        assert auth.token()

    def test_a_damaged_login_is_named_and_not_overwritten(self, server, tmp_path):
        """Where a person logged in, a damaged record stays for them to see. M81."""
        auth = person(server, FileStore(tmp_path))
        auth.token()
        path = tmp_path / "records" / auth._resolved().record_id
        path.write_bytes(b"garbage")
        auth._resolved().held = None
        with pytest.raises(errors.StoreCorrupt, match=path.name):
            auth.token()
        assert path.read_bytes() == b"garbage"


class TestGrants:
    def test_a_machine_needs_a_secret(self):
        """RFC 6749 section 4.4: only confidential clients."""
        with pytest.raises(errors.ConfigurationError, match="no client_secret"):
            ClientCredentials(ISSUER, client_id="m")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"client_id": ""}, "no client_id"),
            ({"client_id": "m", "client_secret": ""}, "is empty"),
        ],
    )
    def test_empty_credentials_are_refused(self, arguments, said):
        """An empty text is a variable that was not set. M25."""
        with pytest.raises(errors.ConfigurationError, match=said):
            ClientCredentials(ISSUER, **arguments)

    def test_a_server_object_says_it_all(self):
        """token_endpoint= beside an AuthorizationServer would be ignored."""
        with pytest.raises(errors.ConfigurationError, match="AuthorizationServer"):
            ClientCredentials(
                AuthorizationServer(ISSUER),
                client_id="m",
                client_secret="s",
                token_endpoint=TOKEN_ENDPOINT,
            )

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"refresh_token": "r", "token": {"refresh_token": "r"}},
            {"token": {"access_token": "a"}},
        ],
    )
    def test_a_seed_has_one_refresh_token(self, arguments):
        """Neither none nor two."""
        with pytest.raises(errors.ConfigurationError):
            RefreshToken(ISSUER, client_id="m", **arguments)

    def test_a_blank_seed_is_refused(self, tmp_path):
        """A file with nothing but a newline holds no refresh token."""
        from oauth_auth import FromFile

        (tmp_path / "seed").write_text(" \n")
        grant = RefreshToken(
            ISSUER, client_id="m", refresh_token=FromFile(str(tmp_path / "seed"))
        )
        with pytest.raises(errors.ConfigurationError, match="is empty"):
            OAuthAuth(grant, store=MemoryStore()).token()

    @pytest.mark.parametrize(
        "resource",
        ["api", "/api", "https://a.example/#part", ["https://a.example", "b"]],
    )
    def test_a_resource_is_an_absolute_uri(self, resource):
        """What no server may accept is refused at once (RFC 8707 section 2)."""
        with pytest.raises(errors.ConfigurationError, match="RFC 8707"):
            ClientCredentials(
                "https://auth.example.com",
                client_id="c",
                client_secret="x",
                resource=resource,
            )

    def test_scopes_and_resources_may_be_lists(self, server):
        """They are sent as their RFCs say. M98d."""
        grant = ClientCredentials(
            token_endpoint=TOKEN_ENDPOINT,
            client_id="m",
            client_secret="s",
            scope=["a", "b"],
            resource=["https://one.test"],
            extra={"tenant": "7"},
        )
        OAuthAuth(grant, store=MemoryStore(), http=server.http).token()
        sent = server.requests[0]
        assert sent["scope"] == "a b"
        assert sent["resource"] == "https://one.test"
        assert sent["tenant"] == "7"

    def test_a_refresh_sends_no_scope_unless_told(self, server):
        """Some servers refuse it, a few want it. M46."""
        for refresh_scope in (None, "a"):
            grant = RefreshToken(
                token_endpoint=TOKEN_ENDPOINT,
                client_id="m",
                scope="a b",
                refresh_scope=refresh_scope,
                refresh_token=server.seed(),
            )
            OAuthAuth(grant, store=MemoryStore(), http=server.http).token()
        assert [form.get("scope") for form in server.requests] == [None, "a"]


class TestMetadata:
    def test_a_failing_server_is_not_a_configuration_error(self, server):
        """5xx for the metadata may pass; the error says so."""
        server._other = lambda request: httpx.Response(502)
        grant = ClientCredentials(ISSUER, client_id="m", client_secret="s")
        with pytest.raises(errors.ServerError) as caught:
            OAuthAuth(grant, store=MemoryStore(), http=server.http).token()
        assert caught.value.retryable

    def test_metadata_without_a_token_endpoint_is_explained(self, server):
        """The error says what to write."""
        del server.metadata["token_endpoint"]
        grant = ClientCredentials(ISSUER, client_id="m", client_secret="s")
        with pytest.raises(errors.ConfigurationError, match="names no token_endpoint"):
            OAuthAuth(grant, store=MemoryStore(), http=server.http).token()

    def test_openid_metadata_is_the_second_place(self, server):
        """Servers that know no RFC 8414 publish OpenID Connect's document."""

        def other(request):
            if request.url.path == "/.well-known/openid-configuration":
                return httpx.Response(200, json=server.metadata)
            return httpx.Response(200, text="<html>not here</html>")

        server._other = other
        grant = ClientCredentials(ISSUER, client_id="m", client_secret="s")
        assert OAuthAuth(grant, store=MemoryStore(), http=server.http).token()

    def test_no_revocation_endpoint_is_no_failure(self, server):
        """Where a server has none, logging out is deleting."""
        grant = RefreshToken(ISSUER, client_id="app", refresh_token=server.seed())
        auth = OAuthAuth(grant, store=MemoryStore(), http=server.http)
        auth.token()
        auth.logout()
        assert server.revoked == []


def test_many_records_stay_within_bounds(monkeypatch):
    """A process that meets many logins forgets the oldest, unless one is unsaved."""
    from oauth_auth import sources

    monkeypatch.setattr(sources, "_KEPT", 4)
    monkeypatch.setattr(sources, "_sources", {})
    store = MemoryStore()
    first = sources.source_of(store, "a0")
    first.unsaved = object()
    for number in range(1, 10):
        sources.source_of(store, f"a{number}")
    assert len(sources._sources) <= 5
    assert sources.source_of(store, "a0") is first


def test_a_machine_that_is_refused_again_and_again_ends(server, monkeypatch):
    """Flights that bring only refused tokens end in an error, not in a loop."""
    auth = machine(server, MemoryStore())
    source = auth._resolved()
    monkeypatch.setattr(type(source), "_acceptable", lambda *args: None)
    with pytest.raises(errors.OAuthAuthError, match="in a row"):
        auth.token()
    source.held = None
    with pytest.raises(errors.OAuthAuthError, match="in a row"):
        anyio.run(source.obtain_async, auth._terms_for(None), object())


def test_a_new_login_makes_an_unsaved_token_void(server, tmp_path, monkeypatch):
    """What could not be saved is dropped when somebody has logged in since."""
    auth = person(server, FileStore(tmp_path), account="42", timeout=0.05)
    auth.token()
    source = auth._resolved()
    source.unsaved = source.store.read(source.record_id).succeed(lineage="another")
    auth.renew()
    assert source.unsaved is None
    assert source.store.read(source.record_id).lineage != "another"


def test_the_clock_is_asked_once_for_a_fresh_token(server, monkeypatch):
    """A warm call costs one look at the clock. Law 8."""
    auth = machine(server, MemoryStore())
    auth.token()
    looks = []
    real = time.time
    monkeypatch.setattr(time, "time", lambda: looks.append(1) or real())
    auth.token()
    assert len(looks) == 1

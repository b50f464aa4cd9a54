"""Renewal: what is handed out when, and who asks the server."""

import logging
import shutil
import threading
import time

import httpx
import pytest

from oauth_auth import (
    ClientCredentials,
    FileStore,
    MemoryStore,
    OAuthAuth,
    RefreshToken,
    errors,
    renewal,
    sources,
    turn,
)
from oauth_auth.stores.base import Record
from tests.fake_server import ISSUER, TOKEN_ENDPOINT, FakeServer


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "store")


def machine(server, store, **settings):
    """Return an auth object of a client without a person."""
    grant = ClientCredentials(
        token_endpoint=TOKEN_ENDPOINT, client_id="machine", client_secret="s3cr3t-value"
    )
    return OAuthAuth(grant, store=store, http=server.http, **settings)


def person(server, store, seed, **settings):
    """Return an auth object of a login that began with a seed."""
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=seed
    )
    return OAuthAuth(grant, store=store, http=server.http, **settings)


def record_of(auth):
    source = auth._resolved()
    return source.store.read(source.record_id)


def expire(auth, *, stale=False, now=None):
    """Age the token in memory and in the store until it is stale or expired."""
    source = auth._resolved()
    held = source.held or source.look()
    life = 1000.0
    end = time.time() + (100.0 if stale else -1.0)
    token = type(held.token)(
        held.token._access_token,
        expires_at=end,
        obtained_at=end - life,
        refresh_token=held.token._refresh_token,
    )
    with source.store.lock(source.record_id, timeout=5) as transaction:
        transaction.save(transaction.read().succeed(token=token))
    source.held = None
    return source.look()


def settle():
    """Wait for background flights."""
    for thread in threading.enumerate():
        if thread.name == "oauth_auth renewal":
            thread.join()


class Clock:
    """A wall clock that tests set."""

    def __init__(self, monkeypatch):
        self.offset = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.offset)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


class TestMemory:
    def test_a_fresh_token_is_handed_out_without_network_or_store(self, server, store):
        """A worker with a fresh token asks neither the server nor the store."""
        auth = machine(server, store)
        first = auth.token()
        auth._resolved().store = None  # any use of it would fail
        assert auth.token() is first
        assert server.token_requests == 1

    def test_new_objects_find_the_live_token(self, server, store):
        """An object built anew for every call uses the token in memory."""
        tokens = {machine(server, store).access_token() for _ in range(20)}
        assert len(tokens) == 1
        assert server.token_requests == 1

    def test_fifty_threads_with_an_object_each_ask_once(self, server, store):
        """Fifty threads that each build an OAuthAuth make one token request."""
        barrier = threading.Barrier(50)
        tokens = []

        def work():
            barrier.wait()
            tokens.append(machine(server, store).access_token())

        threads = [threading.Thread(target=work) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(tokens) == 50
        assert len(set(tokens)) == 1
        assert server.token_requests == 1


class TestStates:
    def test_an_expired_token_is_renewed(self, server, store):
        """An expired token is replaced before the request goes out."""
        auth = machine(server, store)
        old = auth.access_token()
        expire(auth)
        assert auth.access_token() != old

    def test_a_stale_token_is_used_while_it_is_renewed_behind(self, server, store):
        """A request with a stale token does not wait for the renewal."""
        auth = machine(server, store)
        auth.token()
        stale = expire(auth, stale=True)
        gate = threading.Event()
        server.script.append(lambda form: gate.wait(10) and None)
        assert auth.token() is stale.token
        gate.set()
        settle()
        assert auth.token() is not stale.token
        assert server.token_requests == 2

    def test_a_stale_token_outlives_an_outage(self, server, store):
        """While the server is down a stale token goes on being used."""
        auth = machine(server, store)
        auth.token()
        stale = expire(auth, stale=True)
        server.script += [httpx.ConnectError("down")] * 50
        for _ in range(20):
            assert auth.token() is stale.token
            settle()
        # The hold keeps even the background from asking each time.
        assert server.token_requests == 2

    def test_without_background_a_stale_token_is_left_alone(self, server, store):
        """background=False renews in the foreground only, when it must."""
        auth = machine(server, store, background=False)
        auth.token()
        stale = expire(auth, stale=True)
        assert auth.token() is stale.token
        settle()
        assert server.token_requests == 1

    def test_a_token_in_its_last_seconds_is_used_if_renewal_fails(self, server, store):
        """Inside the leeway, a failed renewal falls back to the token still valid."""
        auth = machine(server, store, leeway=200.0)
        auth.token()
        held = expire(auth, stale=True)
        assert held.usable_until(200.0) <= time.time()
        server.script += [httpx.ConnectError("down")] * 2
        assert auth.token() is held.token

    @pytest.mark.parametrize("expires_in", [0, -5, "0"])
    def test_tokens_expired_at_birth_cause_no_storm(self, server, store, expires_in):
        """A lifetime of zero or less means one use for a second, not one request each.

        M43.
        """
        server.expires_in = expires_in
        auth = machine(server, store)
        before = time.time()
        tokens = {auth.access_token() for _ in range(50)}
        assert len(tokens) <= 1 + int(time.time() - before + 1)
        assert server.token_requests == len(tokens)

    def test_an_unknown_lifetime_lasts_until_a_401(self, server, store):
        """A token without expires_in is used until an API refuses it. M42, M54."""
        server.expires_in = None
        auth = machine(server, store)
        auth.token()
        held = auth._resolved().held
        assert held.fresh_until == held.usable_until(30.0) == float("inf")
        assert auth.renew() is not held.token
        for _ in range(10):
            auth.token()
        assert server.token_requests == 2

    def test_a_leeway_longer_than_the_life_causes_no_storm(self, server, store):
        """Of a short life at most a tenth counts as leeway. M99e."""
        server.expires_in = 5
        auth = machine(server, store, leeway=60.0)
        for _ in range(20):
            auth.token()
        assert server.token_requests == 1

    def test_refresh_in_makes_a_token_stale(self, server, store):
        """The server's refresh_in decides when a token becomes stale."""
        answer = {"access_token": "a", "expires_in": 3600, "refresh_in": 600}
        server.script.append(httpx.Response(200, json=answer))
        auth = machine(server, store)
        token = auth.token()
        assert auth._resolved().held.fresh_until == token.obtained_at + 600

    def test_a_clock_step_back_needs_no_renewal_and_no_storm(
        self, server, store, clock
    ):
        """A token from the future is simply used; a 401 would tell the truth. M99g."""
        auth = machine(server, store)
        token = auth.token()
        clock.offset = -7200.0
        assert auth.token() is token
        clock.offset = 0.0
        assert auth.token() is token
        assert server.token_requests == 1

    def test_a_clock_step_forward_renews_once(self, server, store, clock):
        """A step of the clock costs one renewal. M99d."""
        auth = machine(server, store)
        auth.token()
        clock.offset = 5 * 3600.0
        for _ in range(10):
            auth.token()
        assert server.token_requests == 2


class TestRotation:
    def test_a_login_is_renewed_many_times(self, server, store):
        """Each refresh token is spent once, and the next one follows. M13, M48."""
        auth = person(server, store, server.seed())
        for _ in range(20):
            auth.renew()
        spent = [form["refresh_token"] for form in server.requests]
        assert len(set(spent)) == len(spent) == 20
        assert server.families_revoked == 0

    def test_memory_older_than_the_store_adopts_without_a_request(
        self, server, tmp_path
    ):
        """A rejected token is replaced by the store's newer one. M03, M12, law 7."""
        seed = server.seed()
        one = person(server, FileStore(tmp_path), seed)
        one.token()
        held = one._resolved().held
        source = one._resolved()
        two = renewal.TokenSource(FileStore(tmp_path), source.record_id)
        newer = two.obtain(one._terms_for(None), two.look())
        requests = server.token_requests
        assert source.obtain(one._terms_for(None), held).token == newer.token
        assert server.token_requests == requests

    def test_an_answer_without_refresh_token_keeps_the_old_one(self, server, store):
        """Servers that do not rotate send none, and the old one stays. M48."""
        server.rotate = False
        auth = person(server, store, server.seed())
        for _ in range(3):
            auth.renew()
        assert len({form["refresh_token"] for form in server.requests}) == 1

    def test_a_rotated_refresh_token_is_saved_although_the_answer_is_unusable(
        self, server, store
    ):
        """Nonsense in the access token does not lose the refresh token with it."""
        auth = person(server, store, server.seed())
        auth.token()

        def broken(form):
            answer = server.process(form).json()
            return httpx.Response(200, json={**answer, "access_token": "no\nheader"})

        server.script.append(broken)
        with pytest.raises(errors.ServerError):
            auth.renew()
        rotated = record_of(auth).token.refresh_token
        assert rotated != server.requests[-1]["refresh_token"]
        with auth._resolved().store.lock(auth._resolved().record_id, timeout=1) as held:
            held.mark(None)
        auth._resolved().mark = None
        auth.token()
        assert server.requests[-1]["refresh_token"] == rotated
        assert server.families_revoked == 0


class TestFailures:
    @pytest.mark.parametrize(
        "failure",
        [
            httpx.ConnectError("refused"),
            httpx.Response(503),
            httpx.Response(429),
            httpx.Response(500),
            httpx.Response(502, text="<html>bad gateway</html>"),
            httpx.Response(200, text="<html>captive portal</html>"),
            httpx.Response(400, json={"error": "invalid_request"}),
            httpx.Response(401, json={"error": "invalid_client"}),
            httpx.Response(307, headers={"Location": "https://elsewhere.test/"}),
        ],
        ids=lambda f: type(f).__name__ + str(getattr(f, "status_code", "")),
    )
    def test_only_an_answer_ends_a_login(self, server, store, failure):
        """Failures leave the tokens as they are, and the next try succeeds. M24."""
        auth = person(server, store, server.seed())
        auth.token()
        before = record_of(auth)
        server.script += [failure, failure]
        with pytest.raises(errors.OAuthAuthError) as caught:
            auth.renew()
        assert not isinstance(caught.value, errors.LoginRequired)
        after = record_of(auth)
        assert after._replace(mark=None) == before._replace(mark=None)
        assert after.mark.kind == "hold"
        server.script.clear()
        end_hold(auth)
        assert auth.renew()

    def test_one_failure_answers_everybody(self, server, store):
        """While a hold lasts nobody asks again, in no process. M22, M31, M38."""
        auth = machine(server, store)
        server.script += [httpx.Response(503)] * 50
        for _ in range(30):
            with pytest.raises(errors.TemporarilyUnavailableError):
                auth.token()
        assert server.token_requests == 1
        if isinstance(store, FileStore):
            other = renewal.TokenSource(
                FileStore(store.path), auth._resolved().record_id
            )
            with pytest.raises(errors.TemporarilyUnavailableError):
                other.obtain(auth._terms_for(None))
            assert server.token_requests == 1

    def test_retry_after_is_kept_by_everybody(self, server, store, clock):
        """No token request before the time that the server named. M31."""
        auth = machine(server, store)
        server.script.append(httpx.Response(429, headers={"Retry-After": "120"}))
        for offset in (0, 60, 119):
            clock.offset = offset
            with pytest.raises(errors.TemporarilyUnavailableError):
                auth.token()
        assert server.token_requests == 1
        clock.offset = 121
        assert auth.token()

    def test_holds_grow(self, server, store, clock):
        """Failure after failure the pause doubles, up to half a minute. M22."""
        auth = machine(server, store)
        server.script += [httpx.ConnectError("down")] * 10
        durations = []
        for _ in range(8):
            with pytest.raises(errors.EndpointUnreachable):
                auth.token()
            durations.append(record_of(auth).mark.duration)
            clock.offset += 31
        assert durations == [1, 2, 4, 8, 16, 30, 30, 30]

    def test_a_hold_from_the_future_is_ignored(self, server, store, clock):
        """A clock that was wrong when a hold was written blocks nobody."""
        auth = machine(server, store)
        clock.offset = 7200
        server.script.append(httpx.Response(503))
        with pytest.raises(errors.TemporarilyUnavailableError):
            auth.token()
        clock.offset = 0
        assert auth.token()

    def test_a_dead_refresh_token_ends_the_login_for_all(self, server, store, caplog):
        """invalid_grant is asked once; then everybody is told to log in. M33."""
        auth = person(server, store, server.seed())
        auth.token()
        server.script += [httpx.Response(400, json={"error": "invalid_grant"})] * 9
        with caplog.at_level(logging.ERROR):
            for _ in range(5):
                with pytest.raises(errors.LoginRequired, match="log in again"):
                    auth.renew()
        assert server.token_requests == 2
        assert record_of(auth).mark.kind == "refused"
        assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1

    def test_a_refused_login_still_uses_its_valid_token(self, server, store):
        """The access token is used for as long as it lives."""
        auth = person(server, store, server.seed())
        auth.token()
        held = expire(auth, stale=True)
        server.script.append(httpx.Response(400, json={"error": "invalid_grant"}))
        assert auth.token() is held.token
        settle()
        assert auth.token() is held.token

    def test_a_lost_answer_is_asked_for_again_at_once(self, server, store):
        """A refresh whose answer is lost is replayed once, within the grace. M15."""
        auth = person(server, store, server.seed())
        server.script.append("lost")
        with pytest.raises(errors.LoginRequired, match="no client could have kept"):
            auth.token()
        # The strict server processed the first, and saw reuse in the second.
        assert server.token_requests == 2

    def test_a_doubtful_refresh_leaves_its_journal(self, server, store):
        """Two lost answers: the journal stays, and the next try is the same token.

        M16.
        """
        auth = person(server, store, server.seed())
        server.script += [httpx.ReadTimeout("slow")] * 2
        with pytest.raises(errors.EndpointUnreachable):
            auth.token()
        source = auth._resolved()
        with source.store.lock(source.record_id, timeout=1) as transaction:
            assert transaction.read().journal is not None
            assert transaction.read().mark.in_doubt
        end_hold(auth)
        assert auth.token()
        assert len({form["refresh_token"] for form in server.requests}) == 1

    def test_missing_configuration_is_said_before_any_request(
        self, server, store, monkeypatch
    ):
        """A secret that cannot be read costs neither a request nor the login. M25."""
        from oauth_auth import FromEnv

        monkeypatch.setenv("A_SECRET", "value-of-the-secret")
        grant = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT,
            client_id="app",
            client_secret=FromEnv("A_SECRET"),
            refresh_token=server.seed(),
        )
        auth = OAuthAuth(grant, store=store, http=server.http)
        auth.token()
        before = record_of(auth)
        monkeypatch.delenv("A_SECRET")
        with pytest.raises(errors.ConfigurationError, match="A_SECRET"):
            auth.renew()
        assert record_of(auth) == before
        assert server.token_requests == 1
        monkeypatch.setenv("A_SECRET", "value-of-the-secret")
        assert auth.renew()

    def test_an_unexpected_error_does_not_stop_later_renewals(
        self, server, store, monkeypatch, caplog
    ):
        """A defect in a renewal reaches its waiters, and the next one runs. M22."""
        auth = machine(server, store)
        with monkeypatch.context() as patch:
            patch.setattr(turn.TokenRequest, "send", None)
            with pytest.raises(errors.OAuthAuthError, match="TypeError"):
                auth.token()
        assert auth.token()


def end_hold(auth):
    """Let a hold pass."""
    source = auth._resolved()
    source.mark = None
    with source.store.lock(source.record_id, timeout=1) as transaction:
        mark = transaction.read().mark
        transaction.mark(mark and mark._replace(written_at=0.0))


class TestSaving:
    def test_a_store_that_cannot_be_written_is_met_before_the_spending(
        self, server, tmp_path, monkeypatch
    ):
        """No refresh token is spent if its answer could not be kept. M14, law 3."""

        auth = person(server, FileStore(tmp_path), server.seed())
        auth.token()
        before = server.token_requests

        def full(*args):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("os.posix_fallocate", full)
            with pytest.raises(errors.StoreNotWritable, match="free some space"):
                auth.renew()
        assert server.token_requests == before
        assert auth.renew()

    def test_a_token_that_cannot_be_saved_is_served_and_saved_later(
        self, server, tmp_path, monkeypatch
    ):
        """After the answer came, a failing disk costs nobody the login. M83."""
        store = FileStore(tmp_path)
        announced = []
        auth = person(
            server, store, server.seed(), timeout=0.2, on_token=announced.append
        )
        auth.token()
        old = record_of(auth)
        with monkeypatch.context() as patch:
            patch.setattr("oauth_auth.stores.disk.replace", _no_new_record)
            token = auth.renew()
            settle()
            assert token.refresh_token != old.token.refresh_token
            assert auth.token() is token
            assert announced[-1] is token
            settle()
            assert record_of(auth).generation == old.generation
        auth._resolved().quiet_until = 0.0
        auth.token()
        settle()
        assert record_of(auth).token == token
        assert server.families_revoked == 0

    def test_unsaved_memory_is_never_overtaken_by_the_older_token(
        self, server, tmp_path, monkeypatch
    ):
        """While it cannot be saved, the newer refresh token is not spent either."""
        auth = person(server, FileStore(tmp_path), server.seed(), timeout=0.1)
        auth.token()
        with monkeypatch.context() as patch:
            patch.setattr("oauth_auth.stores.disk.replace", _no_new_record)
            auth.renew()
            settle()
            requests = server.token_requests
            with pytest.raises(errors.StoreNotWritable):
                auth.renew()
            assert server.token_requests == requests
        newest = auth.renew()
        assert record_of(auth).token == newest
        assert server.families_revoked == 0

    def test_without_a_refresh_token_an_unwritable_store_is_no_obstacle(
        self, server, tmp_path, monkeypatch, caplog
    ):
        """Client credentials work from memory, and the log says so once."""
        auth = machine(server, FileStore(tmp_path))
        auth.token()
        with monkeypatch.context() as patch:
            patch.setattr("oauth_auth.stores.disk.open_private", _io_error)
            with caplog.at_level(logging.WARNING, "oauth_auth"):
                for _ in range(3):
                    token = auth.renew()
            assert auth.token() is token
        assert caplog.text.count("kept in memory only") == 1
        assert server.token_requests == 4

    def test_a_damaged_record_of_a_machine_heals(self, server, tmp_path):
        """Where nobody has to log in, a damaged record is replaced and kept aside."""
        store = FileStore(tmp_path)
        auth = machine(server, store)
        auth.token()
        generation = auth._resolved().held.generation
        path = tmp_path / "records" / auth._resolved().record_id
        path.write_bytes(b"garbage")
        fresh = renewal.TokenSource(store, auth._resolved().record_id)
        healed = fresh.obtain(auth._terms_for(None))
        assert healed.generation > generation
        assert list(path.parent.glob(f"{path.name}.corrupt-*"))
        assert auth._resolved().look().token == healed.token


def _io_error(*args):
    raise OSError(5, "Input/output error")


def _no_new_record(source, target):
    """Put journals in their place, and no record."""
    if target.suffix != ".next":
        _io_error()
    source.replace(target)


class TestSeeds:
    def test_a_script_that_starts_again_with_its_old_seed_goes_on(
        self, server, tmp_path
    ):
        """The claims lead an old seed to the newest token."""
        seed = server.seed()
        auth = person(server, FileStore(tmp_path), seed)
        for _ in range(5):
            auth.renew()
        saved = auth.token().refresh_token
        for old in (seed, saved):
            again = person(server, FileStore(tmp_path), old)
            assert again._resolved().record_id == auth._resolved().record_id
            again.renew()
        assert server.families_revoked == 0

    def test_two_seeds_make_two_records(self, server, store):
        """Two people's seeds under one client are never mixed."""
        seeds = [server.seed(), server.seed()]
        auths = [person(server, store, seed) for seed in seeds]
        tokens = [auth.access_token() for auth in auths]
        assert tokens[0] != tokens[1]
        for auth, token in zip(auths, tokens, strict=True):
            assert auth.access_token() == token
        assert [form["refresh_token"] for form in server.requests] == seeds

    def test_a_seed_under_another_configuration_is_refused(self, server, store):
        """A claimed seed that is offered for another client names both."""
        seed = server.seed()
        person(server, store, seed).token()
        grant = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT, client_id="other", refresh_token=seed
        )
        with pytest.raises(errors.ConfigurationError, match=r"app.*other"):
            OAuthAuth(grant, store=store).token()

    def test_an_account_takes_a_new_seed_as_a_new_login(self, server, store):
        """With an account, an unclaimed seed starts a new lineage in its record."""
        first = person(server, store, server.seed(), account="42")
        first.token()
        one = record_of(first)
        second = person(server, store, server.seed(), account="42")
        second.token()
        two = record_of(second)
        assert second._resolved().record_id == first._resolved().record_id
        assert two.lineage != one.lineage
        assert two.generation > one.generation

    def test_a_seed_with_a_live_access_token_needs_no_request(self, server, store):
        """The access token that came with the seed is used until it expires."""
        token = {
            "access_token": "still-good",
            "refresh_token": server.seed(),
            "expires_at": time.time() + 3600,
        }
        grant = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT, client_id="app", token=token
        )
        auth = OAuthAuth(grant, store=store, http=server.http)
        assert auth.access_token() == "still-good"
        assert server.token_requests == 0

    def test_expires_in_alone_is_never_fresh(self, server, store):
        """A stored expires_in says nothing about age, so the token is renewed."""
        token = {
            "access_token": "old",
            "refresh_token": server.seed(),
            "expires_in": 99,
        }
        grant = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT, client_id="app", token=token
        )
        auth = OAuthAuth(grant, store=store, http=server.http)
        assert auth.access_token() != "old"

    def test_only_the_last_claims_are_kept(self, server, tmp_path):
        """Of a record's refresh tokens the last 64 are recognised, and its seed."""
        auth = person(server, FileStore(tmp_path), server.seed())
        for _ in range(70):
            auth.renew()
        assert len(record_of(auth).claims) == 64
        assert len(list((tmp_path / "claims").iterdir())) == 64 + 1

    @pytest.mark.parametrize("account", [None, "me"])
    def test_a_seed_is_recognised_after_any_number_of_renewals(
        self, server, store, account
    ):
        """A fleet that restarts after months with its first token goes on. M03, M13.

        So does a script that was started once with a token that it had saved.
        """
        seed = server.seed()
        auth = person(server, store, seed, account=account)
        auth.token()
        saved = auth.renew().refresh_token
        assert person(server, store, saved, account=account).token()
        for _ in range(70):
            newest = auth.renew()
        sources._sources.clear()
        for old in (seed, saved):
            again = person(server, store, old, account=account)
            assert again._resolved().record_id == auth._resolved().record_id
            assert again.token() == newest
            assert again.renew() != newest
            newest = again.token()
        assert server.families_revoked == 0

    def test_a_seed_without_a_claim_finds_the_record_that_began_with_it(
        self, server, tmp_path
    ):
        """A lost claims directory does not have a spent token sent again."""
        seed = server.seed()
        auth = person(server, FileStore(tmp_path), seed)
        for _ in range(70):
            newest = auth.renew()
        shutil.rmtree(tmp_path / "claims")
        sources._sources.clear()
        again = person(server, FileStore(tmp_path), seed)
        assert again.token() == newest
        assert server.families_revoked == 0


class TestLogout:
    def test_logout_revokes_and_leaves_a_tombstone(self, server, store):
        """The server is told, the token is gone, and its seed brings none back."""
        server.metadata["revocation_endpoint"] = f"{ISSUER}/revoke"
        seed = server.seed()
        grant = RefreshToken(ISSUER, client_id="app", refresh_token=seed)
        auth = OAuthAuth(grant, store=store, http=server.http)
        refresh_token = auth.token().refresh_token
        auth.logout()
        assert server.revoked == [refresh_token]
        assert record_of(auth).logged_out
        assert record_of(auth).token is None
        for again in (auth, OAuthAuth(grant, store=store, http=server.http)):
            with pytest.raises(errors.LoginRequired, match="logged out"):
                again.token()

    def test_logout_deletes_although_the_server_cannot_be_told(self, server, store):
        """A failing revocation is raised after the local token is gone. M40."""
        server.metadata["revocation_endpoint"] = f"{ISSUER}/revoke"
        server._other = lambda request: (
            httpx.Response(503)
            if request.url.path == "/revoke"
            else FakeServer._other(server, request)
        )
        grant = RefreshToken(ISSUER, client_id="app", refresh_token=server.seed())
        auth = OAuthAuth(grant, store=store, http=server.http)
        auth.token()
        with pytest.raises(errors.OAuthAuthError):
            auth.logout()
        assert record_of(auth).token is None

    def test_a_machine_starts_again_after_logout(self, server, store):
        """Who needs no person simply gets the next token."""
        auth = machine(server, store)
        old = auth.access_token()
        auth.logout()
        assert auth.access_token() != old

    def test_generations_never_restart(self, server, store):
        """Logout and login count on."""
        auth = machine(server, store)
        auth.token()
        auth.logout()
        auth.token()
        assert record_of(auth).generation == 3

    def test_login_ends_a_hold(self, server, store):
        """A new login clears what was held against the old one."""
        auth = machine(server, store)
        server.script.append(httpx.Response(401, json={"error": "invalid_client"}))
        with pytest.raises(errors.InvalidClientError, match="client_secret_basic"):
            auth.token()
        assert auth.login()


class TestFlights:
    def test_a_flight_asked_from_inside_itself_does_not_hang(self, server, store):
        """A log handler that uses the same login during its renewal does not hang.

        M71.
        """
        auth = machine(server, store)
        seen = []

        class Handler(logging.Handler):
            def emit(self, record):
                try:
                    seen.append(auth.access_token())
                except errors.OAuthAuthError as error:
                    seen.append(error)

        def chatty(form):
            logging.getLogger("somewhere").warning("inside")

        handler = Handler()
        logging.getLogger("somewhere").addHandler(handler)
        try:
            server.script += [chatty, chatty]
            first = auth.access_token()
            auth.renew()
        finally:
            logging.getLogger("somewhere").removeHandler(handler)
        assert isinstance(seen[0], errors.OAuthAuthError)
        assert seen[1] == first

    def test_each_waiter_gets_an_error_of_its_own(self, server, store):
        """Waiters do not share one exception, whose traceback they would all extend."""
        auth = machine(server, store)
        gate = threading.Event()
        server.script.append(lambda form: gate.wait(10) and httpx.Response(503))
        caught = []

        def work():
            try:
                auth.token()
            except errors.OAuthAuthError as error:
                caught.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        while not server.requests:
            time.sleep(0.001)
        gate.set()
        for thread in threads:
            thread.join()
        assert len({id(error) for error in caught}) == 8
        assert {str(error) for error in caught} == {str(caught[0])}

    def test_without_a_thread_the_caller_does_the_work(
        self, server, store, monkeypatch
    ):
        """Where no thread can be started, the foreground renews inline."""

        def refuse(self):
            raise RuntimeError("can't start new thread")

        auth = machine(server, store)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert auth.token()
        stale = expire(auth, stale=True)
        assert auth.token() is stale.token
        assert server.token_requests == 1

    def test_on_token_is_called_once_for_each_new_token(self, server, store, caplog):
        """In the caller's thread, never for the seed, and what it raises is logged."""
        seen = []

        def on_token(token):
            seen.append((token, threading.current_thread()))
            raise ZeroDivisionError

        auth = person(server, store, server.seed(), on_token=on_token)
        for _ in range(3):
            auth.token()
        auth.renew()
        auth.token()
        assert [token.refresh_token for token, _ in seen] == [
            f"refresh-token-{n:04d}" for n in (2, 3)
        ]
        assert {thread for _, thread in seen} == {threading.current_thread()}
        assert "on_token failed" in caplog.text


class TestMetadata:
    def test_metadata_is_asked_for_once_a_day(self, server, tmp_path, clock):
        """It is kept in memory and in the store, and used stale in an outage."""
        from oauth_auth import endpoint

        grant = ClientCredentials(ISSUER, client_id="m", client_secret="s3cr3t")
        auth = OAuthAuth(grant, store=FileStore(tmp_path), http=server.http)
        auth.token()
        auth.renew()
        endpoint._found.clear()
        auth.renew()
        assert server.metadata_requests == 1
        clock.offset = 90000.0
        auth.renew()
        assert server.metadata_requests == 2
        clock.offset = 200000.0
        server._other = lambda request: httpx.Response(503)
        assert auth.renew()

    def test_a_token_endpoint_taken_for_an_issuer_is_explained(self, server, store):
        """The error says what to write instead."""
        grant = ClientCredentials(TOKEN_ENDPOINT, client_id="m", client_secret="s3cr3t")
        auth = OAuthAuth(grant, store=store, http=server.http)
        with pytest.raises(errors.ConfigurationError, match="write token_endpoint="):
            auth.token()

    def test_another_issuers_metadata_is_not_used(self, server, store):
        """RFC 8414 section 3.3: the issuers must be identical."""
        server.metadata["issuer"] = "https://evil.test"
        grant = ClientCredentials(ISSUER, client_id="m", client_secret="s3cr3t")
        with pytest.raises(errors.ConfigurationError, match=r"evil\.test"):
            OAuthAuth(grant, store=store, http=server.http).token()


def test_a_record_of_a_later_generation_is_never_replaced_in_memory(server, store):
    """Memory is ordered by generation, whatever the expiry says. Law 6."""
    auth = machine(server, store)
    auth.token()
    source = auth._resolved()
    held = source.held
    older = Record(generation=held.generation, token=auth.token())
    assert source._adopt(older) is held


def test_a_long_wait_names_who_holds_the_record(server, tmp_path, caplog, monkeypatch):
    """Once for each wait, so that somebody can find the process that hangs. M87."""
    monkeypatch.setattr(renewal, "PATIENT_SECONDS", 0.05)
    store = FileStore(tmp_path)
    auth = machine(server, store)
    source = auth._resolved()
    waiting = threading.Thread(target=auth.token)
    with source.store.lock(source.record_id, timeout=0):
        waiting.start()
        end = time.monotonic() + 20
        while "waiting for" not in caplog.text and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.2)  # time for many more looks, which say nothing
    waiting.join()
    lines = [r.getMessage() for r in caplog.records if "waiting for" in r.getMessage()]
    assert len(lines) == 1
    assert "another thread of this process, which has locked record" in lines[0]

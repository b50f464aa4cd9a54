"""Where a seed leads: looked up in the store, and remembered while that is safe."""

import logging

import pytest

from oauth_auth import FileStore, MemoryStore, OAuthAuth, RefreshToken, errors, seed
from oauth_auth.identity import Identifier
from oauth_auth.secret import FromFile
from oauth_auth.sources import has_fresh
from oauth_auth.testing.store_tools import save
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.stores.children import in_child


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path)


@pytest.fixture
def lookups(monkeypatch):
    """The fingerprints that were looked up."""
    seen = []
    real = FileStore.claim

    def claim(self, fingerprint, record_id=None, **options):
        if record_id is None:
            seen.append(fingerprint)
        return real(self, fingerprint, record_id, **options)

    monkeypatch.setattr(FileStore, "claim", claim)
    return seen


class World:
    """One server and store, and what programs build of one seed, call after call."""

    def __init__(self, server, store):
        self.server = server
        self.store = store
        self.refresh_token = server.seed()

    def auth(self, *, client_id="app", refresh_token=None, **settings):
        grant = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT,
            client_id=client_id,
            refresh_token=refresh_token or self.refresh_token,
        )
        return OAuthAuth(grant, store=self.store, http=self.server.http, **settings)


@pytest.fixture
def world(server, store):
    return World(server, store)


class TestRemembered:
    def test_a_new_object_touches_no_store(self, world, lookups, monkeypatch):
        """An object for every call finds the process's live token. Law 8."""
        token = world.auth().token()
        lookups.clear()
        monkeypatch.setattr(FileStore, "read", None)
        monkeypatch.setattr(FileStore, "lock", None)
        assert world.auth().token() == token
        assert lookups == []

    @pytest.mark.parametrize(
        ("what", "value"), [("rejected", True), ("fresh_until", 0.0)]
    )
    def test_a_token_of_no_use_is_looked_up_again(self, world, lookups, what, value):
        """Without a token that is good as it is the store is asked anyway."""
        first = world.auth()
        first.token()
        setattr(first._resolved().held, what, value)
        lookups.clear()
        assert world.auth()._resolved() is first._resolved()
        assert lookups

    def test_a_logout_here_counts_at_once(self, world):
        """The next object has no token any more."""
        world.auth().token()
        world.auth().logout()
        with pytest.raises(errors.LoginRequired):
            world.auth().token()

    def test_a_record_that_is_gone_is_planted_again(self, server, world):
        """Once its token is used up, a seed begins anew what was removed."""
        server.rotate = False
        first = world.auth()
        first.token()
        source = first._resolved()
        (world.store.path / "records" / source.record_id).unlink()
        source.held = None
        assert world.auth().token()
        assert world.store.read(source.record_id).generation

    def test_another_process_may_have_moved_a_claim(self, world, lookups):
        """It counts as soon as this process has no fresh token of its own."""
        first = world.auth(account="a")
        first.token()
        world.auth(refresh_token=world.server.seed(), account="b").token()
        other = world.auth(refresh_token="x", account="b")._resolved().record_id
        world.store.claim(lookups[0], other, seed=True)
        assert world.auth(account="a")._resolved() is first._resolved()
        first._resolved().held = None
        with pytest.raises(errors.ConfigurationError, match="account b"):
            world.auth(account="a").token()

    def test_a_forked_child_goes_on(self, world):
        """It inherits the place together with the token."""
        token = world.auth().access_token()
        assert in_child(lambda: world.auth().access_token()) == token


class TestToldApart:
    """Nothing but the same seed in the same configuration is taken for it."""

    @pytest.mark.parametrize(
        "other", [{"client_id": "other"}, {"account": "42"}], ids=str
    )
    def test_another_configuration_is_refused(self, world, other):
        """The error comes although the seed's place is remembered."""
        world.auth().token()
        with pytest.raises(errors.ConfigurationError, match="belongs to the login of"):
            world.auth(**other).token()

    def test_another_seed_in_the_same_file(self, server, store, tmp_path):
        """A file is read for each object, since whoever logs in again replaces it."""
        file = tmp_path / "seed"
        world = World(server, store)
        sources = []
        for _ in range(2):
            file.write_text(server.seed())
            auth = world.auth(refresh_token=FromFile(str(file)))
            auth.token()
            sources.append(auth._resolved())
        assert sources[0] is not sources[1]

    def test_a_copy_of_the_store(self, world):
        """It has the same names for everything, and claims of its own."""
        grant, identifier = world.auth()._grant, Identifier.unkept()
        here, there = MemoryStore(), MemoryStore()
        place = seed.find_place(here, identifier, grant, None, lambda *_: True)
        fingerprint = here.read(place.record_id).claims[-1]
        save(there, here.read(place.record_id), "other")
        there.claim(fingerprint, "other", seed=True)
        place = seed.find_place(there, identifier, grant, None, lambda *_: True)
        assert place.record_id == "other"

    def test_another_id_key(self, world):
        """A store whose id key is another has other names for the same things."""
        grant = world.auth()._grant
        for identifier in (Identifier.unkept(), Identifier.unkept()):
            place = seed.find_place(world.store, identifier, grant, None, has_fresh)
            assert place.configuration == identifier.record_id(grant.inputs(None))
            assert world.store.read(place.record_id).configuration == (
                place.configuration
            )


def test_a_seed_that_cannot_be_claimed_is_not_lost(world, monkeypatch, caplog):
    """Where the claim for ever cannot be written it is tried again later."""
    world.auth().token()
    source = world.auth()._resolved()
    for claim in (world.store.path / "claims").iterdir():
        claim.unlink()

    def unwritable(*args, **kwargs):
        raise errors.StoreNotWritable("it cannot be written")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(FileStore, "_write_claim", unwritable)
        source.held = None
        world.auth()._resolved()
    assert "may not be recognised" in caplog.text
    world.auth()._resolved()
    assert list(world.store.claims())


def test_many_seeds_stay_within_bounds(server, monkeypatch):
    """A process that meets many seeds looks some of them up again."""
    monkeypatch.setattr(seed, "_KEPT", 4)
    monkeypatch.setattr(seed, "_remembered", {})
    world = World(server, MemoryStore())
    for number in range(10):
        world.auth(refresh_token=f"seed-{number}")._resolved()
        assert len(seed._remembered) <= 4

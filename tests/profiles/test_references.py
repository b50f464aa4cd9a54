"""Where a profile's secrets are, and what is said when they are not there."""

import pickle
import sys
import threading
import types

import pytest

from oauth_auth import FileStore, MemoryStore, errors
from oauth_auth.identity import Identifier
from oauth_auth.profiles import (
    Profile,
    forget_client_secret,
    keep_client_secret,
    load_client_secret,
)
from oauth_auth.profiles.kept import FromStore
from oauth_auth.secret import Secret
from oauth_auth.stores import system_keyring
from oauth_auth.stores.system_keyring import FromKeyring

VALUE = "Zq7-client-secret-value"


def secret_of(reference, **settings):
    profile = Profile(
        name="p",
        issuer="https://auth.example.com",
        client_id="reports",
        client_secret=reference,
        **settings,
    )
    return profile.build_grant().client_secret


class TestSources:
    def test_a_variable(self, monkeypatch):
        """It is read when it is needed, not when the profile is."""
        source = secret_of({"env": "REPORTS_SECRET"})
        with pytest.raises(errors.ConfigurationError, match="REPORTS_SECRET"):
            source.reveal()
        monkeypatch.setenv("REPORTS_SECRET", VALUE)
        assert source.reveal() == VALUE

    def test_a_file(self, tmp_path):
        """As containers are given secrets."""
        source = secret_of({"file": str(tmp_path / "secret")})
        with pytest.raises(errors.ConfigurationError, match="secret file"):
            source.reveal()
        (tmp_path / "secret").write_text(f"{VALUE}\n")
        assert source.reveal() == VALUE

    def test_the_store(self, home):
        """The user's own where the profile names none."""
        source = secret_of({"store": True})
        with pytest.raises(errors.ConfigurationError, match="oauth-auth login p"):
            source.reveal()
        keep_client_secret(FileStore(home), "p", Secret(VALUE))
        assert source.reveal() == VALUE

    def test_the_profiles_own_store(self, tmp_path):
        """Which may be another directory."""
        keep_client_secret(FileStore(tmp_path / "other"), "p", Secret(VALUE))
        source = secret_of({"store": True}, store=str(tmp_path / "other"))
        assert source.reveal() == VALUE


class TestKept:
    @pytest.mark.parametrize("kind", [FileStore, lambda _path: MemoryStore()])
    def test_it_is_kept_replaced_and_forgotten(self, tmp_path, kind):
        """Any store can keep it, like any record."""
        store = kind(tmp_path)
        assert load_client_secret(store, "p") is None
        forget_client_secret(store, "p")
        keep_client_secret(store, "p", Secret("the-first-value"))
        keep_client_secret(store, "p", Secret(VALUE))
        assert load_client_secret(store, "p") == Secret(VALUE)
        forget_client_secret(store, "p")
        assert load_client_secret(store, "p") is None
        keep_client_secret(store, "p", Secret(VALUE))
        assert load_client_secret(store, "p") == Secret(VALUE)

    def test_profiles_and_secrets_are_kept_apart(self, tmp_path):
        """Each by the profile's name and its own."""
        store = FileStore(tmp_path)
        keep_client_secret(store, "p", Secret("of-the-first-one"))
        keep_client_secret(store, "q", Secret("of-the-other-one"))
        keep_client_secret(store, "p", Secret("a-refresh-token"), key="refresh_token")
        assert load_client_secret(store, "p") == Secret("of-the-first-one")
        assert load_client_secret(store, "q") == Secret("of-the-other-one")
        kept = load_client_secret(store, "p", key="refresh_token")
        assert kept == Secret("a-refresh-token")

    def test_it_is_sealed(self, tmp_path):
        """The disk shows neither the secret nor whose it is."""
        keep_client_secret(FileStore(tmp_path), "reports", Secret(VALUE))
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert VALUE.encode() not in path.read_bytes()
            assert "reports" not in path.name

    def test_a_damaged_one_is_replaced(self, tmp_path):
        """The person who gives it anew needs no other remedy."""
        store = FileStore(tmp_path)
        keep_client_secret(store, "p", Secret("the-first-value"))
        record_id = Identifier.of(store).record_id(
            {"profile": "p", "secret": "client_secret"}
        )
        (tmp_path / "records" / record_id).write_bytes(b"damage")
        with pytest.raises(errors.StoreCorrupt):
            load_client_secret(store, "p")
        keep_client_secret(store, "p", Secret(VALUE))
        assert load_client_secret(store, "p") == Secret(VALUE)

    def test_an_empty_one_is_refused(self, tmp_path):
        """Nothing is written."""
        with pytest.raises(errors.ConfigurationError, match="is empty"):
            keep_client_secret(FileStore(tmp_path / "s"), "p", Secret(""))
        assert not (tmp_path / "s").exists()

    def test_the_reference_travels_without_it(self, tmp_path):
        """Equal, printable and picklable by its names."""
        store = FileStore(tmp_path)
        keep_client_secret(store, "p", Secret(VALUE))
        source = FromStore(store, "p", "client_secret")
        data = pickle.dumps(source)
        assert VALUE.encode() not in data
        assert pickle.loads(data) == source
        assert hash(pickle.loads(data)) == hash(source)
        assert pickle.loads(data).reveal() == VALUE
        assert source != FromStore(store, "q", "client_secret")
        assert repr(source) == f"FromStore({store!r}, 'p', 'client_secret')"


class TestKeyring:
    @pytest.fixture
    def keyring(self, monkeypatch):
        """A keyring in memory."""
        fake = types.ModuleType("keyring")
        fake.kept = {}
        fake.get_password = lambda service, user: fake.kept.get((service, user))
        monkeypatch.setitem(sys.modules, "keyring", fake)
        return fake

    def test_a_secret_of_the_keyring(self, keyring):
        """Service and user; the service may have a colon in it."""
        keyring.kept["reports", "client-secret"] = VALUE
        keyring.kept["https://auth.example.com", "reports"] = "the-other-value"
        assert secret_of({"keyring": "reports:client-secret"}).reveal() == VALUE
        other = secret_of({"keyring": "https://auth.example.com:reports"})
        assert other.reveal() == "the-other-value"

    def test_what_is_not_there(self, keyring):
        """The error says how to put it there."""
        source = secret_of({"keyring": "reports:client-secret"})
        with pytest.raises(errors.ConfigurationError) as caught:
            source.reveal()
        assert "it holds none" in str(caught.value)
        assert "keyring set reports client-secret" in str(caught.value)

    def test_a_keyring_that_fails(self, keyring):
        """Its backends raise all kinds of errors."""

        def locked(_service, _user):
            raise RuntimeError("it is locked")

        keyring.get_password = locked
        source = secret_of({"keyring": "reports:client-secret"})
        with pytest.raises(errors.ConfigurationError, match="it is locked"):
            source.reveal()

    def test_a_keyring_that_is_not_installed(self, monkeypatch):
        """The same error as for one that fails."""
        monkeypatch.setitem(sys.modules, "keyring", None)
        source = secret_of({"keyring": "reports:client-secret"})
        with pytest.raises(errors.ConfigurationError, match="ModuleNotFoundError"):
            source.reveal()

    def test_a_keyring_that_waits_for_a_person(self, keyring, monkeypatch):
        """A machine without a screen must not hang for ever."""
        enough = threading.Event()
        keyring.get_password = lambda _service, _user: enough.wait() and None
        monkeypatch.setattr(system_keyring, "_SECONDS", 0.02)
        source = secret_of({"keyring": "reports:client-secret"})
        try:
            with pytest.raises(errors.ConfigurationError, match="no answer within"):
                source.reveal()
        finally:
            enough.set()
            for thread in threading.enumerate():
                if thread.name == "oauth_auth keyring":
                    thread.join()

    def test_the_reference_travels_by_its_name(self):
        """Equal, printable and picklable."""
        source = FromKeyring("reports:client-secret")
        assert pickle.loads(pickle.dumps(source)) == source
        assert hash(source) == hash(FromKeyring("reports:client-secret"))
        assert repr(source) == "FromKeyring('reports:client-secret')"

"""Where the sealing keys come from, and what is a key."""

import base64
import sys
import threading
import types

import pytest

from oauth_auth import errors
from oauth_auth.secret import FromEnv, FromFile, Secret
from oauth_auth.stores import system_keyring
from oauth_auth.stores.file import FileStore
from oauth_auth.stores.keys import KEY_VARIABLE, KEYRING_VARIABLE, KeyChain, new_key
from oauth_auth.testing.store_tools import ID, a_record, save
from tests.stores.syscalls import Syscalls

KEY, OTHER_KEY = new_key().reveal(), new_key().reveal()


@pytest.fixture(autouse=True)
def no_keys_around(monkeypatch):
    """The machine's own settings must not decide a test."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(KEYRING_VARIABLE, raising=False)


def ids(chain):
    return [key.id for key in chain.all()]


def id_of(text):
    return ids(KeyChain(text, None))[0]


class FakeKeyring(types.ModuleType):
    """A keyring in memory; `before` runs at each use."""

    def __init__(self, before=lambda: None):
        super().__init__("keyring")
        self.kept = {}
        self.before = before

    def get_password(self, service, name):
        self.before()
        return self.kept.get((service, name))

    def set_password(self, service, name, value):
        self.kept[service, name] = value


@pytest.fixture
def keyring(monkeypatch):
    fake = FakeKeyring()
    monkeypatch.setitem(sys.modules, "keyring", fake)
    return fake


class TestKeys:
    def test_a_key_is_32_bytes_of_either_base64(self):
        """What openssl prints, what Python prints, and both without padding."""
        raw = bytes.fromhex("fbff" * 16)
        standard = base64.b64encode(raw).decode()
        urlsafe = base64.urlsafe_b64encode(raw).decode()
        assert "+" in standard
        assert "_" in urlsafe
        texts = (standard, urlsafe, standard.rstrip("="), f" {urlsafe}\n")
        assert len({id_of(text) for text in texts}) == 1

    @pytest.mark.parametrize(
        "text",
        [
            "secret-but-short",
            base64.b64encode(bytes(31)).decode(),
            base64.b64encode(bytes(33)).decode(),
            base64.b64encode(bytes(16)).decode(),
            KEY[:9] + "!!" + KEY[9:],
            KEY + "é",
            "passwørd",
        ],
        ids=["short", "31", "33", "16", "marks", "accent", "password"],
    )
    def test_anything_else_is_refused_and_not_shown(self, text):
        """A mistyped key is named by its place in the list, not by its text."""
        chain = KeyChain([KEY, text], None)
        with pytest.raises(errors.ConfigurationError) as caught:
            chain.all()
        assert "key 2 in keys= is not 32 bytes of base64" in str(caught.value)
        assert "oauth-auth keys new" in str(caught.value)
        assert text not in str(caught.value)

    @pytest.mark.parametrize("given", ["", " , \n", []])
    def test_no_key_at_all_is_said(self, given):
        """An empty value is no key."""
        with pytest.raises(errors.ConfigurationError, match="keys= holds no key"):
            KeyChain(given, None).all()

    def test_several_keys_stay_in_order(self, monkeypatch, tmp_path):
        """Oldest to newest, from text, list, variable and file alike."""
        expected = [id_of(KEY), id_of(OTHER_KEY)]
        file = tmp_path / "file"
        file.write_text(f"{KEY}\n{OTHER_KEY}\n")
        monkeypatch.setenv("KEYS", f"{KEY},{OTHER_KEY}")
        for given in (
            f"{KEY} {OTHER_KEY}",
            [KEY, Secret(OTHER_KEY)],
            (Secret(KEY), OTHER_KEY),
            FromEnv("KEYS"),
            FromFile(str(file)),
            [FromFile(str(file))],
        ):
            assert ids(KeyChain(given, None)) == expected

    def test_new_keys_differ_and_are_keys(self):
        """Each is 32 random bytes, in a Secret."""
        made = {id_of(new_key()) for _ in range(20)}
        assert len(made) == 20
        assert KEY not in repr(new_key())

    def test_no_repr_or_frame_shows_a_key(self):
        """Neither the objects nor the locals of the frames that an error passes."""
        chain = KeyChain([KEY, "bad"], None)
        assert KEY not in repr(KeyChain(KEY, None).all())
        with pytest.raises(errors.ConfigurationError) as caught:
            chain.all()
        seen = [repr(vars(chain))]
        trace = caught.value.__traceback__.tb_next
        while trace is not None:
            seen.append(repr(trace.tb_frame.f_locals))
            trace = trace.tb_next
        assert len(seen) > 3
        assert not [text for text in seen if KEY in text]


class TestOrder:
    def test_the_argument_comes_first(self, monkeypatch, keyring, tmp_path):
        """What the program says beats the environment, the keyring and the file."""
        monkeypatch.setenv(KEY_VARIABLE, OTHER_KEY)
        store = FileStore(tmp_path / "store", keys=KEY)
        save(store, a_record(1))
        assert ids(store.sealer.chain) == [id_of(KEY)]

    def test_the_variable_comes_before_keyring_and_file(
        self, monkeypatch, keyring, tmp_path
    ):
        """A keyring that hangs is not even asked where a key is set (M91)."""
        keyring.before = pytest.fail
        plain = FileStore(tmp_path / "store")
        save(plain, a_record(1))
        monkeypatch.setenv(KEY_VARIABLE, KEY)
        monkeypatch.setenv(KEYRING_VARIABLE, "1")
        for given in (None, "keyring"):
            store = FileStore(tmp_path / "store", keys=given)
            assert ids(store.sealer.chain) == [id_of(KEY)]
        monkeypatch.setenv(KEY_VARIABLE, " ")
        monkeypatch.delenv(KEYRING_VARIABLE)
        assert FileStore(tmp_path / "store").read(ID) == a_record(1)

    def test_no_file_is_made_where_the_key_comes_from_elsewhere(
        self, monkeypatch, tmp_path
    ):
        """A key beside its ciphertext is what these users want to avoid."""
        monkeypatch.setenv(KEY_VARIABLE, KEY)
        save(FileStore(tmp_path / "store"), a_record(1))
        assert not (tmp_path / "store" / "keys").exists()

    def test_a_new_key_file_is_durable_before_anything_is_sealed(
        self, monkeypatch, tmp_path
    ):
        """After a power cut there would be records, and no key to open them."""
        calls = Syscalls(monkeypatch, tmp_path)
        FileStore(tmp_path / "store").sealer.chain.all()
        made = [name for name, _ in calls.calls]
        end = len(made) - made[::-1].index("replace")
        assert made[end - 3 : end + 2] == ["fsync", "close", "replace", "open", "fsync"]
        assert calls.calls[end] == ("open", "store")

    def test_shared_stores_never_make_a_key(self, monkeypatch, keyring):
        """Each of their machines would seal under a key of its own."""
        with pytest.raises(errors.ConfigurationError) as caught:
            KeyChain(None, None).all()
        assert KEY_VARIABLE in str(caught.value)
        assert "oauth-auth keys new" in str(caught.value)
        with pytest.raises(errors.ConfigurationError, match="it holds no key"):
            KeyChain("keyring", None).all()
        assert not keyring.kept

    def test_a_bad_variable_is_named(self, monkeypatch, tmp_path):
        """Nothing else is tried, since it was meant."""
        monkeypatch.setenv(KEY_VARIABLE, "nonsense")
        with pytest.raises(errors.ConfigurationError) as caught:
            save(FileStore(tmp_path / "store"), a_record(1))
        assert f"key 1 in {KEY_VARIABLE}" in str(caught.value)


class TestKeyring:
    def test_its_key_is_made_once_and_kept(self, monkeypatch, keyring, tmp_path):
        """It holds 32 bytes, never a token, which some keyrings would cut (M95)."""
        store = FileStore(tmp_path / "store", keys="keyring")
        save(store, a_record(1))
        (kept,) = keyring.kept.values()
        assert len(base64.urlsafe_b64decode(kept)) == 32
        assert not (tmp_path / "store" / "keys").exists()
        assert FileStore(tmp_path / "store", keys="keyring").read(ID) == a_record(1)
        monkeypatch.setenv(KEYRING_VARIABLE, "1")
        assert FileStore(tmp_path / "store").read(ID) == a_record(1)
        assert list(keyring.kept.values()) == [kept]

    def test_workers_that_start_together_make_one(self, keyring, tmp_path):
        """Both find none, and one of them makes it."""
        store = FileStore(tmp_path / "store", keys="keyring")
        meeting = threading.Barrier(2)
        first = threading.local()

        def meet():
            if not getattr(first, "met", False):
                first.met = True
                meeting.wait(10)

        keyring.before = meet
        found = []

        def work():
            chain = FileStore(tmp_path / "store", keys="keyring").sealer.chain
            found.extend(ids(chain))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        keyring.before = lambda: None
        assert found == [id_of(*keyring.kept.values())] * 2
        assert ids(store.sealer.chain) == found[:1]

    def test_a_keyring_that_lost_its_key_is_not_given_another(self, keyring, tmp_path):
        """As after a reboot with the kernel's keyring: nothing is made worse (M93)."""
        save(FileStore(tmp_path / "store", keys="keyring"), a_record(1))
        keyring.kept.clear()
        with pytest.raises(errors.KeyMismatch) as caught:
            FileStore(tmp_path / "store", keys="keyring").read(ID)
        assert "there is no key in the keyring" in str(caught.value)
        assert not keyring.kept

    def test_one_that_never_answers_is_given_up(self, monkeypatch, keyring, tmp_path):
        """A headless machine's keyring waits for a person who is not there (M91)."""
        enough = threading.Event()
        keyring.before = enough.wait
        assert system_keyring._SECONDS == 3.0
        monkeypatch.setattr(system_keyring, "_SECONDS", 0.02)
        try:
            with pytest.raises(errors.ConfigurationError) as caught:
                save(FileStore(tmp_path / "store", keys="keyring"), a_record(1))
        finally:
            enough.set()
            for thread in threading.enumerate():
                if thread.name == "oauth_auth keyring":
                    assert thread.daemon, "it would keep the process from ending"
                    thread.join()
        assert "no answer within" in str(caught.value)
        assert f"set {KEY_VARIABLE} instead" in str(caught.value)

    def test_one_that_fails_is_an_error_and_not_worked_around(
        self, monkeypatch, keyring, tmp_path
    ):
        """It was asked for: a key file in its place would be a surprise (M92)."""

        def fail():
            raise RuntimeError("no recommended backend was available")

        store = FileStore(tmp_path / "store", keys="keyring")
        keyring.before = fail
        with pytest.raises(errors.ConfigurationError, match="RuntimeError: no recomm"):
            save(store, a_record(1))
        keyring.before = lambda: None
        keyring.set_password = lambda *args: None
        with pytest.raises(errors.ConfigurationError, match="does not keep"):
            save(store, a_record(1))
        monkeypatch.setitem(sys.modules, "keyring", None)
        with pytest.raises(errors.ConfigurationError, match="ModuleNotFoundError"):
            save(store, a_record(1))
        assert not (tmp_path / "store" / "keys").exists()

    def test_a_key_in_it_that_is_none_is_named(self, keyring, tmp_path):
        """Somebody else's entry is not taken for a key."""
        store = FileStore(tmp_path / "store", keys="keyring")
        store.sealer.chain.all()
        keyring.kept = dict.fromkeys(keyring.kept, "a password")
        with pytest.raises(errors.ConfigurationError, match="key 1 in the keyring"):
            FileStore(tmp_path / "other", keys="keyring").sealer.chain.all()


class TestGiven:
    def test_literal_keys_are_told_from_references(self):
        """A pickle must not hold a key."""
        for given in (KEY, Secret(KEY), [FromEnv("K"), KEY]):
            assert KeyChain(given, None).given_literally
        for given in (None, "keyring", FromEnv("K"), [FromFile("k"), FromEnv("K")]):
            assert not KeyChain(given, None).given_literally

    def test_what_was_given_compares_by_value(self):
        """Two stores with the same keys share tokens, however these were passed."""
        assert KeyChain(KEY, None).given == KeyChain([Secret(KEY)], None).given
        assert KeyChain(KEY, None).given != KeyChain(OTHER_KEY, None).given
        assert (
            KeyChain(FromEnv("K"), None).given == KeyChain([FromEnv("K")], None).given
        )

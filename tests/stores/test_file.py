"""FileStore: the contract, where it lies, and what travels with it."""

import copy
import os
import pickle
import stat

import pytest

from oauth_auth import errors
from oauth_auth.secret import FromEnv, Secret
from oauth_auth.stores.file import FileStore, default_store
from oauth_auth.stores.keys import new_key
from oauth_auth.testing.store_contract import StoreContract
from oauth_auth.testing.store_tools import ID, a_record, save


class TestContract(StoreContract):
    shared_between_processes = True

    @pytest.fixture(autouse=True)
    def storage(self, tmp_path):
        self.path = tmp_path / "store"

    def make_store(self):
        return FileStore(self.path)


def test_the_default_store_is_where_the_environment_says(monkeypatch, tmp_path):
    """OAUTH_AUTH_HOME, else the platform's place; the same object each time."""
    monkeypatch.setenv("OAUTH_AUTH_HOME", str(tmp_path / "home"))
    store = default_store()
    assert store is default_store()
    assert store == FileStore() == FileStore(tmp_path / "home")
    save(store, a_record(1))
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    monkeypatch.delenv("OAUTH_AUTH_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert default_store().path.is_relative_to(tmp_path)
    assert default_store() != store
    assert not default_store().path.exists(), "nothing is made before it is needed"


def test_a_stamp_tells_of_a_change_within_one_tick(tmp_path):
    """Same size and same time: what was renamed over the record has another inode."""
    store = FileStore(tmp_path)
    save(store, a_record(1))
    path = tmp_path / "records" / ID
    before, seen = path.stat(), store.stamp(ID)
    save(store, a_record(2))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    same = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert same
    assert store.stamp(ID) != seen


def test_a_stamp_tells_of_a_change_in_a_file_that_has_its_inode_back(tmp_path):
    """Inodes are used again, soon on some filesystems; the time then differs."""
    store = FileStore(tmp_path)
    save(store, a_record(1))
    path, seen = tmp_path / "records" / ID, store.stamp(ID)
    os.utime(path, ns=(0, 0))
    assert store.stamp(ID) != seen


def test_a_stamp_raises_nothing(tmp_path):
    """What is wrong with a file its reader says; an id must be one all the same."""
    store = FileStore(tmp_path)
    save(store, a_record(1))
    seen = store.stamp(ID)
    path = tmp_path / "records" / ID
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert store.stamp(ID) != seen
    (tmp_path / "records").rename(tmp_path / "gone")
    assert store.stamp(ID) == (None, None)
    with pytest.raises(ValueError, match="not a record id"):
        store.stamp("../keys")


def test_a_relative_path_means_the_directory_of_then(monkeypatch, tmp_path):
    """A program that changes its directory goes on with its own store."""
    monkeypatch.chdir(tmp_path)
    store = FileStore("store")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    save(store, a_record(1))
    assert FileStore(tmp_path / "store").read(ID) == a_record(1)
    assert FileStore("store") != store
    assert FileStore("store").path == tmp_path / "elsewhere" / "store"
    assert repr(store) == f"FileStore({str(tmp_path / 'store')!r})"


def test_stores_with_other_keys_are_not_equal(tmp_path):
    """They may not open each other's records, so they share no tokens in memory."""
    key, other = new_key().reveal(), new_key().reveal()
    store = FileStore(tmp_path, keys=key)
    assert store == FileStore(str(tmp_path), keys=[Secret(key)])
    for keys in (None, other, [other, key], "keyring", FromEnv("KEY")):
        assert store != FileStore(tmp_path, keys=keys)
    assert store != FileStore(tmp_path / "other", keys=key)


def test_a_pickle_holds_references_and_never_a_key(monkeypatch, tmp_path):
    """Keys given literally stay in their process, and the error says what to do."""
    monkeypatch.setenv("KEY", new_key().reveal())
    for keys in (None, "keyring", FromEnv("KEY"), [FromEnv("KEY"), FromEnv("KEY")]):
        store = FileStore(tmp_path, keys=keys)
        assert pickle.loads(pickle.dumps(store)) == store
    for keys in (new_key(), new_key().reveal(), [FromEnv("KEY"), new_key()]):
        with pytest.raises(errors.ConfigurationError, match="OAUTH_AUTH_KEY"):
            pickle.dumps(FileStore(tmp_path, keys=keys))


def test_a_copy_is_the_same_store(tmp_path):
    """It holds nothing that could differ."""
    store = FileStore(tmp_path)
    assert copy.copy(store) is store
    assert copy.deepcopy([store])[0] is store

"""A login whose files or directories are symbolic links, by intent or planted."""

import os
from pathlib import Path

import pytest

from oauth_auth import FileStore, errors
from oauth_auth.identity import Identifier
from oauth_auth.testing.store_tools import ID, a_mark, a_record, save
from tests.stores.logins import Login
from tests.stores.places import names, place

PRECIOUS = b"precious"


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "victim"
    path.write_bytes(PRECIOUS)
    return path


@pytest.mark.parametrize(
    "name", ["id-key", "id-key.next", "id-key.lock", "id-key-copy", "id-key-copy.lock"]
)
@pytest.mark.parametrize("new", [True, False], ids=["new store", "damaged id key"])
def test_a_link_planted_where_the_id_key_is_kept_is_refused(
    tmp_path, victim, name, new
):
    """Nothing is read from where it leads, and nothing written there. M90."""
    store = FileStore(tmp_path / "store")
    if new:
        (store.path / "records").mkdir(parents=True, mode=0o700)
        store.path.chmod(0o700)
    else:
        Identifier.of(store)
        place(store, "id-key").write_bytes(b"damaged")
    planted = place(store, name)
    planted.unlink(missing_ok=True)
    planted.symlink_to(victim)
    try:
        Identifier.of(FileStore(store.path))
    except errors.TokenStoreError as error:
        assert str(planted) in str(error)  # noqa: PT017  # the copy may do instead
        assert "symbolic link" in str(error)  # noqa: PT017
    else:
        assert not new
        assert name != "id-key-copy"
    assert victim.read_bytes() == PRECIOUS
    assert planted.is_symlink()
    if new:
        planted.unlink()
        Identifier.of(FileStore(store.path))


@pytest.mark.parametrize("kind", [Path.symlink_to, Path.hardlink_to])
def test_a_link_planted_at_a_temporary_name_is_not_followed(tmp_path, victim, kind):
    """It is removed; what it leads to is neither written nor made ours. M90."""
    store = FileStore(tmp_path / "store")
    (store.path / "records").mkdir(parents=True, mode=0o700)
    (store.path / "claims").mkdir(mode=0o700)
    store.path.chmod(0o700)
    planted = [
        store.path / ".keys.new",
        place(store, f".{ID}.mark.new"),
        store.path / "claims" / f".{ID}.new",
    ]
    mode = victim.stat().st_mode
    kind(planted[0], victim)
    save(store, a_record(1))
    for path in planted[1:]:
        kind(path, victim)
    with store.lock(ID, timeout=0) as transaction:
        transaction.mark(a_mark(1))
        store.claim("f1", ID)
    assert victim.read_bytes() == PRECIOUS
    assert victim.stat().st_mode == mode
    assert victim.stat().st_nlink == 1
    fresh = FileStore(store.path)
    assert fresh.read(ID) == a_record(1)._replace(mark=a_mark(1))
    assert fresh.claim("f1") == ID
    for path in planted:
        assert not os.path.lexists(path)


def linked(path, real):
    """Make a directory elsewhere, and a link to it."""
    real.mkdir(parents=True, mode=0o700)
    path.symlink_to(real)
    return path


def test_linked_directories_are_written_through_and_stay_links(tmp_path):
    """Whatever a login does: first use, renewals, a damaged record, a failed one.

    M90.
    """
    home = linked(tmp_path / "home", tmp_path / "disk" / "home")
    links = [home, linked(home / "records", tmp_path / "other" / "r")]
    links.append(linked(home / "claims", tmp_path / "third" / "c"))
    targets = [path.readlink() for path in links]
    login = Login(home)
    login.auth.token()
    login.goes_on()
    place(login.store, "id-key").write_bytes(b"damaged")
    login.auth = login.worker()
    login.auth.token()
    login.goes_on()
    machine = Login(home, machine=True)
    machine.auth.token()
    place(login.store, machine.auth._resolved().record_id).write_bytes(b"damaged")
    machine.auth = machine.worker()
    machine.auth.token()
    machine.goes_on()
    assert [path.readlink() for path in links] == targets
    assert sorted(os.listdir(tmp_path / "other" / "r")) == names(login.store)  # noqa: PTH208  # just the names
    assert len([name for name in names(login.store) if ".corrupt-" in name]) == 2
    assert list((tmp_path / "third" / "c").iterdir())
    real = tmp_path / "disk" / "home"
    assert {path.name for path in real.iterdir() if not path.is_symlink()} == {
        "keys",
        "keys.lock",
    }
    assert FileStore(real).read(login.auth._resolved().record_id) is not None


@pytest.mark.parametrize("name", ["", "records"])
def test_a_link_to_a_disk_that_is_missing_is_said_and_not_replaced(tmp_path, name):
    """Otherwise a new, empty store would log everybody out."""
    login = Login(tmp_path / "store")
    login.auth.token()
    path = login.store.path / name
    elsewhere = path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "not mounted")
    before = login.server.token_requests
    with pytest.raises(errors.TokenStoreError) as caught:
        login.worker().renew()
    assert str(path) in str(caught.value)
    assert path.is_symlink()
    assert login.server.token_requests == before
    path.unlink()
    elsewhere.rename(path)
    login.goes_on()


def test_a_login_is_found_without_its_claims(tmp_path):
    """The record knows its seed; the link to the missing disk is left as it is."""
    login = Login(tmp_path / "store")
    login.auth.token()
    path = login.store.path / "claims"
    elsewhere = path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "not mounted")
    other = login.worker()
    other.renew()
    assert other._resolved().record_id == login.auth._resolved().record_id
    assert path.is_symlink()
    path.unlink()
    elsewhere.rename(path)
    login.worker().renew()
    assert login.server.families_revoked == 0


@pytest.mark.parametrize("name", ["", "records", "claims"])
def test_a_link_to_a_directory_of_everybodys_is_refused(tmp_path, name):
    """Where the link leads counts, since there the files can be exchanged. M89."""
    login = Login(tmp_path / "store")
    login.auth.token()
    path = login.store.path / name
    elsewhere = path.rename(tmp_path / "elsewhere")
    elsewhere.chmod(0o777)
    path.symlink_to(elsewhere)
    with pytest.raises(errors.TokenStoreError, match="others can write to"):
        login.store.claim("f1", ID) if name == "claims" else login.worker().renew()
    elsewhere.chmod(0o700)
    login.goes_on()

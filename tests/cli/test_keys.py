"""`oauth-auth keys`: new ones, and rotation."""

import os

import pytest

from oauth_auth import FileStore
from oauth_auth.cli.standing import record_of
from oauth_auth.stores import rotation
from oauth_auth.stores.file import default_store
from tests.cli.commands import forget, run, told


def test_new_key_seals_a_store(tmp_path):
    """The printed line is a key that a store accepts, and another one each time."""
    printed = [run("keys", "new").output for _ in range(2)]
    assert printed[0] != printed[1]
    assert [text.count("\n") for text in printed] == [1, 1]
    keys = [text.strip() for text in printed]
    assert len(FileStore(tmp_path, keys=keys).sealer.chain.all()) == 2
    assert list(tmp_path.iterdir()) == []


def test_rotate(work, home):
    """Everything is sealed with a new key; the old one stays until it is dropped."""
    token = record_of(work)[1].token.access_token
    done = run("keys", "rotate")
    assert "Everything is sealed with the newest key." in done.stdout
    assert "--drop-old" in done.stdout
    assert len((home / "keys").read_text().split()) == 2
    assert rotation.sealed_with_old(default_store()) == []
    forget(work)
    assert run("token", "work").stdout.strip() == token


def test_drop_old(work, home):
    """--drop-old takes the older keys out, and makes no further one."""
    before = told("keys", "rotate")
    after = told("keys", "rotate", "--drop-old")
    assert after["keys"] == before["keys"][-1:]
    assert after["dropped_keys"] == 1
    assert len((home / "keys").read_text().split()) == 1
    assert FileStore(home).read(record_of(work)[0]).token is not None


def test_rotate_and_drop_at_once(work, home):
    """On a machine where no program runs, one command does both."""
    old = (home / "keys").read_text()
    found = told("keys", "rotate", "--drop-old")
    assert found["dropped_keys"] == 1
    assert (home / "keys").read_text() != old


def test_an_interrupted_rotation_goes_on(work, home):
    """The next run finishes it, and makes no third key."""
    rotation.add_key(default_store())
    done = run("keys", "rotate")
    assert "Went on with the rotation" in done.stdout
    assert len((home / "keys").read_text().split()) == 2


def test_no_key_is_shown(work, home):
    """Rotation prints the keys' ids, and no key."""
    output = run("keys", "rotate").output + run("keys", "rotate", "--json").output
    for key in (home / "keys").read_text().split():
        assert key not in output


def test_a_key_in_the_variable(work, home, monkeypatch):
    """What to put there is said; once two keys are there, everything is sealed anew."""
    monkeypatch.setenv("OAUTH_AUTH_KEY", (home / "keys").read_text().strip())
    done = run("keys", "rotate", code=2)
    assert 'OAUTH_AUTH_KEY="$(oauth-auth keys new),$OAUTH_AUTH_KEY"' in done.stdout
    assert os.environ["OAUTH_AUTH_KEY"] not in done.output
    assert "command" in told("keys", "rotate", code=2)["by_hand"]
    new = run("keys", "new").stdout.strip()
    monkeypatch.setenv("OAUTH_AUTH_KEY", f"{os.environ['OAUTH_AUTH_KEY']},{new}")
    found = told("keys", "rotate")
    assert found["keys_from"] == "variable"
    assert found["sealed_anew"] > 0
    monkeypatch.setenv("OAUTH_AUTH_KEY", new)
    assert FileStore(home).read(record_of(work)[0]).token is not None


def test_a_key_in_the_keyring(home, monkeypatch):
    """The entry is named that has to be changed."""
    import keyring

    kept = {}
    monkeypatch.setenv("OAUTH_AUTH_KEYRING", "1")
    monkeypatch.setattr(keyring, "get_password", lambda *place: kept.get(place))
    monkeypatch.setattr(
        keyring, "set_password", lambda *given: kept.update({given[:2]: given[2]})
    )
    assert "keyring set oauth_auth sealing-key" in run("keys", "rotate", code=2).stdout


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_cannot_be_sealed_anew(work, home, more):
    """A damaged file is named, with exit code 6; the others are done."""
    path = home / "records" / record_of(work)[0]
    path.write_bytes(b"nonsense")
    done = run("keys", "rotate", *more, code=6)
    assert str(path) in done.output
    assert "Everything" not in done.stdout


def test_rotate_an_empty_store(home):
    """A store that was never used gets its keys, and nothing has to be sealed."""
    assert told("keys", "rotate")["sealed_anew"] == 0

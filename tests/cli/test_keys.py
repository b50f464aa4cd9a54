"""`oauth-auth keys`: new ones, and rotation."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from oauth_auth import FileStore, OAuthAuth
from oauth_auth.cli.standing import record_of
from oauth_auth.stores import rotation
from oauth_auth.stores.file import default_store
from tests.cli.commands import forget, logged_in, run, told

ROOT = Path(__file__).parents[2]


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


#: A keyring that is a file, for programs that are told of it by the environment.
_BACKEND = """
import os, pathlib
from keyring.backend import KeyringBackend
class Keyring(KeyringBackend):
    priority = 1
    def _path(self, *place):
        return pathlib.Path(os.environ["KEYS"], "-".join(place))
    def get_password(self, *place):
        path = self._path(*place)
        return path.read_text() if path.exists() else None
    def set_password(self, service, user, password):
        self._path(service, user).write_text(password)
"""


def test_a_key_in_the_keyring(home, server, tmp_path, monkeypatch):
    """The command that is to be run puts a second key there, as it was printed."""
    import keyring

    (tmp_path / "filed_keyring.py").write_text(_BACKEND)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(ROOT))))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "filed_keyring.Keyring")
    monkeypatch.setenv("KEYS", str(tmp_path))
    monkeypatch.setenv("OAUTH_AUTH_KEYRING", "1")
    before = keyring.get_keyring()
    try:
        keyring.set_keyring(importlib.import_module("filed_keyring").Keyring())
        logged_in(server, "work")
        by_hand = told("keys", "rotate", code=2)["by_hand"]["command"]
        assert by_hand in run("keys", "rotate", code=2).stdout
        for program in ("keyring", "oauth_auth"):
            path = tmp_path / program.replace("_", "-")
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {program} "$@"\n')
            path.chmod(0o700)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            by_hand, shell=True, check=True, env={**os.environ, "PATH": path}
        )
        found = told("keys", "rotate")
    finally:
        keyring.set_keyring(before)
    assert (found["keys_from"], len(found["keys"])) == ("keyring", 2)
    assert found["sealed_anew"] > 0


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


def test_rotate_at_a_server(home, server, backend, monkeypatch):
    """Its key is put in place by hand, everywhere; then the older one can go."""
    old, new = (run("keys", "new").stdout.strip() for _ in range(2))
    monkeypatch.setenv("OAUTH_AUTH_STORE", backend.url)
    monkeypatch.setenv("OAUTH_AUTH_KEY", old)
    token = logged_in(server, "work").access_token()
    assert (
        '"$(oauth-auth keys new),$OAUTH_AUTH_KEY"'
        in run("keys", "rotate", code=2).stdout
    )
    monkeypatch.setenv("OAUTH_AUTH_KEY", f"{old},{new}")
    done = run("keys", "rotate").stdout
    assert "Everything is sealed with the newest key." in done
    assert backend.kind(backend.url).name in done
    monkeypatch.setenv("OAUTH_AUTH_KEY", new)
    monkeypatch.delenv("OAUTH_AUTH_STORE")
    again = told("keys", "rotate", backend.url, code=2)
    assert "command" in again["by_hand"]
    monkeypatch.setenv("OAUTH_AUTH_STORE", backend.url)
    assert OAuthAuth("work", store=backend.kind(backend.url)).access_token() == token
    assert not (home / "keys").exists()

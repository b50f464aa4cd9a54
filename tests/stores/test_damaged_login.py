"""Logins beside, and after, a damaged record."""

import stat

import pytest

from oauth_auth import FileStore, OAuthAuth, RefreshToken, errors
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.http_clients.logins import record_of


@pytest.fixture
def server():
    return FakeServer()


def person(server, path, account):
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )
    return OAuthAuth(grant, store=FileStore(path), account=account, http=server.http)


def damage(auth, path, content=b"garbage"):
    """Damage an object's record, as a bad disk would, and forget what memory has."""
    source = auth._resolved()
    record = path / "records" / source.record_id
    record.write_bytes(content)
    source.held = None
    return record


def test_a_damaged_login_breaks_no_other(server, tmp_path):
    """The one is named with its file; the other is used and renewed. M18."""
    broken, whole = person(server, tmp_path, "A"), person(server, tmp_path, "B")
    for auth in (broken, whole):
        auth.token()
    path = damage(broken, tmp_path)
    for _ in range(2):
        with pytest.raises(errors.StoreCorrupt) as caught:
            broken.token()
        assert str(path) in str(caught.value)
        assert whole.renew()
    assert path.read_bytes() == b"garbage"
    assert server.families_revoked == 0


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0" * 4096])
def test_a_new_login_heals_a_damaged_one(server, tmp_path, content):
    """The bad file is kept aside, private, and the new login takes its place. M81."""
    old = person(server, tmp_path, "A")
    old.token()
    generation = record_of(old).generation
    path = damage(old, tmp_path, content)
    new = person(server, tmp_path, "A")
    token = new.token()
    assert new._resolved().record_id == path.name
    (aside,) = path.parent.glob(f"{path.name}.corrupt-*")
    assert aside.read_bytes() == content
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    again = FileStore(tmp_path).read(path.name)
    assert again.token == token
    assert again.generation > generation
    assert old.token() == token


def test_a_damaged_login_can_be_logged_out(server, tmp_path):
    """What cannot be read cannot be revoked, but it can be forgotten. M81."""
    auth = person(server, tmp_path, "A")
    auth.token()
    generation = record_of(auth).generation
    path = damage(auth, tmp_path, b"garbage")
    auth.logout()
    record = FileStore(tmp_path).read(path.name)
    assert record.logged_out
    assert record.generation > generation
    with pytest.raises(errors.LoginRequired, match="logged out"):
        auth.token()

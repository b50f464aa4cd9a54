"""A login on a real disk that is full or read-only: a small tmpfs."""

import errno
import os

import httpx
import pytest

from oauth_auth import FileStore, OAuthAuth
from tests.stores.logins import Login, warnings_of
from tests.stores.tmpfs import on_tmpfs

FULL = f"{os.strerror(errno.ENOSPC)}; free some space"
READ_ONLY = f"{os.strerror(errno.EROFS)}; the filesystem is read-only"


@pytest.fixture(autouse=True)
def modules(tmp_path):
    """Load what a login needs, which may be out of a child's reach in its namespace."""
    Login(tmp_path / "elsewhere").auth.renew()


@pytest.mark.parametrize("fill", ["fill", "fill_with_names"])
def test_a_disk_that_is_full_spends_no_refresh_token(tmp_path, fill):
    """It is met before the token request; with space again the renewal goes on.

    M14, M83.
    """

    def work(disk):
        login = Login(disk.path / "store")
        login.auth.token()
        getattr(disk, fill)()
        login.refused(FULL)
        disk.empty()
        login.goes_on()

    assert on_tmpfs(tmp_path, "size=1m,nr_inodes=100", work) == ""


@pytest.mark.parametrize("fill", ["fill", "fill_with_names"])
def test_a_disk_that_fills_up_meanwhile_costs_no_login(tmp_path, fill):
    """The answer is saved in the space that was reserved before the token request.

    Its 40,000 bytes would find no block, and the file no name. M83.
    """

    def work(disk):
        login = Login(disk.path / "store")
        login.auth.token()

        def answer(form):
            getattr(disk, fill)()
            members = login.server.process(form).json()
            return httpx.Response(200, json={**members, "id_token": "i" * 40_000})

        login.server.script.append(answer)
        said = warnings_of(login.auth.renew)
        assert len(login.stored().id_token) == 40_000
        assert login.auth.token() == login.worker().token() == login.stored()
        assert [text for text in said if "not be recognised as seed" in text] == said
        disk.empty()
        login.goes_on()

    assert on_tmpfs(tmp_path, "size=1m,nr_inodes=100", work) == ""


@pytest.mark.parametrize("when", ["before the first use", "after it"])
def test_a_machine_does_without_a_full_disk(tmp_path, when):
    """It gets its tokens, and says once for store and token that they are in memory."""

    def work(disk):
        login = Login(disk.path / "store", machine=True)
        if when == "after it":
            login.auth.token()
        disk.fill()
        renewals = lambda: [login.auth.renew() for _ in range(3)]  # noqa: E731
        said = warnings_of(renewals)
        assert said
        assert [text for text in said if "kept in memory only" in text] == said
        assert len(said) == 1
        assert login.server.token_requests == (4 if when == "after it" else 3)
        disk.empty()
        token = login.worker().renew()
        assert login.worker().token() == token

    assert on_tmpfs(tmp_path, "size=256k", work) == ""


def test_a_valid_token_is_used_on_a_read_only_disk(tmp_path):
    """Reading needs no lock and no file; renewing is refused, and goes on later."""

    def work(disk):
        login = Login(disk.path / "store")
        login.auth.token()
        disk.make(read_only=True)
        login.refused(READ_ONLY)
        disk.make(read_only=False)
        login.goes_on()

    assert on_tmpfs(tmp_path, "size=1m", work) == ""


def test_a_machine_needs_no_disk_that_can_be_written(tmp_path):
    """On a read-only one it uses what is there, and renews in memory. M14."""

    def work(disk):
        login = Login(disk.path / "store", machine=True)
        kept = login.auth.token()
        disk.make(read_only=True)
        auth = login.worker()
        assert auth.token() == kept
        said = warnings_of(auth.renew)
        assert [text for text in said if READ_ONLY in text] == said
        assert len(said) == 1
        assert auth.token() != kept
        assert login.worker().token() == kept
        fresh = FileStore(disk.path / "new")
        auth = OAuthAuth(login.grant, store=fresh, http=login.server.http)
        assert auth.token() != auth.renew()

    assert on_tmpfs(tmp_path, "size=1m", work) == ""

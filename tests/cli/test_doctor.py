"""`oauth-auth doctor`: each trouble is found, and comes with what to do."""

import os
import socket
import time
from types import SimpleNamespace

import pytest

from oauth_auth.cli.doctor import machine
from oauth_auth.cli.doctor import profile as profile_checks
from oauth_auth.cli.doctor.check import ok
from oauth_auth.cli.standing import record_of
from oauth_auth.errors import OAuthAuthError
from oauth_auth.message import Response
from oauth_auth.stores.file import default_store
from oauth_auth.stores.file_lock import FileLock
from oauth_auth.stores.rotation import add_key
from oauth_auth.testing import ABSENT
from tests.cli.commands import logged_in, run, saved, told
from tests.client_keys import EC, pem
from tests.login.stacks import a_free_port


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch):
    for name in (*machine._PROXIES, *machine._CA_FILES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def found(name, *arguments, code=0):
    """Return the doctor's checks of one name."""
    checks = told("doctor", *arguments, code=code)
    return [check for check in checks if check["name"] == name]


def trouble(name, *arguments, code=1):
    """Return the one check of a name that is not well; each has a remedy."""
    checks = told("doctor", *arguments, code=code)
    bad = [check for check in checks if check["state"] != "ok"]
    assert all(check["remedy"] for check in bad)
    (mine,) = [check for check in bad if check["name"] == name]
    return mine


def test_all_is_well(work):
    """With a good login there is no problem and no warning."""
    done = run("doctor")
    assert "All is well." in done.stdout
    assert "This machine:" in done.stdout
    assert "work:" in done.stdout
    states = {check["state"] for check in told("doctor")}
    assert states == {"ok"}


def test_before_the_first_login(home):
    """A store that is not there yet is no trouble, and is not made."""
    assert "it is made by the first login" in found("store")[0]["found"]
    assert not home.exists()


def test_versions(home):
    """The package, Python and the libraries are named."""
    (check,) = found("versions")
    for name in ("oauth_auth", "Python", "requests", "httpx2", "cryptography"):
        assert name in check["found"]


def test_an_unknown_profile(home):
    """There is nothing to examine."""
    run("doctor", "nosuch", code=2)


def test_nothing_is_renewed_and_no_secret_shown(work, server):
    """The doctor looks, and tells no token."""
    before = server.counts()
    output = run("doctor").output
    token = record_of(work)[1].token
    assert token.access_token not in output
    assert token.refresh_token not in output
    assert server.counts().token_requests == before.token_requests
    assert server.counts().api_ok == 0


class TestStore:
    """The store, its filesystem, locks and keys."""

    def test_others_can_write(self, work, home):
        """A directory that others can write to is a problem, with its chmod."""
        home.chmod(0o777)
        check = next(c for c in told("doctor", code=1) if c["name"] == "store")
        home.chmod(0o700)
        assert check["state"] == "problem"
        assert check["remedy"] == f"run: chmod 700 {home}"

    def test_others_can_read_a_file(self, work, home):
        """What is encrypted and loose is a warning."""
        path = home / "records" / record_of(work)[0]
        path.chmod(0o644)
        check = trouble("store", code=0)
        assert str(path) in check["found"]
        assert f"run: chmod -R go= {home}" in check["remedy"]

    def test_a_trouble_is_said_once(self, work, home):
        """The library's own warning about it is not printed besides."""
        (home / "records" / record_of(work)[0]).chmod(0o644)
        done = run("doctor")
        assert "could be read by others" in done.stdout
        assert done.stderr == ""

    def test_a_full_disk(self, work, monkeypatch):
        """Without room for a token nothing could be saved."""
        full = SimpleNamespace(free=0)
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: full)
        assert trouble("filesystem")["state"] == "problem"

    def test_a_network_filesystem(self, work, monkeypatch):
        """Its locks may fail in silence."""
        monkeypatch.setattr(machine, "_kind_of_filesystem", lambda _: "nfs4")
        assert "network" in trouble("filesystem", code=0)["found"]

    def test_two_processes_contend_for_a_lock(self, work, home, monkeypatch):
        """A filesystem that lets both have it is a problem."""
        assert found("locks")[0]["state"] == "ok"
        monkeypatch.setattr(machine, "_CONTENDER", "print('free')")
        assert "at once" in trouble("locks")["found"]
        monkeypatch.setattr(machine, "_CONTENDER", "print('broken')")
        assert trouble("locks", code=0)["state"] == "warning"
        assert [p.name for p in home.iterdir() if p.name.startswith("doctor")] == []

    def test_the_contender_is_real(self, tmp_path):
        """The second process sees that the lock is held, and that it is free."""
        path = tmp_path / "lock"
        with FileLock(path, 1.0):
            assert machine._contend(path) == "held"
        assert machine._contend(path) == "free"

    def test_a_lost_key(self, work, home):
        """Without the key nothing can be read, and what to do is said."""
        (home / "keys").unlink()
        run_checks = told("doctor", code=1)
        assert any("OAUTH_AUTH_HOME" in c["remedy"] for c in run_checks)

    def test_files_under_an_older_key(self, work):
        """A rotation that was not finished is a warning."""
        add_key(default_store())
        assert trouble("key", code=0)["remedy"] == "run: oauth-auth keys rotate"

    def test_where_the_key_comes_from(self, work, home, monkeypatch):
        """The key file is named; of the variable the name."""
        assert found("key")[0]["found"] == f"from {home / 'keys'}"
        monkeypatch.setenv("OAUTH_AUTH_KEY", (home / "keys").read_text())
        assert found("key", "work")[0]["found"] == "from OAUTH_AUTH_KEY"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_directory_that_cannot_be_written(self, home, tmp_path):
        """Before the first login this is told of the directory above."""
        tmp_path.chmod(0o500)
        assert "OAUTH_AUTH_HOME" in trouble("store")["remedy"]
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("scheme", ["http://", ""])
@pytest.mark.parametrize("password", ["hunter2", "hunter/2", "hun@ter2"])
def test_proxies_are_shown_without_their_passwords(home, monkeypatch, scheme, password):
    """What redirects the requests is worth knowing; a password is not shown."""
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}me:{password}@proxy.example:3128")
    (check,) = found("proxy")
    assert check["found"] == f"HTTPS_PROXY={scheme}***@proxy.example:3128"


def test_a_missing_certificate_file(home, monkeypatch):
    """A variable that names no file makes every request fail."""
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/ca.pem")
    check = trouble("certificates")
    assert check["remedy"] == "correct it, or: unset SSL_CERT_FILE"


class TestProfile:
    """A profile, down to its login."""

    def test_a_profile_that_cannot_work(self, home):
        """Its line is named, and the others are examined."""
        home.mkdir(mode=0o700)
        text = '[broken]\nclient_id = "x"\nissuer = "nonsense"\n'
        (home / "profiles.toml").write_text(text)
        assert "line" in trouble("profile")["found"]

    def test_a_store_of_its_own(self, home, server, tmp_path):
        """A profile that keeps its tokens elsewhere has that place examined."""
        logged_in(server, "work", store=str(tmp_path / "elsewhere"))
        places = [c for c in told("doctor", "work") if c["name"] == "store"]
        assert places[-1]["profile"] == "work"
        assert str(tmp_path / "elsewhere") in places[-1]["found"]

    def test_a_server_that_is_down(self, home, server):
        """It is a problem, even where metadata are kept."""
        logged_in(server, "work")
        server.metadata_faults.drop("before", times=None)
        assert trouble("server", "work")["state"] == "problem"

    def test_a_gateway_without_a_server_behind_it(self, home, server):
        """What answers is not the server, and nothing here can mend it."""
        server.token_faults.answer(503, times=None)
        endpoints = ("authorization_endpoint", "token_endpoint")
        urls = {name: getattr(server, name) for name in endpoints}
        saved(server, "work", issuer=None, **urls)
        checks = {check["name"]: check for check in told("doctor", "work")}
        assert checks["server"]["state"] == "warning"
        assert "answered 503" in checks["server"]["found"]

    def test_metadata_at_the_second_place(self, home, server):
        """It is no news that a server of OpenID Connect has none at the first."""
        server.metadata_faults.answer(404, times=1)
        saved(server, "work")
        (check,) = found("server", "work")
        assert check["found"].endswith("/openid-configuration can be reached")

    def test_no_metadata(self, home, server):
        """A server without metadata says what to write instead."""
        saved(server, "work", issuer=f"{server.issuer}/nothing")
        assert "--token-endpoint" in trouble("server", "work")["remedy"]

    @pytest.mark.parametrize(
        ("skew", "state"), [(0, "ok"), (60, "warning"), (-600, "problem")]
    )
    def test_the_clock(self, skew, state):
        """It is compared with the server's Date header."""
        from email.utils import formatdate

        response = Response(
            200, {"date": formatdate(time.time() - skew, usegmt=True)}, b""
        )
        (check,) = profile_checks._clock(response)
        assert (check.state, bool(check.remedy)) == (state, state != "ok")

    def test_no_date(self):
        """Without the header nothing is said."""
        assert list(profile_checks._clock(Response(200, {}, b""))) == []

    def test_endpoints_in_clear(self):
        """Plain http that is not loopback is a warning."""
        from oauth_auth import AuthorizationServer

        server = AuthorizationServer(
            "http://auth.example.com",
            token_endpoint="http://auth.example.com/t",
            allow_http=True,
        )
        assert profile_checks._endpoints(server).state == "warning"

    def test_no_endpoint_for_the_login(self, home, server):
        """A device login at a server without the endpoint cannot work."""
        server.configure(metadata={"device_authorization_endpoint": ABSENT})
        saved(server, "tv", grant="device_code")
        checks = told("doctor", "tv", code=1)
        bad = [c for c in checks if c["state"] == "problem"]
        assert [c["name"] for c in bad] == ["login"]

    def test_no_revocation(self, home, server):
        """What a logout cannot do is said beforehand."""
        server.configure(metadata={"revocation_endpoint": ABSENT})
        logged_in(server, "work")
        assert trouble("logout", "work", code=0)["state"] == "warning"

    def test_the_client_secret_cannot_be_read(self, home, server):
        """A variable that is not set is named."""
        saved(server, "work", client_secret={"env": "NO_SUCH_VARIABLE"})
        checks = told("doctor", "work", code=1)
        (client,) = [c for c in checks if c["name"] == "client"]
        assert "NO_SUCH_VARIABLE" in client["found"]

    def test_the_client_authentication(self, home, server):
        """The method that will be used is named, and compared with the server's."""
        logged_in(server, "work")
        (client,) = found("client", "work")
        assert "authenticates by none" in client["found"]
        methods = ["client_secret_post"]
        server.configure(metadata={"token_endpoint_auth_methods_supported": methods})
        assert "does not name" in trouble("client", "work", code=0)["found"]

    def test_a_key_that_is_not_there(self, home, server, tmp_path):
        """What signs is tried, and nothing is sent."""
        key = tmp_path / "key.pem"
        saved(
            server,
            "work",
            grant="client_credentials",
            private_key={"file": str(key)},
        )
        assert "key.pem" in trouble("profile", "work")["found"]
        key.write_text("no key")
        assert "neither a PEM nor" in trouble("client", "work")["found"]
        key.write_text(pem(EC))
        (client,) = found("client", "work")
        assert "authenticates by private_key_jwt" in client["found"]

    def test_a_redirect_port_that_is_taken(self, home, server):
        """A fixed port in another program's hands stops the login."""
        port = a_free_port()
        uri = f"http://127.0.0.1:{port}/callback"
        saved(server, "work", redirect_uris=[uri])
        checks = {c["name"]: c for c in told("doctor", "work", code=0)}
        assert f"127.0.0.1:{port}" in checks["redirect"]["found"]
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            checks = {c["name"]: c for c in told("doctor", "work", code=1)}
        assert checks["redirect"]["state"] == "problem"

    def test_nobody_is_logged_in(self, home, server):
        """It is a warning with the command to run."""
        saved(server, "work")
        assert trouble("login", "work", code=0)["remedy"] == (
            "run: oauth-auth login work"
        )

    def test_a_renewal_on_hold(self, work, server):
        """The last failure and the next try are told."""
        server.token_faults.answer(503, headers={"Retry-After": "600"}, times=3)
        with pytest.raises(OAuthAuthError):
            work.renew()
        check = trouble("login", "work", code=0)
        assert "503" in check["found"]
        assert "tried again in" in check["remedy"]

    def test_a_login_that_cannot_be_renewed(self, home, server):
        """It will end with its token."""
        server.configure(extra={"refresh_token": ABSENT})
        logged_in(server, "work")
        assert "refresh token" in trouble("login", "work", code=0)["found"]


def test_a_good_check_needs_no_remedy():
    """Only trouble comes with something to do."""
    assert ok("x", "y").remedy == ""

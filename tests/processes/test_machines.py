"""Worker processes of grants that need no person: one record, one request a life."""

import collections
import json
import shutil
import threading
import time

import httpx
import pytest

from oauth_auth import (
    ClientCredentials,
    FileStore,
    JWTBearer,
    OAuthAuth,
    Password,
    PrivateKeyJWT,
    TokenExchange,
)
from tests.client_keys import EC, public, signed
from tests.processes.starting import LOADED

WORD = "Vq8-correct-h0rse"
#: Generations that each record goes through, the first one included.
GENERATIONS = 3
PROCESSES = 4
#: Seconds for what takes a few unless it is broken.
PATIENCE = 60.0


class Projected:
    """A token that Kubernetes projects: a file behind two symlinks, often replaced."""

    def __init__(self, directory, issuer):
        self._directory = directory
        self._issuer = issuer
        self._number = 0
        self._ending = threading.Event()
        self.path = directory / "token"
        directory.mkdir()
        self.path.symlink_to("..data/token")
        self.replace()
        self._thread = threading.Thread(target=self._go_on)

    def replace(self):
        """Do what the kubelet does: a new directory, a link moved, the old one gone."""
        self._number += 1
        new = self._directory / f"..{self._number}"
        new.mkdir()
        now = time.time()
        claims = {"sub": "workload", "aud": self._issuer, "iat": now, "exp": now + 30}
        (new / "token").write_text(signed(claims))
        data = self._directory / "..data"
        old = data.readlink() if data.is_symlink() else None
        moved = self._directory / "..data_tmp"
        moved.symlink_to(new.name)
        moved.rename(data)
        if old is not None:
            shutil.rmtree(self._directory / old)

    def _go_on(self):
        while not self._ending.wait(0.05):
            self.replace()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._ending.set()
        self._thread.join()


@pytest.fixture
def server(oauth_server_factory):
    """Tokens that live briefly, and keys for all who sign."""
    keys = {"keys": [public(EC)]}
    return oauth_server_factory(
        access_token_lifetime=1.5,
        client_jwks=keys,
        assertion_jwks=keys,
        passwords={"al": WORD},
    )


def grants(server, token, key):
    """Return each grant as every worker makes it."""
    client = {"client_id": server.client_id, "client_secret": server.client_secret}
    return {
        "client_credentials": ClientCredentials(
            server.issuer, client_id=server.client_id, client_auth=PrivateKeyJWT(key)
        ),
        "jwt-bearer": JWTBearer(server.issuer, key=key, issuer="svc"),
        "token-exchange": TokenExchange(
            server.issuer, subject_token=token, subject_token_type="jwt"
        ),
        "password": Password(server.issuer, username="al", password=WORD, **client),
    }


def work(server, path, token, key, outcomes):
    """Send requests until each login has been renewed so often."""
    auths = {
        name: OAuthAuth(grant, store=FileStore(path))
        for name, grant in grants(server, token, key).items()
    }
    seen = collections.Counter()
    give_up = time.monotonic() + PATIENCE
    with httpx.Client() as client:
        while any(
            auth._resolved().look() is None
            or auth._source.held.generation < GENERATIONS
            for auth in auths.values()
        ):
            assert time.monotonic() < give_up, f"nobody renewed: {seen}"
            for name, auth in auths.items():
                try:
                    status = client.get(server.api_url, auth=auth).status_code
                    seen[name, status] += 1
                except Exception as error:
                    seen[name, f"{type(error).__name__}: {error}"] += 1
            time.sleep(0.05)
    outcomes.put(dict(seen))


def test_one_token_request_per_life_and_no_failed_request(server, tmp_path):
    """Four processes share each record, while a projected token moves all the time."""
    key = tmp_path / "key.json"
    key.write_text(json.dumps(EC))
    outcomes = LOADED.SimpleQueue()
    store = tmp_path / "store"
    with Projected(tmp_path / "projected", server.issuer) as projected:
        arguments = server, store, projected.path, key, outcomes
        workers = [
            LOADED.Process(target=work, args=arguments) for _ in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seen = collections.Counter()
        while not outcomes.empty():
            seen.update(outcomes.get())
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    assert {status for _, status in seen} == {200}, seen
    requests = collections.Counter(
        # The only one of them that gets refresh tokens.
        "password"
        if entry.grant_type == "refresh_token"
        else entry.grant_type.rpartition(":")[2]
        for entry in server.token_log()
    )
    made = grants(server, projected.path, key)
    for name, grant in made.items():
        auth = OAuthAuth(grant, store=FileStore(store))
        # Every generation of a record is one answer of the server.
        assert requests[name] == auth._resolved().look().generation, (
            name,
            [(entry.grant_type, entry.status) for entry in server.token_log()],
        )
        assert requests[name] >= GENERATIONS
    assert len(seen) == len(requests) == len(made)
    counts = server.counts()
    assert counts.reuse_detected == counts.families_revoked == 0
    assert counts.token_requests_by_grant["password"] == 1

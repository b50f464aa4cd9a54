"""Gunicorn and Celery with workers forked from a used auth object, and gevent."""

import collections
import itertools
import json
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from oauth_auth.testing import TestingServer
from tests.http_clients.logins import record_of, use_up
from tests.processes.apps.broker import TASK, celery_app
from tests.processes.programs import LIMIT, Program
from tests.processes.relay import Relay
from tests.processes.through import login_through
from tests.processes.workers import login

#: Seconds that an access token lives here: long enough for a machine with a dozen
#: workers and other tests on two cores, where a request may take a second.
LIFE = 4.0
LIVES = 2
CLIENTS = 4
KINDS = {"sync": [], "gthread": ["--threads", "4"], "gevent": []}


class Site:
    """A testing server, and a login that an application gets to know."""

    def __init__(self, server, path):
        self.server = server
        seed = server.issue()["refresh_token"]
        self.auth = login(server, path / "store", seed)
        self.auth.token()
        self.broker = path / "broker"
        self.env = {
            "APP_SETTINGS": json.dumps(
                {
                    "issuer": server.issuer,
                    "path": str(path / "store"),
                    "seed": seed,
                    "broker": str(self.broker),
                }
            )
        }

    @property
    def lives(self):
        """How many access tokens have been renewed, by what the store says."""
        return (
            record_of(self.auth).generation - 2
        )  # the seed, and the token of __init__

    def check(self, seen):
        """Nothing failed, and each life ended by one renewal, when it was due."""
        assert set(seen) == {"200"}, seen
        counts = self.server.counts()
        assert counts.token_requests == counts.refreshes_granted == self.lives + 1
        assert counts.reuse_detected == counts.families_revoked == 0
        times = [request.time for request in self.server.token_log()]
        assert min(b - a for a, b in itertools.pairwise(times)) > LIFE / 2


def gunicorn(kind, env):
    """Return gunicorn with four workers, forked after the application was loaded."""
    config = ["-c", "python:tests.processes.apps.gunicorn_conf"]
    return Program(
        None,
        command=[
            *(sys.executable, "-m", "gunicorn", *config, "--worker-class", kind),
            *(*KINDS[kind], "tests.processes.apps.wsgi:app"),
        ],
        env=env,
    )


def under_load(site, kind):
    """Send requests for several lives, with a graceful restart amid them."""
    seen, workers = collections.Counter(), set()
    with gunicorn(kind, site.env) as program, ThreadPoolExecutor(CLIENTS) as pool:
        url = f"http://127.0.0.1:{program.line()}"
        give_up = time.monotonic() + LIMIT
        restarted = threading.Event()

        def load(path):
            while site.lives < LIVES and time.monotonic() < give_up:
                answer = requests.get(f"{url}{path}", timeout=LIMIT)
                status, worker = answer.text.split(" ")
                seen[status] += 1
                workers.add(worker)
                time.sleep(0.15)  # a bounded load: there are three such servers
                if site.lives == 1 and not restarted.is_set():
                    restarted.set()
                    program.signal(signal.SIGHUP)

        for client in [pool.submit(load, path) for path in ("/", "/httpx") * 2]:
            client.result()
        program.signal(signal.SIGTERM)
        code, _ = program.end()
        assert code == 0
        assert "Traceback" not in program.errors(), program.errors()
    assert len(workers) > 4, "the restart has brought no worker to work"
    return seen


def test_gunicorn(oauth_server_factory, tmp_path):
    """Workers forked after the first use renew once per life, and lose nothing. M69.

    So do sync workers, threads, and greenlets that gevent makes of threads after the
    fork; so does a graceful restart.
    """
    sites = {}
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        server = oauth_server_factory(access_token_lifetime=LIFE)
        sites[kind] = Site(server, tmp_path / kind)
    with ThreadPoolExecutor(len(sites)) as pool:
        running = {k: pool.submit(under_load, site, k) for k, site in sites.items()}
        for kind, site in sites.items():
            site.check(running[kind].result())


def test_celery(oauth_server_factory, tmp_path):
    """Tasks on prefork workers renew once per life, and none fails. M69."""
    site = Site(oauth_server_factory(access_token_lifetime=LIFE), tmp_path)
    tasks = celery_app(site.broker)
    command = [
        *(sys.executable, "-m", "celery", "-A", "tests.processes.apps.tasks"),
        *("worker", "--pool", "prefork", "--concurrency", "4"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    seen, workers = collections.Counter(), set()
    with Program(None, command=command, env=site.env) as program:
        give_up = time.monotonic() + LIMIT
        while site.lives < LIVES and time.monotonic() < give_up:
            for sent in [tasks.send_task(TASK) for _ in range(8)]:
                status, worker = sent.get(timeout=LIMIT, interval=0.02)
                seen[str(status)] += 1
                workers.add(worker)
        program.signal(signal.SIGTERM)
        code, _ = program.end()
        assert code == 0
        assert "Traceback" not in program.errors(), program.errors()
    assert len(workers) == 4
    site.check(seen)


@pytest.fixture(scope="module")
def shared_server():
    """One server for all programs with greenlets."""
    with TestingServer() as server:
        yield server


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        ("first", ["200 50"]),
        ("late", ["200 50"]),
        ("pool", ["200 55"]),
        ("stale", ["200", "200"]),
    ],
)
def test_gevent(shared_server, tmp_path, scene, said):
    """Greenlets renew once, and gevent's loop goes on meanwhile.

    Whether it patches before the package is loaded or when it has been used, and with
    real threads of gevent's pool among them.
    """
    server = shared_server
    server.reset()
    relay = Relay(server)
    seed = server.issue()["refresh_token"]
    auth = login_through(relay.url, server, tmp_path, seed)
    auth.token()
    if scene != "stale":
        use_up(auth)
    server.reset_counts()
    relay.back.clear()
    try:
        with Program(
            "greenlets", scene, relay.url, server.issuer, tmp_path, seed
        ) as program:
            if scene != "stale":
                assert program.line() == "the loop runs"
            relay.back.set()
            assert program.end() == (0, said)
    finally:
        relay.close()
    counts = server.counts()
    assert counts.token_requests == counts.refreshes_granted == 1
    assert counts.reuse_detected == counts.families_revoked == 0


def test_gevent_shares_flights_with_threads():
    """Their locks are real: one of gevent's is lost between it and its thread pool."""
    with Program("greenlets", "flights") as program:
        assert program.end() == (0, ["True", "16500"])

"""What a program waits for when it starts: which modules are loaded, and when."""

import importlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from oauth_auth import FileStore, RefreshToken, Token
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.lazy_errors import Late

ROOT = Path(__file__).parents[1]
REFRESH_TOKEN = "rt-start"
TOKEN_ENDPOINT = "https://auth.test/token"

#: What every library's auth class needs to be there. Each module costs 0.1 to 0.5 ms;
#: `import requests` takes 85, and five in a hundred is the most that we may add. Who
#: adds to this list has measured it: python -m benchmarks start
IMPORTED = {
    "oauth_auth",
    "oauth_auth.forking",
    "oauth_auth.grants",
    "oauth_auth.grants.base",
    "oauth_auth.greenlets",
    "oauth_auth.http_clients",
    "oauth_auth.http_clients.base",
    "oauth_auth.lazy_errors",
    "oauth_auth.login_auth",
    "oauth_auth.origins",
    "oauth_auth.proof",
    "oauth_auth.reach",
    "oauth_auth.secret",
    "oauth_auth.server",
    "oauth_auth.token_auth",
}
OF_LIBRARY = {
    "requests": {"oauth_auth.http_clients.requests"},
    "httpx": {
        "oauth_auth.http_clients.flow",
        "oauth_auth.http_clients.httpx",
    },
    "httpx2": {
        "oauth_auth.http_clients.flow",
        "oauth_auth.http_clients.httpx2",
    },
}
#: What is loaded on top by the first token from the encrypted cache.
FIRST_TOKEN = {
    "oauth_auth.flight",
    "oauth_auth.grants.refresh_token",
    "oauth_auth.held",
    "oauth_auth.identity",
    "oauth_auth.rejections",
    "oauth_auth.renewal",
    "oauth_auth.seed",
    "oauth_auth.sources",
    "oauth_auth.stores",
    "oauth_auth.stores.base",
    "oauth_auth.stores.disk",
    "oauth_auth.stores.file",
    "oauth_auth.stores.key_file",
    "oauth_auth.stores.keys",
    "oauth_auth.stores.record_file",
    "oauth_auth.stores.sealing",
    "oauth_auth.token",
}
#: Loaded at the first renewal, error, 401, pickle or login, and by no program before.
LATER = {
    "anyio",
    "asyncio",
    "filelock",
    "joserfc",
    "oauthlib",
    "pickle",
    "platformdirs",
    "oauth_auth.challenge",
    "oauth_auth.client_auth",
    "oauth_auth.endpoint",
    "oauth_auth.errors",
    "oauth_auth.http_clients.unreachable",
    "oauth_auth.presented",
    "oauth_auth.protocol",
    "oauth_auth.stores.file_lock",
    "oauth_auth.stores.file_transaction",
    "oauth_auth.stores.once",
    "oauth_auth.stores.system_keyring",
    "oauth_auth.transport",
    "oauth_auth.turn",
}


def loaded(program, *arguments):
    """Run a program in a new interpreter, and return the modules that it prints."""
    process = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("OAUTH_AUTH_")},
    )
    return set(json.loads(process.stdout))


PROGRAM = """
import json, sys
import {first}
before = set(sys.modules)
{rest}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize(
    ("library", "name"),
    [("requests", "RequestsAuth"), ("httpx", "HttpxAuth"), ("httpx2", "Httpx2Auth")],
)
def test_what_an_import_adds(library, name):
    """It is a fixed list, so that the start of all programs cannot grow unnoticed."""
    rest = f"from oauth_auth.http_clients.{library} import {name}"
    added = loaded(PROGRAM.format(first=library, rest=rest))
    assert added == IMPORTED | OF_LIBRARY[library]


@pytest.fixture
def store(tmp_path):
    """A store that a program of before has left."""
    store = FileStore(tmp_path / "store")
    token = Token(
        "at-start", refresh_token=REFRESH_TOKEN, expires_at=time.time() + 3600
    )
    grant = RefreshToken(token_endpoint=TOKEN_ENDPOINT, client_id="app", token=token)
    assert RequestsAuth(grant, store=store).access_token() == "at-start"
    return store


FIRST = """
from oauth_auth import FileStore, RefreshToken
from oauth_auth.http_clients.requests import RequestsAuth
grant = RefreshToken(
    token_endpoint=sys.argv[2], client_id="app", refresh_token=sys.argv[3]
)
request = requests.Request("GET", "https://api.test/").prepare()
RequestsAuth(grant, store=FileStore(sys.argv[1]))(request)
assert request.headers["Authorization"] == "Bearer at-start"
"""


def test_what_the_first_token_adds(store):
    """A program that finds its token in the cache loads nothing for a renewal."""
    program = PROGRAM.format(first="requests", rest=FIRST)
    added = loaded(program, store.path, TOKEN_ENDPOINT, REFRESH_TOKEN)
    own = {name for name in added if name.partition(".")[0] == "oauth_auth"}
    assert own == IMPORTED | OF_LIBRARY["requests"] | FIRST_TOKEN
    assert LATER.isdisjoint(added)


RENEWAL = """
import json, sys
from oauth_auth import FileStore, RefreshToken
from oauth_auth.http_clients.requests import RequestsAuth
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
server = FakeServer()
grant = RefreshToken(
    token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
)
spent = set()
server.script = [lambda form: spent.update(sys.modules)]
RequestsAuth(grant, store=FileStore(sys.argv[1]), http=server.http).token()
assert "oauth_auth.turn" in spent
print(json.dumps(sorted(set(sys.modules) - spent)))
"""


def test_nothing_is_loaded_once_a_refresh_token_is_spent(tmp_path):
    """What the answer and its save need is there: an import may fail. Law 2."""
    added = loaded(RENEWAL, tmp_path / "store")
    assert not [name for name in added if name.startswith(("oauth_auth", "crypto"))]


ON_A_LOOP = """
import json, sys, threading
import anyio
from oauth_auth import ClientCredentials, MemoryStore
from oauth_auth.http_clients.httpx import HttpxAuth
from tests.fake_server import TOKEN_ENDPOINT, FakeServer

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("oauth_auth.sources", "oauth_auth.turn"):
            assert threading.current_thread() is not threading.main_thread()
            seen.append(name)

seen = []
sys.meta_path.insert(0, Watch())
grant = ClientCredentials(
    token_endpoint=TOKEN_ENDPOINT, client_id="m", client_secret="s3cr3t"
)
auth = HttpxAuth(grant, store=MemoryStore(), http=FakeServer().http)
anyio.run(auth.atoken)
print(json.dumps(seen))
"""


def test_an_event_loop_does_not_wait_for_what_is_loaded():
    """What takes milliseconds to import is imported on another thread."""
    assert loaded(ON_A_LOOP) == {"oauth_auth.sources", "oauth_auth.turn"}


HALF_LOADED = """
import threading
started, go_on = threading.Event(), threading.Event()
def load():
    started.set()
    assert go_on.wait(30)
"""


def test_a_module_that_another_thread_loads_is_waited_for(tmp_path, monkeypatch):
    """Threads that start together all find it whole, not as far as it has come."""
    (tmp_path / "oa_gate.py").write_text(HALF_LOADED)
    (tmp_path / "oa_slow.py").write_text("import oa_gate\noa_gate.load()\nVALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    gate, late = importlib.import_module("oa_gate"), Late("oa_slow")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: late.VALUE)
        assert gate.started.wait(30)
        second = pool.submit(lambda: late.VALUE)
        # Nothing that goes wrong at once is waited for any longer.
        wait([second], timeout=0.1)
        gate.go_on.set()
        assert (first.result(30), second.result(30)) == (1, 1)

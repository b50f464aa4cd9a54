"""What the workers do, and what they find."""

from typing import NamedTuple

from oauth_auth import ClientCredentials, FileStore, RefreshToken
from oauth_auth.http_clients.base import RequestAuth
from oauth_auth.protocol import Verdict
from oauth_auth.server import AuthorizationServer
from oauth_auth.token import Token
from tests.faults.authority import LIFE
from tests.faults.scheduler import BASE

ISSUER = "https://auth.test"
API = "https://api.test"
#: Seconds that one exchange may take.
TIMEOUT = 0.2
SERVER = AuthorizationServer(
    token_endpoint=f"{ISSUER}/token", revocation_endpoint=f"{ISSUER}/revoke"
)


class OwnStore:
    """A store that is equal to no other, as if it were in a process of its own."""

    def __init__(self, path, keys):
        self._store = FileStore(path, keys=keys)
        self.read = self._store.read
        self.lock = self._store.lock
        self.records = self._store.records
        self.claim = self._store.claim
        self.sealer = self._store.sealer


class StillRefused(Exception):  # noqa: N818  # what an API says is no error of ours
    """The API answered 401 to a token that was just made."""


class Scenario(NamedTuple):
    """A situation, and what each task of each process does in it."""

    name: str
    #: Makes the state of server and store: (authority) -> what `auth` needs.
    prepare: object
    #: The processes: for each one the actions of its tasks.
    processes: tuple
    #: The token requests of a run without deaths and faults; None for any number.
    requests: int | None = 1
    #: What the fresh worker at the end finds: "token", or "login required".
    ends_with: str = "token"
    #: Whether flights get threads.
    threads: bool = False
    background: bool = True
    #: Whether the processes do the same, so that who starts makes no difference.
    alike: bool = True
    #: Whether the store is there already, with its keys.
    prepared: bool = True
    #: Whether the record is in it.
    planted: bool = True
    #: Whether the disk is full until the workers have ended.
    full: bool = False
    #: Whether the last renewal failed just before, so that the next has to wait.
    on_hold: bool = False


# -- the state they find ---------------------------------------------------------------


def _aged(authority, *, age, life=LIFE, live=True):
    refresh_token, access_token = authority.log_in(life=life - age)
    if not live:
        del authority.access[access_token]
    return Token(
        access_token,
        refresh_token=refresh_token,
        obtained_at=BASE - age,
        expires_at=BASE - age + life,
    )


def expired(authority):
    """Return a token that has expired."""
    return [_aged(authority, age=LIFE + 1)]


def stale(authority):
    """Return a token in the last fifth of its life."""
    return [_aged(authority, age=LIFE * 0.85)]


def rejected(authority):
    """Return a token that looks fresh for long, and is dead at the API."""
    return [_aged(authority, age=10.0, life=50 * LIFE, live=False)]


def seed(authority):
    """Return a refresh token alone."""
    return [Token(None, refresh_token=authority.log_in()[0], expires_at=0.0)]


def machine(authority):
    """Return nothing: a client without a person needs none."""
    return [None]


def revoked(authority):
    """Return an expired token of a login that the server has ended."""
    token = _aged(authority, age=LIFE + 1)
    authority.end(authority.family_of(token.refresh_token), "revoked")
    return [token]


def relogin(authority):
    """Return an expired token, and one of a newer login to the same account."""
    return [_aged(authority, age=LIFE + 1), *seed(authority)]


# -- what they do ----------------------------------------------------------------------


def auth_of(world, store, token):
    """Return the auth object that a process builds."""
    scenario = world.scenario
    if token is None:
        grant = ClientCredentials(SERVER, client_id="app", client_secret="secret")
        return RequestAuth(grant, store=store, timeout=TIMEOUT)
    account = "a" if scenario.prepare is relogin else None
    return RequestAuth(
        RefreshToken(SERVER, client_id="app", token=token),
        store=store,
        account=account,
        background=scenario.background,
        timeout=TIMEOUT,
    )


def request(world, process, task):
    """Send one request to the API, as the HTTP clients' adapters do it."""
    auth, laws = process.auth(), world.laws
    held = auth._held()
    laws.used(process, held)
    if world.api(task, held):
        held.accepted.add(API)
        return
    newer_there = world.newer_in_store(held)
    posts = task.posts
    verdict = auth._verdict(
        held,
        API,
        carries_our_token=True,
        challenges=[],
        same_origin=True,
        replayable=True,
    )
    if verdict is Verdict.RETURN:
        raise StillRefused
    process.rejected.add(held.token.access_token)
    newer = auth._held(held)
    laws.used(process, newer)
    if newer_there and task.posts != posts:
        laws.broken("7 adopt", "a token request although the store had a newer token")
    if not world.api(task, newer):
        raise StillRefused


def renew(world, process, task):
    """Replace the token although it is good."""
    world.laws.used(process, _Held(process.auth().renew()))


class _Held(NamedTuple):
    token: Token


def pause(world, process, task):
    """Do nothing until a failed background renewal may be tried again."""
    world.scheduler.sleep(2.0)


def logout(world, process, task):
    """End the login."""
    process.logs_out = True
    process.auth().logout()


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("expired", expired, ([request], [request])),
        Scenario("rejected", rejected, ([request], [request])),
        Scenario("stale", stale, ([request], [request]), threads=True),
        Scenario("seed", seed, ([request], [request]), planted=False),
        Scenario("first use", seed, ([request], [request]), prepared=False),
        Scenario("machine", machine, ([request], [request]), planted=False),
        Scenario("revoked", revoked, ([request], [request]), ends_with="revoked"),
        Scenario("full disk", expired, ([request], [request]), requests=0, full=True),
        Scenario("on hold", expired, ([request], [request]), requests=0, on_hold=True),
        Scenario(
            "logout",
            expired,
            ([request], [logout]),
            requests=None,
            ends_with="logged out",
            alike=False,
        ),
        Scenario(
            "new login",
            relogin,
            ([request], ["newer", request]),
            requests=None,
            alike=False,
        ),
        Scenario(
            "twice",
            expired,
            ([request, renew, request], [request]),
            requests=None,
            alike=False,
        ),
        Scenario(
            "threads",
            expired,
            ([request, pause, request], [request]),
            alike=False,
            threads=True,
        ),
        Scenario(
            "two threads",
            rejected,
            ([request, "and", request], [request]),
            alike=False,
            threads=True,
        ),
        Scenario(
            "no background",
            expired,
            ([request, pause, request], [pause, pause, request]),
            alike=False,
            background=False,
        ),
        Scenario("three", expired, ([request], [request], [request])),
        Scenario("three rejected", rejected, ([request], [request], [request])),
        Scenario("three seeds", seed, ([request],) * 3, planted=False),
        Scenario(
            "three and logout",
            expired,
            ([request], [request], [logout]),
            requests=None,
            ends_with="logged out",
            alike=False,
        ),
    )
}

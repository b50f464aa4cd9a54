"""What the workers do: requests through every library, each in its own way."""

import asyncio
import contextlib
import random
import resource
import threading
import time
from typing import NamedTuple

import httpx
import httpx2
import requests
import trio

from oauth_auth import ClientCredentials, FileStore, OAuthAuth, errors
from oauth_auth.testing import fingerprint
from tests.processes.fleet import Tally
from tests.processes.hammering import LOST, NO_TLS, Place

#: Seconds for one exchange with the authorization server.
TIMEOUT = 3.0
#: Seconds for one with the API, which may be slow as well.
API_TIMEOUT = 20.0
#: Seconds between two requests of a worker: two cores are enough for all of them.
PACE = 0.03
#: Tasks or threads that a worker has, if it has several.
CROWD = 4
#: Requests for which a worker's disk stays full, or not.
_IN_A_ROW = 20
#: What a worker reports that is no failure.
FULL_DISK = "full disk"

#: Carol's login is one worker's alone, so nobody renews it while that cannot.
_ACCOUNTS = ("alice", "bob", "carol")


class Shop(NamedTuple):
    """Where all workers are."""

    server: object
    path: object

    def place(self, account):
        """Return the place of somebody's login."""
        return Place(self.server, self.path, account)

    def places(self):
        """Return those of all."""
        return [self.place(account) for account in _ACCOUNTS]

    def machine(self):
        """Return the auth object of a client without a person."""
        grant = ClientCredentials(
            self.server.issuer,
            client_id=self.server.client_id,
            client_secret=self.server.client_secret,
        )
        return OAuthAuth(grant, store=FileStore(self.path), timeout=TIMEOUT)


class Login:
    """A login as one worker uses it: after a loss, the next one."""

    def __init__(self, place, desk):
        self._place = place
        self._desk = desk
        self._seed = place.seed

    def auth(self):
        """Return a new auth object."""
        return self._place.auth(self._desk.number, self._seed, timeout=TIMEOUT)

    def lost(self):
        """Say so; return whether somebody has logged in again."""
        seed = self._seed
        self._desk.tell(LOST, f"{self._place.account} {fingerprint(seed)}")
        while self._desk.wanted and self._place.seed == seed:
            time.sleep(0.01)
        self._seed = self._place.seed


@contextlib.contextmanager
def noted(desk):
    """Count a request, and report its failure; yields a place for its status."""
    desk.count(Tally.BEGUN)
    status = []
    try:
        yield status
    except Exception as error:
        desk.count(Tally.FAILED)
        desk.tell(kind_of(error), str(error))
        if isinstance(error, errors.LoginRequired):
            raise
    else:
        (code,) = status
        desk.count(Tally.SUCCEEDED if code == 200 else Tally.FAILED)
        if code != 200:
            desk.tell(f"status {code}")


def kind_of(error):
    """Return what a failure is counted under."""
    if isinstance(error, errors.LoginRequired):
        named = getattr(error, "answer_lost", False)
        return "LoginRequired, answer lost" if named else "LoginRequired"
    if isinstance(error, errors.OAuthAuthError):
        return errors.to_facts(error)["kind"]
    networks = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    if isinstance(error, (*networks, httpx.TransportError, httpx2.TransportError)):
        return "connection to the API"
    return f"unexpected {type(error).__name__}"


class OneClient:
    """Requests through one client, one after the other."""

    def __init__(self, make_client, account):
        self._make_client = make_client
        self._account = account

    def __call__(self, shop, desk):
        login = Login(shop.place(self._account), desk)
        with self._make_client() as client:
            while desk.wanted:
                auth = login.auth()
                try:
                    while desk.wanted:
                        self._send(shop, desk, client, auth)
                except errors.LoginRequired:
                    login.lost()

    def _send(self, shop, desk, client, auth):
        with noted(desk) as status:
            response = client.get(shop.server.api_url, auth=auth, timeout=API_TIMEOUT)
            status.append(response.status_code)
        time.sleep(PACE)


class Tasks:
    """Several tasks at once, with httpx on asyncio or httpx2 on trio."""

    def __init__(self, library, account):
        self._library = library
        self._account = account

    def __call__(self, shop, desk):
        login = Login(shop.place(self._account), desk)
        asynchronous = self._asyncio if self._library is httpx else self._trio
        while desk.wanted:
            if asynchronous(shop, desk, login.auth()):
                login.lost()

    def _asyncio(self, shop, desk, auth):
        async def main():
            async with httpx.AsyncClient(verify=NO_TLS) as client:
                results = await asyncio.gather(
                    *(
                        self._task(shop, desk, client, auth, asyncio.sleep)
                        for _ in range(CROWD)
                    )
                )
            return any(results)

        return asyncio.run(main())

    def _trio(self, shop, desk, auth):
        async def main():
            results = []

            async def task():
                results.append(await self._task(shop, desk, client, auth, trio.sleep))

            async with (
                httpx2.AsyncClient(verify=NO_TLS) as client,
                trio.open_nursery() as nursery,
            ):
                for _ in range(CROWD):
                    nursery.start_soon(task)
            return any(results)

        return trio.run(main)

    async def _task(self, shop, desk, client, auth, sleep):
        """Send requests until the end; return whether that is the login's."""
        try:
            while desk.wanted:
                with noted(desk) as status:
                    response = await client.get(
                        shop.server.api_url, auth=auth, timeout=API_TIMEOUT
                    )
                    status.append(response.status_code)
                await sleep(CROWD * PACE)
        except errors.LoginRequired:
            return True
        return False


class Threads:
    """Several threads at once, which build an auth object for every call."""

    def __call__(self, shop, desk):
        login = Login(shop.place("bob"), desk)
        while desk.wanted:
            ended = threading.Event()
            crowd = [
                threading.Thread(target=self._thread, args=(shop, desk, login, ended))
                for _ in range(CROWD)
            ]
            for thread in crowd:
                thread.start()
            for thread in crowd:
                thread.join()
            if ended.is_set():
                login.lost()

    @staticmethod
    def _thread(shop, desk, login, ended):
        try:
            while desk.wanted and not ended.is_set():
                with noted(desk) as status:
                    response = requests.get(
                        shop.server.api_url, auth=login.auth(), timeout=API_TIMEOUT
                    )
                    status.append(response.status_code)
                time.sleep(CROWD * PACE)
        except errors.LoginRequired:
            ended.set()


class Several:
    """People and a machine in one process, through one client.

    Args:
        make_client: Returns the client.
        accounts: Whose logins.
        full_disk: Whether the disk is full now and then, for this worker alone.
    """

    def __init__(self, make_client, accounts, *, full_disk=False):
        self._make_client = make_client
        self._accounts = accounts
        self._full_disk = full_disk

    def __call__(self, shop, desk):
        chance = random.Random(desk.number)
        logins = {name: Login(shop.place(name), desk) for name in self._accounts}
        auths = {name: login.auth() for name, login in logins.items()}
        auths["machine"] = shop.machine()
        with self._make_client() as client:
            while desk.wanted:
                with self._disk(desk, chance):
                    for name in chance.choices(list(auths), k=_IN_A_ROW):
                        try:
                            self._send(shop, desk, client, auths[name])
                        except errors.LoginRequired:
                            if name not in logins:
                                raise
                            logins[name].lost()
                            auths[name] = logins[name].auth()

    @staticmethod
    def _send(shop, desk, client, auth):
        with noted(desk) as status:
            response = client.get(shop.server.api_url, auth=auth, timeout=API_TIMEOUT)
            status.append(response.status_code)
        time.sleep(PACE)

    def _disk(self, desk, chance):
        if self._full_disk and chance.random() < 0.2:
            desk.tell(FULL_DISK)
            return _no_file_grows()
        return contextlib.nullcontext()


@contextlib.contextmanager
def _no_file_grows():
    """Let every write to a file of this process fail, as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _httpx():
    return httpx.Client(verify=NO_TLS)


def _httpx2():
    return httpx2.Client(verify=NO_TLS)


#: What each worker does, in turn.
WAYS = (
    OneClient(requests.Session, "alice"),
    OneClient(_httpx, "alice"),
    OneClient(_httpx2, "alice"),
    Tasks(httpx, "alice"),
    Tasks(httpx2, "bob"),
    Threads(),
    Several(_httpx2, ("alice", "bob")),
    Several(requests.Session, ("carol",), full_disk=True),
)
#: The worker whose disk is full now and then.
FULL_DISK_WAY = len(WAYS) - 1

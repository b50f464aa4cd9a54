"""That no decision depends on where the machine's clock says it is."""

import os
import time
from email.utils import formatdate

import httpx
import pytest

from oauth_auth import (
    ClientCredentials,
    MemoryStore,
    OAuthAuth,
    RefreshToken,
    Token,
    errors,
)
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.stores.children import in_child

ZONES = ["UTC", "Pacific/Auckland", "America/St_Johns", "NZST-12NZDT", "XYZ+3:30"]


def decisions():
    """Return what is decided about a new, a kept and an expired token, and a pause."""
    server = FakeServer()
    grant = ClientCredentials(
        token_endpoint=TOKEN_ENDPOINT, client_id="machine", client_secret="s3cr3t-value"
    )
    auth = OAuthAuth(grant, store=MemoryStore(), http=server.http)
    now = time.time()
    lifetime = auth.token().expires_at - now
    reused = auth.token() is auth.token()
    held = []
    for age in (-60, 60):
        token = {
            "access_token": "kept",
            "refresh_token": server.seed(),
            "expires_at": str(now - age),
        }
        seeded = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT, client_id="app", token=token
        )
        person = OAuthAuth(seeded, store=MemoryStore(), http=server.http)
        held.append(person.access_token() == "kept")
    wait = {"Retry-After": formatdate(now + 120, usegmt=True)}
    server.script.append(httpx.Response(429, headers=wait))
    other = OAuthAuth(grant, store=MemoryStore(), http=server.http)
    try:
        other.token()
    except errors.TemporarilyUnavailableError:
        source = other._resolved()
        pause = source.store.read(source.record_id).mark.duration
    epoch = Token.from_dict({"access_token": "a", "expires_at": "1700000000"})
    return (
        3600 <= lifetime < 3660,
        reused,
        held,
        60 < pause <= 120,
        epoch.expires_at,
        server.token_requests,
    )


@pytest.mark.parametrize("zone", ZONES)
def test_decisions_are_the_same_everywhere(zone):
    """Expiry and pauses are reckoned in seconds, never in local time. M35."""

    def work():
        os.environ["TZ"] = zone
        time.tzset()
        offset = time.localtime(1_700_000_000).tm_gmtoff
        return f"{offset} {decisions()}"

    offset, said = in_child(work).split(" ", 1)
    assert (offset == "0") is (zone == "UTC")
    assert said == str((True, True, [True, False], True, 1700000000.0, 3))

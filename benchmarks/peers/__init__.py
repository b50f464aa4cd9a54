"""The other packages, one file each, set up as their documentation says.

What is not installed is left out, with a word under the table: the extra `bench` has
all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.authlib import AuthlibHttpx2, AuthlibRequests
from benchmarks.peers.google_auth import GoogleAuth
from benchmarks.peers.httpx_auth import HttpxAuthPeer
from benchmarks.peers.msal import Msal
from benchmarks.peers.requests_auth import RequestsAuthPeer
from benchmarks.peers.requests_oauth2client import RequestsOauth2client
from benchmarks.peers.requests_oauthlib import RequestsOauthlib

if TYPE_CHECKING:
    from benchmarks.candidate import Candidate

__all__ = ["PEERS"]

PEERS: tuple[Candidate, ...] = (
    RequestsOauthlib(),
    AuthlibRequests(),
    RequestsOauth2client(),
    RequestsAuthPeer(),
    GoogleAuth(),
    Msal(),
    HttpxAuthPeer(),
    AuthlibHttpx2(),
)

"""An exchange through httpx."""

from __future__ import annotations

from functools import partial
from typing import Final

import httpx

from oauth_auth.transport import httpx_family

__all__ = ["NETWORK", "NEVER_SENT", "open_client", "send"]

NEVER_SENT: Final = httpx_family.never_sent(httpx)
NETWORK: Final = (httpx.TransportError,)
open_client: Final = partial(httpx_family.open_client, httpx)
send: Final = partial(httpx_family.send, httpx)

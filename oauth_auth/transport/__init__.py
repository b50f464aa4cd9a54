"""One bounded exchange with an authorization server.

Through requests, httpx or httpx2: a fresh connection, no redirects, nothing ambient
(netrc, cookies, hooks, a session's headers), and one deadline over all of it.
"""

from oauth_auth.transport.bounded import exchange
from oauth_auth.transport.options import HttpOptions

__all__ = ["HttpOptions", "exchange"]

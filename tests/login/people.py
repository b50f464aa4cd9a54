"""People who log in: browsers that do what a test wants, and objects to log in with."""

import contextlib
import threading
import urllib.error
import urllib.request
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from oauth_auth import AuthorizationCode, DeviceCode, MemoryStore, OAuthAuth


class Page(NamedTuple):
    """What a browser shows."""

    status_code: int
    url: str
    text: str
    headers: Any
    #: The pages that led there.
    redirects: Any = ()


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, *, followed):
        self.followed = followed
        self.seen = []

    def redirect_request(self, request, body, code, reason, headers, url):
        self.seen.append(Page(code, request.full_url, "", headers))
        if not self.followed:
            return None
        return super().redirect_request(request, body, code, reason, headers, url)


def visit(url, *, method="GET", headers=None, stay=False):
    """Open a page as a browser does; unlike the HTTP libraries it logs no URL.

    Args:
        url: The page's.
        method: How it is asked for.
        headers: What else is said.
        stay: Whether a redirect is shown, and not followed.
    """
    request = urllib.request.Request(url, method=method, headers=headers or {})
    redirects = _Redirects(followed=not stay)
    try:
        answer = urllib.request.build_opener(redirects).open(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        text = answer.read().decode()
        return Page(answer.status, answer.url, text, answer.headers, redirects.seen)


def follow(url):
    """Return the URL to which the server sends the browser back."""
    return visit(url, stay=True).headers["Location"]


class Browser:
    """Opens pages as a person's browser does, in a thread of its own.

    `answer` makes another URL of the one that the server sends the browser back to;
    `opened` and `pages` are the URLs opened and what they ended with.
    """

    name = "test browser"

    def __init__(self):
        self.opened = []
        self.pages = []
        self.answer = lambda url: url
        self._threads = []

    def open(self, url):
        self.opened.append(url)
        self._threads.append(threading.Thread(target=self._browse, args=(url,)))
        self._threads[-1].start()
        return True

    def _browse(self, url):
        with contextlib.suppress(OSError):
            self.pages.append(visit(self.answer(follow(url))))

    def join(self):
        """Wait until all pages are shown."""
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    @property
    def page(self):
        """The last page, once it is shown."""
        self.join()
        return self.pages[-1]


def params_of(url):
    """Return the parameters in a URL, none of which may come twice."""
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def with_params(url, **changes):
    """Return a URL with some parameters replaced, and without those that are None."""
    params = {**params_of(url), **changes}
    kept = {name: value for name, value in params.items() if value is not None}
    return f"{url.partition('?')[0]}?{urlencode(kept)}"


def app(server, *, store=None, account=None, grant=AuthorizationCode, **options):
    """Return an object that somebody can log in to, as a public client."""
    settings = {
        name: options.pop(name)
        for name in ("timeout", "on_token", "interactive", "http", "leeway")
        if name in options
    }
    options.setdefault("client_id", server.public_client_id)
    return OAuthAuth(
        grant(options.pop("issuer", server.issuer), **options),
        store=MemoryStore() if store is None else store,
        account=account,
        **settings,
    )


def device_app(server, **options):
    """Return the same for a login by device."""
    return app(server, grant=DeviceCode, **options)


def token_requests(server, grant_type="authorization_code"):
    """Return how often the server was asked for a token."""
    return server.counts().token_requests_by_grant.get(grant_type, 0)

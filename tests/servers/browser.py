"""A person at a browser: the login and consent forms, filled in over plain HTTP.

The authorization code flow and the device flow end in a page for a person. A
browser engine would cost seconds per test, and all the pages want is cookies,
redirects and forms.
"""

import html.parser
import http.cookiejar
import urllib.parse
import urllib.request

MOST_PAGES = 20


class _AsReceived(urllib.request.HTTPErrorProcessor):
    """Hands out redirects and errors as they are, instead of acting on them."""

    def http_response(self, request, response):
        return response


class _Form(html.parser.HTMLParser):
    """The one form of a page, as it is sent when its first button is pressed."""

    def __init__(self, page):
        super().__init__()
        self.action = None
        self.fields = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.action = attributes["action"]
        elif tag == "input":
            self.fields[attributes["name"]] = attributes.get("value", "")


def visit(url, user="alice"):
    """Logs in as `user`, agrees to everything and returns where that ended.

    For an authorization URL that is the redirect to the client, which is not
    followed. For a device's `verification_uri_complete` it is the page which
    tells the person to go back to the device.
    """
    home = urllib.parse.urlsplit(url).netloc
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),  # a proxy in the environment is for the world
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        _AsReceived,
    )
    fields = None
    for _ in range(MOST_PAGES):
        body = None if fields is None else urllib.parse.urlencode(fields).encode()
        with browser.open(url, body, timeout=30) as answer:
            status, target = answer.status, answer.headers.get("Location")
            page = answer.read().decode()
        if target:
            url, fields = urllib.parse.urljoin(url, target), None
            if urllib.parse.urlsplit(url).netloc != home:
                return url
            continue
        form = _Form(page)
        if form.action is None:
            if status == 200 and "Sign-in Success" in page:
                return url
            raise AssertionError(f"no form at {url}, status {status}: {page}")
        url, fields = urllib.parse.urljoin(url, form.action), form.fields
        if "login" in fields:
            fields |= {"login": user, "password": "any"}
    raise AssertionError(f"no end after {MOST_PAGES} pages, the last was {url}")

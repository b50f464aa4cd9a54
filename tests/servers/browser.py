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
#: What the servers where a password counts were told of everybody.
PASSWORD = "wonderland"
#: What the last pages of device logins say.
ENDS = ("Sign-in Success", "Device Authorized", "Device Denied")


class _AsReceived(urllib.request.HTTPErrorProcessor):
    """Hands out redirects and errors as they are, instead of acting on them."""

    def http_response(self, request, response):
        return response


class _Form(html.parser.HTMLParser):
    """The one form of a page, as it is sent when none of its buttons is pressed."""

    def __init__(self, page, url):
        super().__init__()
        self.action = None
        self.fields = {}
        #: The name and value of each button that says which one it is.
        self.buttons = []
        self._url = url
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        name, kind = attributes.get("name"), attributes.get("type")
        if tag == "form":
            self.action = urllib.parse.urljoin(self._url, attributes.get("action"))
        elif tag == "button" or (tag == "input" and kind == "submit"):
            if name:
                self.buttons.append((name, attributes.get("value", "")))
        elif tag == "input" and name:
            self.fields[name] = attributes.get("value", "")

    def answered(self, user, *, agree):
        """Return the fields as a person fills them in, who then presses a button."""
        fields = dict(self.fields)
        if "login" in fields:
            fields |= {"login": user, "password": "any"}
        if "username" in fields:
            fields |= {"username": user, "password": PASSWORD}
        wanted = ("accept", "Authorize") if agree else ("deny",)
        return fields | dict(each for each in self.buttons if each[1] in wanted)


def visit(url, user="alice", *, agree=True):
    """Logs in as `user`, agrees to everything (or not) and returns where that ended.

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
        form = _Form(page, url)
        if form.action is None:
            if status == 200 and any(end in page for end in ENDS):
                return url
            raise AssertionError(f"no form at {url}, status {status}: {page}")
        url, fields = form.action, form.answered(user, agree=agree)
    raise AssertionError(f"no end after {MOST_PAGES} pages, the last was {url}")

"""Opening a browser, which may hang, fail, or say what is not true. M99a."""

import os
import shutil
import sys
import threading
import webbrowser

import pytest

from oauth_auth.login import browser as module
from oauth_auth.login.browser import open_browser
from oauth_auth.secret import Secret

URL = Secret("https://auth.example/authorize?state=s-1")


@pytest.fixture
def opens(monkeypatch):
    """Return a function that replaces what opens a page."""

    def replace(function, name="test browser"):
        class Opener:
            def open(self, url):
                return function(url)

        Opener.name = name
        monkeypatch.setattr(webbrowser, "get", Opener)

    return replace


@pytest.mark.parametrize("said", [True, False])
def test_what_the_browser_says(opens, said):
    """The browser gets the URL, and its word is passed on."""
    opened = []
    opens(lambda url: opened.append(url) or said)
    assert open_browser(URL) is said
    assert opened == [URL.reveal()]


def test_a_browser_that_hangs(opens, monkeypatch):
    """A launch that does not return is left alone, and holds up nothing. M99a."""
    monkeypatch.setattr(module, "_START", 0.05)
    go_on = threading.Event()
    opens(lambda url: go_on.wait(20) or True)
    assert open_browser(URL) is False, "nobody waited until it came back"
    (thread,) = (t for t in threading.enumerate() if t.name == "oauth_auth browser")
    assert thread.daemon, "the interpreter could not end"
    go_on.set()
    thread.join(30)


@pytest.mark.parametrize("error", [webbrowser.Error("none"), OSError(), ValueError()])
def test_a_browser_that_fails(opens, error):
    """A launch that raises is as good as no browser. M99a."""

    def fail(url):
        raise error

    opens(fail)
    assert open_browser(URL) is False


def test_no_browser(monkeypatch):
    """A machine without any browser raises in webbrowser, and not here. M99a."""

    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert open_browser(URL) is False


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
@pytest.mark.parametrize("name", ["lynx", "w3m", "www-browser"])
def test_a_browser_in_the_terminal(opens, monkeypatch, tmp_path, name):
    """A browser that would take the terminal over is not started. M99a."""
    monkeypatch.delenv("BROWSER", raising=False)
    program = tmp_path / "lynx.real"
    shutil.copy(sys.executable, program)
    program.chmod(0o755)
    (tmp_path / name).symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    opened = []
    opens(lambda url: opened.append(url) or True, name=name)
    assert open_browser(URL) is False
    assert opened == []
    monkeypatch.setenv("BROWSER", name)
    assert open_browser(URL) is True

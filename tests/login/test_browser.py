"""Opening a browser, which may hang, fail, or say what is not true. M99a."""

import os
import shutil
import sys
import threading
import webbrowser

import pytest

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


def launches():
    """Return the threads in which a browser is being started."""
    return [t for t in threading.enumerate() if t.name == "oauth_auth browser"]


def launch():
    """Have the URL opened, and wait until that has succeeded or failed."""
    open_browser(URL)
    for thread in launches():
        thread.join(30)
        assert not thread.is_alive()


def test_a_browser(opens):
    """The browser gets the URL."""
    opened = []
    opens(opened.append)
    launch()
    assert opened == [URL.reveal()]


def test_a_browser_that_hangs(opens, monkeypatch):
    """A launch that does not return is left alone, and holds up nothing. M99a."""
    go_on = threading.Event()
    opens(lambda url: go_on.wait(30))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "join", None)  # nor is it waited for a while
        open_browser(URL)
    (thread,) = launches()
    assert thread.daemon, "the interpreter could not end"
    go_on.set()
    thread.join(30)


def test_no_thread_to_be_had(opens, monkeypatch):
    """Where no thread can be started there is no browser, and no error."""

    def fail(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    open_browser(URL)


@pytest.mark.parametrize("error", [webbrowser.Error("none"), OSError(), ValueError()])
def test_a_browser_that_fails(opens, error):
    """A launch that raises is as good as no browser. M99a."""

    def fail(url):
        raise error

    opens(fail)
    launch()


def test_no_browser(monkeypatch):
    """A machine without any browser raises in webbrowser, and not here. M99a."""

    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    launch()


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
    opens(opened.append, name=name)
    launch()
    assert opened == []
    monkeypatch.setenv("BROWSER", name)
    launch()
    assert opened == [URL.reveal()]

"""Imports that take turns, as greenlets and the real threads beside them must."""

import sys
import threading

import pytest

from oauth_auth import forking, greenlets

LIMIT = 20.0
#: Nobody has loaded these.
MODULE, OTHER = "oauth_auth.no_such_module", "oauth_auth.no_such_module_either"


@pytest.fixture(autouse=True)
def among_greenlets(monkeypatch):
    """Have imports take turns, as where gevent has made greenlets of threads."""
    monkeypatch.setattr(greenlets, "are_threads", lambda: True)


@pytest.fixture
def looked(monkeypatch):
    """Set whenever somebody who waits for a turn looks whether it has come."""
    event, sleep = threading.Event(), greenlets.time.sleep

    def replaced(seconds):
        event.set()
        sleep(seconds)

    monkeypatch.setattr(greenlets.time, "sleep", replaced)
    return event


class Importer:
    """A thread that imports a module; `entered` is set when it has its turn."""

    def __init__(self, module):
        self.entered = threading.Event()
        self._module = module
        self._thread = threading.Thread(target=self._import, daemon=True)
        self._thread.start()

    def _import(self):
        with forking.importing(self._module):
            self.entered.set()

    def join(self):
        self._thread.join(LIMIT)
        assert self.entered.is_set()


@pytest.mark.parametrize("module", [MODULE, OTHER])
def test_imports_take_turns(looked, module):
    """Nobody asks for a module while another imports it, or one that may need it."""
    with forking.importing(MODULE):
        waiting = Importer(module)
        assert looked.wait(LIMIT)
        assert not waiting.entered.is_set()
    waiting.join()


def test_a_module_that_is_being_imported_is_waited_for(looked, monkeypatch):
    """It is in `sys.modules` from its import's beginning, and not to be used yet."""
    with forking.importing(MODULE):
        monkeypatch.setitem(sys.modules, MODULE, sys)
        waiting = Importer(MODULE)
        assert looked.wait(LIMIT)
        assert not waiting.entered.is_set()
    waiting.join()


def test_an_import_inside_another_is_of_the_same_turn(looked):
    """It does not wait for itself, and does not end the turn."""
    with forking.importing(MODULE):
        with forking.importing(OTHER):
            pass
        waiting = Importer(OTHER)
        assert looked.wait(LIMIT)
        assert not waiting.entered.is_set()
    waiting.join()


def test_a_turn_ends_with_a_failed_import():
    """The next importer finds out by itself."""
    with pytest.raises(ImportError), forking.importing(MODULE):
        raise ImportError
    Importer(MODULE).join()


def test_nobody_waits_for_ever_for_a_turn(monkeypatch):
    """An import that hangs keeps the others for a while, and its turn is not ended."""
    monkeypatch.setattr(greenlets, "_PATIENCE", 0.0)
    turns = forking._state.turns
    with forking.importing(MODULE):
        Importer(OTHER).join()
        assert not turns.loaded("sys")
    assert turns.loaded("sys")

"""FileStore: a waiter can say which process holds the lock."""

import logging
import os
import time

import pytest

from oauth_auth import FileStore, MemoryStore, errors
from oauth_auth.identity import Identifier
from oauth_auth.stores import file_lock, once
from oauth_auth.stores.base import holder_of
from oauth_auth.testing.store_tools import ID, PATIENCE, holder
from tests.stores.children import child
from tests.stores.places import LOCK, place


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


@pytest.fixture
def held(store):
    """Have another process hold the lock; its pid."""
    with child(lambda pipe: hold(store, ID, pipe)) as process:
        assert process.line() == "held"
        yield process.pid


def hold(store, record_id, pipe):
    with store.lock(record_id, timeout=0):
        os.write(pipe, b"held\n")
        time.sleep(PATIENCE)


def test_the_holder_is_named_by_its_pid(store, held):
    """With the name of its program, but not its arguments, which may be secret. M87."""
    with open(f"/proc/{held}/comm") as file:  # noqa: PTH123  # a name by its number
        name = file.read().strip()
    attempt = store.lock(ID, timeout=0)
    assert attempt.holder() == holder_of(attempt) == f"process {held} ({name})"


def test_a_thread_of_this_process_is_said_to_be_one(store):
    """Looking for another process would be in vain."""
    with holder(store):
        attempt = store.lock(ID, timeout=0)
        assert attempt.holder() == "another thread of this process"


def test_nobody_is_named_where_nobody_is_known(store, tmp_path, monkeypatch):
    """Neither for a free lock, nor for one never made, nor on other systems."""
    attempt = store.lock(ID, timeout=0)
    assert attempt.holder() is None
    with attempt:
        pass
    assert attempt.holder() is None
    assert holder_of(attempt) == "another worker"
    assert holder_of(MemoryStore().lock(ID, timeout=0)) == "another worker"
    monkeypatch.setattr(file_lock, "_KERNEL_LOCKS", tmp_path / "absent")
    with holder(store):
        assert attempt.holder() is None


def test_who_waits_long_says_for_whom(store, held, monkeypatch, caplog):
    """After five seconds the log names the process; at the end the error does. M87."""
    assert file_lock.PATIENT_SECONDS == 5.0
    monkeypatch.setattr(file_lock, "PATIENT_SECONDS", 0.01)
    with (
        caplog.at_level(logging.WARNING, "oauth_auth"),
        pytest.raises(errors.StoreLocked) as caught,
    ):
        store.lock(ID, timeout=0.05).__enter__()
    (record,) = caplog.records
    assert f"waiting for {place(store, LOCK)}" in record.getMessage()
    for text in (record.getMessage(), str(caught.value)):
        assert f"process {held} (" in text


def test_who_gets_the_lock_in_time_says_nothing(store, caplog):
    """Not even if it waits as long as it likes for what is free."""
    with caplog.at_level(logging.DEBUG, "oauth_auth"):
        for timeout in (0, 60):
            with store.lock(ID, timeout=timeout):
                pass
    assert not caplog.records


def test_who_only_tries_does_not_ask_for_the_holder(store, held, monkeypatch):
    """Waiters that watch the record try many times a second."""
    monkeypatch.setattr(file_lock, "_KERNEL_LOCKS", None)  # any use of it would fail
    with pytest.raises(errors.StoreLocked) as caught:
        store.lock(ID, timeout=0).__enter__()
    assert str(place(store, LOCK)) in str(caught.value)


def test_who_waits_for_the_id_key_says_for_whom(store, monkeypatch, caplog):
    """A first use that hangs behind another process says so once. M87."""
    assert once.PATIENT_SECONDS == 5.0
    monkeypatch.setattr(once, "PATIENT_SECONDS", 0.01)
    monkeypatch.setattr(once, "_PATIENCE", 0.2)
    with child(lambda pipe: hold(store, "id-key", pipe)) as process:
        assert process.line() == "held"
        with pytest.raises(errors.StoreLocked) as caught:
            Identifier.of(store)
    (record,) = caplog.records
    for text in (record.getMessage(), str(caught.value)):
        assert f"process {process.pid} (" in text
        assert "id-key.lock" in text


class Found:
    """A file on device 8:17 (hexadecimal 11)."""

    st_dev = os.makedev(8, 17)
    st_ino = 4711


HELD_BY_12 = "2: FLOCK  ADVISORY  WRITE 12 08:11:4711 0 EOF\n"
WAITING = "2: -> FLOCK  ADVISORY  WRITE 13 08:11:4711 0 EOF\n"
ELSEWHERE_11 = "1: FLOCK  ADVISORY  WRITE 11 00:2a:4711 0 EOF\n"
ELSEWHERE_14 = "3: FLOCK  ADVISORY  WRITE 14 00:2b:4711 0 EOF\n"


@pytest.mark.parametrize(
    ("listed", "pid"),
    [
        (HELD_BY_12, 12),
        (HELD_BY_12 + WAITING, 12),
        (WAITING, None),
        (ELSEWHERE_11, 11),
        (ELSEWHERE_11 + HELD_BY_12, 12),
        (ELSEWHERE_11 + ELSEWHERE_14, None),
        (HELD_BY_12.replace("FLOCK", "POSIX"), None),
        (HELD_BY_12.replace("4711", "471"), None),
        (HELD_BY_12.replace(" 12 ", " -1 "), None),
        ("", None),
    ],
)
def test_the_kernels_list_is_read_for_one_file(listed, pid):
    """By device and number, or by number alone where filesystems hide the device.

    Two candidates are none: the wrong process must not be blamed.
    """
    assert file_lock._holding_pid(listed, Found) == pid

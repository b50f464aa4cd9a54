"""A login in a process that meets a limit of the system: file size, descriptors, modes.

The limits are real ones, each in a child process of its own.
"""

import errno
import os
import resource
import shutil
import tempfile

import pytest

from oauth_auth import errors
from tests.stores.children import NOBODY, in_child
from tests.stores.logins import Login, warnings_of

#: No renewal has so many files open at once.
DESCRIPTORS = 20


@pytest.mark.parametrize("machine", [False, True])
def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path, machine):
    """The space for the answer cannot be had, so nothing is spent.

    Python ignores the signal, SIGXFSZ, and gets EFBIG. M83.
    """

    def work():
        login = Login(tmp_path / "store", machine=machine)
        login.auth.token()
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256, most))
        if machine:
            said = warnings_of(login.auth.renew)
            assert len(said) == 1
            assert "ulimit -f" in said[0]
        else:
            login.refused(f"{os.strerror(errno.EFBIG)}; raise the limit")
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        login.goes_on()

    assert in_child(work) == ""


def leave_free(number):
    """Use up all descriptors of this process but so many; return those used up."""
    used = []
    try:
        while True:
            used.append(os.dup(0))
    except OSError as error:
        assert error.errno == errno.EMFILE  # noqa: PT017  # the loop ends so
    for _ in range(number):
        os.close(used.pop())
    return used


def test_a_process_without_descriptors_loses_no_login(tmp_path):
    """With none left, one, two, ...: refused before the token request, or served.

    What was served is saved when there are descriptors again. M83.
    """

    def work():
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
        login = Login(tmp_path / "store")
        said = []
        for free in range(DESCRIPTORS):
            login.auth = login.worker()
            login.auth.token()
            before = login.server.token_requests
            used = leave_free(free)
            try:
                outcome = renewed(login)
            finally:
                for descriptor in used:
                    os.close(descriptor)
            said.append(outcome)
            asked = login.server.token_requests - before
            assert asked == (outcome == "served"), f"{free} left: {outcome}, {asked}"
            assert login.auth.token() == login.stored()
            login.goes_on()
        return "\n".join(said)

    said = in_child(work).splitlines()
    assert len(said) == DESCRIPTORS, said
    refusals = [outcome for outcome in said if outcome != "served"]
    assert 0 < len(refusals) < DESCRIPTORS
    assert [text for text in refusals if "ulimit -n" in text] == refusals


def renewed(login):
    """Renew, and return "served" or the error's text."""
    try:
        token = login.auth.renew()
    except errors.StoreNotWritable as error:
        return str(error)
    return "served" if token == login.auth.token() else "served another"


@pytest.mark.parametrize("machine", [False, True])
def test_a_directory_that_may_not_be_written_is_read(tmp_path, machine):
    """A valid token in it goes on being used; a login is not renewed there. M14."""
    Login(tmp_path / "store").auth.token()  # loads modules that nobody may not read

    def work():
        login = Login(f"{home}/store", machine=machine)
        kept = login.auth.token()
        store = login.store.path
        directories = [path for path in (store, *store.iterdir()) if path.is_dir()]
        for directory in directories:
            directory.chmod(0o500)
        try:
            assert login.worker().token() == kept
            if machine:
                said = warnings_of(login.auth.renew)
                assert len(said) == 1
                assert "check owner and mode" in said[0]
            else:
                login.refused(f"{os.strerror(errno.EACCES)}; check owner and mode")
        finally:
            for directory in directories:
                directory.chmod(0o700)
        login.goes_on()

    home = tempfile.mkdtemp()
    try:
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        assert in_child(work, unprivileged=True) == ""
    finally:
        shutil.rmtree(home)

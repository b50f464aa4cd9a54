"""What is set in the environment before all tests, so that they do not take long."""

import os
from pathlib import Path

__all__ = ["prepare", "without_ours"]

_CERTIFICATES = "SSL_CERT_FILE"
#: Where what the user has set is kept for what really asks other machines.
_THEIRS = "OAUTH_AUTH_TESTS_SSL_CERT_FILE"
#: One authority, whose key nobody has.
_NOBODY = Path(__file__).with_name("authorities.pem")
_IN_MEMORY = Path("/dev/shm")
#: Bytes: several times what the tests' files need at any time.
_ROOM = 1 << 29


def prepare():
    """Change the environment; again, as in a process that inherits it, it stays."""
    # The tests start some hundred processes, each of which would compile the package.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # An HTTP client reads all authorities that the system knows, which takes it 20 ms;
    # tests with TLS have their own.
    if _THEIRS not in os.environ:
        os.environ[_THEIRS] = os.environ.get(_CERTIFICATES, "")
        os.environ[_CERTIFICATES] = str(_NOBODY)
    # Thousands of stores are made, each of which waits for its disk. `tests/stores` has
    # the tests that are about files, and a conftest that has them go to a disk.
    if _has_room(_IN_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))


def without_ours():
    """Return the environment for a program that asks servers on the Internet."""
    environment = dict(os.environ)
    theirs = environment.pop(_THEIRS, "")
    if theirs:
        environment[_CERTIFICATES] = theirs
    else:
        environment.pop(_CERTIFICATES, None)
    return environment


def _has_room(path):
    """Whether the tests' files fit there, and programs may be run from there."""
    if not (path.is_dir() and os.access(path, os.W_OK)):
        return False
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize >= _ROOM and not found.f_flag & os.ST_NOEXEC

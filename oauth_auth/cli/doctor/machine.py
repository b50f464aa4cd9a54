"""This machine: versions, the store and its filesystem, locks, keys, proxies."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oauth_auth.cli.doctor.check import Check, ok, problem, warning
from oauth_auth.cli.screen import clean
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.file import FileStore

__all__ = ["check_machine", "check_store"]

_LIBRARIES: Final = (
    "requests",
    "httpx",
    "httpx2",
    "oauthlib",
    "cryptography",
    "filelock",
    "joserfc",
    "keyring",
)
#: Filesystems of networks, whose locks depend on a server far away.
_NETWORK: Final = re.compile(r"nfs|cifs|smb|9p|fuse\.sshfs|afs|ceph|gluster|lustre")
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CA_FILES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
#: Up to the last "@": a password may be written with any character, without a scheme.
_USERINFO: Final = re.compile(r"(\w+://)?.*@")
#: A record takes a few kilobytes, and 64 KiB are reserved for an answer.
_SPACE: Final = 1 << 20
_CONTENDER_SECONDS: Final = 30.0

#: Another process that tries to take a lock once, and says whether it did.
_CONTENDER: Final = (
    "import sys, filelock\n"
    "lock = filelock.FileLock(sys.argv[1], fallback_to_soft=False)\n"
    "try: lock.acquire(timeout=0)\n"
    "except filelock.Timeout: print('held')\n"
    "else: lock.release(); print('free')\n"
)


def check_machine(store: FileStore) -> Iterator[Check]:
    """Check everything that no profile is needed for."""
    yield _versions()
    yield from check_store(store)
    yield from _environment()


def _versions() -> Check:
    found = [f"oauth_auth {metadata.version('oauth-auth')}"]
    found.append(f"Python {platform.python_version()}")
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return ok("versions", ", ".join(found))


def check_store(store: FileStore) -> Iterator[Check]:
    """Check a store's directory, filesystem, locks and keys."""
    path = store.path
    if not path.exists():
        yield ok("store", f"{path}; it is made by the first login")
        path = next(parent for parent in path.parents if parent.exists())
        if not os.access(path, os.W_OK | os.X_OK):
            yield problem(
                "store",
                f"{path} cannot be written",
                "point OAUTH_AUTH_HOME to a directory that can",
            )
            return
        yield _filesystem(path)
        return
    permissions = list(_permissions(store))
    yield from permissions
    yield _filesystem(path)
    if any(check.state == "problem" for check in permissions):
        return  # what follows would only say the same again
    yield _locks(path)
    yield _key(store)


def _permissions(store: FileStore) -> Iterator[Check]:
    from oauth_auth.stores import disk

    for directory in (store.path, store.path / "records", store.path / "claims"):
        if not directory.exists():
            continue
        try:
            disk.check_directory(directory)
        except errors.TokenStoreError as error:
            found, _, remedy = error.message.partition("; ")
            yield problem("store", found, remedy)
            return
    loose = [path for path in _files(store.path) if _is_loose(path)]
    if loose:
        yield warning(
            "store",
            f"{len(loose)} files could be read by others, such as {loose[0]}; they are "
            "encrypted, and made private when they are read",
            f"find out what loosened them, and run: chmod -R go= {store.path}",
        )
    elif not os.access(store.path, os.W_OK | os.X_OK):
        yield problem(
            "store",
            f"{store.path} cannot be written",
            f"run: chmod u+rwx {store.path}, or point OAUTH_AUTH_HOME elsewhere",
        )
    else:
        records = sum(1 for _ in store.records())
        yield ok("store", f"{store.path}, {records} records, private")


def _files(directory: Path) -> Iterator[Path]:
    for path in (directory, directory / "records", directory / "claims"):
        with contextlib.suppress(OSError):
            yield from (each for each in path.iterdir() if each.is_file())


def _is_loose(path: Path) -> bool:
    # Profiles hold no secret.
    if os.name == "nt" or path.suffix in {".toml", ".lock"}:
        return False
    with contextlib.suppress(OSError):
        return bool(path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    return False


def _filesystem(path: Path) -> Check:
    kind = _kind_of_filesystem(path)
    free = shutil.disk_usage(path).free
    found = f"{kind or 'of a kind not known'}, {free / (1 << 30):.1f} GiB free"
    if free < _SPACE:
        return problem("filesystem", found, "free some space: no token could be saved")
    if kind and _NETWORK.search(kind):
        return warning(
            "filesystem",
            f"{found}: on a network, where locks may fail without a word",
            "point OAUTH_AUTH_HOME to a local directory",
        )
    return ok("filesystem", found)


def _kind_of_filesystem(path: Path) -> str:
    """Return a filesystem's kind on Linux; empty elsewhere."""
    best, kind = "", ""
    with contextlib.suppress(OSError):
        target = str(path.resolve())
        for line in Path("/proc/mounts").read_text("utf-8", "replace").splitlines():
            _, mount, found, *_ = line.split()
            mount = mount.replace("\\040", " ")
            inside = target == mount or target.startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best):
                best, kind = mount, found
    return kind


def _locks(directory: Path) -> Check:
    """Have two processes contend for a lock: only one may get it at a time."""
    from oauth_auth.stores.file_lock import FileLock

    # Of its own, since two doctors at once would disturb each other.
    path = directory / f"doctor-{os.getpid()}.lock"
    remedy = "point OAUTH_AUTH_HOME to a local directory of another filesystem"
    try:
        with FileLock(path, 1.0):
            while_held = _contend(path)
        when_free = _contend(path)
    except errors.TokenStoreError as error:
        return problem("locks", error.message, remedy)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    if (while_held, when_free) == ("held", "free"):
        return ok("locks", "two processes cannot hold one lock here")
    if while_held == "free":
        return problem(
            "locks",
            "two processes held one lock at once, so both would spend a refresh token",
            remedy,
        )
    return warning(
        "locks",
        f"could not be tried with a second process ({clean(while_held)[:80]})",
        "run the doctor where programs may start others",
    )


def _contend(path: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter, our own code
            [sys.executable, "-c", _CONTENDER, str(path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_CONTENDER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout.strip() or done.stderr.strip()[-80:]


def _key(store: FileStore) -> Check:
    from oauth_auth.identity import Identifier
    from oauth_auth.stores.rotation import sealed_with_old

    chain = store.sealer.chain
    source = {
        "variable": "OAUTH_AUTH_KEY",
        "keyring": "the system's keyring",
        "file": str(store.path / "keys"),
    }.get(chain.source, chain.source)
    try:
        keys = chain.reload()
        Identifier.of(store)
        old = sealed_with_old(store)
    except errors.OAuthAuthError as error:
        found, _, remedy = error.message.rpartition("; ")
        return problem("key", found or remedy, remedy)
    found = f"from {source}, {len(keys)} of them, newest {keys[-1].id.hex()}"
    if old:
        return warning(
            "key",
            f"{found}; {len(old)} files are sealed with an older one",
            "run: oauth-auth keys rotate",
        )
    return ok("key", found if len(keys) > 1 else f"from {source}")


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1] or ''}***@"


def _environment() -> Iterator[Check]:
    proxies = [
        (name, os.environ[name])
        for upper in _PROXIES
        for name in (upper.lower(), upper)
        if os.environ.get(name)
    ]
    if proxies:
        text = ", ".join(
            f"{name}={_USERINFO.sub(_hidden, clean(value), count=1)}"
            for name, value in proxies
        )
        yield ok("proxy", text)
    else:
        yield ok("proxy", "no variables set")
    files: dict[str, list[str]] = {}
    for name in _CA_FILES:
        if os.environ.get(name):
            files.setdefault(os.environ[name], []).append(name)
    for value, names in files.items():
        found = f"{clean(value)} ({', '.join(names)})"
        if Path(value).exists():
            yield ok("certificates", found)
        else:
            yield problem(
                "certificates",
                f"{found} does not exist",
                f"correct it, or: unset {' '.join(names)}",
            )

"""A process that attaches one token and says how long that took; for `start`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import requests

from benchmarks.candidate import RequestsCandidate
from benchmarks.candidates import find
from benchmarks.login import API, Login, Place

__all__ = ["main"]


def main() -> None:
    """Print the CPU seconds."""
    # What our own harness imports must not count for anybody, nor be missing.
    request = requests.Request("GET", API).prepare()
    if sys.argv[1] == "--floor":
        print(_floor(request))
        return
    candidate = find(sys.argv[1])
    assert isinstance(candidate, RequestsCandidate)
    place = Place.find(Path(sys.argv[2]))
    start = time.process_time()
    candidate.attach(place)(request)
    taken = time.process_time() - start
    if "Authorization" not in request.headers and candidate.name != "requests-oauthlib":
        raise SystemExit("no header came")
    print(taken)


def _floor(request: requests.PreparedRequest) -> float:
    """Open a file sealed with AES-GCM, and nothing else; what nobody can do without."""
    import os

    login = Login.made_up()
    with tempfile.TemporaryDirectory() as directory:
        path, key, nonce = Path(directory, "sealed"), os.urandom(32), os.urandom(12)
        pid = os.fork()
        if not pid:
            _seal(path, key, nonce, login)
            os._exit(0)
        os.waitpid(pid, 0)
        start = time.process_time()
        import json

        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        opened = json.loads(AESGCM(key).decrypt(nonce, path.read_bytes(), None))
        request.headers["Authorization"] = f"Bearer {opened['access_token']}"
        return time.process_time() - start


def _seal(path: Path, key: bytes, nonce: bytes, login: Login) -> None:
    import json

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    path.write_bytes(AESGCM(key).encrypt(nonce, json.dumps(login.token).encode(), None))


if __name__ == "__main__":
    main()

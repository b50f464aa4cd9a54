"""Which bodies are sent again after a 401, and which never are."""

import hashlib
import io
import json
import os
from urllib.parse import parse_qs

import pytest

from tests.http_clients.api import unauthorized

CONTENT = b"".join(b"line %d of a body\n" % n for n in range(5000))


class Unseekable(io.RawIOBase):
    """A file that is read once, as from a socket."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(buffer)


class Counting:
    """A body that says how far it was read but cannot go back, as urllib3's does."""

    def __init__(self, content):
        self._file = io.BytesIO(content)
        self.tell = self._file.tell
        self.read = self._file.read

    def __iter__(self):
        return iter(self._file)

    def seekable(self):
        return False

    def seek(self, *_args):
        raise io.UnsupportedOperation("seek")


class Lost(Counting):
    """A body that can go anywhere but does not know where it is."""

    def __init__(self, content):
        super().__init__(content)
        self.seek = self._file.seek
        self.tell = self._unknown

    def _unknown(self):
        raise OSError("no position")

    def seekable(self):
        return True


class BodyTests:
    """Every client sends a body again as it was, or not at all."""

    @pytest.mark.parametrize("form", ["bytes", "str", "form", "json", "multipart"])
    def test_a_body_in_memory_is_sent_again(self, driver, server, login, api, form):
        """Both requests have the same, complete body. M55."""
        text = CONTENT.decode()
        options = {
            "bytes": {"content": CONTENT},
            "str": {"content": text},
            "form": {"data": {"text": text, "n": "1"}},
            "json": {"json": {"text": text}},
            "multipart": {"files": {"file": ("name", CONTENT)}, "data": {"n": "1"}},
        }[form]
        api.script = [unauthorized()]
        response = driver.post(login(), api.url, **options)
        first, second = (request.body for request in api.seen)
        assert first == second
        if form in ("bytes", "str"):
            assert second == CONTENT
        elif form == "form":
            assert parse_qs(second.decode()) == {"text": [text], "n": ["1"]}
        elif form == "json":
            assert json.loads(second) == {"text": text}
        else:
            assert second.count(CONTENT) == 1
            assert second.endswith(b"--\r\n")
        _arrived(response, second)
        assert server.counts().token_requests == 1

    def test_a_multipart_file_is_sent_again(self, driver, login, api, tmp_path):
        """A file in a form is complete both times. M55."""
        path = tmp_path / "upload"
        path.write_bytes(CONTENT)
        api.script = [unauthorized()]
        with path.open("rb") as file:
            response = driver.post(login(), api.url, files={"file": file})
        first, second = (request.body for request in api.seen)
        assert first == second
        assert second.count(CONTENT) == 1
        _arrived(response, second)

    def test_a_multipart_part_that_is_read_once(self, driver, server, login, api):
        """requests keeps such a form in memory; httpx would send an empty part. M55."""
        auth = login()
        old = auth.access_token()
        api.script = [unauthorized()]
        response = driver.post(
            auth, api.url, files={"file": ("name", Unseekable(CONTENT))}
        )
        assert api.seen[0].body.count(CONTENT) == 1
        if driver.module.__name__ == "requests":
            assert [request.body for request in api.seen] == [api.seen[0].body] * 2
            _arrived(response, api.seen[0].body)
        else:
            _not_repeated(driver, server, auth, api, old, response)


class SyncBodyTests:
    """Bodies that only sync clients take."""

    @pytest.mark.parametrize("offset", [0, 17])
    @pytest.mark.parametrize("on_disk", [True, False])
    def test_a_file_is_rewound_to_where_it_was(
        self, driver, server, login, api, tmp_path, offset, on_disk
    ):
        """A file that was read in part before is sent from there both times.

        M55, M56.
        """
        path = tmp_path / "upload"
        path.write_bytes(CONTENT)
        rest = CONTENT[offset:]
        api.script = [unauthorized()]
        with path.open("rb") if on_disk else io.BytesIO(CONTENT) as file:
            file.seek(offset)
            # httpx takes the whole file's length otherwise.
            headers = {"Content-Length": str(len(rest))}
            response = driver.post(login(), api.url, content=file, headers=headers)
        assert [request.body for request in api.seen] == [rest, rest]
        _arrived(response, rest)
        assert server.counts().token_requests == 1

    @pytest.mark.parametrize(
        "form", ["generator", "iterator", "file", "pipe", "counting", "lost"]
    )
    def test_what_is_read_once_is_not_sent_again(
        self, driver, server, login, api, form
    ):
        """The caller gets the 401, and the next request a new token. M55-M57."""
        body = CONTENT[:4000]
        content, ending = _read_once(form, body)
        auth = login()
        old = auth.access_token()
        api.script = [unauthorized()]
        try:
            headers = {}
            if form != "generator" and driver.module.__name__ != "requests":
                # They would take a pipe's length to be 0.
                headers["Content-Length"] = str(len(body))
            response = driver.post(auth, api.url, content=content, headers=headers)
        finally:
            ending()
        _not_repeated(driver, server, auth, api, old, response)
        assert api.seen[0].body == body


class AsyncBodyTests:
    """Bodies that only async clients take."""

    @pytest.mark.parametrize("form", ["generator", "iterator"])
    def test_an_async_body_is_not_sent_again(self, driver, server, login, api, form):
        """An async generator or iterator is read once; the caller gets the 401. M55."""

        async def generate():
            yield CONTENT[:1000]
            yield CONTENT[1000:]

        class Iterator:
            def __init__(self):
                self.parts = [CONTENT[:1000], CONTENT[1000:]]

            def __aiter__(self):
                return self

            async def __anext__(self):
                if not self.parts:
                    raise StopAsyncIteration
                return self.parts.pop(0)

        auth = login()
        old = auth.access_token()
        api.script = [unauthorized()]
        content = generate() if form == "generator" else Iterator()
        response = driver.post(auth, api.url, content=content)
        assert api.seen[0].body == CONTENT
        _not_repeated(driver, server, auth, api, old, response)

    def test_an_async_file_is_not_sent_again(
        self, driver, server, login, api, tmp_path
    ):
        """A file whose methods are async cannot be rewound by us. M55."""
        # Few lines: each takes a hop to another thread.
        body = CONTENT[:100]
        path = tmp_path / "upload"
        path.write_bytes(body)
        auth = login()
        old = auth.access_token()
        api.script = [unauthorized()]

        async def main():
            import anyio

            async with (
                await anyio.open_file(path, "rb") as file,
                driver.client(auth) as client,
            ):
                return await client.post(api.url, content=file)

        response = driver.run(main)
        assert api.seen[0].body == body
        _not_repeated(driver, server, auth, api, old, response)


_FILES = {"file": Unseekable, "counting": Counting, "lost": Lost}


def _read_once(form, body):
    """Return a body that can be read once, and what ends it."""
    parts = [body[:1000], body[1000:]]
    if form == "generator":
        return (part for part in parts), lambda: None
    if form == "iterator":
        return iter(parts), lambda: None
    if form in _FILES:
        return _FILES[form](body), lambda: None
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as end:
        end.write(body)
    file = os.fdopen(reading, "rb")
    return file, file.close


def _arrived(response, body):
    assert response.status_code == 200
    assert response.json() == {
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


def _not_repeated(driver, server, auth, api, old, response):
    assert response.status_code == 401
    assert len(api.seen) == 1
    assert server.counts().token_requests == 1
    assert driver.get(auth, api.url).status_code == 200
    assert api.authorizations == [f"Bearer {old}", f"Bearer {auth.access_token()}"]
    assert auth.access_token() != old
    assert server.counts().token_requests == 1

"""The HTTP clients behind one interface, so that one suite tests them all."""

import asyncio
import concurrent.futures
import functools
import ssl

import httpx
import httpx2
import requests
import trio

from oauth_auth.errors import OAuthAuthError

#: Longer than anything takes; waiting so long means that the test fails.
FOREVER = 20.0


class Driver:
    """One way to send a request with one HTTP library.

    Options of `send` are those of httpx, with `follow` for redirects, `ca` for the
    path of a CA file, `hook` for a function that gets responses, and `tamper` for one
    that gets requests when they have been signed.
    """

    name = ""
    #: requests, httpx or httpx2.
    module = None
    is_async = False

    def __repr__(self):
        return self.name

    def send(self, auth, method, url, **options):
        """Send one request through a client of its own, and return the response."""
        raise NotImplementedError

    def get(self, auth, url, **options):
        return self.send(auth, "GET", url, **options)

    def post(self, auth, url, **options):
        return self.send(auth, "POST", url, **options)

    def series(self, auth, url, count):
        """Send so many requests one after the other; return the responses."""
        return [self.get(auth, url) for _ in range(count)]

    def crowd(self, auth, url, count):
        """Send so many requests at once through one client.

        Returns:
            What came of each: a status or an exception.
        """
        raise NotImplementedError

    def read_slowly(self, auth, url, on_part):
        """Read a stream, calling a function with each line; return the lines."""
        raise NotImplementedError

    @property
    def connection_error(self):
        name = "ConnectionError" if self.module is requests else "ConnectError"
        return getattr(self.module, name)


class RequestsCall(Driver):
    """``requests.get(url, auth=auth)``."""

    name = "requests.request"
    module = requests

    @staticmethod
    def _translated(options):
        changed = {"content": "data", "ca": "verify", "follow": "allow_redirects"}
        options = {changed.get(name, name): options[name] for name in options}
        options.setdefault("allow_redirects", False)
        options.setdefault("timeout", FOREVER)
        if "hook" in options:
            options["hooks"] = {"response": options.pop("hook")}
        return options

    def send(self, auth, method, url, **options):
        if "tamper" in options:
            return _tampering(auth, method, url, self._translated(options))
        return requests.request(method, url, auth=auth, **self._translated(options))

    def crowd(self, auth, url, count):
        return _in_threads(lambda: self.get(auth, url).status_code, count)

    def read_slowly(self, auth, url, on_part):
        lines = []
        with self.get(auth, url, stream=True) as response:
            for line in response.iter_lines(chunk_size=1):
                lines.append(line.decode())
                on_part(lines[-1])
        return lines


class RequestsSession(RequestsCall):
    """``session.auth = auth``."""

    name = "requests.Session"

    def send(self, auth, method, url, **options):
        if "tamper" in options:
            return _tampering(auth, method, url, self._translated(options))
        with requests.Session() as session:
            session.auth = auth
            return session.request(method, url, **self._translated(options))

    def crowd(self, auth, url, count):
        with requests.Session() as session:
            session.auth = auth
            return _in_threads(
                lambda: session.get(url, timeout=FOREVER).status_code, count
            )


class _HttpxFamily(Driver):
    def _settings(self, options):
        """Take the options that belong to the client, not to the request."""
        ca = options.pop("ca", None)
        hooks = {"request": options.pop("tamper", None)}
        hooks["response"] = options.pop("hook", None)
        return {
            "verify": ssl.create_default_context(cafile=ca) if ca else False,
            "timeout": FOREVER,
            "cookies": options.pop("cookies", None),
            "follow_redirects": options.pop("follow", False),
            "event_hooks": {
                event: [self._hooked(hook)] for event, hook in hooks.items() if hook
            },
        }

    def _hooked(self, hook):
        return hook


class HttpxClient(_HttpxFamily):
    """``httpx.Client(auth=auth)``."""

    name = "httpx.Client"
    module = httpx

    def send(self, auth, method, url, **options):
        with self.module.Client(auth=auth, **self._settings(options)) as client:
            return client.request(method, url, **options)

    def series(self, auth, url, count):
        with self.module.Client(auth=auth, **self._settings({})) as client:
            return [client.get(url) for _ in range(count)]

    def crowd(self, auth, url, count):
        with self.module.Client(auth=auth, **self._settings({})) as client:
            return _in_threads(lambda: client.get(url).status_code, count)

    def read_slowly(self, auth, url, on_part):
        lines = []
        with (
            self.module.Client(auth=auth, **self._settings({})) as client,
            client.stream("GET", url) as response,
        ):
            for line in response.iter_lines():
                lines.append(line)
                on_part(line)
        return lines


class HttpxCall(HttpxClient):
    """``httpx.get(url, auth=auth)``."""

    name = "httpx.request"

    def send(self, auth, method, url, **options):
        if "hook" in options or "tamper" in options:
            return super().send(auth, method, url, **options)
        settings = self._settings(options)
        settings.pop("event_hooks")
        return self.module.request(method, url, auth=auth, **settings, **options)


class HttpxAsyncio(_HttpxFamily):
    """``httpx.AsyncClient(auth=auth)`` on asyncio."""

    name = "httpx.AsyncClient-asyncio"
    module = httpx
    is_async = True

    def run(self, function, *args):
        """Run an async function in an event loop of its own."""
        return asyncio.run(function(*args))

    async def together(self, function, count):
        return await asyncio.gather(*(function() for _ in range(count)))

    def client(self, auth, **options):
        return self.module.AsyncClient(auth=auth, **self._settings(options))

    def _hooked(self, hook):
        async def call(response):
            hook(response)

        return call

    def send(self, auth, method, url, **options):
        async def main():
            async with self.client(auth, **_client_options(options)) as client:
                return await client.request(method, url, **options)

        return self.run(main)

    def series(self, auth, url, count):
        async def main():
            async with self.client(auth) as client:
                return [await client.get(url) for _ in range(count)]

        return self.run(main)

    def crowd(self, auth, url, count):
        async def main():
            async with self.client(auth) as client:

                async def one():
                    try:
                        return (await client.get(url)).status_code
                    except OAuthAuthError as error:
                        return error

                return await self.together(one, count)

        return self.run(main)

    def read_slowly(self, auth, url, on_part):
        async def main():
            lines = []
            async with (
                self.client(auth) as client,
                client.stream("GET", url) as response,
            ):
                async for line in response.aiter_lines():
                    lines.append(line)
                    # What a test does there is not async.
                    await self._in_thread(functools.partial(on_part, line))
            return lines

        return self.run(main)

    async def _in_thread(self, function):
        await asyncio.to_thread(function)


class HttpxTrio(HttpxAsyncio):
    """``httpx.AsyncClient(auth=auth)`` on trio."""

    name = "httpx.AsyncClient-trio"

    def run(self, function, *args):
        return trio.run(function, *args)

    async def together(self, function, count):
        results = []

        async def one():
            results.append(await function())

        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(one)
        return results

    async def _in_thread(self, function):
        await trio.to_thread.run_sync(function)


class Httpx2Client(HttpxClient):
    """``httpx2.Client(auth=auth)``."""

    name = "httpx2.Client"
    module = httpx2


class Httpx2Call(HttpxCall):
    """``httpx2.get(url, auth=auth)``."""

    name = "httpx2.request"
    module = httpx2


class Httpx2Asyncio(HttpxAsyncio):
    """``httpx2.AsyncClient(auth=auth)`` on asyncio."""

    name = "httpx2.AsyncClient-asyncio"
    module = httpx2


class Httpx2Trio(HttpxTrio):
    """``httpx2.AsyncClient(auth=auth)`` on trio."""

    name = "httpx2.AsyncClient-trio"
    module = httpx2


def _client_options(options):
    return {
        name: options.pop(name)
        for name in ("ca", "hook", "tamper", "cookies", "follow")
        if name in options
    }


def _tampering(auth, method, url, options):
    tamper = options.pop("tamper")

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request, **kwargs):
            tamper(request)
            return super().send(request, **kwargs)

    with requests.Session() as session:
        session.mount("http://", Adapter())
        return session.request(method, url, auth=auth, **options)


def _in_threads(function, count):
    def one():
        try:
            return function()
        except OAuthAuthError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(one) for _ in range(count)]
        return [future.result(FOREVER) for future in futures]

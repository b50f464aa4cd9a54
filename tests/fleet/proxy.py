"""A wire between a worker and the server that keeps its records, which can be cut."""

import asyncio
import contextlib
import selectors
import socket
import threading


async def goes_round_meanwhile(asking, wire):
    """Ask while nothing is answered; return the answer once the wire is mended.

    Args:
        asking: A coroutine that needs the records' server.
        wire: Silent.
    """
    task = asyncio.create_task(asking)
    for _ in range(20):
        await asyncio.sleep(0.005)
        assert not task.done()
    wire.mend()
    return await task


class Wire:
    """Passes bytes on, in both directions, until it is cut.

    Args:
        port: Where the server listens, on the loopback.
    """

    def __init__(self, port):
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._guard = threading.Lock()
        self._pairs = []
        self.up = True
        #: Whether what is sent is swallowed, as where a cable is pulled.
        self.silent = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """End all connections, and refuse further ones."""
        self.up = False
        self._end()

    def mend(self):
        """Take connections again; those that were silent are ended."""
        self._end()
        self.up, self.silent = True, False

    def _end(self):
        with self._guard:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self.up:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._upstream), 5)
            except OSError:
                near.close()
                continue
            with self._guard:
                self._pairs.append((near, far))
            threading.Thread(target=self._pass_on, args=(near, far)).start()

    def _pass_on(self, near, far):
        with near, far, selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            swallowed = False
            while True:
                ready = selector.select(0.05 if swallowed else None)
                if swallowed and not self.silent:
                    return  # what was lost is never sent again
                for key, _ in ready:
                    try:
                        data = key.fileobj.recv(65536)
                        if not data:
                            return
                        if self.silent:
                            swallowed = True
                        else:
                            key.data.sendall(data)
                    except OSError:
                        return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.up = False
        self._listener.close()
        self._end()

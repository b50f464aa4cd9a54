"""The generators that httpx and httpx2 drive: nothing is held while they wait."""

import ast
import asyncio
import gc
import threading
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import trio

import oauth_auth
from tests.fake_server import FakeServer
from tests.http_clients.drivers import FOREVER
from tests.http_clients.local import MODULES, URL, LocalApi, person

PACKAGE = Path(oauth_auth.__file__).parent


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture(params=["httpx", "httpx2"])
def module(request):
    return MODULES[request.param]


@pytest.fixture(params=["asyncio", "trio"])
def backend(request):
    return request.param


async def next_request(module, auth):
    """Send a request, which must not have to wait for a flow that is over."""
    with anyio.fail_after(FOREVER):
        async with LocalApi(module).async_client(auth) as client:
            return (await client.get(URL)).status_code


class TestFlowsThatAreLeft:
    """A client may drop or close a flow at its yield, from anywhere."""

    def test_a_sync_flow_that_is_closed(self, module, server):
        """After close() the next request works. M64."""
        auth = person(server)
        flow = auth.sync_auth_flow(module.Request("GET", URL))
        next(flow)
        flow.close()
        with LocalApi(module).client(auth) as client:
            assert client.get(URL).status_code == 200
        assert server.token_requests == 1

    def test_a_sync_flow_that_is_closed_by_another_thread(self, module, server):
        """A flow belongs to no thread. M64."""
        auth = person(server)
        flow = auth.sync_auth_flow(module.Request("GET", URL))
        next(flow)
        thread = threading.Thread(target=flow.close)
        thread.start()
        thread.join(FOREVER)
        with LocalApi(module).client(auth) as client:
            assert client.get(URL).status_code == 200

    @pytest.mark.parametrize("after_a_401", [False, True])
    def test_an_async_flow_that_another_task_closes(
        self, module, backend, server, after_a_401
    ):
        """aclose() from another task leaves nothing behind. M64."""
        auth = person(server)

        async def main():
            flow = auth.async_auth_flow(module.Request("GET", URL))
            request = await flow.__anext__()
            if after_a_401:
                await flow.asend(module.Response(401, request=request))
            async with anyio.create_task_group() as group:
                group.start_soon(flow.aclose)
            return await next_request(module, auth)

        assert anyio.run(main, backend=backend) == 200
        assert server.token_requests == 1 + after_a_401

    def test_a_dropped_async_flow_is_finalised_by_the_loop(
        self, module, backend, server
    ):
        """The loop ends a forgotten flow in a task of its own, and that is well.

        M64.
        """
        auth = person(server)

        async def main():
            flow = auth.async_auth_flow(module.Request("GET", URL))
            await flow.__anext__()
            del flow
            gc.collect()
            await anyio.lowlevel.checkpoint()
            return await next_request(module, auth)

        # That is what trio says, on purpose, of every generator it has to end.
        if backend == "trio":
            with pytest.warns(ResourceWarning, match="async_auth_flow"):
                assert anyio.run(main, backend=backend) == 200
        else:
            assert anyio.run(main, backend=backend) == 200

    @pytest.mark.parametrize("error", [asyncio.CancelledError, trio.EndOfChannel])
    def test_an_error_thrown_into_a_flow_passes(self, module, server, error):
        """A flow swallows nothing, and holds nothing afterwards. M64."""
        auth = person(server)

        async def main():
            flow = auth.async_auth_flow(module.Request("GET", URL))
            await flow.__anext__()
            with pytest.raises(error):
                await flow.athrow(error())
            return await next_request(module, auth)

        assert anyio.run(main) == 200


def test_no_lock_encloses_a_yield():
    """No generator of the package yields inside a with-statement on a lock. M64."""
    # Kept no longer than this test: so large a tree makes each search for garbage slow.
    trees = {path: ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
    generators, locks = 0, _names_of_locks(trees.values())
    assert {"guard", "_guard", "_adopting"} <= locks
    for path, tree in trees.items():
        for function in ast.walk(tree):
            if isinstance(
                function, ast.FunctionDef | ast.AsyncFunctionDef
            ) and not _manages_a_context(function):
                generators += _check(function, path, locks)
    assert generators > 4


def _manages_a_context(function):
    """Whether it yields to the body of a with-statement, as a lock itself does."""
    return "contextlib.contextmanager" in map(ast.unparse, function.decorator_list)


def _check(function, path, locks):
    yields = [node for node in _own_nodes(function) if isinstance(node, YIELDS)]
    for node in _own_nodes(function):
        if not isinstance(node, ast.With | ast.AsyncWith):
            continue
        inside = [n for n in ast.walk(node) if n in yields]
        for item in node.items:
            names = {
                getattr(n, "attr", None) or getattr(n, "id", "")
                for n in ast.walk(item.context_expr)
            }
            locking = [n for n in names if n in locks or "lock" in n.lower()]
            assert not (inside and locking), f"{path}:{node.lineno} {locking}"
    return bool(yields)


YIELDS = (ast.Yield, ast.YieldFrom)


def _own_nodes(function):
    """Walk through a function, but not through those defined inside it."""
    stack = list(function.body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            stack += ast.iter_child_nodes(node)


def _names_of_locks(trees):
    """Return the names that the package gives to locks and the like."""
    kinds = {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"}
    kinds.add("brief_lock")  # ours
    names = set()
    for tree in trees:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            called = getattr(node.value, "func", None)
            if getattr(called, "attr", getattr(called, "id", None)) in kinds:
                targets = getattr(node, "targets", None) or [node.target]
                names |= {getattr(t, "attr", getattr(t, "id", "")) for t in targets}
    return names - {""}


def test_a_warm_request_needs_no_thread(module, backend, server, monkeypatch):
    """With a good token in memory an async request stays in its loop. M74, law 8."""
    auth = person(server)
    auth.access_token()

    def refuse(*args, **kwargs):
        raise AssertionError

    async def main():
        async with LocalApi(module).async_client(auth) as client:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", refuse)
                patch.setattr(anyio.to_thread, "run_sync", refuse)
                patch.setattr(auth._resolved().store, "read", refuse)
                return (await client.get(URL)).status_code

    assert anyio.run(main, backend=backend) == 200


class TestWhatIsYielded:
    def test_a_token_request_is_never_yielded(self, module, server):
        """Only the caller's own request goes through the client and its hooks."""
        auth = person(server)
        request = module.Request("GET", URL)
        flow = auth.sync_auth_flow(request)
        assert next(flow) is request
        assert flow.send(module.Response(401, request=request)) is request
        with pytest.raises(StopIteration):
            flow.send(module.Response(401, request=request))
        assert server.token_requests == 2

    def test_a_401_of_an_upgraded_origin_is_left_alone(self, module, server):
        """httpx takes the header along from http to https; a 401 there is not ours.

        M59.
        """
        auth = person(server, allowed_origins=["http://api.test"])
        seen = []

        def answer(request):
            seen.append((request.url.scheme, "Authorization" in request.headers))
            if request.url.scheme == "http":
                return module.Response(302, headers={"Location": URL})
            return module.Response(401)

        transport = module.MockTransport(answer)
        with module.Client(
            auth=auth, transport=transport, follow_redirects=True
        ) as client:
            assert client.get("http://api.test/").status_code == 401
        assert seen == [("http", True), ("https", True)]
        assert server.token_requests == 1

    def test_bodies_are_not_read_for_the_flow(self, module, server):
        """A stream stays a stream, in both directions."""
        auth = person(server)
        assert not auth.requires_request_body
        assert not auth.requires_response_body

        def generate():
            raise AssertionError
            yield b""

        request = module.Request("POST", URL, content=generate())
        flow = auth.sync_auth_flow(request)
        next(flow)
        with pytest.raises(StopIteration):
            flow.send(module.Response(401, request=request))
        assert server.token_requests == 2

"""What `docs/recipes.md` says, with the real SDKs against APIs on loopback."""

import re
import threading
from pathlib import Path

import anyio
import pytest

from oauth_auth import errors
from oauth_auth.testing import TestingServer
from tests.recipes.api import Api, is_good

TEXT = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text("utf-8")
ANSWERS = {
    "/v1/models": {
        "object": "list",
        "data": [{"id": "m-1", "object": "model", "created": 1, "owned_by": "us"}],
    },
    "/v1/messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
}


def recipe(title, number=0):
    """Return the code of a recipe."""
    section = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[
        number
    ]


@pytest.fixture(scope="module")
def server():
    """The server of the profile that all recipes use."""
    with TestingServer() as running:
        yield running


@pytest.fixture(scope="module")
def api(server):
    """The API."""
    with Api(server, ANSWERS) as running:
        yield running


@pytest.fixture(autouse=True)
def home(server, tmp_path, monkeypatch):
    """A profile called gateway, which is a machine's."""
    monkeypatch.setenv("OAUTH_AUTH_HOME", str(tmp_path))
    monkeypatch.setenv("GATEWAY_SECRET", server.client_secret)
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "profiles.toml"
    file.write_text(
        f'[gateway]\ngrant = "client_credentials"\nissuer = "{server.issuer}"\n'
        f'client_id = "{server.client_id}"\n'
        'client_secret = { env = "GATEWAY_SECRET" }\n'
    )
    file.chmod(0o600)
    server.reset()
    return tmp_path


def run(title, number=0, url="https://gateway.example.com"):
    """Run a recipe with the stand-in in the API's place; return its names."""
    code = recipe(title, number).replace("https://gateway.example.com", url)
    names = {}
    exec(compile(code, f"recipes.md: {title}", "exec"), names)
    return names


@pytest.fixture
def quiet(monkeypatch):
    """Keep what SDKs log at level DEBUG from the watch; it is theirs to tell."""
    import logging

    def silence(name):
        monkeypatch.setattr(logging.getLogger(name), "_log", lambda *a, **k: None)

    return silence


def statuses(api, work):
    """Return how the API answered meanwhile."""
    api.statuses.clear()
    work()
    return list(api.statuses)


def test_every_recipe_is_run_here():
    """Nothing in the document goes untested."""
    mine = Path(__file__).read_text("utf-8")
    titles = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    for title in titles[:-1]:
        assert f'run("{title}"' in mine, title
    assert titles[-1] == "Anything else"


class TestOpenAI:
    """Both ways, and what a 401 does in each."""

    def test_as_client(self, server, api):
        """A 401 is answered by a renewal that the SDK does not see."""
        client = run("OpenAI", url=api.url)["client"]
        assert [model.id for model in client.models.list()] == ["m-1"]
        server.revoke_access_tokens()
        assert statuses(api, lambda: list(client.models.list())) == [401, 200]
        client.close()

    def test_as_function(self, server, api, quiet):
        """Sync and async, asked before each request."""
        quiet("openai._base_client")
        names = run("OpenAI", 1, url=api.url)
        assert [model.id for model in names["client"].models.list()] == ["m-1"]

        async def main():
            async with names["aclient"] as client:
                return [model.id async for model in client.models.list()]

        assert anyio.run(main) == ["m-1"]
        assert server.counts().token_requests == 1
        names["auth"].renew()
        assert statuses(api, names["client"].models.list) == [200]
        names["client"].close()

    def test_who_has_to_log_in(self, api, home):
        """The call before the first request tells it plainly."""
        file = home / "profiles.toml"
        text = file.read_text().replace("client_credentials", "authorization_code")
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(errors.LoginRequired, match="oauth-auth login gateway"):
            run("OpenAI", url=api.url)


class TestAnthropic:
    """Both ways."""

    def ask(self, client):
        said = client.messages.create(
            model="m-1",
            max_tokens=5,
            messages=[{"role": "user", "content": "hi"}],
        )
        return said.content[0].text

    def test_as_client(self, server, api):
        """A 401 is answered by a renewal that the SDK does not see."""
        client = run("Anthropic", url=api.url)["client"]
        assert self.ask(client) == "hello"
        server.revoke_access_tokens()
        assert statuses(api, lambda: self.ask(client)) == [401, 200]
        client.close()

    def test_as_provider(self, server, api, quiet):
        """Asked before each request, and again after a 401."""
        quiet("anthropic._base_client")
        client = run("Anthropic", 1, url=api.url)["client"]
        assert self.ask(client) == "hello"
        server.revoke_access_tokens()
        assert statuses(api, lambda: self.ask(client)) == [401, 200]
        client.close()


def test_the_model_context_protocol(server, monkeypatch):
    """A session through an httpx2 client, with a 401 in the middle."""
    import httpx2
    from mcp.server.mcpserver import MCPServer

    tools = MCPServer("stand-in")

    @tools.tool()
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    app = tools.streamable_http_app(json_response=True, stateless_http=True)
    seen = []

    async def guarded(scope, receive, send):
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"").decode()
        good = await anyio.to_thread.run_sync(is_good, server, authorization)
        seen.append(good)
        if good:
            await app(scope, receive, send)
            return
        challenge = [(b"www-authenticate", b'Bearer error="invalid_token"')]
        await send({"type": "http.response.start", "status": 401, "headers": challenge})
        await send({"type": "http.response.body", "body": b""})

    real = httpx2.AsyncClient
    monkeypatch.setattr(
        httpx2,
        "AsyncClient",
        lambda **more: real(transport=httpx2.ASGITransport(app=guarded), **more),
    )
    names = run("Model Context Protocol", url="http://127.0.0.1:8000")

    async def main():
        async with tools.session_manager.run():
            found = [await names["tools"]()]
            await anyio.to_thread.run_sync(server.revoke_access_tokens)
            return [*found, await names["tools"]()]

    assert anyio.run(main) == [["add"], ["add"]]
    assert seen.count(False) >= 1
    assert server.counts().token_requests == 2


def test_azure(server, api):
    """A pipeline of azure.core takes the credential."""
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy
    from azure.core.rest import HttpRequest

    credential = run("Azure")["credential"]
    policy = BearerTokenCredentialPolicy(credential, "ignored/.default")
    with PipelineClient(api.url, policies=[policy]) as client:
        request = HttpRequest("GET", f"{api.url}/v1/models")
        answer = client.send_request(request, enforce_https=False)
        assert answer.status_code == 200
    first = credential.get_token("any")
    assert first.expires_on > 1_000_000_000
    assert credential.get_token("any", claims="{}").token != first.token
    assert server.counts().token_requests == 2


def test_grpc(server, tmp_path):
    """A call brings the token, and a failure to have one fails the call."""
    import concurrent.futures

    import grpc

    def handle(request, context):
        metadata = dict(context.invocation_metadata())
        if not is_good(server, metadata.get("authorization")):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")
        return b"pong"

    handlers = {"Ping": grpc.unary_unary_rpc_method_handler(handle)}
    local = grpc.LocalConnectionType.UDS
    listening = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    listening.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("test.Pinger", handlers)]
    )
    address = f"unix:{tmp_path}/s"
    listening.add_secure_port(address, grpc.local_server_credentials(local))
    listening.start()
    try:
        names = run("gRPC")
        credentials = grpc.composite_channel_credentials(
            grpc.local_channel_credentials(local), names["calls"]
        )
        with grpc.secure_channel(address, credentials) as channel:
            ping = channel.unary_unary("/test.Pinger/Ping")
            assert ping(b"", timeout=20) == b"pong"
        assert names["credentials"]
    finally:
        listening.stop(None).wait()
    said = []

    class Broken:
        def access_token(self):
            raise errors.LoginRequired("log in")

    names["Bearer"](Broken())(
        None, lambda metadata, error: said.append((metadata, error))
    )
    assert said[0][0] == ()
    assert isinstance(said[0][1], errors.LoginRequired)


def test_websockets(server, quiet):
    """The handshake brings a token that is fresh then."""
    from websockets.exceptions import InvalidStatus
    from websockets.sync.server import serve

    for name in ("websockets.client", "websockets.server"):
        quiet(name)

    def check(connection, request):
        if not is_good(server, request.headers.get("Authorization")):
            return connection.respond(401, "no\n")
        return None

    def talk(connection):
        connection.send("hello")

    with serve(talk, "127.0.0.1", 0, process_request=check) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            port = listening.socket.getsockname()[1]
            names = run("WebSockets")
            with names["connected"](f"ws://127.0.0.1:{port}") as connection:
                assert connection.recv(timeout=20) == "hello"
            server.revoke_access_tokens()
            with pytest.raises(InvalidStatus):
                names["connected"](f"ws://127.0.0.1:{port}")
            names["auth"].renew()
            with names["connected"](f"ws://127.0.0.1:{port}") as connection:
                assert connection.recv(timeout=20) == "hello"
        finally:
            listening.shutdown()
            thread.join()

"""What users write, as type checkers see it. It is not meant to be executed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import httpx2
import requests

from oauth_auth import (
    AuthorizationCode,
    AuthorizationServer,
    ClientCredentials,
    DeviceCode,
    FileStore,
    FromEnv,
    HttpOptions,
    JWTBearer,
    MemoryStore,
    OAuth2,
    OAuth2Session,
    OAuthAuth,
    Password,
    PrivateKeyJWT,
    RefreshToken,
    TLSClientAuth,
    Token,
    TokenExchange,
    TokenStore,
    TokenUpdated,
)
from oauth_auth.client_auth import (
    ClientAssertion,
    ClientAuth,
    ClientSecretBasic,
    ClientSecretJWT,
    SelfSignedTLSClientAuth,
)
from oauth_auth.compliance_fixes import fitbit_compliance_fix
from oauth_auth.errors import LoginRequired, OAuthAuthError, TokenEndpointError
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.login.pending import PendingLogin
from oauth_auth.profiles import (
    Profile,
    Profiles,
    SecretReference,
    keep_client_secret,
)
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from oauth_auth.login.device import DevicePrompt

grant = ClientCredentials(
    "https://auth.example.com",
    client_id="reports",
    client_secret=FromEnv("SECRET"),
    client_auth=ClientSecretBasic(raw=True),
    scope=["reports:read"],
    extra={"tenant": "1"},
)
seed = RefreshToken(
    AuthorizationServer(token_endpoint="https://auth.example.com/token"),
    client_id="cli",
    token={"refresh_token": "8xLOxBtZ", "expires_at": 1},
)


def secret() -> str:
    """Return a secret."""
    return "s3cret"


methods: list[ClientAuth] = [
    PrivateKeyJWT(FromEnv("KEY"), algorithm="ES256", key_id="1", audience="issuer"),
    PrivateKeyJWT({"kty": "EC"}),
    PrivateKeyJWT(secret),
    PrivateKeyJWT(Path("key.pem")),
    ClientSecretJWT(lifetime=60.0),
    ClientAssertion(Path("token")),
    TLSClientAuth("c.pem", Path("k.pem")),
    SelfSignedTLSClientAuth("c.pem"),
]
machine = ClientCredentials(
    "https://auth.example.com", client_id="reports", client_auth=methods[0]
)
service = JWTBearer(
    "https://auth.example.com",
    key=FromEnv("KEY"),
    issuer="svc",
    claims={"scope": "a"},
    scope=["a"],
)
google: JWTBearer = JWTBearer.from_service_account_file(
    Path("sa.json"), scope=["a"], subject="me@example.com"
)
google = JWTBearer.from_service_account_info({"type": "service_account"})
exchange = TokenExchange(
    "https://sts.example.com",
    subject_token=Path("/var/run/secrets/tokens/sts"),
    subject_token_type="jwt",
    actor_token=OAuthAuth(service),
    audience=["a", "b"],
)
called = TokenExchange("https://sts.example.com", subject_token=secret, client_id="c")
legacy = Password(
    "https://auth.example.com", username="me", password=FromEnv("PASSWORD")
)


def on_token(token: Token) -> None:
    """Take a token."""
    assert token.expires_at or token.refresh_token


stores: list[TokenStore] = [FileStore("tokens", keys=[FromEnv("KEY")]), MemoryStore()]
auth = OAuthAuth(
    grant,
    store=stores[0],
    account="42",
    allowed_origins=["https://api.example.com"],
    leeway=30.0,
    background=False,
    timeout=10.0,
    http=HttpOptions(verify="ca.pem", proxy="http://proxy:3128"),
    on_token=on_token,
)
other: OAuthAuth = auth.for_account("43")

requests.get("https://api.example.com", auth=auth)
with requests.Session() as session:
    session.auth = auth
    session.get("https://api.example.com", auth=RequestsAuth(grant))
httpx.get("https://api.example.com", auth=auth)
httpx2.get("https://api.example.com", auth=auth)

named = OAuthAuth("github", account="42", timeout=3.0)
typed: RequestsAuth = RequestsAuth.from_env("BILLING_", account="42")


def profiles() -> OAuthAuth:
    """Make and use a profile."""
    profile = Profile(
        name="github",
        preset="github",
        client_id="x",
        client_secret=SecretReference("env", "GITHUB_SECRET"),
        allowed_origins=("https://api.github.com",),
        extra={"a": "b"},
        leeway=5,
    )
    Profiles().save(profile, replace=True)
    names: list[str] = Profiles("profiles.toml").names()
    again: Profile = Profiles().load(names[0])
    keep_client_secret(FileStore(), again.name, Secret("x"))
    return OAuthAuth(again.build_grant(), **again.settings())


def sync_clients() -> None:
    """Use the clients."""
    with httpx.Client(auth=auth) as client, httpx2.Client(auth=auth) as client2:
        client.get("https://api.example.com", auth=HttpxAuth(seed))
        client2.get("https://api.example.com", auth=Httpx2Auth(seed))
        client2.post("https://api.example.com", auth=auth)


async def async_clients() -> None:
    """Use the async clients."""
    async with httpx.AsyncClient(auth=auth) as a, httpx2.AsyncClient(auth=auth) as b:
        await a.get("https://api.example.com", auth=auth)
        await b.get("https://api.example.com", auth=auth)
    token: Token = await auth.atoken()
    text: str = await auth.aaccess_token()
    renewed: Token = await auth.arenew()
    await auth.alogout()
    assert all((token, text, renewed))


def show(prompt: DevicePrompt) -> None:
    """Show a device's code."""
    assert prompt.user_code
    assert prompt.expires_at


web = OAuthAuth(
    AuthorizationCode(
        "https://auth.example.com",
        client_id="web",
        redirect_uri=["https://me.example/cb", "http://127.0.0.1/cb"],
        authorization_extra={"prompt": "consent"},
        scope="openid",
        resource="https://api.example.com",
    ),
    interactive=True,
)
tv = OAuthAuth(DeviceCode("https://auth.example.com", client_id="tv", scope="read"))


def logins() -> Token:
    """Log in, in all ways."""
    url, pending = web.authorization_url(redirect_uri="https://me.example/cb", hint="x")
    again: PendingLogin = PendingLogin.from_dict(pending.to_dict())
    assert url.startswith("https:")
    tv.login(show=show)
    web.login(timeout=60.0, show=print)
    web.login(ask=input)
    return web.fetch_token(authorization_response=url, pending=again, account="42")


async def async_logins() -> Token:
    """Log in, in all ways."""
    url, pending = await web.aauthorization_url()
    await tv.alogin(show=show)
    await web.alogin(timeout=60.0, ask=input)
    return await web.afetch_token(
        authorization_response=url, pending=pending.to_dict(), account="42"
    )


def errors() -> str | None:
    """Catch errors."""
    try:
        return auth.access_token()
    except LoginRequired as error:
        return error.description
    except TokenEndpointError as error:
        return error.error
    except OAuthAuthError as error:
        return str(error.retryable)


def keep(token: dict[str, object]) -> None:
    """Take a token of the drop-in."""
    assert token["access_token"]


def drop_in() -> requests.Response:
    """Use what was written for requests-oauthlib."""
    drop: OAuth2Session = fitbit_compliance_fix(
        OAuth2Session(
            "web",
            redirect_uri="https://me.example/cb",
            scope=["read"],
            token={"access_token": "a", "refresh_token": "b"},
            auto_refresh_url="https://auth.example.com/token",
            auto_refresh_kwargs={"client_id": "web"},
            token_updater=keep,
            pkce="S256",
            store=MemoryStore(),
        )
    )
    url, state = drop.authorization_url("https://auth.example.com/auth", prompt="none")
    drop.fetch_token(
        "https://auth.example.com/token",
        authorization_response=f"{url}{state}",
        client_secret="x",
        include_client_id=True,
    )
    drop.refresh_token("https://auth.example.com/token", client_id="web")
    try:
        drop.post("https://api.example.com", data={"a": "b"}, timeout=5)
    except TokenUpdated as updated:
        keep(dict(updated.token))
    return requests.get("https://api.example.com", auth=OAuth2(token=drop.token))

"""A FastAPI application whose people log in, and whose routes call an API as them.

The client is registered with the redirect URI http://127.0.0.1:8000/callback::

    pip install oauth-auth fastapi uvicorn
    export ISSUER=https://auth.example.com API=https://api.example.com/me
    export CLIENT_ID=web CLIENT_SECRET=...
    uvicorn --factory --app-dir docs/examples fastapi_app:create_app
"""

import os
import secrets
from typing import Annotated, Any

import httpx
from fastapi import Cookie, FastAPI, Request
from fastapi.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)

from oauth_auth import AuthorizationCode, FromEnv, OAuthAuth, errors

#: Both cookies are names that nobody can guess, and say nothing by themselves.
Name = Annotated[str | None, Cookie()]


def create_app() -> FastAPI:
    """Return the application; the server calls this."""
    app = FastAPI()
    auth = OAuthAuth(
        AuthorizationCode(
            os.environ["ISSUER"],
            client_id=os.environ["CLIENT_ID"],
            client_secret=FromEnv("CLIENT_SECRET"),
            scope=os.environ.get("SCOPE", "openid offline_access"),
        )
    )
    # Logins under way. Several processes need a table or a cache, which forgets them
    # after ten minutes.
    under_way: dict[str, dict[str, Any]] = {}

    @app.get("/")
    async def index(user: Name = None) -> Response:
        if user is None:
            return HTMLResponse('<a href="/login">Log in</a>')
        try:
            async with httpx.AsyncClient(auth=auth.for_account(user)) as client:
                answer = await client.get(os.environ["API"])
        except errors.LoginRequired:
            return RedirectResponse("/login")
        return PlainTextResponse(f"The API says: {answer.text}")

    @app.get("/login")
    async def login(request: Request) -> Response:
        url, pending = await auth.aauthorization_url(
            redirect_uri=str(request.url_for("callback"))
        )
        name = secrets.token_urlsafe(16)
        under_way[name] = pending.to_dict()
        response = RedirectResponse(url)
        _set(response, request, "login", name)
        return response

    @app.get("/callback")
    async def callback(
        request: Request, login: Name = None, user: Name = None
    ) -> Response:
        # Taken out, since it is good for one answer.
        pending = under_way.pop(login or "", None)
        if pending is None:
            return PlainTextResponse("No login is under way here: start again", 400)
        # Each browser is a person of its own here. An application that knows its
        # people takes their id.
        user = user or secrets.token_urlsafe(16)
        try:
            await auth.afetch_token(
                authorization_response=str(request.url), pending=pending, account=user
            )
        except errors.AccessDeniedError:
            return PlainTextResponse("You said no: nothing has changed", 403)
        except errors.LoginFailed as error:
            return PlainTextResponse(f"The login failed: {error}", 400)
        response = RedirectResponse("/")
        response.delete_cookie("login")
        _set(response, request, "user", user)
        return response

    @app.post("/logout")
    async def logout(user: Name = None) -> Response:
        if user is not None:
            await auth.for_account(user).alogout()
        response = RedirectResponse("/", status_code=303)
        response.delete_cookie("user")
        return response

    return app


def _set(response: Response, request: Request, name: str, value: str) -> None:
    # "lax", since the browser comes back to the callback from another site.
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, httponly=True, samesite="lax", secure=secure)

"""A Flask application whose people log in, and whose views call an API in their name.

The client is registered with the redirect URI http://127.0.0.1:5000/callback::

    pip install oauth-auth flask
    export ISSUER=https://auth.example.com API=https://api.example.com/me
    export CLIENT_ID=web CLIENT_SECRET=...
    flask --app docs/examples/flask_app.py run
"""

import os
import secrets
from typing import Any

import requests
from flask import Flask, redirect, request, session, url_for
from werkzeug.wrappers import Response

from oauth_auth import AuthorizationCode, FromEnv, OAuthAuth, errors


def create_app() -> Flask:
    """Return the application; Flask calls this."""
    app = Flask(__name__)
    # For the cookie. An application that runs for longer keeps its key.
    app.secret_key = secrets.token_bytes(32)
    auth = OAuthAuth(
        AuthorizationCode(
            os.environ["ISSUER"],
            client_id=os.environ["CLIENT_ID"],
            client_secret=FromEnv("CLIENT_SECRET"),
            scope=os.environ.get("SCOPE", "openid offline_access"),
        )
    )
    # Logins under way. Flask's session is a cookie that the browser can read, which a
    # login's secrets have no business in. Several processes need a table or a cache,
    # which forgets them after ten minutes.
    under_way: dict[str, dict[str, Any]] = {}

    @app.get("/")
    def index() -> Response | str:
        user = session.get("user")
        if user is None:
            return '<a href="/login">Log in</a>'
        try:
            answer = requests.get(
                os.environ["API"], auth=auth.for_account(user), timeout=30
            )
        except errors.LoginRequired:
            return redirect(url_for("login"))
        return f"The API says: {answer.text}"

    @app.get("/login")
    def login() -> Response:
        url, pending = auth.authorization_url(
            redirect_uri=url_for("callback", _external=True)
        )
        session["login"] = secrets.token_urlsafe(16)
        under_way[session["login"]] = pending.to_dict()
        return redirect(url)

    @app.get("/callback")
    def callback() -> Response | tuple[str, int]:
        # Taken out, since it is good for one answer.
        pending = under_way.pop(session.pop("login", ""), None)
        if pending is None:
            return "No login is under way here: start again", 400
        # Each browser is a person of its own here. An application that knows its
        # people takes their id.
        user = session.get("user") or secrets.token_urlsafe(16)
        try:
            auth.fetch_token(
                authorization_response=request.url, pending=pending, account=user
            )
        except errors.AccessDeniedError:
            return "You said no: nothing has changed", 403
        except errors.LoginFailed as error:
            return f"The login failed: {error}", 400
        session["user"] = user
        return redirect(url_for("index"))

    @app.post("/logout")
    def logout() -> Response:
        user = session.pop("user", None)
        if user is not None:
            auth.for_account(user).logout()
        return redirect(url_for("index"))

    return app

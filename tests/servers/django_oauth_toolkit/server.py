"""A Django site whose only business is to be an authorization server.

``PORT=9021 ACCESS_TTL=60 GRACE=5 python server.py`` serves in the foreground, says
"ready ISSUER" when it does, and ends with its standard input or Ctrl-C.
"""

import os
import secrets
import sys
import tempfile
import threading
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

SECRET = "a+b:c%20&d=~e"
PERSON, PASSWORD = "alice", "wonderland"
FORM = """
<form method="post">{% csrf_token %}{{ form.as_p }}<button>Log in</button></form>
"""


class Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_):
        """Keep still."""


def number(name, default):
    """Return a setting from the environment."""
    return int(os.environ.get(name, default))


def signing_key():
    """Return a new key for ID tokens, as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def configure(origin, directory):
    """Tell Django what it would find in a project's settings."""
    settings.configure(
        SECRET_KEY=secrets.token_hex(),
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="urls",
        LOGIN_URL="/login/",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        # The password is no secret, and a strong hash would cost each login 0.3 s.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": Path(directory, "db.sqlite3"),
                "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
            }
        },
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ],
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {"registration/login.html": FORM},
                        ),
                        "django.template.loaders.app_directories.Loader",
                    ],
                },
            }
        ],
        OAUTH2_PROVIDER={
            "SCOPES": {name: name for name in ("openid", "read", "write")},
            "DEFAULT_SCOPES": ["read"],
            "ACCESS_TOKEN_EXPIRE_SECONDS": number("ACCESS_TTL", 3),
            "REFRESH_TOKEN_EXPIRE_SECONDS": 3600,
            "ROTATE_REFRESH_TOKEN": True,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": number("GRACE", 0),
            "PKCE_REQUIRED": True,
            "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": signing_key(),
            "OAUTH_DEVICE_VERIFICATION_URI": f"{origin}/o/device/",
            "OAUTH_DEVICE_VERIFICATION_URI_COMPLETE": lambda code: (
                f"{origin}/o/device/?user_code={code}"
            ),
            "DEVICE_FLOW_INTERVAL": 1,
        },
    )
    django.setup()


def populate():
    """Make the tables, a person and the clients, each of which has one grant."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from oauth2_provider.models import get_application_model

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user(PERSON, password=PASSWORD)
    kind = get_application_model()
    code, device = kind.GRANT_AUTHORIZATION_CODE, kind.GRANT_DEVICE_CODE
    for client_id, client_type, grant, uris in (
        ("web", "confidential", code, "http://127.0.0.1:8765/callback"),
        ("native", "public", code, "http://127.0.0.1/callback"),
        ("service", "confidential", kind.GRANT_CLIENT_CREDENTIALS, ""),
        ("tv", "public", device, ""),
        ("tv-web", "confidential", device, ""),
    ):
        kind.objects.create(
            client_id=client_id,
            client_secret=SECRET if client_type == "confidential" else "",
            client_type=client_type,
            name=client_id,
            authorization_grant_type=grant,
            redirect_uris=uris,
            algorithm="RS256",
        )


def end_with_parent():
    """End when standard input does, which is when whoever started this has died."""
    sys.stdin.read()
    os._exit(0)


def main():
    """Serve until killed."""
    server = ThreadedWSGIServer(("127.0.0.1", number("PORT", 0)), Quiet)
    origin = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=end_with_parent, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        configure(origin, directory)
        from django.core.wsgi import get_wsgi_application

        populate()
        server.set_app(get_wsgi_application())
        sys.stdout.write(f"ready {origin}/o\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()

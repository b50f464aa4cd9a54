"""A script as guides for requests-oauthlib have it; the tests change its import.

python guide.py login      prints a URL, reads the URL of the callback
python guide.py work N     calls the API until it has been given N new tokens
"""

import os
import sys
import time
from pathlib import Path

from cryptography.fernet import Fernet
from oauthlib.oauth2 import OAuth2Error, TokenExpiredError
from requests_oauthlib import OAuth2Session

CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ.get("CLIENT_SECRET")
AUTHORIZATION_URL = os.environ["AUTHORIZATION_URL"]
TOKEN_URL = os.environ["TOKEN_URL"]
API_URL = os.environ["API_URL"]
REDIRECT_URI = "http://127.0.0.1:8765/callback"
SCOPE = os.environ["SCOPE"].split()


class TokenStorage:
    def __init__(self):
        self.cipher = Fernet(os.environ["ENCRYPTION_KEY"])
        self.path = Path(os.environ["TOKEN_FILE"])
        self.stored = 0

    def store_token(self, token):
        encrypted = self.cipher.encrypt(str(token).encode())
        temporary = self.path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(encrypted)
        temporary.replace(self.path)
        self.stored += 1

    def get_token(self):
        if not self.path.exists():
            return None
        return eval(self.cipher.decrypt(self.path.read_bytes()).decode())


storage = TokenStorage()


def create_session():
    return OAuth2Session(
        client_id=CLIENT_ID,
        redirect_uri=REDIRECT_URI,
        scope=SCOPE,
        token=storage.get_token(),
        auto_refresh_url=TOKEN_URL,
        auto_refresh_kwargs={"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
        token_updater=storage.store_token,
        pkce="S256",
    )


def login():
    session = create_session()
    url, _state = session.authorization_url(AUTHORIZATION_URL, prompt="consent")
    print(url, flush=True)
    token = session.fetch_token(
        TOKEN_URL,
        authorization_response=input(),
        include_client_id=True,
        client_secret=CLIENT_SECRET,
    )
    storage.store_token(token)


def make_api_request(session):
    try:
        response = session.get(API_URL)
        response.raise_for_status()
        return response.json()
    except TokenExpiredError:
        print("Token expired, please log in again")
    except OAuth2Error as error:
        print(f"OAuth error: {error}")
    return None


def work(tokens):
    session = create_session()
    made = failed = 0
    while storage.stored < tokens and not failed:
        if make_api_request(session) is None:
            failed += 1
        made += 1
        time.sleep(0.02)
    print(f"{made > 0} {failed} failed")


if __name__ == "__main__":
    if sys.argv[1] == "login":
        login()
    else:
        work(int(sys.argv[2]))

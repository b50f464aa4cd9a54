"""One of each object of the package that holds secrets, or holds what holds them."""

import copy
import json
import secrets
import time

from oauth_auth import (
    AuthorizationServer,
    ClientCredentials,
    FileStore,
    HttpOptions,
    JWTBearer,
    MemoryStore,
    OAuth2,
    OAuth2Session,
    OAuthAuth,
    Password,
    PrivateKeyJWT,
    RefreshToken,
    Token,
    TokenExchange,
    errors,
)
from oauth_auth.answer import Members
from oauth_auth.client_auth import ClientAssertion, Draft
from oauth_auth.endpoint import TokenRequest, authenticated_request
from oauth_auth.flight import Flight
from oauth_auth.grants.saml2_bearer import SAML2Bearer
from oauth_auth.grants.service_account import ServiceAccount
from oauth_auth.held import Held
from oauth_auth.identity import Identifier
from oauth_auth.message import Request, Response
from oauth_auth.oauth2_session.attaching import Bearer
from oauth_auth.oauth2_session.call import Call
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.presented import FromCallable, PresentedToken
from oauth_auth.protocol import encode_form, judge_token_response
from oauth_auth.reach import Reach
from oauth_auth.renewal import Terms
from oauth_auth.secret import Secret
from oauth_auth.signing import SigningKey
from oauth_auth.sources import source_of
from oauth_auth.stores.base import Journal, Mark, Record
from oauth_auth.stores.keys import Key, KeyChain, _decoded, new_key
from oauth_auth.transport.watch import Failure, Watch
from tests.client_keys import new_key as new_key_of_client
from tests.client_keys import pem as as_pem

__all__ = ["make"]

ISSUER = "https://auth.example.com"


def make(directory):
    """Return the objects by what they are, and the secrets that are in them."""
    key = new_key()
    known = {
        name: secrets.token_urlsafe(24)
        for name in (
            *("access", "refresh", "id", "client", "proxy", "extra", "answer"),
            "subject",
        )
    }
    now = time.time()
    token = Token(
        known["access"],
        refresh_token=known["refresh"],
        id_token=known["id"],
        expires_at=now + 60,
        extra={"device_secret": known["extra"]},
    )
    server = AuthorizationServer(ISSUER, token_endpoint=f"{ISSUER}/token")
    client = {"client_id": "reports", "client_secret": known["client"]}
    machine = ClientCredentials(server, **client)
    person = RefreshToken(server, **client, token=token)
    http = HttpOptions(proxy=f"http://me:{known['proxy']}@proxy.example:3128")
    memory, file = MemoryStore(), FileStore(directory / "store", keys=[key.reveal()])
    auth = OAuthAuth(person, store=memory, http=http)
    record = Record(generation=1, lineage="l", token=token)
    held = Held(token, record)
    held.authorization = f"Bearer {known['access']}"
    source = source_of(memory, "r")
    source.held, source.unsaved = held, record
    identifier = Identifier.of(file)
    body = f'{{"error": "invalid_grant", "refresh_token": "{known["answer"]}"}}'
    response = Response(400, {}, body.encode())
    answer = judge_token_response(
        response, url=f"{ISSUER}/token", now=now, sent=[Secret(known["refresh"])]
    )
    mark = Mark("hold", 1, now, 1.0, errors.to_facts(answer.error))
    reach = Reach("requests", http, 1.0)
    flight = Flight(None, ("key",), lambda _flight: held)
    flight.publish = None
    flight._result = held
    with memory.lock("r", timeout=0) as transaction:
        transaction.save(record)
    with file.lock("r", timeout=0) as transaction:
        transaction.save(record)
    for each in (auth, OAuthAuth(machine, store=file)):
        each._resolved().look()
    session = OAuth2Session(
        "reports",
        token={"access_token": known["access"], "refresh_token": known["refresh"]},
        auto_refresh_url=f"{ISSUER}/token",
        auto_refresh_kwargs={"client_secret": known["client"]},
        store=memory,
    )
    shared = session._shared_login()
    pem, jwk = new_pem(), json.dumps(new_key_of_client())
    known |= dict(enumerate(line for line in pem.split("\n") if len(line) > 20))
    known["jwk"] = json.loads(jwk)["d"]
    signing = ClientCredentials(server, client_id="c", client_auth=PrivateKeyJWT(pem))
    bearer = JWTBearer(server, key=jwk, issuer="svc")
    exchange = TokenExchange(
        server, subject_token=known["subject"], actor_token=OAuthAuth(machine)
    )
    draft = Draft(server, "token_endpoint", "c", Secret(known["client"]), {})
    PrivateKeyJWT(pem).apply(draft)
    form = encode_form({"refresh_token": token._refresh_token})
    made = {
        "Assertion": signing,
        "AuthenticatedRequest": authenticated_request(
            server, signing, "token_endpoint", {"password": Secret(known["client"])}
        ),
        "ClientAssertion": ClientAssertion(known["subject"]),
        "Draft": draft,
        "FromCallable": FromCallable(lambda: pem),
        "JWTBearer": bearer,
        "JWTBearer with a JWT": JWTBearer(server, assertion=known["subject"]),
        "Password": Password(server, username="al", password=known["extra"]),
        "PresentedToken": PresentedToken(known["subject"], "subject token"),
        "PrivateKeyJWT": PrivateKeyJWT(pem),
        "SAML2Bearer": SAML2Bearer(server, assertion=known["subject"]),
        "ServiceAccount": ServiceAccount(Secret(service_account(pem))),
        "SigningKey": SigningKey(jwk),
        "TokenExchange": exchange,
        "OAuth2": OAuth2(token={"access_token": known["access"]}),
        "OAuth2Session": session,
        "SharedLogin": shared,
        "SessionGrant": shared._grant,
        "Call": Call("", {"auth": ("id", known["client"])}),
        "Bearer": Bearer(
            Secret(known["access"]),
            ("id", known["client"]),
            trust_env=False,
            login=shared,
            held=held,
            remake=print,
        ),
        "Hidden": Hidden(known["access"]),
        "OAuthAuth": auth,
        "OAuthAuth of a copy": copy.copy(auth),
        "OAuthAuth in a FileStore": OAuthAuth(machine, store=file),
        "ClientCredentials": machine,
        "RefreshToken": person,
        "AuthorizationServer": server,
        "Token": token,
        "Secret": Secret(known["access"]),
        "HttpOptions": http,
        "MemoryStore": memory,
        "FileStore": file,
        "KeyChain": KeyChain(key, None),
        "Key": Key(_decoded(key)),
        "Sealer": file.sealer,
        "RecordFiles": file._files("r"),
        "FileTransaction": file.lock("r", timeout=0),
        "Record": record,
        "Record of the id key": Record(document={"key": known["extra"]}),
        "Mark": mark,
        "Journal": Journal(1, "fingerprint", now, now),
        "Held": held,
        "TokenSource": source,
        "Identifier": identifier,
        "Terms": Terms(
            grant=person,
            reach=reach,
            identifier=identifier,
            leeway=30.0,
            background=True,
            account=None,
            configuration="c",
        ),
        "Reach": reach,
        "Flight": flight,
        "TokenRequest": TokenRequest(server, person, token._refresh_token, token),
        "Request": Request("POST", ISSUER, {"Authorization": form}, form),
        "Response": response,
        "Members": Members({"refresh_token": known["answer"]}),
        "TokenAnswer": answer,
        "Failure": Failure(None, "why", outcome_unknown=True),
        "Watch": _delivered(response),
    }
    # "=" ends every key.
    return made, {*known.values(), key.reveal().rstrip("=")}


def _delivered(response):
    exchange = Watch(1.0)
    exchange.deliver(response)
    return exchange


def new_pem():
    """Return a new private key."""
    return as_pem(new_key_of_client())


def service_account(pem):
    """Return the key file of a service account."""
    return json.dumps(
        {
            "client_email": "a@example.com",
            "token_uri": f"{ISSUER}/token",
            "private_key": pem,
        }
    )

"""Commands run in this process, and profiles that are there already."""

import json
import time
import traceback

from click.testing import CliRunner

from oauth_auth import OAuthAuth, Token
from oauth_auth.cli.group import cli
from oauth_auth.profiles import Profile, Profiles
from tests.login.people import follow


def run(*arguments, code=0, **options):
    """Run a command; its exit code has to be as expected."""
    result = CliRunner().invoke(cli, arguments, prog_name="oauth-auth", **options)
    trace = "".join(traceback.format_exception(*result.exc_info))
    assert result.exit_code == code, result.output + trace
    assert "Traceback" not in result.output
    assert "\x1b" not in result.output
    return result


def told(*arguments, code=0, **options):
    """Run a command that prints JSON; return that."""
    return json.loads(run(*arguments, "--json", code=code, **options).stdout)


def saved(server, name, **settings):
    """Save a profile of the testing server, for its public client."""
    settings.setdefault("issuer", server.issuer)
    settings.setdefault("client_id", server.public_client_id)
    profile = Profile(name=name, **settings)
    Profiles().save(profile)
    return profile


def logged_in(server, name, **settings):
    """Save a profile, and have a person log in; return the object."""
    saved(server, name, **settings)
    auth = OAuthAuth(name)
    auth.login(ask=follow)
    return auth


def profile_of(name):
    """Return what is saved under a name, as plain data."""
    return Profiles().load(name).to_dict()


def expire(auth):
    """Have the token of a login be one that has expired, in the store and here."""
    source = auth._resolved()
    with source.store.lock(source.record_id, timeout=30) as transaction:
        record = transaction.read()
        data = record.token.to_dict()
        data.update(expires_at=time.time() - 5, obtained_at=time.time() - 3605)
        transaction.save(record.succeed(token=Token.from_dict(data)))
    forget(auth)


def forget(auth):
    """Have this process forget the token that it has in memory, as a new one does."""
    auth._resolved().held = None

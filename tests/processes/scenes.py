"""What the programs at awkward moments have in common: a relay and a login."""

import time

from oauth_auth import FileStore, errors
from tests.http_clients.logins import turn, use_up
from tests.processes.programs import Program
from tests.processes.relay import Relay
from tests.processes.through import login_through
from tests.stores.children import in_child


class Scene:
    """A login whose token has expired, and programs that use it at awkward moments."""

    def __init__(self, server, path, certificate=None):
        self.server = server
        self.path = path / "store"
        self.relay = Relay(
            server, tls=certificate.server_context() if certificate else None
        )
        self._seed = server.issue()["refresh_token"]
        # Through the server itself, in the same configuration: the record is the same.
        self.auth = login_through(self.relay.url, server, self.path, self._seed)
        if not certificate:
            self.auth.token()
            use_up(self.auth)
        server.reset_counts()

    def run(self, module, name, *arguments, **options):
        """Return one of a module's programs, started."""
        return Program(
            module,
            name,
            self.relay.url,
            self.server.issuer,
            self.path,
            self._seed,
            *arguments,
            **options,
        )

    def expire(self):
        """Let the token have expired, in the store and in memory."""
        use_up(self.auth)

    def make_fresh(self):
        """Let the token be a fresh one again, as it was before the scene."""
        with turn(self.auth) as transaction:
            record = transaction.read()
            fresh = {
                **record.token.to_dict(),
                "expires_at": time.time() + 3600,
                "obtained_at": time.time(),
            }
            token = type(record.token).from_dict(fresh)
            transaction.save(record.succeed(token=token))

    def is_locked(self):
        """Whether another process would have to wait for the record's lock."""
        record_id = self.auth._resolved().record_id

        def contend():
            try:
                with FileStore(self.path).lock(record_id, timeout=0):
                    return "free"
            except errors.StoreLocked:
                return "locked"

        return in_child(contend) == "locked"

    def check(self, token_requests=1):
        """The login lives, and was renewed so often."""
        counts = self.server.counts()
        assert counts.token_requests == counts.refreshes_granted == token_requests
        assert counts.reuse_detected == counts.families_revoked == 0

"""Looking into, and aging, what an auth object holds."""

import contextlib
import time


def record_of(auth):
    """Return the record in the store."""
    source = auth._resolved()
    return source.store.read(source.record_id)


@contextlib.contextmanager
def turn(auth):
    """Hold the record's lock, as another worker would."""
    source = auth._resolved()
    with source.store.lock(source.record_id, timeout=5) as transaction:
        yield transaction


def use_up(auth):
    """Let the token expire, in the store and in memory."""
    source = auth._resolved()
    with turn(auth) as transaction:
        record = transaction.read()
        token = type(record.token).from_dict(
            {
                **record.token.to_dict(),
                "expires_at": time.time() - 1,
                "obtained_at": time.time() - 1000,
            }
        )
        transaction.save(record.succeed(token=token))
    source.held = None


def renewed_elsewhere(auth, tokens):
    """Save what another worker got, as a response of the server; memory stays."""
    with turn(auth) as transaction:
        record = transaction.read()
        token = type(record.token).from_dict(
            {**tokens, "expires_at": time.time() + 3600}
        )
        transaction.save(record.succeed(token=token))

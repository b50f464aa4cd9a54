"""The watch, where no exchange shows it."""

from oauth_auth.transport.watch import Watch


def test_socket_that_is_none_is_no_reason_to_fail():
    """A backend of somebody's own may have no socket to show."""
    watch = Watch(1.0)
    watch.opened(None)
    assert watch.remaining() > 0

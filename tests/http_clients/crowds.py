"""Many requests at once through one client and one auth object."""

import threading

from tests.http_clients.api import Reply
from tests.http_clients.drivers import FOREVER

COUNT = 64


class CrowdTests:
    """Every client shares one renewal among its requests, and blocks none."""

    def test_many_requests_at_expiry_make_one_token_request(
        self, driver, server, login
    ):
        """All of them succeed, and none goes out without a token. M05-M07, M23."""
        auth = login(expired=True)
        server.token_faults.delay(before=0.05)
        assert driver.crowd(auth, server.api_url, COUNT) == [200] * COUNT
        counts = server.counts()
        assert counts.token_requests == 1
        assert counts.api_requests == counts.api_ok == COUNT

    def test_many_rejected_requests_make_one_token_request(self, driver, server, login):
        """Who comes later with the rejected token takes over the new one. Law 7."""
        auth = login()
        auth.token()
        server.revoke_access_tokens()
        assert driver.crowd(auth, server.api_url, COUNT) == [200] * COUNT
        counts = server.counts()
        assert counts.token_requests == 1
        assert counts.api_without_token == 0
        assert counts.families_revoked == 0

    def test_an_open_stream_blocks_no_other_request(self, driver, server, login, api):
        """While one response is being read, others are sent and renewed. M65."""
        auth = login()
        done = threading.Event()

        def endless():
            yield b"one\n"
            assert done.wait(FOREVER)
            yield b"two\n"

        api.script = [lambda _: Reply(200, (), endless())]
        statuses = []

        def others(line):
            if line == "one":
                server.revoke_access_tokens()
                statuses.extend(driver.crowd(auth, server.api_url, 10))
                done.set()

        assert driver.read_slowly(auth, api.url, others) == ["one", "two"]
        assert statuses == [200] * 10
        assert server.counts().token_requests == 1

    def test_a_stream_is_retried_before_it_is_read(self, driver, server, login, api):
        """A streamed request whose token is refused gets its stream all the same."""
        from tests.http_clients.api import unauthorized

        api.script = [unauthorized(), Reply(200, (), iter([b"a\n", b"b\n"]))]
        assert driver.read_slowly(login(), api.url, str) == ["a", "b"]
        assert server.counts().token_requests == 1

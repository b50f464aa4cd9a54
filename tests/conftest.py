"""Makes the fixtures of the real servers known to every test, and watches each."""

pytest_plugins = ["tests.secrecy.plugin", "tests.servers.fixtures"]

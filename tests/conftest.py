"""Makes the fixtures of the real servers known to every test."""

pytest_plugins = ["tests.servers.fixtures"]

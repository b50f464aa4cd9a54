"""What the tests of the network share: wires to servers, and what comes over them."""

import pytest

from tests.faults.logins import settle
from tests.faults.wire import Wire


@pytest.fixture
def wires():
    """Return a function that makes wires, which end with the test."""
    made = []

    def make(*args, **options):
        made.append(Wire(*args, **options))
        return made[-1]

    yield make
    settle()
    for wire in made:
        wire.close()

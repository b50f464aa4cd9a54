"""Lets the laws listen by themselves."""

import pytest

from tests.secrecy.watch import watch


@pytest.fixture(autouse=True)
def _made_up_secrets_are_no_secrets():
    # They may be words of our own messages. The laws know which ones must not be told.
    watch.listens = False

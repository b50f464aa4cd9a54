"""Imports all that any worker needs; for the server that workers are forked from."""

from __future__ import annotations

import gc

import oauth_auth.lookout
import oauth_auth.sources
import oauth_auth.stores.file_lock
import oauth_auth.turn  # noqa: F401  # what the package loads at the first renewal
from benchmarks.candidates import ALL

#: What is not installed.
MISSING = {candidate.key: candidate.missing() for candidate in ALL}

# Else a worker's collector would have the kernel copy what they share.
gc.freeze()

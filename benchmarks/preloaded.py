"""Imports all that any worker needs; for the server that workers are forked from."""

from __future__ import annotations

import gc

from benchmarks.candidates import ALL

#: What is not installed.
MISSING = {candidate.key: candidate.missing() for candidate in ALL}

# Else a worker's collector would have the kernel copy what they share.
gc.freeze()

"""A soak: mixed workers, random faults, and a count of the logins that were lost.

`python -m tests.soak --minutes 20` runs it; see `run`.
"""

"""`oauth-auth demo`: many processes, one login.

command.py    the options, and what is printed
run.py        the test server and both runs: with a shared cache and without
crew.py       the worker processes, and killing them
worker.py     one worker process
slots.py      what the workers count, so that a kill loses nothing
figures.py    what came of it, as plain values
screen.py     the live table, or lines where there is no terminal
summary.py    the summary, as text and as JSON
"""

"""`oauth-auth doctor`: what may keep a login from working, and what to do about it.

command.py   the options, and what is printed
check.py     what one check comes to
machine.py   this machine: versions, store, locks, keys, proxies
profile.py   one profile: its server, clock, endpoints, client, ports, login
"""

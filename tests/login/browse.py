"""A browser as a program: notes that it was started, waits, opens a URL, follows it.

Usage: python browse.py LOG GO URL. It waits until the file GO exists. For BROWSER,
where workers are processes.
"""

import sys
import time
import urllib.request
from pathlib import Path

log, go, url = sys.argv[1:]
with Path(log).open("a", encoding="utf-8") as opened:
    opened.write(f"{url}\n")
while not Path(go).exists():
    time.sleep(0.01)
urllib.request.urlopen(url, timeout=60).read()

"""A person at a real browser, for BROWSER: what `oauth-auth login` opens.

``python -m tests.login.chromium DIRECTORY agree|refuse URL`` logs in at oidc-provider,
and leaves in the directory what the browser shows in the end: ``page.png``,
``page.txt`` and ``page.url``.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

#: Milliseconds; a machine that is busy with other tests is slow.
_PATIENCE = 120_000
#: Without the others it looks up its maker's hosts, which a test must not need.
_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def executable():
    """Return the path of the browser; None where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def log_in(page, url, *, agree):
    """Fill in what oidc-provider asks; end at the page that the client shows."""
    page.goto(url)
    page.get_by_placeholder("Enter any login").fill("alice")
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button").click()
    if agree:
        page.get_by_role("button", name="Continue").click()
    else:
        page.get_by_text("Cancel").click()
    page.wait_for_selector("main")


def main():
    """Log in as the arguments say."""
    directory, answer, url = sys.argv[1:]
    # A test's directory is too long for the path of a socket, which it makes there.
    os.environ.pop("TMPDIR", None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=_OPTIONS, timeout=_PATIENCE
        )
        page = browser.new_page(viewport={"width": 900, "height": 560})
        page.set_default_timeout(_PATIENCE)
        try:
            log_in(page, url, agree=answer == "agree")
        finally:
            page.screenshot(path=Path(directory, "page.png"))
            Path(directory, "page.txt").write_text(page.inner_text("body"), "utf-8")
            Path(directory, "page.url").write_text(page.url, "utf-8")
            browser.close()


if __name__ == "__main__":
    main()

"""Has the watch run in every test: a test that tells a secret fails."""

import importlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.secrecy.hooks import HOOKS
from tests.secrecy.watch import DIRECTORY, watch

_SITE = str(Path(__file__).parent / "site")
_NOT_SET = ""


def pytest_configure(config):
    """Watch this process, and those that it starts."""
    for name, hook in HOOKS.items():
        hook(importlib.import_module(name))
    watch.owner = os.getpid()
    watch.directory = tempfile.mkdtemp(prefix="oauth_auth-secrecy-")
    config.stash[_before] = {
        name: os.environ.get(name, _NOT_SET) for name in (DIRECTORY, "PYTHONPATH")
    }
    os.environ[DIRECTORY] = watch.directory
    paths = [_SITE, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))


def pytest_unconfigure(config):
    """Leave the environment as it was."""
    for name, value in config.stash[_before].items():
        os.environ.pop(name, None)
        if value != _NOT_SET:
            os.environ[name] = value
    shutil.rmtree(watch.directory, ignore_errors=True)


_before = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart():
    """Start with nothing known."""
    watch.findings()
    watch.begin()


def pytest_runtest_setup(item):
    """Let tests alone whose secrets Hypothesis makes up: they may be common words."""
    if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        watch.listens = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Let a phase of a test fail in which a secret was told."""
    report = yield
    for name, text in report.sections:
        if name.startswith("Captured stderr"):
            text = watch.without_shown(text)  # noqa: PLW2901
        watch.hear(text, (name,))
    found = watch.findings()
    if found:
        text = "\n".join(found)
        report.sections.append(("Secrets told", text))
        if report.outcome != "failed":
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} tells secrets ({report.when}):\n{text}"
    return report

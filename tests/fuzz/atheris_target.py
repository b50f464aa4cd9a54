"""The laws of this directory under atheris, which looks for new ways by coverage.

    python -m tests.fuzz.atheris_target --target parser --seconds 300

It runs for a bounded time or number of executions, prints how many there were and what
they covered, and ends with 1 where a law did not hold; the input is then beside the
corpus. atheris has wheels for CPython 3.11 to 3.13 on Linux (x86-64) only.
"""

import argparse
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["TARGETS", "main"]

_DONE = re.compile(r"^Done (\d+) (?:runs )?in (\d+) second", re.MULTILINE)
_LAST = re.compile(r"^#(\d+)\t.*?cov: (\d+) ft: (\d+)(?: corp: (\d+))?", re.MULTILINE)
#: The package's modules that a target is about, which are instrumented.
_MODULES = {
    "parser": ["answer", "refusal", "quoting", "protocol", "token", "stores.base"],
    "challenge": ["challenge", "protocol"],
    "metadata": ["server", "endpoint", "client_auth", "quoting"],
    "profiles": ["profiles.source", "profiles.profile", "profiles.values"],
    "record": ["stores.base", "stores.record_file", "stores.sealing", "token"],
}


def parser(data):
    """Judge a token answer."""
    from tests.fuzz.answers import answer_law, case_of

    answer_law(*case_of(data), refreshing=bool(data) and data[0] < 128)


def challenge(data):
    """Read the fields of a 401, one per line."""
    from tests.fuzz.challenges import challenge_law

    challenge_law(data.decode("latin-1").split("\n"))


def metadata(data):
    """Read a document, one with a line for each endpoint, and an issuer."""
    from oauth_auth.server import _ENDPOINTS
    from tests.fuzz.metadata import ISSUER, issuer_law, metadata_law

    text = data.decode("utf-8", "replace")
    metadata_law(200, data)
    document = dict(zip(_ENDPOINTS, text.split("\n"), strict=False))
    metadata_law(200, json.dumps({"issuer": ISSUER, **document}).encode())
    issuer_law(text)


def profiles(data):
    """Read a file of profiles."""
    from tests.fuzz.profiles import text_law

    text_law(data.decode("utf-8", "replace"))


def record(data):
    """Read what is kept: as text, with a part replaced, as sealed bytes, as a file."""
    from oauth_auth import errors
    from oauth_auth.stores.base import Journal, Mark, Record
    from oauth_auth.stores.record_file import _parts
    from tests.fuzz.records import sealed_law, text_law

    text = data.decode("utf-8", "replace")
    for kind, start in zip((Record, Mark, Journal), _KEPT, strict=True):
        text_law(kind, text)
        text_law(kind, _altered(start, text))
    sealed_law("record", "r", data)
    try:
        journal, sealed = _parts(data, Path("r"))
    except errors.TokenStoreError:
        return
    assert len(journal) + len(sealed) <= len(data)


def _altered(start, text):
    """Replace one part of a text that was kept, the first character says which."""
    whole = json.loads(start)
    name = sorted(whole)[ord(text[0]) % len(whole)] if text else "format"
    try:
        whole[name] = json.loads(text[1:])
    except (ValueError, RecursionError):
        whole[name] = text[1:]
    return json.dumps(whole)


_KEPT = (
    (
        b'{"format":1,"lineage":"l","generation":1,"token":{"access_token":"a",'
        b'"token_type":"Bearer","expires_at":1.0,"obtained_at":0,"refresh_token":'
        b'"r","scope":null,"id_token":null,"refresh_at":null,"extra":{}},'
        b'"logged_out":false,"configuration":"c","about":{},"claims":["x"],'
        b'"rejections":[["https://a.test",1.0]],"document":null}'
    ),
    (
        b'{"format":1,"kind":"hold","generation":1,"written_at":0,"duration":1,'
        b'"error":{},"failures":1,"in_doubt":false}'
    ),
    b'{"format":1,"generation":1,"fingerprint":"f","written_at":0,"in_flight_until":1}',
)
#: What can be fuzzed, with inputs to start from.
TARGETS = {
    "parser": (
        parser,
        [
            b'\0\0{"access_token": "a", "refresh_token": "b", "expires_in": 3600}',
            b'\4\1 120\n{"error": "invalid_grant", "error_description": "no"}',
            b"\1\0access_token=a&refresh_token=b&expires=1",
            b"\7\0<html><title>Bad gateway</title><script>x</script>",
        ],
    ),
    "challenge": (
        challenge,
        [
            b'Bearer realm="a", error="invalid_token", error_description="x \\" y"',
            b"Negotiate YII=, DPoP error=use_dpop_nonce\nBasic",
        ],
    ),
    "metadata": (
        metadata,
        [
            (
                b'{"issuer": "https://auth.example.com/tenant", "token_endpoint":'
                b' "https://auth.example.com/token",'
                b' "token_endpoint_auth_methods_supported": ["client_secret_post"]}'
            ),
            b"https://auth.example.com:443/tenant?x#y",
            b"http://127.0.0.1/",
        ],
    ),
    "profiles": (
        profiles,
        [
            b"[a]\npreset = 'github'\nclient_id = 'x'\nextra.b = 'c'\n",
            b'[a]\nissuer = "https://a.example"\nclient_secret = { env = "S" }',
        ],
    ),
    "record": (
        record,
        [
            *_KEPT,
            b"oauth_auth 1 00000000\n\0\0\0\1x\0\0\0\1y",
            b"oaa1",
        ],
    ),
}


def main(arguments=None):
    """Run the targets that are asked for, each in a process of its own.

    Returns:
        What to exit with: 0; 1 where a law did not hold; 2 without atheris.
    """
    options = _options().parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write(
            "atheris is not installed; it has wheels for CPython 3.11 to 3.13 on Linux "
            "(x86-64) only. There: pip install atheris. Elsewhere the same laws "
            "are tried by: pytest -m long tests/fuzz\n"
        )
        return 2
    if options.inside:
        _fuzz(options.target, options.inside)
    names = sorted(TARGETS) if options.target == "all" else [options.target]
    return max(_run(name, options) for name in names)


def _options():
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--target", choices=[*sorted(TARGETS), "all"], default="all")
    options.add_argument("--seconds", type=int, default=30, help="for each target")
    options.add_argument("--runs", type=int, default=-1, help="at most, per target")
    options.add_argument("--seed", type=int, default=0, help="0 is a new one")
    options.add_argument("--corpus", type=Path, help="keep what was found here")
    options.add_argument("--inside", nargs="*", help=argparse.SUPPRESS)
    return options


def _run(name, options):
    """Run one target in a child, since libFuzzer ends the process that it runs in."""
    with tempfile.TemporaryDirectory(prefix="oauth_auth-fuzz-") as temporary:
        corpus = (options.corpus or Path(temporary)) / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, start in enumerate(TARGETS[name][1]):
            (corpus / f"start-{number}").write_bytes(start)
        command = [
            *(sys.executable, "-m", __spec__.name, "--target", name, "--inside"),
            *(f"max_total_time={options.seconds}", f"runs={options.runs}"),
            *(f"seed={options.seed}", f"artifact_prefix={corpus.parent}/{name}-"),
            *("timeout=20", "max_len=4096", f"{corpus}"),
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    last = _LAST.findall(run.stderr)
    done = _DONE.search(run.stderr)
    count = int(done[1]) if done else int(last[-1][0]) if last else 0
    summary = {
        "target": name,
        "executions": count,
        "edges": int(last[-1][1]) if last else 0,
        "features": int(last[-1][2]) if last else 0,
        "inputs kept": int(last[-1][3] or 0) if last else 0,
        "held": run.returncode == 0,
    }
    sys.stdout.write(f"{json.dumps(summary)}\n")
    sys.stdout.flush()
    if run.returncode != 0:
        sys.stderr.write(run.stdout[-4000:] + run.stderr[-8000:])
    return int(run.returncode != 0)


def _fuzz(name, options):
    """Run one target in this process, until it ends itself and the process."""
    import atheris

    with atheris.instrument_imports(include=["oauth_auth"]):
        for module in _MODULES[name]:
            importlib.import_module(f"oauth_auth.{module}")
    target = TARGETS[name][0]
    target(TARGETS[name][1][0])
    *flags, corpus = options
    # Its own handler would print the whole of an input at each crash.
    os.environ.setdefault("PYTHONFAULTHANDLER", "0")
    atheris.Setup([sys.argv[0], *(f"-{flag}" for flag in flags), corpus], target)
    atheris.Fuzz()


if __name__ == "__main__":
    raise SystemExit(main())

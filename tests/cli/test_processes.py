"""The commands as real processes, in pipes and in terminals."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from oauth_auth.profiles import Profiles
from tests.cli.commands import logged_in, profile_of, saved
from tests.cli.processes import MAIN, eventually, family, started
from tests.cli.terminal import Terminal
from tests.login.people import follow

CODE = re.compile(r"\b[A-Z]{4}-[A-Z]{4}\b")
URL = re.compile(r"^(http://\S+/authorize\?\S+)$", re.MULTILINE)
#: Commands that show something in colour.
SHOWING = [["status"], ["status", "work"], ["doctor", "work"]]


def command(*arguments, **options):
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        **options,
    )


@pytest.fixture
def browser(tmp_path, monkeypatch):
    """A program that is the browser; it waits for the file that is returned."""
    go = tmp_path / "go"
    program = Path(__file__).parent.parent / "login" / "browse.py"
    line = f"{sys.executable} {program} {tmp_path / 'log'} {go} %s"
    monkeypatch.setenv("BROWSER", line)
    return go


def options_of(server):
    """Return the options that say which server and client it is."""
    return ["--issuer", server.issuer, "--client-id", server.public_client_id]


def lines_until(stream, pattern):
    """Read lines until one has what is looked for; return that."""
    for line in stream:
        found = pattern.search(line)
        if found:
            return found[0].strip()
    raise AssertionError(f"no {pattern.pattern} came")


def test_a_login_from_one_shell_command_to_the_next(home, server, browser):
    """login, token, status, logout: each its own process, in pipes."""
    browser.touch()
    done = command("login", "work", *options_of(server))
    assert done.returncode == 0, done.stderr
    token = command("token", "work")
    assert re.fullmatch(r"at_\S+\n", token.stdout)
    status = command("status", "work", "--remote", "--json")
    assert json.loads(status.stdout)["remote"]["state"] == "active"
    assert command("request", "GET", server.api_url).returncode == 0
    assert command("doctor").returncode == 0
    assert command("keys", "rotate", "--drop-old").returncode == 0
    assert command("token", "work").stdout == token.stdout
    assert command("logout", "work").returncode == 0
    gone = command("token", "work")
    assert (gone.returncode, gone.stdout) == (3, "")
    assert gone.stderr.count("\n") == 1
    every = done.stdout + done.stderr + status.stdout + gone.stderr
    assert "\x1b" not in every
    assert "Traceback" not in every


def test_a_device_login(home, server, tmp_path):
    """The code is shown, and the login ends as soon as somebody has entered it."""
    with started(tmp_path, "login", "tv", *options_of(server), "--device") as process:
        server.approve_device(lines_until(process.stderr, CODE))
        out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert "Logged in" in out
    assert profile_of("tv")["grant"] == "device_code"
    assert "█" not in err


def test_a_device_login_that_is_denied(home, server, tmp_path):
    """Exit code 5, and no profile."""
    with started(tmp_path, "login", "tv", *options_of(server), "--device") as process:
        server.deny_device(lines_until(process.stderr, CODE))
        _, err = process.communicate(timeout=100)
    assert process.returncode == 5
    assert "access_denied" in err
    assert Profiles().names() == []


def test_the_address_is_pasted(home, server):
    """--no-browser: what is pasted ends the login, and is not shown."""
    with Terminal("login", "work", *options_of(server), "--no-browser") as terminal:
        terminal.until("Address: ")
        url = URL.search(terminal.shown)[1]
        answer = follow(url)
        terminal.type(f"{answer}\n")
        assert terminal.end() == 0
    assert "Logged in" in terminal.shown
    assert answer not in terminal.shown


def test_the_address_is_read_from_a_pipe(home, server, tmp_path):
    """Where there is no terminal, it is a line of the input."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "login", "w", *options_of(server), "--no-browser"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        url = lines_until(process.stderr, URL)
        _, err = process.communicate(f"{follow(url)}\n", timeout=100)
    assert process.returncode == 0, err


@pytest.mark.parametrize("how", [[], ["--device"]])
def test_ctrl_c_ends_a_login(home, server, browser, tmp_path, how):
    """Exit code 130, no traceback, no profile, no process, and no countdown."""
    with started(tmp_path, "login", "work", *options_of(server), *how) as process:
        lines_until(process.stderr, re.compile("Waiting for you"))
        process.send_signal(signal.SIGINT)
        assert process.wait(100) == 130
        browser.touch()  # it has the pipes, too
        out, err = process.communicate(timeout=100)
    # The browser's complaint, that nobody listens any more, may be there.
    assert "KeyboardInterrupt" not in out + err
    assert Profiles().names() == []
    assert eventually(lambda: family(tmp_path) == [])


def test_ctrl_c_while_the_modules_load():
    """It ends with 130, too, and without a traceback."""
    code = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'oauth_auth.cli.group': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from oauth_auth.cli import main; main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_ctrl_c_at_a_question(home, server):
    """The prompt for a secret can be left, too."""
    with Terminal("login", "work", *options_of(server), "--client-secret") as terminal:
        terminal.until("Client secret: ")
        terminal.send_signal(signal.SIGINT)
        assert terminal.end() == 130
    assert "Traceback" not in terminal.shown


def test_the_end_of_the_input_at_a_question(home, server):
    """No answer is exit code 2, and said."""
    options = [*options_of(server), "--client-secret"]
    done = command("login", "work", *options, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "input ended" in done.stderr


class TestTerminal:
    """What a person sees at 80 columns."""

    def test_a_countdown(self, home, server, browser):
        """The time left is redrawn in its line, and gone at the end."""
        with Terminal("login", "work", *options_of(server)) as terminal:
            terminal.until("Waiting for you: 2:")
            browser.touch()
            assert terminal.end() == 0
        last = terminal.shown.rpartition("Logged in")[0].rpartition("\r")[2]
        assert "Waiting" not in last

    def test_a_countdown_in_a_narrow_terminal(self, home, server, browser):
        """Its line is cut, since one that is wrapped could not be drawn over."""
        with Terminal("login", "work", *options_of(server), columns=24) as terminal:
            terminal.until("Waiting for you: 2:")
            browser.touch()
            assert terminal.end() == 0
        assert "left" not in terminal.shown

    @pytest.mark.parametrize(
        ("columns", "lines", "shown"),
        [(80, 60, True), (80, 24, True), (30, 60, False), (80, 20, False)],
    )
    def test_a_qr_code_where_it_fits(self, home, server, columns, lines, shown):
        """It is drawn only where it does not drive the code out of sight."""
        with Terminal(
            "login",
            "tv",
            *options_of(server),
            "--device",
            columns=columns,
            lines=lines,
            PYTHONIOENCODING="utf-8",
        ) as terminal:
            terminal.until("Waiting for you")
            assert terminal.shown.count("\n") < lines
            server.approve_device(CODE.search(terminal.shown)[0])
            assert terminal.end() == 0
        assert ("█" in terminal.shown) is shown

    def test_a_qr_code_where_it_can_be_seen(self, home, server):
        """A terminal without block characters gets none, and no error."""
        options = [*options_of(server), "--device"]
        with Terminal("login", "tv", *options, PYTHONIOENCODING="ascii") as terminal:
            terminal.until("Waiting for you")
            server.approve_device(CODE.search(terminal.shown)[0])
            assert terminal.end() == 0

    @pytest.mark.parametrize(
        ("commands", "flags", "environment", "colour"),
        [
            (SHOWING, [], {}, True),
            (SHOWING, ["--no-color"], {}, False),
            (SHOWING[:1], [], {"NO_COLOR": "1"}, False),
            (SHOWING[:1], [], {"TERM": "dumb"}, False),
        ],
    )
    def test_colour(self, home, server, commands, flags, environment, colour):
        """Colour in a terminal, unless somebody does not want it."""
        logged_in(server, "work")
        saved(server, "new", account="me")
        for arguments in commands:
            with Terminal(*arguments, *flags, **environment) as terminal:
                terminal.end()
            assert ("\x1b[" in terminal.shown) is colour, arguments
            if not colour:
                assert not re.search(r"[^\x20-\x7e\n]", terminal.shown)

    def test_long_texts_are_wrapped(self, home, server):
        """Nothing is cut in the middle of a word, but URLs and paths."""
        with Terminal("token", "nosuch") as terminal:
            assert terminal.end() == 2
        words = [word for line in terminal.shown.splitlines() for word in line.split()]
        assert "oauth-auth" in words
        assert max(map(len, terminal.shown.splitlines())) <= max(
            79, len(str(home)) + 20
        )

    @pytest.mark.parametrize(
        "words",
        [
            ["login", "nosuch"],
            ["login", "nosuch", "--issuer", "https://auth.example.com"],
            ["login", "nosuch", "--client-secret", "s3cret"],
        ],
    )
    def test_usage_errors_are_wrapped(self, home, words):
        """What click writes before them counts, whenever they are found."""
        with Terminal(*words) as terminal:
            assert terminal.end() == 2
        assert "\nError: " in terminal.shown
        assert max(map(len, terminal.shown.splitlines())) < 80
        assert "s3cret" not in terminal.shown

    def test_what_an_api_sends_does_not_repaint_the_terminal(self, home, server):
        """Control characters are replaced, and what is no text is not shown."""
        logged_in(server, "work")
        server.api_faults.answer(200, b"one\x1b[2Jtwo")
        with Terminal("request", "GET", server.api_url) as terminal:
            assert terminal.end() == 0
        assert "one\N{REPLACEMENT CHARACTER}[2Jtwo\n" in terminal.shown
        server.api_faults.answer(200, b"\xff\xfe\x00")
        with Terminal("request", "GET", server.api_url) as terminal:
            assert terminal.end() == 0
        assert "3 bytes that are no text" in terminal.shown


def test_a_terminal_of_another_alphabet(home, server):
    """What it cannot show is replaced, and no command fails for it."""
    logged_in(server, "work", account="M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller")
    for arguments in (["status"], ["status", "work"], ["profiles", "show", "work"]):
        done = command(*arguments, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert done.returncode == 0, done.stderr
    assert "M?ller" in done.stdout


def completed(words, index, **environment):
    """Return what the shell is offered."""
    done = command(
        env={
            **os.environ,
            "_OAUTH_AUTH_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(index),
            **environment,
        }
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_the_shell_completes_names(home, server):
    """Profiles, presets, commands and options are offered."""
    saved(server, "work")
    saved(server, "web")
    saved(server, "tv")
    assert completed("oauth-auth token w", 2) == ["web", "work"]
    assert completed("oauth-auth request GET x --profile t", 5) == ["tv"]
    assert completed("oauth-auth login x --preset gith", 4) == [
        "github",
        "github-enterprise",
    ]
    assert completed("oauth-auth logi", 1) == ["login"]
    assert "--device" in completed("oauth-auth login --dev", 2)


def test_completion_has_no_place_for_errors(home):
    """A file that cannot be read completes nothing, and prints nothing."""
    home.mkdir()
    (home / "profiles.toml").write_text("nonsense")
    assert completed("oauth-auth token w", 2) == []


def test_help_answers_without_http_libraries(home):
    """The commands' modules load what they need when they run."""
    code = (
        "import sys; from oauth_auth.cli.group import cli;"
        "print(sorted({'requests', 'httpx', 'httpx2', 'rich', 'cryptography'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_pipe_that_is_closed_is_no_traceback(home, server):
    """As with `oauth-auth status | head -1`."""
    logged_in(server, "work")
    line = f"{sys.executable} -c '{MAIN}' doctor | head -1"
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=False, timeout=100
    )
    assert "Traceback" not in done.stderr
    assert Path(home).exists()

"""The house rules, read from the sources: layers, names, sizes, documentation."""

import ast
import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import oauth_auth

ROOT = Path(__file__).parent.parent
PACKAGE = Path(oauth_auth.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(oauth_auth.__path__, "oauth_auth.")
)

#: From the bottom up: nothing imports what stands below it in this list.
LAYERS = [
    "errors",
    "greenlets",
    "forking",
    "lazy_errors",
    "secret",
    "message",
    "quoting",
    "challenge",
    "token",
    "server",
    "proof",
    "answer",
    "refusal",
    "protocol",
    "flight",
    "presented",
    "signing",
    "client_auth",
    "id_token",
    "transport",
    "stores",
    "identity",
    "reach",
    "endpoint",
    "jwks",
    "device_authorization",
    "introspection",
    "grants",
    "held",
    "lookout",
    "rejections",
    "turn",
    "seed",
    "renewal",
    "sources",
    "login",
    "origins",
    "sealed_pickle",
    "presets",
    "profiles",
    "token_auth",
    "login_auth",
    "http_clients",
    "auth",
    "oauth2_session",
    "compliance_fixes",
    "__init__",
    "testing",
    "cli",
    "__main__",
]

POSIX_ONLY = {
    "curses",
    "fcntl",
    "grp",
    "posix",
    "pty",
    "pwd",
    "resource",
    "syslog",
    "termios",
    "tty",
}


def is_for_types(node):
    """Whether an if-statement is for type checkers alone."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def runtime_nodes(node, *, into_functions=True):
    """Walk through what is executed, and not through what type checkers read."""
    yield node
    if is_for_types(node):
        children = node.orelse
    elif not into_functions and isinstance(
        node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    ):
        children = []
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from runtime_nodes(child, into_functions=into_functions)


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imported(path, **options):
    """Yield the line and name of each module that a file imports."""
    for node in runtime_nodes(ast.parse(path.read_text("utf-8")), **options):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node.lineno, whole if is_module(whole) else node.module


def layer_of(name):
    """Return the part of a module's name that `LAYERS` knows."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_imports_go_down_only():
    """No module imports from a layer above its own, not even inside a function."""
    wrong, seen = [], 0
    for path in SOURCES:
        importer = layer_of(name_of(path))
        assert importer in LAYERS, f"{path} needs a place in LAYERS"
        for line, name in imported(path):
            if name.split(".")[0] != "oauth_auth":
                continue
            seen += 1
            other = layer_of(name)
            if other != importer and LAYERS.index(other) > LAYERS.index(importer):
                wrong.append(f"{path}:{line} imports {name}")
    assert wrong == []
    assert seen > 100


def test_no_modules_import_each_other():
    """Within a package, too, imports make no circle."""
    graph = {
        name_of(path): {name for _, name in imported(path) if name in MODULES}
        for path in SOURCES
    }
    done = set()

    def visit(name, trail):
        assert name not in trail, " imports ".join((*trail, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    assert len(done) == len(SOURCES)


def test_every_module_can_be_imported_on_windows():
    """What only POSIX has is imported where it is used, and its absence handled."""
    wrong = [
        f"{path}:{line} imports {name}"
        for path in SOURCES
        for line, name in imported(path, into_functions=False)
        if name.split(".")[0] in POSIX_ONLY
    ]
    assert wrong == []


def test_a_file_is_one_concept():
    """No file has more than 400 lines that are not blank; split it by concept."""
    sizes = {
        str(path.relative_to(ROOT)): sum(
            1 for line in path.read_text("utf-8").splitlines() if line.strip()
        )
        for path in SOURCES
    }
    assert {name: size for name, size in sizes.items() if size > 400} == {}


class TestWindow:
    """`oauth_auth/__init__.py`, which loads names when they are used."""

    def test_names_are_few_and_sorted(self):
        """There is one sorted list of names, and it stays under 25."""
        names = oauth_auth.__all__
        assert names == sorted(set(names))
        assert len(names) < 25
        assert set(names) <= set(dir(oauth_auth))

    def test_every_name_is_in_the_lazy_table_and_for_type_checkers(self):
        """The three lists say the same, so that no name is half there."""
        tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
        (for_types,) = (node for node in tree.body if is_for_types(node))
        typed = {
            alias.asname or alias.name: node.module.removeprefix("oauth_auth.")
            for node in for_types.body
            for alias in node.names
        }
        assert typed == oauth_auth._MODULES
        assert sorted(typed) == oauth_auth.__all__

    @pytest.mark.parametrize("name", [*oauth_auth.__all__, "__version__"])
    def test_a_name_loads(self, name):
        """What the window shows is there, and documented."""
        value = getattr(oauth_auth, name)
        assert value == getattr(oauth_auth, name)
        assert value.__doc__


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name):
    """Every example of a module's documentation gives what it says it gives."""
    module = importlib.import_module(name)
    assert module.__doc__
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_a_modules_names_exist(name):
    """`__all__` lists names that are there, each once."""
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    for each in names:
        assert hasattr(module, each)


def test_every_test_says_what_it_shows():
    """A test's docstring is a sentence about behaviour."""
    mute, seen = [], 0
    for path in (ROOT / "tests").rglob("*.py"):
        if not {"node_modules", ".venv"}.isdisjoint(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef
            ) and node.name.startswith("test_"):
                seen += 1
                text = ast.get_docstring(node) or ""
                if not re.match(r"\S.*[.?:,\w]$", text, re.MULTILINE) or not (
                    text.endswith((".", "?"))
                ):
                    mute.append(f"{path}:{node.lineno} {node.name}")
    assert mute == []
    assert seen > 500


@pytest.mark.parametrize("name", ["README.md", "docs/login.md", "docs/machines.md"])
def test_the_python_in_the_documents_is_python(name):
    """Each example compiles, and what it imports from us is there."""
    text = (ROOT / name).read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        tree = compile(
            block,
            name,
            "exec",
            ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        )
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(
                "oauth_auth"
            ):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), alias.name

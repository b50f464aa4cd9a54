"""That MUSEUM.md and OBLIGATIONS.md name the tests that show what they list."""

import ast
import os
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
MUSEUM, OBLIGATIONS = TESTS / "MUSEUM.md", TESTS / "OBLIGATIONS.md"

#: M98 and M99 are several failures each.
LETTERS = {98: "abcde", 99: "abcdefg"}
ENTRIES = [
    f"M{number:02}{letter}"
    for number in range(1, 100)
    for letter in LETTERS.get(number, [""])
]
DUTIES = [str(number) for number in range(1, 59)]

#: A test is named as [`Class::test_name`](the file, as seen from the table).
LINK = re.compile(r"\[`([\w:]+)`\]\(([^)\s]+\.py)\)")
ROW = re.compile(r"^\| (M?\d+[a-z]?) \|(.*)\|$", re.MULTILINE)
#: As in "M07", "M99e" and "M05-M07".
NUMBER = re.compile(r"\bM(\d\d)([a-z]?)(?:-M(\d\d))?\b")


@cache
def said_by_tests():
    """Return the museum numbers in the docstring of every test, by path::name.

    The suites that HTTP clients and stores inherit count where they are written.
    """
    found = {}
    for path in (*TESTS.rglob("*.py"), *ROOT.glob("oauth_auth/testing/*.py")):
        if not {"node_modules", ".venv"}.isdisjoint(path.parts):
            continue
        where = path.relative_to(ROOT).as_posix()
        for name, function in _tests(ast.parse(path.read_bytes(), where).body):
            text = ast.get_docstring(function) or ""
            found[f"{where}::{name}"] = sorted(_numbers(text))
    return found


def _tests(body, prefix=""):
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, f"{prefix}{node.name}::")
        elif isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef
        ) and node.name.startswith("test_"):
            yield prefix + node.name, node


def _numbers(text):
    """Return the entries that a text names, ranges written out."""
    for first, letter, last in NUMBER.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"M{number:02}{letter}"


def link(name):
    """Return how a table names a test that is given as path::name."""
    path, _, label = name.partition("::")
    return f"[`{label}`]({os.path.relpath(ROOT / path, TESTS)})"


def rows(text):
    """Return the rows of a document's tables: each number with its other cells."""
    return [(number, rest) for number, rest in ROW.findall(text)]


def named_in(row):
    """Return the tests that a row names, as path::name."""
    return [
        f"{os.path.relpath(TESTS / path, ROOT)}::{name}"
        for name, path in LINK.findall(row)
    ]


def complaints(table, text, numbers):
    """Yield what is wrong with a table by itself, and how to mend it."""
    found = rows(text)
    listed = [number for number, _ in found]
    for number in numbers:
        if listed.count(number) != 1:
            yield f"{table}: {number} has {listed.count(number)} rows, and needs one"
    for number in sorted(set(listed) - set(numbers)):
        yield f"{table}: there is no {number}; remove its row"
    for number, row in found:
        named = named_in(row)
        if len(set(named)) != len(named):
            yield f"{table}, row {number}: a test is named twice"
        for name in named:
            if name not in said_by_tests():
                yield f"{table}, row {number}: there is no {name}"
        *_, last = row.split("|")
        if not named and not re.search(r"\w+ \w+", last):
            yield f"{table}, row {number}: name a test, or say why there is none"


def disagreements(text):
    """Yield where the museum and the docstrings of the tests do not agree."""
    table = MUSEUM.relative_to(ROOT)
    named = {number: named_in(row) for number, row in rows(text)}
    for name, said in said_by_tests().items():
        for number in said:
            if number not in ENTRIES:
                yield f"{name}: its docstring names {number}, which is no entry"
            elif name not in named.get(number, ()):
                yield f"{table}, row {number}: add {link(name)}"
    for number, tests in named.items():
        for name in tests:
            if number not in said_by_tests().get(name, [number]):
                yield (
                    f"{name}: end its docstring with {number}., or take it out of "
                    f"row {number} of {table}"
                )


def check(found):
    """Fail with one line for each thing that is to be done."""
    todo = list(found)
    assert not todo, "\n" + "\n".join(todo)


@pytest.mark.parametrize(
    ("path", "numbers"),
    [(MUSEUM, ENTRIES), (OBLIGATIONS, DUTIES)],
    ids=["museum", "obligations"],
)
def test_every_number_has_one_row_with_tests_or_a_reason(path, numbers):
    """Nothing is left out, and every test that is named exists."""
    check(complaints(path.relative_to(ROOT), path.read_text("utf-8"), numbers))


def test_the_museum_and_the_docstrings_agree():
    """A test names its entries, and each entry's row names the test."""
    assert sum(map(bool, said_by_tests().values())) > 100
    check(disagreements(MUSEUM.read_text("utf-8")))


@pytest.mark.parametrize("path", [MUSEUM, OBLIGATIONS], ids=lambda path: path.stem)
def test_what_the_tables_link_to_is_there(path):
    """Links within the repository lead to files."""
    targets = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    local = {target.partition("#")[0] for target in targets if "://" not in target}
    assert local
    assert [target for target in sorted(local) if not (TESTS / target).is_file()] == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ((r"^\| M01 .*\n", ""), "M01 has 0 rows"),
        ((r"^(\| M01 .*\n)", r"\1\1"), "M01 has 2 rows"),
        ((r"^\| M01 ", "| M00 "), "there is no M00"),
        ((r"^(\| M02 .*?`)test_\w+`", r"\1test_gone`"), "row M02: there is no"),
        ((r"^(\| M02 .*\| ).*\|$", r"\1 - |"), "row M02: name a test, or say why"),
        ((r"^(\| M02 .*\| ).*\|$", r"\1 no such thing |"), "row M02: add [`test_"),
        ((r"^(\| M60 .*) \|$", r"\1 {} |"), "end its docstring with M60."),
    ],
)
def test_a_table_that_is_wrong_is_found_out(change, complaint):
    """Whatever is taken out of the museum, or put in wrongly, is named."""
    text = MUSEUM.read_text("utf-8")
    pattern, replacement = change
    stranger = link(next(n for n, said in said_by_tests().items() if not said))
    changed, count = re.subn(
        pattern, replacement.format(stranger), text, count=1, flags=re.MULTILINE
    )
    assert count == 1
    found = [*complaints("the table", changed, ENTRIES), *disagreements(changed)]
    assert any(complaint in line for line in found), found

"""`python -m benchmarks`, with sizes at which the figures mean nothing."""

import json
import random

import pytest

from benchmarks import goals, publish, report
from benchmarks.__main__ import main
from benchmarks.measure import Spread, interleaved, percentile, ratio

QUICK = ("--quick", "--no-peers", "--rounds", "1")
#: What each benchmark's first table has to say, beside who.
FIGURES = {
    "warm": {"time", "ratio"},
    "calls": {"time", "ratio"},
    "start": {"time", "ratio", "modules"},
    "handoff": {"ratio", "late", "waiters", "requests"},
    "storm": {"requests", "succeeded", "lost", "time", "valid", "ratio"},
    "tasks": {"requests", "succeeded", "time", "ratio", "stall"},
    "steady": {"requests", "failed", "renewals", "waited", "p50", "p99", "p99.9"},
    "growth": {"records", "open", "list", "seed"},
}


def measured(tmp_path, name):
    """Run a benchmark; return what it has written."""
    path = tmp_path / "figures.json"
    assert main([name, *QUICK, "--json", str(path)]) == 0
    found = json.loads(path.read_text("utf-8"))
    assert {"cpu", "cores", "load", "python", "versions"} <= set(found["environment"])
    return found["benchmarks"][name]["tables"]


@pytest.mark.parametrize("name", FIGURES)
def test_a_benchmark_gives_figures(tmp_path, capsys, name):
    """Each command runs, prints its tables, and writes the same figures as JSON."""
    tables = measured(tmp_path, name)
    printed = capsys.readouterr().out
    for table in tables:
        assert table["title"] in printed
        assert table["rows"]
    for row in tables[0]["rows"]:
        assert FIGURES[name] <= set(row)
    if name == "storm":
        ours = [row for row in tables[0]["rows"] if row["who"].startswith("oauth")]
        assert [row["succeeded"] for row in ours] == ["4", "4"]
        assert {row["lost"] for row in ours} == {"0 of 1"}


def test_candidates_take_turns_in_changing_order():
    """Every candidate runs once a round, and not always in the same order."""
    ran = []
    tries = {name: lambda name=name: ran.append(name) or 1.0 for name in "abcd"}
    figures = interleaved(tries, rounds=8, chance=random.Random(1), warm_up=False)
    assert figures == {name: [1.0] * 8 for name in "abcd"}
    orders = [tuple(ran[start : start + 4]) for start in range(0, 32, 4)]
    assert {frozenset(order) for order in orders} == {frozenset("abcd")}
    assert len(set(orders)) > 1


def test_figures_are_medians_with_both_ends():
    """What a table shows is the median, the least and the most."""
    assert Spread.of([3.0, 1.0, 2.0], 10.0) == (20.0, 10.0, 30.0)
    assert ratio([2.0, 4.0, 6.0], [2.0, 2.0, 9.0]) == 2.0
    assert percentile(list(range(100)), 0.99) == 99
    assert percentile([5.0], 1.0) == 5.0


def test_results_are_written_into_the_readme(tmp_path):
    """The section between the marks is replaced, and the rest stays as it is."""
    table = report.Table(
        "What it is.",
        [report.Column("who", "who"), report.Column("time", "ms")],
        [{"who": "one", "time": [1.5, 1.0, 2000.0]}, {"who": "two", "time": None}],
        ["A note."],
    )
    results = {
        "environment": report.environment(),
        "benchmarks": {"growth": {"seconds": 1.0, "tables": [table.to_json()]}},
    }
    file, readme = tmp_path / "figures.json", tmp_path / "README.md"
    file.write_text(json.dumps(results), "utf-8")
    readme.write_text(f"before\n{publish._BEGIN}\nold\n{publish._END}\nafter\n")
    publish.publish(file, tmp_path)
    text = readme.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| one | 1.50 (1.00 to 2,000) |" in text
    assert "### growth" in text
    publish.publish(file, tmp_path)
    assert readme.read_text("utf-8") == text


@pytest.mark.parametrize(("waited", "word"), [(0, "yes"), (2, "NO")])
def test_goals_are_compared_with_the_figures(waited, word):
    """A goal is reached or not, and the best peer stands beside it."""
    rows = [{"who": "oauth_auth", "waited": waited}, {"who": "another", "waited": 5}]
    table = report.Table("Steady.", [], rows)
    found = goals.reached({"steady": [table]})
    (row,) = found.rows
    assert (row["figure"], row["reached"]) == (waited, word)
    assert (row["peer"], row["whose"]) == (5, "another")
    missed, _, beaten = goals.behind(found)
    assert missed.startswith(f"Behind its goals in {int(word == 'NO')} of 1:")
    assert beaten == "Behind a peer in 0: none."


def test_a_readme_without_a_place_is_left_alone(tmp_path):
    """Without its marks the file is not written."""
    file, readme = tmp_path / "figures.json", tmp_path / "README.md"
    results = {"environment": report.environment(), "benchmarks": {}}
    file.write_text(json.dumps(results), "utf-8")
    readme.write_text("nothing\n")
    with pytest.raises(ValueError, match="needs the lines"):
        publish.publish(file, tmp_path)
    assert readme.read_text("utf-8") == "nothing\n"

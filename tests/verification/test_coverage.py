"""Crash coverage finds every await of a package and the tasks that wait there."""

from __future__ import annotations

import ast
from importlib import resources

from arb.verification import Point, await_points
from arb.verification._coverage import Recorder
from arb.verification._plan import drawn_plan
from arb.verification._running import direct_seeded, run_plan, seeded_fates


def test_every_await_of_execution_is_a_point() -> None:
    source = "".join(
        file.read_text(encoding="utf-8")
        for file in resources.files("arb.execution").iterdir()
        if file.name.endswith(".py")
    )
    waits = sum(
        isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) for node in ast.walk(ast.parse(_joined(source)))
    )
    points = await_points()

    assert len(points) == len(set(points)) == waits
    assert {point.kind for point in points} >= {"await", "async with"}


def test_tasks_are_found_where_they_wait() -> None:
    points = await_points()
    recorder, plan = Recorder(points), drawn_plan(2, "calm")
    run_plan(plan, seeded_fates(plan), direct_seeded, on_turn=recorder.look)
    reached = {point for point, _process in recorder.turns}

    assert len(reached) > 40
    assert any(point.function == "send" for point in reached)
    assert all(turns == sorted(set(turns)) for turns in recorder.turns.values())


def test_a_point_names_its_place() -> None:
    point = Point("_sending.py", 12, 8, "send", "await")

    assert str(point) == "_sending.py:12 send (await)"


def _joined(source: str) -> str:
    """Return sources as one module: only the first may import from the future."""
    return source.replace("from __future__ import annotations\n", "")

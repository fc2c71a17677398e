from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from arb.kernel._guard import WorkFailed, describe, within


def test_a_result_and_an_exception_come_through() -> None:
    assert within(5, lambda: 3, "x") == 3
    with pytest.raises(WorkFailed, match="SystemExit: 3"):
        within(5, lambda: sys.exit(3), "x")


def test_work_that_hangs_is_left_behind() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError, match=r"not done after 0\.05 s"):
        within(0.05, release.wait, "x")
    release.set()


def test_a_hang_does_not_keep_the_process() -> None:
    code = (
        "from arb.kernel._guard import within\nimport time\n"
        "try: within(0.05, lambda: time.sleep(60), 'x')\nexcept TimeoutError: print('left')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "left\n"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (AssertionError(), "AssertionError"),
        (SystemExit(3), "it tried to exit the process (SystemExit: 3)"),
        (Unprintable(), "Unprintable"),
    ],
)
def test_any_exception_is_described_on_one_line(error: BaseException, text: str) -> None:
    assert describe(error) == text


def test_a_long_text_is_cut() -> None:
    assert len(describe(ValueError("x" * 10_000))) < 400

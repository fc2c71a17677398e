"""Named cases of two processes over one account: the lease has one holder, and only that one sends."""

from __future__ import annotations

from typing import Final

from ._expectations import ended_by
from ._scenario import Scenario, Setup, adl, at, clock_jump, ends, halt, holds, orders, resume, second_process

_GIVES_WAY: Final = Scenario(
    name="second-process-gives-way",
    references=("lighter-python#60", "ccxt#28073"),
    about="A second process is started while the first one trades. It waits for the lease for one term, finds that it "
    "is kept, and ends; the first one goes on.",
    setup=Setup(flips_s=()),
    script=(at(10, second_process()),),
    expect=(ended_by("", "LeaseLost"), ends(open=1)),
)

_OVERTAKEN: Final = Scenario(
    name="overtaken-with-a-leg-to-mend",
    references=("ccxt#28073",),
    about="The clock of a second process jumps ahead, so it takes the lease of one that lives; in the same moment a "
    "leg is deleveraged. The first one finds the newer token and ends, the second one mends the hedge.",
    setup=Setup(flips_s=()),
    script=(
        at(10, second_process()),
        at(44.9, clock_jump(300, process=2)),
        at(45, adl("left", "0.0060")),
    ),
    expect=(ended_by("LeaseLost", ""), ends(open=1), holds("left", "0.0138"), holds("right", "-0.0138")),
)

_BEFORE_ITS_ENTRY: Final = Scenario(
    name="overtaken-before-it-enters",
    references=("ccxt#28073", "lighter-python#23"),
    about="The lease is taken from a process that is about to open a hedge: what it wants to record of the order finds "
    "the newer token, so the order is never sent. The other process opens it, once.",
    setup=Setup(flips_s=(), strategy={"cooldown": "0s", "cycle": "1s"}),
    script=(
        at(0.5, halt()),
        at(10, second_process()),
        # While the second one starts, the first one has its next look at what could be opened.
        at(44.9, clock_jump(300, process=2), resume()),
    ),
    expect=(ended_by("LeaseLost", ""), orders("left", exactly=1), orders("right", exactly=1), ends(open=1)),
)

WRITERS: Final = (_GIVES_WAY, _OVERTAKEN, _BEFORE_ITS_ENTRY)

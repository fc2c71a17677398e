from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from arb.api import HttpRequest, HttpResponse
from arb.testing import Bench, BenchDesk, recorded_data
from arb_exchange_grvt import plugin

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))
CREATE, ORDER = "/full/v1/create_order", "/full/v1/order"


@pytest.fixture
def wire_data() -> Path:
    """Return the folder of recorded payloads."""
    return recorded_data(DATA / "wire")


@pytest.fixture
def vector_data() -> Path:
    """Return the file of signing vectors."""
    return recorded_data(DATA.parent / "venues/vectors/grvt.json")


@pytest.fixture
def bench() -> Bench:
    """Return what runs a body on the plugin over its fake, in virtual time."""
    (spec,) = plugin.arb_exchanges()
    return Bench(spec)


def answering(path: str, status: int, content: Any, times: int = 10**9) -> Callable[[HttpRequest], HttpResponse | None]:
    left = [times]

    def answer(request: HttpRequest) -> HttpResponse | None:
        if not request.url.endswith(path) or left[0] <= 0:
            return None
        left[0] -= 1
        return HttpResponse(status=status, headers={}, body=json.dumps(content).encode())

    return answer


def bodies(desk: BenchDesk, path: str) -> list[Any]:
    """Return what was asked for on a path."""
    return [json.loads(each.body) for each in desk.wire.sent("POST", path)]


def error(code: int, status: int) -> Mapping[str, Any]:
    return {"code": code, "message": "no", "status": status}

"""The inside of a probe: load one plugin in this process and say how it went.

Run as `python -m arb.kernel._probe FAMILY NAME TIMEOUT_S RESULT_FILE`. Whatever the plugin does to
this process, the one that asked is not touched. The result file holds `ok` or `failed` on its first
line, then details as JSON or the reason.
"""

from __future__ import annotations

import asyncio
import builtins
import decimal
import json
import logging
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final

import click
import pluggy
import pydantic
import stevedore

import arb.api
import arb.model
from arb.api import ExchangeSpec

from ._catalog import PluginRef, Status, installed_plugins
from ._composition import load_into
from ._describe import settings_rows, settings_schema
from ._guard import describe
from ._registry import Registry

# Bound now: the plugin may replace what the module holds.
_leave = os._exit
_dumps = json.dumps
_outputs = (sys.stdout, sys.stderr)

_WATCHED: Final = (
    builtins, json, decimal, time, random, os, socket, logging, asyncio, click, pydantic, pluggy, stevedore,
    arb.api, arb.model,
)  # fmt: skip
"""What everything else relies on; a plugin that changes any of it would change the whole run."""


def main(family: str, name: str, timeout_s: float, result_file: str) -> None:
    """Probe one plugin and end the process, at once and without its exit handlers."""
    with open(result_file, "w", encoding="utf-8") as stream:
        stream.write(_probe(family, name, timeout_s))
    for output in _outputs:
        output.flush()
    _leave(0)


def _probe(family: str, name: str, timeout_s: float) -> str:
    refs = [ref for ref in installed_plugins() if ref.family == family and ref.name == name]
    if len(refs) != 1 or refs[0].status is not Status.OK:
        return "failed\nit is not installed as it was listed"
    (ref,) = refs
    before = dict(_fingerprint())
    registry = Registry()
    failure = load_into(registry, ref, timeout_s=timeout_s)
    if failure is not None:
        return f"failed\n{str(failure.error).removeprefix(ref.label + ': ')}"
    after = dict(_fingerprint())
    changed = sorted(key for key, value in before.items() if after.get(key) is not value)
    if changed:
        return f"failed\nimporting {ref.target} changes {', '.join(changed[:5])} for the whole process"
    threads = [thread.name for thread in threading.enumerate() if not thread.daemon]
    if len(threads) > 1:
        return f"failed\nimporting {ref.target} starts threads that keep the process alive: {', '.join(threads[1:])}"
    try:
        return f"ok\n{_dumps(_details(registry, ref), default=str)}"
    except Exception as error:
        return f"failed\nits settings cannot be described: {describe(error)}"


def _details(registry: Registry, ref: PluginRef) -> dict[str, Any]:
    spec = registry.specs(ref.family)[ref.name]
    return {
        "capabilities": sorted(spec.capabilities) if isinstance(spec, ExchangeSpec) else [],
        "hooks": registry.hooks(ref),
        "settings": list(settings_rows(spec.settings)),
        "schema": settings_schema(spec.settings),
    }


def _fingerprint() -> Iterator[tuple[str, object]]:
    """Yield every function and class of the watched modules, and every function of those classes."""
    for name in ("stdout", "stderr", "excepthook"):
        yield f"sys.{name}", getattr(sys, name)
    watched = {module.__name__ for module in _WATCHED}
    loaded: dict[str, object] = dict(sys.modules)
    for name, module in loaded.items():
        if isinstance(module, ModuleType) and (name in watched or name.rpartition(".")[0] in watched):
            for key, value in _routines(module):
                yield f"{name}.{key}", value
                if isinstance(value, type) and value.__module__ == name:
                    for inner, routine in _routines(value):
                        yield f"{name}.{key}.{inner}", routine


def _routines(owner: Any) -> Iterator[tuple[str, object]]:
    kinds = (FunctionType, BuiltinFunctionType, type, classmethod, staticmethod, property)
    for key, value in list(vars(owner).items()):
        if isinstance(value, kinds) and not (key.startswith("__") and isinstance(owner, ModuleType)):
            yield key, value


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4])

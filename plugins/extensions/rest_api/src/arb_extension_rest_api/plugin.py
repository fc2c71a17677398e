"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from arb.api import ExtensionSpec, hookimpl

PLUGIN_API = 1

CONFORMANCE: Final[Mapping[str, Any]] = MappingProxyType({"settings": {"port": 0}})
"""How the conformance kit opens it: on any free port."""


@hookimpl
def arb_extensions() -> Iterable[ExtensionSpec]:
    """Return the REST API."""
    from ._extension import open_rest_api
    from ._settings import RestApiSettings

    return [ExtensionSpec(name="rest_api", settings=RestApiSettings, open=open_rest_api)]

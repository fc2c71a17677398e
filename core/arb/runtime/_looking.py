"""Opening a storage to look at it."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from arb.api import ConfigError
from arb.kernel import Part


def read_only(part: Part, source: str) -> Part:
    """Return the use of a storage that asks for a read-only opening, where the plugin has such a setting.

    Args:
        part: The storage, as the configuration uses it.
        source: The configuration's name, for messages.

    Raises:
        ConfigError: it cannot be opened so: a database in memory holds nothing to look at.
    """
    if "read_only" not in type(part.settings).model_fields:
        return part
    try:
        settings = part.spec.settings.model_validate({**part.raw, "read_only": True})
    except ValidationError as error:
        # Valid as written, so this is about reading alone.
        reasons = "; ".join(each["msg"] for each in error.errors(include_input=False, include_url=False))
        raise ConfigError(f"{source}: [storages.{part.alias}]: holds no stored run to look at: {reasons}") from None
    return replace(part, settings=settings)

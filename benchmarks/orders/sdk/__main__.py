"""Drive one SDK line by line over standard input: `python -m sdk VENUE`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from ._aster import AsterClient
from ._backpack import BackpackSdk
from ._binance import BinanceSdk
from ._common import Sdk
from ._edgex import EdgexSdk
from ._grvt import GrvtSdk
from ._hyperliquid import HyperliquidSdk
from ._lighter import LighterSdk
from ._paradex import ParadexSdk

_KINDS: Final[Mapping[str, Callable[[Any], Sdk]]] = {
    "aster": AsterClient,
    "backpack": BackpackSdk,
    "binance": BinanceSdk,
    "edgex": EdgexSdk,
    "grvt": GrvtSdk,
    "hyperliquid": HyperliquidSdk,
    "lighter": LighterSdk,
    "paradex": ParadexSdk,
}


def main() -> None:
    """Answer each line of standard input with one line."""
    kind = _KINDS[sys.argv[1]]
    answers, sys.stdout = sys.stdout, sys.stderr  # an SDK may print
    sdk = kind(json.loads(sys.stdin.readline()))
    print(json.dumps(f"{sdk.about}, Python {sys.version.split()[0]}"), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(sdk.measure(asked["what"], asked["count"], asked["order"])), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""What Binance USD-M futures and those who copied its API have in common.

A plugin states what is its venue's own as a :class:`Dialect` and a :class:`Signer`, and opens it with
:func:`open_fapi`; see the README.
"""

from ._capabilities import (
    CAPABILITIES,
    PUBLIC_CAPABILITIES,
)
from ._dialect import (
    DEPTH_WEIGHTS,
    NO_PARAMS,
    QUOTES,
    Dialect,
    Endpoint,
    Endpoints,
    Params,
    Signer,
    Sockets,
    crypto_perpetual,
)
from ._errors import (
    CLOCK_ADVICE,
    IN_DOUBT,
    KEY_ADVICE,
    REFUSALS,
)
from ._fields import flag
from ._open import (
    Check,
    FapiExchange,
    open_fapi,
)
from ._prices import (
    book_of,
    delta_of,
)
from ._rest import (
    VenueRest,
)
from ._settings import (
    FapiSettings,
    Url,
)
from ._symbols import (
    asset_of,
    perpetual,
)

__all__ = [
    "CAPABILITIES",
    "CLOCK_ADVICE",
    "Check",
    "DEPTH_WEIGHTS",
    "Dialect",
    "Endpoint",
    "Endpoints",
    "FapiExchange",
    "FapiSettings",
    "IN_DOUBT",
    "KEY_ADVICE",
    "NO_PARAMS",
    "PUBLIC_CAPABILITIES",
    "Params",
    "QUOTES",
    "REFUSALS",
    "Signer",
    "Sockets",
    "Url",
    "VenueRest",
    "asset_of",
    "book_of",
    "crypto_perpetual",
    "delta_of",
    "flag",
    "open_fapi",
    "perpetual",
]

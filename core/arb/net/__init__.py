"""The network for exchange plugins: HTTP and WebSockets behind the ports, and what every venue's wire code needs."""

from ._backoff import (
    Backoff,
)
from ._budget import (
    RateBudget,
    RateLimit,
)
from ._http import (
    AiohttpTransport,
)
from ._open import (
    open_transports,
)
from ._server_time import (
    ServerTime,
)
from ._stream import (
    Connected,
    Stream,
    StreamRules,
)
from ._websocket import (
    WebsocketsTransport,
)

__all__ = [
    "AiohttpTransport",
    "Backoff",
    "Connected",
    "RateBudget",
    "RateLimit",
    "ServerTime",
    "Stream",
    "StreamRules",
    "WebsocketsTransport",
    "open_transports",
]

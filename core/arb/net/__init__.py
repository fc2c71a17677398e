"""The network for exchange plugins: the production bindings of the HTTP and WebSocket ports."""

from ._http import (
    AiohttpTransport,
)
from ._open import (
    open_transports,
)
from ._websocket import (
    WebsocketsTransport,
)

__all__ = [
    "AiohttpTransport",
    "WebsocketsTransport",
    "open_transports",
]

"""The network for exchange plugins: HTTP and WebSockets behind the ports, and what every venue's wire code needs."""

from ._backoff import (
    Backoff,
)
from ._book_chain import (
    BookMessage,
    chained,
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
from ._order_numbers import (
    OrderNumbers,
)
from ._rest import (
    Rest,
    RestCall,
    decoded,
)
from ._serve import (
    VenueServer,
    served,
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
    "BookMessage",
    "Connected",
    "OrderNumbers",
    "RateBudget",
    "RateLimit",
    "Rest",
    "RestCall",
    "ServerTime",
    "Stream",
    "StreamRules",
    "VenueServer",
    "WebsocketsTransport",
    "chained",
    "decoded",
    "open_transports",
    "served",
]

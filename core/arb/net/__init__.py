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
from ._evm import (
    EvmKey,
    EvmSignature,
    TypedData,
    keccak256,
    recover_address,
)
from ._first_contact import (
    FirstContact,
)
from ._http import (
    AiohttpTransport,
)
from ._open import (
    open_transports,
)
from ._order_numbers import (
    FOREIGN,
    OrderNumbers,
)
from ._recorder import (
    TrafficRecorder,
    recorded,
)
from ._redacted import (
    Redactor,
)
from ._replayed import (
    NotRecorded,
    Replay,
    recorded_from,
    replayed,
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
    "EvmKey",
    "EvmSignature",
    "FOREIGN",
    "FirstContact",
    "NotRecorded",
    "OrderNumbers",
    "RateBudget",
    "RateLimit",
    "Redactor",
    "Replay",
    "Rest",
    "RestCall",
    "ServerTime",
    "Stream",
    "StreamRules",
    "TrafficRecorder",
    "TypedData",
    "VenueServer",
    "WebsocketsTransport",
    "chained",
    "decoded",
    "keccak256",
    "open_transports",
    "recorded",
    "recorded_from",
    "recover_address",
    "replayed",
    "served",
]

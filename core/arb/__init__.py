"""arb: delta-neutral funding-rate arbitrage on perpetual futures, composed from plugins.

Plugin authors import :mod:`arb.api`, :mod:`arb.model`, :mod:`arb.net`, :mod:`arb.simulation` and
:mod:`arb.testing`; everything else is private to the project.
"""

from ._version import __version__ as __version__

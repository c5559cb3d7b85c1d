"""Nobody in this process reaches any machine but this one: what is not 127.0.0.1 is refused before it is dialled.

The clients under test are other people's, and their code names hosts of their own.
"""

from __future__ import annotations

import os
import sys
from typing import Final

_HERE: Final = (("127.0.0.1",), "127.0.0.1", b"127.0.0.1")
_DIALS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_NAMES: Final = frozenset({
    "socket.getaddrinfo",
    "socket.getnameinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
})


def lock() -> None:
    """Refuse all but 127.0.0.1, for the rest of this process; forget the proxies of the environment."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    sys.addaudithook(_refuse)


def _refuse(event: str, args: tuple[object, ...]) -> None:
    if event in _DIALS:
        whom = args[1]
    elif event in _NAMES:
        whom = args[0]
    else:
        return
    # an address is (host, port, ...); that of another kind of socket is refused, too
    host = whom[:1] if isinstance(whom, tuple) else whom
    if host not in _HERE:
        raise RuntimeError(f"this process talks to 127.0.0.1 alone, not to {whom!r}")

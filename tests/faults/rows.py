"""
The rows of the fault matrix: for each fault how it strikes a world, how long it stands, and what it may come to.

The numbers are those of the matrix: where one row names several ways, they are letters, or take turns.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable
from typing import Any

import anyio
from attrs import frozen

from mjwatch import (
    GatewayBroken,
    GatewayBusy,
    GatewayDenied,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
)
from mjwatch.testing import SATURATED, WEB_APP, Answer, current_loop
from mjwatch.testing.simnet import LOCALHOST
from tests.faults.tunnel import (
    Answered,
    Cut,
    Flipped,
    Lagging,
    Muddled,
    Poisoned,
    TooMany,
    dripped,
    hung_up_when_reused,
    reset_in_the_middle,
    sliced,
)
from tests.faults.world import HOST, NEW_TOKEN, World, bomb

LISTS = "IC"
LOOKS = "FIC"
ALL = "FICSG"


@frozen
class Fault:
    """
    One fault.

    Attributes:
        name: Its number in the matrix, and what it is.
        endpoints: For which the matrix has it.
        strike: How it begins.
        seconds: How long it stands.
        mend: What else mends it; the network and the gateway are made well in any case.
        heals_in: Within how many seconds after that all is known again.
        errors: What a call under the fault may raise; () where it must bring the right value.
        raised_at: The endpoints where, before the first useful answer, readers get it as an error.
        is_told: Readers may learn of it by `Unreachable`; where not, they notice nothing but time.
        spreads: A fault of a call also befalls the looks.
        looks_every: The interval; where minutes must pass, a longer one on which all phases lie as well, seconds.
        is_tunnelled, is_named: What it needs.
        ends: How task "1" ends.
    """

    name: str
    endpoints: str
    strike: Callable[[World], object]
    seconds: float = 30.0
    mend: Callable[[World], object] = lambda _: None
    heals_in: float = 45.0
    errors: tuple[type[GatewayError], ...] = ()
    raised_at: str = ""
    is_told: bool = True
    spreads: bool = False
    looks_every: float = 5.0
    is_tunnelled: bool = False
    is_named: bool = False
    ends: str = "success"

    @property
    def row(self) -> int:
        """Its number."""
        return int("".join(letter for letter in self.name.split("-")[0] if letter.isdigit()))


def refused(world: World) -> None:
    """Nobody listens any more."""
    world.network.is_refusing = True
    world.drop_connections()


def swallowed(world: World) -> None:
    """Bytes vanish; a call beside the looks is accepted and never answered."""
    if world.is_watched:
        world.network.replies.is_blackhole = True
    else:
        world.silence()


def late(world: World) -> None:
    """Each reply takes up to 15 s."""
    world.network.replies.latency = (0.0, 15.0)


def impatient(world: World) -> None:
    """429 without a word, with the words of family C, with a Retry-After, and with hostile ones, in turn."""
    wishes = ("20", "99999999999", "-5", "soon", "Fri, 31 Dec 9999 23:59:59 GMT")
    world.answers(SATURATED, Answer(429), *(Answer(429, b"", {"Retry-After": wish}) for wish in wishes))


def broken(world: World) -> None:
    """500, 502, 503, 504 in turn."""
    world.answers(*(Answer(status) for status in (500, 502, 503, 504)))


def nothing(world: World) -> None:
    """An empty 200, a 204 and `null` in turn."""
    world.answers(Answer(200), Answer(204), Answer(200, b"null", {"Content-Type": "application/json"}))


def denied(world: World) -> None:
    """The token was withdrawn."""
    for answer in (Answer(401), Answer(403), Answer(401, "未登录".encode())) * 20:
        world.sim.fault(answer)


def rotated(world: World) -> None:
    """Both sides have a new token."""
    world.token = NEW_TOKEN
    desk: Any = world.sim._desk
    desk.token = NEW_TOKEN


def redirected(world: World) -> None:
    """To itself, to another host, to plain http, with each status that there is for it."""
    places = (
        "/mj/task/done/fetch",
        "http://127.0.0.1:1/",
        "http://other.test/",
        "//other.test/",
        world.sim.base_url,
    )
    statuses = (301, 302, 303, 307, 308)
    world.answers(
        *(Answer(*one) for one in zip(statuses, (b"",) * 5, ({"Location": p} for p in places), strict=True))
    )


def nameless(world: World) -> None:
    """The name is unknown, hangs, has no address, or fails for now, in turn."""
    world.drop_connections()
    loop = current_loop()
    count = 0

    async def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        nonlocal count
        count += 1
        if host != HOST:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (LOCALHOST, port))]
        match count % 4:
            case 0:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            case 1:
                await anyio.sleep(40)  # what a system's resolver waits
            case 2:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return []

    vars(loop)["getaddrinfo"] = getaddrinfo


def bombed(world: World) -> None:
    """A few kilobytes that unpack to more than the cap."""
    size = 65 << 20 if world.endpoint == "G" else 9 << 20
    world.answers(Answer(200, bomb(size), {"Content-Encoding": "gzip"}))


def packed(world: World) -> None:
    """Gzip that is none, gzip in gzip, brotli that nobody asked for, and a charset from hell, in turn."""
    twice = gzip.compress(gzip.compress(b"[]"))
    kinds = (("gzip", b"[]"), ("gzip", twice), ("br", b"\x0b\x01\x80[]\x03"))
    answers = [
        Answer(200, body, {"Content-Encoding": encoding, "Content-Type": "application/json"})
        for encoding, body in kinds
    ]
    world.answers(*answers, Answer(200, b"\xff\xfe", {"Content-Type": "application/json; charset=zlib"}))


def forget(world: World) -> None:
    """Let the gateway know no task any more."""
    for task_id in ("1", "2", "done"):
        world.sim.forget(task_id)


FAULTS = (
    Fault("1-refused", ALL, refused, 60.0, errors=(GatewayUnreachable,), spreads=True),
    Fault("2-black-hole", ALL, swallowed, 60.0, errors=(GatewayUnreachable,)),
    Fault(
        "3-reset-mid-body",
        ALL,
        lambda world: world.mistreat(reset_in_the_middle),
        errors=(GatewayUnreachable, GatewayBroken),
        is_tunnelled=True,
    ),
    Fault(
        "4-stale-connection",
        ALL,
        lambda world: world.mistreat(hung_up_when_reused),
        is_told=False,
        is_tunnelled=True,
    ),
    Fault(
        "5-slow-drip",
        ALL,
        lambda world: world.mistreat(dripped),
        errors=(GatewayUnreachable,),
        is_tunnelled=True,
    ),
    Fault("6-slicer", ALL, lambda world: world.mistreat(sliced), 5.0, is_told=False, is_tunnelled=True),
    Fault("7-late-replies", ALL, late, 60.0, errors=(GatewayUnreachable,), spreads=True),
    Fault(
        "8-truncated",
        "FICS",
        lambda world: world.mistreat(Cut()),
        errors=(GatewayUnreachable, GatewayBroken),
        is_tunnelled=True,
    ),
    Fault("9-bit-flipped", LOOKS, lambda world: world.mistreat(Flipped()), is_tunnelled=True),
    Fault(
        "10-throttled",
        ALL,
        impatient,
        heals_in=350.0,  # a hostile wish is honoured for 300 s, and 5 s more
        errors=(GatewayBusy,),
        spreads=True,
    ),
    Fault("11a-5xx", ALL, broken, errors=(GatewayBroken,)),
    Fault(
        "11b-html",
        ALL,
        lambda world: world.answers(WEB_APP),
        heals_in=660.0,  # it stands: the next probe may be ten minutes away
        errors=(GatewayRefused,),
        raised_at="F",  # a page in place of a list is a route that is not there
    ),
    Fault("11c-nothing", ALL, nothing, errors=(GatewayRefused, GatewayBroken)),
    Fault(
        "12-denied",
        ALL,
        denied,
        600.0,
        mend=rotated,
        heals_in=660.0,
        errors=(GatewayDenied,),
        raised_at=ALL,
        spreads=True,
    ),
    Fault(
        "13-no-such-list",
        LISTS,
        lambda world: world.mistreat(Answered((404, 405, 501))),
        is_told=False,
        is_tunnelled=True,
    ),
    Fault(
        "14-too-many-ids",
        LISTS,
        lambda world: world.mistreat(TooMany(1, 413)),
        is_told=False,
        is_tunnelled=True,
    ),
    Fault("15-poison", LISTS, lambda world: world.mistreat(Poisoned("2")), is_tunnelled=True),
    Fault(
        "16-muddled-lists", LISTS, lambda world: world.mistreat(Muddled()), is_told=False, is_tunnelled=True
    ),
    Fault(
        "17a-unknown-at-first",
        LOOKS,
        lambda world: world.mistreat(Answered((204,))),
        is_told=False,
        is_tunnelled=True,
    ),
    Fault("17b-unknown-for-good", LOOKS, forget, heals_in=200.0, ends="lost"),
    Fault("17c-vanished", LOOKS, forget, heals_in=1_200.0, looks_every=25.0, ends="lost", is_told=False),
    Fault(
        "18-lagging-replica",
        LOOKS,
        lambda world: world.mistreat(Lagging(8.0)),
        is_told=False,
        is_tunnelled=True,
    ),
    Fault(
        "19-forgot-everything",
        "FICS",
        forget,
        heals_in=1_200.0,
        looks_every=25.0,
        errors=(GatewayRefused,),
        spreads=True,
        ends="lost",
        is_told=False,
    ),
    Fault("20-redirected", ALL, redirected, heals_in=660.0, errors=(GatewayRefused,), raised_at="FIC"),
    Fault("21-nameless", ALL, nameless, 60.0, errors=(GatewayUnreachable,), spreads=True, is_named=True),
    Fault("23a-bomb", "FICG", bombed, 5.0, errors=(GatewayBroken,)),
    Fault("23b-odd-encodings", "FICG", packed, errors=(GatewayBroken,)),
    Fault(
        "28-suspended",
        ALL,
        lambda world: world.stand_still(3_600.0),
        0.5,
        errors=(GatewayUnreachable,),
        spreads=True,
    ),
    Fault(
        "29-blocked",
        ALL,
        lambda world: world.stand_still(25.0),
        0.5,
        errors=(GatewayUnreachable,),
        spreads=True,
    ),
)

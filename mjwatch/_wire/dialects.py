"""Which dialect has which name: the one table that `Gateway.dialect` is looked up in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mjwatch._wire.dialect import Dialect
from mjwatch._wire.enveloped import EnvelopedDialect
from mjwatch._wire.midjourney_proxy import MIDJOURNEY_PROXY, NEW_API, TRUEAI, MidjourneyProxyDialect, Traits
from mjwatch.gateways import DialectName

_TRAITS: dict[DialectName, Traits] = {
    "midjourney-proxy": MIDJOURNEY_PROXY,
    "trueai": TRUEAI,
    "new-api": NEW_API,
}


_SAME_HOSTS: Mapping[str, str] = MappingProxyType({})


def make_dialect(name: DialectName, rewrite_host: Mapping[str, str] = _SAME_HOSTS) -> Dialect:
    """Return the dialect called *name*, which replaces the hosts of result addresses by *rewrite_host*."""
    hosts = {old.lower(): new for old, new in rewrite_host.items()}
    if name == "enveloped":
        return EnvelopedDialect(hosts)
    return MidjourneyProxyDialect(_TRAITS[name], hosts)

"""Put a gateway's settings together and give what it is to run a name. Runs on the controller."""

from __future__ import annotations

import hashlib
import re

import yaml
from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: settings_text
author: Holdfast contributors
version_added: 0.1.0
short_description: Put the settings of a gateway together
description:
  - Lays settings over each other, group by group; the later ones win. Lists are replaced whole.
positional: _input, layers
options:
  _input:
    description: The profile's part of C(holdfast.yaml), as text.
    type: str
    required: true
  layers:
    description: Settings to lay over it.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the settings
  ansible.builtin.debug:
    msg: "{{ gateway_profile.renders.gateway | holdfast.gateway.settings_text([gateway_settings]) }}"
"""

RETURN = r"""
_value:
  description: The content of C(holdfast.yaml).
  type: str
"""

HEADER = "# Written by the role gateway from the profile and the inventory; a deploy replaces it.\n"
_BIND = re.compile(r"(?:ipv[46]@)?(.*?):(\d+)(?:\s|$)")
_WHEEL = re.compile(r"^holdfast-([^-]+)-")


def merged(below: dict, above: dict) -> dict:
    """Return settings laid over others."""
    found = dict(below)
    for name, value in above.items():
        is_group = isinstance(value, dict) and isinstance(found.get(name), dict)
        found[name] = merged(found[name], value) if is_group else value
    return found


def settings_text(profile_text: str, layers: list[dict]) -> str:
    """Return the content of holdfast.yaml."""
    found = yaml.safe_load(profile_text) or {}
    for layer in layers:
        if not isinstance(layer, dict):
            raise AnsibleFilterError(f"expected settings as nested names, came {type(layer).__name__}")
        found = merged(found, _plain(layer))
    return HEADER + yaml.safe_dump(found, sort_keys=True, allow_unicode=True, width=120)


def redis_settings(hosts: list[str], addresses: list[str], has_own_user: bool) -> dict:
    """Return the part `broker`: the addresses given, else the hosts of the inventory; from three on with Sentinel."""
    user = {"user": "holdfast"} if has_own_user else {}
    if addresses:
        return {"broker": {"type": "redis", "redis": {"addresses": list(addresses), **user}}}
    if not hosts:
        return {}
    if len(hosts) < 3:
        return {"broker": {"type": "redis", "redis": {"addresses": [authority(hosts[0], 6379)], **user}}}
    sentinels = [authority(host, 26379) for host in hosts]
    return {"broker": {"type": "redis", "redis": {"mode": "sentinel", "addresses": sentinels, **user}}}


def authority(address: str, port: int) -> str:
    """Return address and port as URLs and HAProxy have them; one of IPv6 stands in brackets."""
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"


def host_address(facts: dict) -> str:
    """Return the address by which others reach a host: that of its way out, else its first; IPv6 if it has no other."""
    found = []
    for kind in ("ipv4", "ipv6"):
        found += [(facts.get(f"default_{kind}") or {}).get("address"), *(facts.get(f"all_{kind}_addresses") or [])]
    return next((one for one in found if one and not one.startswith("fe80:")), "127.0.0.1")


def networks(addresses: list[str]) -> list[str]:
    """Return the network of each address alone."""
    return [f"{address}/{128 if ':' in str(address) else 32}" for address in addresses]


def redis_lines(text: str) -> dict[str, str]:
    """Return the settings of a part of redis.conf by name."""
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name: value.strip('"') for name, value in lines}


def sentinel_lines(text: str) -> dict[str, str]:
    """Return the numbers of the master that a part of sentinel.conf watches, by name."""
    lines = [line.split() for line in text.splitlines()]
    return {words[1]: words[3] for words in lines if words[:1] == ["sentinel"] and len(words) == 4}


def version_name(wheel: str, version: str, *parts: str) -> str:
    """Return the name of a version's folder: the version, and a hash of all that decides what is installed."""
    found = _WHEEL.match(wheel.rpartition("/")[2])
    number = found.group(1) if found else version
    if not re.fullmatch(r"[A-Za-z0-9.+!_]+", number or ""):
        raise AnsibleFilterError(
            f"expected a wheel called holdfast-VERSION-....whl or a version, came {wheel or version or 'neither'}"
        )
    return f"{number}-{fingerprint([wheel.rpartition('/')[2], version, *parts])[:12]}"


def fingerprint(parts: list[str]) -> str:
    """Return one hash over all parts."""
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:32]


def bind_address(bind: str, host: str) -> str:
    """Return where one gets to an address that HAProxy binds to, of a host that is reached at `host`; "" for none.

    The first one of several; all addresses of the host are the one that it is reached at.
    """
    found = _BIND.match(str(bind).split(",")[0].strip())
    if not found:
        return ""
    address, port = found.groups()
    name = host if address in ("", "*", "0.0.0.0", "[::]", "::") else address  # noqa: S104 - compared with
    return f"[{name}]:{port}" if ":" in name and not name.startswith("[") else f"{name}:{port}"


def gateway_servers(hosts: list[dict], instances: int, first_port: int, internal_offset: int) -> list[dict]:
    """Return HAProxy's servers: both slots of each instance of each host, given by its variables."""
    return [
        {
            "name": f"{host.get('gateway_name') or host['inventory_hostname_short']}-{number}{letter}",
            "address": host.get("gateway_address") or host["holdfast_address"],
            "port": port,
            "internal_port": port + int(internal_offset),
        }
        for host in hosts
        for number in range(1, int(instances) + 1)
        for place, letter in enumerate("ab")
        for port in [int(first_port) + 10 * (number - 1) + place]
    ]


def _plain(value: object) -> object:
    """Return a copy of plain types: the engine's own carry marks that YAML cannot write."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    # The engine's numbers and texts are classes of their own; a bool is an int too, and stays what it is.
    kinds = (int, float, str) if not isinstance(value, bool) else ()
    return next((kind(value) for kind in kinds if isinstance(value, kind)), value)


class FilterModule:
    """The filters for settings and names."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "settings_text": settings_text,
            "authority": authority,
            "host_address": host_address,
            "networks": networks,
            "redis_settings": redis_settings,
            "redis_lines": redis_lines,
            "sentinel_lines": sentinel_lines,
            "version_name": version_name,
            "fingerprint": fingerprint,
            "bind_address": bind_address,
            "gateway_servers": gateway_servers,
        }

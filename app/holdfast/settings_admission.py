"""The settings of admission: whom an instance lets in before anything is done for them."""

from __future__ import annotations

from pydantic import Field

from holdfast.settings_types import Group


class AdmissionSettings(Group):
    """What is checked before a handshake is accepted."""

    max_connections: int = Field(10000, ge=1, description="Connections the instance may have.")
    max_connections_per_address: int = Field(
        0,
        ge=0,
        description="Connections one address may have; 0 is no limit. Behind a proxy set `http.trusted_proxies`.",
    )

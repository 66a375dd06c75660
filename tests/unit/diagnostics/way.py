"""Terms of a gateway, by its settings."""

from __future__ import annotations

from typing import Any

from holdfast.diagnostics.terms import Terms
from holdfast.settings import Settings
from holdfast.wiring_paths import gateway_terms

GATEWAY = gateway_terms(Settings())


def terms(**settings: Any) -> Terms:
    """Return the terms of a gateway with these settings."""
    return gateway_terms(Settings.model_validate(settings))

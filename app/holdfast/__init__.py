"""Holdfast, a WebSocket gateway for the Centrifuge protocol."""

__version__ = "0.1.0"

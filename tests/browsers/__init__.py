"""The browser client in real browsers, against a real gateway behind HAProxy with TLS.

Chromium has every scenario in `make test`, Firefox and WebKit those of the core; `make proof` has all in all three.
"""

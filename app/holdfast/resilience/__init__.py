"""Small tools for a steady gateway: backoff and retries, token bucket, time wheel, eager coroutines.

Clocks and random sources are injected; nothing here does I/O or reads settings.
"""

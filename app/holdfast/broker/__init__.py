"""Brokers: they keep history and presence and carry publications between instances."""

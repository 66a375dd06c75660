"""Calls to the user's backend over HTTP, and what guards them. Knows nothing of connections."""

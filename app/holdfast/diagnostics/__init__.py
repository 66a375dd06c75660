"""Services that explain: tokens, resources, connections, and a probe that walks the way of a client."""

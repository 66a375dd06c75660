"""The staged probe: a client that walks the whole way to a gateway, step by step, and says where it ends and why."""

"""How bytes reach the gateway: sockets handed over by our server, and ordinary ASGI connections."""

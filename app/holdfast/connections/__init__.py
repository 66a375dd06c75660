"""Live connections: their commands, subscriptions, heartbeat and end."""

"""What is checked before a handshake is accepted: pure decisions that need nothing but the request."""

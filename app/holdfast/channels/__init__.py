"""Channels: what their names mean, who may do what in them, and who is subscribed on this instance."""

"""The servers that are measured, each started the same way and spoken to with the same bytes."""

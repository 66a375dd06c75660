"""The server: uvicorn, extended by the hand-over of sockets, by limits on HTTP, and by a shutdown that waits."""

"""The load client: one process, one epoll set, no dependency but the standard library."""

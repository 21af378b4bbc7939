"""The process that faces subscribers: it owns the sockets, and may be killed at any time."""

"""Keep shared state in Redis."""

"""Keep shared state in PostgreSQL."""

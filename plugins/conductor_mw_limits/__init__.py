"""Hold requests, tokens and concurrency below what was agreed."""

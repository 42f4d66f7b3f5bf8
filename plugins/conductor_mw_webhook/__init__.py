"""Post chosen events to an address, signed."""

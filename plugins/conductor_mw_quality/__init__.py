"""Score a sampled share of answers off the path, and tell when they get worse."""

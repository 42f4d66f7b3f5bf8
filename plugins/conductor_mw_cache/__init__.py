"""Answer from memory what was answered before, for the same tenant only."""

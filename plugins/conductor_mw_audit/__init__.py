"""Record every decision and call so that a change of any record shows."""

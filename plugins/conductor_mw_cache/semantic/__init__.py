"""Find an answer to a question that is worded otherwise. Off unless a route asks for it."""

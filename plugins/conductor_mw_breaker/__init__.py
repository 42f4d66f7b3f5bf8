"""Stop asking an agent that fails, and find out carefully when it works again."""

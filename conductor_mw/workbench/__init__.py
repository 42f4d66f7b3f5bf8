"""What can be known of a policy before it runs: pure functions over a compiled `Policy`."""

"""Reserve what a call may cost before it is made, and settle what it did cost."""

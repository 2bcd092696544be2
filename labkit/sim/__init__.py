"""The same machines under a fake clock."""

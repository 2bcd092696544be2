"""The `labkit` command: one file a command group."""

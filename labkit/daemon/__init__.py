"""The keepalived process: runs the pure machines against the real clock and the real kernel."""

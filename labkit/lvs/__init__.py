"""Load balancing as pure machines: what a director's table is, when checks run, who is in the table; no I/O."""

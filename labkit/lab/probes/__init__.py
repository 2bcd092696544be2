"""Probes: repeated tries from a node, on the lab's clock; one kind a file."""

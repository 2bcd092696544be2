"""Labs in the simulator."""

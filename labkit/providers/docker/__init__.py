"""The docker provider: nodes are containers of a Docker engine, here or elsewhere."""

"""Topologies of other tools as a lab.yml: one file a tool, each reads into a `Draft` that is then written as a lab."""

"""A lab for other tools: one file a target, each a function from a topology and its rendered files to files to write.

containerlab, kathara and compose run the lab in containers of one image; hosts puts its configuration on real machines.
Paths of the files are relative to the folder that the export goes into.
"""

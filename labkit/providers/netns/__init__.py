"""The netns provider: nodes are namespaces that labkit makes itself; milliseconds to build, and no root."""

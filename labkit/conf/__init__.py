"""keepalived.conf: text to a tree with spans, checked against the keyword table, loaded into values."""

"""A guest kernel in a process: Debian's user-mode Linux over the host's own files, without root."""

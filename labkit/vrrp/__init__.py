"""The VRRP protocol as pure machines: codec, events, state machine, tracking, speaker; no input or output."""

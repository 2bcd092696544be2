"""The only netlink, raw sockets and nft of labkit."""

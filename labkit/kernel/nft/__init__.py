"""The nftables data plane: virtual services as rules, for kernels without IPVS and for users without root."""

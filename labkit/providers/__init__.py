"""Where nodes come from: each provider implements `labkit.lab.provider.Provider`."""

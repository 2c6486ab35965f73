"""The only code that uses the network, and only when `siting fetch` asks for it."""

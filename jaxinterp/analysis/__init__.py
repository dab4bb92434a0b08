"""Questions asked of networks: pure functions from activations or networks to records of arrays."""

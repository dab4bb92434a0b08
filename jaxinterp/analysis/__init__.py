"""Which questions are asked of networks? Pure functions from activations or networks to records of arrays."""

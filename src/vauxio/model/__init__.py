"""What is installed: bundles of weights and the networks in them. No audio, no `.vx` files."""

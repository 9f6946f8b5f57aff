"""The codec: network, losses, excerpts, training, graphs, model folder."""

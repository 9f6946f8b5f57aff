"""The language model over a codec's codes: its codes, network, training, graph of integers."""

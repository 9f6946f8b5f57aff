"""The denoiser: network, noisy speech, training, graph."""

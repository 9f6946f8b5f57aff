"""Samples to codes and back: signals, streams, loss, noise, bandwidth. No files.

- ``codec``: the class `Codec`, which users call; ``codes``: what it gives
- ``encoding``, ``decoding``, ``batches``, ``latents``: whole signals, one or many
- ``streaming``, ``stream_batch``: live streams, one or many in step
- ``signal``: frames at any rate to tokens and back, pushed in pieces; ``resampled``: its time line
- ``tokens``: the networks, with the state that they carry
- ``concealment``, ``denoising``: lost tokens, and noise in speech
- ``spectral_decoder``, ``spectrum``, ``bandwidth_extension``, ``stereo``: after the decoder
- ``hifi``: the transform codec, which has no tokens
"""

"""What tests of more than one package share: recordings, signals, trees, and decoders of others."""

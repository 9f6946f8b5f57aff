"""What makes speech that `hifi-48k` decoded from few bits sound more like the original."""

"""One open `.vx` file, and the functions that mirror soundfile. Not many files, no terminal."""

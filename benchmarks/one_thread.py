"""Imported before NumPy: libraries of numbers use one thread in each process."""

from __future__ import annotations

import os

from .process import THREADS

os.environ |= dict.fromkeys(THREADS, "1")

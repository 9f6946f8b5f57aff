"""Comparison of a recording with its decoded copies: metrics and pages. It codes nothing."""

"""What codecs did to a recording: metrics and pages. Measures; codes nothing by itself."""

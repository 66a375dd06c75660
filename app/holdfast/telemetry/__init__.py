"""Logs and metrics: every metric name is declared once, every log line passes one redaction."""

"""Streaming CSV from S3 into PostgreSQL: constant memory, resumable, atomic."""

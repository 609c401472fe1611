"""Where galleries are kept: one file, SQLite, or PostgreSQL with pgvector."""

"""Gallery storage: a single file, SQLite, or PostgreSQL with pgvector."""

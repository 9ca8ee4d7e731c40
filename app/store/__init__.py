"""Records in a database and out of it again: SQLite by default, nothing that only SQLite knows."""

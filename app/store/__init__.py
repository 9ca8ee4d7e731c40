"""The database: writes records and reads them back, on SQLite or PostgreSQL."""

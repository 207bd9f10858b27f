//! What only SQLite needs.

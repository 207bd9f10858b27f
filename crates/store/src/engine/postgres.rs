//! What only PostgreSQL needs.

"""What scripts/release writes of the crates that are built in."""

"""What `make run-cluster` is made of: its files, its processes, and what it prints."""

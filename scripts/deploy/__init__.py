"""What `make deploy` and its like do, over the collection in ansible/."""

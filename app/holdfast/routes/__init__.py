"""The HTTP paths, thin: they read a request, call what does the work and write the answer."""

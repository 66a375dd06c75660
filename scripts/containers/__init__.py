"""The image and the containers of one machine: what builds, what runs, which files they are started with."""

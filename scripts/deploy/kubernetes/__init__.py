"""Deploy to a cluster: what `make deploy TARGET=kubernetes` and its like do, by Helm and kubectl."""

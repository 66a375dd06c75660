"""Speed and memory of the gateway next to stock uvicorn + Starlette and Node `ws`: `make bench`."""

"""The wire: frames, messages and codecs. No I/O."""

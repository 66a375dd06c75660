"""What an instance knows of itself: its resources over time, and what failed."""

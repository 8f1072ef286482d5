"""What a pose estimator would say of true joints: its errors, its smoothing, what it cannot see."""

"""What a model version must show before it moves up: gates, their verdicts, and the review that keeps them."""

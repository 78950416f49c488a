"""A world with known truth: drawn people who speak and dance, with exact keypoints, masks and articulation."""

"""The diffusion model: its parts, their weights, and where weights come from."""

"""The picture of a figure, part by part, from the back to the front."""

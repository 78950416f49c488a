"""APV-Gen Studio: a person in a photo moves like a dancer in a video and speaks with a given voice."""

__version__ = "0.1.0"

"""What turns a pose into pictures: one protocol (`protocol.py`), one file for each model.

To add a video model, write a file here with a class that fits `protocol.Backbone`, and name it in `registry.py`.
"""

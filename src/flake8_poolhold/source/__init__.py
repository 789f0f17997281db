"""Files: which there are, what they say, what their comments silence, and which are worth a parse."""

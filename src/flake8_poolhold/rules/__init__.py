"""The rules: one file each, which asks the flow a question and words the answer."""

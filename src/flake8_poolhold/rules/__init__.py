"""One file per rule: it asks the flow a question and words the answer; its docstring is its documentation."""

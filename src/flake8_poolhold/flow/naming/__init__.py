"""From what the source says to what it means: names, types, class hierarchies, attributes, evidence."""

"""Findings, problems and fixes, written for people and for programs."""

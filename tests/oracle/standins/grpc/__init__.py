"""Stands for grpc."""

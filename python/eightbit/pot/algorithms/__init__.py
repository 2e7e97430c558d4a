"""What a pipeline's algorithms are here."""

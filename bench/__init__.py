"""What the scripts in this folder run."""

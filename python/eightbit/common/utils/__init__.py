"""What scripts for NNCF import from `common.utils`."""

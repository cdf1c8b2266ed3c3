"""The commands of `krabbel`, one a module. See krabbel/cli.py for what a module exports."""

"""The `maskedface` command: one file a sub-command, imported when it is called."""

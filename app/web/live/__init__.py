"""What changes while it is shown: live prompts and the events of jobs."""

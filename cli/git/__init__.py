"""What the verb ``git`` and git's remote helper have in common."""

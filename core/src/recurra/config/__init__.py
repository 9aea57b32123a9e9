"""Options: the keyword-only part of a constructor, checked and described."""

"""A bounded cache of order books in this process."""

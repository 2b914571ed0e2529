"""Drawing. Knows nothing of nets; every part draws itself as text and other formats."""

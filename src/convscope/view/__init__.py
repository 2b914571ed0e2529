"""Drawing. It knows nothing about nets; every part draws itself as text and in other formats."""

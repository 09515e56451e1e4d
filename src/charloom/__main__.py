"""`python -m charloom` is `charloom`."""

from charloom.cli import main

main()

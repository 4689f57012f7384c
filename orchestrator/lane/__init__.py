"""One brand's lease → peek → fold → commit. Imports store, brand rules and contract; never http or cli."""

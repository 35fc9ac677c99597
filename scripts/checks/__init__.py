"""The checks of scripts/check-text. Each module has functions that take the tree and yield what is wrong in it, one
line for each fault, which begins with the file. They read files only: no compiler, no network. Imports: `tree` imports
nothing of ours, the other modules import only `tree`; `packages` also reads tables as `documents` does."""

"""The command line. Importing it loads no heavy library: each command imports what it needs when it runs."""

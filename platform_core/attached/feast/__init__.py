"""An existing Feast repository: its registry imported into the catalog, its stores read in place.

Only `repository` needs Feast installed (the extra `feast`), and only while it reads a registry. What Feast stored is
read without it.
"""

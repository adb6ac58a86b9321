"""The ML platform itself: catalog, features, training, serving, monitoring, operations. Useful without any agent."""

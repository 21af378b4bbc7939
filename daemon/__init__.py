"""The service and its command line: sources in, named instruments out."""

"""The commands of ``genlab``, one module a group; ``genlab.cli`` parses the words."""

"""The plugins of these tests are loaded by programs of their own, never by the suite itself."""

collect_ignore = ["other_kinds.py"]

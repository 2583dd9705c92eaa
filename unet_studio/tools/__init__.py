"""The tools that turn pointer events into edits of a document, one file a tool."""

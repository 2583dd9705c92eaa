"""Import and export of masks, one file a format; `table.FORMATS` lists them."""

"""The report as a page: what it holds (digest), how it is packed (chunks), and how it is written (write)."""

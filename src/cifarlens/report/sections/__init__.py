"""The sections of the report, a module each with its template."""

"""What each page shows, as frozen dataclasses: the template gets the fields, the `.json` twin is them.

Numbers stay numbers here; templates format them with the filters of `app.web.shared.formatting`.
"""

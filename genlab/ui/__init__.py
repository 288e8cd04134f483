"""Everything that imports Streamlit: widgets, routes, and the parts of the pages."""

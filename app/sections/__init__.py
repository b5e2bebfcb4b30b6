"""Parts of pages: each draws one part of the screen from the view and what `compute` returns."""

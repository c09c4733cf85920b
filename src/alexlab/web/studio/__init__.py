"""The studio: a page on which a run is looked at, made, judged and used. Routes, and no science: every number comes from other rooms."""

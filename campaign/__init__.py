"""The damage campaign: copies are damaged in many ways, and the verification has to notice."""

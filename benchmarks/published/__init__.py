"""Published tables of counts and ratios, beside ours."""

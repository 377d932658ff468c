"""A customer's website for demonstration: a small tea shop with the snippet of a site in it."""

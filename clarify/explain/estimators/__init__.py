"""From half differences of coalition pairs to attributions with standard errors."""

"""Many people: domains, interviews with an outcome, worlds as files, banks of bare skeletons and windows of them."""

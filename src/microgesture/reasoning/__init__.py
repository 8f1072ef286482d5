"""Language models, or a template, that read an emotional state from a timeline and must cite what they saw.

`scenario` says what is asked, `transcript` reads what was said, `evidence` numbers what may be cited and leaves out
who it was, `prompt` puts it to a `backends` entry, `reply` and `checking` accept an answer or say what is wrong with
it, `explain` does all of it once, `record` is what is kept. `trials` and `scores` ask how good the answers are.
Importing this package imports neither torch nor a client.
"""

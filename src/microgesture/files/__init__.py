"""Files of all kinds: whole or not there (`atomic`), and texts, tables, JSON and YAML as strangers save them."""

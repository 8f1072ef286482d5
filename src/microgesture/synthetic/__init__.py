"""People that do not exist: how they move (`people/`), how they look (`pictures/`), what a pose estimator would say of
them (`estimator/`), and whole worlds, films and banks of them (`worlds/`).
"""
